"""leadline: metric depth from a single photograph, with a network of two million parameters.

>>> import leadline
>>> sorted(leadline.__all__)
['DepthMap', 'DepthNet', 'Predictor', '__version__', 'evaluate', 'load', 'stream', 'train']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadline.depth.depth_map import DepthMap
    from leadline.evaluation.evaluate import evaluate
    from leadline.inference.predictor import Predictor, load
    from leadline.inference.streams.stream import stream
    from leadline.networks.depth_net import DepthNet
    from leadline.training.train import train

__version__ = "0.1.0"
__all__ = ["DepthMap", "DepthNet", "Predictor", "__version__", "evaluate", "load", "stream", "train"]

# Resolved at first use, so that `import leadline` is quick and needs no torch.
_HOMES = {
    "DepthMap": "leadline.depth.depth_map",
    "DepthNet": "leadline.networks.depth_net",
    "Predictor": "leadline.inference.predictor",
    "evaluate": "leadline.evaluation.evaluate",
    "load": "leadline.inference.predictor",
    "stream": "leadline.inference.streams.stream",
    "train": "leadline.training.train",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'leadline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
