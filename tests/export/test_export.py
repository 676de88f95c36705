"""An exported file equals torch in metres, or is not kept."""

from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from leadline.errors import InputError, ModelFileError, UsageError
from leadline.export import export as export_module
from leadline.export.catalog import FORMATS
from leadline.export.export import export, export_command
from leadline.export.parity import FLOAT16_WEIGHTS, FLOAT32, MOST_PICTURES, drawn_pictures, read_pictures
from leadline.inference.predictor import Predictor, load
from leadline.model_card import ModelCard
from leadline.options import ExportFormat, ExportOptions

CARD = ModelCard(
    encoder="yolov8n",
    codec="log",
    min_depth_m=0.2,
    max_depth_m=8.0,
    height=64,
    width=96,
    fit="stretch",
    training_median_m=2.25,
    data={"fingerprint": "0123456789abcdef"},
    scores={"rel": 0.125},
)


@pytest.fixture(scope="module")
def model(write_model, tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors", CARD)


def exported(model: Path, out: Path, **options) -> Path:
    return export(ExportOptions(model, out=out, **options))[0]


# --- What the file is ---


@pytest.mark.parametrize("fp16", [False, True])
def test_the_card_travels_with_the_file(model, tmp_path, fp16):
    assert load(exported(model, tmp_path / "m.onnx", fp16=fp16)).card == CARD


@pytest.mark.parametrize(("fp16", "bound"), [(False, FLOAT32), (True, FLOAT16_WEIGHTS)])
def test_metres_equal_torchs_within_the_bound_for_batches_of_any_size(model, tmp_path, fp16, bound):
    by_onnx = load(exported(model, tmp_path / "m.onnx", fp16=fp16), device="cpu")
    by_torch = load(model, device="cpu")
    random = np.random.default_rng(1)
    for batch in (1, 2, 5):
        pictures = random.random((batch, 3, 64, 96), np.float32)
        metres = by_torch.network(pictures)
        assert metres.std() > 0.05  # the model has something to say
        apart = np.abs(by_onnx.network(pictures) - metres)
        assert apart.max() < bound.largest * 8
        assert apart.mean() < bound.mean * 8


def test_the_file_is_one_whole_valid_graph_with_named_ends(model, tmp_path):
    graph = onnx.load(exported(model, tmp_path / "m.onnx"))
    onnx.checker.check_model(graph, full_check=True)
    assert [entry.name for entry in graph.graph.input] == ["image"]
    assert [entry.name for entry in graph.graph.output] == ["depth_m"]
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]
    assert (tmp_path / "m.onnx").stat().st_size > 4 * 2_100_000  # the weights are inside


def test_float16_weights_halve_the_file_and_leave_the_arithmetic_in_float32(model, tmp_path):
    whole, half = exported(model, tmp_path / "m.onnx"), exported(model, tmp_path / "h.onnx", fp16=True)
    assert half.stat().st_size < 0.51 * whole.stat().st_size
    assert half.stat().st_size < 4_300_000
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "folded.onnx")
    onnxruntime.InferenceSession(half, options, providers=["CPUExecutionProvider"])
    folded = onnx.load(tmp_path / "folded.onnx").graph
    assert "Cast" not in {node.op_type for node in folded.node}  # folded at loading: no cast at each prediction
    assert {weight.data_type for weight in folded.initializer if len(weight.dims) > 1} == {onnx.TensorProto.FLOAT}


def test_enlarging_by_two_is_a_constant_in_a_file_of_one_size(model, tmp_path):
    graph = onnx.load(exported(model, tmp_path / "m.onnx")).graph
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.initializer}
    enlarging = [node for node in graph.node if node.op_type == "Resize"]
    assert [constants[node.input[2]].tolist() for node in enlarging] == [[1, 1, 2, 2]] * 4
    assert "Shape" not in {node.op_type for node in graph.node}  # nothing is left of what computed the sizes
    assert constants.keys() <= {name for node in graph.node for name in node.input}


def test_the_file_does_not_tell_where_it_was_made(model, tmp_path):
    content = exported(model, tmp_path / "m.onnx").read_bytes()
    assert str(Path(export_module.__file__).parents[3]).encode() not in content
    assert b".py" not in content


def test_the_file_asks_for_no_newer_runtime_than_it_needs(model, tmp_path):
    graph = onnx.load(exported(model, tmp_path / "m.onnx"))
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", 18)]
    assert graph.ir_version == 8


@pytest.mark.parametrize("size", [(64, 96), (32, 32), (77, 131), (240, 320)])
def test_a_dynamic_file_takes_pictures_of_any_size(model, tmp_path, size):
    by_onnx = load(exported(model, tmp_path / "m.onnx", dynamic=True), device="cpu")
    pictures = np.random.default_rng(2).random((2, 3, *size), np.float32)
    with torch.no_grad():
        expected = load(model, device="cpu").network(pictures)
    assert np.abs(by_onnx.network(pictures) - expected).max() < 1e-3


# --- The proof ---


class Spoiled:
    """A runtime as it might be wrong: metres that differ by `by_m`."""

    def __init__(self, by_m: float) -> None:
        self.by_m = by_m

    def __call__(self, path: Path, **options: object) -> Predictor:
        predictor = load(path, **options)
        return Predictor(lambda tensor: predictor.network(tensor) + np.float32(self.by_m), predictor.card)


@pytest.mark.parametrize(("fp16", "by_m"), [(False, 0.01), (False, -0.01), (False, float("nan")), (True, 0.05)])
def test_a_spoiled_export_is_refused_and_leaves_no_file(model, tmp_path, monkeypatch, fp16, by_m):
    monkeypatch.setattr(export_module, "load", Spoiled(by_m))
    with pytest.raises(ModelFileError, match=r"wrong\.onnx: the exported file differs from torch by at most .*allowed"):
        exported(model, tmp_path / "wrong.onnx", fp16=fp16)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_the_earlier_file(model, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"earlier")
    monkeypatch.setattr(export_module, "load", Spoiled(1.0))
    with pytest.raises(ModelFileError):
        exported(model, tmp_path / "model.onnx")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("model.onnx", b"earlier")]


def test_the_proof_is_made_on_the_photographs_that_are_given(model, tmp_path):
    with pytest.raises(InputError, match="no pictures there"):
        exported(model, tmp_path / "m.onnx", images=tmp_path)
    Image.fromarray(drawn_pictures(1)[0]).save(tmp_path / "photo.png")
    by_file = export(ExportOptions(model, out=tmp_path / "m.onnx", images=tmp_path)).apart
    by_drawing = export(ExportOptions(model, out=tmp_path / "m.onnx")).apart
    assert by_file != by_drawing


def test_of_many_photographs_some_are_taken_from_all_over_the_folder(tmp_path):
    for index in range(100):
        Image.new("RGB", (4, 4), (index, 0, 0)).save(tmp_path / f"{index:03}.png")
    taken = [int(picture[0, 0, 0]) for picture in read_pictures(tmp_path)]
    assert len(taken) == MOST_PICTURES
    assert (taken[0], taken[-1]) == (0, 99)


def test_drawn_pictures_have_texture_and_are_always_the_same():
    first, second = drawn_pictures(), drawn_pictures()
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)
        assert one.std() > 30
        assert np.abs(np.diff(one.astype(int), axis=1)).mean() > 2
    assert len({picture.tobytes() for picture in first}) == len(first)


# --- The verb ---


def test_the_verb_writes_where_it_is_told_and_says_what_it_proved(model, tmp_path, capsys):
    export_command(ExportOptions(model=model, out=tmp_path / "new" / "m.onnx"))
    assert load(tmp_path / "new" / "m.onnx").card == CARD
    said = capsys.readouterr().out
    assert str(tmp_path / "new" / "m.onnx") in said
    assert "differs from torch by at most 0.0" in said


def test_without_a_name_the_file_lies_beside_the_model_and_tells_its_precision(model):
    assert export(ExportOptions(model))[0] == model.with_suffix(".onnx")
    assert export(ExportOptions(model, fp16=True))[0] == model.with_name("model-fp16.onnx")
    assert model.with_suffix(".onnx").is_file()
    assert model.with_name("model-fp16.onnx").is_file()


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.safetensors: no such model file"):
        exported(tmp_path / "none.safetensors", tmp_path / "none.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_names_what_to_install(model, tmp_path, monkeypatch):
    def write(*arguments, **options):
        raise ModuleNotFoundError("No module named 'toolchain'", name="toolchain")

    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(write=write, install="'leadline[export]'"))
    with pytest.raises(UsageError, match=r"needs the package toolchain: pip install 'leadline\[export\]'"):
        exported(model, tmp_path / "m.onnx")


@pytest.mark.parametrize("flag", ["fp16", "dynamic"])
def test_what_a_format_cannot_do_is_refused_before_anything_is_read(tmp_path, monkeypatch, flag):
    able = FORMATS["onnx"]
    monkeypatch.setitem(FORMATS, "other", able)
    monkeypatch.setitem(FORMATS, "onnx", able._replace(half=False, dynamic=False))
    with pytest.raises(UsageError, match=f"format onnx has no --{flag}; these have: .*other"):
        exported(tmp_path / "none.safetensors", tmp_path / "none.onnx", **{flag: True})


def test_options_and_catalog_know_the_same_formats():
    assert set(get_args(ExportFormat)) == set(FORMATS)
