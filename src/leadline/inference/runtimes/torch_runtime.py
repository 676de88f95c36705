"""torch: for the models that training writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.errors import UsageError
from leadline.inference.runtimes.contract import Opened
from leadline.model_card import METADATA_KEY


def open_safetensors(path: Path, *, device: str, threads: int | None) -> Opened:
    """A `.safetensors` file in torch, whose number of threads is one for the whole process."""
    import torch

    from leadline.networks.model_file import load_model

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: this machine has no CUDA device that torch can use")
    place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    net, card = load_model(path)
    net = net.to(place).to(memory_format=torch.channels_last)
    if threads is not None:
        torch.set_num_threads(threads)

    def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            image = torch.from_numpy(pictures).to(place, memory_format=torch.channels_last)
            metres: NDArray[np.float32] = net.said(image).cpu().numpy()
            return metres

    return Opened(network, {METADATA_KEY: card.to_json()})
