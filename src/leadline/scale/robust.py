"""A straight line through points of which some are wrong."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NOISE = 0.15
"""Typical error of a small network at a pixel when the scale of its room is right, in log depth."""
FREEDOM = 2.0
"""Of Student's distribution of the errors: tails so heavy that a third of outliers does little."""
SPREAD = 0.18
"""How far the points of a picture lie from its scale in rooms never seen, in log depth: the scale of Student's
distribution with SPREAD_FREEDOM. `NOISE` is less, and sharper: it has to tell outliers from the others."""
SPREAD_FREEDOM = 4.0
SPREAD_SIGMA = 0.5
"""How much that spread differs from picture to picture: standard deviation of its logarithm."""
WRONG = 0.1
"""Share of points that are believed to be wrong altogether, where there are too few for the others to say it."""
WRONG_SIGMA = 1.0
"""By how much those are off, in log depth: some factor of about e, whichever way."""
SCALE_SIGMA = 0.33
"""How far the scale of whole rooms is off, in log depth: what is believed before anything is measured."""
SLOPE_SIGMA = 0.3
"""The same for the slope of a correction over log or relative depth."""


class Lines(NamedTuple):
    """Lines y = level + slope * x, one for each row of shares.

    Args:
        level: (f,).
        slope: (f,).
    """

    level: NDArray[np.float64]
    slope: NDArray[np.float64]

    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(f, n) values of each line at each x, which is (n,) or (f, n)."""
        return self.level[:, None] + self.slope[:, None] * x


def robust_lines(
    x: NDArray[np.float64], y: NDArray[np.float64], shares: NDArray[np.float64], *, level_sigma: float
) -> Lines:
    """The most probable lines under Student's distribution of errors and a normal belief about level and slope.

    By iteratively reweighted least squares (Lange, Little & Taylor, 1989) from two starts, the median and 0; of both
    ends the more probable is taken. All lines at once.

    Args:
        x: (n,) or (f, n); all 0 for a level alone.
        y: (f, n).
        shares: (f, n) how much each point counts for each line; 0 leaves it out.
        level_sigma: standard deviation of what is believed about the level; inf: nothing is.

    Example:
        Nine points agree, one does not:

        >>> y = np.array([[0.5] * 9 + [3.0]])
        >>> robust_lines(np.zeros(10), y, np.ones_like(y), level_sigma=math.inf).level.round(2)
        array([0.5])
    """
    x = np.broadcast_to(x, y.shape)
    beliefs = np.array([(NOISE / level_sigma) ** 2, (NOISE / SLOPE_SIGMA) ** 2])
    ends = []
    for start in (_medians(y, shares), np.zeros(len(y))):
        lines = Lines(start, np.zeros(len(y)))
        for _ in range(_ROUNDS):
            lines = _solved(x, y, shares * _weights(y - lines.at(x)), beliefs)
        ends.append(lines)
    first, second = (_surprise(lines, x, y, shares, beliefs) for lines in ends)
    better = first <= second + 1e-9
    return Lines(*(np.where(better, *parts) for parts in zip(*ends, strict=True)))


def outliers(residuals: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which errors contradict the line: those beyond three times the typical one."""
    return np.abs(residuals) > 3 * NOISE


def expected_levels(y: NDArray[np.float64], shares: NDArray[np.float64], *, level_sigma: float) -> NDArray[np.float64]:
    """The mean of what is believed about a level after a few points, of which any may be wrong; one a row of shares.

    A point far from what was believed is more likely wrong than right, and then moves the level little; the most
    probable level would follow it, or stay where it was.

    Args:
        y: (f, n).
        shares: (f, n) how much each point counts for each level; 0 leaves it out.
        level_sigma: standard deviation of what is believed beforehand (normal, around 0); inf: nothing is.

    Example:
        A point that asks for a fifth more, and one that asks for the threefold:

        >>> expected_levels(np.log([[1.2], [3.0]]), np.ones((2, 1)), level_sigma=SCALE_SIGMA).round(2)
        array([0.12, 0.33])
    """
    levels = np.linspace(-3, 3, 601)
    rows = zip(y[:, None, :] - levels[:, None], shares, strict=True)
    probabilities = np.array([_probability(errors, share, levels, level_sigma) for errors, share in rows])
    mean: NDArray[np.float64] = probabilities @ levels / probabilities.sum(1)
    return mean


def level_error(
    residuals: NDArray[np.float64], shares: NDArray[np.float64], *, level: float, level_sigma: float
) -> float:
    """Half the width of the interval around a line's level that holds the true one with a probability of 68.3 %.

    By the probability of each level on a grid, all that is believed about the spread of the points taken together:
    one or two of them cannot say themselves how far they lie from the scale of their picture.

    Args:
        residuals: (n,) of the points from the line, in log depth.
        shares: (n,) how much each counts.
        level: of the line, where what is believed beforehand (a normal distribution around 0) counts.
        level_sigma: standard deviation of that; inf: nothing is believed.

    Example:
        Of a single point, hardly less than the spread of points in rooms never seen:

        >>> round(level_error(np.zeros(1), np.ones(1), level=0.0, level_sigma=math.inf), 1)
        0.2
    """
    beside = np.concatenate([[0.0], np.geomspace(1e-3, 2.0, 50)])
    moved = np.concatenate([-beside[::-1], beside])
    probability = _probability(residuals - moved[:, None], shares, level + moved, level_sigma)
    density = probability[len(beside) :] + probability[: len(beside)][::-1]
    within = np.concatenate([[0.0], np.cumsum(np.diff(beside) * (density[1:] + density[:-1]))])
    return float(np.interp(math.erf(math.sqrt(0.5)), within / within[-1], beside))


def _probability(
    errors: NDArray[np.float64], shares: NDArray[np.float64], levels: NDArray[np.float64], level_sigma: float
) -> NDArray[np.float64]:
    """Of each level but for a factor, all spreads of the points taken together; errors (g, n) are from each level."""
    wrong = WRONG * np.exp(-((errors / WRONG_SIGMA) ** 2) / 2) / (WRONG_SIGMA * math.sqrt(2 * math.pi))
    steps = np.linspace(-2, 2, 5)
    surprises = []
    for step, spread in zip(steps, SPREAD * np.exp(SPREAD_SIGMA * steps), strict=True):
        right = (1 - WRONG) * _STUDENT_PEAK / spread * (1 + (errors / spread) ** 2 / SPREAD_FREEDOM) ** -_STUDENT_POWER
        surprises.append(-np.log(right + wrong) @ shares + step**2 / 2)
    surprise = np.array(surprises) + levels**2 / (2 * level_sigma**2)
    probability: NDArray[np.float64] = np.exp(surprise.min() - surprise).sum(0)
    return probability


def _weights(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    return (FREEDOM + 1) / (FREEDOM + (residuals / NOISE) ** 2)


def _solved(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64], beliefs: NDArray[np.float64]
) -> Lines:
    """Weighted least squares of every row, with a pull of each parameter to 0."""
    a = weights.sum(1) + max(beliefs[0], 1e-12)
    b = (weights * x).sum(1)
    c = (weights * x * x).sum(1) + beliefs[1]
    u, v = (weights * y).sum(1), (weights * x * y).sum(1)
    determinant = a * c - b * b
    return Lines((c * u - b * v) / determinant, (a * v - b * u) / determinant)


def _surprise(
    lines: Lines,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    shares: NDArray[np.float64],
    beliefs: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minus the logarithm of the probability, but for a constant."""
    squared = ((y - lines.at(x)) / NOISE) ** 2
    of_points = (FREEDOM + 1) / 2 * (shares * np.log1p(squared / FREEDOM)).sum(1)
    return of_points + (beliefs[0] * lines.level**2 + beliefs[1] * lines.slope**2) / (2 * NOISE**2)


def _medians(y: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of every row the median of the points that count."""
    return np.array(
        [np.median(row[share > 0]) if (share > 0).any() else 0.0 for row, share in zip(y, shares, strict=True)]
    )


_ROUNDS = 12
_STUDENT_POWER = (SPREAD_FREEDOM + 1) / 2
_STUDENT_PEAK = math.gamma(_STUDENT_POWER) / (math.gamma(SPREAD_FREEDOM / 2) * math.sqrt(SPREAD_FREEDOM * math.pi))
