"""ScanNet as SensReader/python/SensorData.py of ScanNet/ScanNet exports it."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.scannet import ScanNet
from leadline.errors import InputError

MILLIMETRES = np.random.default_rng(0).integers(0, 9000, (480, 640)).astype(np.uint16)
COLOR_MATRIX = "1170.187988 0.000000 647.750000 0.000000\n0.000000 1170.187988 483.750000 0.000000\n0 0 1 0\n0 0 0 1\n"
DEPTH_MATRIX = "577.870605 0.000000 319.500000 0.000000\n0.000000 577.870605 239.500000 0.000000\n0 0 1 0\n0 0 0 1\n"


def write_scan(folder, *, size=(1296, 968), matrices=("color", "depth")):
    for name in ("color", "depth", "intrinsic"):
        (folder / name).mkdir(parents=True)
    for number in (0, 20):
        Image.new("RGB", size, (9, 8, 7)).save(folder / "color" / f"{number}.jpg")
        Image.fromarray(MILLIMETRES).save(folder / "depth" / f"{number}.png")
    for name in matrices:
        matrix = COLOR_MATRIX if name == "color" else DEPTH_MATRIX
        (folder / "intrinsic" / f"intrinsic_{name}.txt").write_text(matrix)
    return folder


def first_sample(root):
    source = ScanNet(root)
    return source.read(source.frames[0])


def test_depth_is_millimetres(tmp_path):
    sample = first_sample(write_scan(tmp_path / "scene0000_00"))
    np.testing.assert_array_equal(sample.depth_m, MILLIMETRES.astype(np.float32) * np.float32(0.001))


def test_the_camera_of_a_full_picture_is_the_file_s(tmp_path):
    camera = first_sample(write_scan(tmp_path / "scene0000_00")).camera
    assert (camera.fx_px, camera.cx_px, camera.cy_px, camera.width) == (1170.187988, 647.75, 483.75, 1296)


@pytest.mark.parametrize(("matrices", "focal_px"), [(("color",), 1170.187988 * 640 / 1296), (("depth",), 577.870605)])
def test_the_camera_of_a_smaller_picture_is_scaled(tmp_path, matrices, focal_px):
    camera = first_sample(write_scan(tmp_path / "scene0000_00", size=(640, 480), matrices=matrices)).camera
    assert camera.fx_px == pytest.approx(focal_px)
    assert (camera.width, camera.height) == (640, 480)


def test_without_intrinsics_the_camera_is_unknown(tmp_path):
    assert first_sample(write_scan(tmp_path / "scene0000_00", matrices=())).camera is None


def test_scans_of_a_room_share_it_and_lists_tell_the_split(tmp_path):
    for scan in ("scene0000_00", "scene0000_01", "scene0011_00", "scene0707_00"):
        write_scan(tmp_path / "scans" / scan, matrices=())
    (tmp_path / "scannetv2_train.txt").write_text("scene0000_00\nscene0000_01\n")
    (tmp_path / "scannetv2_val.txt").write_text("scene0011_00\n")
    expected = {
        ("scene0000_00", "scene0000", "train"),
        ("scene0000_01", "scene0000", "train"),
        ("scene0011_00", "scene0011", "test"),
        ("scene0707_00", "scene0707", None),
    }
    for root in (tmp_path, tmp_path / "scans"):
        assert {(frame.scene, frame.room, frame.subset) for frame in ScanNet(root).frames} == expected


def test_folders_of_other_names_are_not_recognised(tmp_path):
    write_scan(tmp_path / "kitchen")
    assert not ScanNet.recognises(tmp_path)


def test_depth_without_its_picture_is_refused(tmp_path):
    (write_scan(tmp_path / "scene0000_00") / "color" / "20.jpg").unlink()
    with pytest.raises(InputError, match=r"scene0000_00/depth/20\.png \(no colour\)"):
        ScanNet(tmp_path)
