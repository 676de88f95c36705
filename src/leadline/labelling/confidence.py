"""How far a teacher is to be believed: does it say the same of a photograph, its mirror image and its middle?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.errors import InputError
from leadline.labelling.teacher import Kind, Teacher, resized

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
        contradiction: mean difference between the teacher's own answers: of ln(metres), so 0.1 is about a tenth; or of
            inverse depth of the unit above.
        dissent: the largest mean difference from another teacher's answer, in the same unit; 0 without another.
    """

    values: NDArray[np.float32]
    contradiction: float
    dissent: float = 0.0

    @property
    def confidence(self) -> float:
        """Weight in (0, 1]: the inverse variance of an answer that is off by a tenth and by the disagreement.

        Example:
            >>> Label(np.ones((2, 2), np.float32), contradiction=0.1).confidence
            0.5
        """
        return 1 / (1 + (max(self.contradiction, self.dissent) / TEACHERS_OWN_ERROR) ** 2)


def ask(teachers: Sequence[Teacher], image: NDArray[np.uint8]) -> Label:
    """Ask the first teacher about a photograph, its mirror image and its middle, and the others for their opinion.

    The label is the mean of the first two answers (for metres in their logarithm). The contradiction is the larger of
    two: with the mirror image, and with the middle after its median was matched, because a teacher of one camera takes
    the enlarged middle for something nearer, and is right to.

    Args:
        teachers: the one that labels, and any others that only agree or dissent.
        image: (H, W, 3) uint8, RGB.

    Raises:
        InputError: a teacher says nothing of the photograph.
    """
    teacher, *others = teachers
    rows, columns = (_middle(size) for size in image.shape[:2])
    views = [image, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(image[rows, columns])]
    whole, mirrored, middle = teacher.answer(views)
    first, second = _comparable(whole, teacher.kind), _comparable(mirrored[:, ::-1], teacher.kind)
    both = (first + second) / np.float32(2)
    contradiction = max(_difference(first, second), _difference_in_the_middle(both, middle, teacher.kind))
    values = np.exp(both) if teacher.kind == "metric" else both
    dissent = max((_dissent(values, teacher.kind, other, image) for other in others), default=0.0)
    return Label(values, contradiction, dissent)


def inverse_depth(metres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Metres as a relative teacher would say them: inverse depth of median 0 and mean absolute deviation 1."""
    return _comparable(np.float32(1) / metres, "relative")


def _middle(size: int) -> slice:
    edge = round(size * (1 - CROP_SHARE) / 2)
    return slice(edge, size - edge)


def _comparable(answer: NDArray[np.float32], kind: Kind) -> NDArray[np.float32]:
    """An answer such that differences mean the same everywhere: ln(metres), or inverse depth in its own unit."""
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
    inner_height, inner_width = middle.shape
    expected = resized(whole, height=inner_height, width=inner_width, box=box)
    known = np.isfinite(expected) & np.isfinite(middle)
    if not known.any():
        return 0.0
    if kind == "relative":
        return _difference(_comparable(expected, kind), _comparable(middle, kind))
    apart = np.log(middle[known]) - expected[known]
    return float(np.abs(apart - np.median(apart)).mean())


def _dissent(values: NDArray[np.float32], kind: Kind, other: Teacher, image: NDArray[np.uint8]) -> float:
    """Between two metric teachers the scale counts; a relative one can only object to the layout."""
    opinion = other.answer([image])[0]
    values = resized(values, height=opinion.shape[0], width=opinion.shape[1])
    if kind == other.kind == "metric":
        return _difference(np.log(values), np.log(opinion))
    first, second = (
        inverse_depth(said) if said_by == "metric" else _comparable(said, "relative")
        for said, said_by in ((values, kind), (opinion, other.kind))
    )
    return _difference(first, second)
