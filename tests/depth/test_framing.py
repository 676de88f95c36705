"""Pictures into the network's frame, depth beside them, and predictions back out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.depth.camera import Camera
from leadline.depth.framing import PAD_VALUE, Framing, median_under

framings = st.builds(
    Framing, height=st.integers(8, 60), width=st.integers(8, 60), fit=st.sampled_from(("letterbox", "stretch"))
)
sides = st.integers(4, 90)
modest = settings(deadline=None, max_examples=60)


def inside(framing: Framing, framed: np.ndarray, *, height: int, width: int) -> np.ndarray:
    place = framing.placement(height=height, width=width)
    return framed[place.top : place.top + place.height, place.left : place.left + place.width]


def padding(framing: Framing, framed: np.ndarray, *, height: int, width: int) -> np.ndarray:
    place = framing.placement(height=height, width=width)
    outside = np.ones(framed.shape[:2], bool)
    outside[place.top : place.top + place.height, place.left : place.left + place.width] = False
    return framed[outside]


@modest
@given(framings, sides, sides)
def test_a_picture_lies_inside_and_a_letterbox_keeps_its_aspect(framing, height, width):
    place = framing.placement(height=height, width=width)
    assert 0 <= place.top <= place.top + place.height <= framing.height
    assert 0 <= place.left <= place.left + place.width <= framing.width
    assert place.height >= 1
    assert place.width >= 1
    if framing.fit == "stretch":
        assert place == (0, 0, framing.height, framing.width)
    else:
        assert place.height == framing.height or place.width == framing.width
        scale = min(framing.height / height, framing.width / width)
        assert abs(place.height - height * scale) <= 1
        assert abs(place.width - width * scale) <= 1
        # Centred, to the odd pixel.
        assert abs(framing.height - place.height - 2 * place.top) <= 1
        assert abs(framing.width - place.width - 2 * place.left) <= 1


def test_a_portrait_picture_has_bars_at_its_sides():
    assert Framing(height=240, width=320).placement(height=640, width=480) == (0, 70, 240, 180)


def test_a_wide_picture_has_bars_above_and_below():
    assert Framing(height=240, width=320).placement(height=100, width=400) == (80, 0, 80, 320)


def test_a_sliver_keeps_one_pixel():
    assert Framing(height=240, width=320).placement(height=1, width=4000).height == 1
    assert Framing(height=240, width=320).placement(height=4000, width=1).width == 1


@modest
@given(framings, sides, sides, st.integers(0, 2**32 - 1))
def test_pictures_have_the_networks_size_and_grey_bars(framing, height, width, seed):
    image = np.random.default_rng(seed).integers(30, 220, (height, width, 3)).astype(np.uint8)
    framed = framing.image(image)
    assert framed.dtype == np.uint8
    assert framed.shape == (framing.height, framing.width, 3)
    assert (padding(framing, framed, height=height, width=width) == PAD_VALUE).all()
    content = inside(framing, framed, height=height, width=width)
    assert content.min() >= image.min()
    assert content.max() <= image.max()


def test_a_picture_of_the_right_size_is_left_alone():
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    np.testing.assert_array_equal(Framing(height=240, width=320).image(image), image)


def test_shrinking_averages_instead_of_dropping_pixels():
    stripes = np.zeros((240, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    shrunk = Framing(height=60, width=80).image(stripes)
    assert np.abs(shrunk[:, 2:-2].astype(int) - 127).max() < 20


@modest
@given(framings, sides, sides, st.integers(0, 2**32 - 1))
def test_no_depth_appears_that_was_not_measured(framing, height, width, seed):
    generator = np.random.default_rng(seed)
    depth_m = generator.uniform(0.5, 9, (height, width)).astype(np.float32)
    depth_m[generator.random((height, width)) < 0.3] = 0
    framed = framing.depth(depth_m)
    assert framed.dtype == np.float32
    assert framed.shape == (framing.height, framing.width)
    assert np.isin(framed, np.append(depth_m, np.float32(0))).all()
    assert (padding(framing, framed, height=height, width=width) == 0).all()


@modest
@given(framings, sides, sides)
def test_a_full_map_fills_the_frame_and_an_empty_one_stays_empty(framing, height, width):
    full = framing.depth(np.full((height, width), 2, np.float32))
    assert (inside(framing, full, height=height, width=width) == 2).all()
    assert (framing.depth(np.zeros((height, width), np.float32)) == 0).all()


@modest
@given(framings, sides, sides, st.data())
def test_a_hole_is_where_nothing_under_the_pixel_was_measured(framing, height, width, data):
    depth_m = np.full((height, width), 2, np.float32)
    depth_m[: data.draw(st.integers(0, height)), : data.draw(st.integers(0, width))] = 0
    framed = inside(framing, framing.depth(depth_m), height=height, width=width)
    tall, wide = height / framed.shape[0], width / framed.shape[1]
    for row in range(framed.shape[0]):
        for column in range(0, framed.shape[1], 5):
            # All old pixels that the new one touches, however little.
            top, bottom = int(row * tall + 1e-9), math.ceil((row + 1) * tall - 1e-9)
            left, right = int(column * wide + 1e-9), math.ceil((column + 1) * wide - 1e-9)
            touched = depth_m[top:bottom, left:right]
            assert framed[row, column] in touched


def test_a_shrunk_edge_is_foreground_or_background_and_noise_is_outvoted():
    depth_m = np.full((240, 320), 1, np.float32)
    depth_m[:, 161:] = 6
    depth_m[::3, ::3] += 0.5  # one measurement in nine is wrong
    shrunk = Framing(height=80, width=107, fit="stretch").depth(depth_m)
    assert set(np.unique(shrunk)) <= {1.0, 6.0}


def test_sparse_measurements_survive_shrinking():
    depth_m = np.zeros((240, 320), np.float32)
    depth_m[2::4, 2::4] = 3  # one pixel in sixteen, as a LiDAR's
    shrunk = Framing(height=60, width=80).depth(depth_m)
    assert (shrunk == 3).all()


def test_depth_of_another_resolution_lands_on_its_picture():
    framing = Framing(height=48, width=64)
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, 80:] = 255
    depth_m = np.full((30, 40), 1, np.float32)
    depth_m[:, 20:] = 3
    bright = framing.image(image)[..., 0] > 127
    np.testing.assert_array_equal(framing.depth(depth_m) == 3, bright)


@modest
@given(framings, sides, sides, st.floats(0.25, 100, width=32), st.sampled_from((1, 2)))
def test_a_wall_comes_back_as_a_wall(framing, height, width, distance_m, coarseness):
    predicted = np.full((framing.height // coarseness, framing.width // coarseness), distance_m, np.float32)
    restored = framing.restore(predicted, height=height, width=width)
    assert restored.dtype == np.float32
    assert restored.shape == (height, width)
    np.testing.assert_allclose(restored, distance_m, rtol=1e-5)


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("coarseness", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (200, 640), (240, 320), (100, 75)])
def test_a_ramp_comes_back_as_a_ramp(fit, coarseness, height, width):
    """A picture whose depth is its column: the frame holds it at every pixel's centre, and restoring undoes that."""
    framing = Framing(height=240, width=320, fit=fit)
    place = framing.placement(height=height, width=width)
    centres = (np.arange(framing.width // coarseness) + 0.5) * coarseness  # in pixels of the frame
    columns = (centres - place.left) * width / place.width  # in pixels of the picture
    predicted = np.tile(columns.astype(np.float32), (framing.height // coarseness, 1))
    restored = framing.restore(predicted, height=height, width=width)
    expected = np.arange(width) + 0.5
    # At the very edge bilinear resizing has nothing beyond to lean on.
    edge = int(np.ceil(2 * coarseness * width / place.width)) + 1
    np.testing.assert_allclose(
        restored[:, edge:-edge], np.tile(expected, (height, 1))[:, edge:-edge], atol=0.06 * max(1, width / place.width)
    )


@pytest.mark.parametrize("coarseness", [1, 2])
def test_padding_never_leaks_into_the_picture(coarseness):
    framing = Framing(height=240, width=320)
    predicted = np.full((240 // coarseness, 320 // coarseness), 1000, np.float32)
    place = framing.placement(height=640, width=480)
    predicted[:, place.left // coarseness : (place.left + place.width) // coarseness] = 2
    np.testing.assert_allclose(framing.restore(predicted, height=640, width=480), 2, rtol=1e-6)


@modest
@given(framings, sides, sides, st.floats(-0.45, 0.45), st.floats(-0.45, 0.45))
def test_the_camera_sees_a_point_where_the_picture_shows_it(framing, height, width, across, down):
    camera = Camera(fx_px=0.8 * width, fy_px=0.8 * width, cx_px=width / 2, cy_px=height / 2, width=width, height=height)
    framed, place = framing.camera(camera), framing.placement(height=height, width=width)
    assert (framed.width, framed.height) == (framing.width, framing.height)
    # A ray through the picture at these shares of its sides, counted from its edge.
    share_x, share_y = 0.5 + across, 0.5 + down
    ray_x = (share_x * width - 0.5 - camera.cx_px) / camera.fx_px
    ray_y = (share_y * height - 0.5 - camera.cy_px) / camera.fy_px
    assert framed.fx_px * ray_x + framed.cx_px == pytest.approx(place.left + share_x * place.width - 0.5, abs=1e-6)
    assert framed.fy_px * ray_y + framed.cy_px == pytest.approx(place.top + share_y * place.height - 0.5, abs=1e-6)


@modest
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_shrinking_by_whole_numbers_takes_the_lower_median_of_each_block(height, width, rows, columns, seed):
    generator = np.random.default_rng(seed)
    depth_m = generator.uniform(0.5, 9, (height * rows, width * columns)).astype(np.float32)
    depth_m[generator.random(depth_m.shape) < 0.4] = 0
    shrunk = median_under(depth_m, height=height, width=width)
    for row in range(height):
        for column in range(width):
            block = depth_m[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            measured = sorted(block[block > 0])
            assert shrunk[row, column] == (measured[(len(measured) - 1) // 2] if measured else 0)
