"""A stream that does not wait: the newest frame or none."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from leadline.errors import InputError
from leadline.inference.streams.frames import Frame
from leadline.inference.streams.newest import at_their_times, newest


def frames(count: int, *, every_s: float = 0.0) -> Iterator[Frame]:
    for number in range(count):
        time.sleep(every_s)
        yield Frame(np.zeros((2, 2, 3), np.uint8), number, number * every_s, time.monotonic())


def test_a_slow_taker_gets_the_newest_frame_and_no_queue():
    taken = []
    for frame in newest(frames(60, every_s=0.01), stall_s=5.0, name="x"):
        taken.append(frame.number)
        # However many came before; in a queue the last would wait for 5 s. The machine may be busy.
        assert time.monotonic() - frame.arrived_s < 1
        time.sleep(0.1)
    assert taken == sorted(set(taken))
    assert len(taken) < 15
    assert taken[-1] == 59


def test_a_quick_taker_gets_every_frame():
    taken = threading.Semaphore(1)

    def as_they_are_taken() -> Iterator[Frame]:
        for frame in frames(20):
            assert taken.acquire(timeout=5)
            yield frame

    numbers = []
    for frame in newest(as_they_are_taken(), stall_s=5.0, name="x"):
        numbers.append(frame.number)
        taken.release()
    assert numbers == list(range(20))


def test_a_stream_that_stalls_is_said():
    def stuck() -> Iterator[Frame]:
        yield from frames(2, every_s=0.01)
        time.sleep(0.6)

    with pytest.raises(InputError, match=r"x: no frame came for 0\.2 s"):
        list(newest(stuck(), stall_s=0.2, name="x"))


def test_what_the_stream_raises_is_raised_after_its_last_frame():
    def broken() -> Iterator[Frame]:
        yield from frames(1)
        time.sleep(0.1)
        raise InputError("the cable is out")

    taken = newest(broken(), stall_s=5.0, name="x")
    assert next(taken).number == 0
    with pytest.raises(InputError, match="the cable is out"):
        next(taken)


def test_nobody_reads_on_when_nobody_takes_any_more():
    taken = newest(frames(1000, every_s=0.01), stall_s=5.0, name="x")
    next(taken)
    taken.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "newest frame"]


def test_a_recording_is_played_at_its_own_pace():
    began_s = time.monotonic()
    recorded = (Frame(np.zeros((2, 2, 3), np.uint8), number, number / 20, 0.0) for number in range(7))
    arrived_s = [frame.arrived_s - began_s for frame in at_their_times(recorded)]
    assert all(arrived >= number / 20 - 1e-3 for number, arrived in enumerate(arrived_s))
    assert arrived_s[-1] < 5
