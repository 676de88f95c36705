"""Intervals that cover, and tests that are right as often as they say."""

import numpy as np
import pytest

from leadline.evaluation.intervals import mean_interval, paired_p_value, student_975


def test_the_interval_of_many_values_is_the_textbooks():
    values = np.random.default_rng(0).normal(3.0, 1.0, 400)
    low, high = mean_interval([[value] for value in values])
    error = 1.966 * values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - error, abs=0.02)
    assert high == pytest.approx(values.mean() + error, abs=0.02)


def test_frames_of_a_room_are_not_as_much_evidence_as_rooms():
    generator = np.random.default_rng(1)
    rooms = [generator.normal(room, 0.01, 30).tolist() for room in generator.normal(0, 1, 12)]
    over_rooms = mean_interval(rooms)
    over_images = mean_interval([[value] for room in rooms for value in room])
    assert over_rooms[1] - over_rooms[0] > 3 * (over_images[1] - over_images[0])


def test_one_group_has_no_interval():
    assert mean_interval([[1.0, 2.0]]) is None


def test_the_same_seed_gives_the_same_interval():
    groups = [[1.0], [2.0], [4.0]]
    assert mean_interval(groups, seed=3) == mean_interval(groups, seed=3)


@pytest.mark.parametrize("rooms", [8, 18])
def test_intervals_cover_about_as_often_as_they_say(rooms):
    generator = np.random.default_rng(2)
    hits = 0
    for _ in range(150):
        low, high = mean_interval([[value] for value in generator.normal(0, 1, rooms)])
        hits += low <= 0 <= high
    assert 0.89 <= hits / 150 <= 1


@pytest.mark.parametrize(
    ("freedom", "known"), [(1, 12.706), (2, 4.303), (3, 3.182), (7, 2.365), (17, 2.110), (100, 1.984)]
)
def test_quantiles_of_students_t(freedom, known):
    assert student_975(freedom) == pytest.approx(known, rel=0.004)


def test_a_small_comparison_is_enumerated():
    # All of one sign: 2 of the 2^5 ways are as extreme.
    assert paired_p_value([1.0, 2.0, 0.5, 3.0, 0.1]) == pytest.approx(2 / 32)
    assert paired_p_value([0.0, 0.0]) == 1.0


def test_chance_alone_is_seldom_called_a_difference():
    generator = np.random.default_rng(4)
    called = sum(paired_p_value(generator.normal(0, 1, 20).tolist()) < 0.05 for _ in range(200))
    assert called <= 20


def test_a_clear_difference_is_called_one():
    assert paired_p_value(np.random.default_rng(5).normal(1, 0.5, 20).tolist()) < 0.001
