"""What means over pixels do not see: edges, pixels that fly between surfaces, obstacles that are near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.evaluation.protocol import Compared

NEAR_M = 1.5
RANGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, float("inf"))
"""Bounds of the ranges that errors are told by."""

_THRESHOLDS = np.linspace(1.05, 1.25, 10)  # Depth Pro's
_EDGE_RATIO, _APART = 1.25, 1.1


@dataclass(frozen=True)
class Shape:
    """Measures of one frame; None where its truth has nothing to measure (no edge, nothing near).

    Attributes:
        boundary_f1: of depth edges, in [0, 1]; higher is better.
        flying: share of the pixels at depth edges that float between the two surfaces, in [0, 1]; lower is better.
        near_recall: share of the pixels nearer than NEAR_M that are predicted nearer than that; higher is better.
    """

    boundary_f1: float | None
    flying: float | None
    near_recall: float | None


def shape_of(compared: Compared) -> Shape:
    """All measures of a frame."""
    return Shape(boundary_f1(*compared), flying_rate(*compared), near_recall(*compared))


def boundary_f1(predicted: NDArray[np.float32], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float | None:
    """Scale-invariant F1 of occluding edges (Depth Pro; Bochkovskii et al., 2024, section 3.2).

    Of two neighbours (left, right, above, below), one occludes the other where their depths' ratio is above a
    threshold; precision and recall of that claim, averaged over the four directions; their F1, averaged over ten
    thresholds from 1.05 to 1.25 that weigh as much as they are large. Pairs that touch a hole are left out.

    Returns:
        In [0, 1]; None where no threshold finds an edge in the truth (Depth Pro counts 0).
    """
    found, claimed, true = (np.zeros((4, len(_THRESHOLDS))) for _ in range(3))
    for axis in (0, 1):
        both = np.logical_and(*_neighbours(valid, axis))
        ratios = [after[both] / before[both] for before, after in (_neighbours(m, axis) for m in (predicted, truth))]
        for turn, sign in enumerate((1, -1)):
            p, t = (_levels(ratio if sign == 1 else 1 / ratio) for ratio in ratios)
            counts = np.bincount(t * (len(_THRESHOLDS) + 1) + p, minlength=(len(_THRESHOLDS) + 1) ** 2)
            at_least = counts.reshape(len(_THRESHOLDS) + 1, -1)[::-1, ::-1].cumsum(0).cumsum(1)[::-1, ::-1]
            row = 2 * axis + turn
            found[row] = np.diagonal(at_least)[1:]
            claimed[row], true[row] = at_least[0, 1:], at_least[1:, 0]
    if not true.any():
        return None
    precision = (found / np.maximum(claimed, 1)).mean(axis=0)
    recall = (found / np.maximum(true, 1)).mean(axis=0)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float((f1 * _THRESHOLDS).sum() / _THRESHOLDS.sum())


def flying_rate(predicted: NDArray[np.float32], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float | None:
    """Share of the pixels at depth edges whose prediction lies on neither surface.

    A pixel is at an edge where the farthest measurement within two pixels is at least 1.25 times the nearest; its
    prediction flies when it is more than a tenth farther than the nearest and more than a tenth nearer than the
    farthest.

    Returns:
        In [0, 1]; None where the truth has no edge.
    """
    nearest = _within_two(np.where(valid, truth, np.float32(np.inf)), np.minimum)
    farthest = _within_two(np.where(valid, truth, np.float32(0)), np.maximum)
    at_edge = valid & (farthest >= _EDGE_RATIO * nearest)
    if not at_edge.any():
        return None
    flying = (predicted > nearest * np.float32(_APART)) & (predicted < farthest / np.float32(_APART))
    return float(flying[at_edge].mean())


def near_recall(predicted: NDArray[np.float32], truth: NDArray[np.float32], valid: NDArray[np.bool_]) -> float | None:
    """Share of the pixels nearer than NEAR_M that are predicted nearer than that: obstacles that a robot would see."""
    near = valid & (truth < NEAR_M)
    return float((predicted[near] < NEAR_M).mean()) if near.any() else None


def _neighbours(array: NDArray, axis: int) -> tuple[NDArray, NDArray]:
    return (array[:-1], array[1:]) if axis == 0 else (array[:, :-1], array[:, 1:])


def _levels(ratio: NDArray[np.float32]) -> NDArray[np.int64]:
    """How many of the thresholds each ratio is above."""
    levels = np.zeros(len(ratio), np.int64)
    edges = np.flatnonzero(ratio > _THRESHOLDS[0])  # few; the rest need no search
    levels[edges] = np.searchsorted(_THRESHOLDS, ratio[edges], side="left")
    return levels


def _within_two(depth_m: NDArray[np.float32], pick: np.ufunc) -> NDArray[np.float32]:
    for axis in (0, 1):
        padded = np.pad(depth_m, [(2, 2) if axis == side else (0, 0) for side in (0, 1)], mode="edge")
        size = depth_m.shape[axis]
        shifted = [np.take(padded, range(start, start + size), axis=axis) for start in range(5)]
        depth_m = pick.reduce(shifted)
    return depth_m
