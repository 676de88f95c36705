"""A photograph in, metres out, whatever the runtime."""

import json
import math
import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import ExifTags, Image

from leadline.depth.camera import Camera
from leadline.depth.correction import Correction
from leadline.errors import InputError, ModelFileError, UsageError
from leadline.export.export import export
from leadline.inference import predictor as predictor_module
from leadline.inference.predictor import Predictor, UnusualShape, load
from leadline.model_card import METADATA_KEY, ModelCard, read_card
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import ExportOptions

CARD = ModelCard(
    encoder="yolov8n", codec="linear", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model that says something else at every pixel, as both kinds of file."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    net = DepthNet("yolov8n")
    net.head.start_at(3.0)
    torch.nn.init.normal_(net.head.conv.weight, std=3.0)
    save_model(folder / "model.safetensors", net, CARD)
    export(ExportOptions(folder / "model.safetensors"))
    return folder


@pytest.fixture(scope="module", params=["model.safetensors", "model.onnx"])
def predictor(folder, request) -> Predictor:
    return load(folder / request.param, device="cpu")


def photograph(height: int = 90, width: int = 130, seed: int = 0) -> np.ndarray:
    """Smooth noise."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (7, 9, 3), np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.filterwarnings("ignore::leadline.inference.predictor.UnusualShape")
@pytest.mark.parametrize("size", [(90, 130), (131, 77), (33, 200), (64, 96), (1, 1), (500, 3)])
def test_metres_have_the_photographs_resolution_and_the_models_range(predictor, size):
    result = predictor.predict(photograph(*size))
    assert result.metres.shape == size
    assert result.metres.dtype == np.float32
    assert ((result.metres >= 0.1 - 1e-6) & (result.metres <= 10.0 + 1e-5)).all()
    assert np.array_equal(result.image, photograph(*size))


def test_the_model_under_test_has_something_to_say(predictor):
    metres = predictor.predict(photograph()).metres
    assert metres.std() > 0.05
    assert np.abs(metres - predictor.predict(photograph(seed=1)).metres).max() > 0.05


def test_a_file_a_text_a_picture_and_an_array_give_the_same_metres(predictor, tmp_path):
    pixels = photograph()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    path = tmp_path / "photo.png"
    expected = predictor.predict(pixels).metres
    for image in (path, str(path), Image.fromarray(pixels), Image.fromarray(pixels).convert("RGBA")):
        assert np.array_equal(predictor.predict(image).metres, expected)


def test_a_view_of_an_array_is_as_good_as_a_copy(predictor):
    pixels = photograph()
    backwards = pixels[:, ::-1, ::-1]
    assert np.array_equal(predictor.predict(backwards).metres, predictor.predict(backwards.copy()).metres)


def test_predicting_leaves_the_photograph_as_it_was(predictor):
    pixels = photograph(64, 96).copy()
    before = pixels.copy()
    predictor.predict(pixels)
    assert np.array_equal(pixels, before)


def real_photographs() -> list[Path]:
    shared = os.environ.get("LEADLINE_SHARED")
    return sorted((Path(shared) / "photos").glob("*.png")) if shared else []


@pytest.mark.filterwarnings("ignore::leadline.inference.predictor.UnusualShape")
def test_onnx_and_torch_give_the_same_metres(folder):
    by_torch, by_onnx = load(folder / "model.safetensors", device="cpu"), load(folder / "model.onnx", device="cpu")
    for image in (photograph(), photograph(131, 77), *real_photographs()[:1]):
        difference = np.abs(by_torch.predict(image).metres - by_onnx.predict(image).metres)
        assert difference.max() < 1e-3


def test_both_files_carry_the_same_card(folder):
    assert load(folder / "model.safetensors").card == load(folder / "model.onnx").card == CARD


def test_several_pictures_at_once_give_what_each_gives_alone(predictor):
    pictures = np.random.default_rng(0).random((3, 3, 64, 96), np.float32)
    together = predictor.network(pictures)
    assert together.shape == (3, 1, 32, 48)
    for index in range(3):
        np.testing.assert_allclose(together[index], predictor.network(pictures[index : index + 1])[0], atol=1e-4)


def test_eight_threads_get_what_one_thread_gets(predictor):
    pictures = [photograph(seed=seed) for seed in range(8)]
    alone = [predictor.predict(picture).metres for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda picture: predictor.predict(picture).metres, pictures * 3))
    for turn, metres in enumerate(together):
        np.testing.assert_allclose(metres, alone[turn % 8], atol=1e-5)


def test_a_list_gives_a_list_in_its_order(predictor):
    pictures = [photograph(70 + seed, 100, seed) for seed in range(9)]
    together = predictor.predict(pictures)
    assert [depth_map.metres.shape for depth_map in together] == [(70 + seed, 100) for seed in range(9)]
    for picture, depth_map in zip(pictures, together, strict=True):
        np.testing.assert_allclose(depth_map.metres, predictor.predict(picture).metres, atol=1e-5)
    assert predictor.predict([]) == []


def metres_in_a_process(model: Path) -> np.ndarray:
    return load(model, device="cpu").predict(photograph()).metres


def test_processes_get_what_this_one_gets(folder):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        others = pool.map(metres_in_a_process, [folder / "model.onnx"] * 2)
    for metres in others:
        np.testing.assert_allclose(metres, metres_in_a_process(folder / "model.onnx"), atol=1e-5)


# --- The shape of the picture ---


@pytest.mark.parametrize(
    ("fit", "height", "width", "part"),
    [
        ("letterbox", 30, 200, "a picture of 200x30 fills 22% of the network's input of 96x64"),
        ("letterbox", 200, 30, "a picture of 30x200 fills 10% of"),
        ("stretch", 30, 200, "a picture of 200x30 is squeezed to 22% of"),
    ],
)
def test_a_picture_far_from_the_trainings_shape_warns(fit, height, width, part):
    predictor = Predictor(lambda tensor: np.ones((1, 1, 32, 48), np.float32), replace(CARD, fit=fit))
    with pytest.warns(UnusualShape, match=re.escape(part)) as caught:
        predictor.predict(photograph(height, width))
    assert len(caught) == 1


@pytest.mark.parametrize("size", [(64, 96), (48, 64), (64, 48), (90, 160), (100, 290)])
def test_usual_shapes_do_not_warn(size):
    Predictor(lambda tensor: np.ones((1, 1, 32, 48), np.float32), CARD).predict(photograph(*size))


@pytest.mark.filterwarnings("ignore::leadline.inference.predictor.UnusualShape")
@pytest.mark.parametrize("size", [(90, 130), (131, 77), (33, 200), (480, 640)])
def test_the_tensor_is_the_letterboxed_picture_in_parts_of_255(size):
    picture = photograph(*size)
    tensor = Predictor(lambda tensor: tensor, CARD).tensor(picture)
    assert tensor.dtype == np.float32
    assert tensor.flags.c_contiguous
    assert np.array_equal(np.rint(tensor[0].transpose(1, 2, 0) * 255), CARD.framing.image(picture))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=["grey", "RGBA", "channels first", "floats", "empty"],
)
def test_a_wrong_kind_of_array_is_refused(monkeypatch, wrong):
    predictor = Predictor(lambda tensor: tensor[:, :1], CARD)
    if wrong.dtype != np.uint8:  # what a person without the type hook of the tests sees
        unchecked = getattr(predictor_module._pixels, "__wrapped__", predictor_module._pixels)
        monkeypatch.setattr(predictor, "predict", unchecked)
    with pytest.raises(InputError, match=r"\(H, W, 3\) of uint8 in RGB, got"):
        predictor.predict(wrong)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "notes.jpg"))):
        Predictor(lambda tensor: tensor[:, :1], CARD).predict(tmp_path / "notes.jpg")


def test_a_network_that_fails_is_told_in_a_sentence():
    def network(tensor):
        raise RuntimeError("got: 96 expected: 97\nin a hundred lines")

    with pytest.raises(ModelFileError, match=r"does not run on a picture \(1, 3, 64, 96\): got: 96 expected: 97$"):
        Predictor(network, CARD).predict(photograph())


@pytest.mark.parametrize("shape", [(1, 2, 32, 48), (1, 1000), (32, 48)])
def test_a_network_that_gives_no_depth_is_refused(shape):
    with pytest.raises(ModelFileError, match=r"where depth is \(1, 1, height, width\)"):
        Predictor(lambda tensor: np.ones(shape, np.float32), CARD).predict(photograph())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_gone_wrong_is_not_believed(value):
    predictor = Predictor(lambda tensor: np.full((1, 1, 32, 48), value, np.float32), CARD)
    with pytest.raises(ModelFileError, match="NaN or infinite"):
        predictor.predict(photograph())


@pytest.mark.filterwarnings("ignore::leadline.inference.predictor.UnusualShape")
def test_the_padding_of_the_letterbox_never_reaches_the_metres():
    def network(tensor):
        depth_m = np.full((1, 1, 32, 48), 9.0, np.float32)
        depth_m[:, :, :, 16:32] = 2.0  # 64x32 pixels of picture in the middle of 64x96
        return depth_m

    metres = Predictor(network, CARD).predict(photograph(128, 64)).metres
    assert np.array_equal(metres, np.full((128, 64), 2.0, np.float32))


# --- Model files ---


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.onnx: no such model file"):
        load(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["model.pt", "model", "model.onnx.bak"])
def test_another_suffix_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(ModelFileError, match=r"a model file ends in \.onnx, "):
        load(tmp_path / name)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_onnx_file_is_refused(folder, tmp_path, share):
    content = (folder / "model.onnx").read_bytes()
    path = tmp_path / "short.onnx"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelFileError, match=re.escape(str(path))):
        load(path)


def test_an_onnx_file_of_another_maker_is_refused(folder, tmp_path):
    graph = onnx.load(folder / "model.onnx")
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(ModelFileError, match=r"other\.onnx: holds no leadline metadata"):
        load(tmp_path / "other.onnx")


def test_a_truncated_safetensors_file_is_refused(folder, tmp_path):
    path = tmp_path / "short.safetensors"
    path.write_bytes((folder / "model.safetensors").read_bytes()[:100_000])
    with pytest.raises(ModelFileError, match=re.escape(str(path))):
        load(path)


def test_an_unknown_device_is_refused(folder):
    with pytest.raises(UsageError, match="device must be auto, cpu or cuda, got 'tpu'"):
        load(folder / "model.onnx", device="tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors"])
def test_a_device_that_is_not_there_is_refused(folder, name):
    with pytest.raises(UsageError, match="device cuda"):
        load(folder / name, device="cuda")


def test_an_onnx_model_runs_where_torch_is_not(folder, tmp_path):
    Image.fromarray(photograph()).save(tmp_path / "photo.png")
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # any import of it fails
        "from leadline.inference.predict import predict_command\n"
        "from leadline.options import PredictOptions\n"
        "from pathlib import Path\n"
        "model, photo, out = sys.argv[1:]\n"
        "predict_command(PredictOptions((photo,), model=Path(model), out=Path(out)))\n"
        "assert not [name for name in sys.modules if name.startswith(('torch.', 'timm', 'safetensors'))]\n"
    )
    arguments = [folder / "model.onnx", tmp_path / "photo.png", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["photo_color.png", "photo_depth16.png"]


def test_a_torch_model_without_torch_says_what_to_do(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[train\]', or export"):
        load(folder / "model.safetensors")


def walls(canonical_focal: float | None, **card) -> Predictor:
    """A model that says 2 m of everything."""
    return Predictor(
        lambda tensor: np.full((1, 1, 32, 48), 2.0, np.float32), replace(CARD, canonical_focal=canonical_focal, **card)
    )


@pytest.mark.parametrize(("focal_px", "metres"), [(None, 2.0), (65.0, 2.0), (130.0, 4.0), (32.5, 1.0)])
def test_a_camera_of_twice_the_focal_length_sees_twice_as_far(focal_px, metres):
    # The photograph fills the width of the input: 65 of its 130 pixels are half of the width.
    found = walls(0.5).predict(photograph(80, 130), focal_px=focal_px).metres
    np.testing.assert_allclose(found, metres, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::leadline.inference.predictor.UnusualShape")
def test_a_portrait_fills_but_a_part_of_the_inputs_width():
    # 64 rows hold 90: the picture takes 46 of the input's 96 columns, and its focal length 46 / 65 of its pixels.
    found = walls(0.5).predict(photograph(90, 65), focal_px=65.0).metres
    np.testing.assert_allclose(found, 2.0 * (46 / 96) / 0.5, rtol=1e-6)


def test_a_photograph_says_its_focal_length_in_its_exif(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 43
    Image.fromarray(photograph(90, 120)).save(tmp_path / "photo.jpg", exif=exif)
    focal_px = 43 * 150 / math.hypot(36, 24)  # 150 pixels are the picture's diagonal
    assert walls(0.5).known_focal_px(tmp_path / "photo.jpg") == pytest.approx(focal_px)
    found = walls(0.5).predict(tmp_path / "photo.jpg").metres
    np.testing.assert_allclose(found, walls(0.5).predict(photograph(90, 120), focal_px=focal_px).metres, rtol=1e-6)
    assert (walls(None).predict(tmp_path / "photo.jpg", focal_px=500.0).metres == 2.0).all()


def test_the_camera_of_a_prediction_is_the_given_one_or_the_exifs_or_the_trainings(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 43
    Image.fromarray(photograph(90, 120)).save(tmp_path / "photo.jpg", exif=exif)
    predictor = walls(None)
    given = predictor.predict(tmp_path / "photo.jpg", focal_px=500.0).camera
    assert given == Camera(500.0, 500.0, 59.5, 44.5, width=120, height=90)
    by_exif = predictor.predict(tmp_path / "photo.jpg").camera
    assert by_exif is not None
    assert by_exif.fx_px == pytest.approx(43 * 150 / math.hypot(36, 24))
    unknown = predictor.predict(photograph(90, 120)).camera
    assert unknown is not None
    # The letterbox makes it fill 85 of the input's 96 columns; its focal length is 0.82 of them.
    assert unknown.fx_px == pytest.approx(0.82 * 96 * 120 / 85)
    taught = walls(0.5).predict(photograph(80, 120))
    assert taught.camera is not None
    assert taught.camera.fx_px == pytest.approx(60)
    assert (taught.metres == 2.0).all()


def test_a_camera_is_taken_whole_and_must_be_of_the_pictures_size():
    camera = Camera(120.0, 130.0, 50.0, 40.0, width=120, height=80)
    found = walls(0.5).predict(photograph(80, 120), camera=camera)
    assert found.camera == camera
    assert (found.metres == 4.0).all()  # twice the focal length of the training camera
    with pytest.raises(UsageError, match=r"the camera is of 120x80 pixels, the picture of 64x48; Camera\.scaled_to"):
        walls(0.5).predict(photograph(48, 64), camera=camera)
    with pytest.raises(UsageError, match="give focal_px or camera"):
        walls(0.5).predict(photograph(80, 120), camera=camera, focal_px=120.0)


@pytest.mark.parametrize("focal_px", [0.0, -1.0, float("nan")])
def test_a_focal_length_that_is_not_positive_is_refused(focal_px):
    with pytest.raises(UsageError, match="focal_px must be positive"):
        walls(0.5).predict(photograph(), focal_px=focal_px)


def test_a_card_of_before_there_were_cameras_is_read():
    content = json.loads(CARD.to_json())
    del content["canonical_focal"]
    card, _ = read_card({METADATA_KEY: json.dumps(content)}, name="old")
    assert card == CARD


# --- Points ---


def points_of(depth_m: np.ndarray, count: int, factor: float) -> list[list[float]]:
    random = np.random.default_rng(0)
    rows, columns = (random.integers(0, size, count) for size in depth_m.shape)
    return [[x, y, depth_m[y, x] * factor] for y, x in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("size", [(90, 130), (90, 77)])
def test_points_set_the_scale(predictor, size):
    """Also of a picture that does not fill the network's input."""
    pixels = photograph(*size)
    plain = predictor.predict(pixels)
    scaled = predictor.predict(pixels, points=points_of(plain.metres, 30, 1.3))
    assert np.median(scaled.metres / plain.metres) == pytest.approx(1.3, abs=0.03)
    assert scaled.correction.points == 30
    assert plain.correction is None


def test_each_of_several_pictures_has_its_own_points(predictor):
    first, second = photograph(), photograph(seed=1)
    plain = predictor.predict([first, second])
    scaled = predictor.predict([first, second], points=[None, points_of(plain[1].metres, 30, 0.7)])
    assert np.array_equal(scaled[0].metres, plain[0].metres)
    assert np.median(scaled[1].metres / plain[1].metres) == pytest.approx(0.7, abs=0.02)
    with pytest.raises(UsageError, match="points for 1 of 2 photographs"):
        predictor.predict([first, second], points=[None])


def test_points_that_do_not_help_leave_the_depth_as_it_is_with_a_warning(predictor):
    plain = predictor.predict(photograph())
    with pytest.warns(predictor_module.PointsDoNotHelp, match="asks for a scale that cannot be meant"):
        refused = predictor.predict(photograph(), points=[[3, 3, 4000.0]])
    assert np.array_equal(refused.metres, plain.metres)
    assert "cannot be meant" in refused.correction.refused


def test_points_that_are_not_in_the_picture_are_an_error(predictor):
    with pytest.raises(InputError, match="1 of 1 points are outside the picture of 130x90"):
        predictor.predict(photograph(), points=[[130, 3, 2.0]])
    with pytest.raises(InputError, match="distance of 0 m"):
        predictor.predict(photograph(), points=[[13, 3, 0.0]])


def test_a_calibrated_model_corrects_what_it_says(predictor):
    calibrated = Predictor(predictor.network, replace(predictor.card, correction=Correction("scale", math.log(1.25))))
    ratio = calibrated.predict(photograph()).metres / predictor.predict(photograph()).metres
    assert ratio == pytest.approx(1.25, rel=1e-5)


def test_a_card_keeps_its_correction():
    card = replace(CARD, correction=Correction("log", 0.1, 1.2, 0.5, 4.0, error=0.03, points=12, pictures=4))
    assert read_card({METADATA_KEY: card.to_json()}, name="model")[0] == card
    assert (
        "calibrated: 1.184 times at 1.4 m, by a line in log depth (+- 3.0%), from 12 points in 4 pic" in card.describe()
    )


def test_a_card_with_a_damaged_correction_is_refused():
    text = replace(CARD, correction=Correction("log", 0.1)).to_json()
    for wrong in (text.replace('"gain": 1.0', '"gain": -1.0'), text.replace('"gain"', '"again"')):
        with pytest.raises(ModelFileError, match="metadata are damaged"):
            read_card({METADATA_KEY: wrong}, name="model")
