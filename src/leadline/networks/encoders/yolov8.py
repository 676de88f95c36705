"""The backbone of YOLOv8 (Jocher et al., 2023), cut after SPPF: the paper's encoder.

layer   0     1     2     3     4     5     6     7     8     9
        Conv  Conv  C2f   Conv  C2f   Conv  C2f   Conv  C2f   SPPF
stride  2     4     4     8     8     16    16    32    32    32
skip    *           *           *           *                 *
"""

from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Scale = Literal["n", "s", "m", "l", "x"]

# Multiple of the depth, multiple of the width, largest number of channels before the multiple.
_SCALES: dict[Scale, tuple[float, float, int]] = {
    "n": (0.33, 0.25, 1024),
    "s": (0.33, 0.50, 1024),
    "m": (0.67, 0.75, 768),
    "l": (1.00, 1.00, 512),
    "x": (1.00, 1.25, 512),
}
_SKIP_LAYERS = (0, 2, 4, 6, 9)


class YoloV8(nn.Module):
    """Layers 0 to 9 of YOLOv8, named as in its checkpoints (`model.0.conv.weight` is `layers.0.conv.weight`).

    Args:
        scale: n (the paper's: 1,272,656 parameters), s, m, l or x.

    Example:
        >>> encoder = YoloV8("n")
        >>> encoder.channels, sum(parameter.numel() for parameter in encoder.parameters())
        ((16, 32, 64, 128, 256), 1272656)
    """

    def __init__(self, scale: Scale = "n") -> None:
        super().__init__()
        depth, width, widest = _SCALES[scale]
        c1, c2, c3, c4, c5 = (_divisible_by_8(min(c, widest) * width) for c in (64, 128, 256, 512, 1024))
        few, many = max(1, round(3 * depth)), max(1, round(6 * depth))
        self.channels = (c1, c2, c3, c4, c5)
        self.layers = nn.ModuleList(
            [
                Conv(3, c1, kernel=3, stride=2),
                Conv(c1, c2, kernel=3, stride=2),
                C2f(c2, c2, repeats=few),
                Conv(c2, c3, kernel=3, stride=2),
                C2f(c3, c3, repeats=many),
                Conv(c3, c4, kernel=3, stride=2),
                C2f(c4, c4, repeats=many),
                Conv(c4, c5, kernel=3, stride=2),
                C2f(c5, c5, repeats=few),
                SPPF(c5, c5),
            ]
        )

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Features at strides 2 to 32 of (B, 3, H, W) RGB in [0, 1], which is what YOLOv8 was trained on."""
        features, x = [], image
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in _SKIP_LAYERS:
                features.append(x)
        return features

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The ten layers."""
        for index, layer in enumerate(self.layers):
            yield f"{index} {type(layer).__name__}", layer

    def adapt_checkpoint(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The part of a YOLOv8 checkpoint that belongs to these layers, under their names here."""
        prefixes = tuple(f"model.{index}." for index in range(len(self.layers)))
        return {
            name.replace("model.", "layers.", 1): value for name, value in tensors.items() if name.startswith(prefixes)
        }


class Conv(nn.Module):
    """Convolution without bias, batch norm, SiLU."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)  # YOLOv8's, not PyTorch's defaults

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """(B, outputs, H / stride, W / stride)."""
        return nn.functional.silu(self.bn(self.conv(x)), inplace=True)


class Bottleneck(nn.Module):
    """Two 3x3 convolutions around which the input is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, kernel=3)
        self.cv2 = Conv(channels, channels, kernel=3)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The same shape."""
        return x + self.cv2(self.cv1(x))


class C2f(nn.Module):
    """Cross-stage partial block: half of the channels pass a chain of bottlenecks, and every link is kept."""

    def __init__(self, inputs: int, outputs: int, *, repeats: int) -> None:
        super().__init__()
        self.width = outputs // 2
        self.cv1 = Conv(inputs, 2 * self.width)
        self.cv2 = Conv((2 + repeats) * self.width, outputs)
        self.m = nn.ModuleList(Bottleneck(self.width) for _ in range(repeats))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """(B, outputs, H, W)."""
        kept = list(self.cv1(x).split(self.width, dim=1))
        for bottleneck in self.m:
            kept.append(bottleneck(kept[-1]))
        return self.cv2(torch.cat(kept, dim=1))


class SPPF(nn.Module):
    """Spatial pyramid pooling: windows of 5, 9 and 13 pixels by pooling three times with 5."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.cv1 = Conv(inputs, inputs // 2)
        self.cv2 = Conv(inputs // 2 * 4, outputs)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """(B, outputs, H, W)."""
        pooled = [self.cv1(x)]
        for _ in range(3):
            pooled.append(nn.functional.max_pool2d(pooled[-1], kernel_size=5, stride=1, padding=2))
        return self.cv2(torch.cat(pooled, dim=1))


def _divisible_by_8(channels: float) -> int:
    return -int(-channels // 8) * 8
