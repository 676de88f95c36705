"""Reasons to stop: a signal (at once while preparing, then between two steps), or the end of the time budget."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from lightning_fabric import Fabric

from leadline.errors import TrainingInterrupted


class StopWatch:
    """Notices SIGINT and SIGTERM without breaking a step, and the end of a time budget.

    While preparing they interrupt at once, and so does a second SIGINT later, as everywhere. Use as a context manager;
    the signals' old handlers come back.

    Args:
        budget_s: seconds for the whole session, or None.
    """

    def __init__(self, budget_s: float | None) -> None:
        self.started = time.monotonic()
        self.budget_s = budget_s
        self.signal: int | None = None
        self.closing_s = 5.0
        self._measured = False
        self._is_preparing = False
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> "StopWatch":
        # Only the main thread may set handlers; whoever trains in another one takes care of signals.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._noticed)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Around what comes before the run's folder: a signal ends it at once, because nothing of it would be lost.

        Raises:
            TrainingInterrupted: a signal came.
        """
        self._is_preparing = True
        try:
            yield
        except KeyboardInterrupt as interrupt:
            raise TrainingInterrupted(
                "stopped before the first step; frames that are prepared are kept, and the same command goes on"
            ) from interrupt
        finally:
            self._is_preparing = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of this session."""
        return time.monotonic() - self.started

    def reason(self, fabric: Fabric) -> str | None:
        """Why to stop now: "signal", "budget" or None; the same on every process."""
        late = self.budget_s is not None and self.elapsed_s + self.closing_s >= self.budget_s
        signalled, out_of_time = self.signal is not None, late
        if fabric.world_size > 1:  # a tensor only where processes must agree: reading it back waits for the GPU
            votes = torch.tensor([int(signalled), int(late)], device=fabric.device)
            signalled, out_of_time = map(bool, fabric.all_reduce(votes, reduce_op="sum").tolist())
        return "signal" if signalled else "budget" if out_of_time else None

    @contextmanager
    def measuring_close(self) -> Iterator[None]:
        """Around a validation: as long as it takes, so long before the end of the budget it must begin."""
        began = time.monotonic()
        yield
        self.closing_s = 2.0 + 1.3 * (time.monotonic() - began)
        self._measured = True

    def expect_close(self, *, frames: int, seconds_per_frame: float) -> None:
        """Until one is measured: a validation of so many frames, each at most as slow as a frame of training."""
        if not self._measured:
            self.closing_s = 5.0 + frames * seconds_per_frame

    def _noticed(self, number: int, _frame: FrameType | None) -> None:
        if self._is_preparing or (self.signal is not None and number == signal.SIGINT):
            raise KeyboardInterrupt  # no error of ours: whatever is under way lets it pass, and cleans up
        self.signal = number
