"""Metrics against an independent float64 oracle, cases worked out by hand, and properties."""

import math
from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from leadline.errors import InputError
from leadline.metrics import ErrorSums, Metrics, error_sums, mean_metrics

depths_m = arrays(np.float64, (4, 5), elements=st.floats(0.1, 100.0))
masks = arrays(np.bool_, (4, 5)).filter(np.any)


def room(seed, height=48, width=64):
    """A prediction, a truth with holes, and where they are not."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.5, 10.0, (height, width)).astype(np.float32)
    predicted = (truth * np.exp(random.normal(0.05, 0.2, truth.shape))).astype(np.float32)
    truth[random.random(truth.shape) < 0.3] = 0.0
    return predicted, truth, truth > 0


def measure(predicted, truth, valid):
    return error_sums(predicted=predicted, truth=truth, valid=valid).metrics()


def oracle(predicted, truth, valid):
    """The definitions, one pixel after the other."""
    pairs = [(float(p), float(t)) for p, t, v in zip(predicted.flat, truth.flat, valid.flat, strict=True) if v]
    n = len(pairs)
    logs = [math.log(p) - math.log(t) for p, t in pairs]
    mean_log = math.fsum(logs) / n
    shares = [sum(max(p / t, t / p) < 1.25**i for p, t in pairs) / n for i in (1, 2, 3)]
    return Metrics(
        rel=math.fsum(abs(p - t) / t for p, t in pairs) / n,
        rms=math.sqrt(math.fsum((p - t) ** 2 for p, t in pairs) / n),
        log10=math.fsum(abs(math.log10(p) - math.log10(t)) for p, t in pairs) / n,
        **dict(zip(("delta1", "delta2", "delta3"), shares, strict=True)),
        silog=100 * math.sqrt(math.fsum((g - mean_log) ** 2 for g in logs) / n),
        rms_log=math.sqrt(math.fsum(g**2 for g in logs) / n),
        scale_invariant=math.fsum((g - mean_log) ** 2 for g in logs) / n,
        pixels=n,
    )


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_metrics_are_those_of_the_oracle(precision):
    predicted, truth, valid = room(seed=1)
    measured = measure(predicted=predicted.astype(precision), truth=truth.astype(precision), valid=valid)
    assert astuple(measured) == pytest.approx(astuple(oracle(predicted, truth, valid)), rel=1e-6)


def test_twice_the_depth():
    truth = np.full((3, 4), 2.0, dtype=np.float32)
    measured = measure(predicted=2 * truth, truth=truth, valid=truth > 0)
    assert (measured.rel, measured.rms, measured.pixels) == (1.0, 2.0, 12)
    assert (measured.delta1, measured.delta2, measured.delta3) == (0.0, 0.0, 0.0)  # 1.25^3 = 1.95
    assert measured.log10 == pytest.approx(math.log10(2))
    assert measured.rms_log == pytest.approx(math.log(2))
    assert measured.silog == pytest.approx(0.0, abs=1e-4)


def test_the_truth_itself_is_perfect():
    _, truth, valid = room(seed=2)
    measured = measure(predicted=truth, truth=truth, valid=valid)
    assert (measured.rel, measured.rms, measured.log10, measured.silog, measured.rms_log) == (0, 0, 0, 0, 0)
    assert (measured.delta1, measured.delta2, measured.delta3) == (1, 1, 1)
    assert measured.pixels == valid.sum()


def test_deltas_are_strictly_below_their_bound():
    truth = np.ones((1, 4))
    predicted = np.array([[1.25, 1.2499, 1.25**2, 1.25**3]])
    sums = error_sums(predicted=predicted, truth=truth, valid=truth > 0)
    assert (sums.delta1, sums.delta2, sums.delta3) == (1, 2, 3)


def test_silog_of_two_opposite_errors_is_their_distance_from_the_mean():
    truth = np.ones((1, 2))
    predicted = np.array([[math.e, 1 / math.e]])
    assert measure(predicted=predicted, truth=truth, valid=truth > 0).silog == pytest.approx(100.0)


@settings(deadline=None, max_examples=50)
@given(predicted=depths_m, truth=depths_m, valid=masks)
def test_exchanging_prediction_and_truth_leaves_the_symmetric_measures(predicted, truth, valid):
    there = measure(predicted=predicted, truth=truth, valid=valid)
    back = measure(predicted=truth, truth=predicted, valid=valid)
    assert (there.delta1, there.delta2, there.delta3) == (back.delta1, back.delta2, back.delta3)
    for name in ("rms", "log10", "silog", "rms_log", "scale_invariant"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(predicted=depths_m, truth=depths_m, valid=masks)
def test_mirroring_the_images_leaves_every_measure(predicted, truth, valid):
    straight = measure(predicted=predicted, truth=truth, valid=valid)
    mirrored = measure(predicted=predicted[:, ::-1], truth=truth[:, ::-1], valid=valid[:, ::-1])
    assert astuple(mirrored) == pytest.approx(astuple(straight), abs=1e-5)


@settings(deadline=None, max_examples=50)
@given(predicted=depths_m, truth=depths_m, valid=masks, power=st.integers(-3, 3))
def test_scaling_both_scales_only_the_metres(predicted, truth, valid, power):
    scale = 2.0**power  # exact, so that no ratio crosses a delta's bound by rounding
    one = measure(predicted=predicted, truth=truth, valid=valid)
    scaled = measure(predicted=scale * predicted, truth=scale * truth, valid=valid)
    assert astuple(replace(scaled, rms=scaled.rms / scale)) == pytest.approx(astuple(one), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(predicted=depths_m, truth=depths_m, valid=masks, scale=st.floats(0.1, 10.0))
def test_silog_forgives_a_global_scale(predicted, truth, valid, scale):
    one = measure(predicted=predicted, truth=truth, valid=valid)
    scaled = measure(predicted=scale * predicted, truth=truth, valid=valid)
    assert scaled.silog == pytest.approx(one.silog, abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(predicted=depths_m, truth=depths_m, valid=masks, anything=st.sampled_from([np.nan, np.inf, -1.0, 0.0, 1e9]))
def test_invalid_pixels_are_never_read(predicted, truth, valid, anything):
    spoilt_prediction = np.where(valid, predicted, anything)
    spoilt_truth = np.where(valid, truth, anything)
    clean = error_sums(predicted=predicted, truth=truth, valid=valid)
    assert error_sums(predicted=spoilt_prediction, truth=spoilt_truth, valid=valid) == clean


def test_adding_is_concatenating():
    (p1, t1, v1), (p2, t2, v2) = room(seed=3), room(seed=4)
    together = error_sums(predicted=np.vstack([p1, p2]), truth=np.vstack([t1, t2]), valid=np.vstack([v1, v2]))
    images = [error_sums(predicted=p1, truth=t1, valid=v1), error_sums(predicted=p2, truth=t2, valid=v2)]
    assert astuple(sum(images, ErrorSums())) == pytest.approx(astuple(together), rel=1e-12)


def test_pooling_weighs_pixels_and_averaging_weighs_images():
    truth = np.ones((1, 4))
    wrong_once = error_sums(predicted=2 * truth, truth=truth, valid=np.array([[True, False, False, False]]))
    right_thrice = error_sums(predicted=truth, truth=truth, valid=np.array([[False, True, True, True]]))
    assert (wrong_once + right_thrice).metrics().rel == 0.25
    averaged = mean_metrics([wrong_once.metrics(), right_thrice.metrics()])
    assert (averaged.rel, averaged.delta1, averaged.pixels) == (0.5, 0.5, 4)


def test_no_valid_pixel_says_so():
    nothing = error_sums(predicted=np.ones((2, 2)), truth=np.zeros((2, 2)), valid=np.zeros((2, 2), dtype=bool))
    assert nothing == ErrorSums()
    with pytest.raises(InputError, match="no pixel has valid truth"):
        nothing.metrics()


def test_no_image_says_so():
    with pytest.raises(InputError, match="no image"):
        mean_metrics([])


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["predicted", "truth"])
def test_what_is_no_depth_is_counted_and_refused(wrong, name):
    images = {"predicted": np.ones((2, 3)), "truth": np.ones((2, 3))}
    images[name][0, :2] = wrong
    with pytest.raises(ValueError, match=rf"{name} depth must be finite and > 0 m .* 2 of 6 pixels"):
        error_sums(**images, valid=np.ones((2, 3), dtype=bool))


def test_unequal_shapes_are_refused():
    truth = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"share one shape.*\(2, 2\), \(2, 3\) and \(2, 3\)"):
        error_sums(predicted=np.ones((2, 2)), truth=truth, valid=truth > 0)


def test_half_precision_does_not_overflow():
    truth = np.ones((1, 2), dtype=np.float16)
    sums = error_sums(predicted=truth * 1000, truth=truth, valid=truth > 0)
    assert sums.squared == 2 * 999.0**2  # float16 ends at 65504


def test_sums_are_plain_numbers():
    predicted, truth, valid = room(seed=5)
    sums = error_sums(predicted=predicted, truth=truth, valid=valid)
    assert {type(getattr(sums, field.name)) for field in fields(sums)} == {int, float}
