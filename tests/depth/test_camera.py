"""The pinhole camera, and what resizing and padding do to it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.depth.camera import Camera

VGA = Camera(fx_px=518.9, fy_px=519.5, cx_px=325.6, cy_px=253.7, width=640, height=480)


def pixel_of(camera: Camera, x_m: float, y_m: float, z_m: float) -> tuple[float, float]:
    return camera.fx_px * x_m / z_m + camera.cx_px, camera.fy_px * y_m / z_m + camera.cy_px


def test_a_field_of_view_of_90_degrees_is_half_the_width_away():
    assert Camera(fx_px=50.0, fy_px=50.0, cx_px=49.5, cy_px=0.0, width=100, height=1).fov_deg == pytest.approx(90)


@given(st.floats(1, 170))
def test_the_field_of_view_inverts_the_focal_length(fov_deg):
    fx_px = 320 / math.tan(math.radians(fov_deg) / 2)
    assert Camera(fx_px=fx_px, fy_px=fx_px, cx_px=0.0, cy_px=0.0, width=640, height=480).fov_deg == pytest.approx(
        fov_deg
    )


@pytest.mark.parametrize("wrong", [{"fx_px": 0}, {"fy_px": -1}, {"fx_px": math.nan}, {"width": 0}, {"height": -480}])
def test_cameras_that_cannot_be_are_refused(wrong):
    numbers = {"fx_px": 500.0, "fy_px": 500.0, "cx_px": 320.0, "cy_px": 240.0, "width": 640, "height": 480}
    numbers |= {key: float(value) if key.endswith("px") else value for key, value in wrong.items()}
    with pytest.raises(ValueError, match="must be positive"):
        Camera(**numbers)


def test_a_camera_in_its_own_place_is_itself():
    assert VGA.placed(width=640, height=480, left=0, top=0, inner_width=640, inner_height=480) == VGA


def test_halving_a_picture_keeps_its_corner_a_corner():
    half = VGA.placed(width=320, height=240, left=0, top=0, inner_width=320, inner_height=240)
    # The left edge of the picture is half a pixel left of the first pixel's centre, at either size.
    assert (half.cx_px + 0.5) / half.width == pytest.approx((VGA.cx_px + 0.5) / VGA.width)
    assert half.fov_deg == pytest.approx(VGA.fov_deg)


@given(
    st.floats(-2, 2), st.floats(-2, 2), st.floats(0.5, 10),
    st.integers(10, 900), st.integers(10, 900), st.integers(-100, 100), st.integers(-100, 100),
)  # fmt: skip
def test_a_point_is_seen_where_its_pixel_went(x_m, y_m, z_m, inner_width, inner_height, left, top):
    placed = VGA.placed(width=1000, height=1000, left=left, top=top, inner_width=inner_width, inner_height=inner_height)
    old_x, old_y = pixel_of(VGA, x_m, y_m, z_m)
    new_x, new_y = pixel_of(placed, x_m, y_m, z_m)
    assert new_x + 0.5 == pytest.approx((old_x + 0.5) * inner_width / 640 + left, abs=1e-6)
    assert new_y + 0.5 == pytest.approx((old_y + 0.5) * inner_height / 480 + top, abs=1e-6)


def test_cropping_moves_the_centre_and_keeps_the_focal_length():
    cropped = VGA.placed(width=540, height=430, left=-60, top=-20, inner_width=640, inner_height=480)
    assert (cropped.fx_px, cropped.fy_px) == (VGA.fx_px, VGA.fy_px)
    assert (cropped.cx_px, cropped.cy_px) == pytest.approx((VGA.cx_px - 60, VGA.cy_px - 20))
