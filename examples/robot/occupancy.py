"""An occupancy grid: what a robot may drive over, what stands in its way, and what it has not seen."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

CELL_M = 0.05
ROBOT_M = (0.2, 1.5)
"""What stands in the way of a robot: between these heights above the floor."""
NEAREST_M, FARTHEST_M = 0.3, 5.0
BEARINGS = 720
OCCUPIED, FREE = 0.9, -0.4
"""Log-odds that a reading adds where it ends, and where it passes."""
CERTAIN = 0.6
"""Log-odds from which on a cell counts as occupied, and below minus which as free."""
NEAR_CELLS = 2
LEAST_POINTS = 3


class Scan(NamedTuple):
    """What stands around a robot, as a laser scanner would say it: the nearest for each bearing.

    Args:
        bearings: (N,) whole numbers below BEARINGS.
        distances_m: (N,) in the plane of the floor.
        sigmas_m: (N,) standard deviations of the distances; 0 where they are taken as they are.
        hits: (N,) False where nothing stands up to that distance: only the floor was seen.
    """

    bearings: NDArray[np.int64]
    distances_m: NDArray[np.float64]
    sigmas_m: NDArray[np.float64]
    hits: NDArray[np.bool_]


class Scores(NamedTuple):
    """A map beside that of the sensor, in percent of cells.

    Args:
        right: of those that it says are occupied, and the sensor knows: at most NEAR_CELLS from an occupied one.
        found: of those that are occupied: it says so at most NEAR_CELLS away.
        dangerous: of those that are occupied: it says that they are free, and nothing near is occupied.
    """

    right: float
    found: float
    dangerous: float


class Grid:
    """Log-odds of being occupied, for cells of a square around the origin.

    Args:
        half_m: half the side of the square.
    """

    def __init__(self, half_m: float) -> None:
        self.half_m = half_m
        side = round(2 * half_m / CELL_M)
        self.log_odds = np.zeros((side, side))

    def add(self, scan: Scan, at_m: NDArray[np.float64]) -> None:
        """What a scan from `at_m` (x, y) says: what it passes is free, where it ends is occupied.

        A distance of a standard deviation sigma ends in all cells within two sigma, and says less of each.
        """
        steps_m = np.arange(CELL_M / 2, FARTHEST_M + 1, CELL_M)
        angles = 2 * np.pi * scan.bearings / BEARINGS
        across = np.maximum(scan.sigmas_m, CELL_M / 2)[:, None]
        behind = (steps_m - scan.distances_m[:, None]) / across
        ends = np.exp(-(behind**2) / 2) * (np.abs(behind) < 2) * (CELL_M / 2 / across)
        news = np.where(behind < -2, FREE, scan.hits[:, None] * OCCUPIED * ends)
        x_m = at_m[0] + np.cos(angles)[:, None] * steps_m
        y_m = at_m[1] + np.sin(angles)[:, None] * steps_m
        said = news != 0
        rows, columns = self.cells(x_m[said], y_m[said])
        # One scan is one piece of evidence for a cell, however many of its rays cross it.
        side = len(self.log_odds)
        flat = rows * side + columns
        highest, lowest = np.zeros(side * side), np.zeros(side * side)
        np.maximum.at(highest, flat, news[said])
        np.minimum.at(lowest, flat, news[said])
        once = np.where(highest > 0, highest, lowest).reshape(side, side)
        self.log_odds = np.clip(self.log_odds + once, -4, 4)

    def cells(self, x_m: NDArray[np.float64], y_m: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of places; those outside go to the border."""
        side = len(self.log_odds)
        rows, columns = (np.floor((place + self.half_m) / CELL_M).astype(np.int64) for place in (y_m, x_m))
        return rows.clip(0, side - 1), columns.clip(0, side - 1)

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Where something stands."""
        return self.log_odds > CERTAIN

    @property
    def free(self) -> NDArray[np.bool_]:
        """Where nothing stands."""
        return self.log_odds < -CERTAIN


def scan_of(points_m: NDArray[np.float64], sigmas: NDArray[np.float64], at_m: NDArray[np.float64]) -> Scan:
    """What stands in the way, of all that a camera sees.

    Args:
        points_m: (N, 3) in the room's axes, z up and the floor at 0.
        sigmas: (N,) standard deviations of their distances, as shares of them.
        at_m: (3,) where the camera is.
    """
    away = points_m[:, :2] - at_m[:2]
    distances_m = np.hypot(*away.T)
    bearings = np.round(np.arctan2(away[:, 1], away[:, 0]) / (2 * np.pi) * BEARINGS).astype(int) % BEARINGS
    in_reach = (distances_m > NEAREST_M) & (distances_m < FARTHEST_M)
    stands = in_reach & (points_m[:, 2] > ROBOT_M[0]) & (points_m[:, 2] < ROBOT_M[1])
    lies = in_reach & (points_m[:, 2] <= ROBOT_M[0])
    chosen = np.flatnonzero(stands)[_nearest(bearings[stands], distances_m[stands])]
    floor_m = np.zeros(BEARINGS)
    np.maximum.at(floor_m, bearings[lies], distances_m[lies])
    floor_m[bearings[chosen]] = 0  # what stands hides what lies behind it
    bare = np.flatnonzero(floor_m)
    return Scan(
        np.concatenate([bearings[chosen], bare]),
        np.concatenate([distances_m[chosen], floor_m[bare]]),
        np.concatenate([distances_m[chosen] * sigmas[chosen], np.zeros(len(bare))]),
        np.concatenate([np.ones(len(chosen), bool), np.zeros(len(bare), bool)]),
    )


def _nearest(bearings: NDArray[np.int64], distances_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which point is the nearest of its bearing, but for the nearest twentieth; a few stray points do not count."""
    order = np.lexsort((distances_m, bearings))
    _, first, counts = np.unique(bearings[order], return_index=True, return_counts=True)
    return order[(first + counts // 20)[counts >= LEAST_POINTS]]


def compared(grid: Grid, truth: Grid) -> Scores:
    """A map beside that of the sensor."""
    around = np.ones((2 * NEAR_CELLS + 1, 2 * NEAR_CELLS + 1), np.uint8)
    near_truth = cv2.dilate(truth.occupied.astype(np.uint8), around) > 0
    near_said = cv2.dilate(grid.occupied.astype(np.uint8), around) > 0
    judged = grid.occupied & (truth.occupied | truth.free)
    return Scores(
        right=_percent(judged & near_truth, judged),
        found=_percent(truth.occupied & near_said, truth.occupied),
        dangerous=_percent(truth.occupied & grid.free & ~near_said, truth.occupied),
    )


def drawn(grids: list[Grid], path_m: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Maps side by side, as far as they know: white free, black occupied, grey unknown, red the camera's way."""
    known = np.any([grid.occupied | grid.free for grid in grids], axis=0)
    rows, columns = (np.flatnonzero(known.any(axis=axis)) for axis in (1, 0))
    window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    pictures = []
    for grid in grids:
        grey = np.where(grid.occupied, 0, np.where(grid.free, 255, 170)).astype(np.uint8)
        picture = np.repeat(grey[..., None], 3, axis=2)
        picture[grid.cells(*path_m[:, :2].T)] = (220, 30, 30)
        pictures.append(np.pad(picture[window][::-1], ((3, 3), (3, 3), (0, 0)), constant_values=90))
    return np.concatenate(pictures, axis=1).repeat(4, axis=0).repeat(4, axis=1)


def _percent(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return 100 * float(part.sum()) / max(1, int(whole.sum()))
