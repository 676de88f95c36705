"""How fast a training is, and how much of its time goes into waiting for data."""

import time


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

    def saved(self) -> None:
        """The training state was written just now."""
        self._saved = time.monotonic()

    @property
    def since_saved_s(self) -> float:
        """Seconds since the training state was written."""
        return time.monotonic() - self._saved

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
