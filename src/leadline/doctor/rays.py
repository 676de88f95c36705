"""Distance along the ray where depth along the camera's axis is meant.

On a plane 1 / depth is a linear function of the ray (x, y, 1) of the pixel. What a ray caster or a laser measures is
longer by the length of that ray, so that planes bend towards the corners of the picture. The bend is small, a percent
over a fifth of a wide picture, but it has one and the same form everywhere: values = depth * length^power, with the
power 0 of depth and the power 1 of distance, is fitted to every window that shows a plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from leadline.depth.points import back_project
from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of
from leadline.doctor.view import View


@dataclass(frozen=True)
class RayFacts:
    """What the planes of one frame say about its rays.

    Attributes:
        powers: of the ray's length in the values, one for each window that shows a plane; none without a camera.
        weights: of the same windows, larger where the bend of a distance would be larger against the noise.
    """

    powers: tuple[float, ...]
    weights: tuple[float, ...]


def measure(view: View) -> RayFacts:
    """Fit the power in the windows of the small grid."""
    height, width = view.depth_m.shape
    camera = view.sample.camera and view.sample.camera.scaled_to(width=width, height=height)
    if camera is None or min(height, width) < WINDOW_PX:
        return RayFacts((), ())
    rays = _windows(back_project(np.ones_like(view.depth_m), camera).astype(np.float64))
    values_m = _windows(view.depth_m.astype(np.float64)[..., None])[..., 0]
    powers, bends, noises, kept = _fit(values_m, rays)
    told = (kept > _KEPT) & (noises < _PLANE) & (bends > _BEND)
    weights = (bends / (noises + _FINEST))[told] ** 2
    return RayFacts(tuple(powers[told].round(3).tolist()), tuple(weights.round(6).tolist()))


def power(frames: Sequence[FrameFacts]) -> float | None:
    """The weighted median over the windows of these frames; None where too few show a plane."""
    rays = [facts.get(RayFacts) for facts in frames]
    powers = np.concatenate([ray.powers for ray in rays])
    if len(powers) < FEW_WINDOWS:
        return None
    order = np.argsort(powers)
    total = np.concatenate([ray.weights for ray in rays])[order].cumsum()
    return float(powers[order][np.searchsorted(total, total[-1] / 2)])


def find(study: Study) -> list[Finding]:
    """Distances in the whole data set, or in single scenes."""
    found = {scene: told for scene, frames in study.scenes.items() if (told := power(frames)) is not None}
    guilty = {scene: told for scene, told in found.items() if told > _BETWEEN}
    if not guilty:
        return []
    middle = float(np.median(list(found.values())))
    everywhere = middle > _BETWEEN and len(found) >= _FEW_SCENES
    said = middle if everywhere else float(np.median(list(guilty.values())))
    frames = list(study.frames) if everywhere else [facts for scene in guilty for facts in study.scenes[scene]]
    return [
        Finding(
            "rays",
            "error" if everywhere else "warning",
            "this looks like distance along the ray, not depth along the camera's axis",
            f"planes are straight if the values hold the length of the pixel's ray to the power of {said:.2f} (depth: "
            f"0, distance: 1); {len(guilty)} of {len(found)} scenes with enough planes say so",
            "Divide every pixel by the length of its ray, sqrt(1 + ((x - cx) / fx)^2 + ((y - cy) / fy)^2). Or the "
            "intrinsics are of another lens: see that they belong to these pictures.",
            () if everywhere else tuple(guilty),
            examples_of(frames, lambda facts: f"{facts.frame.identity}: {len(facts.get(RayFacts).powers)} planes"),
        )
    ]


def _windows(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, pixels, channels): overlapping windows of an (h, w, channels) array, every fourth row and column of each."""
    cut = sliding_window_view(array, (WINDOW_PX, WINDOW_PX), axis=(0, 1))[:: WINDOW_PX // 2, :: WINDOW_PX // 2]
    fewer = np.moveaxis(cut[..., ::_APART_PX, ::_APART_PX], 2, -1)
    return fewer.reshape(-1, (WINDOW_PX // _APART_PX) ** 2, array.shape[2])


def _fit(
    values_m: NDArray[np.float64], rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each window: the power, the bend that a power of 1 makes, the noise, and the share of pixels on the plane.

    Bend and noise are shares of the distance (root mean square). Pixels off the plane, small things before a wall, are
    left out in a second and a third round.
    """
    known = values_m > 0
    inverse = np.divide(1, values_m, where=known, out=np.zeros_like(values_m))
    log_length = np.log(np.linalg.norm(rays, axis=2))
    on_plane, powers, noises = known, np.zeros(len(rays)), np.zeros(len(rays))
    for _ in range(_ROUNDS):
        # Around the power so far, because what is linear in it is linear in small steps only.
        straight = rays * np.exp(-powers[:, None] * log_length)[..., None]
        planes = _solved(straight, inverse, on_plane)
        bend = (straight @ planes[..., None])[..., 0] * log_length
        columns = np.concatenate([straight, -bend[..., None]], axis=2)
        solved = _solved(columns, inverse, on_plane)
        powers = powers + solved[:, 3].clip(-2, 2)
        off = np.where(known, np.abs(1 - (columns @ solved[..., None])[..., 0] * values_m), np.nan)
        noises = _STANDARD_OF_MEDIAN * _median(np.where(on_plane, off, np.nan))
        on_plane = known & (np.nan_to_num(off, nan=np.inf) < np.maximum(3 * noises, _FINEST)[:, None])
    relative = rays * values_m[..., None]
    beyond = log_length - (relative @ _solved(relative, log_length, on_plane)[..., None])[..., 0]
    counts = np.maximum(on_plane.sum(axis=1), 1)
    return powers, np.sqrt((beyond**2 * on_plane).sum(axis=1) / counts), noises, on_plane.mean(axis=1)


def _solved(columns: NDArray[np.float64], values: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, c) least squares of values (n, p) by columns (n, p, c) in each window."""
    weighted = (columns * where[..., None]).swapaxes(1, 2)
    ridge = 1e-12 * np.eye(columns.shape[2])
    solved: NDArray[np.float64] = np.linalg.solve(weighted @ columns + ridge, weighted @ values[..., None])[..., 0]
    return solved


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row, without its NaNs; infinite where there is nothing else."""
    ordered = np.sort(values, axis=1)  # NaNs last
    counts = np.isfinite(values).sum(axis=1)
    middle = ordered[np.arange(len(ordered)), np.maximum(counts - 1, 0) // 2]
    return np.where(counts > 0, middle, np.inf)


WINDOW_PX, _APART_PX = 64, 4
FEW_WINDOWS = 8
"""Fewer planes than these say nothing about a scene."""
_FEW_SCENES = 3
_BETWEEN = 0.5
"""Half way. Of 85 recorded scenes none that shows enough planes is above 0.3; as distances nearly all are above 0.7."""
_ROUNDS = 3
_KEPT, _PLANE, _BEND = 0.7, 0.006, 0.0004
"""A plane fills so much of its window, with less noise than that; and a bend below the last is none to be measured."""
_FINEST = 0.001
_STANDARD_OF_MEDIAN = 1.4826
"""Standard deviation over median of the absolute values, in normal noise."""

CHECK = Check(measure, find)
