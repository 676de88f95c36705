"""One depth map and the points measured in it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.depth.correction import Correction
from leadline.errors import PointsRefused
from leadline.scale.choose import Choice, choose_correction
from leadline.scale.local import fit_local
from leadline.scale.points import Points

MOST_POINTS = 300
"""Of more points so many are drawn: others say nothing new about a map, and would take their time."""


class Scaled(NamedTuple):
    """A corrected map, and by what.

    Args:
        depth_m: (h, w) float32 metres.
        correction: what was done to it; where it is local, a factor for each place came on top.
    """

    depth_m: NDArray[np.float32]
    correction: Correction


def scale_to_points(depth_m: NDArray[np.float32], points: Points) -> Scaled:
    """A depth map with the scale that points measured in it ask for; from eight points also a factor for each place.

    Args:
        depth_m: (h, w) predicted metres > 0.
        points: in pixels of this map.

    Raises:
        PointsRefused: there are none, or they do not help; says why.
        InputError: a point is not on the map.

    Example:
        >>> flat = np.ones((12, 16), np.float32)
        >>> scaled = scale_to_points(flat, Points.from_rows([[2, 3, 1.3], [9, 9, 1.3], [12, 4, 1.3], [5, 5, 9.0]]))
        >>> scaled.depth_m[0, 0].round(1), scaled.correction.ignored
        (np.float32(1.3), 1)
    """
    height, width = depth_m.shape
    points.demand_within(height=height, width=width)
    points = points.some(MOST_POINTS)
    rows, columns = points.pixels(height=height, width=width)
    choice = choose_correction(depth_m[rows, columns], points.metres)
    correction = choice.correction
    _demand_agreement(choice)
    scaled_m = correction.apply(depth_m)
    local = fit_local(scaled_m, rows, columns, points.metres)
    if local is None:
        _demand_help(choice)
        return Scaled(scaled_m, correction)
    return Scaled(local.apply(scaled_m), replace(correction, is_local=True, error=local.error))


def _demand_agreement(choice: Choice) -> None:
    points, agree = choice.correction.points, choice.correction.points - choice.correction.ignored
    if choice.nearest > math.log(2):
        what = "the only point asks" if points == 1 else f"none of {points} points agrees with another; they ask"
        raise PointsRefused(
            f"{what} for a scale that cannot be meant; are the distances in metres, and of these pixels?"
        )
    if not choice.is_meant:
        raise PointsRefused(f"the points ask for {choice.correction}, which cannot be meant; are they in metres?")
    if points > 1 and 3 * agree < points:
        raise PointsRefused(f"the {points} points contradict one another: only {agree} agree with the likeliest scale")


def _demand_help(choice: Choice) -> None:
    """Only without places: a scale that was right already may be off in many of them."""
    if choice.gain < -choice.gain_error:
        points = choice.correction.points
        raise PointsRefused(f"the {points} points do harm: those left out are off by {choice.in_words()}")
