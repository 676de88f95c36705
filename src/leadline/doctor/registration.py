"""Whether the edges of colour and depth lie on one another.

A depth edge is nearly always a colour edge. So the strength of the colour's edges, summed under the depth's edges, has
a peak where the two maps fit: at no shift when they are registered, elsewhere when one is moved, and nowhere when they
do not show the same view. Summing over a scene's frames makes the peak stand out, because a wrong registration is the
same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Severity, Study, examples_of, shown
from leadline.doctor.view import SIDE_PX, View


@dataclass(frozen=True)
class RegistrationFacts:
    """The relation of one frame's edges.

    Attributes:
        edges: pixels of the small grid on a depth edge.
        relation: (2 R + 1, 2 R + 1) float16; relation[R + y, R + x] is the colour's edge strength summed under the
            depth's edges when these are moved right by x and down by y pixels of the small grid.
    """

    edges: int
    relation: NDArray[np.float16]


@dataclass(frozen=True)
class Registration:
    """The relation of a scene's edges.

    Attributes:
        edges: pixels on depth edges, over all frames.
        x: columns by which depth must move right to fit best.
        y: rows by which depth must move down.
        peak: how far the best fit stands above the other shifts, in standard deviations of these.
        in_place: the same for the best shift of at most IN_PLACE_PX.
    """

    edges: int
    x: int
    y: int
    peak: float
    in_place: float

    @property
    def is_certain(self) -> bool:
        """Whether the best fit is no accident."""
        return self.peak >= PROOF

    @property
    def offset(self) -> int:
        """The larger of the two shifts, without sign."""
        return max(abs(self.x), abs(self.y))


def measure(view: View) -> RegistrationFacts:
    """Correlate the edges of colour and depth over all shifts up to REACH_PX."""
    color, depth = _color_edges(view.luma), depth_edges(view.depth_m)
    size = (view.luma.shape[0] + REACH_PX, view.luma.shape[1] + REACH_PX)  # zeros, so that nothing wraps around
    spectrum = np.fft.rfft2(color, size) * np.conj(np.fft.rfft2(depth, size))
    relation = np.roll(np.fft.irfft2(spectrum, size), (REACH_PX, REACH_PX), (0, 1))
    window = relation[: 2 * REACH_PX + 1, : 2 * REACH_PX + 1]
    return RegistrationFacts(int(depth.sum()), np.clip(window, -60_000, 60_000).astype(np.float16))


def registration(frames: Sequence[FrameFacts]) -> Registration | None:
    """The relation over some frames of one camera; None when there are too few depth edges to say anything."""
    facts = [frame.get(RegistrationFacts) for frame in frames]
    edges = sum(f.edges for f in facts)
    if edges < FEW_EDGES:
        return None
    relation = np.sum([f.relation for f in facts], axis=0, dtype=np.float64)
    background = np.median(relation)
    spread = 1.48 * np.median(np.abs(relation - background)) + 1e-9
    heights = (relation - background) / spread
    y, x = np.unravel_index(int(heights.argmax()), heights.shape)
    near = slice(REACH_PX - IN_PLACE_PX, REACH_PX + IN_PLACE_PX + 1)
    return Registration(
        edges, int(x) - REACH_PX, int(y) - REACH_PX, float(heights.max()), float(heights[near, near].max())
    )


def depth_edges(depth_m: NDArray[np.float32]) -> NDArray[np.float64]:
    """Where depth jumps by more than a twentieth between measured neighbours, but not where it only rustles.

    Args:
        depth_m: (h, w) float32 metres, 0 in holes.

    Returns:
        (h, w) float64, 1 on an edge and 0 elsewhere.
    """
    known = depth_m > 0
    logarithm = np.log(np.where(known, depth_m, 1.0)).astype(np.float64)
    across, down = np.zeros_like(logarithm), np.zeros_like(logarithm)
    both = known[:, 2:] & known[:, :-2]
    across[:, 1:-1] = np.where(both, np.abs(logarithm[:, 2:] - logarithm[:, :-2]), 0)
    both = known[2:] & known[:-2]
    down[1:-1] = np.where(both, np.abs(logarithm[2:] - logarithm[:-2]), 0)
    edges = (np.maximum(across, down) > 0.05).astype(np.float64)
    return _without_border(edges * (_mean(edges, 4) < 0.45))


def find(study: Study) -> list[Finding]:
    """Scenes whose depth is moved against the colour, and scenes where the two have nothing to do with one another."""
    results = {scene: registration(frames) for scene, frames in study.scenes.items()}
    judged = {scene: (_kind(r, len(study.scenes[scene])), r) for scene, r in results.items() if r is not None}
    findings = []
    for kind, (severity, title, cure) in _KINDS.items():
        scenes = {scene: r for scene, (found, r) in judged.items() if found == kind}
        if scenes:
            findings.append(_finding(study, scenes, severity, title.format(count=len(scenes), of=len(results)), cure))
    silent = [scene for scene, r in results.items() if r is None]
    if silent:
        text = f"fewer than {FEW_EDGES} pixels on depth edges: {shown(silent)}"
        findings.append(
            Finding("registration", "note", f"{len(silent)} of {len(results)} scenes cannot be judged", text)
        )
    return findings


def _kind(r: Registration, frames: int) -> str | None:
    """Key of _KINDS, or None when the edges lie on one another as far as can be seen."""
    if r.is_certain and r.offset > 4 and r.in_place < 0.7 * r.peak:
        return "moved" if r.peak > SURE and r.in_place < 0.6 * r.peak else "perhaps moved"
    if r.is_certain and 3 <= r.offset <= 4:
        return "slightly moved"
    if r.in_place < 3 and not r.is_certain and r.edges >= MANY_EDGES:
        return "unrelated" if frames >= 3 else "perhaps unrelated"
    return None


def _finding(study: Study, scenes: dict[str, Registration], severity: Severity, title: str, cure: str) -> Finding:
    said = [
        f"{scene}: best fit {r.peak:.1f} sigma at ({r.x:+d}, {r.y:+d}), {r.in_place:.1f} in place"
        for scene, r in scenes.items()
    ]
    frames = [study.scenes[scene][len(study.scenes[scene]) // 2] for scene in scenes]
    return Finding(
        "registration",
        severity,
        title,
        f"shift of depth (right, down) in pixels of a picture {SIDE_PX} wide: {shown(said, count=8)}",
        cure,
        tuple(scenes),
        examples_of(frames, lambda facts: f"{facts.frame.identity}: depth edges in red", drawing="edges"),
    )


def _color_edges(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """Edge strength relative to its surroundings, so that a bright window does not drown the rest."""
    strength = np.sqrt(_gradient(luma.astype(np.float64)))
    strength -= _mean(strength, 8)
    strength /= np.sqrt(np.maximum(_mean(strength**2, 16), 0)) + 0.3
    return _without_border(strength)


def _gradient(values: NDArray[np.float64]) -> NDArray[np.float64]:
    across, down = np.zeros_like(values), np.zeros_like(values)
    across[:, 1:-1] = values[:, 2:] - values[:, :-2]
    down[1:-1] = values[2:] - values[:-2]
    return np.hypot(across, down)


def _mean(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Mean over the square of 2 * radius + 1 pixels around each pixel."""
    size = 2 * radius + 1
    total = np.pad(np.pad(values, radius, mode="edge").cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return (total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]) / size**2


def _without_border(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values[:_BORDER_PX] = values[-_BORDER_PX:] = 0
    values[:, :_BORDER_PX] = values[:, -_BORDER_PX:] = 0
    return values


REACH_PX = 24
IN_PLACE_PX = 3
FEW_EDGES, MANY_EDGES = 300, 1500
"""Pixels on depth edges of a scene: below the first nothing is said; without the second nothing can be missing."""
PROOF, SURE = 5.0, 6.0
"""Peaks of so many standard deviations are no accident; unregistered recordings had none above 4.2."""
_BORDER_PX = 4
_REGISTER = (
    "Register depth to colour with the camera's calibration (its SDK's align function), or leave the scenes out."
)
_KINDS: dict[str, tuple[Severity, str, str]] = {
    "moved": ("error", "depth is moved against colour in {count} of {of} scenes", _REGISTER),
    "perhaps moved": (
        "warning",
        "depth may be moved against colour in {count} of {of} scenes",
        f"Look at the pictures. {_REGISTER}",
    ),
    "unrelated": (
        "error",
        "the edges of colour and depth do not meet in {count} of {of} scenes: not registered",
        _REGISTER,
    ),
    "perhaps unrelated": (
        "warning",
        "the edges of colour and depth hardly meet in {count} of {of} scenes, of one or two frames each",
        f"Look at the pictures. {_REGISTER}",
    ),
    "slightly moved": (
        "warning",
        "depth is moved by about a hundredth of the picture's width in {count} of {of} scenes",
        "Edges will be learned a little beside the objects. A better calibration mends it.",
    ),
}

CHECK = Check(measure, find)
