"""Everything that leadline can refuse to do, and the exit code that says so.

LeadlineError              1   anything below; the command line prints it without a stack trace
├── FaultyData             1   the data check found errors
├── UsageError             2   options that cannot be meant
│   └── RecipeError        2   a recipe with a wrong field (names the field, its line, what is allowed)
├── InputError             3   images, depth files or folders that cannot be used
│   └── PointsRefused      3   measured distances that do not make depth better
├── ModelFileError         4   a model or weights file that cannot be used
│   └── UnsafeWeightsError 4   a pickle that asks for more than tensors and their names
├── DownloadError          5   a file that could not be fetched
├── OutputError            6   no permission to write, or no space
├── TrainingDiverged       7   NaN or infinite loss
├── PartialFailure         8   some inputs were skipped; the others are done
└── TrainingInterrupted   75   stopped by a signal, saved; the message says which command goes on
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LeadlineError(Exception):
    """A failure that a person can act on: what was wrong, in which file or field, what to do."""

    exit_code = 1


class FaultyData(LeadlineError):
    """Frames that can be read, but would teach nonsense: the data check found errors."""


class UsageError(LeadlineError):
    """Options that cannot be meant."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe with an unknown or a wrong field."""


class InputError(LeadlineError):
    """An image, a depth file or a folder of them that cannot be used."""

    exit_code = 3


class PointsRefused(InputError):
    """Measured distances that do not make depth better: none, too few, or in contradiction."""


class ModelFileError(LeadlineError):
    """A model or weights file that cannot be used."""

    exit_code = 4


class UnsafeWeightsError(ModelFileError):
    """A checkpoint whose pickle asks for more than tensors and their names."""


class DownloadError(LeadlineError):
    """A file that could not be fetched."""

    exit_code = 5


class OutputError(LeadlineError):
    """A result that could not be written."""

    exit_code = 6


class TrainingDiverged(LeadlineError):
    """The loss or its gradient became NaN or infinite."""

    exit_code = 7


class PartialFailure(LeadlineError):
    """Some inputs were skipped; the others are done."""

    exit_code = 8


class TrainingInterrupted(LeadlineError):
    """Training was stopped by a signal; what it had done is kept, and a command goes on."""

    exit_code = 75  # EX_TEMPFAIL: schedulers requeue on it


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name and all of them.

    Example:
        >>> did_you_mean("yolo8n", ["yolov8n", "densenet169"])
        "did you mean 'yolov8n'? Known: densenet169, yolov8n"
    """
    known = sorted(known)
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}Known: {', '.join(known)}"
