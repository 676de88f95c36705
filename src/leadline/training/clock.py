"""How fast a training is, and how much of its time goes into waiting for data."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SAVING_SHARE = 1 / 20
"""Of a training's time that savings may take at most: on a slow disk, states are written less often than asked."""


class Clock:
    """Seconds per part of a step, since the last `reset`.

    Attributes:
        images: of all processes.
        steps: taken.
        data_s: waiting for batches.
        step_s: everything else.
    """

    def __init__(self) -> None:
        self.reset()
        self._saved = self._mark = time.monotonic()
        self._saving_s = 0.0

    def reset(self) -> None:
        """Forget the sums."""
        self.images, self.steps, self.data_s, self.step_s = 0, 0, 0.0, 0.0

    def resume(self) -> None:
        """Leave out what happened since the last step (a validation, say)."""
        self._mark = time.monotonic()

    def got_data(self) -> None:
        """A batch is there."""
        self.data_s += self._lap()

    def stepped(self, *, images: int) -> None:
        """A step is done."""
        self.step_s += self._lap()
        self.images += images
        self.steps += 1

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around the writing of the training state."""
        began = time.monotonic()
        yield
        self._saved = time.monotonic()
        self._saving_s = self._saved - began

    def saving_is_due(self, every_s: float) -> bool:
        """Whether `every_s` seconds are over since the last saving, and it cost less than its share of them.

        With 0 it is always due.
        """
        wait_s = max(every_s, self._saving_s / SAVING_SHARE) if every_s > 0 else 0.0
        return time.monotonic() - self._saved > wait_s

    @property
    def seconds(self) -> float:
        """Training time since the last `reset`."""
        return self.data_s + self.step_s

    @property
    def images_per_s(self) -> float:
        """Training speed, with data."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def seconds_per_step(self) -> float:
        """Training time of a step, with data."""
        return self.seconds / self.steps if self.steps else 0.0

    @property
    def data_share(self) -> float:
        """Share of the training time that went into waiting for data."""
        return self.data_s / self.seconds if self.seconds else 0.0

    def _lap(self) -> float:
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before
