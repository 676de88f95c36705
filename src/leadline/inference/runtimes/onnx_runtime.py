"""ONNX Runtime: the one in the base install."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened, one_by_one


def open_onnx(path: Path, *, device: str, threads: int | None) -> Opened:
    """An `.onnx` file in ONNX Runtime."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise UsageError("device cuda: this ONNX Runtime has no CUDA provider (pip install onnxruntime-gpu)")
    wanted = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=[provider for provider in wanted if provider in available]
        )
    except Exception as error:  # ONNX Runtime has exceptions of its own for each way of being broken
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: truncated, or not an ONNX file that can run here ({first_line})") from error
    image = session.get_inputs()[0]

    def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {image.name: pictures})[0])

    fixed_to_one = image.shape[:1] == [1]
    return Opened(one_by_one(network) if fixed_to_one else network, dict(session.get_modelmeta().custom_metadata_map))
