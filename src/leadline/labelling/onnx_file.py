"""An ONNX file of any depth model as a teacher, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError
from leadline.labelling.spec import TeacherSpec
from leadline.labelling.teacher import Answer


def onnx_answer(path: Path, spec: TeacherSpec) -> Answer:
    """An ONNX file behind a teacher's call.

    Raises:
        ModelFileError: missing, damaged, or not of the size and type that `spec` declares.
    """
    session = _session(path)
    _check(session, path, spec)
    name = session.get_inputs()[0].name

    def answer(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        outputs = [session.run(None, {name: spec.prepared(picture)})[0] for picture in pictures]
        return [
            spec.understood(np.asarray(output), height=picture.shape[0], width=picture.shape[1])
            for output, picture in zip(outputs, pictures, strict=True)
        ]

    return answer


def _session(path: Path) -> Any:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    # A thread a picture: ONNX Runtime's own threads would only compete with them.
    settings.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=onnxruntime.get_available_providers())
    except Exception as error:  # ONNX Runtime has exceptions of its own for each way of being broken
        first_line = str(error).splitlines()[0]
        raise ModelFileError(f"{path}: truncated, or not an ONNX file that can run here ({first_line})") from error


def _check(session: Any, path: Path, spec: TeacherSpec) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelFileError(f"{path}: a depth model takes one picture, this takes {len(inputs)} inputs")
    kind = _TYPES.get(inputs[0].type, inputs[0].type)
    # Sizes that the file leaves open are texts.
    wrong = len(inputs[0].shape) != 4 or any(
        isinstance(size, int) and size != wanted for size, wanted in zip(inputs[0].shape, spec.input_shape, strict=True)
    )
    if wrong or kind != spec.input:
        raise ModelFileError(
            f"{path}: takes {kind} of the shape {tuple(inputs[0].shape)}, but {spec.name} is declared with "
            f"{spec.input} of the shape {spec.input_shape}; another model, or a wrong declaration"
        )


_TYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(int8)": "int8"}
