"""What `leadline export` may expect of a format."""

from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.depth.correction import Correction
from leadline.export.int8 import Quantize
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet


class Write(Protocol):
    """Writes a network in one format; a format is one such function in a file of its own and one line in the catalog.

    Packages that few have are imported inside the function, so that the catalog can be read without them.
    """

    def __call__(self, net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
        """Write the file, and the others that belong to it beside it.

        Args:
            net: in evaluation mode, on the CPU.
            card: what the file says about itself, for the runtime of the format to read; its correction is a part of
                the graph (`Metres`).
            path: ends in the format's first suffix.
            half: keep the weights in float16.
            dynamic: take pictures of any height and width.

        Raises:
            ModuleNotFoundError: the format's package is missing; the catalog says what to install.
        """
        ...


class Format(NamedTuple):
    """A format: how it is written, and what it can.

    Args:
        write: the function.
        suffixes: of its files; the first is the one that is loaded.
        half: whether it can keep its weights in float16.
        dynamic: whether it can take pictures of any size.
        install: what pip is to be told where its package is missing.
        quantize: how it gets arithmetic in 8 bits, if it can.
    """

    write: Write
    suffixes: tuple[str, ...]
    half: bool
    dynamic: bool
    install: str = "'leadline[export]'"
    quantize: Quantize | None = None


class Metres(nn.Module):
    """The network with its codec and its calibration: every runtime gives metres, and sigma where the network says it.

    Args:
        net: the network.
        correction: what `leadline calibrate` found; None: nothing.
    """

    def __init__(self, net: DepthNet, correction: Correction | None) -> None:
        super().__init__()
        self.net = net
        self.correction = correction

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c i j"]:
        """Metres, and perhaps sigma."""
        said = self.net.said(image)
        if self.correction is None:
            return said
        metres = said[:, :1] * self.correction.factor(said[:, :1])
        return metres if self.net.head.sigma is None else torch.cat([metres, said[:, 1:]], dim=1)
