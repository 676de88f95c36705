"""Depth that rustles: surfaces that are smooth in the room and rough in the map.

On a plane 1 / depth is linear in the pixel, so depth in the middle of two neighbours follows from theirs, and what it
differs by is noise. Neighbours are taken four pixels of the small grid away: stereo sensors smooth their maps, so that
nearest neighbours agree although both are wrong. Edges and curved things differ, too; but surfaces fill most of a room,
and the quarter of the pixels that differs least is theirs. In the farther half of a frame, because noise grows with
distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of, shown
from leadline.doctor.view import View


@dataclass(frozen=True)
class NoiseFacts:
    """How much one depth map rustles.

    Attributes:
        share: standard deviation of the noise beyond the median depth, as a share of the distance; None where too few
            pixels are left to say.
    """

    share: float | None


def measure(view: View) -> NoiseFacts:
    """Deviation from the middle of neighbours, down the columns and along the rows."""
    found = [_deviations(depth_m, beyond_m=view.percentile_m(50)) for depth_m in (view.depth_m, view.depth_m.T)]
    deviations = np.concatenate(found)
    if deviations.size < _FEW_PIXELS:
        return NoiseFacts(None)
    return NoiseFacts(float(np.percentile(deviations, 25) / _QUARTILE_OF_NORMAL))


def noise(frames: Sequence[FrameFacts]) -> float | None:
    """The median over frames, as a share of the distance; None where nothing is known."""
    known = [share for facts in frames if (share := facts.get(NoiseFacts).share) is not None]
    return float(np.median(known)) if known else None


def find(study: Study) -> list[Finding]:
    """Scenes whose depth is too noisy to be called a measurement of single pixels."""
    found = {scene: noise(frames) or 0.0 for scene, frames in study.scenes.items()}
    scenes = sorted((scene for scene, share in found.items() if share > TOO_MUCH), key=lambda scene: -found[scene])
    if not scenes:
        return []
    return [
        Finding(
            "noise",
            "warning",
            f"far depth is noisy in {len(scenes)} of {len(study.scenes)} scenes",
            f"beyond the median depth, pixels deviate from their neighbours' plane by (standard deviation) "
            f"{shown([f'{found[scene]:.1%} of the distance ({scene})' for scene in scenes])}; "
            "seven of ten recordings have less than 0.5 %",
            "Good enough to learn rooms from, not to be scored on: leave them out of the validation, or write 0 where "
            "the sensor is not sure.",
            tuple(scenes),
            examples_of(
                [study.scenes[scene][len(study.scenes[scene]) // 2] for scene in scenes],
                lambda facts: f"{facts.frame.identity}: noise {facts.get(NoiseFacts).share or 0:.1%}",
            ),
        )
    ]


def _deviations(depth_m: NDArray[np.float32], *, beyond_m: float) -> NDArray[np.float64]:
    """(n,) how far pixels lie off the plane through the neighbours in their row, as a share of their depth."""
    left, middle, right = depth_m[:, : -2 * APART_PX], depth_m[:, APART_PX:-APART_PX], depth_m[:, 2 * APART_PX :]
    known = (left > 0) & (middle > beyond_m) & (right > 0)
    inverse_left, z, inverse_right = 1 / left[known], middle[known].astype(np.float64), 1 / right[known]
    # Of three equal independent errors, the middle counting twice: 1 + 4 + 1 variances.
    return np.abs((inverse_left + inverse_right) * z - 2) / np.sqrt(6)


APART_PX = 4
TOO_MUCH = 0.02
"""A fifth of the error of a good model: a truth that is worse says little about a prediction."""
_FEW_PIXELS = 500
_QUARTILE_OF_NORMAL = 0.3186
"""A quarter of the values of a normal distribution lie within so many standard deviations."""

CHECK = Check(measure, find)
