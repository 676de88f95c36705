"""Distance along the ray instead of depth along the axis."""

from dataclasses import replace

import numpy as np
import pytest
from rooms import CAMERA, FOCAL_PX, facts, only, room, rooms, serious, with_depth

from leadline.doctor.rays import power


def lengths(shape: tuple[int, ...]) -> np.ndarray:
    """Of the rays of all pixels, worked out here once more."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.sqrt(1 + ((x - 159.5) / FOCAL_PX) ** 2 + ((y - 119.5) / FOCAL_PX) ** 2)


def along_the_ray(samples):
    return with_depth(samples, lambda depth_m: depth_m * lengths(depth_m.shape))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_power_of_the_rays_length_is_measured(exponent):
    spoilt = with_depth(rooms(3), lambda depth_m: depth_m * lengths(depth_m.shape) ** exponent)
    assert power(facts(spoilt)) == pytest.approx(exponent, abs=0.1)


def test_depth_along_the_axis_is_not_accused():
    assert serious("rays", rooms()) == []


def test_distance_along_the_ray_in_all_scenes_is_an_error():
    finding = only(serious("rays", along_the_ray(rooms())))
    assert finding.severity == "error"
    assert finding.scenes == ()
    assert "5 of 5 scenes with enough planes" in finding.evidence


def test_distance_along_the_ray_in_one_scene_is_named():
    odd = along_the_ray([room(1, frame, scene="odd") for frame in range(3)])
    finding = only(serious("rays", [*rooms(4), *odd]))
    assert (finding.severity, finding.scenes) == ("warning", ("odd",))


def test_without_a_camera_nothing_is_said():
    assert serious("rays", [replace(sample, camera=None) for sample in along_the_ray(rooms())]) == []


def test_a_long_lens_does_not_tell_and_is_not_accused():
    long = replace(CAMERA, fx_px=10 * FOCAL_PX, fy_px=10 * FOCAL_PX)
    assert power(facts([replace(sample, camera=long) for sample in rooms(3)])) is None
