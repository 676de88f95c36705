"""Depth that is constant, flat, cut off, or scaled frame by frame."""

import numpy as np
import pytest
from rooms import only, rooms, serious, with_depth


def test_rooms_have_extent():
    assert serious("extent", rooms()) == []


def test_constant_depth_is_an_error():
    finding = only(serious("extent", with_depth(rooms(1), lambda depth_m: np.full_like(depth_m, 2.0))))
    assert (finding.severity, finding.title) == ("error", "3 of 3 depth maps are constant")


def test_one_constant_map_among_many_is_an_error_and_named():
    samples = rooms(3)
    samples[4:5] = with_depth(samples[4:5], lambda depth_m: np.full_like(depth_m, 2.0))
    finding = only(serious("extent", samples))
    assert finding.severity == "error"
    assert finding.examples[0].frame.identity == samples[4].frame.identity


def test_flat_depth_everywhere_is_an_error_and_somewhere_a_warning():
    def flat(depth_m):
        return 2 + 0.01 * depth_m

    assert only(serious("extent", with_depth(rooms(2), flat))).severity == "error"
    mixed = [*rooms(3), *with_depth(rooms(1), flat)]
    assert only(serious("extent", mixed)).severity == "warning"


@pytest.mark.parametrize(("limit_m", "severity"), [(3.0, "error"), (3.9, "warning")])
def test_a_clipped_maximum_is_noticed(limit_m, severity):
    ramp = np.linspace(4, 1, 240)[:, None].repeat(320, 1)
    assert serious("extent", with_depth(rooms(2), lambda _: ramp)) == []
    finding = only(serious("extent", with_depth(rooms(2), lambda _: np.minimum(ramp, limit_m))))
    assert finding.severity == severity
    assert "cut off" in finding.title
    assert {example.drawing for example in finding.examples} == {"farthest"}


def test_depth_that_ends_at_the_same_metre_in_every_frame_is_a_warning():
    finding = only(serious("extent", with_depth(rooms(4), lambda depth_m: depth_m / depth_m.max() * 10)))
    assert finding.severity == "warning"
    assert "end at exactly 10 m" in finding.title
