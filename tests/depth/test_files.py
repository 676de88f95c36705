"""Depth that goes to a file and comes back."""

import errno
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from leadline.depth.files import MAX_DEPTH16_M, check_unit, read_depth, write_depth16, write_npy
from leadline.errors import InputError, OutputError

metres = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(0.25, 60, width=32) | st.just(float("nan")) | st.just(0.0),
)


def save(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    return path


@settings(deadline=None, max_examples=60)
@given(metres)
def test_16_bits_are_right_to_half_a_millimetre_and_holes_stay_holes(tmp_path_factory, depth_m):
    path = tmp_path_factory.mktemp("depth") / "a.png"
    write_depth16(path, depth_m)
    read_m, known = read_depth(path), np.isfinite(depth_m) & (depth_m > 0)
    assert read_m.dtype == np.float32
    np.testing.assert_array_equal(read_m > 0, known)
    # Half a step, and the rounding of 60 m in float32.
    np.testing.assert_allclose(read_m[known], depth_m[known], rtol=0, atol=0.000505)


@settings(deadline=None, max_examples=40)
@given(metres)
def test_npy_is_exact(tmp_path_factory, depth_m):
    path = tmp_path_factory.mktemp("depth") / "a.npy"
    write_npy(path, depth_m)
    np.testing.assert_array_equal(read_depth(path), np.nan_to_num(depth_m))
    np.testing.assert_array_equal(np.load(path), depth_m)


def test_what_16_bits_cannot_say_becomes_a_hole(tmp_path):
    depth_m = np.array([[1.0, MAX_DEPTH16_M, 65.54, np.inf, -np.inf, np.nan, -1.0, 0.0004]], np.float32)
    write_depth16(tmp_path / "a.png", depth_m)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode.startswith("I;16")
        assert np.asarray(picture).tolist() == [[1000, 65_535, 0, 0, 0, 0, 0, 0]]


def test_writing_leaves_the_map_as_it_was(tmp_path):
    depth_m = np.array([[1.0, np.nan, 99.0]], np.float32)
    before = depth_m.copy()
    write_depth16(tmp_path / "a.png", depth_m)
    write_npy(tmp_path / "a.npy", depth_m)
    np.testing.assert_array_equal(depth_m, before)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", np.full((2, 3), 1500, np.uint16)),
        ("a.tif", np.full((2, 3), 1500, np.uint16)),
        ("a.tiff", np.full((2, 3), 1.5, np.float32)),
        ("a.npy", np.full((2, 3), 1500, np.uint16)),
        ("a.npy", np.full((2, 3), 1500, np.int64)),
        ("a.npy", np.full((2, 3), 1.5, np.float16)),
        ("a.npy", np.full((2, 3), 1.5, np.float64)),
        ("a.npy", np.full((1, 2, 3), 1.5, np.float32)),
        ("a.npy", np.full((2, 3, 1), 1.5, np.float32)),
        ("A.NPY", np.full((2, 3), 1.5, np.float32)),
    ],
)
def test_integers_are_millimetres_and_floats_are_metres(tmp_path, name, array):
    depth_m = read_depth(save(tmp_path / name, array) if name != "A.NPY" else _upper(tmp_path, array))
    assert depth_m.dtype == np.float32
    np.testing.assert_allclose(depth_m, np.full((2, 3), 1.5), rtol=1e-6)


def _upper(folder, array):
    return save(folder / "a.npy", array).rename(folder / "A.NPY")


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 0])
@pytest.mark.parametrize("name", ["a.npy", "a.tiff"])
def test_nan_infinity_and_zero_are_holes(tmp_path, name, hole):
    depth_m = np.array([[hole, 2.0]], np.float32)
    assert read_depth(save(tmp_path / name, depth_m)).tolist() == [[0.0, 2.0]]


def test_another_unit_can_be_told(tmp_path):
    path = save(tmp_path / "a.png", np.full((2, 3), 5000, np.uint16))
    np.testing.assert_allclose(read_depth(path, unit_m=0.0002), 1.0, rtol=1e-6)


@pytest.mark.parametrize("unit_m", [0.0, -0.001, float("nan")])
def test_a_unit_that_is_not_positive_is_refused(tmp_path, unit_m):
    path = save(tmp_path / "a.png", np.full((2, 3), 5000, np.uint16))
    with pytest.raises(InputError, match="unit must be positive"):
        read_depth(path, unit_m=unit_m)


@pytest.mark.parametrize(
    ("array", "guess"),
    [
        (np.full((2, 3), 2000, np.float32), r"millimetres \(0\.001\)"),
        (np.full((2, 3), 200, np.float32), r"centimetres \(0\.01\)"),
        (np.full((2, 3), 2, np.uint16), r"metres \(1\)"),
    ],
)
def test_a_unit_that_cannot_be_meant_is_answered_with_a_likely_one(tmp_path, array, guess):
    with pytest.raises(InputError, match=rf"a\.npy: .*{guess}.*--data\.depth-unit-m"):
        read_depth(save(tmp_path / "a.npy", array))


def test_a_unit_that_nobody_uses_is_refused_without_a_guess():
    with pytest.raises(InputError, match=r"cannot be meant\. Give"):
        check_unit(np.full((2, 3), 1e9, np.float32), unit_m=1.0, name="a")


@settings(deadline=None)
@given(st.floats(0.0111, 99), st.floats(0, 0.9))
def test_depth_of_a_camera_is_never_refused_whatever_share_is_missing(median_m, missing_share):
    depth_m = np.full(1000, median_m, np.float32)
    depth_m[: int(missing_share * 1000)] = 0
    check_unit(depth_m.reshape(20, 50), unit_m=1.0, name="a")


def test_a_map_without_a_measurement_has_no_unit_to_check():
    check_unit(np.zeros((2, 3), np.float32), unit_m=1.0, name="a")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_pictures_of_8_bits_are_refused(tmp_path, mode):
    Image.new(mode, (3, 2)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: an 8-bit or colour picture"):
        read_depth(tmp_path / "a.png")


def test_negative_depth_is_refused_and_counted(tmp_path):
    path = save(tmp_path / "a.npy", np.array([[-1.0, 2.0, -0.5]], np.float32))
    with pytest.raises(InputError, match="2 pixels have negative depth"):
        read_depth(path)


@pytest.mark.parametrize(
    "array",
    [
        np.ones(3),
        np.ones((2, 3, 3)),
        np.ones((0, 3)),
        np.array(1.0),
        np.ones((2, 3), np.complex64),
        np.ones((2, 3), bool),
    ],
)
def test_arrays_that_are_no_map_are_refused(tmp_path, array):
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_depth(save(tmp_path / "a.npy", array))


def test_pickled_objects_are_not_unpacked(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[object()]]), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: not a NumPy array"):
        read_depth(tmp_path / "a.npy")


def test_an_archive_of_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", depth=np.ones((2, 3)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"a\.npy: "):
        read_depth(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.tiff"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7])
def test_truncated_files_are_named(tmp_path, name, share):
    noise = np.random.default_rng(0).integers(500, 5000, (40, 60)).astype(np.uint16)
    path = save(tmp_path / name, noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=name):
        read_depth(path)


@pytest.mark.parametrize("name", ["a.png", "a.npy"])
def test_missing_files_and_folders_are_named(tmp_path, name):
    with pytest.raises(InputError, match=f"{name}: no such file"):
        read_depth(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=name):
        read_depth(tmp_path / name)


@pytest.mark.parametrize(("write", "name"), [(write_depth16, "a.png"), (write_npy, "a.npy")])
class TestWriting:
    """Where writing may fail."""

    depth_m = np.full((40, 60), 1.5, np.float32)

    def test_makes_missing_folders(self, tmp_path, write, name):
        write(tmp_path / "deep" / "down" / name, self.depth_m)
        assert (tmp_path / "deep" / "down" / name).exists()

    def test_below_a_file_is_an_output_error(self, tmp_path, write, name):
        (tmp_path / "file").write_text("x")
        with pytest.raises(OutputError, match=f"{name}: cannot be written"):
            write(tmp_path / "file" / name, self.depth_m)

    def test_on_a_full_disk_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch, write, name):
        write(tmp_path / name, self.depth_m)
        before = (tmp_path / name).read_bytes()

        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match=f"{name}: no space left"):
            write(tmp_path / name, 2 * self.depth_m)
        assert (tmp_path / name).read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_disk_that_fills_up_while_the_picture_is_encoded_leaves_nothing(tmp_path, monkeypatch):
    def full(self, path, **options):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="no space left"):
        write_depth16(tmp_path / "a.png", np.ones((2, 3), np.float32))
    assert list(tmp_path.iterdir()) == []
