"""The network: encoder, decoder, depth head."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.errors import ModelFileError
from leadline.networks.checkpoints import read_checkpoint
from leadline.networks.decoder import Decoder
from leadline.networks.depth_head import DepthHead, make_codec
from leadline.networks.encoders.catalog import find_encoder
from leadline.networks.encoders.contract import Encoder
from leadline.networks.pretrained import resolve_weights


class DepthNet(nn.Module):
    """From RGB in [0, 1] to depth at half of its resolution.

    Args:
        encoder: yolov8n (the paper's), yolov8s to x, densenet169, or timm:NAME.
        codec: linear (the paper's), reciprocal (DenseDepth's) or log.
        min_depth_m: nearest depth that is ever predicted.
        max_depth_m: farthest depth that is ever predicted.
        says_sigma: whether it has a second output: how far the depth is to be trusted.
        weights: the encoder's: "none" (random), "default" (its own pre-trained ones), a known name, or a file.

    Raises:
        UsageError: unknown encoder or codec.
        ModelFileError: weights that do not fit the encoder.
        DownloadError: weights that could not be fetched.

    Example:
        >>> import torch
        >>> net = DepthNet("yolov8n").eval()
        >>> sum(parameter.numel() for parameter in net.parameters())
        2122433
        >>> net.metres(torch.rand(1, 3, 240, 320)).shape
        torch.Size([1, 1, 120, 160])
    """

    def __init__(
        self,
        encoder: str = "yolov8n",
        *,
        codec: str = "linear",
        min_depth_m: float = 0.1,
        max_depth_m: float = 10.0,
        says_sigma: bool = False,
        weights: str = "none",
    ) -> None:
        super().__init__()
        self.encoder = cast(nn.Module, build_encoder(encoder, weights=weights))
        self.decoder = Decoder(cast(Encoder, self.encoder).channels)
        self.head = DepthHead(
            self.decoder.channels,
            make_codec(codec, min_depth_m=min_depth_m, max_depth_m=max_depth_m),
            says_sigma=says_sigma,
        )

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 i j"]:
        """Encoded depth, for the loss; `metres` is for people.

        Args:
            image: (B, 3, H, W) float32 in [0, 1], RGB; any H, W >= 32.

        Returns:
            (B, 1, ceil(H / 2), ceil(W / 2)) in the code of the head's codec.
        """
        features = self.encoder(image)
        decoded = self.decoder(features)
        encoded: Tensor = self.head(decoded)
        return encoded

    def metres(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 i j"]:
        """Depth in metres, within the codec's range, at half of the picture's resolution."""
        return self.head.codec.decode(self(image).float())

    def said(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c i j"]:
        """All that the network says: metres, and in a second channel, where it has one, how far they are to be trusted.

        The second is the scale b of a Laplace distribution of the error in log depth that a right scale leaves: half of
        the errors are below 0.69 b, 95 % below 3 b.
        """
        features = self.decoder(self.encoder(image))
        if self.head.sigma is None:
            return self.head.codec.decode(self.head(features).float())
        encoded, log_sigma = self.head.both(features)
        return torch.cat([self.head.codec.decode(encoded.float()), log_sigma.float().exp()], dim=1)

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The parts in the order in which they run: encoder, decoder, head."""
        yield from cast(Encoder, self.encoder).named_stages()
        yield from self.decoder.named_stages()
        yield "head", self.head


def build_encoder(name: str, *, weights: str) -> Encoder:
    """An encoder by name, with its weights loaded; arguments and errors are DepthNet's."""
    entry = find_encoder(name)
    if entry.weights == "timm":
        if weights in ("none", "default"):
            return entry.build(pretrained=weights == "default")
        encoder = entry.build(pretrained=False)
    else:
        encoder = entry.build()
    if weights != "none":
        path = resolve_weights(entry.weights if weights == "default" else weights)
        load_encoder_weights(encoder, path, name=name)
    return encoder


def load_encoder_weights(encoder: Encoder, path: Path, *, name: str) -> None:
    """Load a checkpoint's part that belongs to the encoder; every tensor must be there and fit.

    Raises:
        ModelFileError: lists the tensors that are missing, unexpected, or of another shape.
    """
    found = encoder.adapt_checkpoint(read_checkpoint(path))
    wanted = cast(nn.Module, encoder).state_dict()
    # Counters of batches are buffers that some exports leave out and nothing here reads.
    missing = sorted(key for key in wanted.keys() - found.keys() if not key.endswith("num_batches_tracked"))
    unexpected = sorted(found.keys() - wanted.keys())
    wrong = [
        f"{key} is {tuple(found[key].shape)}, not {tuple(wanted[key].shape)}"
        for key in sorted(wanted.keys() & found.keys())
        if found[key].shape != wanted[key].shape
    ]
    if missing or unexpected or wrong:
        raise ModelFileError(
            f"{path}: does not hold the weights of {name}."
            + _listed("missing", missing)
            + _listed("unexpected", unexpected)
            + _listed("of another shape", wrong)
            + " Give the checkpoint of this very network, or another --model.encoder."
        )
    cast(nn.Module, encoder).load_state_dict(found, strict=False)


def _listed(what: str, names: list[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f" {len(names)} tensors {what}: {shown}."
