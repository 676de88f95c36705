"""Where nothing was measured: how much, and of which kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of, scenes_of, shown
from leadline.doctor.view import View


@dataclass(frozen=True)
class HoleFacts:
    """The holes of one frame.

    Attributes:
        share: of all pixels at full size; the others are of the holes on the small grid.
        border: share of the holes that reach the picture's edge along their row or column.
        dotted: share of the holes with a measurement on two opposite sides within three pixels.
        far: of the rest, the share whose nearest measurement in the row lies beyond 1.3 times the frame's median.
    """

    share: float
    border: float
    dotted: float
    far: float


def measure(view: View) -> HoleFacts:
    """Share and kinds of the holes."""
    depth_m = view.depth_m
    holes = depth_m == 0
    count = max(1, int(holes.sum()))
    border = holes & _touches_edge(holes)
    dotted = holes & ~border & (_between(~holes) | _between(~holes.T).T)
    rest = holes & ~border & ~dotted
    far = rest & (_from_the_left(depth_m) > 1.3 * view.percentile_m(50))
    parts = (float(kind.sum() / count) for kind in (border, dotted, far))
    return HoleFacts(float((view.sample.depth_m == 0).mean()), *parts)


def find(study: Study) -> list[Finding]:
    """Scenes with many holes, frames with hardly any measurement, and what is usual here."""
    return [*_empty(study), *_holey_scenes(study), *_summary(study)]


def _empty(study: Study) -> list[Finding]:
    frames = [facts for facts in study.frames if facts.get(HoleFacts).share > 0.9]
    if not frames:
        return []
    return [
        Finding(
            "holes",
            "error" if len(frames) > len(study.frames) / 2 else "warning",
            f"{len(frames)} of {len(study.frames)} frames have hardly any depth",
            "more than 90 % of their pixels are holes",
            "Sparse truth (laser lines) needs a loss that knows it; frames like these teach almost nothing here.",
            scenes_of(frames),
            examples_of(frames, _caption),
        )
    ]


def _holey_scenes(study: Study) -> list[Finding]:
    means = {scene: float(np.mean([f.get(HoleFacts).share for f in fs])) for scene, fs in study.scenes.items()}
    many = sorted((scene for scene, mean in means.items() if mean > MANY_HOLES), key=lambda scene: -means[scene])
    if not many:
        return []
    said = [f"{scene} {means[scene]:.0%}, {_kind(study.scenes[scene])}" for scene in many]
    return [
        Finding(
            "holes",
            "warning",
            f"{len(many)} of {len(means)} scenes lack more than {MANY_HOLES:.0%} of their depth",
            shown(said, count=8),
            "Holes are never learned from, but what is always a hole (windows, screens, the far end) stays unknown.",
            tuple(many),
            examples_of([study.scenes[scene][0] for scene in many], _caption),
        )
    ]


def _summary(study: Study) -> list[Finding]:
    if not study.frames:
        return []
    shares = [facts.get(HoleFacts).share for facts in study.frames]
    return [
        Finding(
            "holes",
            "note",
            f"{np.mean(shares):.0%} of all pixels are holes",
            f"median frame {np.median(shares):.0%}, worst {max(shares):.0%}; {_kind(list(study.frames))}",
        )
    ]


def _kind(frames: list[FrameFacts]) -> str:
    """Which kinds make up the holes, the largest first."""
    holes = [facts.get(HoleFacts) for facts in frames]
    weight = sum(h.share for h in holes) or 1.0
    parts = {
        "at the borders": sum(h.border * h.share for h in holes) / weight,
        "dotted": sum(h.dotted * h.share for h in holes) / weight,
        "at far surfaces": sum(h.far * h.share for h in holes) / weight,
    }
    parts["elsewhere"] = 1 - sum(parts.values())
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return " and ".join(f"{share:.0%} {words}" for words, share in ordered[:2])


def _caption(facts: FrameFacts) -> str:
    return f"{facts.frame.identity}: {facts.get(HoleFacts).share:.0%} holes"


def _touches_edge(holes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether only holes lie between a pixel and one of the four edges, straight along its row or column."""
    touching = np.zeros_like(holes)
    for axis in (0, 1):
        touching |= np.logical_and.accumulate(holes, axis=axis)
        touching |= np.flip(np.logical_and.accumulate(np.flip(holes, axis), axis=axis), axis)
    return touching


def _between(measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether measurements lie within three pixels on both sides of a pixel, along its row."""
    left, right = np.zeros_like(measured), np.zeros_like(measured)
    for distance in (1, 2, 3):
        left[:, distance:] |= measured[:, :-distance]
        right[:, :-distance] |= measured[:, distance:]
    return left & right


def _from_the_left(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each pixel's own depth, or the nearest measured one to its left in the row (0 when there is none)."""
    columns = np.where(depth_m > 0, np.arange(depth_m.shape[1]), 0)
    return np.take_along_axis(depth_m, np.maximum.accumulate(columns, axis=1), axis=1)


MANY_HOLES = 0.3

CHECK = Check(measure, find)
