"""How far a teacher is to be believed: does it say the same of a photograph, its mirror image and its middle?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.errors import InputError
from leadline.labelling.teacher import Kind, Teacher

CROP_SHARE = 0.9
"""Of each side, in the middle: a slightly different crop."""
TEACHERS_OWN_ERROR = 0.1
"""What stands beside the disagreement in a label's variance: a tenth, the error of good teachers in rooms they know."""


@dataclass(frozen=True)
class Label:
    """What a teacher says of a photograph.

    Args:
        values: (h, w) float32 of the photograph's whole field of view: metres, or inverse depth without scale and
            shift (median 0, mean absolute deviation 1). NaN where it says nothing.
        disagreement: mean difference between its answers: of ln(metres), so 0.1 is about a tenth; or of `values`.
    """

    values: NDArray[np.float32]
    disagreement: float

    @property
    def confidence(self) -> float:
        """Weight in (0, 1]: the inverse variance of an answer that is off by a tenth and by the disagreement.

        Example:
            >>> Label(np.ones((2, 2), np.float32), disagreement=0.1).confidence
            0.5
        """
        return 1 / (1 + (self.disagreement / TEACHERS_OWN_ERROR) ** 2)


def ask(teacher: Teacher, image: NDArray[np.uint8]) -> Label:
    """Ask a teacher about a photograph, its mirror image and its middle.

    The label is the mean of the first two (for metres in their logarithm). The disagreement is the larger of two: with
    the mirror image, and with the middle after its median was matched, because a teacher of one camera takes the
    enlarged middle for something nearer, and is right to.

    Args:
        teacher: whom to ask.
        image: (H, W, 3) uint8, RGB.

    Raises:
        InputError: the teacher says nothing of the photograph.
    """
    rows, columns = (_middle(size) for size in image.shape[:2])
    views = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[rows, columns])]
    whole, mirrored, middle = teacher.answer(views)
    first, second = _comparable(whole, teacher.kind), _comparable(mirrored[:, ::-1], teacher.kind)
    both = (first + second) / np.float32(2)
    disagreement = max(_difference(first, second), _difference_in_the_middle(both, middle, teacher.kind))
    values = np.exp(both) if teacher.kind == "metric" else both
    return Label(values, disagreement)


def _middle(size: int) -> slice:
    edge = round(size * (1 - CROP_SHARE) / 2)
    return slice(edge, size - edge)


def _comparable(answer: NDArray[np.float32], kind: Kind) -> NDArray[np.float32]:
    """An answer such that differences mean the same everywhere: ln(metres), or disparity in its own unit."""
    known = np.isfinite(answer)
    if not known.any():
        raise InputError("the teacher says nothing of it")
    if kind == "metric":
        return np.log(answer)
    shift = np.median(answer[known])
    scale = np.abs(answer[known] - shift).mean()
    return (answer - shift) / np.float32(max(scale, 1e-12))


def _difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    apart = np.abs(first - second)
    known = np.isfinite(apart)
    if not known.any():
        raise InputError("the teacher says nothing of it")
    return float(apart[known].mean())


def _difference_in_the_middle(whole: NDArray[np.float32], middle: NDArray[np.float32], kind: Kind) -> float:
    height, width = whole.shape
    edge = (1 - CROP_SHARE) / 2
    box = (edge * width, edge * height, (1 - edge) * width, (1 - edge) * height)
    size = (middle.shape[1], middle.shape[0])
    expected = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BILINEAR, box=box))
    known = np.isfinite(expected) & np.isfinite(middle)
    if not known.any():
        return 0.0
    if kind == "relative":
        return _difference(_comparable(expected, kind), _comparable(middle, kind))
    apart = np.log(middle[known]) - expected[known]
    return float(np.abs(apart - np.median(apart)).mean())
