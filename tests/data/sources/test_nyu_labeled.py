"""NYU's labelled part, as MATLAB 7.3 wrote it."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from leadline.data.sources.nyu_labeled import (
    FILE_NAME,
    NYU_CAMERA,
    NYU_FRAMES,
    NyuLabeled,
    nyu_room,
    nyu_test_numbers,
)
from leadline.errors import InputError, UsageError

h5py = pytest.importorskip("h5py")

SCENES = ("kitchen_0004", "kitchen_0004", "bedroom_0076a")


def write_mat(path: Path, *, height: int = 6, width: int = 8, scenes=SCENES, depth_m=None) -> Path:
    """Axes reversed, text as references to UTF-16 columns, behind MATLAB's block of 512 bytes."""
    count = len(scenes)
    numbers = np.arange(count * height * width * 3, dtype=np.uint32) % 251
    images = numbers.astype(np.uint8).reshape(count, height, width, 3)
    if depth_m is None:
        depth_m = 1 + (np.arange(count * height * width) % 1000 / 100).astype(np.float32).reshape(count, height, width)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = images.transpose(0, 3, 2, 1)
        file.create_dataset("depths", data=depth_m.transpose(0, 2, 1), compression="gzip", chunks=(1, width, height))
        references = file.create_dataset("scenes", (1, count), dtype=h5py.ref_dtype)
        for index, scene in enumerate(scenes):
            text = file.create_dataset(f"#refs#/{index}", data=np.array([[ord(c)] for c in scene], np.uint16))
            references[0, index] = text.ref
    return path


def write_splits(path: Path, *, train, test) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["trainNdxs"] = np.array([train], np.float64)
        file["testNdxs"] = np.array([test], np.float64)


@pytest.fixture
def mat(tmp_path):
    return write_mat(tmp_path / FILE_NAME)


def test_axes_come_back_in_the_order_of_pictures(mat):
    sample = NyuLabeled(mat).read(NyuLabeled(mat).frames[1])
    numbers = np.arange(3 * 6 * 8 * 3, dtype=np.uint32) % 251
    np.testing.assert_array_equal(sample.image, numbers.astype(np.uint8).reshape(3, 6, 8, 3)[1])
    np.testing.assert_allclose(sample.depth_m, 1 + np.arange(48, 96).reshape(6, 8) / 100, rtol=1e-6)
    assert sample.image.flags.c_contiguous
    assert sample.depth_m.flags.c_contiguous


def test_frames_are_called_by_scene_and_matlab_number(mat):
    frames = [(frame.identity, frame.room, frame.subset) for frame in NyuLabeled(mat).frames]
    assert frames == [
        ("kitchen_0004/0001", "kitchen_0004", None),
        ("kitchen_0004/0002", "kitchen_0004", None),
        ("bedroom_0076a/0003", "bedroom_0076", None),
    ]


def test_the_root_may_be_the_folder(mat):
    assert NyuLabeled.recognises(mat.parent)
    assert NyuLabeled(mat.parent).frames == NyuLabeled(mat).frames


def test_pictures_of_full_size_have_the_data_sets_camera(tmp_path):
    source = NyuLabeled(write_mat(tmp_path / "full.mat", height=480, width=640, scenes=("a_0001",)))
    assert source.read(source.frames[0]).camera == NYU_CAMERA


def test_a_split_in_the_same_format_is_obeyed(mat):
    write_splits(mat.with_name("splits.mat"), train=[1, 3], test=[2])
    assert [frame.subset for frame in NyuLabeled(mat).frames] == ["train", "test", "train"]


def test_a_split_with_frames_in_both_parts_is_refused(mat):
    write_splits(mat.with_name("splits.mat"), train=[1, 2], test=[2])
    with pytest.raises(InputError, match=r"splits\.mat: 1 frames are in both"):
        NyuLabeled(mat)


def test_a_split_without_its_lists_is_refused(mat):
    with h5py.File(mat.with_name("splits.mat"), "w") as file:
        file["something"] = 1
    with pytest.raises(InputError, match=r"splits\.mat: holds no trainNdxs"):
        NyuLabeled(mat)


def test_the_whole_data_set_gets_the_official_split(tmp_path):
    path = write_mat(tmp_path / FILE_NAME, height=1, width=1, scenes=("a_0001",) * NYU_FRAMES)
    # The official file is of MATLAB's older format, which is not read.
    (tmp_path / "splits.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128))
    subsets = [frame.subset for frame in NyuLabeled(path).frames]
    assert (subsets.count("train"), subsets.count("test")) == (795, 654)
    assert subsets[:3] == ["test", "test", "train"]


def test_the_official_test_set_has_654_frames():
    numbers = sorted(nyu_test_numbers())
    assert len(numbers) == 654
    assert numbers[:6] == [1, 2, 9, 14, 15, 16]
    assert numbers[-3:] == [1447, 1448, 1449]


def test_recordings_of_one_room_share_it():
    assert nyu_room("basement_0001a") == nyu_room("basement_0001b") == "basement_0001"
    assert nyu_room("nyu2_test") == "nyu2_test"


def test_nan_infinity_and_zero_are_holes(tmp_path):
    depth_m = np.full((1, 6, 8), 2, np.float32)
    depth_m[0, 0, :3] = np.nan, np.inf, 0
    source = NyuLabeled(write_mat(tmp_path / FILE_NAME, scenes=("a_0001",), depth_m=depth_m))
    assert (~source.read(source.frames[0]).valid).sum() == 3


@pytest.mark.parametrize(
    ("value", "cause"), [(-1, "negative"), (0, "no measurement"), (2500, "millimetres"), (0.002, "cannot be meant")]
)
def test_depth_that_cannot_be_meant_is_refused(tmp_path, value, cause):
    depth_m = np.full((1, 6, 8), value, np.float32)
    source = NyuLabeled(write_mat(tmp_path / FILE_NAME, scenes=("a_0001",), depth_m=depth_m))
    with pytest.raises(InputError, match=f"0001.*{cause}"):
        source.read(source.frames[0])


def test_the_option_overrides_the_unit(tmp_path):
    depth = np.full((1, 6, 8), 2500, np.float32)
    path = write_mat(tmp_path / FILE_NAME, scenes=("a_0001",), depth_m=depth)
    source = NyuLabeled(path, depth_unit_m=0.001)
    assert source.read(source.frames[0]).depth_m.max() == pytest.approx(2.5)


def test_damaged_bytes_are_named_with_their_frame(mat):
    source = NyuLabeled(mat)
    with h5py.File(mat) as file:
        chunk = file["depths"].id.get_chunk_info(1)
    content = bytearray(mat.read_bytes())
    start = chunk.byte_offset if chunk.byte_offset >= 512 else chunk.byte_offset + 512
    content[start : start + chunk.size] = b"\x5a" * chunk.size
    content[start + 512 : start + 512 + chunk.size] = b"\x5a" * chunk.size  # offsets may or may not count the block
    mat.write_bytes(content)
    with pytest.raises(InputError, match=r"frame 0002: damaged"):
        source.read(source.frames[1])


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file".ljust(600)])
def test_another_format_is_refused(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(InputError, match=r"not a MATLAB 7\.3"):
        NyuLabeled(tmp_path)


def test_a_truncated_file_is_refused(mat):
    mat.write_bytes(mat.read_bytes()[:2000])
    with pytest.raises(InputError, match="truncated"):
        NyuLabeled(mat)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        NyuLabeled(tmp_path)


def test_a_file_of_something_else_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["images"] = np.zeros((1, 3, 8, 6), np.uint8)
    with pytest.raises(InputError, match="holds no depths, scenes"):
        NyuLabeled(tmp_path / "other.mat")


def test_shapes_that_do_not_fit_are_refused(mat):
    with h5py.File(mat, "r+") as file:
        del file["depths"]
        file["depths"] = np.ones((3, 6, 8), np.float32)
    with pytest.raises(InputError, match=r"\(N, W, H\)"):
        NyuLabeled(mat)


def test_too_few_scenes_are_refused(mat):
    with h5py.File(mat, "r+") as file:
        references = file["scenes"][:, :2]
        del file["scenes"]
        file.create_dataset("scenes", data=references, dtype=h5py.ref_dtype)
    with pytest.raises(InputError, match="3 images but 2 scenes"):
        NyuLabeled(mat)


def test_scenes_that_are_no_references_are_refused(mat):
    with h5py.File(mat, "r+") as file:
        del file["scenes"]
        file["scenes"] = np.ones((1, 3))
    with pytest.raises(InputError, match="its scenes cannot be read"):
        NyuLabeled(mat)


def test_without_h5py_the_cure_is_told(mat, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[train\]'"):
        NyuLabeled(mat)


def test_threads_and_copies_read_the_same(mat):
    source = pickle.loads(pickle.dumps(NyuLabeled(mat)))
    expected = [source.read(frame).depth_m for frame in source.frames]
    with ThreadPoolExecutor(4) as pool:
        for depth_m, again in zip(expected * 5, pool.map(source.read, source.frames * 5), strict=True):
            np.testing.assert_array_equal(depth_m, again.depth_m)
