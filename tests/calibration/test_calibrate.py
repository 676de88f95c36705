"""Measured distances correct a model once for all, in the file of every format; refused where that does not help."""

import csv
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from leadline.calibration.calibrate import calibrate
from leadline.cli import main
from leadline.errors import InputError, PointsRefused, UsageError
from leadline.inference.predictor import load
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import CalibrateOptions

CARD = ModelCard(
    encoder="yolov8n", codec="log", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    torch.manual_seed(0)
    net = DepthNet("yolov8n", codec="log")
    net.head.start_at(2.0)
    torch.nn.init.normal_(net.head.conv.weight, std=0.3)
    save_model(path, net, CARD)
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for number in range(5):
        small = Image.fromarray(random.integers(0, 256, (7, 9, 3), np.uint8))
        small.resize((96, 64), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def points_file(model: Path, photographs: Path, out: Path, *, factors: list[float]) -> Path:
    """Forty points in each photograph that say so many times what the model says, within 3 %."""
    random = np.random.default_rng(1)
    predictor = load(model, device="cpu")
    with out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "x", "y", "metres"])
        for photograph, factor in zip(sorted(photographs.iterdir()), factors, strict=True):
            metres = predictor.predict(photograph).metres
            for _ in range(40):
                x, y = random.integers(0, 96), random.integers(0, 64)
                table.writerow([photograph.name, x, y, metres[y, x] * factor * (1 + 0.03 * random.normal())])
    return out


def test_the_factor_is_found_and_predicted_with(model, photographs, tmp_path):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[1.4] * 5)
    out, choice = calibrate(CalibrateOptions(model, str(photographs), points, out=tmp_path / "calibrated.safetensors"))
    assert choice.left_out["scale"] < 0.05 < 0.3 < choice.left_out["as it is"]
    first = next(photographs.iterdir())
    ratio = load(out, device="cpu").predict(first).metres / load(model, device="cpu").predict(first).metres
    assert np.median(ratio) == pytest.approx(1.4, abs=0.02)
    again = calibrate(CalibrateOptions(out, str(photographs), points, out=tmp_path / "again.safetensors"))[1]
    assert again.correction == choice.correction  # of what the network says, not of what was corrected already


def test_an_error_that_differs_from_photograph_to_photograph_is_refused(model, photographs, tmp_path):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[0.6, 1.7, 1.0, 0.75, 1.4])
    out = tmp_path / "calibrated.safetensors"
    with pytest.raises(
        PointsRefused, match=r"no correction helps, so nothing was written: points left out are off by .* as"
    ):
        calibrate(CalibrateOptions(model, str(photographs), points, out=out))
    assert not out.exists()


def test_a_model_that_is_right_is_left_alone(model, photographs, tmp_path):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[1.0] * 5)
    with pytest.raises(PointsRefused, match="no correction helps"):
        calibrate(CalibrateOptions(model, str(photographs), points, out=tmp_path / "calibrated.safetensors"))


def test_distances_in_another_unit_are_refused(model, photographs, tmp_path):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[1000.0] * 5)
    with pytest.raises(PointsRefused, match="which cannot be meant, so nothing was written; are they in metres"):
        calibrate(CalibrateOptions(model, str(photographs), points, out=tmp_path / "calibrated.safetensors"))


def test_of_a_single_photograph_it_is_said_that_others_may_differ(model, photographs, tmp_path, capsys):
    alone = tmp_path / "photographs"
    alone.mkdir()
    shutil.copy(photographs / "0.png", alone)
    points = points_file(model, alone, tmp_path / "points.csv", factors=[1.4])
    words = ["calibrate", str(model), "--images", str(alone), "--points", str(points)]
    assert main([*words, "--out", str(tmp_path / "calibrated.safetensors")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Learnt from 1 of the 3 photographs or more that would show whether it holds for others" in said


def test_nothing_measured_is_told(model, photographs, tmp_path):
    (tmp_path / "points.csv").write_text("image,x,y,metres\nother.png,1,1,2\n")
    with pytest.raises(InputError, match=r"nothing was measured in any of 5 photographs .*do the names fit"):
        calibrate(CalibrateOptions(model, str(photographs), tmp_path / "points.csv"))
    with pytest.raises(UsageError, match="--points FILE, or --camera-height-m"):
        calibrate(CalibrateOptions(model, str(photographs)))


def test_another_format_is_refused(model, photographs, tmp_path):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[1.4] * 5)
    with pytest.raises(UsageError, match=r"has the suffix of the model, \.safetensors; `leadline export` converts"):
        calibrate(CalibrateOptions(model, str(photographs), points, out=tmp_path / "calibrated.onnx"))


def test_the_command_says_what_it_did(model, photographs, tmp_path, capsys):
    points = points_file(model, photographs, tmp_path / "points.csv", factors=[1.4] * 5)
    out = tmp_path / "calibrated.safetensors"
    words = ["calibrate", str(model), "--images", str(photographs), "--points", str(points), "--out", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "as it is" in said
    assert f"{out}: the model's metres 1." in said
    assert main([*words[:-2], "--camera-height-m", "-1"]) == 2
    assert math.isfinite(load(out, device="cpu").card.correction.error)
