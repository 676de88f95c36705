"""Many photographs: which are found, what their results are called, what is written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.depth.files import read_depth
from leadline.errors import InputError, PartialFailure, UsageError
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
    monkeypatch.setattr(predict_module, "load", lambda path, device: predictor)
    return predictor


def photo(path: Path, size: tuple[int, int] = (120, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 60, 30)).save(path)
    return path


def names(paths: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def options(tmp_path: Path, *inputs: object, save: str = "depth16,color") -> PredictOptions:
    return PredictOptions(tuple(map(str, inputs)), model=Path("model.onnx"), out=tmp_path / "out", save=save)


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
    with pytest.raises(UsageError, match="--save knows no 'colour'; did you mean 'color'"):
        predict_command(options(tmp_path, photo(tmp_path / "a.jpg"), save="npy,colour"))
    assert not (tmp_path / "out").exists()


def test_nothing_to_save_is_refused():
    with pytest.raises(UsageError, match="at least one of depth16, npy, color, side"):
        save_kinds(" , ")
