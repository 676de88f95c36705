"""LiteRT, once TensorFlow Lite: Google's runtime for phones and boards, here on the CPU with XNNPACK."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened, one_by_one
from leadline.model_card import METADATA_KEY, read_appended_card


def open_litert(path: Path, *, device: str, threads: int | None) -> Opened:
    """A `.tflite` file of `leadline export`."""
    if device == "cuda":
        raise UsageError("device cuda: LiteRT runs on the CPU here; use --backend onnxruntime for CUDA")
    mine = interpreter_of_each_thread(path, threads=threads)
    try:
        card = read_appended_card(path)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ModelFileError(f"{path}: truncated, or not a .tflite file of leadline export ({error})") from error

    def network(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return run(mine(), picture)

    return Opened(one_by_one(network), {METADATA_KEY: card})


def interpreter_of_each_thread(path: Path, *, threads: int | None) -> Callable[[], Any]:
    """What gives the calling thread its own interpreter, because one holds the tensors of one picture.

    The caller's is opened at once, so that a broken file is refused here.

    Raises:
        ModelFileError: damaged, or nothing that LiteRT can run.
        ModuleNotFoundError: LiteRT is missing.
    """
    mine = threading.local()

    def interpreter() -> Any:
        if not hasattr(mine, "interpreter"):
            mine.interpreter = _interpreter(path, threads)
        return mine.interpreter

    interpreter()
    return interpreter


def run(interpreter: Any, picture: NDArray) -> NDArray:
    """The first output for the one input, as the file stores it: its shape and dtype are the file's."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])  # a copy


def _interpreter(path: Path, threads: int | None) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        first_line = str(error).splitlines()[0] if str(error) else "no reason given"
        raise ModelFileError(f"{path}: truncated, or no TFLite file that can run here ({first_line})") from error
    return interpreter
