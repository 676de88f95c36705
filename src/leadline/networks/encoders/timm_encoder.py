"""Any encoder of the timm library that gives features at strides 2 to 32."""

from collections.abc import Iterator
from typing import Any, cast

import timm
from jaxtyping import Float
from torch import Tensor, nn

from leadline.errors import ModelFileError, UsageError, did_you_mean
from leadline.networks.encoders.contract import STRIDES
from leadline.networks.encoders.normalize import Normalize


class TimmEncoder(nn.Module):
    """A timm network by name, as a feature pyramid.

    Args:
        name: of timm, such as "mobilenetv3_small_100".
        pretrained: load its weights through timm.

    Raises:
        UsageError: timm has no such network, or it lacks a stride.
        ModelFileError: its pre-trained weights could not be fetched.
    """

    def __init__(self, name: str, *, pretrained: bool = False) -> None:
        super().__init__()
        if name.split(".")[0] not in timm.list_models():
            raise UsageError(f"timm has no network {name!r}; {_nearest(name)}")
        self.network: Any = create_timm(name, pretrained=pretrained, features_only=True)
        described: Any = self.network.feature_info
        reductions = described.reduction()
        missing = [stride for stride in STRIDES if stride not in reductions]
        if missing:
            raise UsageError(f"timm:{name} has features at strides {reductions}; the decoder needs {list(STRIDES)}")
        self.taps = [reductions.index(stride) for stride in STRIDES]
        all_channels = described.channels()
        self.channels = tuple(all_channels[tap] for tap in self.taps)
        settings = timm.get_pretrained_cfg(name)
        mean, std = (settings.mean, settings.std) if settings else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        self.normalize = Normalize(mean=mean, std=std)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Features at strides 2 to 32 of (B, 3, H, W) RGB in [0, 1]."""
        features = self.network(self.normalize(image))
        return [features[tap] for tap in self.taps]

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The network's own parts."""
        yield from self.network.named_children()

    def adapt_checkpoint(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """A state dict of the same timm network: what this part of it has, under its names here."""
        wanted = self.network.state_dict()
        # features_only flattens `blocks.0` to `blocks_0` in some networks and keeps it in others.
        return {
            f"network.{own}": tensors[name]
            for own in wanted
            for name in (own, own.replace("_", ".", 1))
            if name in tensors
        }


def create_timm(name: str, *, pretrained: bool, **options: object) -> nn.Module:
    """A timm network.

    Raises:
        UsageError: it cannot be built with these options.
        ModelFileError: its pre-trained weights could not be fetched.
    """
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, **options)
    except RuntimeError as error:
        raise UsageError(f"timm:{name} cannot be cut into features: {error}") from error
    if not pretrained:
        return network
    try:
        return cast(nn.Module, timm.create_model(name, pretrained=True, **options))
    except Exception as error:  # the hub's client has many ways to say that it is offline
        raise ModelFileError(
            f"the pre-trained weights of {name} could not be fetched through timm "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}). Put them into the Hugging "
            f"Face cache (HF_HOME) on a machine with a network, give a file with --model.weights PATH, or train from "
            f"scratch with --model.weights none."
        ) from error


def _nearest(name: str) -> str:
    return did_you_mean(name, timm.list_models(f"*{name.split('_')[0][:6]}*")[:40] or timm.list_models("resnet*")[:10])
