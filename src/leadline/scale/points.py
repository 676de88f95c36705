"""Pixels of a photograph whose distance was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.errors import InputError


@dataclass(frozen=True)
class Points:
    """Measured distances at pixels of one photograph, in any order.

    Args:
        x_px: (n,) columns; the centre of the top left pixel is (0, 0), as in OpenCV. Between pixels is allowed.
        y_px: (n,) rows.
        metres: (n,) distances along the camera's axis, as in a depth map; > 0.

    Raises:
        InputError: lengths that differ, or a distance that is not positive and finite (says which).

    Example:
        >>> Points.from_rows([[319, 239, 1.5]]).metres
        array([1.5])
    """

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    metres: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not (self.x_px.ndim == 1 and self.x_px.shape == self.y_px.shape == self.metres.shape):
            shapes = f"{self.x_px.shape}, {self.y_px.shape}, {self.metres.shape}"
            raise InputError(f"points are as many columns as rows and distances, got the shapes {shapes}")
        wrong = np.flatnonzero(~((self.metres > 0) & np.isfinite(self.metres)))
        if wrong.size:
            raise InputError(
                f"point {wrong[0] + 1} of {len(self)} has a distance of {self.metres[wrong[0]]:g} m; leave out what "
                f"was not measured"
            )

    def __len__(self) -> int:
        return len(self.metres)

    @staticmethod
    def from_rows(rows: object) -> Points:
        """Points from (n, 3) numbers: column, row, metres.

        Raises:
            InputError: another shape.
        """
        table = np.asarray(rows, np.float64)
        if table.size == 0:
            table = table.reshape(0, 3)
        if table.ndim != 2 or table.shape[1] != 3:
            raise InputError(f"points are rows of x, y and metres, (n, 3), got {table.shape}")
        return Points(*table.T)

    def demand_within(self, *, height: int, width: int) -> None:
        """Refuse points that are not on a picture of this size: what was mixed up is rarely only one of them.

        Raises:
            InputError: says which, and what may be wrong.
        """
        inside = (self.x_px >= -0.5) & (self.x_px <= width - 0.5) & (self.y_px >= -0.5) & (self.y_px <= height - 0.5)
        outside = np.flatnonzero(~inside)
        if outside.size:
            x, y = self.x_px[outside[0]], self.y_px[outside[0]]
            raise InputError(
                f"{outside.size} of {len(self)} points are outside the picture of {width}x{height}, the first at "
                f"x {x:g}, y {y:g}; are they for a picture of another size, or x and y exchanged?"
            )

    def pixels(self, *, height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns, (n,) each, of the pixels of a map of this size that they are on."""
        rows = np.rint(self.y_px).clip(0, height - 1).astype(np.int64)
        return rows, np.rint(self.x_px).clip(0, width - 1).astype(np.int64)

    def some(self, most: int) -> Points:
        """At most so many of them, drawn evenly and always the same."""
        if len(self) <= most:
            return self
        kept = np.sort(np.random.default_rng(0).choice(len(self), most, replace=False))
        return Points(self.x_px[kept], self.y_px[kept], self.metres[kept])
