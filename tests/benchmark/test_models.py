"""The verb, on a small exported model."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.benchmark.models import benchmark, benchmark_command, contenders
from leadline.cli import main
from leadline.errors import ModelFileError, RecipeError, UsageError
from leadline.export.export import export
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import BenchmarkOptions, ExportOptions

QUICK = {"rounds": 2, "turn_s": 0.01, "threads": (1,)}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """A model file without its suffix: there are .safetensors and .onnx."""
    folder = tmp_path_factory.mktemp("benchmark")
    torch.manual_seed(0)
    card = ModelCard("yolov8n", "linear", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox")
    save_model(folder / "model.safetensors", DepthNet("yolov8n"), card)
    export(ExportOptions(folder / "model.safetensors", out=folder / "model.onnx"))
    return str(folder / "model")


def test_the_json_holds_the_machine_and_every_figure(model, tmp_path, capsys):
    Image.fromarray(np.full((48, 64, 3), 90, np.uint8)).save(tmp_path / "photo.jpg")
    models = (f"{model}.onnx", f"{model}.safetensors")
    benchmark_command(BenchmarkOptions(models, json=True, picture=tmp_path / "photo.jpg", **QUICK))
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"machine", "decoding", "limits", "results"}
    assert told["decoding"] == "included"
    assert told["machine"]["cpu"]
    assert told["limits"][0]["gmacs_per_s"] > 0
    by_onnx, by_torch = told["results"]
    assert [by_onnx["model"], by_torch["model"]] == list(models)
    for result in told["results"]:
        assert result.keys() == {
            "model", "threads", "backend", "input", "load_ms", "file_bytes", "peak_memory_bytes", "macs", "timings",
        }  # fmt: skip
        assert (result["threads"], result["input"]) == (1, "64x96")
        assert result["load_ms"] > 0
        assert result["file_bytes"] > 4 * 2_100_000
        assert result["timings"].keys() == {"network", "predict"}
        for timing in result["timings"].values():
            assert timing.keys() == {"median_ms", "p95_ms", "per_s", "runs", "ratio", "times_limit"}
            assert 0 < timing["median_ms"] <= timing["p95_ms"]
            assert timing["runs"] >= 2 * 3
            assert timing["ratio"]["low"] <= timing["ratio"]["median"] <= timing["ratio"]["high"]
        assert result["timings"]["network"]["times_limit"] > 0.5
        assert result["timings"]["predict"]["times_limit"] is None
    assert by_onnx["timings"]["network"]["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert by_onnx["macs"] == by_torch["macs"] == pytest.approx(1.02e9 * 64 * 96 / (240 * 320), rel=0.01)


def test_the_table_names_models_and_the_limit(model, capsys):
    benchmark_command(BenchmarkOptions((f"{model}.onnx",), **QUICK))
    said = capsys.readouterr().out
    assert "model.onnx" in "".join(said.split())
    assert "GMACs a second in float32 with 1 thread" in said
    assert "decoding excluded" in said


def test_every_model_meets_every_backend_number_of_threads_and_size(model):
    options = BenchmarkOptions(
        (f"{model}.onnx", f"{model}.safetensors"), backend=("auto", "torch"), threads=(1, 2), size=("32x64", "64x64")
    )
    asked = [(one.name[-4:], one.threads, *one.open_subject.keywords.values()) for one in contenders(options)]
    assert len(asked) == len(set(asked)) == 2 * 2 * 2 * 2
    assert [one.threads for one in contenders(BenchmarkOptions((f"{model}.onnx",)))] == [None]


def test_a_model_runs_at_another_size_with_fewer_multiply_adds(model):
    options = BenchmarkOptions((f"{model}.safetensors",), size=("32x64", "64x64"), **{**QUICK, "rounds": 1})
    small, large = benchmark(options).results
    assert [small.facts["input"], large.facts["input"]] == ["32x64", "64x64"]
    assert large.macs == 2 * small.macs


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({"models": ("none.onnx",)}, ModelFileError, r"none\.onnx: no such model file"),
        ({"backend": ("onnxruntim",)}, UsageError, r"did you mean 'onnxruntime'\?"),
        ({"size": ("96",)}, UsageError, "a size is HEIGHTxWIDTH"),
        ({"size": ("96x96",)}, ModelFileError, "does not run at 96x96; leave --size out"),
        ({"rounds": 0}, RecipeError, "rounds must be at least 1, got 0"),
        ({"threads": (0,)}, RecipeError, "threads must be at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused(model, changed, kind, message):
    with pytest.raises(kind, match=message):
        benchmark(BenchmarkOptions(**{"models": (f"{model}.onnx",), **QUICK, **changed}))


def test_the_command_line_says_a_missing_model_in_a_sentence(capsys):
    assert main(["benchmark", "none.onnx", "--rounds", "1"]) == 4
    assert "none.onnx: no such model file" in capsys.readouterr().err
