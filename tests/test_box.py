"""The model in the box: found by name, used when none is named, its licence said."""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import leadline
from leadline import box
from leadline.box import box_models, find_model
from leadline.cli import main
from leadline.errors import ModelFileError
from leadline.model_card import METADATA_KEY, ModelCard

CARD = ModelCard(
    encoder="yolov8n",
    codec="linear",
    min_depth_m=0.1,
    max_depth_m=10.0,
    height=64,
    width=96,
    fit="letterbox",
    licence="the weights are under AGPL-3.0",
    data={"frames": 730},
    scores={"rel": 0.125},
)


def write_tiny_model(path: Path) -> None:
    """Depth is 1 m plus the mean of the three channels, at half the input's resolution."""
    size = ["batch", 3, 64, 96]
    nodes = [
        helper.make_node("AveragePool", ["image"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("ReduceMean", ["small"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Add", ["mean", "one"], ["depth_m"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("depth_m", TensorProto.FLOAT, ["batch", 1, 32, 48])],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: CARD.to_json()})
    onnx.save(model, path)


@pytest.fixture
def boxed(tmp_path, monkeypatch) -> Path:
    """A box with a tiny model in it."""
    folder = tmp_path / "box"
    folder.mkdir()
    write_tiny_model(folder / "nano.onnx")
    monkeypatch.setattr(box, "_FOLDER", folder)
    return folder / "nano.onnx"


def test_no_name_and_the_name_give_the_model_in_the_box(boxed):
    assert find_model() == find_model("nano") == find_model(Path("nano")) == boxed
    assert leadline.load().card == leadline.load("nano").card == CARD


def test_a_folder_of_the_same_name_hides_no_model(boxed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nano").mkdir()
    assert find_model("nano") == boxed


def test_a_path_is_a_path(boxed, tmp_path):
    assert find_model(tmp_path / "x.onnx") == tmp_path / "x.onnx"
    assert find_model("runs/first") == Path("runs/first")


def test_an_unknown_name_is_answered_with_the_known_ones(boxed):
    with pytest.raises(ModelFileError, match=r"no model in the box is called 'nanno'; did you mean 'nano'"):
        find_model("nanno")


def test_an_empty_box_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(box, "_FOLDER", tmp_path)
    assert box_models() == {}
    with pytest.raises(ModelFileError, match="without the model in the box; give a file with --model"):
        find_model()


def test_predict_needs_a_photograph_and_nothing_else(boxed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (96, 64), (255, 255, 255)).save("photo.png")
    assert main(["predict", "photo.png"]) == 0
    assert sorted(path.name for path in Path("depth").iterdir()) == ["photo_color.png", "photo_depth16.png"]
    assert np.all(np.asarray(Image.open("depth/photo_depth16.png")) == 2000)


def test_info_says_the_licence(boxed, capsys):
    assert main(["info", "nano"]) == 0
    said = capsys.readouterr().out
    assert "licence: the weights are under AGPL-3.0" in said
    assert "depth 0.1 to 10.0 m (linear), input 64x96 (letterbox)" in said
    assert "trained on 730 frames" in said
    assert "rel 0.125" in said


def test_info_of_an_exported_file_as_json(boxed, capsys):
    assert main(["info", str(boxed), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["file"] == str(boxed)
    assert said["licence"] == CARD.licence
    assert said["height"] == 64


def test_the_model_in_the_box_is_small_says_its_licence_and_knows_near_from_far():
    assert find_model().stat().st_size < 5_000_000
    model = leadline.load(device="cpu", threads=1)
    assert "AGPL-3.0" in model.card.licence
    assert model.card.data["frames"] > 0
    assert '"/' not in model.card.to_json()  # nor where on a machine it was made
    shared = os.environ.get("LEADLINE_SHARED")
    photographs = sorted((Path(shared) / "photos").glob("*.png")) if shared else []
    for path in photographs:
        metres = model.predict(path).metres
        assert 0.5 < np.median(metres) < 8
        assert np.percentile(metres, 95) > 1.2 * np.percentile(metres, 5)


def test_the_box_has_its_licence_and_card_beside_it():
    folder = Path(box.__file__).parent
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (folder / "LICENSE-AGPL-3.0").read_text(encoding="utf-8")
    assert "AGPL-3.0" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "src/leadline/box/nano.onnx" in (folder.parents[2] / "NOTICE").read_text(encoding="utf-8")
