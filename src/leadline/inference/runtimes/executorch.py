"""ExecuTorch: torch's runtime for phones and boards, here on the CPU with XNNPACK."""

from __future__ import annotations

import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened, one_by_one
from leadline.model_card import METADATA_KEY, read_appended_card


def open_executorch(path: Path, *, device: str, threads: int | None) -> Opened:
    """A `.pte` file, with XNNPACK's own number of threads: its Python runtime cannot be told another."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its interface may change, it says
        from executorch.runtime import Runtime

    if device == "cuda":
        raise UsageError("device cuda: ExecuTorch runs on the CPU here; use --backend onnxruntime for CUDA")
    del threads
    try:
        card = read_appended_card(path)
        program = Runtime.get().load_program(path.read_bytes())
        forward = program.load_method("forward")
    except (zipfile.BadZipFile, KeyError, RuntimeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: truncated, or not a .pte file of leadline export ({reason})") from error
    one_at_a_time = threading.Lock()  # a method's memory is planned once, for one picture

    def network(pictures: NDArray[np.float32], _: object = program) -> NDArray[np.float32]:
        # The method points into its program and does not keep it: this function does.
        with one_at_a_time:
            return np.array(forward.execute([torch.from_numpy(pictures)])[0].numpy(), np.float32)

    return Opened(one_by_one(network), {METADATA_KEY: card})
