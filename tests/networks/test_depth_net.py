"""The whole network against the paper's Table 2, and its encoder's weights against their own library."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from leadline.errors import ModelFileError, UsageError
from leadline.networks.decoder import Decoder
from leadline.networks.depth_net import DepthNet, build_encoder
from leadline.networks.summary import summarize

SHARED = os.environ.get("LEADLINE_SHARED")
needs_shared = pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set")
REAL_WEIGHTS = Path(SHARED or "") / "weights" / "yolov8n-seg.pt"


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def checkpoint(path: Path, change=lambda tensors: None) -> Path:
    """Weights of a YOLOv8n backbone as ultralytics names them, changed by `change`."""
    encoder = build_encoder("yolov8n", weights="none")
    tensors = {f"model.{name.removeprefix('layers.')}": value.clone() for name, value in encoder.state_dict().items()}
    change(tensors)
    torch.save(tensors, path)
    return path


# --- Table 2 of the paper ---


def test_the_decoder_has_the_stages_of_the_papers_table():
    summary = summarize(DepthNet("yolov8n"), height=240, width=320)
    decoder = {stage.name: stage.shape for stage in summary.stages[10:]}
    assert decoder == {
        "bottleneck": (256, 8, 10),
        "up1": (128, 15, 20),
        "up2": (64, 30, 40),
        "up3": (32, 60, 80),
        "up4": (16, 120, 160),
        "head": (1, 120, 160),
    }


def test_the_encoder_has_ten_layers_down_to_a_thirtysecond():
    stages = summarize(DepthNet("yolov8n"), height=240, width=320).stages[:10]
    assert [stage.name.split()[1] for stage in stages] == [
        "Conv", "Conv", "C2f", "Conv", "C2f", "Conv", "C2f", "Conv", "C2f", "SPPF",
    ]  # fmt: skip
    assert stages[0].shape == (16, 120, 160)
    assert stages[-1].shape == (256, 8, 10)


def test_parameters_and_multiply_adds_are_the_papers():
    summary = summarize(DepthNet("yolov8n"), height=240, width=320)
    assert summary.encoder_parameters == 1_272_656
    assert summary.decoder_parameters == 849_777
    assert summary.parameters == 2_122_433 == sum(stage.parameters for stage in summary.stages)
    assert round(summary.macs / 1e9, 2) == 1.02


def test_the_summary_leaves_the_network_as_it_was():
    net = DepthNet("yolov8n").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    summarize(net, height=64, width=64)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_the_densenet_decoder_starts_at_1664_channels_with_densedepths_skips():
    net = DepthNet("densenet169")
    assert net.decoder.bottleneck.weight.shape[:2] == (1664, 1664)
    inputs = [block.conv_a.in_channels for block in net.decoder.blocks]
    outputs = [block.conv_a.out_channels for block in net.decoder.blocks]
    assert outputs == [832, 416, 208, 104]
    assert [taken - below for taken, below in zip(inputs, [1664, *outputs], strict=False)] == [256, 128, 64, 64]


def test_the_decoder_takes_channels_and_no_encoder():
    decoder = Decoder((4, 8, 12, 16, 32))
    features = [
        torch.rand(1, c, *size)
        for c, size in zip((4, 8, 12, 16, 32), ((17, 9), (9, 5), (5, 3), (3, 2), (2, 1)), strict=True)
    ]
    assert decoder(features).shape == (1, 2, 17, 9)


# --- Any size ---


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (65, 97), (240, 320), (111, 64)])
def test_any_size_gives_depth_at_half_of_it(height, width):
    net = DepthNet("yolov8n").eval()
    with torch.no_grad():
        metres = net.metres(torch.rand(1, 3, height, width))
    assert metres.shape == (1, 1, -(-height // 2), -(-width // 2))
    assert metres.dtype == torch.float32
    assert ((metres >= 0.1) & (metres <= 10.0)).all()


@pytest.mark.parametrize("encoder", ["yolov8s", "densenet169", "timm:mobilenetv3_small_050"])
def test_every_kind_of_encoder_becomes_a_network(encoder):
    net = DepthNet(encoder).eval()
    with torch.no_grad():
        assert net.metres(torch.rand(2, 3, 64, 96)).shape == (2, 1, 32, 48)


@pytest.mark.parametrize("codec", ["linear", "reciprocal", "log"])
def test_metres_stay_in_range_whatever_the_network_says(codec):
    net = DepthNet("yolov8n", codec=codec, min_depth_m=0.5, max_depth_m=4.0).eval()
    for extreme in (-1e6, 0.0, 1e6):
        with torch.no_grad():
            net.head.conv.bias.fill_(extreme)
            metres = net.metres(torch.rand(1, 3, 64, 64))
        assert torch.isfinite(metres).all()
        assert 0.5 - 1e-5 <= metres.min() <= metres.max() <= 4.0 + 1e-5


def test_gradients_reach_every_parameter_of_the_network():
    torch.manual_seed(0)
    net = DepthNet("yolov8n").train()
    (net(torch.rand(2, 3, 64, 64)) - torch.rand(2, 1, 32, 32)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_an_unknown_codec_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'reciprocal'"):
        DepthNet("yolov8n", codec="reciprocl")


# --- The encoder's weights ---


def test_weights_from_a_file_become_the_encoders(tmp_path):
    path = checkpoint(tmp_path / "whole.pt")
    net = DepthNet("yolov8n", weights=str(path))
    saved = torch.load(path, weights_only=True)
    assert all(
        torch.equal(value, saved[f"model.{name.removeprefix('layers.')}"])
        for name, value in net.encoder.state_dict().items()
    )


def test_missing_tensors_are_listed(tmp_path):
    path = checkpoint(tmp_path / "short.pt", lambda tensors: [tensors.pop(k) for k in list(tensors) if "model.9." in k])
    with pytest.raises(ModelFileError) as raised:
        DepthNet("yolov8n", weights=str(path))
    text = str(raised.value)
    assert text.startswith(f"{path}: does not hold the weights of yolov8n. 10 tensors missing: layers.9.")
    assert "and 2 more" in text
    assert "--model.encoder" in text


def test_unexpected_tensors_are_listed(tmp_path):
    path = checkpoint(
        tmp_path / "long.pt", lambda tensors: tensors.update({"model.4.m.7.cv1.conv.weight": torch.zeros(1)})
    )
    with pytest.raises(ModelFileError, match=r"1 tensors unexpected: layers\.4\.m\.7\.cv1\.conv\.weight"):
        DepthNet("yolov8n", weights=str(path))


def test_tensors_of_another_shape_are_listed_with_both(tmp_path):
    path = checkpoint(
        tmp_path / "wide.pt", lambda tensors: tensors.update({"model.0.conv.weight": torch.zeros(32, 3, 3, 3)})
    )
    with pytest.raises(ModelFileError, match=r"layers\.0\.conv\.weight is \(32, 3, 3, 3\), not \(16, 3, 3, 3\)"):
        DepthNet("yolov8n", weights=str(path))


def test_weights_of_another_scale_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="yolov8s"):
        DepthNet("yolov8s", weights=str(checkpoint(tmp_path / "n.pt")))


def test_counters_of_batches_may_be_missing(tmp_path):
    path = checkpoint(
        tmp_path / "export.pt",
        lambda tensors: [tensors.pop(k) for k in list(tensors) if k.endswith("num_batches_tracked")],
    )
    DepthNet("yolov8n", weights=str(path))


def test_a_file_for_a_timm_encoder_needs_no_network(tmp_path):
    import timm

    torch.manual_seed(1)
    theirs = timm.create_model("mobilenetv3_small_050", pretrained=False).eval()
    torch.save(theirs.state_dict(), tmp_path / "mine.pt")
    encoder = build_encoder("timm:mobilenetv3_small_050", weights=str(tmp_path / "mine.pt")).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        deepest = encoder(image)[-1]
        expected = theirs.forward_features(encoder.normalize(image))
    torch.testing.assert_close(deepest, expected)


@needs_shared
def test_the_real_weights_load_and_change_what_the_network_says():
    torch.manual_seed(0)
    net = DepthNet("yolov8n", weights=str(REAL_WEIGHTS)).eval()
    assert parameters(net.encoder) == 1_272_656
    assert all(torch.isfinite(value).all() for value in net.encoder.state_dict().values())
    assert net.encoder.layers[0].bn.running_var.std() > 0  # a fresh one is 1 everywhere


@needs_shared
@pytest.mark.filterwarnings("ignore")  # ultralytics' and its dependencies' own
def test_with_the_real_weights_features_are_those_of_ultralytics():
    ultralytics = pytest.importorskip("ultralytics")
    image = _photograph()
    theirs = ultralytics.YOLO(REAL_WEIGHTS).model.float().eval()
    expected, x = [], image
    encoder = build_encoder("yolov8n", weights=str(REAL_WEIGHTS)).eval()
    with torch.no_grad():
        for index, layer in enumerate(theirs.model[:10]):
            x = layer(x)
            if index in (0, 2, 4, 6, 9):
                expected.append(x)
        features = encoder(image)
    differences = [float((own - other).abs().max()) for own, other in zip(features, expected, strict=True)]
    print(f"largest differences of features: {differences}")
    assert max(differences) < 1e-4


def _photograph() -> torch.Tensor:
    """(1, 3, 240, 320) RGB in [0, 1]."""
    picture = Image.open(Path(SHARED or "") / "photos" / "nyu_1_image.png").convert("RGB").resize((320, 240))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
