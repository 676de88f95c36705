"""TorchScript: exported files that torch runs without our code."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened
from leadline.model_card import METADATA_KEY


def open_torchscript(path: Path, *, device: str, threads: int | None) -> Opened:
    """A `.torchscript` file in torch, whose number of threads is one for the whole process."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: this machine has no CUDA device that torch can use")
    place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    texts: dict[str, str | bytes] = {METADATA_KEY: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch would rather have torch.export used
            program = torch.jit.load(path, map_location=place, _extra_files=texts)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: truncated, or not a TorchScript file ({first_line})") from error
    if threads is not None:
        torch.set_num_threads(threads)

    def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            metres: NDArray[np.float32] = program(torch.from_numpy(pictures).to(place)).cpu().numpy()
            return metres

    card = texts[METADATA_KEY]
    card = card.decode("utf-8", "replace") if isinstance(card, bytes) else card
    return Opened(network, {METADATA_KEY: card} if card else {})
