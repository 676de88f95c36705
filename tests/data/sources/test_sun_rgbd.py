"""SUN RGB-D, its depth rotated as read3dPoints.m of the authors' SUNRGBDtoolbox rotates it back."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.sun_rgbd import SunRgbd
from leadline.errors import InputError

MILLIMETRES = np.random.default_rng(0).integers(300, 8000, (6, 8)).astype(np.uint16)


def rotated(millimetres):
    """Bits FEDC BA98 7654 3210 become CBA9 8765 4321 0FED."""
    wide = millimetres.astype(np.uint32)
    return ((wide << 3 | wide >> 13) & 0xFFFF).astype(np.uint16)


def write_frame(folder, *, millimetres=MILLIMETRES, kind="bedroom", depth="depth_bfx", intrinsics="7 0 4 0 9 3 0 0 1"):
    for name in ("image", depth):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (8, 6), (9, 8, 7)).save(folder / "image" / "0000136-000004511552.jpg")
    Image.fromarray(rotated(millimetres)).save(folder / depth / "0000273-000009077171.png")
    (folder / "intrinsics.txt").write_text(intrinsics)
    if kind:
        (folder / "scene.txt").write_text(kind)
    return folder


def only_sample(root):
    source = SunRgbd(root)
    return source.read(source.frames[0])


def test_the_bits_are_turned_back(tmp_path):
    write_frame(tmp_path / "kv1/NYUdata/NYU0001")
    expected = MILLIMETRES.astype(np.float32) * np.float32(0.001)
    np.testing.assert_array_equal(only_sample(tmp_path).depth_m, expected)


@pytest.mark.parametrize(("millimetre", "expected_m"), [(8000, 8.0), (8001, 8.0), (65_535, 8.0), (7999, 7.999), (0, 0)])
def test_beyond_8_m_is_8_m_as_the_toolbox_has_it(tmp_path, millimetre, expected_m):
    millimetres = MILLIMETRES.copy()
    millimetres[0, 0] = millimetre
    write_frame(tmp_path / "kv1/NYUdata/NYU0001", millimetres=millimetres)
    assert only_sample(tmp_path).depth_m[0, 0] == pytest.approx(expected_m)


@pytest.mark.parametrize("intrinsics", ["7 0 4 0 9 3 0 0 1", "7 0 4\n0 9 3\n0 0 1\n"])
def test_intrinsics_are_those_of_the_picture(tmp_path, intrinsics):
    write_frame(tmp_path / "kv1/NYUdata/NYU0001", intrinsics=intrinsics)
    camera = only_sample(tmp_path).camera
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (7, 9, 4, 3)
    assert (camera.width, camera.height) == (8, 6)


def test_broken_intrinsics_are_named(tmp_path):
    write_frame(tmp_path / "kv1/NYUdata/NYU0001", intrinsics="7 0 4")
    with pytest.raises(InputError, match=r"intrinsics\.txt: no matrix of intrinsics"):
        only_sample(tmp_path)


def test_filled_depth_is_preferred_to_raw_and_raw_will_do(tmp_path):
    folder = write_frame(tmp_path / "kv1/NYUdata/NYU0001", depth="depth", millimetres=MILLIMETRES // 2)
    raw_m = only_sample(tmp_path).depth_m
    (folder / "depth_bfx").mkdir()
    Image.fromarray(rotated(MILLIMETRES)).save(folder / "depth_bfx" / "a.png")
    assert raw_m.max() < only_sample(tmp_path).depth_m.max()


def test_a_room_is_a_building_or_a_kind_of_room_of_a_collection(tmp_path):
    write_frame(tmp_path / "kv1/NYUdata/NYU0001")
    write_frame(tmp_path / "kv1/NYUdata/NYU0002")
    write_frame(tmp_path / "kv1/NYUdata/NYU0003", kind="office")
    write_frame(tmp_path / "kv2/kinect2data/000002_x", kind="")
    write_frame(tmp_path / "xtion/sun3ddata/mit_w20/scan1/frame1")
    write_frame(tmp_path / "xtion/sun3ddata/mit_w20/scan2/frame1", kind="office")
    assert [(frame.identity, frame.room) for frame in SunRgbd(tmp_path).frames] == [
        ("kv1/NYUdata/NYU0001", "kv1/NYUdata/bedroom"),
        ("kv1/NYUdata/NYU0002", "kv1/NYUdata/bedroom"),
        ("kv1/NYUdata/NYU0003", "kv1/NYUdata/office"),
        ("kv2/kinect2data/000002_x", "kv2/kinect2data"),
        ("xtion/sun3ddata/mit_w20/scan1/frame1", "sun3ddata/mit_w20"),
        ("xtion/sun3ddata/mit_w20/scan2/frame1", "sun3ddata/mit_w20"),
    ]


def test_a_part_may_be_the_root_and_keeps_its_rooms(tmp_path):
    for scan in ("scan1", "scan2"):
        write_frame(tmp_path / "xtion/sun3ddata/mit_w20" / scan / "frame1")
    for part in ("xtion/sun3ddata", "xtion/sun3ddata/mit_w20", "xtion/sun3ddata/mit_w20/scan1"):
        source = SunRgbd(tmp_path / part)
        assert {frame.room for frame in source.frames} == {"sun3ddata/mit_w20"}
        assert all(frame.scene != "." for frame in source.frames)


def test_a_frame_with_two_depth_maps_is_refused(tmp_path):
    folder = write_frame(tmp_path / "kv1/NYUdata/NYU0001")
    Image.fromarray(MILLIMETRES).save(folder / "depth_bfx" / "second.png")
    with pytest.raises(InputError, match=r"depth_bfx: .*one file here, found 2"):
        SunRgbd(tmp_path)
