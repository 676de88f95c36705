"""NYU as BTS lays it out: bts_dataloader.py and train_test_inputs of cleinc/bts."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.bts_nyu import BtsNyu
from leadline.data.sources.nyu_labeled import NYU_CAMERA
from leadline.errors import InputError

MILLIMETRES = np.random.default_rng(0).integers(0, 9999, (480, 640)).astype(np.uint16)
TRAIN_LIST, TEST_LIST = "nyudepthv2_train_files_with_gt.txt", "nyudepthv2_test_files_with_gt.txt"


def write_frame(root, folder, number):
    (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (640, 480), (200, 100, number)).save(root / folder / f"rgb_{number:05}.jpg")
    Image.fromarray(MILLIMETRES).save(root / folder / f"sync_depth_{number:05}.png")


@pytest.fixture
def root(tmp_path):
    write_frame(tmp_path / "nyu", "sync/kitchen_0028b", 45)
    write_frame(tmp_path / "nyu", "sync/kitchen_0028a", 0)
    write_frame(tmp_path / "nyu", "official_splits/test/bathroom", 45)
    return tmp_path / "nyu"


def test_scenes_rooms_and_subsets_come_from_the_folders(root):
    frames = [(frame.identity, frame.room, frame.subset) for frame in BtsNyu(root).frames]
    assert frames == [
        ("kitchen_0028a/00000", "kitchen_0028", "train"),
        ("kitchen_0028b/00045", "kitchen_0028", "train"),
        ("test/bathroom/00045", "bathroom", "test"),
    ]


def test_depth_is_millimetres_and_the_camera_that_of_nyu(root):
    sample = BtsNyu(root).read(BtsNyu(root).frames[0])
    np.testing.assert_array_equal(sample.depth_m, MILLIMETRES.astype(np.float32) * np.float32(0.001))
    assert sample.camera == NYU_CAMERA


@pytest.mark.parametrize("inner", ["", "train_test_inputs/"])
def test_a_list_chooses_the_frames_and_may_tell_another_focal_length(root, inner):
    (root / inner).mkdir(exist_ok=True)
    row = "/kitchen_0028b/rgb_00045.jpg /kitchen_0028b/sync_depth_00045.png"
    (root / inner / TRAIN_LIST).write_text(f"{row} 518.8579\n")
    (root / inner / TEST_LIST).write_text("bathroom/rgb_00045.jpg bathroom/sync_depth_00045.png 500.0\n")
    source = BtsNyu(root)
    assert [frame.identity for frame in source.frames] == ["kitchen_0028b/00045", "test/bathroom/00045"]
    assert source.read(source.frames[0]).camera == NYU_CAMERA
    other = source.read(source.frames[1]).camera
    assert (other.fx_px, other.fy_px, other.cx_px) == (500.0, 500.0, NYU_CAMERA.cx_px)


def test_a_list_that_names_missing_files_is_refused(root):
    (root / TEST_LIST).write_text("bathroom/rgb_00046.jpg bathroom/sync_depth_00046.png 518.8579\n")
    with pytest.raises(InputError, match=r"test_files_with_gt\.txt: names 2 missing files: .*rgb_00046\.jpg"):
        BtsNyu(root)


@pytest.mark.parametrize("row", ["bathroom/rgb_00045.jpg None", "a.jpg b.png far"])
def test_a_row_of_another_form_is_named(root, row):
    (root / TEST_LIST).write_text(row)
    with pytest.raises(InputError, match=r"test_files_with_gt\.txt: picture, depth and focal length expected"):
        BtsNyu(root)


def test_the_official_training_part_is_read_only_without_sync(root):
    write_frame(root, "official_splits/train/kitchen", 3)
    assert all("kitchen/00003" not in frame.identity for frame in BtsNyu(root).frames)
    (root / "sync").rename(root.parent / "sync-elsewhere")
    frames = [(frame.identity, frame.subset) for frame in BtsNyu(root).frames]
    assert frames == [("kitchen/00003", "train"), ("test/bathroom/00045", "test")]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("..", ["kitchen_0028a/00000", "kitchen_0028b/00045", "test/bathroom/00045"]),
        ("sync", ["kitchen_0028a/00000", "kitchen_0028b/00045"]),
        ("official_splits", ["test/bathroom/00045"]),
        ("official_splits/test", ["test/bathroom/00045"]),
    ],
)
def test_the_root_may_be_around_it_or_a_part(root, inner, expected):
    assert BtsNyu.recognises(root / inner)
    source = BtsNyu(root / inner)
    assert [frame.identity for frame in source.frames] == expected
    assert {frame.subset for frame in source.frames if "bathroom" in frame.scene} <= {"test"}


def test_a_picture_without_its_depth_is_refused(root):
    (root / "sync/kitchen_0028a/sync_depth_00000.png").unlink()
    with pytest.raises(InputError, match=r"kitchen_0028a/rgb_00000\.jpg \(no depth\)"):
        BtsNyu(root)
