"""Depth in another unit than was assumed.

Distances alone cannot prove a unit: a desk in metres is a hall in decimetres. What rooms have in common is a
distribution, and a whole data set far outside it is evidence that grows with the number of scenes. Two things prove
more: levels that carry the traces of their making, and the camera's height above floors and tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Severity, Study, examples_of, shown
from leadline.doctor.planes import PlaneFacts
from leadline.doctor.view import View


@dataclass(frozen=True)
class UnitFacts:
    """The distances of one frame and the traces in its levels.

    Attributes:
        median_m: of the measured pixels.
        near_m: 2nd percentile.
        far_m: 98th percentile.
        largest_m: the maximum.
        values: number of different values.
        divisor: greatest common divisor of the values in millimetres; 0 when they are no whole millimetres.
        step_m: distance between neighbouring values when it is the same everywhere, else 0.
        histogram: measured pixels in bins of HISTOGRAM_BIN_M; the last one takes all that is farther.
    """

    median_m: float
    near_m: float
    far_m: float
    largest_m: float
    values: int
    divisor: int
    step_m: float
    histogram: tuple[int, ...]


def measure(view: View) -> UnitFacts:
    """Distances and levels of a frame at full size."""
    measured_m = view.measured_m
    values_m = measured_m[np.flatnonzero(np.diff(measured_m, prepend=-1))].astype(np.float64)
    bins = np.minimum(measured_m / HISTOGRAM_BIN_M, HISTOGRAM_BINS - 1).astype(np.int64)
    return UnitFacts(
        median_m=view.percentile_m(50),
        near_m=view.percentile_m(2),
        far_m=view.percentile_m(98),
        largest_m=float(values_m[-1]),
        values=len(values_m),
        divisor=_divisor(values_m),
        step_m=_even_step_m(values_m),
        histogram=tuple(np.bincount(bins, minlength=HISTOGRAM_BINS).tolist()),
    )


def find(study: Study) -> list[Finding]:
    """Eight bits, coarse steps, and distances that are no room's."""
    found = _eight_bits(study) or _distances(study)
    return [*found, *_coarse_steps(study)]


def _distances(study: Study) -> list[Finding]:
    """The whole data set first; scenes of their own only when the whole is in order."""
    scenes = list(study.scenes.values())
    whole = _judged(scenes, study.depth_unit_m)
    if whole is not None:
        return [_distance_finding(study.frames, (), *whole)]
    odd = {}
    for name, frames in study.scenes.items():
        judged = _judged([frames], study.depth_unit_m)
        if judged is not None and len(scenes) > 1:
            odd[name] = judged
    findings = []
    for units in dict.fromkeys(judged[1] for judged in odd.values()):
        same = {name: judged for name, judged in odd.items() if judged[1] == units}
        frames = [facts for name in same for facts in study.scenes[name]]
        severity: Severity = "error" if any(judged[0] == "error" for judged in same.values()) else "warning"
        name, (_, _, evidence) = next(iter(same.items()))
        findings.append(_distance_finding(frames, tuple(same), severity, units, f"{name}: {evidence}"))
    return findings


@dataclass(frozen=True)
class Unit:
    """A unit that depth files come in: metres per step, and what it is called."""

    step_m: float
    words: str

    @property
    def flag(self) -> str:
        """What to give to leadline."""
        return f"--data.depth-unit-m {self.step_m:.6g} ({self.words})" if self.step_m else "--data.depth-unit-m"

    def factor(self, assumed_m: float | None) -> float:
        """How much longer distances become in this unit than they were read; without a known unit, than in mm."""
        return self.step_m / (assumed_m or 0.001)

    def unknown(self) -> Unit:
        """The same ratio where nobody knows what unit was assumed (floats, or a data set's own scale)."""
        return Unit(0.0, f"{self.factor(None):.3g} times the one that was read")


def _judged(
    scenes: Sequence[Sequence[FrameFacts]], given_m: float | None
) -> tuple[Severity, tuple[Unit, ...], str] | None:
    """How sure it is that these scenes are in another unit, in which, and why; None when they look like rooms."""
    if not scenes:
        return None
    traits = _traits(scenes)
    strangeness = _strangeness(traits, len(scenes), factor=1.0)
    units = [facts.get(UnitFacts) for frames in scenes for facts in frames]
    assumed_m = given_m or (0.001 if all(u.divisor > 0 for u in units) else None)
    has_trace = assumed_m == 0.001 and math.gcd(*(u.divisor for u in units)) == 5 and min(u.values for u in units) > 50
    if strangeness < SUSPICIOUS and not has_trace:
        return None
    others = [TUM] if has_trace else [unit for unit in UNITS if abs(math.log(unit.factor(assumed_m))) > 0.4]
    fits = [(_strangeness(traits, len(scenes), factor=unit.factor(assumed_m)), unit) for unit in others]
    best = min(fit for fit, _ in fits)
    if best > (strangeness - 0.5 if not has_trace else max(strangeness, SUSPICIOUS)):
        return None
    likely = tuple(unit if assumed_m else unit.unknown() for fit, unit in fits if fit < best + 1)
    # A street is as far as a room in a wrong unit; but the camera's height tells them apart.
    agrees = len(traits) == len(USUAL) and not traits[-1][0].low <= traits[-1][1] <= traits[-1][0].high
    # A sensor may have steps of 5 mm; then its rooms have the size of rooms.
    sure = best < strangeness if has_trace else agrees and strangeness > CERTAIN and len(scenes) >= 3
    said = [f"{usual.words} {value:.2g} m (rooms: {usual.low:g} to {usual.high:g} m)" for usual, value in traits]
    trace = "; every value is a multiple of 5, as in files of 5000 steps a metre" if has_trace else ""
    return "error" if sure else "warning", likely, "; ".join(said) + trace


def _distance_finding(
    frames: Sequence[FrameFacts], scenes: tuple[str, ...], severity: Severity, units: tuple[Unit, ...], evidence: str
) -> Finding:
    names = " or ".join(unit.words for unit in units)
    flags = " or ".join(dict.fromkeys(unit.flag for unit in units))
    doubt = "" if severity == "error" else ", or it is no room"
    return Finding(
        "units",
        severity,
        f"the distances are not those of rooms: the unit may be {names}{doubt}",
        evidence,
        f"If that is the unit of the files: {flags}; for data check and evaluate it is --depth-unit-m",
        scenes,
        examples_of(frames, lambda facts: f"{facts.frame.identity}: median {facts.get(UnitFacts).median_m:.2f} m"),
    )


@dataclass(frozen=True)
class Usual:
    """What recorded rooms have: the middle over scenes, and the spread of its logarithm."""

    words: str
    middle: float
    spread: float
    low: float
    high: float


def _traits(scenes: Sequence[Sequence[FrameFacts]]) -> list[tuple[Usual, float]]:
    """The geometric means over scenes of median depth, far depth and, where level surfaces are seen, their distance."""
    medians, fars, heights = [], [], []
    for frames in scenes:
        units = [facts.get(UnitFacts) for facts in frames]
        medians.append(float(np.median([u.median_m for u in units])))
        fars.append(float(np.median([u.far_m for u in units])))
        level = [height for facts in frames for height in facts.get(PlaneFacts).heights_m]
        if len(level) >= 5:
            heights.append(float(np.median(level)))
    # Surfaces that are seen in a few scenes only stand for those, not for the data set.
    columns = [medians, fars, heights] if len(heights) >= min(3, len(scenes)) else [medians, fars]
    return [
        (usual, float(np.exp(np.mean(np.log(np.maximum(column, 1e-6))))))
        for usual, column in zip(USUAL, columns, strict=False)
    ]


def _strangeness(traits: Sequence[tuple[Usual, float]], scenes: int, *, factor: float) -> float:
    """Mean deviation from what is usual, in standard deviations, if every distance were `factor` times as long."""
    deviations = []
    for usual, value in traits:
        spread = math.hypot(usual.spread / math.sqrt(scenes), SPREAD_OF_SETS)
        deviations.append(abs(math.log(value * factor / usual.middle)) / spread)
    return sum(deviations) / len(deviations)


def _eight_bits(study: Study) -> list[Finding]:
    """Levels from 0 to 255 where millimetres are expected."""
    if study.depth_unit_m not in (None, 0.001) or not study.frames:
        return []
    units = [facts.get(UnitFacts) for facts in study.frames]
    small = all(u.divisor > 0 and u.largest_m <= 0.2555 for u in units)
    stretched = all(u.divisor in (256, 257) for u in units)
    if not small and not stretched:
        return []
    scale = "up to 255" if small else f"multiples of {units[0].divisor}"
    unit_m = 10 / 255 if small else 10 / 255 / units[0].divisor
    return [
        Finding(
            "units",
            "error" if len(units) >= 3 or stretched else "warning",
            "the depth files hold 8 bits, not millimetres",
            f"all values are {scale}; the largest of {len(units)} frames is {max(u.largest_m for u in units):.3f} m",
            f"If white means 10 m, as in DenseDepth's NYU: --data.depth-unit-m {unit_m:.6g}. 256 levels are coarse; "
            "look for the 16-bit originals.",
            examples=examples_of(study.frames, lambda facts: facts.frame.identity),
        )
    ]


def _coarse_steps(study: Study) -> list[Finding]:
    """Even steps so coarse that few values are left: depth that went through eight bits."""
    coarse: dict[str, float] = {}
    for scene, frames in study.scenes.items():
        units = [facts.get(UnitFacts) for facts in frames]
        steps_m = [u.step_m for u in units if u.values <= 256 and u.step_m > 0.008 * u.median_m]
        if len(steps_m) > len(units) / 2:
            coarse[scene] = float(np.median(steps_m))
    if not coarse:
        return []
    frames = [facts for scene in coarse for facts in study.scenes[scene]]
    return [
        Finding(
            "units",
            "warning",
            "depth in coarse even steps, as after a conversion to 8 bits",
            "at most 256 different values a frame; steps of "
            + shown([f"{step_m * 1000:.3g} mm ({scene})" for scene, step_m in coarse.items()]),
            "Use the 16-bit originals, if there are any. (DenseDepth's NYU training set has 39 mm steps by nature.)",
            tuple(coarse),
            examples_of(frames, lambda facts: f"{facts.frame.identity}: {facts.get(UnitFacts).values} values"),
        )
    ]


def _divisor(values_m: NDArray[np.float64]) -> int:
    millimetres = np.rint(values_m * 1000)
    if np.abs(values_m * 1000 - millimetres).max() > 0.02:
        return 0
    return int(np.gcd.reduce(millimetres.astype(np.int64)))


def _even_step_m(values_m: NDArray[np.float64]) -> float:
    """The step of evenly spaced values, each off by at most the rounding to a millimetre; 0 when there is none."""
    if len(values_m) < 20:
        return 0.0
    gaps_m = np.diff(values_m)
    # Gap by gap: a step that is a little wrong would put far values into wrong places.
    places = np.concatenate([[0], np.rint(gaps_m / np.percentile(gaps_m, 20)).cumsum()])
    step_m = float((places @ (values_m - values_m[0])) / (places @ places))
    off_m = np.abs(values_m - values_m[0] - places * step_m)
    return step_m if step_m > 0.004 and np.percentile(off_m, 95) < max(0.0012, 0.05 * step_m) else 0.0


HISTOGRAM_BIN_M = 0.25
HISTOGRAM_BINS = 49
SUSPICIOUS, CERTAIN = 1.6, 2.5
"""Mean deviations, in standard deviations, from which on a unit is questioned, and refused."""
SPREAD_OF_SETS = 0.35
"""How much data sets differ as wholes (desks here, halls there), as a standard deviation of the logarithm."""
USUAL = (
    Usual("median depth", 1.75, 0.6, 0.5, 5.0),
    Usual("far depth (98th percentile)", 3.0, 0.65, 0.8, 10.0),
    Usual("height of the camera above level surfaces", 0.75, 0.6, 0.2, 2.5),
)
"""Middles and spreads over 85 recorded scenes of many sensors; NYU Depth v2 (median about 2.5 m) lies within."""
TUM = Unit(0.0002, "TUM's 5000 steps a metre")
UNITS = (
    Unit(1.0, "metres"),
    Unit(0.01, "centimetres"),
    Unit(1 / 256, "KITTI's 256 steps a metre"),
    Unit(0.001, "millimetres"),
    TUM,
    Unit(0.0001, "tenths of a millimetre"),
)

CHECK = Check(measure, find)
