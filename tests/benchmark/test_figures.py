"""Medians, percentiles and ratios, against numbers that can be worked out by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.benchmark.figures import latency, ratio


def test_runs_of_all_rounds_are_one_set():
    figures = latency([[0.001, 0.002], [0.003, 0.004, 0.005]])
    assert (figures.median_ms, figures.runs) == (3.0, 5)
    assert figures.per_s == pytest.approx(1000 / 3, rel=1e-5)


def test_one_slow_run_moves_the_95th_percentile_and_not_the_median():
    calm, disturbed = latency([[0.01] * 20]), latency([[0.01] * 18 + [1.0] * 2])
    assert calm.median_ms == calm.p95_ms == disturbed.median_ms == 10.0
    assert disturbed.p95_ms > 900


def test_the_ratio_is_taken_within_rounds():
    own, reference = [[0.2], [0.02], [2.0]], [[0.1], [0.01], [1.0]]
    assert ratio(own, reference=reference).median == 2.0
    assert ratio(own, reference=reference).low == ratio(own, reference=reference).high == 2.0


def test_one_disturbed_round_changes_the_spread_but_not_the_ratio():
    figures = ratio([[0.02]] * 9 + [[0.9]], reference=[[0.01]] * 10)
    assert figures.median == 2.0
    assert figures.low == 2.0
    assert figures.high > 2.0


def test_rounds_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        ratio([[1.0]], reference=[[1.0], [1.0]])


@settings(deadline=None, max_examples=50)
@given(
    rounds=st.lists(st.lists(st.floats(1e-3, 10), min_size=1, max_size=9), min_size=1, max_size=9),
    factor=st.floats(0.1, 10),
)
def test_whoever_is_slower_by_a_factor_has_it_as_ratio(rounds, factor):
    slower = [[run * factor for run in one_round] for one_round in rounds]
    assert ratio(slower, reference=rounds).median == pytest.approx(factor, rel=1e-3, abs=1e-4)
