"""The decoder of the paper (Renis, Table 2), after DenseDepth (Alhashim & Wonka, 2018)."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Decoder(nn.Module):
    """A 1x1 convolution, then four blocks that go up to the encoder's features, halving the channels each time.

    For YOLOv8n and a picture of 240x320:

        bottleneck   256 @ 8x10
        up1          128 @ 15x20     skip of stride 16
        up2           64 @ 30x40     skip of stride 8
        up3           32 @ 60x80     skip of stride 4
        up4           16 @ 120x160   skip of stride 2

    There is no batch norm, so that small batches train as well as large ones.

    Args:
        skip_channels: of the encoder's features at strides 2, 4, 8, 16 and 32.
    """

    def __init__(self, skip_channels: Sequence[int]) -> None:
        super().__init__()
        *skips, coarsest = skip_channels
        self.bottleneck = nn.Conv2d(coarsest, coarsest, kernel_size=1)
        widths = [coarsest // 2**block for block in range(5)]
        self.blocks = nn.ModuleList(
            UpBlock(inputs, skip, outputs)
            for inputs, outputs, skip in zip(widths[:-1], widths[1:], reversed(skips), strict=True)
        )
        self.channels = widths[-1]

    def forward(self, features: list[Tensor]) -> Float[Tensor, "b c h w"]:
        """Features at stride 2 from the encoder's five, fine to coarse."""
        *skips, coarsest = features
        x = self.bottleneck(coarsest)
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = block(x, skip)
        return x

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The 1x1 convolution and the four blocks."""
        yield "bottleneck", self.bottleneck
        for index, block in enumerate(self.blocks, start=1):
            yield f"up{index}", block


class UpBlock(nn.Module):
    """Bilinear up-sampling to the skip's size, concatenation, twice (3x3 convolution, LeakyReLU 0.2)."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(inputs + skip, outputs, kernel_size=3, padding=1)
        self.conv_b = nn.Conv2d(outputs, outputs, kernel_size=3, padding=1)

    def forward(self, x: Float[Tensor, "b c i j"], skip: Float[Tensor, "b s h w"]) -> Float[Tensor, "b d h w"]:
        """Features of the skip's size."""
        # To the skip's size rather than by two: 15 rows become 8 and must become 15 again.
        x = nn.functional.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
        x = nn.functional.leaky_relu(self.conv_a(torch.cat([x, skip], dim=1)), 0.2)
        return nn.functional.leaky_relu(self.conv_b(x), 0.2)
