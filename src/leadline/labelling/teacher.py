"""What a teacher is: any depth model behind one call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.errors import ModelFileError

Kind = Literal["metric", "relative"]

Answer = Callable[[Sequence[NDArray[np.uint8]]], list[NDArray[np.float32]]]
"""Pictures (H, W, 3) uint8 RGB, which may differ in size -> for each a map (h, w) float32 of its whole field of view.

NaN where the teacher says nothing. Called from many threads at once.
"""


@dataclass(frozen=True)
class Teacher:
    """A depth model that labels photographs.

    Args:
        name: for people.
        sha256: of its file, 64 hexadecimal digits.
        licence: its terms, which the labels inherit as far as the law says so; "not stated" when nobody said.
        kind: metric answers are metres; relative ones are inverse depth up to an unknown scale and shift.
        answer: from pictures to maps.
        focal_per_width: focal length over picture width of the one camera that it was taught with, when that is known.
    """

    name: str
    sha256: str
    licence: str
    kind: Kind
    answer: Answer
    focal_per_width: float | None = None


def resized(
    values: NDArray[np.float32],
    *,
    height: int,
    width: int,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.float32]:
    """A map, or its box (left, top, right, bottom), at another size; (height, width) float32."""
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR, box=box))


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        ModelFileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: no such teacher file") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from error
