"""Measured points set the scale of a map, outliers or not, and refuse to where they would do harm."""

import math

import numpy as np
import pytest
from PIL import Image

from leadline.depth.correction import Correction
from leadline.errors import InputError, PointsRefused
from leadline.scale.choose import AS_IT_IS, choose_correction
from leadline.scale.fit import MOST_POINTS, scale_to_points
from leadline.scale.points import Points
from leadline.scale.robust import SCALE_SIGMA, expected_levels

HEIGHT, WIDTH = 60, 80


def room() -> np.ndarray:
    """A floor that rises to a back wall, with a box before it: 0.8 to 5 m."""
    depth_m = np.linspace(5.0, 1.2, HEIGHT, dtype=np.float32)[:, None].repeat(WIDTH, axis=1)
    depth_m[:20] = 5.0
    depth_m[25:50, 30:50] = 0.8
    return depth_m


def measured(truth_m: np.ndarray, count: int, *, noise: float = 0.02, outliers: float = 0.0, seed: int = 0) -> Points:
    random = np.random.default_rng(seed)
    x, y = random.integers(0, WIDTH, count), random.integers(0, HEIGHT, count)
    metres = truth_m[y, x] * (1 + noise * random.normal(size=count))
    wrong = random.permutation(count) < round(outliers * count)
    metres = np.where(wrong, metres * random.choice([0.25, 0.4, 2.5, 4.0], count), metres)
    return Points(x.astype(float), y.astype(float), metres)


def off(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float((np.abs(predicted - truth) / truth).mean())


# --- The scale ---


@pytest.mark.parametrize("scale", [0.6, 1.4])
@pytest.mark.parametrize(("count", "outliers"), [(3, 0.0), (10, 0.1), (30, 0.3), (200, 0.3)])
def test_the_scale_is_found_among_outliers(scale, count, outliers):
    truth = room()
    found = scale_to_points(truth / np.float32(scale), measured(truth, count, outliers=outliers))
    assert off(found.depth_m, truth) < 0.06
    assert off(truth / scale, truth) > 0.25
    assert found.correction.ignored >= round(outliers * count) - 1


def test_a_single_point_is_believed_but_not_wholly():
    truth = room()
    found = scale_to_points(truth / np.float32(1.4), Points.from_rows([[5, 5, 5.0]]))
    assert 1.25 < found.correction.factor(np.ones(1))[0] < 1.4
    assert found.depth_m.dtype == np.float32


def test_a_point_that_asks_for_very_much_is_believed_less_than_one_that_asks_for_a_little():
    asked = np.log([[1.2], [2.0], [4.0]])
    little, much, very_much = expected_levels(asked, np.ones((3, 1)), level_sigma=SCALE_SIGMA)
    assert 0.6 * asked[0, 0] < little < asked[0, 0]
    assert little < much < asked[1, 0]
    assert very_much < 0.7 * much


def test_a_single_point_that_is_far_off_is_taken_for_what_it_may_be_worth():
    flat = np.full((HEIGHT, WIDTH), 2.0, np.float32)
    assert 1.3 < scale_to_points(flat, Points.from_rows([[5, 5, 5.0]])).depth_m[0, 0] / 2 < 1.6


def test_one_wrong_point_of_three_hardly_moves_the_scale():
    right, one_wrong = (
        expected_levels(np.log([metres]), np.ones((1, 3)), level_sigma=SCALE_SIGMA)[0]
        for metres in ([1.3, 1.3, 1.3], [1.3, 1.3, 5.0])
    )
    assert abs(one_wrong - right) < 0.06


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.3])
def test_one_point_is_better_than_none_even_if_a_third_are_wrong(wrong):
    random = np.random.default_rng(0)
    truth = SCALE_SIGMA * random.normal(size=1000)
    factors = random.uniform(math.log(1.5), math.log(4), 1000) * random.choice([-1, 1], 1000)
    asked = truth + np.where(random.random(1000) < wrong, factors, 0.18 * random.normal(size=1000))
    found = expected_levels(asked[:, None], np.ones((1000, 1)), level_sigma=SCALE_SIGMA)
    assert np.abs(found - truth).mean() < 0.9 * np.abs(truth).mean()


def test_more_points_make_the_scale_more_certain():
    truth = room()
    errors = [scale_to_points(truth * 1.3, measured(truth, count)).correction.error for count in (1, 5, 50, 250)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1 > errors[1] > 0.01


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_error_bar_covers_the_error_of_the_scale(count):
    """Pictures are off by a third, and points by a fifth from that, in some pictures far more than in others."""
    random = np.random.default_rng(count)
    inside = 0
    for _ in range(400):
        level, spread = 0.33 * random.normal(), 0.2 * math.exp(0.5 * random.normal())
        predicted = random.uniform(1, 4, count)
        measured_m = predicted * np.exp(level + spread * random.normal(size=count))
        correction = choose_correction(predicted, measured_m).correction
        inside += abs(correction.offset - level) < correction.error
    assert 0.62 < inside / 400 < 0.75


def test_the_same_points_give_the_same_depth():
    truth = room()
    first, second = (scale_to_points(truth * 1.3, measured(truth, 500)).depth_m for _ in range(2))
    assert np.array_equal(first, second)


def test_of_very_many_points_some_are_taken():
    truth = room()
    assert scale_to_points(truth * 1.3, measured(truth, 4000)).correction.points == MOST_POINTS


# --- Lines ---


@pytest.mark.parametrize(
    ("form", "predicted"),
    [
        ("log", lambda truth: np.exp((np.log(truth) - 0.2) / 1.5)),
        ("inverse", lambda truth: 1 / ((1 / truth - 0.1) / 0.7)),
    ],
)
def test_a_line_is_taken_where_points_left_out_ask_for_it(form, predicted):
    random = np.random.default_rng(0)
    truth = np.exp(random.uniform(math.log(0.6), math.log(6), 80))
    choice = choose_correction(predicted(truth), truth * (1 + 0.01 * random.normal(size=80)))
    assert choice.correction.form == form
    assert choice.left_out[form] < 0.02 < choice.left_out["scale"] < choice.left_out[AS_IT_IS]
    there = np.array([1.0, 3.0])
    assert choice.correction.apply(predicted(there).astype(np.float32)) == pytest.approx(there, rel=0.03)


def test_few_points_never_make_a_line():
    truth = np.array([0.5, 1.0, 2.0, 4.0, 6.0])
    assert choose_correction(truth**1.4, truth).correction.form == "scale"


def test_of_pictures_whole_ones_are_left_out():
    """Within each picture the scale is certain; from one picture to the next it is not, and the error bar says so."""
    random = np.random.default_rng(0)
    picture = np.repeat(np.arange(8), 40)
    predicted = random.uniform(1, 4, 320)
    truth = predicted * 1.5 * np.exp(0.2 * random.normal(size=8))[picture]
    by_picture = choose_correction(predicted, truth, picture, scale_sigma=math.inf)
    as_one = choose_correction(predicted, truth, scale_sigma=math.inf)
    assert by_picture.correction.error > 3 * as_one.correction.error
    assert by_picture.correction.pictures == 8
    assert by_picture.left_out["scale"] == pytest.approx(0.15, abs=0.08)


# --- Places ---


def bent(truth: np.ndarray) -> np.ndarray:
    """A prediction that is a third too far on the left, right on the right, and wrong on the box alone."""
    factor = np.linspace(1.35, 1.0, WIDTH)[None].repeat(HEIGHT, 0)
    factor[25:50, 30:50] = 0.8
    return (truth * factor).astype(np.float32)


def test_many_points_mend_each_place():
    truth = room()
    predicted = bent(truth)
    points = measured(truth, 150, outliers=0.1)
    found = scale_to_points(predicted, points)
    one_scale = Correction("scale", offset=math.log(np.median(truth / predicted))).apply(predicted)
    assert found.correction.is_local
    assert off(found.depth_m, truth) < 0.5 * off(one_scale, truth)


def test_the_factor_of_a_place_stops_at_the_edge_of_depth():
    truth = room()
    found = scale_to_points(bent(truth), measured(truth, 250, noise=0.0))
    box, wall_beside_it = found.depth_m[30:45, 32:48], found.depth_m[21:24, 32:48]
    assert off(box, truth[30:45, 32:48]) < 0.04
    assert off(wall_beside_it, truth[21:24, 32:48]) < 0.06


def test_places_do_not_differ_where_one_scale_is_right():
    truth = room()
    found = scale_to_points(truth * np.float32(1.2), measured(truth, 100, noise=0.05))
    assert off(found.depth_m, truth) < 0.02


@pytest.mark.parametrize("seed", range(6))
def test_places_are_no_worse_than_one_scale_on_points_left_out(seed):
    """A map whose errors have nothing to do with place: nothing can be gained by it, and nothing is lost."""
    random = np.random.default_rng(seed)
    truth = room()
    predicted = (truth * 1.3 * np.exp(0.15 * random.normal(size=truth.shape))).astype(np.float32)
    found = scale_to_points(predicted, measured(truth, 60, outliers=0.1, seed=seed))
    assert off(found.depth_m, truth) < 1.1 * off(predicted / np.float32(1.3), truth)


def test_places_are_mended_where_the_scale_is_right_already():
    truth = room()
    predicted = truth * np.linspace(1.3, 1 / 1.3, WIDTH, dtype=np.float32)
    found = scale_to_points(predicted, measured(truth, 80))
    assert found.correction.is_local
    assert off(found.depth_m, truth) < 0.5 * off(predicted, truth)


@pytest.mark.parametrize("count", [20, 80])
def test_the_error_bar_is_that_of_the_map_after_places(count):
    """Maps whose error changes smoothly from place to place: what is left of it is less than it was."""
    random = np.random.default_rng(count)
    truth, inside, local_errors = room(), 0, []
    for seed in range(40):
        coarse = Image.fromarray((0.15 * random.normal(size=(4, 5))).astype(np.float32))
        smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        predicted = truth * np.exp(0.3 + smooth + 0.05 * random.normal(size=truth.shape)).astype(np.float32)
        found = scale_to_points(predicted, measured(truth, count, seed=seed))
        left = abs(float(np.median(np.log(truth / found.depth_m))))
        if found.correction.is_local:
            inside += left < found.correction.error
            local_errors.append(found.correction.error)
    assert len(local_errors) > 20
    assert 0.5 < inside / len(local_errors) < 0.95
    assert np.median(local_errors) < 0.18 / math.sqrt(count)  # the bar of a scale alone


# --- Points that do not help ---


def test_no_point_is_refused():
    with pytest.raises(PointsRefused, match="no point is on a pixel with depth"):
        scale_to_points(room(), Points.from_rows([]))


def test_one_point_that_cannot_be_meant_is_refused():
    with pytest.raises(
        PointsRefused, match="the only point asks for a scale that cannot be meant; are the distances in m"
    ):
        scale_to_points(room(), Points.from_rows([[5, 5, 5000.0]]))


@pytest.mark.parametrize("unit_m", [0.01, 0.001, 10.0])
def test_points_that_agree_on_another_unit_are_refused(unit_m):
    points = measured(room(), 30)
    with pytest.raises(PointsRefused, match=r"the points ask for .* times .*, which cannot be meant; are they in m"):
        scale_to_points(room(), Points(points.x_px, points.y_px, points.metres / unit_m))


def test_points_that_contradict_one_another_are_refused():
    truth = room()
    random = np.random.default_rng(0)
    points = measured(truth, 30)
    metres = points.metres * np.exp(random.uniform(-3, 3, 30))
    with pytest.raises(PointsRefused, match=r"the 30 points contradict one another: only . agree"):
        scale_to_points(truth, Points(points.x_px, points.y_px, metres))


def test_points_outside_the_map_are_an_error_that_says_which():
    with pytest.raises(InputError, match=r"1 of 2 points are outside the picture of 80x60, the first at x 80, y 3"):
        scale_to_points(room(), Points.from_rows([[5, 5, 2.0], [80, 3, 2.0]]))


@pytest.mark.parametrize("distance", [0.0, -1.0, math.nan, math.inf])
def test_a_distance_that_was_not_measured_is_an_error(distance):
    with pytest.raises(InputError, match=r"point 2 of 2 has a distance of .* leave out what was not measured"):
        Points.from_rows([[1, 1, 1.0], [2, 2, distance]])


def test_points_are_rows_of_three():
    with pytest.raises(InputError, match=r"rows of x, y and metres, \(n, 3\), got \(3,\)"):
        Points.from_rows([1, 2, 3])


# --- The correction ---


@pytest.mark.parametrize(
    "correction",
    [
        Correction("scale", offset=0.3),
        Correction("log", offset=0.1, gain=1.4, near_m=0.5, far_m=4.0),
        Correction("log", offset=0.1, gain=0.4, near_m=0.5, far_m=4.0),
        Correction("inverse", offset=-0.15, gain=0.8, near_m=0.5, far_m=4.0),
        Correction("inverse", offset=0.5, gain=0.8, near_m=0.5, far_m=4.0),
    ],
)
def test_a_correction_keeps_the_order_of_depths_also_beyond_what_was_measured(correction):
    corrected = correction.apply(np.geomspace(0.05, 50, 500).astype(np.float32))
    assert np.isfinite(corrected).all()
    assert (corrected > 0).all()
    assert (np.diff(corrected) > 0).all()
    steps = np.diff(np.log(corrected))
    assert steps.max() < 0.08  # it jumps nowhere


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "log", "offset": 0.0, "gain": -1.0},
        {"form": "scale", "offset": math.nan},
        {"form": "inverse", "offset": -0.5, "gain": 1.0, "near_m": 0.5, "far_m": 4.0},
    ],
)
def test_a_correction_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="correction"):
        Correction(**wrong)
