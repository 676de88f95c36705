"""A frame as the checks look at it: the sample itself, and a small grid on which colour and depth lie together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.data.sample import Sample

SIDE_PX = 320
"""Longest side of the small grid: the network's own size, where an error of a pixel is one that it can see."""


@dataclass(frozen=True)
class View:
    """One frame at full size and on the small grid.

    Attributes:
        sample: the frame as its source read it.
        luma: (h, w) float32 brightness in [0, 255], averaged over each cell of the grid.
        depth_m: (h, w) float32 metres on the same grid, 0 in holes; the measurement in each cell's centre.
    """

    sample: Sample
    luma: NDArray[np.float32]
    depth_m: NDArray[np.float32]

    @classmethod
    def of(cls, sample: Sample) -> View:
        """The view of a sample; a picture smaller than the grid keeps its size."""
        height, width = sample.image.shape[:2]
        shrink = max(1.0, max(height, width) / SIDE_PX)
        h, w = max(1, round(height / shrink)), max(1, round(width / shrink))
        grey = Image.fromarray(sample.image).convert("L").resize((w, h), Image.Resampling.BOX)
        return cls(sample, np.asarray(grey, np.float32), nearest(sample.depth_m, height=h, width=w))

    @cached_property
    def measured_m(self) -> NDArray[np.float32]:
        """(n,) every measured depth at full size, ascending, in metres; a sample always has some."""
        return np.sort(self.sample.depth_m[self.sample.depth_m > 0])

    def percentile_m(self, percent: int) -> float:
        """Depth in metres that so many percent of the measured pixels do not exceed."""
        return float(self.measured_m[int(percent / 100 * (self.measured_m.size - 1))])


def nearest(depth_m: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    """The depth measured in the centre of each cell of another grid; nothing is mixed."""
    rows = ((np.arange(height) + 0.5) * depth_m.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * depth_m.shape[1] / width).astype(np.int64)
    return depth_m[rows[:, None], columns]
