"""8 bits: calibrated on frames, judged on others, and refused when they cost more than is allowed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from leadline.data.sample import fingerprint
from leadline.data.sources.catalog import open_source
from leadline.errors import InputError, ModelFileError, UsageError
from leadline.export import onnx_int8
from leadline.export.export import export
from leadline.export.int8 import Trial, make_trial
from leadline.inference.predictor import load
from leadline.model_card import ModelCard
from leadline.options import ExportOptions

CARD = ModelCard("yolov8n", "log", min_depth_m=0.2, max_depth_m=8.0, height=64, width=96, fit="letterbox")


@pytest.fixture(scope="module")
def model(write_model, tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors", CARD)


@pytest.fixture(scope="module")
def frames(tmp_path_factory, write_scenes):
    return write_scenes(tmp_path_factory.mktemp("frames"), rooms=2, frames=2)


@pytest.fixture(autouse=True)
def any_order(monkeypatch):
    """Measuring how sensitive each of 37 layers is takes a minute; the search does not mind their order."""
    monkeypatch.setattr(onnx_int8._Quantizer, "sensitivity", lambda self, layer: self.layers.index(layer))


def integer_convolutions(path) -> int:
    weights = {tensor.name for tensor in onnx.load(path).graph.initializer if tensor.data_type == onnx.TensorProto.INT8}
    return sum(node.op_type == "DequantizeLinear" and node.input[0] in weights for node in onnx.load(path).graph.node)


def test_all_but_the_head_is_in_8_bits_where_that_is_allowed(model, frames, tmp_path):
    path, _, loss = export(ExportOptions(model, out=tmp_path / "m.onnx", int8=True, calibrate=frames, int8_bound=100.0))
    assert loss.in_float == []
    assert integer_convolutions(path) == 36
    assert path.stat().st_size < 2_700_000  # a quarter of 8.5 MB, and the head
    assert load(path).card == CARD
    assert loss.after != loss.before
    assert "rel" in str(loss)
    assert "layers left in float: none" in str(loss)


def test_sensitive_layers_stay_in_float_until_the_loss_is_within_the_bound(model, frames, tmp_path, monkeypatch):
    in_float = load(model, device="cpu").network
    really_errors = Trial.errors

    def errors(trial, network):
        """As if the float model were right: an untaught one may get better by chance."""
        moved = max(float(np.abs(network(picture) - in_float(picture)).max()) for picture in trial.pictures)
        return replace(really_errors(trial, network), rel=1 + moved)

    monkeypatch.setattr(Trial, "errors", errors)
    path, _, loss = export(ExportOptions(model, out=tmp_path / "m.onnx", int8=True, calibrate=frames, int8_bound=0.001))
    assert loss.of_rel <= 0.001
    assert 0 < len(loss.in_float) <= 36
    assert integer_convolutions(path) == 36 - len(loss.in_float)


def test_a_quantiser_that_costs_too_much_leaves_no_file(model, frames, tmp_path, monkeypatch):
    from leadline.export.catalog import FORMATS

    def blind(whole, path, trial):
        graph = onnx.load(whole)
        head = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.conv.weight"))
        head.CopyFrom(onnx.numpy_helper.from_array(0 * onnx.numpy_helper.to_array(head) + 3, head.name))
        onnx.save(graph, path)
        return []

    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(quantize=blind))
    with pytest.raises(ModelFileError, match=r"m\.onnx: int8: rel .* allowed is \+2\.00%, so it was not written"):
        export(ExportOptions(model, out=tmp_path / "m.onnx", int8=True, calibrate=frames))
    assert list(tmp_path.iterdir()) == []


def test_calibration_sees_the_frames_of_the_training_and_the_judge_those_it_left_out(model, frames):
    source = open_source(frames)
    rule = {"by": "room", "share": 0.5, "seed": 0, "scenes": None, "limit": None}
    card = ModelCard(**{**CARD.__dict__, "data": {"fingerprint": fingerprint(source.frames), "split": rule}})
    trial = make_trial(ExportOptions(model, int8=True, calibrate=frames), card)
    assert len(trial.pictures) == 2
    assert len(trial._frames) == 2
    of_others = make_trial(ExportOptions(model, int8=True, calibrate=frames), CARD)
    assert len(of_others.pictures) == len(of_others._frames) == 4


def test_what_is_missing_for_8_bits_is_named(model, frames, tmp_path):
    with pytest.raises(UsageError, match="--int8 needs --calibrate"):
        export(ExportOptions(model, int8=True))
    with pytest.raises(UsageError, match="two ways to store weights"):
        export(ExportOptions(model, int8=True, fp16=True))
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    with pytest.raises(UsageError, match=r"has no measured depth.*--validate"):
        export(ExportOptions(model, int8=True, calibrate=tmp_path))
    trial = make_trial(ExportOptions(model, int8=True, calibrate=tmp_path, validate=frames), CARD)
    assert len(trial.pictures) == 1
    with pytest.raises(InputError):
        make_trial(ExportOptions(model, int8=True, calibrate=frames, validate=tmp_path), CARD)


def test_openvino_in_8_bits_is_a_quarter_of_the_weights_and_says_what_it_cost(model, frames, tmp_path):
    pytest.importorskip("nncf")
    path, _, loss = export(
        ExportOptions(model, format="openvino", out=tmp_path / "m.xml", int8=True, calibrate=frames, int8_bound=100.0)
    )
    assert path.with_suffix(".bin").stat().st_size < 2_700_000
    assert load(path).card == CARD
    assert loss.after != loss.before
    assert loss.in_float == []
