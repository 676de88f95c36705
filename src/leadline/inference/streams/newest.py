"""The newest frame of a stream that does not wait: the others are dropped, never queued."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from leadline.errors import InputError
from leadline.inference.streams.frames import Frame


def newest(frames: Iterator[Frame], *, stall_s: float, name: str) -> Iterator[Frame]:
    """Frames that are read in a thread, of which whoever takes them gets the newest.

    One frame is kept, so that a slow taker costs frames and neither memory nor delay.

    Args:
        frames: of the stream; they are taken as fast as they come.
        stall_s: how long to wait for one.
        name: of the stream, for messages.

    Raises:
        InputError: no frame came in time; and what the stream raises.
    """
    slot = _Slot()
    reader = threading.Thread(target=slot.fill, args=(frames,), daemon=True, name="newest frame")
    reader.start()
    try:
        while (frame := slot.take(stall_s=stall_s, name=name)) is not None:
            yield frame
    finally:
        slot.closed.set()
        reader.join(timeout=stall_s + 1)  # whoever closes the stream next must find nobody reading it


def at_their_times(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The frames of a recording when they were taken, counted from now: a camera that was recorded."""
    began_s = time.monotonic()
    for frame in frames:
        due_s = began_s + frame.time_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield replace(frame, arrived_s=time.monotonic())


class _Slot:
    """Room for one frame, between the thread that reads and the one that takes."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._has_ended = False
        self._failure: Exception | None = None

    def fill(self, frames: Iterator[Frame]) -> None:
        """Put each frame in the place of the last, until they end or nobody takes them any more."""
        try:
            for frame in frames:
                if self.closed.is_set():
                    return
                with self._changed:
                    self._frame = frame
                    self._changed.notify()
        except Exception as error:  # it belongs to whoever takes the frames
            self._failure = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify()

    def take(self, *, stall_s: float, name: str) -> Frame | None:
        """The newest frame, once; None at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._frame is not None or self._has_ended, timeout=stall_s):
                raise InputError(f"{name}: no frame came for {stall_s:g} s; is the camera still there?")
            frame, self._frame = self._frame, None
            if frame is None and self._failure is not None:
                raise self._failure
            return frame
