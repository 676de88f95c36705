"""Pictures that show nothing, or little: black, blank, blurred or smeared by movement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of, scenes_of
from leadline.doctor.view import View


@dataclass(frozen=True)
class ImageFacts:
    """How much one picture shows.

    Attributes:
        brightness: mean, in [0, 255].
        contrast: mean gradient of the strongest thirtieth of the pixels, in levels a pixel.
        sharpness: second over first difference at those pixels, on the small grid; about 1.2 at a sharp edge.
        weakest: the same along the row, the column and the two diagonals, each at its own strongest pixels; the least
            of the four. A moving camera smears the edges across its movement and leaves those along it sharp.
    """

    brightness: float
    contrast: float
    sharpness: float
    weakest: float

    @property
    def is_black(self) -> bool:
        """Too dark to see a room."""
        return self.brightness < 25

    @property
    def is_blank(self) -> bool:
        """No edge anywhere."""
        return not self.is_black and self.contrast < 3

    @property
    def is_blurred(self) -> bool:
        """Even the strongest edges are wide."""
        return not self.is_black and not self.is_blank and self.sharpness < 0.4

    @property
    def is_smeared(self) -> bool:
        """Edges are wide in one direction, whatever they are in the others."""
        return not (self.is_black or self.is_blank or self.is_blurred) and self.weakest < 0.5


def measure(view: View) -> ImageFacts:
    """Brightness, contrast and sharpness on the small grid."""
    luma = view.luma
    brightness = float(luma.mean())
    if min(luma.shape) < 3:
        return ImageFacts(brightness, 0.0, 0.0, 0.0)
    across, down, rising, falling = (_differences(luma, *step) for step in _STEPS)
    contrast, sharpness = _sharpness(np.hypot(across[0], down[0]), np.abs(across[1] + down[1]))
    along = (_sharpness(np.abs(first), np.abs(second))[1] for first, second in (across, down, rising, falling))
    return ImageFacts(brightness, contrast, sharpness, min(along))


def find(study: Study) -> list[Finding]:
    """Black, blank, blurred and smeared frames."""
    kinds: tuple[tuple[str, Callable[[ImageFacts], bool], str], ...] = (
        ("nearly black", lambda image: image.is_black, "mean brightness below 25 of 255"),
        ("blank", lambda image: image.is_blank, "their strongest edges are below 3 levels a pixel"),
        ("blurred", lambda image: image.is_blurred, "their strongest edges are several pixels wide at 320 pixels"),
        (
            "smeared by movement",
            lambda image: image.is_smeared,
            "their strongest edges across one direction are several pixels wide at 320 pixels, the others may be sharp",
        ),
    )
    return [finding for words, shows, why in kinds if (finding := _finding(study, words, shows, why))]


def _finding(study: Study, words: str, shows: Callable[[ImageFacts], bool], why: str) -> Finding | None:
    frames = [facts for facts in study.frames if shows(facts.get(ImageFacts))]
    if not frames:
        return None
    # A blurred picture can still teach, and some cameras blur; one that shows nothing cannot.
    shows_nothing = words in ("nearly black", "blank")
    serious = shows_nothing and len(study.frames) >= 3 and len(frames) > 0.2 * len(study.frames)
    return Finding(
        "images",
        "error" if serious else "warning",
        f"{len(frames)} of {len(study.frames)} pictures are {words}",
        why,
        "Remove the frames: they have depth that nobody could tell from the picture."
        if shows_nothing
        else "Leave them out, or keep them if such pictures are to be predicted, too.",
        scenes_of(frames),
        examples_of(frames, _caption),
    )


def _caption(facts: FrameFacts) -> str:
    image = facts.get(ImageFacts)
    sharpness = f"sharpness {image.sharpness:.2f} ({image.weakest:.2f} in its weakest direction)"
    return f"{facts.frame.identity}: brightness {image.brightness:.0f}, {sharpness}"


def _differences(luma: NDArray[np.float32], down: int, right: int) -> tuple[NDArray, NDArray]:
    """First (halved) and second difference of the inner pixels along a direction, per step in it."""
    height, width = luma.shape
    before = luma[1 - down : height - 1 - down, 1 - right : width - 1 - right]
    after = luma[1 + down : height - 1 + down, 1 + right : width - 1 + right]
    return (after - before) / 2, 2 * luma[1:-1, 1:-1] - before - after


def _sharpness(first: NDArray, second: NDArray) -> tuple[float, float]:
    """The mean of the strongest thirtieth of the first differences, and the second ones over it at those pixels."""
    strongest = first >= np.percentile(first, 97)
    contrast = float(first[strongest].mean())
    return contrast, float(second[strongest].mean() / (contrast + 0.5))


_STEPS = ((0, 1), (1, 0), (-1, 1), (1, 1))


CHECK = Check(measure, find)
