"""A factor for each place of one photograph, from many points: smooth, but not across the edges of depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.scale.choose import LARGEST_ERROR
from leadline.scale.robust import NOISE, SPREAD_FREEDOM

POINTS_FOR_PLACES = 8
"""Fewer points cannot say that places differ."""
_SIGMA = 0.2
"""How far the factor of a place is from the scale, in log depth."""
_REACH = 0.2
"""Over which distance places have to do with one another, as a share of the picture's width."""
_REACH_IN_DEPTH = 0.25
"""The same in log depth: beyond it, they are on both sides of an edge."""
_NOISE = 0.07
"""Of a point and of the network's depth beneath it, in log depth."""
_ROUNDS = 4


@dataclass(frozen=True)
class LocalFactor:
    """A sum of bells around points, in the space of place and log depth.

    Args:
        points: (n, 3) float32: where they are, in reaches.
        heights: (n,) float32.
        error: one standard deviation of the logarithm of the scale that the map still lacks when it is multiplied so.
    """

    points: NDArray[np.float32]
    heights: NDArray[np.float32]
    error: float

    def apply(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """The map times the factor of each place.

        Args:
            depth_m: (h, w) metres > 0: the map that it was fitted to.
        """
        rows, columns = np.indices(depth_m.shape, np.float32).reshape(2, -1)
        places = _places(columns, rows, depth_m.reshape(-1), width=depth_m.shape[1])
        logs = np.concatenate([_bells(part, self.points) @ self.heights for part in _parts(places)])
        return depth_m * np.exp(logs).reshape(depth_m.shape)


def fit_local(
    depth_m: NDArray[np.float32], rows: NDArray[np.integer], columns: NDArray[np.integer], metres: NDArray[np.floating]
) -> LocalFactor | None:
    """The field that the points ask for, or None when it says no more about points left out than no field.

    A Gaussian process over place and log depth (Rasmussen & Williams, 2006), whose noise grows for points that the
    others contradict. What it says of each point left out is known without fitting anew (their section 5.4.2). Far from
    all points the factor is 1.

    Args:
        depth_m: (h, w) metres > 0, of the right scale already.
        rows: (n,) of the map, from 0 to h - 1.
        columns: (n,) from 0 to w - 1.
        metres: (n,) measured there.
    """
    if len(metres) < POINTS_FOR_PLACES:
        return None
    beneath = depth_m[rows, columns]
    points = _places(columns, rows, beneath, width=depth_m.shape[1])
    wanted = np.log(metres) - np.log(beneath)
    alike = _SIGMA**2 * _bells(points, points).astype(np.float64)
    trust = 1 / (1 + (wanted / (2 * _SIGMA)) ** 2)
    for _ in range(_ROUNDS):
        inverse = np.linalg.inv(alike + np.diag(_NOISE**2 / trust))
        left_out = (inverse @ wanted) / np.diag(inverse)  # the error at each point of what the others say
        trust = 1 / (1 + left_out**2 / (2 * (_NOISE**2 + _SIGMA**2 / 4)))
    gains = np.minimum(np.abs(wanted), LARGEST_ERROR) - np.minimum(np.abs(left_out), LARGEST_ERROR)
    if not gains.mean() > gains.std() / math.sqrt(len(gains)):
        return None
    heights = _SIGMA**2 * np.linalg.solve(alike + np.diag(_NOISE**2 / trust), wanted)
    return LocalFactor(points, heights.astype(np.float32), _error(left_out, trust))


def _error(left_out: NDArray[np.float64], trust: NDArray[np.float64]) -> float:
    """By the spread of points left out; of few, what is typical of maps of a right scale takes part in it."""
    variance = (trust @ left_out**2 + SPREAD_FREEDOM * NOISE**2) / (trust.sum() + SPREAD_FREEDOM)
    return math.sqrt(variance / len(left_out))


def _places(columns: NDArray, rows: NDArray, depth_m: NDArray[np.floating], *, width: int) -> NDArray[np.float32]:
    """(n, 3) columns, rows and log depths, each in its reach."""
    reach = _REACH * width
    return np.stack([columns / reach, rows / reach, np.log(depth_m) / _REACH_IN_DEPTH], axis=1).astype(np.float32)


def _bells(places: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """exp(-distance^2 / 2) of each place from each point, the exponent as one product of matrices."""
    left = np.column_stack([places, (places**2).sum(1) / -2, np.ones(len(places), np.float32)])
    right = np.column_stack([points, np.ones(len(points), np.float32), (points**2).sum(1) / -2])
    exponents = left @ right.T
    return np.exp(np.minimum(exponents, 0, out=exponents), out=exponents)


def _parts(places: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """So many places at a time that what is made of them stays in the cache."""
    return np.array_split(places, math.ceil(len(places) / 2000))
