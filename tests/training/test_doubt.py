"""A model learns how far it is to be trusted: what it says fits its errors, and its depth stays as it was."""

import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from leadline.cli import main
from leadline.data.sample import fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.splits import SplitRule
from leadline.depth.depth_map import DepthMap
from leadline.depth.files import read_depth
from leadline.depth.framing import Framing
from leadline.errors import UsageError
from leadline.export.export import export
from leadline.inference.predictor import load
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model, save_model
from leadline.options import ExportOptions
from leadline.training.doubt import Errors, calibrate_sigma, teach_sigma, with_sigma

CARD = ModelCard("yolov8n", "log", min_depth_m=0.1, max_depth_m=10.0, height=64, width=96, fit="letterbox")


def frames_with_two_scales(seed: int, *, scale: float = 1.0) -> list[Errors]:
    """The first feature says where errors are five times as large."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for room in ("a", "b"):
        features = torch.zeros(1, 16, 24, 32)
        features[:, 0, :, 16:] = 1.0
        wide = torch.where(features[:, :1] > 0, 0.3, 0.06)
        error = scale * wide * -torch.rand(wide.shape, generator=random).clamp(min=1e-6).log()
        found.append(Errors(room, features, error, torch.ones_like(error, dtype=torch.bool)))
    return found


@pytest.fixture(scope="module")
def taught(tmp_path_factory, write_scenes) -> tuple[Path, Path]:
    """A model before, and after the command."""
    folder = tmp_path_factory.mktemp("doubt")
    frames = open_source(write_scenes(folder / "frames")).frames
    card = ModelCard(
        **{
            **asdict(CARD),
            "data": {"fingerprint": fingerprint(frames), "split": asdict(SplitRule(by="room", share=0.3))},
        }
    )
    torch.manual_seed(0)
    net = DepthNet("yolov8n", codec="log")
    net.head.start_at(2.5)
    torch.nn.init.normal_(net.head.conv.weight, std=0.1)
    save_model(folder / "model.safetensors", net, card)
    words = ["doubt", str(folder / "model.safetensors"), "--data", str(folder / "frames"), "--steps", "5"]
    assert main(words) == 0
    return folder / "model.safetensors", folder / "model-sigma.safetensors"


def photograph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)


def test_sigma_is_larger_where_errors_are():
    net = with_sigma(DepthNet("yolov8n", codec="log"), CARD)
    teach_sigma(net, frames_with_two_scales(0), steps=400)
    with torch.no_grad():
        sigma = net.head.log_sigma(frames_with_two_scales(1)[0].features).exp()[0, 0]
    assert float(sigma[12, 8]) == pytest.approx(0.06, rel=0.2)
    assert float(sigma[12, 24]) == pytest.approx(0.3, rel=0.2)


def test_rooms_left_out_correct_sigma_by_one_factor():
    net = with_sigma(DepthNet("yolov8n", codec="log"), CARD)
    teach_sigma(net, frames_with_two_scales(0), steps=400)
    assert calibrate_sigma(net, frames_with_two_scales(1, scale=2.0)) == pytest.approx(2.0, rel=0.15)
    assert calibrate_sigma(net, frames_with_two_scales(1, scale=2.0)) == pytest.approx(1.0, rel=0.01)


def test_teaching_sigma_leaves_the_depth_as_it_was(taught):
    before, after = (load(path, device="cpu").predict(photograph()) for path in taught)
    assert np.array_equal(before.metres, after.metres)
    assert before.sigma_m is None
    assert after.sigma_m.shape == after.metres.shape
    assert (after.sigma_m > 0).all()
    (net, _), (with_it, card) = map(load_model, taught)
    assert card.says_sigma
    changed = {
        name
        for name, value in with_it.state_dict().items()
        if not torch.equal(value, net.state_dict().get(name, value + 1))
    }
    assert changed == {"head.sigma.weight", "head.sigma.bias"}


def test_sigma_of_a_prediction_is_not_enlarged_before_it_is_read(taught, monkeypatch):
    restored = []
    restore = Framing.restore
    monkeypatch.setattr(Framing, "restore", lambda *given, **size: restored.append(1) or restore(*given, **size))
    depth = load(taught[1]).predict(photograph())
    assert len(restored) == 1
    assert depth.sigma_m is depth.sigma_m
    assert len(restored) == 2


def test_a_prediction_of_which_sigma_was_not_read_can_be_pickled(taught):
    depth = load(taught[1]).predict(photograph())
    assert np.array_equal(pickle.loads(pickle.dumps(depth)).sigma_m, depth.sigma_m)


def test_points_that_set_the_scale_make_sigma_smaller(taught):
    predictor = load(taught[1], device="cpu")
    assert predictor.card.scale_error > 0.05  # the untaught model is off by as much in rooms left out
    alone = predictor.predict(photograph())
    points = [[x, y, float(alone.metres[y, x])] for x in range(5, 130, 12) for y in range(5, 90, 12)]
    scaled = predictor.predict(photograph(), points=points)
    error = scaled.correction.error
    assert error < 0.1 * predictor.card.scale_error
    of_rest = np.sqrt((alone.sigma_m / alone.metres) ** 2 - 2 * predictor.card.scale_error**2)
    np.testing.assert_allclose(scaled.sigma_m / scaled.metres, np.hypot(of_rest, error), rtol=0.02)


def test_sigma_travels_with_an_export(taught, tmp_path):
    """One format for all: each is written from the same module, and proven against torch in both channels."""
    path = export(ExportOptions(taught[1], format="torchscript", out=tmp_path / "model.torchscript")).path
    expected, found = (load(file, device="cpu").predict(photograph()) for file in (taught[1], path))
    assert np.abs(found.sigma_m / expected.sigma_m - 1).max() < 1e-3


def test_sigma_adds_no_convolution_to_an_exported_graph(taught, tmp_path):
    convolutions = []
    for model in taught:
        out = export(ExportOptions(model, out=tmp_path / f"{model.stem}.onnx")).path
        convolutions.append([node.op_type for node in onnx.load(out).graph.node].count("Conv"))
    assert convolutions[0] == convolutions[1]


def test_sigma_is_written_as_millimetres_and_beside_the_metres(taught, tmp_path):
    depth = load(taught[1], device="cpu").predict(photograph())
    depth.save(tmp_path / "sigma.png", kind="sigma16")
    assert np.abs(read_depth(tmp_path / "sigma.png") - depth.sigma_m).max() < 0.0006
    depth.save(tmp_path / "both.npz")
    with np.load(tmp_path / "both.npz") as both:
        assert np.array_equal(both["metres"], depth.metres)
        assert np.array_equal(both["sigma_m"], depth.sigma_m)


def test_sigma_of_a_model_that_does_not_say_it_is_an_error_that_tells_what_to_do(taught, tmp_path):
    depth = load(taught[0], device="cpu").predict(photograph())
    with pytest.raises(UsageError, match="`leadline doubt` teaches it"):
        depth.save(tmp_path / "sigma.png", kind="sigma16")
    depth.save(tmp_path / "metres.npz")
    assert np.load(tmp_path / "metres.npz").files == ["metres"]
    with pytest.raises(ValueError, match="sigma must be"):
        DepthMap(np.ones((2, 2), np.float32), sigma_m=np.ones((1, 2), np.float32))
