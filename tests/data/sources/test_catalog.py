"""What every source must keep, checked for each of them, and how the right one is found."""

import json
import shutil
import warnings
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


def write_bts(root: Path) -> Path:
    for stem in ("sync/den_0001a/{}_00000", "sync/den_0001b/{}_00000", "official_splits/test/bathroom/{}_00045"):
        save(PICTURE, root / f"{stem.format('rgb')}.jpg")
        save(MILLIMETRES, root / f"{stem.format('sync_depth')}.png")
    return root


def write_fastdepth(root: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    for name in ("train/den_0001a/00001.h5", "train/den_0001a/00006.h5", "val/official/00001.h5"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(root / name, "w") as file:
            file["rgb"] = PICTURE.transpose(2, 0, 1)
            file["depth"] = (MILLIMETRES / 1000).astype(np.float32)
    return root


def write_tum(root: Path) -> Path:
    for scene in ("rgbd_dataset_freiburg1_desk", "rgbd_dataset_freiburg3_office"):
        for folder, picture, delay_s in (("rgb", PICTURE, 0.0), ("depth", MILLIMETRES * 5, 0.01)):
            rows = ["# timestamp filename"]
            for time_s in (1305031453.359684, 1305031453.391690):
                name = f"{folder}/{time_s + delay_s:.6f}.png"
                save(picture, root / scene / name)
                rows.append(f"{time_s + delay_s:.6f} {name}")
            (root / scene / f"{folder}.txt").write_text("\n".join(rows))
    return root


def write_7scenes(root: Path) -> Path:
    for scene in ("chess/seq-01", "chess/seq-02", "fire/seq-01"):
        save(PICTURE, root / scene / "frame-000000.color.png")
        save(MILLIMETRES, root / scene / "frame-000000.depth.png")
        (root / scene / "frame-000000.pose.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    (root / "chess" / "TrainSplit.txt").write_text("sequence1\n")
    (root / "chess" / "TestSplit.txt").write_text("sequence2\n")
    return root


def write_sunrgbd(root: Path) -> Path:
    for name in ("kv1/NYUdata/NYU0001", "kv1/NYUdata/NYU0002", "xtion/sun3ddata/mit_w20/hall_1/frame_7"):
        save(PICTURE, root / name / "image" / "a.jpg")
        save((MILLIMETRES << 3) | (MILLIMETRES >> 13), root / name / "depth_bfx" / "b.png")
        (root / name / "intrinsics.txt").write_text("30 0 15.5 0 30 11.5 0 0 1")
        (root / name / "scene.txt").write_text("bedroom")
    return root


def write_scannet(root: Path) -> Path:
    for scene in ("scene0000_00", "scene0000_01", "scene0001_00"):
        save(PICTURE, root / "scans" / scene / "color" / "0.jpg")
        save(MILLIMETRES, root / "scans" / scene / "depth" / "0.png")
    return root


def write_stray(root: Path) -> Path:
    for scene in ("71de12f9", "a0b1c2d3"):
        save(PICTURE, root / scene / "rgb" / "000000.png")
        save(MILLIMETRES, root / scene / "depth" / "000000.png")
        save(np.full((24, 32), 2, np.uint8), root / scene / "confidence" / "000000.png")
        (root / scene / "camera_matrix.csv").write_text("1500, 0, 960\n0, 1500, 720\n0, 0, 1")
    return root


def write_record3d(root: Path) -> Path:
    for scene in ("kitchen", "hall"):
        save(PICTURE, root / scene / "rgbd" / "0.jpg")
        (root / scene / "rgbd" / "0.depth").write_bytes((MILLIMETRES / 1000).astype(np.float32).tobytes())
        metadata = {"w": 32, "h": 24, "dw": 32, "dh": 24, "K": [30, 0, 0, 0, 30, 0, 15.5, 11.5, 1]}
        (root / scene / "metadata").write_text(json.dumps(metadata))
    return root


def write_realsense(root: Path) -> Path:
    for time_ms in ("1574086211203.45678710937500", "1574086211236.79003906250000"):
        save(PICTURE, root / f"walk_Color_{time_ms}.png")
        save(MILLIMETRES, root / f"walk_Depth_{time_ms}.png")
    return root


def write_kitti(root: Path) -> Path:
    for part, drive in (("train", "2011_09_26_drive_0001_sync"), ("val", "2011_09_26_drive_0002_sync")):
        save(PICTURE, root / "2011_09_26" / drive / "image_02" / "data" / "0000000005.png")
        depth = np.round(MILLIMETRES * 0.256).astype(np.uint16)
        save(depth, root / part / drive / "proj_depth" / "groundtruth" / "image_02" / "0000000005.png")
    return root


def write_huggingface(root: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    depth = Image.fromarray((MILLIMETRES / 1000).astype(np.float32))
    columns = datasets.Features({"image": datasets.Image(), "depth_map": datasets.Image()})
    rows = {"image": [Image.fromarray(PICTURE)] * 2, "depth_map": [depth] * 2}
    with warnings.catch_warnings():  # of the package that it pickles with
        warnings.simplefilter("ignore")
        table = datasets.Dataset.from_dict(rows, features=columns)
        datasets.DatasetDict({"train": table, "validation": table}).save_to_disk(root)
    return root


WRITERS = {
    "store": write_store,
    "tum": write_tum,
    "stray": write_stray,
    "record3d": write_record3d,
    "scenes": write_scenes,
    "paired": write_paired,
    "densedepth-nyu": write_densedepth,
    "nyu-labeled": write_labeled,
    "bts": write_bts,
    "fastdepth": write_fastdepth,
    "7scenes": write_7scenes,
    "sunrgbd": write_sunrgbd,
    "scannet": write_scannet,
    "kitti": write_kitti,
    "realsense": write_realsense,
    "huggingface": write_huggingface,
}

STEPS_M = {
    **dict.fromkeys(WRITERS.keys() - {"store"}, 0.001),
    **dict.fromkeys(("nyu-labeled", "fastdepth", "record3d", "huggingface"), 1.0),
    "densedepth-nyu": 10 / 255,
    "tum": 1 / 5000,
    "kitti": 1 / 256,
}
"""Metres per step that each kind's format implies; a store knows its own."""

every_kind = pytest.mark.parametrize("kind", SOURCES)


@pytest.fixture
def root(kind, tmp_path):
    return WRITERS[kind](tmp_path / "data-set")


@every_kind
def test_it_is_found_by_itself(kind, root):
    assert type(open_source(root)) is SOURCES[kind]
    assert open_source(root).root == root


@every_kind
def test_no_kind_takes_another_for_its_own(kind, root):
    # Only the plain layout of folders also fits what says more, and is asked later.
    assert [other for other, source in SOURCES.items() if source.recognises(root)] in ([kind], [kind, "scenes"])


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


@pytest.mark.parametrize("kind", sorted(STEPS_M))
def test_the_unit_can_be_overridden(kind, root):
    natural, doubled = open_source(root), open_source(root, depth_unit_m=2 * STEPS_M[kind])
    frame = natural.frames[0]
    np.testing.assert_allclose(doubled.read(frame).depth_m, natural.read(frame).depth_m * 2, rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(STEPS_M))
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
