"""ExecuTorch, for phones and boards: a `.pte` program for XNNPACK, with the model's card behind it.

A program may be followed by anything; here by a zip that holds the card, as TFLite files carry theirs. ExecuTorch's own
loaders read the program as ever, `unzip` the card.
"""

import warnings
from pathlib import Path

import torch

from leadline.export.contract import Metres
from leadline.model_card import ModelCard, append_card
from leadline.networks.depth_net import DepthNet


def write_executorch(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.pte`, for one picture of the card's size at a time."""
    del half, dynamic
    example = torch.zeros(1, 3, card.height, card.width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own use of torch
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        exported = torch.export.export(Metres(net, card.correction).eval(), (example,))
        program = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(program.buffer)
    append_card(path, card.to_json())
