import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from leadline.errors import ModelFileError, UsageError
from leadline.labelling.confidence import ask
from leadline.labelling.open_teacher import open_teacher

SHARED = os.environ.get("LEADLINE_SHARED")
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
TINY_YAML = "name: tiny\nlicence: none\nheight: 16\nwidth: 24\noutput: metres\n"


def write_tiny_onnx(path: Path, *, height: int = 16, width: int = 24) -> Path:
    """The mean of the three channels, plus 1."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, height, width])
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["batch", 1, height, width])
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [1, 3, 1, 1], [1 / 3] * 3)
    bias = helper.make_tensor("bias", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Conv", ["image", "weight", "bias"], ["depth"])
    graph = helper.make_graph([node], "tiny", [image], [depth], [weight, bias])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path


def test_an_onnx_file_with_its_declaration_beside_it_is_a_teacher(tmp_path):
    path = write_tiny_onnx(tmp_path / "tiny.onnx")
    path.with_suffix(".yaml").write_text(TINY_YAML)
    teacher = open_teacher(str(path))
    assert (teacher.name, teacher.kind, teacher.licence) == ("tiny", "metric", "none")
    assert teacher.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    (depth_m,) = teacher.answer([np.full((48, 64, 3), 51, np.uint8)])
    np.testing.assert_allclose(depth_m, np.full((16, 24), 1.2), rtol=1e-5)


def test_a_model_of_another_size_than_declared_is_refused(tmp_path):
    path = write_tiny_onnx(tmp_path / "tiny.onnx", height=32)
    path.with_suffix(".yaml").write_text(TINY_YAML)
    with pytest.raises(ModelFileError, match=r"takes float32 of the shape .*32, 24.* declared .*16, 24"):
        open_teacher(str(path))


def test_an_onnx_file_of_disparity_is_a_relative_teacher(tmp_path):
    path = write_tiny_onnx(tmp_path / "tiny.onnx")
    path.with_suffix(".yaml").write_text(TINY_YAML.replace("metres", "disparity"))
    teacher = open_teacher(str(path))
    assert teacher.kind == "relative"
    assert np.isfinite(ask([teacher], IMAGE).values).all()


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
def test_a_file_that_is_no_model_is_refused(tmp_path, suffix):
    path = tmp_path / f"tiny{suffix}"
    path.write_bytes(b"no model at all")
    path.with_suffix(".yaml").write_text(TINY_YAML)
    with pytest.raises(ModelFileError, match="truncated, or"):
        open_teacher(str(path))


def test_a_leadline_model_is_a_teacher(tmp_path):
    torch = pytest.importorskip("torch")
    from leadline.model_card import ModelCard
    from leadline.networks.depth_net import DepthNet
    from leadline.networks.model_file import save_model

    torch.manual_seed(0)
    net = DepthNet("yolov8n")
    card = ModelCard("yolov8n", "linear", 0.1, 10.0, 64, 96, "letterbox", licence="AGPL-3.0")
    save_model(tmp_path / "model.safetensors", net, card)
    teacher = open_teacher(str(tmp_path / "model.safetensors"))
    assert (teacher.kind, teacher.licence) == ("metric", "AGPL-3.0")
    label = ask([teacher], IMAGE)
    assert label.values.shape == (48, 64)
    assert np.isfinite(label.values).all()


@pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set: no real FastDepth here")
def test_the_real_fastdepth_sees_rooms_in_metres():
    from leadline.data.sources.catalog import open_source

    teacher = open_teacher(f"fastdepth:{Path(SHARED, 'peers/fastdepth-nyu-int8.tflite')}")
    source = open_source(Path(SHARED, "rgbd"))
    ratios = []
    for frame in source.frames[::60]:
        sample = source.read(frame)
        label = ask([teacher], sample.image)
        assert label.values.shape == (224, 224)
        ratios.append(np.median(label.values) / np.median(sample.depth_m[sample.valid]))
    assert 0.7 < np.median(ratios) < 1.4


@pytest.mark.parametrize(
    ("package", "text"), [("ai_edge_litert.interpreter", "fastdepth:{}"), ("transformers", "hf:{}")]
)
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, package, text):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "x.tflite").write_bytes(b"a model")
    with pytest.raises(UsageError, match=r"pip install 'leadline\[label"):
        open_teacher(text.format(tmp_path / "x.tflite"))
