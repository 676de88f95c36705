"""OpenVINO: for Intel and AMD processors."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.contract import Opened, one_by_one
from leadline.model_card import METADATA_KEY
from leadline.parallel import cores

if TYPE_CHECKING:
    import openvino


def openvino_core() -> openvino.Core:
    """The one core of this process, which is never freed.

    Its processor plugin gives the thread that loads it a stack for signal handlers, and takes the memory away when the
    core goes. With a second core, or in another thread, the system is left with a stack that is no more, and the next
    signal (Ctrl-C, SIGTERM) is a segmentation fault: seen with OpenVINO 2026.
    """
    import openvino

    return _made_once(openvino.Core)


@functools.cache
def _made_once(make: type[openvino.Core]) -> openvino.Core:
    return make()


def open_openvino(path: Path, *, device: str, threads: int | None) -> Opened:
    """An `.onnx` file, or OpenVINO's own `.xml` with its `.bin`, in OpenVINO on the CPU, in float32."""
    if device == "cuda":
        raise UsageError("device cuda: OpenVINO runs on the CPU here; use --backend onnxruntime for CUDA")
    # float32 is said, because OpenVINO would take bfloat16 where the hardware has it: other metres on other machines.
    settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads is not None:  # a stream runs one prediction; as many of them as find cores run side by side
        streams = max(1, cores() // threads)
        settings |= {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads * streams}
    core = openvino_core()
    try:
        model = core.read_model(path)
        compiled = core.compile_model(model, "CPU", settings)
    except Exception as error:  # RuntimeError, and whatever its readers raise on broken bytes
        reason = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ModelFileError(f"{path}: truncated, or not a model that OpenVINO can read ({reason[-1]})") from error
    own = threading.local()  # a request belongs to one thread

    def network(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return np.array(own.request.infer({0: pictures})[0])

    sizes = model.inputs[0].partial_shape
    fixed_to_one = sizes.rank.is_static and sizes[0].is_static and sizes[0].get_length() == 1
    return Opened(one_by_one(network) if fixed_to_one else network, _texts(model))


def _texts(model: object) -> dict[str, str]:
    # What an ONNX file says in its metadata_props is under "framework", also after it was saved as .xml.
    for place in (["framework", METADATA_KEY], [METADATA_KEY]):
        if model.has_rt_info(place):  # type: ignore[attr-defined]
            return {METADATA_KEY: model.get_rt_info(place).astype(str)}  # type: ignore[attr-defined]
    return {}
