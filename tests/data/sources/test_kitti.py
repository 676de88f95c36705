"""KITTI, as the readme of its depth devkit lays out both kinds of folder."""

import shutil

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.kitti import Kitti
from leadline.errors import InputError

DRIVE, OTHER = "2011_09_26_drive_0001_sync", "2011_09_26_drive_0002_sync"
LEVELS = np.where(np.random.default_rng(0).random((6, 20)) < 0.2, 3000, 0).astype(np.uint16)
CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
S_rect_02: 2.000000e+01 6.000000e+00
P_rect_02: 7.2e+00 0.0e+00 9.5e+00 4.4e+01 0.0e+00 7.1e+00 2.5e+00 2.1e-01 0.0e+00 0.0e+00 1.0e+00 2.7e-03
S_rect_03: 1.242000e+03 3.750000e+02
P_rect_03: 7.2e+02 0.0e+00 6.1e+02 -3.4e+02 0.0e+00 7.2e+02 1.7e+02 2.2e+00 0.0e+00 0.0e+00 1.0e+00 2.7e-03
"""


def write_color(root, drive=DRIVE, camera="image_02", number=5):
    path = root / drive[:10] / drive / camera / "data" / f"{number:010}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 6), (1, 2, 3)).save(path)


def write_depth(root, part="train", drive=DRIVE, camera="image_02", number=5):
    path = root / part / drive / "proj_depth" / "groundtruth" / camera / f"{number:010}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(LEVELS).save(path)


@pytest.fixture
def root(tmp_path):
    for number in (3, 4, 5, 6):  # more pictures than depth maps, as in the raw recordings
        write_color(tmp_path / "kitti", number=number)
    write_color(tmp_path / "kitti", camera="image_03")
    write_color(tmp_path / "kitti", drive=OTHER)
    write_depth(tmp_path / "kitti")
    write_depth(tmp_path / "kitti", camera="image_03")
    write_depth(tmp_path / "kitti", part="val", drive=OTHER)
    return tmp_path / "kitti"


def test_256_steps_are_a_metre_and_most_pixels_are_holes(root):
    sample = Kitti(root).read(Kitti(root).frames[0])
    np.testing.assert_array_equal(sample.depth_m, LEVELS.astype(np.float32) / 256)
    assert sample.valid.mean() < 0.5


def test_drives_are_rooms_and_the_folders_the_official_split(root):
    assert [(frame.identity, frame.room, frame.subset) for frame in Kitti(root).frames] == [
        (f"{DRIVE}/image_02/0000000005", DRIVE, "train"),
        (f"{DRIVE}/image_03/0000000005", DRIVE, "train"),
        (f"{OTHER}/image_02/0000000005", OTHER, "test"),
    ]


def test_depth_and_recordings_may_lie_in_folders_of_their_own(root):
    expected = Kitti(root).frames
    for folder, names in (("data_depth_annotated", ("train", "val")), ("raw", ("2011_09_26",))):
        for name in names:
            (root / folder).mkdir(exist_ok=True)
            shutil.move(root / name, root / folder / name)
    assert Kitti.recognises(root)
    assert Kitti(root).frames == expected


def test_the_camera_is_the_rectified_one_if_it_is_of_this_size(root):
    assert Kitti(root).read(Kitti(root).frames[0]).camera is None
    (root / "2011_09_26" / "calib_cam_to_cam.txt").write_text(CALIBRATION)
    left, right = (Kitti(root).read(frame).camera for frame in Kitti(root).frames[:2])
    assert (left.fx_px, left.fy_px, left.cx_px, left.cy_px) == (7.2, 7.1, 9.5, 2.5)
    assert right is None


def test_a_drive_without_its_recording_is_left_out(root):
    shutil.rmtree(root / "2011_09_26" / OTHER)
    assert {frame.room for frame in Kitti(root).frames} == {DRIVE}


def test_depth_without_its_picture_is_refused(root):
    (root / "2011_09_26" / DRIVE / "image_02" / "data" / "0000000005.png").unlink()
    with pytest.raises(InputError, match=r"0000000005\.png \(no colour\)"):
        Kitti(root)


def test_depth_alone_says_what_is_missing(root):
    shutil.rmtree(root / "2011_09_26")
    with pytest.raises(InputError, match=r"raw recording belong in <date>/<drive>/image_02/data"):
        Kitti(root)


def test_the_selected_validation_frames_have_their_intrinsics(tmp_path):
    folder = tmp_path / "depth_selection" / "val_selection_cropped"
    name = f"{DRIVE}_{{}}_0000000008_image_02"
    for inner in ("image", "groundtruth_depth", "intrinsics", "velodyne_raw"):
        (folder / inner).mkdir(parents=True)
    Image.new("RGB", (20, 6)).save(folder / "image" / f"{name.format('image')}.png")
    Image.fromarray(LEVELS).save(folder / "groundtruth_depth" / f"{name.format('groundtruth_depth')}.png")
    (folder / "intrinsics" / f"{name.format('image')}.txt").write_text("7.5 0 9 0 7.25 3 0 0 1\n")
    assert Kitti.recognises(tmp_path)
    source = Kitti(tmp_path)
    (frame,) = source.frames
    assert (frame.scene, frame.room, frame.subset) == ("val_selection_cropped", DRIVE, "test")
    sample = source.read(frame)
    np.testing.assert_array_equal(sample.depth_m, LEVELS.astype(np.float32) / 256)
    assert (sample.camera.fx_px, sample.camera.fy_px) == (7.5, 7.25)
