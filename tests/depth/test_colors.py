"""Colours for depth, and their legend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from leadline.depth.colors import colorize, colorize_error, depth_range_m, legend

RED, BLUE = (122, 4, 3), (48, 18, 59)


def row(*depth_m: float) -> np.ndarray:
    return np.array([depth_m], np.float32)


def test_near_is_red_far_is_blue_and_beyond_is_clipped():
    colors = colorize(row(0.5, 1, 5, 9), near_m=1.0, far_m=5.0)
    assert colors.dtype == np.uint8
    assert [tuple(color) for color in colors[0]] == [RED, RED, BLUE, BLUE]


def test_the_unknown_is_black():
    colors = colorize(row(np.nan, 0, -1, np.inf, -np.inf, 2), near_m=1.0, far_m=5.0)
    assert (colors[0, :5] == 0).all()
    assert colors[0, 5].any()


@settings(deadline=None, max_examples=40)
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.floats(width=32)))
def test_any_map_has_colours_and_only_the_known_are_coloured(depth_m):
    near_m, far_m = depth_range_m(np.clip(depth_m, None, 1000))
    colors = colorize(np.clip(depth_m, None, 1000), near_m=near_m, far_m=far_m)
    known = np.isfinite(np.clip(depth_m, None, 1000)) & (depth_m > 0)
    assert colors.shape == (*depth_m.shape, 3)
    np.testing.assert_array_equal(colors.any(2), known)


def test_every_step_of_depth_changes_the_colour_a_little():
    colors = colorize(np.linspace(1, 5, 1024, dtype=np.float32)[None], near_m=1.0, far_m=5.0)[0].astype(int)
    assert np.abs(np.diff(colors, axis=0)).max() <= 16
    assert len(np.unique(colors, axis=0)) > 250


def test_the_range_leaves_out_the_outermost_hundredth():
    depth_m = np.linspace(1, 2, 1001, dtype=np.float32)
    depth_m[0], depth_m[-1] = 0.001, 900
    assert depth_range_m(depth_m.reshape(7, 143)) == pytest.approx((1.01, 1.99), abs=0.002)


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_the_range_of_nothing_is_a_metre(value):
    assert depth_range_m(np.full((2, 3), value, np.float32)) == (0.0, 1.0)


def test_the_range_of_a_wall_is_not_empty():
    near_m, far_m = depth_range_m(np.full((2, 3), 2.0, np.float32))
    assert near_m == 2.0
    assert far_m > near_m


@pytest.mark.parametrize("width", [1, 2, 5, 16, 80, 320, 641, 2000])
def test_a_legend_is_as_wide_as_its_picture(width):
    strip = legend(width=width, near_m=0.0, far_m=10.0)
    assert strip.dtype == np.uint8
    assert strip.shape[1:] == (width, 3)
    assert strip.shape[0] >= 20


def test_a_legend_runs_from_red_to_blue_and_has_dark_text_on_white():
    strip = legend(width=640, near_m=0.0, far_m=10.0)
    bar = strip[strip.shape[0] // 4]
    coloured = bar[(bar != 255).any(1)]
    np.testing.assert_allclose(coloured[[0, -1]].astype(int), [RED, BLUE], atol=3)
    below = strip[-28:]
    assert (below == 0).any()
    assert (below == 255).mean() > 0.5


def test_errors_are_blue_too_near_red_too_far_and_black_where_unknown():
    error_m = np.array([[-0.5, 0.0, 0.5, np.nan]], np.float32)
    near, right, far, unknown = colorize_error(error_m, most_m=0.5)[0].astype(int)
    assert near[2] > near[0] + 50
    assert far[0] > far[2] + 50
    assert right.min() > 230
    assert unknown.tolist() == [0, 0, 0]
