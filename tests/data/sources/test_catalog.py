"""What every source must keep, checked for each of them, and how the right one is found."""

import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.data.depth_code import DepthCode
from leadline.data.prepare import prepare
from leadline.data.sample import fingerprint
from leadline.data.sources.catalog import LAYOUTS, SOURCES, open_source
from leadline.data.sources.scene_folders import SceneFolders
from leadline.depth.framing import Framing
from leadline.errors import InputError, UsageError

MILLIMETRES = np.random.default_rng(0).integers(800, 4000, (24, 32)).astype(np.uint16)
PICTURE = np.random.default_rng(1).integers(0, 255, (24, 32, 3)).astype(np.uint8)


def save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_scenes(root: Path) -> Path:
    for scene in ("hall", "kitchen"):
        for name in ("0001", "0002"):
            save(PICTURE, root / scene / "rgb" / f"{name}.jpg")
            save(MILLIMETRES, root / scene / "depth" / f"{name}.png")
    return root


def write_paired(root: Path) -> Path:
    for stem in ("train/0001", "train/0002", "val/0001"):
        save(PICTURE, root / "images" / f"{stem}.png")
        save(MILLIMETRES, root / "depth" / f"{stem}.png")
    return root


def write_densedepth(root: Path) -> Path:
    unpacked = root.with_name("unpacked")
    rows = []
    for scene in ("office_0001a_out", "office_0001b_out"):
        save(PICTURE, unpacked / f"data/nyu2_train/{scene}/1.jpg")
        save((MILLIMETRES / 40).astype(np.uint8), unpacked / f"data/nyu2_train/{scene}/1.png")
        rows.append(f"data/nyu2_train/{scene}/1.jpg,data/nyu2_train/{scene}/1.png\n")
    (unpacked / "data/nyu2_train.csv").write_text("".join(rows))
    root.mkdir()
    with zipfile.ZipFile(root / "nyu_data.zip", "w") as archive:
        for file in sorted(unpacked.rglob("*.*")):
            archive.write(file, file.relative_to(unpacked))
    shutil.rmtree(unpacked)
    return root


def write_labeled(root: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    root.mkdir()
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w", userblock_size=512) as file:
        file["images"] = np.stack([PICTURE] * 3).transpose(0, 3, 2, 1)
        file["depths"] = np.stack([MILLIMETRES / 1000] * 3).transpose(0, 2, 1).astype(np.float32)
        references = file.create_dataset("scenes", (1, 3), dtype=h5py.ref_dtype)
        for index, scene in enumerate(("den_0001", "den_0001", "attic_0002")):
            text = file.create_dataset(f"#refs#/{index}", data=np.array([[ord(c)] for c in scene], np.uint16))
            references[0, index] = text.ref
    return root


def write_store(root: Path) -> Path:
    scenes = SceneFolders(write_scenes(root.with_name("scenes")))
    prepare(scenes, root, framing=Framing(height=24, width=32), code=DepthCode(), workers=1)
    return root


WRITERS = {
    "store": write_store,
    "scenes": write_scenes,
    "paired": write_paired,
    "densedepth-nyu": write_densedepth,
    "nyu-labeled": write_labeled,
}

UNITS_M = {"scenes": 0.001, "paired": 0.001, "densedepth-nyu": 10 / 255, "nyu-labeled": 1.0}
"""Of the kinds whose files do not say their own."""

every_kind = pytest.mark.parametrize("kind", SOURCES)


@pytest.fixture
def root(kind, tmp_path):
    return WRITERS[kind](tmp_path / "data-set")


@every_kind
def test_it_is_found_by_itself(kind, root):
    assert type(open_source(root)) is SOURCES[kind]
    assert open_source(root).root == root


@every_kind
def test_every_sample_has_colours_metres_and_a_mask(kind, root):
    source = open_source(root, kind=kind)
    for frame in source.frames:
        sample = source.read(frame)
        assert sample.frame is frame
        assert sample.image.dtype == np.uint8
        assert sample.image.shape == (24, 32, 3)
        assert sample.depth_m.dtype == np.float32
        assert sample.depth_m.shape == (24, 32)
        assert sample.valid.dtype == np.bool_
        assert np.isfinite(sample.depth_m).all()
        assert (sample.depth_m >= 0).all()
        assert 0.5 < np.median(sample.depth_m[sample.valid]) < 5


@every_kind
def test_identities_are_unique_and_every_frame_has_a_room(kind, root):
    frames = open_source(root, kind=kind).frames
    assert len({frame.identity for frame in frames}) == len(frames) > 1
    assert all(frame.room and frame.scene and frame.size_bytes > 0 for frame in frames)
    assert all(frame.subset in ("train", "test", None) for frame in frames)


@every_kind
def test_the_fingerprint_does_not_depend_on_place_or_order(kind, root, tmp_path):
    before = open_source(root).frames
    moved = tmp_path / "elsewhere" / root.name
    moved.parent.mkdir()
    shutil.move(root, moved)
    after = open_source(moved).frames
    assert fingerprint(before) == fingerprint(after) == fingerprint(after[::-1])
    assert fingerprint(before) != fingerprint(before[1:])


@every_kind
def test_threads_read_the_same(kind, root):
    source = open_source(root, kind=kind)
    expected = [source.read(frame) for frame in source.frames]
    with ThreadPoolExecutor(8) as pool:
        for sample, again in zip(expected * 8, pool.map(source.read, [*source.frames] * 8), strict=True):
            np.testing.assert_array_equal(sample.image, again.image)
            np.testing.assert_array_equal(sample.depth_m, again.depth_m)


@every_kind
def test_listing_opens_no_picture(kind, root, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a picture was opened")

    monkeypatch.setattr(Image, "open", refuse)
    assert open_source(root, kind=kind).frames


@pytest.mark.parametrize("kind", UNITS_M)
def test_the_unit_can_be_overridden(kind, root):
    natural, doubled = open_source(root), open_source(root, depth_unit_m=2 * UNITS_M[kind])
    frame = natural.frames[0]
    np.testing.assert_allclose(doubled.read(frame).depth_m, natural.read(frame).depth_m * 2, rtol=1e-6)


@pytest.mark.parametrize("kind", UNITS_M)
def test_a_unit_that_cannot_be_meant_is_refused(kind, root):
    source = open_source(root, depth_unit_m=500.0)
    with pytest.raises(InputError, match="median depth"):
        source.read(source.frames[0])


@every_kind
def test_it_does_not_recognise_what_is_not_there(kind, tmp_path):
    source = SOURCES[kind]
    (tmp_path / "file.txt").write_text("x")
    for path in (tmp_path, tmp_path / "gone", tmp_path / "file.txt", tmp_path / "file.txt" / "below"):
        assert not source.recognises(path)


def test_every_kind_has_a_layout_and_a_writer_here():
    assert SOURCES.keys() == LAYOUTS.keys() == WRITERS.keys()


def test_of_two_readings_the_first_in_the_catalog_wins(tmp_path):
    write_paired(tmp_path / "data-set")
    write_scenes(tmp_path / "data-set")
    assert type(open_source(tmp_path / "data-set")) is SOURCES["scenes"]
    assert type(open_source(tmp_path / "data-set", kind="paired")) is SOURCES["paired"]


def test_an_unknown_folder_is_answered_with_what_is_known_and_what_is_there(tmp_path):
    (tmp_path / "holiday").mkdir()
    (tmp_path / "beach.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"found 1 files \.jpg and 1 folders \(holiday\)") as caught:
        open_source(tmp_path)
    assert all(kind in str(caught.value) and layout in str(caught.value) for kind, layout in LAYOUTS.items())


def test_an_empty_folder_is_called_so(tmp_path):
    with pytest.raises(InputError, match="the folder is empty"):
        open_source(tmp_path)


def test_an_unknown_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="single file"):
        open_source(tmp_path / "a.txt")


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        open_source(tmp_path / "gone")


def test_an_unknown_kind_is_answered_with_its_neighbour(tmp_path):
    with pytest.raises(UsageError, match=r"did you mean 'scenes'\?.*auto"):
        open_source(tmp_path, kind="scene")


@pytest.mark.parametrize("unit_m", [0.0, -0.001, float("nan"), float("inf")])
def test_a_unit_that_is_not_positive_is_refused(tmp_path, unit_m):
    with pytest.raises(UsageError, match="positive"):
        open_source(tmp_path, depth_unit_m=unit_m)


def test_a_store_takes_no_unit(tmp_path):
    with pytest.raises(UsageError, match="knows its metres"):
        open_source(write_store(tmp_path / "data-set"), depth_unit_m=0.001)
