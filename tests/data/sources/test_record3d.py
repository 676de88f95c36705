"""Record3D's recordings, as dataloaders/record3d.py of notmahi/clip-fields reads them."""

import json
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.record3d import Record3D
from leadline.errors import InputError, UsageError

DEPTH_M = np.random.default_rng(0).uniform(0.3, 5, (16, 12)).astype(np.float32)
DEPTH_M[0, :2] = np.nan, 0
CONFIDENCE = np.random.default_rng(1).integers(0, 3, (16, 12)).astype(np.uint8)
METADATA = {"w": 24, "h": 32, "dw": 12, "dh": 16, "K": [30.5, 0, 0, 0, 30.5, 0, 11.5, 15.5, 1]}


def write_recording(folder, *, metadata=METADATA, compress=bytes, confidence=False, count=2):
    (folder / "rgbd").mkdir(parents=True)
    (folder / "metadata").write_text(json.dumps(metadata))
    for number in range(count):
        Image.new("RGB", (24, 32), (5, 6, 7)).save(folder / "rgbd" / f"{number}.jpg")
        (folder / "rgbd" / f"{number}.depth").write_bytes(compress(DEPTH_M.tobytes()))
        if confidence:
            (folder / "rgbd" / f"{number}.conf").write_bytes(compress(CONFIDENCE.tobytes()))
    return folder


def packed(folder):
    path = folder.with_suffix(".r3d")
    with zipfile.ZipFile(path, "w") as archive:
        for file in [*sorted(folder.rglob("*.*")), folder / "metadata"]:
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def first_sample(root):
    source = Record3D(root)
    return source.read(source.frames[0])


def test_depth_comes_back_to_the_bit(tmp_path):
    sample = first_sample(write_recording(tmp_path / "hall"))
    np.testing.assert_array_equal(sample.depth_m, np.nan_to_num(DEPTH_M))
    assert sample.image.shape == (32, 24, 3)


def test_compressed_depth_is_unpacked(tmp_path):
    liblzfse = pytest.importorskip("liblzfse")
    sample = first_sample(write_recording(tmp_path / "hall", compress=liblzfse.compress, confidence=True))
    np.testing.assert_array_equal(sample.depth_m, np.where(CONFIDENCE > 0, np.nan_to_num(DEPTH_M), 0))


def test_an_archive_is_read_in_place(tmp_path):
    folder = write_recording(tmp_path / "hall", confidence=True)
    unpacked, archive = Record3D(folder), Record3D(packed(folder))
    assert archive.frames == unpacked.frames
    for frame in archive.frames:
        np.testing.assert_array_equal(archive.read(frame).depth_m, unpacked.read(frame).depth_m)
        np.testing.assert_array_equal(archive.read(frame).image, unpacked.read(frame).image)


def test_a_folder_may_hold_archives_and_unpacked_recordings(tmp_path):
    packed(write_recording(tmp_path / "elsewhere" / "kitchen"))
    (tmp_path / "elsewhere" / "kitchen.r3d").rename(tmp_path / "kitchen.r3d")
    write_recording(tmp_path / "hall", count=1)
    assert Record3D.recognises(tmp_path)
    identities = [(frame.identity, frame.room) for frame in Record3D(tmp_path).frames]
    assert identities == [("kitchen/000000", "kitchen"), ("kitchen/000001", "kitchen"), ("hall/000000", "hall")]


@pytest.mark.parametrize(
    "intrinsics",
    [
        {"K": [30.5, 0, 0, 0, 31.5, 0, 11.5, 15.5, 1]},
        {"K": [30.5, 0, 11.5, 0, 31.5, 15.5, 0, 0, 1]},
        {"K": [1, 0, 0, 0, 1, 0, 1, 1, 1], "perFrameIntrinsicCoeffs": [[30.5, 31.5, 11.5, 15.5]]},
    ],
    ids=["by columns", "by rows", "of each frame"],
)
def test_intrinsics_are_understood_in_every_form(tmp_path, intrinsics):
    camera = first_sample(write_recording(tmp_path / "hall", metadata={**METADATA, **intrinsics})).camera
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (30.5, 31.5, 11.5, 15.5)
    assert (camera.width, camera.height) == (24, 32)


def test_without_intrinsics_the_camera_is_unknown(tmp_path):
    metadata = {key: value for key, value in METADATA.items() if key != "K"}
    assert first_sample(write_recording(tmp_path / "hall", metadata=metadata)).camera is None


@pytest.mark.parametrize("change", [{"K": [1, 2]}, {"K": "wide"}, {"w": None}, {"K": [-3, 0, 0, 0, 1, 0, 1, 1, 1]}])
def test_intrinsics_that_cannot_be_meant_are_refused(tmp_path, change):
    folder = write_recording(tmp_path / "hall", metadata={**METADATA, **change})
    with pytest.raises(InputError, match="metadata: its intrinsics cannot be understood"):
        first_sample(folder)


@pytest.mark.parametrize("change", [{"dw": 13}, {"dh": None}])
def test_depth_of_another_size_than_promised_is_refused(tmp_path, change):
    folder = write_recording(tmp_path / "hall", metadata={**METADATA, **change})
    with pytest.raises(InputError, match=r"0\.depth: its 768 bytes are not the dw x dh numbers"):
        first_sample(folder)


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_broken_metadata_is_named(tmp_path, content):
    folder = write_recording(tmp_path / "hall")
    (folder / "metadata").write_text(content)
    with pytest.raises(InputError, match="metadata: cannot be understood"):
        Record3D(folder)


def test_damaged_compression_is_named(tmp_path):
    pytest.importorskip("liblzfse")
    folder = write_recording(tmp_path / "hall", compress=lambda content: b"bvx2" + b"\xff" * 40)
    with pytest.raises(InputError, match=r"0\.depth: damaged|0\.depth: its \d+ bytes"):
        first_sample(folder)


def test_without_liblzfse_the_cure_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "liblzfse", None)
    folder = write_recording(tmp_path / "hall", compress=lambda content: b"bvx2" + content)
    with pytest.raises(UsageError, match="pip install pyliblzfse"):
        first_sample(folder)


@pytest.mark.parametrize("inner", ["", "hall"])
def test_the_export_with_exr_depth_is_refused_with_its_cure(tmp_path, inner):
    for name in ("rgb/0.jpg", "depth/0.exr"):
        (tmp_path / inner / name).parent.mkdir(parents=True)
        (tmp_path / inner / name).write_bytes(b"x")
    assert Record3D.recognises(tmp_path)
    with pytest.raises(InputError, match=r"share the recording as \.r3d"):
        Record3D(tmp_path)


def test_an_archive_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.r3d", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="metadata: missing"):
        Record3D(tmp_path / "a.r3d")
