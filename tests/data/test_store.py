"""Frames prepared once: whole or not at all, and never those of another source."""

import errno
import io
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from leadline.cli import main
from leadline.data import prepare as prepare_module
from leadline.data.depth_code import DepthCode
from leadline.data.frames import load_store
from leadline.data.prepare import frame_bytes, prepare
from leadline.data.sample import fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.sources.stored_frames import StoredFrames
from leadline.data.store import open_store
from leadline.depth.framing import Framing
from leadline.errors import InputError, OutputError, UsageError
from leadline.options import DataOptions

FRAMING, CODE = Framing(height=32, width=40), DepthCode()


@pytest.fixture
def root(tmp_path, write_scenes, monkeypatch) -> Path:
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    return write_scenes(tmp_path / "frames", rooms=3, frames=2)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(prepare_module, "SHARD_FRAMES", 2)


def prepared(root: Path, folder: Path, **options):
    return prepare(SceneFolders(root), folder, **{"framing": FRAMING, "code": CODE, "workers": 2, **options})


def loaded(root: Path, **options):
    said = io.StringIO()
    data = DataOptions(root=root, height=32, width=40, **options)
    store, frames = load_store(data, max_depth_m=10.0, console=Console(file=said, width=500))
    return store, frames, said.getvalue()


def spoil(root: Path, count: int = 1) -> list[Path]:
    bad = sorted(root.glob("*/depth/*.png"))[:count]
    for path in bad:
        path.write_bytes(path.read_bytes()[:40])
    return bad


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_a_batch_is_what_framing_makes_of_the_source(root, tmp_path, small_shards, fit):
    framing = Framing(height=32, width=32, fit=fit)
    store = prepared(root, tmp_path / "store", framing=framing)
    source = SceneFolders(root)
    indices = [5, 0, 3, 3]  # across shards, in any order, repeated
    color, levels = store.gather(indices)
    for place, index in enumerate(indices):
        frame = store.frames[index].frame
        sample = source.read(frame)
        np.testing.assert_array_equal(color[place].transpose(1, 2, 0), framing.image(sample.image))
        np.testing.assert_allclose(CODE.metres(levels[place]), framing.depth(sample.depth_m), atol=0.00051)
    assert store.positions() == {stored.frame.identity: i for i, stored in enumerate(store.frames)}
    assert [stored.frame for stored in store.frames] == list(source.frames)


def test_an_opened_store_is_the_one_that_was_prepared(root, tmp_path, small_shards):
    assert open_store(tmp_path / "store") is None
    made, opened = prepared(root, tmp_path / "store"), open_store(tmp_path / "store")
    assert opened.frames == made.frames
    assert (opened.framing, opened.code, opened.fingerprint) == (FRAMING, CODE, made.fingerprint)
    for ours, theirs in zip(opened.gather(range(6)), made.gather(range(6)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_interrupted_preparation_goes_on_where_it_stopped(root, tmp_path, small_shards, monkeypatch):
    folder, read, done = tmp_path / "store", SceneFolders.read, []

    def until_the_fourth(self, frame):
        done.append(frame.identity)
        if len(done) > 3:
            raise KeyboardInterrupt
        return read(self, frame)

    monkeypatch.setattr(SceneFolders, "read", until_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        prepared(root, folder, workers=1)
    assert open_store(folder) is None
    assert (folder / "shard-00000.json").exists()
    assert not (folder / "shard-00001.json").exists()
    again, advanced = [], []
    monkeypatch.setattr(SceneFolders, "read", lambda self, frame: again.append(frame.identity) or read(self, frame))
    store = prepared(root, folder, advance=advanced.append)
    assert len(again) == 4
    assert sum(advanced) == 6
    monkeypatch.undo()
    fresh = prepared(root, tmp_path / "fresh")
    np.testing.assert_array_equal(store.gather(range(6))[1], fresh.gather(range(6))[1])


def test_a_changed_source_is_noticed(root, tmp_path, write_scenes):
    prepared(root, tmp_path / "store")
    write_scenes(root / "more", rooms=1, frames=1)
    (root / "more" / "scene-0").rename(root / "scene-9")
    with pytest.raises(InputError, match=r"differs in: fingerprint"):
        prepared(root, tmp_path / "store")
    with pytest.raises(InputError, match=r"differs in: fingerprint"):
        loaded(root, store=tmp_path / "store")


def test_a_store_of_another_size_is_noticed(root, tmp_path):
    prepared(root, tmp_path / "store")
    with pytest.raises(InputError, match=r"differs in: framing"):
        prepared(root, tmp_path / "store", framing=Framing(height=64, width=64))


def test_frames_are_prepared_once(root, monkeypatch):
    first, frames, said = loaded(root)
    assert "preparing 6 frames once" in said
    assert len(frames) == 6
    monkeypatch.setattr(SceneFolders, "read", lambda self, frame: pytest.fail("a frame is read again"))
    second, _, said = loaded(root)
    assert second.folder == first.folder
    assert said == ""


def test_bad_frames_are_listed(root):
    bad = spoil(root, 2)
    with pytest.raises(InputError) as refused:
        loaded(root)
    assert "2 frames cannot be used" in str(refused.value)
    assert all(str(path) in str(refused.value) for path in bad)
    assert "--data.skip-bad-frames" in str(refused.value)


def test_bad_frames_may_be_left_out(root, tmp_path):
    bad = spoil(root)[0]
    store, frames, said = loaded(root, skip_bad_frames=True)
    assert len(store) == len(frames) == 5
    assert list(store.left_out) == [f"{bad.parts[-3]}/{bad.stem}"]
    assert "left out 1 frames" in said
    assert store.gather(range(5))[1].shape == (5, 32, 40)
    with pytest.raises(InputError, match="prepared without 1 unusable"):
        loaded(root, store=store.folder)


def test_a_source_without_a_usable_frame_is_refused(root):
    spoil(root, 6)
    with pytest.raises(InputError, match="none of its 6 frames"):
        loaded(root, skip_bad_frames=True)


def test_a_full_disk_is_said_and_leaves_nothing_half(root, tmp_path, small_shards, monkeypatch):
    folder, save, saved = tmp_path / "store", np.save, []

    def full(path, array):
        saved.append(path)
        if len(saved) > 3:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(path, array)

    monkeypatch.setattr(prepare_module.np, "save", full)
    with pytest.raises(OutputError, match="no space left"):
        prepared(root, folder)
    monkeypatch.undo()
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock", "color-00000.npy", "color-00001.npy", "depth-00000.npy", "plan.json", "shard-00000.json",
    ]  # fmt: skip
    monkeypatch.setattr(prepare_module, "SHARD_FRAMES", 2)
    assert open_store(folder) is None
    assert len(prepared(root, folder)) == 6


@pytest.mark.parametrize("name", ["plan.json", "index.json", "shard-00000.json", "color-00000.npy"])
def test_a_damaged_store_is_refused(root, tmp_path, name):
    prepared(root, tmp_path / "store")
    (tmp_path / "store" / name).write_bytes(b"\x93NUM")
    with pytest.raises(InputError, match=r"delete the (folder|store's folder) and prepare it anew"):
        open_store(tmp_path / "store")


def test_the_median_is_of_what_was_measured(root, tmp_path):
    framing = Framing(height=48, width=64)
    store = prepared(root, tmp_path / "store", framing=framing)
    depth = CODE.metres(store.gather([1, 4])[1])[:, ::4, ::4]
    measured = np.sort(depth[depth > 0])
    assert store.median_depth_m([1, 4]) == pytest.approx(measured[(len(measured) - 1) // 2])


def test_far_depth_is_stored_by_its_logarithm(root):
    store, _ = load_store(DataOptions(root=root, height=32, width=40), max_depth_m=80.0, console=Console(quiet=True))
    assert store.code.step_m == 0


def test_no_root_is_said():
    with pytest.raises(UsageError, match=r"--data\.root"):
        load_store(DataOptions(), max_depth_m=10.0, console=Console(quiet=True))


def test_a_source_whose_files_changed_in_place_is_prepared_anew(root):
    first, _, _ = loaded(root)
    depth = sorted(root.glob("*/depth/*.png"))[0]
    later_ns = depth.stat().st_mtime_ns + 2_000_000_000
    os.utime(depth, ns=(later_ns, later_ns))
    second, _, said = loaded(root)
    assert "preparing 6 frames once" in said
    assert second.folder != first.folder
    with pytest.raises(InputError, match=r"differs in: ages"):
        loaded(root, store=first.folder)


def test_an_older_file_of_the_same_size_in_its_place_is_noticed(root):
    first, _, _ = loaded(root)
    depth = sorted(root.glob("*/depth/*.png"))[0]
    earlier_ns = depth.stat().st_mtime_ns - 86_400_000_000_000
    os.utime(depth, ns=(earlier_ns, earlier_ns))
    second, _, _ = loaded(root)
    assert second.fingerprint == first.fingerprint
    assert second.folder != first.folder


def test_after_bad_frames_were_mended_the_same_folder_is_used(root, tmp_path):
    depth = sorted(root.glob("*/depth/*.png"))[0]
    good = depth.read_bytes()
    depth.write_bytes(good[:20])
    with pytest.raises(InputError, match="1 frames cannot be used"):
        prepared(root, tmp_path / "store")
    depth.write_bytes(good)
    assert len(prepared(root, tmp_path / "store")) == 6


def test_what_a_killed_preparation_left_half_is_swept_up(root, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ".color-00000.77.part.npy").write_bytes(b"half")
    prepared(root, tmp_path / "store")
    assert list((tmp_path / "store").glob("*.part*")) == []


def test_two_that_prepare_at_once_read_each_frame_once(root, tmp_path, small_shards, monkeypatch):
    read, done = SceneFolders.read, []
    monkeypatch.setattr(SceneFolders, "read", lambda self, frame: done.append(frame.identity) or read(self, frame))
    with ThreadPoolExecutor(2) as pool:
        stores = list(pool.map(lambda _: prepared(root, tmp_path / "store"), range(2)))
    assert [len(store) for store in stores] == [6, 6]
    assert len(done) == len(set(done)) == 6


def test_a_store_is_a_source_with_the_same_fingerprint(root, tmp_path):
    store = prepared(root, tmp_path / "store")
    original, source = SceneFolders(root), StoredFrames(tmp_path / "store")
    assert fingerprint(source.frames) == fingerprint(original.frames)
    for index, frame in enumerate(source.frames):
        sample = source.read(frame)
        np.testing.assert_array_equal(sample.image, FRAMING.image(original.read(frame).image))
        np.testing.assert_array_equal(sample.depth_m, CODE.metres(store.gather([index])[1][0]))


def test_a_training_reads_a_store_without_its_source(root, tmp_path, monkeypatch):
    prepared(root, tmp_path / "store")
    shutil.rmtree(root)
    store, frames, said = loaded(tmp_path / "store")
    assert store.folder == tmp_path / "store"
    assert (len(frames), said) == (6, "")
    smaller = DataOptions(root=tmp_path / "store", height=32, width=32)
    resized, _ = load_store(smaller, max_depth_m=10.0, console=Console(quiet=True))
    assert resized.gather([0])[0].shape == (1, 3, 32, 32)


def test_an_unfinished_store_is_no_source(root, tmp_path):
    prepared(root, tmp_path / "store")
    (tmp_path / "store" / "index.json").unlink()
    with pytest.raises(InputError, match="data prepare again"):
        open_source(tmp_path / "store")


def test_cameras_follow_the_resizing(tmp_path, write_scenes):
    root = write_scenes(tmp_path / "frames", rooms=1, frames=1)
    camera = {"intrinsics": {"fx": 60, "fy": 60, "cx": 31.5, "cy": 23.5}, "rgb_size": [64, 48]}
    (root / "scene-0" / "scene.json").write_text(json.dumps(camera))
    store = prepared(root, tmp_path / "store", framing=Framing(height=24, width=40))
    found = store.frames[0].camera
    assert (found.fx_px, found.fy_px) == (30, 30)
    assert (found.cx_px, found.cy_px) == (15.5 + 4, 11.5)  # 32 columns in the middle of 40
    assert (found.width, found.height) == (40, 24)


def test_a_disk_that_is_too_small_is_said_before_the_work(root, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=1000))
    monkeypatch.setattr(SceneFolders, "read", lambda self, frame: pytest.fail("a frame is read"))
    with pytest.raises(OutputError, match=r"the store needs 38\.4 kB more and 1\.0 kB are free.*smaller size"):
        prepared(root, tmp_path / "store")


def test_a_frame_takes_as_many_bytes_as_said(root, tmp_path):
    prepared(root, tmp_path / "store")
    on_disk = sum(path.stat().st_size - 128 for path in (tmp_path / "store").glob("*.npy"))  # but for their headers
    assert on_disk == 6 * frame_bytes(FRAMING)


def test_the_verb_prepares_and_says_how_to_train(root, tmp_path, capsys):
    words = ["data", "prepare", str(root), "--out", str(tmp_path / "store"), "--size", "32x40", "--workers", "1"]
    assert main(words) == 0
    assert "6 frames of 32x40" in capsys.readouterr().out
    assert main([*words[:-4], "--size", "tall"]) == 2
    assert main(["data", "prepare", str(tmp_path / "gone"), "--out", str(tmp_path / "other")]) == 3
    assert len(open_store(tmp_path / "store")) == 6
