"""DenseNet-169 (Huang et al., 2017) with DenseDepth's skips: the paper's reference encoder."""

from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from leadline.networks.encoders.normalize import Normalize
from leadline.networks.encoders.timm_encoder import create_timm


class DenseNet169(nn.Module):
    """The features of DenseNet-169, 12,484,480 parameters.

    DenseDepth (Alhashim & Wonka, 2018) takes its skips before the dense blocks rather than after them, so they are
    thin: conv1/relu (64 channels, stride 2), pool1 (64, 4), pool2 (128, 8), pool3 (256, 16) and the last relu (1664).

    Args:
        pretrained: load ImageNet weights through timm.
    """

    channels = (64, 64, 128, 256, 1664)

    def __init__(self, *, pretrained: bool = False) -> None:
        super().__init__()
        network: Any = create_timm("densenet169", pretrained=pretrained)
        self.normalize = Normalize(mean=network.default_cfg["mean"], std=network.default_cfg["std"])
        self.features: Any = network.features

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Features at strides 2 to 32 of (B, 3, H, W) RGB in [0, 1]."""
        f = self.features
        half = f.norm0(f.conv0(self.normalize(image)))  # timm's norm0 and norm5 include the relu
        quarter = f.pool0(half)
        eighth = f.transition1(f.denseblock1(quarter))
        sixteenth = f.transition2(f.denseblock2(eighth))
        coarsest = f.norm5(f.denseblock4(f.transition3(f.denseblock3(sixteenth))))
        return [half, quarter, eighth, sixteenth, coarsest]

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """Stem, dense blocks and transitions."""
        yield from self.features.named_children()

    def adapt_checkpoint(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The DenseNet-169 of timm or torchvision, without its classifier."""
        if any(".denselayer1.norm.1." in name for name in tensors):  # torchvision's oldest files: norm.1 for norm1
            tensors = {_modern(name): value for name, value in tensors.items()}
        return {name: value for name, value in tensors.items() if name.startswith("features.")}


def _modern(name: str) -> str:
    for part in ("norm", "conv"):
        for number in ("1", "2"):
            name = name.replace(f".{part}.{number}.", f".{part}{number}.")
    return name
