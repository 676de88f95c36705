"""Depth in 16 bits, for the store."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DepthCode:
    """How 16-bit levels stand for metres; level 0 is a hole.

    `step_m` > 0: level = depth / step_m, an error of half a step up to 65535 steps (65.5 m for a millimetre).
    `step_m` = 0: a logarithm from `near_m` to `far_m`, a relative error of 0.01 % everywhere, for far outdoor depth.

    Example:
        >>> DepthCode().levels(np.array([0.0, 1.2344], np.float32))
        array([   0, 1234], dtype=uint16)
    """

    step_m: float = 0.001
    near_m: float = 0.05
    far_m: float = 1000.0

    def levels(self, depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
        """Levels of depth in metres (0: hole). What is too far or too near for the code becomes a hole, too."""
        if self.step_m > 0:
            levels = np.rint(depth_m / np.float32(self.step_m))
        else:
            with np.errstate(divide="ignore"):
                levels = 1 + np.rint(np.log(depth_m / np.float32(self.near_m)) / self._log_step)
        measured = (depth_m > 0) & (levels >= 1) & (levels <= 65_535)
        return np.where(measured, levels, 0).astype(np.uint16)

    def metres(self, levels: NDArray[np.uint16], *, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Depth in metres of levels, 0 where they are 0; written to `out` when it is given."""
        if self.step_m > 0:
            return np.multiply(levels, np.float32(self.step_m), out=out)
        return np.take(self.table, levels, out=out, mode="clip")  # "clip" spares a copy, and no level is out of range

    @cached_property
    def table(self) -> NDArray[np.float32]:
        """Metres of each of the 65536 levels."""
        levels = np.arange(65_536)
        if self.step_m > 0:
            return self.metres(levels.astype(np.uint16))
        metres = self.near_m * np.exp((levels - 1) * self._log_step)
        return np.where(levels > 0, metres, 0).astype(np.float32)

    @property
    def _log_step(self) -> float:
        return math.log(self.far_m / self.near_m) / 65_534
