"""A TFLite file as a teacher, through LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.runtimes.litert import interpreter_of_each_thread, run
from leadline.labelling.spec import TeacherSpec
from leadline.labelling.teacher import Answer


def litert_answer(path: Path, spec: TeacherSpec) -> Answer:
    """A TFLite file behind a teacher's call.

    Raises:
        ModelFileError: missing, damaged, or not of the size and type that `spec` declares.
        UsageError: LiteRT is missing.
    """
    try:
        # A thread a picture: the interpreter's own threads would only compete with them.
        mine = interpreter_of_each_thread(path, threads=1)
    except ModuleNotFoundError as error:
        raise UsageError(f"{path}: a .tflite teacher runs in LiteRT: pip install 'leadline[label]'") from error
    _check(mine(), path, spec)

    def answer(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [_answer(mine(), picture, spec) for picture in pictures]

    return answer


def _answer(interpreter: Any, picture: NDArray[np.uint8], spec: TeacherSpec) -> NDArray[np.float32]:
    output = run(interpreter, spec.prepared(picture))
    return spec.understood(output, height=picture.shape[0], width=picture.shape[1])


def _check(interpreter: Any, path: Path, spec: TeacherSpec) -> None:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or not outputs:
        raise ModelFileError(f"{path}: a depth model takes one picture, this takes {len(inputs)} inputs")
    shape, kind = tuple(int(size) for size in inputs[0]["shape"]), np.dtype(inputs[0]["dtype"]).name
    if (shape, kind) != (spec.input_shape, spec.input):
        raise ModelFileError(
            f"{path}: takes {kind} of the shape {shape}, but {spec.name} is declared with {spec.input} of the shape "
            f"{spec.input_shape}; another model, or a wrong declaration"
        )
    scale, zero = outputs[0]["quantization"]
    if scale and not (np.isclose(scale, spec.output_scale, rtol=1e-3) and zero == spec.output_zero):
        raise ModelFileError(
            f"{path}: says that its output is quantised with output_scale {scale:.7g} and output_zero {zero}, but "
            f"{spec.name} is declared with {spec.output_scale:.7g} and {spec.output_zero:g}"
        )
