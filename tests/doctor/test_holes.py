"""Where nothing was measured."""

import numpy as np
import pytest
from rooms import facts, found, only, room, rooms, serious, with_depth

from leadline.doctor.holes import HoleFacts


def holes(change) -> HoleFacts:
    return facts(with_depth([room(1)], change))[0].get(HoleFacts)


def test_whole_maps_have_no_holes():
    assert holes(lambda depth_m: depth_m) == HoleFacts(share=0.0, border=0.0, dotted=0.0, far=0.0)


def test_borders_are_told_from_dots():
    def bordered(depth_m):
        depth_m = depth_m.copy()
        depth_m[:24] = depth_m[:, :32] = 0
        return depth_m

    border = holes(bordered)
    assert border.share == pytest.approx(0.1 + 0.9 * 0.1)
    assert border.border == 1.0
    generator = np.random.default_rng(0)
    dotted = holes(lambda depth_m: np.where(generator.random(depth_m.shape) < 0.4, 0, depth_m))
    assert dotted.share == pytest.approx(0.4, abs=0.02)
    assert dotted.dotted > 0.9


def test_holes_in_the_distance_are_told():
    depth_m = np.full((240, 320), 1.0)
    depth_m[80:160, 100:220] = 4.0
    depth_m[100:140, 120:200] = 0
    found_far = holes(lambda _: depth_m)
    assert found_far.far == 1.0
    assert found_far.border == found_far.dotted == 0.0


def test_scenes_with_many_holes_are_a_warning_that_says_where():
    generator = np.random.default_rng(0)
    odd = with_depth([room(9, frame) for frame in range(3)], lambda d: np.where(generator.random(d.shape) < 0.4, 0, d))
    finding = only(serious("holes", [*rooms(3), *odd]))
    assert finding.scenes == ("room-9",)
    assert "dotted" in finding.evidence


def test_few_holes_are_a_note():
    assert [finding.severity for finding in found("holes", rooms(2))] == ["note"]


def test_hardly_any_depth_in_most_frames_is_an_error():
    sparse = with_depth(rooms(2), lambda depth_m: np.where(np.arange(240)[:, None] % 16 == 0, depth_m, 0))
    assert "hardly any depth" in next(f for f in serious("holes", sparse) if f.severity == "error").title
