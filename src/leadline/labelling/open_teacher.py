"""From what a person writes after --teacher to a teacher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.errors import ModelFileError, UsageError
from leadline.inference.predictor import Predictor, load
from leadline.labelling.huggingface import huggingface_teacher
from leadline.labelling.litert import litert_answer
from leadline.labelling.mean_teacher import mean_of
from leadline.labelling.onnx_file import onnx_answer
from leadline.labelling.spec import TeacherSpec, shipped_spec, spec_beside
from leadline.labelling.teacher import Answer, Teacher, file_sha256
from leadline.options import LabelOptions


def open_teachers(options: LabelOptions) -> list[Teacher]:
    """The teachers of a labelling: the one that labels, and those that agree or dissent.

    Raises:
        UsageError: a kind of teacher that there is not, a missing package, or a mean of what has none.
        RecipeError: a declaration with a wrong field.
        ModelFileError: a file that cannot be used.
    """
    teachers = [open_teacher(text) for text in options.teacher]
    return [mean_of(teachers), *teachers] if options.mean else teachers


def open_teacher(text: str) -> Teacher:
    """A teacher by its file.

    Args:
        text: FILE, NAME:FILE with the name of a declaration that ships with leadline, or hf:NAME of a model of the
            Hugging Face hub (or of a folder). A `.tflite` or `.onnx` FILE without a name has its declaration beside it,
            unless it is a leadline model.

    Raises:
        UsageError: a kind of teacher that there is not, or a missing package.
        RecipeError: a declaration with a wrong field.
        ModelFileError: a file that cannot be used.
    """
    named = re.fullmatch(r"([A-Za-z][\w-]+):(.+)", text)  # a name has two letters: C: is a disk
    if named and named[1] == "hf":
        return huggingface_teacher(named[2])
    if named:
        return _declared(Path(named[2]), shipped_spec(named[1]))
    path = Path(text)
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"{text}: a teacher is a file that ends in {', '.join(_SUFFIXES)}, or hf:NAME")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such teacher file")
    if path.suffix == ".safetensors" or (path.suffix == ".onnx" and not path.with_suffix(".yaml").is_file()):
        return _leadline_model(path)
    return _declared(path, spec_beside(path))


def _declared(path: Path, spec: TeacherSpec) -> Teacher:
    sha256 = file_sha256(path)
    answer = onnx_answer(path, spec) if path.suffix == ".onnx" else litert_answer(path, spec)
    return Teacher(spec.name, sha256, spec.licence, spec.kind, answer, spec.focal_per_width)


def _leadline_model(path: Path) -> Teacher:
    # A thread a picture: the runtime's own threads would only compete with them.
    predictor = load(path, device="auto", threads=1)
    return Teacher(
        name=f"leadline {predictor.card.encoder} ({path.name})",
        sha256=file_sha256(path),
        licence=predictor.card.licence,
        kind="metric",
        answer=_predicted(predictor),
    )


def _predicted(predictor: Predictor) -> Answer:
    def answer(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [predictor.predict(picture).metres for picture in pictures]

    return answer


_SUFFIXES = (".tflite", ".onnx", ".safetensors")
