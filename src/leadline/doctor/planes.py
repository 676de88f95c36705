"""Planes in a depth map: what tells depth from its reciprocal, and how high the camera stands.

On a plane, 1 / depth is a linear function of the pixel (a pinhole camera's projection), and depth is not. So where the
values themselves are linear in the pixel on walls and floors, they are no depth but its reciprocal. The same fit gives
a plane's distance, and a level plane's distance is the camera's height above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.doctor.findings import Check, Finding, FrameFacts, Severity, Study, examples_of
from leadline.doctor.view import View


@dataclass(frozen=True)
class PlaneFacts:
    """What planes say about one frame.

    Attributes:
        windows: windows of the small grid that show a slanted plane, whichever of the two readings fits it.
        depth_windows: those of them that fit better as depth than as the reciprocal of depth.
        row_correlation: of depth with the row of the picture; negative when the lower part is nearer, as floors are.
        heights_m: of the camera above level surfaces, one for each window that shows such a surface. Without a known
            camera a field of view of 60 degrees is assumed.
    """

    windows: int
    depth_windows: int
    row_correlation: float
    heights_m: tuple[float, ...]


def measure(view: View) -> PlaneFacts:
    """Fit planes to the windows of the small grid."""
    blocks_m, directions = _windows(view)
    known = blocks_m > 0
    inverse = np.divide(1, blocks_m, where=known, out=np.zeros_like(blocks_m))
    planes, as_depth = _fit(inverse, known, directions)
    _, as_reciprocal = _fit(blocks_m, known, directions)
    nearest_m = np.where(known, blocks_m, np.inf).min(axis=1, initial=np.inf)
    slant = blocks_m.max(axis=1, initial=0) / nearest_m
    slanted = (slant > _SLANT) & (np.minimum(as_depth, as_reciprocal) < _MISFIT) & known.all(axis=1)
    steepness = np.linalg.norm(planes, axis=1)
    level = (slant > 1.1) & (as_depth < 0.05) & (planes[:, 1] > 0.75 * steepness)
    return PlaneFacts(
        windows=int(slanted.sum()),
        depth_windows=int((as_depth < as_reciprocal)[slanted].sum()),
        row_correlation=_row_correlation(view.depth_m),
        heights_m=tuple(round(float(1 / norm), 3) for norm in steepness[level]),
    )


def find(study: Study) -> list[Finding]:
    """The reciprocal of depth, in the whole data set or in single scenes."""
    whole = _verdict(study.frames)
    guilty = {scene: verdict for scene, frames in study.scenes.items() if (verdict := _verdict(frames))}
    if not guilty and whole is None:
        return []
    scattered = whole is None
    frames = [facts for scene in guilty for facts in study.scenes[scene]] if scattered else list(study.frames)
    planes = [facts.get(PlaneFacts) for facts in frames]
    windows, fitting = sum(p.windows for p in planes), sum(p.depth_windows for p in planes)
    straight = f"{windows - fitting} of {windows} slanted planes are straight in the values and bent in 1 / value"
    rows = float(np.median([p.row_correlation for p in planes]))
    return [
        Finding(
            "planes",
            "error" if whole == "error" or "error" in guilty.values() else "warning",
            "this looks like disparity or inverse depth, not depth",
            f"{straight} (in depth hardly any are); the correlation of the values with the picture's row is "
            f"{rows:+.2f} (in rooms it is negative, because floors and tables are nearer in the lower part)",
            "Convert to metres before training: focal length in pixels * baseline / disparity. The relative inverse "
            "depth that many networks give has no metres in it and cannot be used.",
            tuple(guilty) if scattered else (),
            examples_of(frames, lambda facts: f"{facts.frame.identity}: the nearest is shown red"),
        )
    ]


def _verdict(frames: Sequence[FrameFacts]) -> Severity | None:
    planes = [facts.get(PlaneFacts) for facts in frames]
    windows = sum(p.windows for p in planes)
    straight = 1 - sum(p.depth_windows for p in planes) / max(1, windows)
    rows = float(np.median([p.row_correlation for p in planes])) if planes else 0.0
    if windows >= MANY_WINDOWS and straight > 0.75 and rows > 0.1:
        return "error"
    if windows >= FEW_WINDOWS and straight > 0.75 and rows > -0.1:
        return "warning"
    # Where planes do not tell, rows alone are worth a look: a camera that looks up does that, too.
    if rows > 0.5 and (windows < FEW_WINDOWS or straight > 0.4):
        return "warning"
    return None


def _windows(view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth (n, pixels) of the windows that are nearly whole, and (n, pixels, 3) directions of their pixels' rays."""
    height, width = view.depth_m.shape
    size = WINDOW_PX
    down, across = height // size, width // size
    camera = view.sample.camera
    focal_px = camera.fx_px * width / camera.width if camera else max(height, width) / (2 * math.tan(math.pi / 6))
    y, x = np.mgrid[:height, :width].astype(np.float64)
    rays = np.stack([(x - (width - 1) / 2) / focal_px, (y - (height - 1) / 2) / focal_px, np.ones_like(x)], axis=2)

    def cut(array: NDArray) -> NDArray[np.float64]:
        rest = array.shape[2:]
        tiles = array[: down * size, : across * size].reshape(down, size, across, size, *rest).swapaxes(1, 2)
        return tiles.reshape(down * across, size * size, *rest).astype(np.float64)

    blocks_m = cut(view.depth_m)
    whole = (blocks_m > 0).mean(axis=1) >= 0.9 if blocks_m.size else np.zeros(len(blocks_m), bool)
    return blocks_m[whole], cut(rays)[whole]


def _fit(
    values: NDArray[np.float64], known: NDArray[np.bool_], rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares of values = rays . plane in each window: (n, 3) planes, and the unexplained share of variance."""
    weight = known.astype(np.float64)
    weighted = rays * weight[..., None]
    transposed = weighted.swapaxes(1, 2)
    normal = transposed @ rays + 1e-12 * np.eye(3)
    planes = np.linalg.solve(normal, transposed @ values[..., None])
    left_over = ((values - (rays @ planes)[..., 0]) * weight) ** 2
    mean = (values * weight).sum(1, keepdims=True) / np.maximum(weight.sum(1, keepdims=True), 1)
    variance = (((values - mean) * weight) ** 2).sum(1)
    return planes[..., 0], left_over.sum(1) / np.maximum(variance, 1e-12)


def _row_correlation(depth_m: NDArray[np.float32]) -> float:
    rows = np.broadcast_to(np.arange(depth_m.shape[0], dtype=np.float64)[:, None], depth_m.shape)[depth_m > 0]
    values = depth_m[depth_m > 0].astype(np.float64)
    if rows.size < 2 or rows.std() == 0 or values.std() < 1e-6 * values.mean():
        return 0.0
    return float(np.corrcoef(rows, values)[0, 1])


WINDOW_PX = 24
FEW_WINDOWS, MANY_WINDOWS = 8, 30
"""Fewer windows than the first say nothing; as many as the second are a proof when the rows agree."""
_SLANT = 1.1
"""Farthest to nearest in a window: below, a plane is straight in both readings."""
_MISFIT = 0.01
"""Of the variance in a window: above, it may show a crease, which fits neither reading."""

CHECK = Check(measure, find)
