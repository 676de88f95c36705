"""FastDepth's files, with the axes that its dataloaders/dataloader.py reads."""

import sys

import numpy as np
import pytest

from leadline.data.sources.fastdepth_h5 import FastDepthH5
from leadline.data.sources.nyu_labeled import NYU_CAMERA
from leadline.errors import InputError, UsageError

h5py = pytest.importorskip("h5py")

PICTURE = np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8)
DEPTH_M = np.random.default_rng(0).uniform(0.5, 9, (480, 640)).astype(np.float32)


def write_frame(path, *, rgb=PICTURE, depth_m=DEPTH_M):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["rgb"] = rgb.transpose(2, 0, 1)
        file["depth"] = depth_m
    return path


@pytest.fixture
def root(tmp_path):
    for name in ("train/basement_0001b/00001", "train/basement_0001a/00006", "val/official/00001"):
        write_frame(tmp_path / "nyudepthv2" / f"{name}.h5")
    return tmp_path / "nyudepthv2"


def test_colours_and_metres_come_back_to_the_bit(root):
    sample = FastDepthH5(root).read(FastDepthH5(root).frames[0])
    np.testing.assert_array_equal(sample.image, PICTURE)
    np.testing.assert_array_equal(sample.depth_m, DEPTH_M)
    assert sample.camera == NYU_CAMERA
    assert sample.image.flags.c_contiguous


def test_scenes_rooms_and_subsets_come_from_the_folders(root):
    frames = [(frame.identity, frame.room, frame.subset) for frame in FastDepthH5(root).frames]
    assert frames == [
        ("train/basement_0001a/00006", "basement_0001", "train"),
        ("train/basement_0001b/00001", "basement_0001", "train"),
        ("val/official/00001", "official", "test"),
    ]


@pytest.mark.parametrize(("inner", "count"), [("..", 3), ("train", 2), ("val/official", 1)])
def test_the_root_may_be_around_it_or_a_part(root, inner, count):
    assert FastDepthH5.recognises(root / inner)
    assert len(FastDepthH5(root / inner).frames) == count


def test_nan_and_zero_are_holes(tmp_path):
    depth_m = DEPTH_M.copy()
    depth_m[0, :2] = np.nan, 0
    write_frame(tmp_path / "train/a/00001.h5", depth_m=depth_m)
    source = FastDepthH5(tmp_path)
    assert (~source.read(source.frames[0]).valid).sum() == 2


def test_a_damaged_file_is_named_when_it_is_read(root):
    path = root / "val/official/00001.h5"
    path.write_bytes(path.read_bytes()[:700])
    source = FastDepthH5(root)
    with pytest.raises(InputError, match=r"00001\.h5: .*truncated"):
        source.read(source.frames[-1])


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "train/a").mkdir(parents=True)
    with h5py.File(tmp_path / "train/a/1.h5", "w") as file:
        file["depth"] = DEPTH_M
    source = FastDepthH5(tmp_path)
    with pytest.raises(InputError, match=r"1\.h5: holds no rgb"):
        source.read(source.frames[0])


def test_without_h5py_the_cure_is_told(root, monkeypatch):
    source = FastDepthH5(root)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[train\]'"):
        source.read(source.frames[0])
