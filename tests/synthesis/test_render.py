"""What is rendered is exact: depth is compared with what geometry says, not with another rendering."""

import numpy as np
import pytest

pytest.importorskip("embreex")

from leadline.depth.camera import Camera
from leadline.synthesis.cameras import Pose
from leadline.synthesis.lights import Light
from leadline.synthesis.materials import PICTURES, Material
from leadline.synthesis.render import render
from leadline.synthesis.scenes import Scene
from leadline.synthesis.shapes import box, moved, rounded
from leadline.synthesis.stage import Stage

CAMERA = Camera(fx_px=40.0, fy_px=40.0, cx_px=31.5, cy_px=23.5, width=64, height=48)
LEVEL = Pose(np.array([0.0, 0.0, 1.0]), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
"""One metre above the floor, looking along y."""


def scene(parts, lights=()):
    grey = np.full((PICTURES, 8, 8, 3), 0.5, np.float32)
    return Scene("test", (4.0, 4.0, 3.0), tuple(parts), tuple(lights), np.full(3, 0.2), grey,
                 np.zeros((1, 3)), np.ones(1))  # fmt: skip


def seen(parts, lights=(), pose=LEVEL):
    return render(Stage(scene(parts, lights)), CAMERA, pose, np.random.default_rng(0))


def floor_and_wall():
    white = Material((0.8, 0.8, 0.8))
    return [*moved([box(20, 20, 0.1, white)], z=-0.1), *moved([box(20, 0.1, 6, white)], y=3.05)]


def test_depth_of_a_wall_and_a_floor_is_what_geometry_says():
    depth_m = seen(floor_and_wall()).depth_m
    slope = (np.arange(48) - CAMERA.cy_px) / CAMERA.fy_px
    floor_m = np.where(slope > 0, 1 / np.maximum(slope, 1e-9), np.inf)
    expected = np.minimum(3.0, floor_m)[:, None] * np.ones(64)
    np.testing.assert_allclose(depth_m, expected, rtol=1e-5)


def test_depth_is_along_the_axis_and_not_along_the_ray():
    depth_m = seen(floor_and_wall()).depth_m
    assert depth_m[10, 0] == pytest.approx(depth_m[10, 32], rel=1e-6)


def test_an_object_has_edges_of_one_pixel():
    cube = moved([box(1, 1, 4, Material((0.5, 0.1, 0.1)))], y=2.0)
    row = seen([*floor_and_wall(), *cube]).depth_m[20]
    assert set(np.round(np.unique(row), 3)) == {1.5, 3.0}


def test_nothing_is_a_hole_and_dark():
    picture = seen(moved([box(1, 1, 1, Material((0.5, 0.5, 0.5)))], y=3.0, z=0.5))
    assert picture.depth_m[24, 32] == pytest.approx(2.5)
    assert picture.depth_m[0, 0] == 0
    assert picture.light[0, 0].tolist() == [0, 0, 0]


def test_what_stands_in_the_light_throws_a_shadow():
    lamp = Light(np.array([2.0, 1.0, 1.0]), np.eye(3)[:2] * 0.01, (5.0, 5.0, 5.0))
    post = moved([box(0.2, 0.2, 2, Material((0.5, 0.5, 0.5)))], x=1.0, y=2.0)
    lit, shaded = (seen([*floor_and_wall(), *more], [lamp]).light[23] for more in ((), post))
    # The post is halfway between the lamp and the wall at x = 0: that is the middle of the picture.
    assert shaded[32].mean() < 0.6 * lit[32].mean()
    np.testing.assert_allclose(shaded[8], lit[8], rtol=0.05)


def test_a_mirror_shows_what_is_before_it_at_its_own_depth():
    glass = moved([box(2, 0.02, 2, Material((0.0, 0.0, 0.0), mirror=0.9))], y=2.0, z=0.5)
    lamp = moved([box(20, 0.1, 6, Material((1.0, 0.0, 0.0), glow=5.0))], y=-2.0)
    picture = seen([*floor_and_wall(), *glass, *lamp])
    assert picture.depth_m[20, 32] == pytest.approx(1.99)
    red, green, _ = picture.light[20, 32]
    assert red > 10 * green


def test_a_rounded_box_keeps_within_its_size():
    corners = rounded(0.4, 0.3, 0.2, Material((0.5, 0.5, 0.5))).world
    np.testing.assert_allclose(corners.min((0, 1)), [-0.2, -0.15, 0], atol=1e-6)
    np.testing.assert_allclose(corners.max((0, 1)), [0.2, 0.15, 0.2], atol=1e-6)
