"""Every format says what torch says, carries its card, and is refused when it is broken."""

import json
import math
import re
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest

from leadline.calibration.calibrate import calibrate
from leadline.calibration.stored_card import write_with_card
from leadline.depth.correction import Correction
from leadline.errors import ModelFileError, UsageError
from leadline.export import export as export_module
from leadline.export.catalog import FORMATS
from leadline.export.export import export
from leadline.inference.info import info_command
from leadline.inference.predictor import Predictor, load
from leadline.model_card import ModelCard
from leadline.options import CalibrateOptions, ExportOptions, InfoOptions

CORRECTION = Correction("log", offset=0.2, gain=0.9, near_m=0.5, far_m=5.0)
CARD = ModelCard(
    "yolov8n",
    "log",
    min_depth_m=0.2,
    max_depth_m=8.0,
    height=64,
    width=96,
    fit="letterbox",
    correction=CORRECTION,
    says_sigma=True,
)
"""Calibrated, and saying sigma: what every format has to carry."""
NEEDS = {
    "openvino": ("openvino",),
    "ncnn": ("ncnn", "pnnx"),
    "executorch": ("executorch",),
    "litert": ("litert_torch", "ai_edge_litert"),
}


@pytest.fixture(scope="module")
def model(write_model, tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors", CARD)


@pytest.fixture(scope="module", params=list(FORMATS))
def form(request) -> str:
    missing = [package for package in NEEDS.get(request.param, ()) if find_spec(package) is None]
    if missing:
        pytest.skip(f"format {request.param} needs {', '.join(missing)}")
    return request.param


@pytest.fixture(scope="module")
def made(model, form, tmp_path_factory) -> Path:
    """The exported file, alone with those that belong to it."""
    out = tmp_path_factory.mktemp(form) / f"model{FORMATS[form].suffixes[0]}"
    return export(ExportOptions(model, format=form, out=out)).path


def copied(made: Path, folder: Path) -> Path:
    for file in made.parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder / made.name


def test_the_card_travels_with_the_file_and_nothing_else_is_left(made, form):
    assert load(made).card == replace(CARD, is_corrected=True)
    assert sorted(file.name for file in made.parent.iterdir()) == sorted(
        f"model{suffix}" for suffix in FORMATS[form].suffixes
    )


def test_metres_equal_torchs_for_batches_of_any_size(made, model):
    by_torch, by_file = load(model, device="cpu"), load(made, device="cpu")
    for batch in (1, 3):
        pictures = np.random.default_rng(batch).random((batch, 3, 64, 96), np.float32)
        metres, doubts = np.split(by_torch.network(pictures), 2, axis=1)
        assert metres.std() > 0.05  # the model has something to say
        expected = np.concatenate([CORRECTION.apply(metres), doubts], axis=1)  # also without leadline
        assert np.abs(by_file.network(pictures) - expected).max() < 8e-4


def test_a_photograph_gives_the_same_depth_map_as_in_torch(made, model):
    photograph = np.random.default_rng(3).integers(0, 256, (80, 60, 3), np.uint8)
    expected, found = (load(file, device="cpu").predict(photograph) for file in (model, made))
    assert np.abs(found.metres - expected.metres).max() < 8e-4
    assert found.sigma_m is not None
    np.testing.assert_allclose(found.sigma_m, expected.sigma_m, rtol=2e-3)


def test_a_copy_with_another_card_corrects_the_same_metres(made, tmp_path):
    copy = tmp_path / f"calibrated{made.suffix}"
    card = replace(CARD, correction=Correction("scale", offset=math.log(1.5)))
    write_with_card(made, copy, card.to_json())
    photograph = np.random.default_rng(3).integers(0, 256, (80, 60, 3), np.uint8)
    corrected, plain = (load(file, device="cpu").predict(photograph).metres for file in (copy, made))
    assert load(copy).card == card
    assert np.abs(corrected / plain - 1.5).max() < 1e-5


def test_a_file_that_corrects_its_metres_is_not_calibrated_again(made):
    with pytest.raises(UsageError, match="its graph corrects its metres already; calibrate the model that it was exp"):
        calibrate(CalibrateOptions(made, "photographs"))


def test_info_knows_the_file(made, capsys):
    info_command(InfoOptions(str(made)))
    assert "64x96" in capsys.readouterr().out


def test_a_spoiled_export_is_refused_and_leaves_no_file(model, form, tmp_path, monkeypatch):
    def spoiled(path: Path, **options: object) -> Predictor:
        predictor = load(path, **options)
        return Predictor(lambda tensor: predictor.network(tensor) * np.float32(1.01), predictor.card)

    monkeypatch.setattr(export_module, "load", spoiled)
    with pytest.raises(ModelFileError, match=r"differs from torch by at most .* so it was not written"):
        export(ExportOptions(model, format=form, out=tmp_path / f"wrong{FORMATS[form].suffixes[0]}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_truncated_file_is_refused(made, tmp_path, share):
    copy = copied(made, tmp_path)
    copy.write_bytes(made.read_bytes()[: int(share * made.stat().st_size)])
    with pytest.raises(ModelFileError, match=re.escape(str(copy))):
        load(copy)


def test_another_kind_of_file_is_refused(made, tmp_path):
    copy = copied(made, tmp_path)
    copy.write_text("no model " * 1000)
    with pytest.raises(ModelFileError, match=re.escape(str(copy))):
        load(copy)


def test_the_file_of_another_maker_is_refused(made, tmp_path):
    copy = copied(made, tmp_path)
    _WITHOUT_CARD[made.suffix](copy)
    with pytest.raises(ModelFileError, match=re.escape(str(copy))):
        load(copy)


def test_weights_that_are_missing_beside_the_graph_are_refused(made, tmp_path):
    if len(list(made.parent.iterdir())) == 1:
        pytest.skip("one file holds all")
    alone = tmp_path / made.name
    alone.write_bytes(made.read_bytes())
    with pytest.raises(ModelFileError, match=re.escape(str(alone))):
        load(alone)


def _onnx_without(path: Path) -> None:
    graph = onnx.load(path)
    del graph.metadata_props[:]
    onnx.save(graph, path)


def _xml_without(path: Path) -> None:
    path.write_text(re.sub(r"<leadline [^>]*/>", "", path.read_text()))


def _zip_without(path: Path) -> None:
    with zipfile.ZipFile(path) as whole:
        kept = {name: whole.read(name) for name in whole.namelist() if "leadline" not in Path(name).name}
    with zipfile.ZipFile(path, "w") as whole:
        for name, content in kept.items():
            whole.writestr(name, content)


def _cut_before_the_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as behind:
        (card,) = behind.infolist()
    path.write_bytes(path.read_bytes()[: card.header_offset])


_WITHOUT_CARD = {
    ".onnx": _onnx_without,
    ".xml": _xml_without,
    ".torchscript": _zip_without,
    ".pte": _cut_before_the_zip,
    ".tflite": _cut_before_the_zip,
    ".ncnn": _zip_without,
}


def test_the_parts_of_an_ncnn_file_are_what_ncnn_loads(model, tmp_path):
    pytest.importorskip("ncnn")
    pytest.importorskip("pnnx")
    whole = tmp_path / "model.ncnn"
    export(ExportOptions(model, format="ncnn", out=whole))
    with zipfile.ZipFile(whole) as parts:
        assert parts.namelist() == ["model.param", "model.bin", "leadline.json"]
        assert parts.read("model.param").startswith(b"7767517")
        assert json.loads(parts.read("leadline.json"))["max_depth_m"] == 8.0
