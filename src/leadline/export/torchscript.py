"""TorchScript: one file for torch's C++ and mobile runtimes, with the model's card inside."""

import warnings
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from leadline.export.contract import Metres
from leadline.model_card import METADATA_KEY, ModelCard
from leadline.networks.depth_net import DepthNet


def write_torchscript(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.torchscript`; a trace takes batches and pictures of any size, asked for or not."""
    del half, dynamic
    example = torch.zeros(2, 3, card.height, card.width)
    save_trace(Metres(net, card.correction), example, path, texts={METADATA_KEY: card.to_json()})


def save_trace(net: Metres, example: Float[Tensor, "b 3 h w"], path: Path, *, texts: dict[str, str]) -> None:
    """Write the operations that the network does with the example as a program, with texts in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have torch.export used
        program = torch.jit.trace(net, example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(program, path, _extra_files=texts)
