"""Whether the edges of colour and depth lie on one another."""

from dataclasses import replace

import numpy as np
import pytest
from rooms import facts, found, only, room, rooms, serious, with_depth

from leadline.doctor.registration import registration


def moved(samples, right, down):
    def shift(depth_m):
        rolled = np.roll(depth_m, (down, right), (0, 1))
        rolled[: max(down, 0)] = 0
        rolled[:, : max(right, 0)] = 0
        return rolled

    return with_depth(samples, shift)


def scene(frames=4):
    return [room(2, frame) for frame in range(frames)]


def test_registered_frames_are_not_accused():
    assert serious("registration", rooms(4)) == []


@pytest.mark.parametrize(("right", "down"), [(8, 0), (0, 6), (12, 9), (20, 0)])
def test_moved_depth_is_an_error_and_the_shift_is_measured(right, down):
    samples = moved(scene(), right, down)
    assert only(serious("registration", samples)).severity == "error"
    fit = registration(facts(samples))
    assert (fit.x, fit.y) == pytest.approx((-right, -down), abs=1)


def test_depth_that_is_a_little_moved_is_a_warning():
    finding = only(serious("registration", moved(scene(), 4, 0)))
    assert finding.severity == "warning"
    assert "hundredth" in finding.title


def test_depth_of_another_view_is_an_error():
    # Boxes of other frames, in a mirror: the walls stay, so they must go, too.
    others = [replace(room(2, frame), depth_m=room(7, frame + 50).depth_m[::-1].copy()) for frame in range(12)]
    finding = only(serious("registration", others))
    assert finding.severity == "error"
    assert finding.scenes == ("room-2",)
    assert {example.drawing for example in finding.examples} == {"edges"}


def test_only_the_scene_that_is_moved_is_named():
    samples = [*rooms(3), *moved([room(9, frame) for frame in range(3)], 10, 0)]
    assert only(serious("registration", samples)).scenes == ("room-9",)


def test_without_depth_edges_nothing_is_claimed():
    wall = with_depth([room(2)], lambda depth_m: np.full_like(depth_m, 2.0))
    finding = only(found("registration", wall))
    assert finding.severity == "note"
    assert "cannot be judged" in finding.title


def test_a_depth_map_smaller_than_its_picture_keeps_its_place():
    samples = [replace(sample, depth_m=sample.depth_m[1::3, 1::3].copy()) for sample in scene()]
    fit = registration(facts(samples))
    assert (fit.x, fit.y) == pytest.approx((0, 0), abs=1)
    assert serious("registration", samples) == []
