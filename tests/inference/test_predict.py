"""Many photographs: which are found, what their results are called, what is written."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

from leadline.depth.depth_map import SAVE_KINDS
from leadline.depth.files import read_depth
from leadline.errors import InputError, OutputError, PartialFailure, RecipeError, UsageError
from leadline.inference import predict as predict_module
from leadline.inference.predict import find_images, output_names, predict_command, save_kinds
from leadline.inference.predictor import Predictor
from leadline.model_card import ModelCard
from leadline.options import PredictOptions

CARD = ModelCard(
    encoder="yolov8n", codec="linear", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox"
)


def ramp(tensor: np.ndarray) -> np.ndarray:
    """A stand-in for the network: from 0.1 to 10 m, from left to right."""
    return np.broadcast_to(np.linspace(0.1, 10, 48, dtype=np.float32), (len(tensor), 1, 32, 48)).copy()


@pytest.fixture(autouse=True)
def model(monkeypatch) -> Predictor:
    predictor = Predictor(ramp, CARD)
    monkeypatch.setattr(predict_module, "load", lambda path, **runtime: predictor)
    return predictor


def photo(path: Path, size: tuple[int, int] = (120, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 60, 30)).save(path)
    return path


def names(paths: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def options(
    tmp_path: Path, *inputs: object, save: str = "depth16,color", workers: int = 2, **more: Any
) -> PredictOptions:
    return PredictOptions(
        tuple(map(str, inputs)), model=Path("model.onnx"), out=tmp_path / "out", save=save, workers=workers, **more
    )


# --- Inputs ---


@pytest.fixture
def album(tmp_path) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c.webp", "[1].png"):
        photo(tmp_path / "album" / name)
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    return tmp_path / "album"


def test_a_folder_gives_its_pictures_at_any_depth_in_order(album):
    assert names(find_images([str(album)]), album) == ["[1].png", "a.PNG", "b.jpg", "deep/er/c.webp"]


def test_patterns_give_what_they_match(album):
    assert names(find_images([f"{album}/*.jpg", f"{album}/**/*.webp"]), album) == ["b.jpg", "deep/er/c.webp"]


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(album):
    assert names(find_images([f"{album}/[1].png"]), album) == ["[1].png"]


def test_each_picture_comes_once(album):
    found = find_images([f"{album}/b.jpg", str(album), f"{album}/*.jpg"])
    assert names(found, album) == ["b.jpg", "[1].png", "a.PNG", "deep/er/c.webp"]


def test_a_pattern_or_folder_without_pictures_is_an_error(tmp_path):
    for text in (f"{tmp_path}/*.jpg", str(tmp_path)):
        with pytest.raises(InputError, match=r"no pictures there \(\.jpg, "):
            find_images([text])


def test_an_empty_name_is_not_the_folder_where_one_stands(album, monkeypatch):
    monkeypatch.chdir(album)
    with pytest.raises(InputError, match="empty name"):
        find_images([""])


def test_what_was_written_into_a_folder_of_pictures_is_not_read_the_next_time(album, monkeypatch):
    monkeypatch.chdir(album)
    for name in ("depth/b_color.png", "depth/deep/x.png", "depths/mine.png"):
        photo(Path(name))
    mine = ["[1].png", "a.PNG", "b.jpg", "deep/er/c.webp", "depths/mine.png"]
    assert names(find_images(["."], results=Path("depth")), Path()) == mine
    assert names(find_images([str(album)], results=Path("depth")), album) == mine
    assert names(find_images(["depth"], results=Path("depth")), Path()) == ["depth/b_color.png", "depth/deep/x.png"]
    assert names(find_images(["deep"], results=Path("depth")), Path()) == ["deep/er/c.webp"]


def test_a_missing_file_is_reported_when_it_is_read(tmp_path):
    missing, there = tmp_path / "missing.jpg", photo(tmp_path / "there.jpg")
    assert find_images([str(missing), str(there)]) == [missing, there]
    with pytest.raises(PartialFailure, match="1 of 2 inputs were skipped"):
        predict_command(options(tmp_path, missing, there))


# --- Names of the results ---


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["x.jpg", "y.jpg"], ["x", "y"]),
        (["x.jpg", "x.png"], ["x.jpg", "x.png"]),
        (["/a/x.jpg", "../b/x.jpg"], ["a-x.jpg", "b-x.jpg"]),
        (["a/x.jpg", "b/x.jpg", "a-x.jpg.png"], ["a-x.jpg", "b-x.jpg", "a-x.jpg_"]),
        (["a/x.jpg", "../a/x.jpg"], ["a-x.jpg", "a-x.jpg_"]),
    ],
)
def test_no_two_pictures_share_a_name(paths, expected):
    assert list(output_names([Path(path) for path in paths]).values()) == expected


def test_the_two_kinds_of_png_of_one_picture_do_not_collide_with_another_pictures(tmp_path):
    predict_command(options(tmp_path, photo(tmp_path / "x.jpg"), photo(tmp_path / "x_depth16.jpg")))
    assert len(list((tmp_path / "out").iterdir())) == 4


# --- What is written ---


def test_all_four_kinds_are_written_and_named(tmp_path, capsys):
    predict_command(options(tmp_path, photo(tmp_path / "room.jpg"), save="depth16, npy,color,side"))
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["room_color.png", "room_depth16.png", "room_npy.npy", "room_side.png"]
    assert sorted(Path(line).name for line in capsys.readouterr().out.splitlines()) == written


def test_depth_that_is_read_back_is_the_prediction(tmp_path, model):
    path = photo(tmp_path / "room.jpg")
    predict_command(options(tmp_path, path, save="depth16,npy"))
    metres = model.predict(path).metres
    assert metres.max() - metres.min() > 5
    assert np.abs(read_depth(tmp_path / "out" / "room_depth16.png") - metres).max() <= 0.0005 + 1e-6
    assert np.array_equal(np.load(tmp_path / "out" / "room_npy.npy"), metres)


def test_one_broken_picture_does_not_stop_the_others(tmp_path, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    good = [photo(tmp_path / f"{name}.jpg") for name in "az"]
    with pytest.raises(PartialFailure, match="1 of 3 inputs were skipped"):
        predict_command(options(tmp_path, good[0], broken, good[1], save="npy"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_npy.npy", "z_npy.npy"]
    assert f"skipped {broken}" in capsys.readouterr().err


def test_when_all_are_broken_nothing_is_done(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="none of 2 inputs could be read"):
        predict_command(options(tmp_path, tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_wrong_word_for_saving_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="--save knows no 'colour' here; did you mean 'color'"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="npy,colour"))
    assert not (tmp_path / "out").exists()


def test_sigma_of_a_model_that_does_not_say_it_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match=r"--save sigma16: this model does not say .*`leadline doubt` teaches it"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="npy,sigma16"))
    assert not (tmp_path / "out").exists()


def test_nothing_to_save_is_refused():
    with pytest.raises(UsageError, match="at least one of depth16, npy, color, side, ply, glb"):
        save_kinds(" , ", known=SAVE_KINDS)


# --- Points and meshes ---


def test_points_and_meshes_are_written_and_the_supposed_camera_is_said(tmp_path, capsys):
    predict_command(options(tmp_path, photo(tmp_path / "room.jpg"), save="ply,glb"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["room_glb.glb", "room_ply.ply"]
    assert "focal lengths: 1 unknown; an unknown one is taken to be that of the training camera, 0.82 of the width" in (
        " ".join(capsys.readouterr().err.split())
    )


def ply_points(path: Path) -> np.ndarray:
    vertices = PlyData.read(path)["vertex"]
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


def test_the_camera_that_is_given_places_the_points(tmp_path):
    path = photo(tmp_path / "room.jpg")
    predict_command(options(tmp_path, path, save="ply", intrinsics="100,50,20,30"))
    x, y, z = ply_points(tmp_path / "out" / "room_ply.ply").T
    columns, rows = x / z * 100 + 20, y / z * 50 + 30
    # Each lies on a ray of a pixel, from the first row to the last.
    np.testing.assert_allclose(columns, np.round(columns), atol=1e-3)
    np.testing.assert_allclose(rows, np.round(rows), atol=1e-3)
    assert (round(rows.min()), round(rows.max()), round(columns.max())) == (0, 79, 119)


def test_voxels_thin_the_points(tmp_path):
    path = photo(tmp_path / "room.jpg")
    predict_command(options(tmp_path, path, save="ply", focal_px=100.0))
    many = len(ply_points(tmp_path / "out" / "room_ply.ply"))
    predict_command(options(tmp_path, path, save="ply", focal_px=100.0, voxel_m=0.5))
    few = ply_points(tmp_path / "out" / "room_ply.ply")
    assert len(few) == len(np.unique(np.floor(few / 0.5), axis=0))
    assert len(few) < many / 5


@pytest.mark.parametrize("given", [{"focal_px": 100.0}, {"intrinsics": "100,100,60,40"}])
def test_a_camera_that_nothing_has_a_use_for_is_refused(tmp_path, given):
    with pytest.raises(UsageError, match="--save ply,glb would"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="npy", **given))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"live": True}, "--live is for streams"),
        ({"range_m": "1,3"}, "--range-m is for streams"),
        ({"fps": 5.0}, "--fps is for streams"),
        ({"voxel_m": 0.1}, "--voxel thins points and meshes"),
    ],
)
def test_a_flag_that_photographs_have_no_use_for_is_refused(tmp_path, given, says):
    with pytest.raises(UsageError, match=says):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="npy", **given))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"intrinsics": "100,100,119.5,79.5"}, "far from the middle"),  # of a picture of twice the size
        ({"intrinsics": "3,3,60,40"}, "would be 174.3 degrees wide"),
        ({"focal_px": 5000.0}, "would be 1.4 degrees wide"),
    ],
)
def test_a_camera_that_cannot_be_meant_skips_the_picture(tmp_path, capsys, given, says):
    with pytest.raises(InputError):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="ply", **given))
    assert says in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "text", ["525", "525,525,320", "525,525,a,240", "0,525,320,240", "525,-1,320,240", "nan,1,1,1"]
)
def test_intrinsics_that_cannot_be_read_are_refused_before_anything_runs(tmp_path, text):
    with pytest.raises(UsageError, match=r"--intrinsics are FX,FY,CX,CY in pixels, such as 525,525,319\.5,239\.5, got"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="ply", intrinsics=text))


def test_intrinsics_of_another_size_skip_the_picture(tmp_path, capsys):
    small, large = photo(tmp_path / "small.jpg"), photo(tmp_path / "large.jpg", size=(640, 480))
    with pytest.raises(PartialFailure):
        predict_command(options(tmp_path, small, large, save="ply", intrinsics="525,525,319.5,239.5"))
    assert "far from the middle of this picture of 120x80; are they those of another size?" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["large_ply.ply"]


def test_a_focal_length_beside_intrinsics_is_refused():
    with pytest.raises(RecipeError, match="focal_px must be left out beside intrinsics"):
        PredictOptions(("a.jpg",), focal_px=500.0, intrinsics="525,525,319.5,239.5")


# --- Many pictures ---


@pytest.mark.parametrize("workers", [1, 8])
def test_two_hundred_pictures_of_which_some_are_broken_come_out_in_order(tmp_path, capsys, workers):
    album = tmp_path / "album"
    kinds = {
        "empty": b"",
        "text": b"no picture",
        "cut": photo(tmp_path / "whole.jpg").read_bytes()[:300],
    }
    for number in range(200):
        path = album / f"{number:03}.jpg"
        if number % 10 == 3:
            path.write_bytes(kinds[list(kinds)[number // 10 % 3]])
        else:
            photo(path, size=(12 + number % 7, 9))
    with pytest.raises(PartialFailure, match="20 of 200 inputs were skipped; the others are done"):
        predict_command(options(tmp_path, album, save="npy", workers=workers))
    said = capsys.readouterr()
    good = [f"{number:03}" for number in range(200) if number % 10 != 3]
    assert [Path(line).name for line in said.out.splitlines()] == [f"{name}_npy.npy" for name in good]
    skipped = [line for line in said.err.splitlines() if line.startswith("skipped ")]
    assert [Path(line.split(":")[0]).stem for line in skipped] == [f"{number:03}" for number in range(3, 200, 10)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}_npy.npy" for name in good]
    assert np.load(tmp_path / "out" / "008_npy.npy").shape == (9, 13)


def test_unusual_shapes_are_said_once_for_all(tmp_path, capsys):
    for number in range(5):
        photo(tmp_path / f"{number}.jpg", size=(300 + number, 20))
    predict_command(options(tmp_path, tmp_path, photo(tmp_path / "usual.jpg"), save="npy"))
    said = capsys.readouterr().err
    assert said.count("unusual shape") == 1
    assert "5 of 6 inputs have an unusual shape: " in said
    assert "0.jpg: a picture of 300x20 fills 10% of the network's input of 96x64" in said


def test_a_full_disk_ends_it_in_a_sentence_and_leaves_nothing_half_written(tmp_path):
    album = tmp_path / "album"
    for number in range(20):
        photo(album / f"{number:02}.png", size=(8, 8) if number < 5 else (400, 300))
    code = (
        "import resource, signal, sys\n"
        "import numpy as np\n"
        "from leadline.inference import predict\n"
        "from leadline.inference.predictor import Predictor\n"
        "from leadline.model_card import ModelCard\n"
        "from leadline.cli import main\n"
        "card = ModelCard('yolov8n', 'linear', 0.1, 10.0, height=64, width=96, fit='letterbox')\n"
        "predictor = Predictor(lambda tensor: np.ones((1, 1, 32, 48), np.float32), card)\n"
        "predict.load = lambda *_, **__: predictor\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"  # then writing fails with EFBIG
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "sys.exit(main(['predict', sys.argv[1], '--out', sys.argv[2], '--save', 'npy', '--workers', '2']))\n"
    )
    arguments = [str(album), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 6, done.stderr
    assert "no space left to write it" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{number:02}_npy.npy" for number in range(5)]


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg")))


def test_the_cores_are_shared_among_the_workers(tmp_path, monkeypatch, model):
    asked = []
    monkeypatch.setattr(predict_module, "cores", lambda: 8)
    monkeypatch.setattr(predict_module, "load", lambda path, **runtime: asked.append(runtime["threads"]) or model)
    album = [photo(tmp_path / f"{number}.jpg") for number in range(4)]
    predict_command(options(tmp_path, *album, workers=2))
    predict_command(PredictOptions((str(album[0]),), out=tmp_path / "out"))
    predict_command(PredictOptions((f"{tmp_path}/*.jpg",), out=tmp_path / "out"))
    predict_command(PredictOptions((f"{tmp_path}/*.jpg",), out=tmp_path / "out", threads=3))
    assert asked == [4, 8, 2, 3]


def test_no_workers_are_refused():
    with pytest.raises(RecipeError, match="workers must be at least 1, got 0"):
        PredictOptions(("a.jpg",), workers=0)


# --- Points ---


def test_points_of_a_file_set_the_scale_of_their_photograph(tmp_path, capsys, model):
    there, elsewhere = photo(tmp_path / "a.jpg"), photo(tmp_path / "b.jpg")
    plain = model.predict(there).metres
    rows = [f"a.jpg,{x},40,{plain[40, x] * 1.4}" for x in range(5, 120, 5)]
    (tmp_path / "points.csv").write_text("\n".join(["image,x,y,metres", *rows]))
    predict_command(replace(options(tmp_path, there, elsewhere, save="npy"), points=tmp_path / "points.csv"))
    assert np.median(np.load(tmp_path / "out" / "a_npy.npy") / plain) == pytest.approx(1.4, abs=0.03)
    assert np.array_equal(np.load(tmp_path / "out" / "b_npy.npy"), plain)
    said = capsys.readouterr().err
    assert "a.jpg: 1.3" in said  # at the middle of the depths, by a line
    assert "from 23 points" in said
    assert "b.jpg: as the model says; no points for it" in said


def test_a_photograph_with_points_outside_it_is_skipped(tmp_path, capsys):
    (tmp_path / "points.csv").write_text("image,x,y,metres\na.jpg,500,40,2\n")
    both = [photo(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    with pytest.raises(PartialFailure, match="1 of 2 inputs were skipped"):
        predict_command(replace(options(tmp_path, *both, save="npy"), points=tmp_path / "points.csv"))
    assert "1 of 1 points are outside the picture of 120x80" in capsys.readouterr().err
