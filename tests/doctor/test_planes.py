"""The reciprocal of depth, and the camera's height."""

import numpy as np
import pytest
from rooms import facts, only, room, rooms, serious, with_depth

from leadline.doctor.planes import PlaneFacts


def test_depth_is_not_accused():
    assert serious("planes", rooms()) == []


def test_disparity_at_the_scale_of_the_room_is_an_error():
    finding = only(serious("planes", with_depth(rooms(), lambda depth_m: 4 / depth_m)))
    assert finding.severity == "error"
    assert finding.scenes == ()
    assert "bent in 1 / value" in finding.evidence


def test_disparity_in_one_scene_is_named():
    odd = with_depth([room(1, frame, scene="odd") for frame in range(3)], lambda depth_m: 4 / depth_m)
    assert only(serious("planes", [*rooms(8), *odd])).scenes == ("odd",)


def test_a_slanted_wall_whose_depth_grows_linearly_with_the_column_is_no_error():
    # As test frames of people are: impossible for a plane, but no sign of a floor that rises.
    ramp = with_depth(rooms(), lambda depth_m: np.linspace(1, 4, 320)[None].repeat(240, 0))
    assert [finding.severity for finding in serious("planes", ramp)] in ([], ["warning"])


def test_the_height_above_the_floor_is_measured():
    sample = room(3)
    down = (np.arange(240) - 119.5)[:, None] / 200 * np.ones((1, 320))
    floor = with_depth([sample], lambda _: np.where(down > 0.1, 1.25 / np.maximum(down, 0.1), 0))
    heights_m = facts(floor)[0].get(PlaneFacts).heights_m
    assert len(heights_m) > 20
    assert heights_m == pytest.approx([1.25] * len(heights_m), rel=0.01)


def test_rows_that_grow_farther_downwards_are_told():
    sample = room(3)
    upside_down = with_depth([sample], lambda depth_m: depth_m[::-1])
    assert facts([sample])[0].get(PlaneFacts).row_correlation < -0.2
    assert facts(upside_down)[0].get(PlaneFacts).row_correlation > 0.2
