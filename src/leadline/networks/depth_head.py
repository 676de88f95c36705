"""The one place where metres are made: the last convolution and the codec of its output."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from leadline.errors import UsageError, did_you_mean

Map = Float[Tensor, "b 1 h w"]


@dataclass(frozen=True)
class Linear:
    """depth / max_depth (Renis: depth divided by 10 m).

    Example:
        >>> Linear(min_depth_m=0.1, max_depth_m=10.0).encode(torch.tensor([[[[2.5]]]])).item()
        0.25
    """

    min_depth_m: float
    max_depth_m: float

    @property
    def data_range(self) -> float:
        """Largest minus smallest value of the code, for SSIM."""
        return 1.0

    def encode(self, depth_m: Map) -> Map:
        """What the network should say for a depth in metres."""
        return depth_m / self.max_depth_m

    def decode(self, encoded: Map) -> Map:
        """Metres, within [min_depth_m, max_depth_m]."""
        return (encoded * self.max_depth_m).clamp(self.min_depth_m, self.max_depth_m)

    def log_depth(self, encoded: Map) -> Map:
        """ln(depth / 1 m), for the loss; below the range a straight line, whose gradient leads back."""
        return _log_from(encoded * self.max_depth_m, least=self.min_depth_m)


@dataclass(frozen=True)
class Reciprocal:
    """max_depth / depth (DenseDepth, section 3.2): 1 at the farthest, max / min at the nearest.

    Example:
        >>> Reciprocal(min_depth_m=0.1, max_depth_m=10.0).encode(torch.tensor([[[[2.5]]]])).item()
        4.0
    """

    min_depth_m: float
    max_depth_m: float

    @property
    def data_range(self) -> float:
        """DenseDepth's: max / min, 100 for 0.1 to 10 m."""
        return self.max_depth_m / self.min_depth_m

    def encode(self, depth_m: Map) -> Map:
        """What the network should say for a depth in metres."""
        return self.max_depth_m / depth_m.clamp(self.min_depth_m, self.max_depth_m)

    def decode(self, encoded: Map) -> Map:
        """Metres, within [min_depth_m, max_depth_m]."""
        # Clamped before the division: a network may say 0 or less.
        return self.max_depth_m / encoded.clamp(1.0, self.max_depth_m / self.min_depth_m)

    def log_depth(self, encoded: Map) -> Map:
        """ln(depth / 1 m), for the loss; beyond the range a straight line, whose gradient leads back."""
        return math.log(self.max_depth_m) - _log_from(encoded, least=1.0)


@dataclass(frozen=True)
class Log:
    """ln(depth / min) / ln(max / min): equal steps are equal ratios.

    Example:
        >>> round(Log(min_depth_m=0.1, max_depth_m=10.0).encode(torch.tensor([[[[1.0]]]])).item(), 4)
        0.5
    """

    min_depth_m: float
    max_depth_m: float

    @property
    def data_range(self) -> float:
        """Largest minus smallest value of the code, for SSIM."""
        return 1.0

    def encode(self, depth_m: Map) -> Map:
        """What the network should say for a depth in metres."""
        depth_m = depth_m.clamp(self.min_depth_m, self.max_depth_m)
        return torch.log(depth_m / self.min_depth_m) / math.log(self.max_depth_m / self.min_depth_m)

    def decode(self, encoded: Map) -> Map:
        """Metres, within [min_depth_m, max_depth_m]."""
        # Clamped before the exponential, so that half precision cannot overflow.
        return self.min_depth_m * torch.exp(encoded.clamp(0.0, 1.0) * math.log(self.max_depth_m / self.min_depth_m))

    def log_depth(self, encoded: Map) -> Map:
        """ln(depth / 1 m), for the loss; as straight outside the range as in it."""
        return math.log(self.min_depth_m) + encoded * math.log(self.max_depth_m / self.min_depth_m)


def _log_from(x: Map, *, least: float) -> Map:
    """Ln x, and below `least` its tangent there: what is clamped has no gradient, and would never come back."""
    inside = x.clamp(min=least)
    return inside.log() + (x - inside) / least


Codec = Linear | Reciprocal | Log
CODECS: dict[str, type[Codec]] = {"linear": Linear, "reciprocal": Reciprocal, "log": Log}


def make_codec(name: str, *, min_depth_m: float, max_depth_m: float) -> Codec:
    """A codec by name.

    Raises:
        UsageError: unknown name.
    """
    if name not in CODECS:
        raise UsageError(f"no depth codec is called {name!r}; {did_you_mean(name, CODECS)}")
    return CODECS[name](min_depth_m=min_depth_m, max_depth_m=max_depth_m)


LEAST_LOG_SIGMA, LARGEST_LOG_SIGMA = -5.0, 1.0


class DepthHead(nn.Module):
    """A 3x3 convolution to one channel, and the codec that turns it into metres.

    Args:
        channels: of the features.
        codec: of the one channel.
        says_sigma: whether a second convolution says how far the depth is to be trusted. It is taught apart
            (`leadline doubt`), so that depth is the same with and without it.
    """

    def __init__(self, channels: int, codec: Codec, *, says_sigma: bool = False) -> None:
        super().__init__()
        self.sigma = nn.Conv2d(channels, 1, kernel_size=3, padding=1) if says_sigma else None
        self.conv = nn.Conv2d(channels, 1, kernel_size=3, padding=1)
        self.codec = codec

    def forward(self, features: Float[Tensor, "b c h w"]) -> Map:
        """Encoded depth."""
        return self.conv(features)

    def both(self, features: Float[Tensor, "b c h w"]) -> tuple[Map, Map]:
        """Encoded depth and `log_sigma`, by one convolution.

        Runtimes compute eight channels at a time and more, whether they are asked for one or two.
        """
        assert self.sigma is not None
        assert self.conv.bias is not None
        assert self.sigma.bias is not None
        weight = torch.cat([self.conv.weight, self.sigma.weight])
        bias = torch.cat([self.conv.bias, self.sigma.bias])
        encoded, log_sigma = functional.conv2d(features, weight, bias, padding=1).chunk(2, dim=1)
        return encoded, log_sigma.clamp(LEAST_LOG_SIGMA, LARGEST_LOG_SIGMA)

    def log_sigma(self, features: Float[Tensor, "b c h w"]) -> Map:
        """Logarithm of the scale of a Laplace distribution of the error in log depth that a right scale leaves.

        Bounded, so that no picture has certain or endless errors.
        """
        assert self.sigma is not None
        return self.sigma(features).clamp(LEAST_LOG_SIGMA, LARGEST_LOG_SIGMA)

    def start_at(self, depth_m: float) -> None:
        """Make an untaught network say this depth everywhere, so that it starts from the best constant map.

        The weights are zeroed as well: behind a pre-trained encoder the untaught decoder's features are large, and what
        random weights make of them has to be unlearned first (docs/results.md, section 3).
        """
        assert self.conv.bias is not None
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.bias.fill_(self.codec.encode(torch.full((1, 1, 1, 1), depth_m)).item())
