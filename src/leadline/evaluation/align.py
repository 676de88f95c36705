"""Corrections of a prediction by the truth itself, for comparing with models that know no metres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DepthM = NDArray[np.float32]
Alignment = Literal["median", "lstsq-depth", "lstsq-log", "lstsq-disparity"]
Align = Callable[[DepthM, DepthM, NDArray[np.bool_]], DepthM]
"""Predicted, truth, valid (H, W), at least one pixel valid -> the corrected prediction."""


def by_median(predicted: DepthM, truth: DepthM, valid: NDArray[np.bool_]) -> DepthM:
    """Scaled so that the medians agree (Zhou et al., 2017)."""
    return predicted * np.float32(np.median(truth[valid]) / np.median(predicted[valid]))


def by_least_squares_in_depth(predicted: DepthM, truth: DepthM, valid: NDArray[np.bool_]) -> DepthM:
    """Scale * p + shift nearest to t in the squared error."""
    return _fitted(predicted, truth, valid)


def by_least_squares_in_log(predicted: DepthM, truth: DepthM, valid: NDArray[np.bool_]) -> DepthM:
    """The same for ln p and ln t."""
    with np.errstate(divide="ignore"):
        return np.exp(_fitted(np.log(predicted), np.log(truth), valid), dtype=np.float32)


def by_least_squares_in_disparity(predicted: DepthM, truth: DepthM, valid: NDArray[np.bool_]) -> DepthM:
    """The same for 1 / p and 1 / t (Ranftl et al., 2020). A disparity below 0 is infinitely far."""
    with np.errstate(divide="ignore"):
        return 1 / np.maximum(_fitted(1 / predicted, 1 / truth, valid), np.float32(0))


def _fitted(predicted: NDArray, truth: NDArray, valid: NDArray[np.bool_]) -> DepthM:
    p, t = predicted[valid].astype(np.float64), truth[valid].astype(np.float64)
    # About the means: for a flat prediction, or a single pixel, the scale is 0 and the shift does all.
    spread = np.square(p - p.mean()).sum()
    scale = ((p - p.mean()) * (t - t.mean())).sum() / spread if spread > 0 else 0.0
    return (predicted * scale + (t.mean() - scale * p.mean())).astype(np.float32)


ALIGNMENTS: dict[Alignment, Align] = {
    "median": by_median,
    "lstsq-depth": by_least_squares_in_depth,
    "lstsq-log": by_least_squares_in_log,
    "lstsq-disparity": by_least_squares_in_disparity,
}
