"""Architectures of other depth networks, with random weights: for timing, not for depth.

Each was written from its publication. Speed does not depend on what the weights are, as long as no activation becomes
so small that the processor slows down (denormal numbers): the batch norms get statistics that keep activations near 1.
"""

import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import timm
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import Tensor, nn
from torch.nn.functional import interpolate

from leadline.networks.depth_net import DepthNet


class FastDepth(nn.Module):
    """FastDepth before its pruning (Wofk et al., ICRA 2019): MobileNet, NNConv5 (depthwise 5x5), skips added."""

    def __init__(self) -> None:
        super().__init__()
        outputs = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
        strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
        inputs = (32, *outputs[:-1])
        self.stem = _convolution(3, 32, kernel=3, stride=2)
        self.encoder = nn.ModuleList(
            _separable(i, o, kernel=3, stride=s) for i, o, s in zip(inputs, outputs, strides, strict=True)
        )
        widths = (1024, 512, 256, 128, 64, 32)
        self.decoder = nn.ModuleList(_separable(i, o, kernel=5) for i, o in pairwise(widths))
        self.head = _convolution(32, 1, kernel=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, H, W) of (B, 3, H, W), H and W multiples of 32."""
        x = self.stem(image)
        skips = {}
        for index, layer in enumerate(self.encoder):
            x = layer(x)
            if index in (0, 2, 4):  # strides 2, 4 and 8
                skips[x.shape[-1]] = x
        for layer in self.decoder:
            x = interpolate(layer(x), scale_factor=2, mode="nearest")
            x = x + skips[x.shape[-1]] if x.shape[-1] in skips else x
        return self.head(x)


def _convolution(inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> nn.Sequential:
    depthwise = _convolution(inputs, inputs, kernel=kernel, stride=stride, groups=inputs)
    return nn.Sequential(depthwise, _convolution(inputs, outputs, kernel=1))


class MidasSmall(nn.Module):
    """MiDaS v2.1 small (Ranftl et al., TPAMI 2020): EfficientNet-Lite3, ever wider RefineNet blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = timm.create_model("tf_efficientnet_lite3", features_only=True, out_indices=(1, 2, 3, 4))
        widths = (64, 128, 256, 512)
        channels = self.encoder.feature_info.channels()
        self.reassemble = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in zip(channels, widths, strict=True)
        )
        self.fusion = nn.ModuleList(_Fusion(i, o) for i, o in zip(widths, (64, *widths[:-1]), strict=True))
        self.head_a = nn.Conv2d(64, 32, 3, padding=1)
        self.head_b = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 1, 1), nn.ReLU())

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, H, W) of (B, 3, H, W), H and W multiples of 32."""
        features = [layer(x) for layer, x in zip(self.reassemble, self.encoder(image), strict=True)]
        x = self.fusion[3](features[3], None)
        for index in (2, 1, 0):
            x = self.fusion[index](x, features[index])
        return self.head_b(interpolate(self.head_a(x), scale_factor=2, mode="bilinear"))


class _Fusion(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.of_skip, self.of_sum = _Residual(inputs), _Residual(inputs)
        self.out = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, skip: Tensor | None) -> Tensor:
        x = x if skip is None else x + self.of_skip(skip)
        return self.out(interpolate(self.of_sum(x), scale_factor=2, mode="bilinear", align_corners=True))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(torch.relu(x)))) + x


class DepthAnythingSmall(nn.Module):
    """Depth Anything V2 small (Yang et al., NeurIPS 2024): ViT-S/14 of DINOv2, DPT head; the code of transformers."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

        backbone = Dinov2Config(
            hidden_size=384,
            num_attention_heads=6,
            image_size=518,
            patch_size=14,
            out_features=["stage3", "stage6", "stage9", "stage12"],
            reshape_hidden_states=False,
        )
        config = DepthAnythingConfig(
            backbone_config=backbone,
            reassemble_hidden_size=384,
            neck_hidden_sizes=[48, 96, 192, 384],
            fusion_hidden_size=64,
        )
        self.network = DepthAnythingForDepthEstimation(config)

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W) of (B, 3, H, W), H and W multiples of 14."""
        return self.network(image).predicted_depth


class DenseDepth(nn.Module):
    """DenseDepth (Alhashim & Wonka, 2018), as leadline has it: DenseNet-169 with a decoder of half its width."""

    def __init__(self) -> None:
        super().__init__()
        self.network = DepthNet("densenet169")

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, H / 2, W / 2) of (B, 3, H, W)."""
        return self.network.metres(image)


class Peer(NamedTuple):
    """A network at the size at which it is usually run."""

    build: Callable[[], nn.Module]
    height: int
    width: int


PEERS = {
    "fastdepth-unpruned": Peer(FastDepth, 224, 224),
    "midas-v2.1-small": Peer(MidasSmall, 256, 256),
    "depth-anything-v2-small": Peer(DepthAnythingSmall, 252, 336),
    "depth-anything-v2-small-518": Peer(DepthAnythingSmall, 518, 686),
    "densedepth": Peer(DenseDepth, 480, 640),
}
INT8 = "-int8"
"""After a transformer's name: its matrix products in 8 bits, weights quantised beforehand, activations as they come."""


def exported(name: str, folder: Path) -> tuple[Path, Peer]:
    """A peer as ONNX, its input fixed; a file that is in the folder already is taken as it is."""
    path, plain = folder / f"{name}.onnx", folder / f"{name.removesuffix(INT8)}.onnx"
    peer = PEERS[plain.stem]
    folder.mkdir(parents=True, exist_ok=True)
    if not plain.is_file():
        network = untaught(peer.build)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            torch.onnx.export(
                network, (torch.zeros(1, 3, peer.height, peer.width),), plain,
                input_names=["image"], dynamo=True, external_data=False, verbose=False,
            )  # fmt: skip
    if not path.is_file():
        quantize_dynamic(plain, path, op_types_to_quantize=["MatMul", "Gemm"])
    return path, peer


def untaught(build: Callable[[], nn.Module]) -> nn.Module:
    """A network with random weights, whose batch norms know what they see."""
    torch.manual_seed(0)
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches, here of one
    with torch.no_grad():
        network.train()(torch.rand(2, 3, 224, 224))
    return network.eval()
