"""How sure a mean is: bootstrap intervals over images and over rooms, and a paired test of two models."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
Interval = tuple[float, float]


def mean_interval(groups: Sequence[Sequence[float]], *, seed: int = 0) -> Interval | None:
    """95 % confidence interval of the mean of all values, when whole groups are drawn anew.

    Frames of one room are alike: drawn one by one they pretend to be more evidence than they are. A group of its own
    for each frame gives the interval over images; a room's frames as a group that over rooms; a room's mean as its only
    value that of the mean over rooms.

    The percentile interval is too narrow for few groups; it is widened by the quantile of Student's t (the expanded
    percentile interval; Hesterberg, 2015, section 5.3). `benchmarks/protocols.py` simulates how often it covers.

    Args:
        groups: values of each group.
        seed: of the draws.

    Returns:
        Lower and upper end; None for fewer than two groups.
    """
    count = len(groups)
    if count < 2:
        return None
    sums, sizes = np.array([math.fsum(group) for group in groups]), np.array([len(group) for group in groups])
    drawn = resampled(count, seed=seed)
    means = drawn @ sums / (drawn @ sizes)
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * student_975(count - 1))
    low, high = np.quantile(means, (tail, 1 - tail))
    return float(low), float(high)


def paired_p_value(differences: Sequence[float], *, seed: int = 0) -> float:
    """How often chance alone makes a mean difference at least as large: signs flipped at random.

    Args:
        differences: of two models, one for each room.
        seed: of the flips; up to 12 differences are flipped in every way there is.

    Returns:
        Two-sided p in (0, 1]; 1 when there is nothing to compare.
    """
    values = np.asarray(differences, np.float64)
    if not values.any():
        return 1.0
    if len(values) <= 12:
        signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    else:
        signs = np.random.default_rng(seed).choice([-1, 1], size=(9999, len(values)))
        signs = np.vstack([np.ones(len(values), np.int64), signs])  # what was seen is one of the ways
    reached = np.abs(signs @ values) >= abs(values.sum()) * (1 - 1e-12)
    return float(reached.mean())


def resampled(count: int, *, seed: int) -> NDArray[np.int64]:
    """(DRAWS, count): how often each of `count` groups is drawn, with replacement."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS)


def student_975(freedom: int) -> float:
    """The 0.975 quantile of Student's t (expansion of Cornish and Fisher; exact for 1 and 2 degrees).

    Example:
        >>> round(student_975(17), 2)
        2.11
    """
    if freedom <= 2:
        return {1: 12.7062, 2: 4.3027}[freedom]
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
