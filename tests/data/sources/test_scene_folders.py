"""Scenes of rgb/ and depth/, read back as they were written."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from leadline.data.sources.scene_folders import SceneFolders
from leadline.errors import InputError

SHARED = os.environ.get("LEADLINE_SHARED")


def write_frame(scene: Path, name: str, depth: np.ndarray, *, size: tuple[int, int] = (8, 6), suffix: str = ".png"):
    (scene / "rgb").mkdir(parents=True, exist_ok=True)
    (scene / "depth").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 100, 50)).save(scene / "rgb" / f"{name}.jpg")
    path = scene / "depth" / f"{name}{suffix}"
    if suffix == ".npy":
        np.save(path, depth)
    else:
        Image.fromarray(depth).save(path)
    return path


def millimetres(height: int = 6, width: int = 8, value: int = 1500) -> np.ndarray:
    return np.full((height, width), value, np.uint16)


def only_sample(root: Path, **options):
    source = SceneFolders(root, **options)
    assert len(source.frames) == 1
    return source.read(source.frames[0])


def test_millimetres_come_back_as_metres(tmp_path):
    depth = millimetres()
    depth[0, 0] = 0
    depth[1, 1] = 65_535
    write_frame(tmp_path / "kitchen", "0001", depth)
    sample = only_sample(tmp_path)
    assert sample.frame.identity == "kitchen/0001"
    assert sample.image.shape == (6, 8, 3)
    assert sample.depth_m[0, 0] == 0
    assert not sample.valid[0, 0]
    np.testing.assert_allclose(sample.depth_m, depth / 1000, rtol=1e-6)


@settings(deadline=None, max_examples=30)
@given(arrays(np.float32, (6, 8), elements=st.floats(0.25, 20, width=32)))
def test_written_metres_are_right_to_half_a_step(tmp_path_factory, depth_m):
    root = tmp_path_factory.mktemp("scene")
    write_frame(root, "0001", np.round(depth_m * 1000).astype(np.uint16))
    np.testing.assert_allclose(only_sample(root).depth_m, depth_m, atol=0.00051)


@pytest.mark.parametrize("suffix", [".npy", ".tiff"])
def test_nan_and_infinity_in_files_of_floats_are_holes(tmp_path, suffix):
    depth_m = np.full((6, 8), 2.5, np.float32)
    depth_m[0, :3] = np.nan, np.inf, 0
    write_frame(tmp_path / "a", "0001", depth_m, suffix=suffix)
    sample = only_sample(tmp_path)
    assert (sample.depth_m[0, :3] == 0).all()
    assert sample.depth_m[1:].min() == 2.5


def test_a_single_scene_folder_is_a_source_too(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    assert SceneFolders.recognises(tmp_path / "hall")
    assert [frame.identity for frame in SceneFolders(tmp_path / "hall").frames] == ["hall/0001"]


def test_the_working_directory_can_be_the_scene(tmp_path, monkeypatch):
    write_frame(tmp_path / "hall", "0001", millimetres())
    monkeypatch.chdir(tmp_path / "hall")
    assert SceneFolders(Path()).frames[0].scene == "hall"


def test_the_scene_card_gives_room_camera_and_unit(tmp_path):
    write_frame(tmp_path / "hall", "0001", np.full((6, 8), 5000, np.uint16), size=(16, 12))
    card = {
        "room": "house-7/hall",
        "rgb_size": [8, 6],
        "intrinsics": {"fx": 5, "fy": 5.5, "cx": 3.5, "cy": 2.5},
        "depth_unit_m": 0.0002,
        "depth_unit": "a sentence for people",
    }
    (tmp_path / "hall" / "scene.json").write_text(json.dumps(card))
    sample = only_sample(tmp_path)
    assert sample.frame.room == "house-7/hall"
    assert sample.depth_m.max() == pytest.approx(1.0)
    # The picture is twice the calibrated size, and the centre of the view stays the centre.
    assert sample.camera is not None
    assert (sample.camera.fx_px, sample.camera.cx_px, sample.camera.width) == (10, 7.5, 16)


def test_the_option_overrides_the_unit_of_the_card(tmp_path):
    write_frame(tmp_path / "hall", "0001", np.full((6, 8), 300, np.uint16))
    (tmp_path / "hall" / "scene.json").write_text('{"depth_unit_m": 0.0002}')
    assert only_sample(tmp_path, depth_unit_m=0.01).depth_m.max() == pytest.approx(3.0)


def test_without_a_card_the_room_is_the_scene(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    sample = only_sample(tmp_path)
    assert sample.frame.room == "hall"
    assert sample.camera is None


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("{", "cannot be understood"),
        ("[]", "must be an object"),
        ("\udcff", "cannot be understood"),
        ('{"room": 7}', "room must be a text"),
        ('{"intrinsics": {"fx": 1, "fy": 1, "cx": 1, "cy": 1}}', "rgb_size"),
        ('{"intrinsics": {"fx": 1, "fy": 1, "cx": 1}, "rgb_size": [8, 6]}', "cy must be a number"),
        ('{"intrinsics": {"fx": -1, "fy": 1, "cx": 1, "cy": 1}, "rgb_size": [8, 6]}', "positive"),
        ('{"intrinsics": {"fx": NaN, "fy": 1, "cx": 1, "cy": 1}, "rgb_size": [8, 6]}', "fx must be a number"),
        ('{"intrinsics": [1, 1, 1, 1], "rgb_size": [8, 6]}', "object of fx"),
        ('{"depth_unit_m": 0}', "depth_unit_m must be positive"),
        ('{"depth_unit_m": "mm"}', "depth_unit_m must be a number"),
    ],
)
def test_a_broken_card_is_named_with_its_fault(tmp_path, content, cause):
    write_frame(tmp_path / "hall", "0001", millimetres())
    (tmp_path / "hall" / "scene.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=rf"hall.scene\.json: .*{cause}"):
        SceneFolders(tmp_path)


def test_intrinsics_of_another_aspect_ratio_are_refused(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    card = '{"intrinsics": {"fx": 5, "fy": 5, "cx": 4, "cy": 4}, "rgb_size": [8, 8]}'
    (tmp_path / "hall" / "scene.json").write_text(card)
    with pytest.raises(InputError, match=r"0001\.jpg: the picture is 8x6, .* rgb_size 8x8"):
        only_sample(tmp_path)


def test_colour_without_depth_is_listed_and_counted(tmp_path):
    for number in range(8):
        write_frame(tmp_path / "hall", f"{number:04d}", millimetres())
    for number in range(7):
        (tmp_path / "hall" / "depth" / f"{number:04d}.png").unlink()
    with pytest.raises(InputError, match=r"7 files have no partner: hall/rgb/0000\.jpg \(no depth\)") as caught:
        SceneFolders(tmp_path)
    assert "0004.jpg" in str(caught.value)
    assert "0005.jpg" not in str(caught.value)
    assert "and 2 more" in str(caught.value)
    assert "remove" in str(caught.value)


def test_depth_without_colour_is_listed(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    path = write_frame(tmp_path / "hall", "0002", millimetres())
    (tmp_path / "hall" / "rgb" / "0002.jpg").unlink()
    with pytest.raises(InputError, match=r"1 files? .*hall/depth/0002\.png \(no colour\)"):
        SceneFolders(tmp_path)
    assert path.exists()


def test_a_scene_without_a_depth_folder_is_not_passed_over(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    (tmp_path / "yard" / "rgb").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "yard" / "rgb" / "0001.png")
    with pytest.raises(InputError, match="yard/rgb/0001"):
        SceneFolders(tmp_path)


def test_a_folder_without_frames_is_refused(tmp_path):
    (tmp_path / "hall" / "rgb").mkdir(parents=True)
    (tmp_path / "hall" / "depth").mkdir()
    with pytest.raises(InputError, match="no frames"):
        SceneFolders(tmp_path)
    with pytest.raises(InputError, match="no frames"):
        SceneFolders(tmp_path / "hall" / "rgb")


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be listed"):
        SceneFolders(tmp_path / "gone")


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    for name in ("._0002.jpg", ".DS_Store", "notes.txt", "0003.xml"):
        (tmp_path / "hall" / "rgb" / name).write_text("x")
    assert len(SceneFolders(tmp_path).frames) == 1


def test_two_pictures_of_one_name_are_refused(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    Image.new("RGB", (8, 6)).save(tmp_path / "hall" / "rgb" / "0001.png")
    with pytest.raises(InputError, match=r"0001\.jpg and 0001\.png"):
        SceneFolders(tmp_path)


def test_truncated_colour_is_named(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(60, 80))
    path = tmp_path / "hall" / "rgb" / "0001.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"rgb.0001\.jpg: .*(damaged|truncated)"):
        only_sample(tmp_path)


def test_truncated_depth_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(500, 5000, (60, 80)).astype(np.uint16)
    path = write_frame(tmp_path / "hall", "0001", noise, size=(80, 60))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"depth.0001\.png: .*(damaged|truncated)"):
        only_sample(tmp_path)


def test_corrupt_depth_is_named(tmp_path):
    path = write_frame(tmp_path / "hall", "0001", millimetres())
    path.write_bytes(b"not a picture at all")
    with pytest.raises(InputError, match=r"depth.0001\.png"):
        only_sample(tmp_path)


def test_a_file_that_vanished_since_it_was_listed_is_named(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres())
    source = SceneFolders(tmp_path)
    (tmp_path / "hall" / "depth" / "0001.png").unlink()
    with pytest.raises(InputError, match=r"depth.0001\.png: no such file"):
        source.read(source.frames[0])


@pytest.mark.parametrize(
    ("depth", "unit_m", "guess"),
    [
        (np.full((6, 8), 3000, np.float32), None, "millimetres"),  # floats that are no metres
        (np.full((6, 8), 3, np.uint16), None, "metres"),
        (np.full((6, 8), 2000, np.uint16), 1.0, "millimetres"),
        (np.full((6, 8), 15_000, np.uint16), 0.5, "TUM"),
    ],
)
def test_a_wrong_unit_is_refused_with_a_guess(tmp_path, depth, unit_m, guess):
    suffix = ".npy" if depth.dtype == np.float32 else ".png"
    write_frame(tmp_path / "hall", "0001", depth, suffix=suffix)
    with pytest.raises(InputError, match=rf"0001.*median depth.*{guess}.*depth-unit-m"):
        only_sample(tmp_path, depth_unit_m=unit_m)


def test_depth_without_a_measurement_is_refused(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(value=0))
    with pytest.raises(InputError, match=r"hall/0001: .*no measurement"):
        only_sample(tmp_path)


def test_negative_depth_is_refused(tmp_path):
    depth_m = np.full((6, 8), 2.5, np.float32)
    depth_m[0, 0] = -1
    write_frame(tmp_path / "hall", "0001", depth_m, suffix=".npy")
    with pytest.raises(InputError, match="1 pixels have negative depth"):
        only_sample(tmp_path)


def test_another_aspect_ratio_is_refused(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(6, 6))
    with pytest.raises(InputError, match="8x6 but depth is 6x6"):
        only_sample(tmp_path)


def test_depth_that_is_turned_against_its_picture_is_suspected(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(8, 6))
    with pytest.raises(InputError, match="rotated"):
        only_sample(tmp_path)


def test_depth_may_be_smaller_than_its_picture(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(3, 4))
    assert only_sample(tmp_path).depth_m.shape == (3, 4)


def test_portrait_frames_keep_their_shape(tmp_path):
    write_frame(tmp_path / "hall", "0001", millimetres(8, 6), size=(12, 16))
    sample = only_sample(tmp_path)
    assert sample.image.shape == (16, 12, 3)
    assert sample.depth_m.shape == (8, 6)


def test_other_folders_are_not_recognised(tmp_path):
    assert not SceneFolders.recognises(tmp_path)
    assert not SceneFolders.recognises(tmp_path / "gone")
    (tmp_path / "hall" / "rgb").mkdir(parents=True)
    assert not SceneFolders.recognises(tmp_path)


@pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set: no real frames here")
def test_every_real_scene_is_listed_and_its_first_frame_read():
    source = SceneFolders(Path(str(SHARED)) / "rgbd")
    assert len(source.frames) == 730
    first = {frame.scene: frame for frame in reversed(source.frames)}
    assert len(first) == 85
    samples = [source.read(frame) for frame in first.values()]
    assert sum(sample.camera is None for sample in samples) == 4
    for sample in samples:
        assert 0.1 < np.median(sample.depth_m[sample.valid]) < 20
