"""An exported file equals torch in metres, or is not kept."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from leadline.errors import ModelFileError
from leadline.export import onnx as export_module
from leadline.export.onnx import LARGEST_DIFFERENCE_M, export_command, export_onnx
from leadline.inference.predictor import Predictor, load
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import ExportOptions

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
def exported(tmp_path_factory):
    """Folder of a model and its export, the largest difference, and the program (slow to make)."""
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    net = DepthNet("yolov8n", codec="log", min_depth_m=0.2, max_depth_m=8.0)
    net.head.start_at(2.0)
    torch.nn.init.normal_(net.head.conv.weight, std=1.0)
    save_model(folder / "model.safetensors", net, CARD)
    programs = []
    export = torch.onnx.export

    def kept(*arguments, **options):
        programs.append(export(*arguments, **options))
        return programs[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", kept)
        largest_m = export_onnx(folder / "model.safetensors", folder / "model.onnx")
    return folder, largest_m, programs[0]


@pytest.fixture
def quick_export(exported, monkeypatch) -> Path:
    """The model's path; exporting it again takes no time."""
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: exported[2])
    return exported[0] / "model.safetensors"


def test_the_card_travels_with_the_file(exported):
    assert load(exported[0] / "model.onnx").card == CARD


def test_metres_equal_torchs_within_a_millimetre(exported):
    folder, largest_m, _ = exported
    assert 0 <= largest_m <= LARGEST_DIFFERENCE_M == 1e-3
    by_onnx, by_torch = (load(folder / f"model.{kind}", device="cpu") for kind in ("onnx", "safetensors"))
    random = np.random.default_rng(1)
    for batch in (1, 2, 5):
        pictures = random.random((batch, 3, 64, 96), np.float32)
        metres = by_torch.network(pictures)
        assert metres.std() > 0.05  # the model has something to say
        assert np.abs(by_onnx.network(pictures) - metres).max() < 1e-3


def test_the_file_is_one_whole_valid_graph_with_named_ends(exported):
    graph = onnx.load(exported[0] / "model.onnx")
    onnx.checker.check_model(graph)
    assert [entry.name for entry in graph.graph.input] == ["image"]
    assert [entry.name for entry in graph.graph.output] == ["depth_m"]
    assert sorted(file.name for file in exported[0].iterdir()) == ["model.onnx", "model.safetensors"]
    assert (exported[0] / "model.onnx").stat().st_size > 4 * 2_100_000  # the weights are inside


class Spoiled:
    """ONNX Runtime as it might be wrong: metres that differ by `by_m`."""

    def __init__(self, by_m: float) -> None:
        self.by_m = by_m

    def __call__(self, path: Path, *, device: str) -> Predictor:
        predictor = load(path, device=device)
        return Predictor(lambda tensor: predictor.network(tensor) + np.float32(self.by_m), predictor.card)


@pytest.mark.parametrize("by_m", [0.01, -0.01, float("nan")])
def test_a_spoiled_export_is_refused_and_leaves_no_file(quick_export, tmp_path, monkeypatch, by_m):
    monkeypatch.setattr(export_module, "load", Spoiled(by_m))
    with pytest.raises(ModelFileError, match=r"wrong\.onnx: the exported file differs from torch by up to"):
        export_onnx(quick_export, tmp_path / "wrong.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_the_earlier_file(quick_export, tmp_path, monkeypatch):
    (tmp_path / "model.onnx").write_bytes(b"earlier")
    monkeypatch.setattr(export_module, "load", Spoiled(1.0))
    with pytest.raises(ModelFileError):
        export_onnx(quick_export, tmp_path / "model.onnx")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("model.onnx", b"earlier")]


def test_the_verb_writes_where_it_is_told_and_says_what_it_proved(quick_export, tmp_path, capsys):
    export_command(ExportOptions(model=quick_export, out=tmp_path / "new" / "m.onnx"))
    assert load(tmp_path / "new" / "m.onnx").card == CARD
    said = capsys.readouterr().out
    assert str(tmp_path / "new" / "m.onnx") in said
    assert "differs from torch by at most 0.0" in said


def test_without_a_name_the_file_lies_beside_the_model(quick_export, capsys):
    beside = quick_export.with_suffix(".onnx")
    beside.unlink()
    export_command(ExportOptions(model=quick_export))
    assert beside.is_file()


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.safetensors: no such model file"):
        export_onnx(tmp_path / "none.safetensors", tmp_path / "none.onnx")
    assert list(tmp_path.iterdir()) == []
