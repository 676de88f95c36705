"""Depth without extent: constant, flat, cut off at a maximum, or stretched to the same maximum in every frame."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from leadline.doctor.findings import Check, Finding, Study, examples_of, scenes_of
from leadline.doctor.view import View


@dataclass(frozen=True)
class ExtentFacts:
    """How far apart the depths of one frame are.

    Attributes:
        largest_m: the maximum.
        spread: 98th percentile over 2nd percentile, >= 1.
        at_maximum: share of the measured pixels that are within a thousandth of the maximum.
        below_maximum: share in the band of the next three hundredths.
    """

    largest_m: float
    spread: float
    at_maximum: float
    below_maximum: float

    @property
    def is_constant(self) -> bool:
        """Whether the map says one number."""
        return self.spread < 1.002

    @property
    def is_flat(self) -> bool:
        """Whether nothing stands before anything else."""
        return self.spread < 1.05

    @property
    def is_clipped(self) -> bool:
        """Whether many pixels share the maximum while few come near it."""
        return not self.is_flat and self.at_maximum > max(_SPIKE, self.below_maximum / 3)


def measure(view: View) -> ExtentFacts:
    """Extent of the measured depth."""
    measured_m = view.measured_m
    largest_m = float(measured_m[-1])
    below, at_maximum = 1 - np.searchsorted(measured_m, (largest_m * 0.97, largest_m * 0.999)) / measured_m.size
    spread = view.percentile_m(98) / view.percentile_m(2)
    return ExtentFacts(largest_m, spread, float(at_maximum), float(below - at_maximum))


def find(study: Study) -> list[Finding]:
    """Constant and flat maps, clipped maxima, one maximum for all."""
    return [*_constant(study), *_flat(study), *_clipped(study), *_same_maximum(study)]


def _constant(study: Study) -> list[Finding]:
    frames = [facts for facts in study.frames if facts.get(ExtentFacts).is_constant]
    if not frames:
        return []
    return [
        Finding(
            "extent",
            "error",
            f"{len(frames)} of {len(study.frames)} depth maps are constant",
            "all measured pixels have the same depth",
            "Find out what wrote them; remove the frames.",
            scenes_of(frames),
            examples_of(frames, lambda facts: f"{facts.frame.identity}: {facts.get(ExtentFacts).largest_m:.3f} m"),
        )
    ]


def _flat(study: Study) -> list[Finding]:
    frames = [f for f in study.frames if f.get(ExtentFacts).is_flat and not f.get(ExtentFacts).is_constant]
    if not frames:
        return []
    share = len(frames) / len(study.frames)
    return [
        Finding(
            "extent",
            "error" if share > 0.5 and len(study.frames) >= 3 else "warning",
            f"{len(frames)} of {len(study.frames)} depth maps are flat",
            "their farthest depths are less than 5 % beyond their nearest (2nd and 98th percentile)",
            "A wall seen straight on is flat; a data set of them is a fault of the export.",
            scenes_of(frames),
            examples_of(frames, lambda f: f"{f.frame.identity}: spread {f.get(ExtentFacts).spread:.3f}"),
        )
    ]


def _clipped(study: Study) -> list[Finding]:
    frames = [facts for facts in study.frames if facts.get(ExtentFacts).is_clipped]
    if not frames:
        return []
    shares = [facts.get(ExtentFacts).at_maximum for facts in frames]
    return [
        Finding(
            "extent",
            "error" if np.median(shares) > 0.1 and len(frames) > len(study.frames) / 2 else "warning",
            f"{len(frames)} of {len(study.frames)} depth maps are cut off at their maximum",
            f"{np.median(shares):.1%} of their pixels (median) have exactly the largest depth, up to {max(shares):.1%} "
            "(sensors: less than 1 %)",
            "Pixels at the limit are no measurements: write 0 there. Or train below it, with --model.max-depth-m.",
            scenes_of(frames),
            examples_of(
                frames,
                lambda f: (
                    f"{f.frame.identity}: {f.get(ExtentFacts).at_maximum:.1%} at {f.get(ExtentFacts).largest_m:.3f} m"
                ),
                drawing="farthest",
            ),
        )
    ]


def _same_maximum(study: Study) -> list[Finding]:
    """Frames of different scenes do not end at the same millimetre, unless something made them."""
    ends = Counter(round(facts.get(ExtentFacts).largest_m, 3) for facts in study.frames)
    (largest_m, count), *_ = ends.most_common(1) or [(0.0, 0)]
    if len(study.scenes) < 3 or count < 0.8 * len(study.frames):
        return []
    if any(facts.get(ExtentFacts).is_clipped or facts.get(ExtentFacts).is_flat for facts in study.frames):
        return []
    return [
        Finding(
            "extent",
            "warning",
            f"{count} of {len(study.frames)} depth maps end at exactly {largest_m:g} m",
            f"it is the same in {count / len(study.frames):.0%} of the frames of {len(study.scenes)} scenes",
            "Either the sensor's limit, or depth was scaled frame by frame; then it has no metres and cannot be used.",
            examples=examples_of(study.frames, lambda facts: facts.frame.identity, drawing="farthest"),
        )
    ]


_SPIKE = 0.015

CHECK = Check(measure, find)
