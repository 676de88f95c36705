"""The runtimes by name. A new one is one file beside this, and one line here."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from leadline.errors import ModelFileError, UsageError, did_you_mean
from leadline.inference.runtimes.contract import Open, Opened
from leadline.inference.runtimes.executorch import open_executorch
from leadline.inference.runtimes.litert import open_litert
from leadline.inference.runtimes.ncnn import open_ncnn
from leadline.inference.runtimes.onnx_runtime import open_onnx
from leadline.inference.runtimes.openvino import open_openvino
from leadline.inference.runtimes.torch_runtime import open_safetensors
from leadline.inference.runtimes.torchscript import open_torchscript
from leadline.model_card import METADATA_KEY


class Runtime(NamedTuple):
    """What opens which files, and what to install for it."""

    open: Open
    suffixes: tuple[str, ...]
    install: str


RUNTIMES: dict[str, Runtime] = {
    "onnxruntime": Runtime(open_onnx, suffixes=(".onnx",), install="onnxruntime"),
    "openvino": Runtime(open_openvino, suffixes=(".xml", ".onnx"), install="'leadline[openvino]'"),
    "ncnn": Runtime(open_ncnn, suffixes=(".ncnn",), install="'leadline[ncnn]'"),
    "executorch": Runtime(open_executorch, suffixes=(".pte",), install="'leadline[executorch]'"),
    "litert": Runtime(open_litert, suffixes=(".tflite",), install="ai-edge-litert"),
    "torchscript": Runtime(open_torchscript, suffixes=(".torchscript",), install="'leadline[train]'"),
    "torch": Runtime(open_safetensors, suffixes=(".safetensors",), install="'leadline[train]'"),
}
"""In order of preference: `auto` takes the first that opens the file's suffix."""

DEVICES = ("auto", "cpu", "cuda")
MODEL_SUFFIXES = tuple(dict.fromkeys(suffix for runtime in RUNTIMES.values() for suffix in runtime.suffixes))


def open_model(path: Path, *, device: str = "auto", backend: str = "auto", threads: int | None = None) -> Opened:
    """A model file in the runtime that is asked for, or the first that knows its suffix.

    Args:
        path: a model file (some formats are folders).
        device: auto, cpu or cuda.
        backend: auto, or a name of RUNTIMES.
        threads: for one prediction; None leaves it to the runtime.

    Returns:
        The network, and the texts of the file, or of NAME.json beside it when the file has none.

    Raises:
        ModelFileError: missing, damaged, or of a kind that the backend does not run.
        UsageError: an unknown device or backend, one that is not there, or its package is missing.
    """
    if device not in DEVICES:
        raise UsageError(f"device must be auto, cpu or cuda, got {device!r}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    if not path.exists():
        raise ModelFileError(f"{path}: no such model file")
    name = _runtime_for(path, backend)
    try:
        opened = RUNTIMES[name].open(path, device=device, threads=threads)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path}: runs in {name}, which needs the package {_package(error)}: pip install {RUNTIMES[name].install}"
            + (", or export it to .onnx where torch is (leadline export)" if name == "torch" else "")
        ) from error
    card_beside = path.with_suffix(".json")
    if METADATA_KEY not in opened.metadata and card_beside.is_file():
        return Opened(opened.network, {METADATA_KEY: card_beside.read_text(encoding="utf-8", errors="replace")})
    return opened


def _package(error: ModuleNotFoundError) -> str:
    return (error.name or "").partition(".")[0]


def _runtime_for(path: Path, backend: str) -> str:
    suffix = path.suffix.lower()
    able = [name for name, runtime in RUNTIMES.items() if suffix in runtime.suffixes]
    if backend != "auto" and backend not in RUNTIMES:
        raise UsageError(f"no backend is called {backend!r}; {did_you_mean(backend, ['auto', *RUNTIMES])}")
    if not able:
        raise ModelFileError(f"{path}: a model file ends in {', '.join(MODEL_SUFFIXES)}")
    if backend != "auto" and backend not in able:
        kinds = " or ".join(RUNTIMES[backend].suffixes)
        raise ModelFileError(f"{path}: {backend} runs {kinds} files; this one runs in {' or '.join(able)}")
    return able[0] if backend == "auto" else backend
