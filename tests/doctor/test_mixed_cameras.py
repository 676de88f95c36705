"""Sizes, orientations and fields of view that do not belong together."""

from dataclasses import replace

import numpy as np
from rooms import CAMERA, found, only, room, rooms, serious


def test_one_camera_is_not_accused():
    assert found("cameras", rooms()) == []


def test_sizes_of_different_scenes_are_a_note_and_of_one_scene_a_warning():
    turned = [
        replace(s, image=np.rot90(s.image).copy(), depth_m=np.rot90(s.depth_m).copy(), camera=None) for s in rooms(1)
    ]
    apart = [replace(s, frame=replace(s.frame, scene="portrait")) for s in turned]
    assert {finding.severity for finding in found("cameras", [*rooms(2), *apart])} == {"note"}
    finding = only(serious("cameras", [*rooms(2), *[replace(s, frame=replace(s.frame, name="t")) for s in turned[:1]]]))
    assert finding.scenes == ("room-0",)
    assert "240x320 and 320x240" in finding.evidence


def test_a_wide_range_of_fields_of_view_is_a_warning():
    telephoto = replace(room(9), camera=replace(CAMERA, fx_px=900.0, fy_px=900.0))
    finding = only(serious("cameras", [*rooms(2), telephoto]))
    assert finding.title == "fields of view from 20 to 77 degrees"


def test_intrinsics_of_another_size_are_a_warning():
    half = replace(room(9), camera=replace(CAMERA, cx_px=300.0, cy_px=230.0))
    assert "no camera has" in only(serious("cameras", [*rooms(2), half])).title
