"""Several teachers as one: where their errors differ, their mean is nearer to the truth than each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadline.errors import UsageError
from leadline.labelling.teacher import Teacher, resized


def mean_of(teachers: Sequence[Teacher]) -> Teacher:
    """The teacher that says the mean of what several say, of the logarithm of metres.

    Maps have the size of the first teacher's, NaN where any of them says nothing.

    Args:
        teachers: two or more, all metric. Its camera is theirs if they were all taught with the same one.

    Raises:
        UsageError: only one, or a relative one, whose scale and shift are unknown.
    """
    if len(teachers) < 2:
        raise UsageError("a mean needs two teachers or more: give --teacher again, or leave --mean away")
    for teacher in teachers:
        if teacher.kind == "relative":
            raise UsageError(f"{teacher.name} knows no metres, so it has no part in a mean of metres")

    def answer(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        return [_mean(maps) for maps in zip(*(teacher.answer(pictures) for teacher in teachers), strict=True)]

    focal_lengths = {teacher.focal_per_width for teacher in teachers}
    return Teacher(
        name="mean of " + " and ".join(teacher.name for teacher in teachers),
        sha256=hashlib.sha256("".join(teacher.sha256 for teacher in teachers).encode()).hexdigest(),
        licence="; ".join(dict.fromkeys(teacher.licence for teacher in teachers)),
        kind="metric",
        answer=answer,
        focal_per_width=focal_lengths.pop() if len(focal_lengths) == 1 else None,
    )


def _mean(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    height, width = maps[0].shape
    logarithms = [np.log(resized(metres, height=height, width=width)) for metres in maps]
    return np.exp(np.mean(logarithms, axis=0, dtype=np.float32))
