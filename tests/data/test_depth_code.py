"""Metres survive their 16 bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leadline.data.depth_code import DepthCode

MILLIMETRES, LOGARITHM = DepthCode(), DepthCode(step_m=0.0)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (5, 7), elements=st.floats(0.0625, 10, width=32)))
def test_millimetres_are_right_to_a_millimetre_below_10_m(depth_m):
    assert np.abs(MILLIMETRES.metres(MILLIMETRES.levels(depth_m)) - depth_m).max() <= 0.001


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (5, 7), elements=st.floats(0.0625, 992, width=32)))
def test_the_logarithm_is_right_to_a_tenth_of_a_thousandth(depth_m):
    back = LOGARITHM.metres(LOGARITHM.levels(depth_m))
    assert np.abs(back / depth_m - 1).max() <= 1.0e-4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("code", [MILLIMETRES, LOGARITHM])
def test_holes_stay_holes(code):
    levels = code.levels(np.zeros((2, 3), np.float32))
    assert levels.dtype == np.uint16
    assert not levels.any()
    metres = code.metres(levels)
    assert metres.dtype == np.float32
    assert not metres.any()


@pytest.mark.parametrize(("code", "outside"), [(MILLIMETRES, [65.6, 1e6, 0.0004]), (LOGARITHM, [1001, 1e6, 0.049])])
def test_depth_beyond_the_code_becomes_a_hole(code, outside):
    assert not code.levels(np.array(outside, np.float32)).any()


@pytest.mark.parametrize("code", [MILLIMETRES, LOGARITHM])
def test_every_level_comes_back_and_farther_is_higher(code):
    levels = np.arange(65_536).astype(np.uint16)
    metres = code.metres(levels)
    assert (np.diff(metres) > 0).all()
    np.testing.assert_allclose(code.levels(metres).astype(int), levels.astype(int), atol=0 if code.step_m else 1)
