"""What sensors do to light and depth."""

import io

import numpy as np
import pytest
from PIL import Image

from leadline.depth.camera import Camera
from leadline.synthesis.render import Rendered
from leadline.synthesis.sensor import measure_depth, take_picture

CAMERA = Camera(fx_px=290.0, fy_px=290.0, cx_px=159.5, cy_px=119.5, width=320, height=240)


def step(near_m=1.0, far_m=3.0):
    """A near half, right, before a far one."""
    depth_m = np.full((240, 320), far_m, np.float32)
    depth_m[:, 160:] = near_m
    flat = np.ones((240, 320), np.float32)
    light = np.where(depth_m[..., None] == near_m, 0.8, 0.1) * np.ones(3)
    return Rendered(light.astype(np.float32), depth_m, 0.5 * flat, 0.7 * flat, 0 * flat)


@pytest.mark.parametrize("sensor", ["none", "camera"])
def test_a_camera_leaves_depth_exact(sensor):
    rendered = step()
    measured = measure_depth(rendered, CAMERA, np.random.default_rng(0), sensor=sensor)
    np.testing.assert_array_equal(measured, rendered.depth_m)


def test_a_kinect_has_noise_that_grows_with_distance_and_a_shadow_beside_what_is_near():
    noise, holes = {}, {}
    for far_m in (1.5, 4.0):
        measured = measure_depth(step(far_m=far_m), CAMERA, np.random.default_rng(0), sensor="kinect")
        far = measured[:, 30:120]
        noise[far_m] = np.std(far[far > 0])
        holes[far_m] = (measured[:, 120:200] == 0).mean()
    assert noise[4.0] > 3 * noise[1.5]
    assert holes[4.0] > holes[1.5] > 0


def test_what_throws_no_light_back_is_a_hole_of_the_kinect():
    rendered = step()
    dark = Rendered(rendered.light, rendered.depth_m, 0 * rendered.reflectance, rendered.facing, rendered.gloss)
    assert not measure_depth(dark, CAMERA, np.random.default_rng(0), sensor="kinect").any()


def test_pictures_of_a_camera_differ_in_exposure_and_noise():
    pictures = [
        np.asarray(Image.open(io.BytesIO(take_picture(step(), np.random.default_rng(seed), sensor="camera"))), float)
        for seed in range(24)
    ]
    assert np.std([picture.mean() for picture in pictures]) > 5
    assert all(picture[:, 200:].mean() > picture[:, :120].mean() for picture in pictures)
