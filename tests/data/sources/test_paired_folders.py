"""images/ beside depth/, with and without folders in between."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.paired_folders import PairedFolders
from leadline.errors import InputError


def write_frame(root: Path, stem: str, depth: np.ndarray | None = None, *, suffix: str = ".png") -> None:
    depth = np.full((6, 8), 1500, np.uint16) if depth is None else depth
    color, path = root / "images" / f"{stem}.jpg", root / "depth" / f"{stem}{suffix}"
    color.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (10, 20, 30)).save(color)
    if suffix == ".npy":
        np.save(path, depth)
    else:
        Image.fromarray(depth).save(path)


def deepest_m(root: Path, **options) -> float:
    source = PairedFolders(root, **options)
    return float(source.read(source.frames[0]).depth_m.max())


def test_without_folders_in_between_the_scene_is_called_like_the_root(tmp_path):
    write_frame(tmp_path / "flat", "0001")
    frame = PairedFolders(tmp_path / "flat").frames[0]
    assert (frame.scene, frame.name, frame.room, frame.subset) == ("flat", "0001", "flat", None)


def test_folders_in_between_are_scenes_and_the_first_may_be_a_subset(tmp_path):
    for stem in ("train/0001", "train/kitchen/0001", "val/0001", "test/0001", "hall/0001", "training/0001"):
        write_frame(tmp_path, stem)
    frames = {frame.identity: (frame.scene, frame.room, frame.subset) for frame in PairedFolders(tmp_path).frames}
    assert frames == {
        "train/0001": ("train", "train", "train"),
        "train/kitchen/0001": ("train/kitchen", "train/kitchen", "train"),
        "val/0001": ("val", "val", "test"),
        "test/0001": ("test", "test", "test"),
        "hall/0001": ("hall", "hall", None),
        "training/0001": ("training", "training", None),
    }


def test_a_dot_in_a_name_is_part_of_it(tmp_path):
    write_frame(tmp_path, "1311.0001")
    write_frame(tmp_path, "1311.0002")
    assert [frame.name for frame in PairedFolders(tmp_path).frames] == ["1311.0001", "1311.0002"]


def test_metres_as_npy_are_read_as_they_are(tmp_path):
    write_frame(tmp_path, "a", np.full((6, 8), 2.25, np.float32), suffix=".npy")
    assert deepest_m(tmp_path) == 2.25


@pytest.mark.parametrize("name", ["dataset.yaml", "data.yaml"])
def test_depth_scale_is_the_number_of_steps_per_metre(tmp_path, name):
    write_frame(tmp_path, "a", np.full((6, 8), 512, np.uint16))
    (tmp_path / name).write_text("path: .\ndepth_scale: 256\nnames: {0: depth}\n")
    assert deepest_m(tmp_path) == 2.0
    assert deepest_m(tmp_path, depth_unit_m=0.01) == pytest.approx(5.12)


def test_depth_scale_leaves_npy_files_alone(tmp_path):
    write_frame(tmp_path, "a", np.full((6, 8), 2.25, np.float32), suffix=".npy")
    (tmp_path / "data.yaml").write_text("depth_scale: 256")
    assert deepest_m(tmp_path) == 2.25


@pytest.mark.parametrize("content", ["", "path: .", "depth_scale:", "- a list"])
def test_a_card_without_a_scale_changes_nothing(tmp_path, content):
    write_frame(tmp_path, "a")
    (tmp_path / "dataset.yaml").write_text(content)
    assert deepest_m(tmp_path) == pytest.approx(1.5)


@pytest.mark.parametrize("content", ["depth_scale: 0", "depth_scale: -1", "depth_scale: many", "depth_scale: true"])
def test_a_scale_that_cannot_be_meant_is_refused(tmp_path, content):
    write_frame(tmp_path, "a")
    (tmp_path / "dataset.yaml").write_text(content)
    with pytest.raises(InputError, match=r"dataset\.yaml: depth_scale must be"):
        PairedFolders(tmp_path)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\xff", b"a: 2024-99-99", b"\x00"])
def test_a_broken_card_is_named(tmp_path, content):
    write_frame(tmp_path, "a")
    (tmp_path / "data.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"data\.yaml: not YAML"):
        PairedFolders(tmp_path)


def test_png_is_preferred_to_npy(tmp_path):
    write_frame(tmp_path, "a", np.full((6, 8), 9.0, np.float32), suffix=".npy")
    write_frame(tmp_path, "a", np.full((6, 8), 1500, np.uint16))
    assert deepest_m(tmp_path) == pytest.approx(1.5)


def test_files_without_a_partner_are_listed(tmp_path):
    write_frame(tmp_path, "train/a")
    write_frame(tmp_path, "train/b")
    write_frame(tmp_path, "val/c")
    (tmp_path / "depth/train/b.png").unlink()
    (tmp_path / "images/val/c.jpg").unlink()
    with pytest.raises(InputError, match=r"images/train/b\.jpg \(no depth\), depth/val/c\.png \(no colour\)"):
        PairedFolders(tmp_path)


def test_empty_folders_are_refused(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "depth").mkdir()
    assert PairedFolders.recognises(tmp_path)
    with pytest.raises(InputError, match="no frames"):
        PairedFolders(tmp_path)


def test_a_scene_that_is_called_like_the_root_is_refused_when_names_collide(tmp_path):
    write_frame(tmp_path / "flat", "0001")
    write_frame(tmp_path / "flat", "flat/0001")
    with pytest.raises(InputError, match="two frames are called flat/0001; rename one of them"):
        PairedFolders(tmp_path / "flat")


@pytest.mark.parametrize("file", ["images/a.jpg", "depth/a.png"])
def test_a_broken_file_is_named(tmp_path, file):
    write_frame(tmp_path, "a")
    (tmp_path / file).write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    source = PairedFolders(tmp_path)
    with pytest.raises(InputError, match=Path(file).name):
        source.read(source.frames[0])


def test_other_folders_are_not_recognised(tmp_path):
    (tmp_path / "images").mkdir()
    assert not PairedFolders.recognises(tmp_path)
    assert not PairedFolders.recognises(tmp_path / "gone")
