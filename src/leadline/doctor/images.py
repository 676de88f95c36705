"""Pictures that show nothing: black, blank or blurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of
from leadline.doctor.view import View


@dataclass(frozen=True)
class ImageFacts:
    """How much one picture shows.

    Attributes:
        brightness: mean, in [0, 255].
        contrast: mean gradient of the strongest thirtieth of the pixels, in levels a pixel.
        sharpness: second over first difference at those pixels, on the small grid; about 1.2 at a sharp edge.
    """

    brightness: float
    contrast: float
    sharpness: float

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


def measure(view: View) -> ImageFacts:
    """Brightness, contrast and sharpness on the small grid."""
    luma = view.luma
    brightness = float(luma.mean())
    if min(luma.shape) < 3:
        return ImageFacts(brightness, 0.0, 0.0)
    inner = luma[1:-1, 1:-1]
    across, down = luma[1:-1, 2:] - luma[1:-1, :-2], luma[2:, 1:-1] - luma[:-2, 1:-1]
    second = 4 * inner - luma[1:-1, 2:] - luma[1:-1, :-2] - luma[2:, 1:-1] - luma[:-2, 1:-1]
    gradient: NDArray[np.float32] = np.hypot(across, down) / 2
    strongest = gradient >= np.percentile(gradient, 97)
    contrast = float(gradient[strongest].mean())
    return ImageFacts(brightness, contrast, float(np.abs(second[strongest]).mean() / (contrast + 0.5)))


def find(study: Study) -> list[Finding]:
    """Black, blank and blurred frames."""
    kinds: tuple[tuple[str, Callable[[ImageFacts], bool], str], ...] = (
        ("nearly black", lambda image: image.is_black, "mean brightness below 25 of 255"),
        ("blank", lambda image: image.is_blank, "their strongest edges are below 3 levels a pixel"),
        ("blurred", lambda image: image.is_blurred, "their strongest edges are several pixels wide at 320 pixels"),
    )
    return [finding for words, shows, why in kinds if (finding := _finding(study, words, shows, why))]


def _finding(study: Study, words: str, shows: Callable[[ImageFacts], bool], why: str) -> Finding | None:
    frames = [facts for facts in study.frames if shows(facts.get(ImageFacts))]
    if not frames:
        return None
    # A blurred picture can still teach, and some cameras blur; one that shows nothing cannot.
    serious = words != "blurred" and len(study.frames) >= 3 and len(frames) > 0.2 * len(study.frames)
    return Finding(
        "images",
        "error" if serious else "warning",
        f"{len(frames)} of {len(study.frames)} pictures are {words}",
        why,
        "Remove the frames: they have depth that nobody could tell from the picture.",
        tuple(dict.fromkeys(facts.frame.scene for facts in frames)),
        examples_of(frames, _caption),
    )


def _caption(facts: FrameFacts) -> str:
    image = facts.get(ImageFacts)
    return f"{facts.frame.identity}: brightness {image.brightness:.0f}, sharpness {image.sharpness:.2f}"


CHECK = Check(measure, find)
