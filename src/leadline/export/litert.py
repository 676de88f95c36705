"""LiteRT, for Android and boards: a `.tflite` file, with the model's card in a zip behind it, as the format allows."""

import warnings
from pathlib import Path

import torch

from leadline.export.contract import Metres
from leadline.model_card import ModelCard, append_card
from leadline.networks.depth_net import DepthNet


def write_litert(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.tflite`, for one picture of the card's size at a time."""
    del half, dynamic
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own use of torch
        import litert_torch

        example = torch.zeros(1, 3, card.height, card.width)
        litert_torch.convert(Metres(net, card.correction).eval(), (example,)).export(str(path))
    append_card(path, card.to_json())
