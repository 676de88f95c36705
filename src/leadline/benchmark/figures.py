"""What many timings say: medians, because a busy machine only ever adds time; ratios round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Rounds = Sequence[Sequence[float]]
"""Seconds of each run, in one list for each round."""


@dataclass(frozen=True)
class Latency:
    """Of one action, over all rounds.

    Attributes:
        median_ms: half of the runs were quicker.
        p95_ms: 19 of 20 runs were quicker.
        per_s: runs in a second, one after the other, by the mean over all of them.
        runs: how many were timed.
    """

    median_ms: float
    p95_ms: float
    per_s: float
    runs: int


@dataclass(frozen=True)
class Ratio:
    """How many times as long as the reference an action takes.

    Attributes:
        median: of the rounds' ratios.
        low: a tenth of the rounds gave less.
        high: a tenth of the rounds gave more.
    """

    median: float
    low: float
    high: float


def latency(rounds: Rounds) -> Latency:
    """The figures of one action.

    Example:
        >>> latency([[0.010, 0.010], [0.010, 0.020]])
        Latency(median_ms=10.0, p95_ms=18.5, per_s=80.0, runs=4)
    """
    seconds = np.array([run for one_round in rounds for run in one_round])
    median, p95 = np.percentile(seconds, [50, 95])
    return Latency(
        median_ms=round(float(median) * 1000, 4),
        p95_ms=round(float(p95) * 1000, 4),
        per_s=round(1 / float(seconds.mean()), 4),
        runs=len(seconds),
    )


def ratio(rounds: Rounds, *, reference: Rounds) -> Ratio:
    """Medians of the same rounds divided: what changes from round to round on the machine cancels.

    Args:
        rounds: of the action.
        reference: of the action to compare with, in as many rounds.

    Example:
        >>> ratio([[0.010], [0.030], [0.030]], reference=[[0.005], [0.015], [0.015]])
        Ratio(median=2.0, low=2.0, high=2.0)
    """
    each = [float(np.median(own) / np.median(other)) for own, other in zip(rounds, reference, strict=True)]
    low, median, high = np.percentile(each, [10, 50, 90])
    return Ratio(median=round(float(median), 4), low=round(float(low), 4), high=round(float(high), 4))
