"""Plots: points where their values say, and only those that are values."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadline.report.plots import Line, bar_chart, line_chart, ticks


@example(low=5e-324, spread=0.0)  # its quarter is 0, which has no logarithm
@example(low=-1e-05, spread=20021.0)
@given(st.floats(-1e3, 1e3), st.one_of(st.just(0.0), st.floats(1e-3, 1e6)))
def test_ticks_enclose_what_they_are_for_and_are_few(low, spread):
    found = ticks(low, low + spread)
    assert found[0] <= low + 1e-6
    assert found[-1] >= low + spread - 1e-6 * spread
    assert 2 <= len(found) <= 7


def points(svg: str) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.split()]
        for line in re.findall(r'polyline points="(.*?)"', svg)
    ]


def test_higher_values_are_drawn_higher_and_later_ones_to_the_right():
    ((first, second, third),) = points(
        line_chart("rel", [Line("a", [(1.0, 0.5), (2.0, 0.25), (3.0, 1.0)], 0)], x_title="x")
    )
    assert first[0] < second[0] < third[0]
    assert third[1] < first[1] < second[1]
    assert first[1] - third[1] == pytest.approx(2 * (second[1] - first[1]), abs=0.3)


def test_what_is_no_number_is_not_drawn():
    svg = line_chart(
        "rel", [Line("a", [(1.0, 0.5), (2.0, float("nan")), (3.0, float("inf")), (4.0, 0.7)], 0)], x_title="x"
    )
    assert len(points(svg)[0]) == 2
    assert "nan" not in svg
    assert "nothing to draw yet" in line_chart("rel", [Line("a", [(1.0, float("nan"))], 0)], x_title="x")


def test_a_single_value_is_a_dot():
    assert "<circle" in line_chart("rel", [Line("a", [(1.0, 0.5)], 0)], x_title="epoch")


def test_bars_are_as_high_as_their_values():
    svg = bar_chart("rel", ["near", "far"], [Line("a", [(0.0, 0.2), (1.0, 0.4)], 0)])
    low, high = (float(height) for height in re.findall(r'<rect[^>]* height="(.*?)"', svg))
    assert high == pytest.approx(2 * low, abs=0.3)


def test_names_with_angle_brackets_are_text():
    svg = line_chart("<a>", [Line("<b>", [(1.0, 1.0)], 0), Line("c", [(1.0, 2.0)], 2)], x_title="x")
    assert "<a>" not in svg
    assert "<b>" not in svg
