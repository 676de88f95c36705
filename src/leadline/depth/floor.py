"""The floor under the camera, and how high above it the camera is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Floor:
    """A plane below the camera: the points x with up . x = -camera_height_m.

    Args:
        up: (3,) float64 of length 1, in the camera's axes (x right, y down, z forward).
        camera_height_m: of the camera above the plane.
        share: of the known points, how many lie in the plane.
    """

    up: NDArray[np.float64]
    camera_height_m: float
    share: float

    @property
    def pitch_deg(self) -> float:
        """How far the camera looks down; negative when it looks up.

        Example:
            >>> Floor(np.array([0.0, -0.8, -0.6]), camera_height_m=1.0, share=1.0).pitch_deg
            36.86989764584402
        """
        return float(np.degrees(np.arcsin(np.clip(-self.up[2], -1, 1))))

    def heights_m(self, points_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Height of points (..., 3) above the floor, in metres."""
        return (points_m @ self.up + self.camera_height_m).astype(np.float32)


def find_floor(points_m: NDArray[np.float32], normals: NDArray[np.float32]) -> Floor | None:
    """The lowest large plane that faces up, by random samples of points (RANSAC) and a least-squares fit.

    A table that fills the lower half of a picture without floor is the lowest large plane, too.

    Args:
        points_m: (H, W, 3) float32 metres, NaN where unknown.
        normals: (H, W, 3) float32 of length 1, NaN where unknown. Candidates face within 50 degrees of the picture's
            upward direction, so the camera may be pitched or rolled that far.

    Returns:
        The floor, or None where fewer than a twentieth of the known points lie in such a plane.
    """
    step = max(1, max(points_m.shape[:2]) // _GRID)
    sampled, facing = (array[::step, ::step].reshape(-1, 3) for array in (points_m, normals))
    known = np.isfinite(sampled).all(axis=1)
    points, facing = sampled[known].astype(np.float64), facing[known]
    candidates = np.flatnonzero(-facing[:, 1] > np.cos(np.radians(_TILT_DEG)))  # False for NaN
    if len(candidates) < max(3, _LEAST_SHARE * len(points)):
        return None
    ups, heights_m = _planes(points, candidates, facing)
    tolerance_m = _TOLERANCE_M + _TOLERANCE_SHARE * points[:, 2]
    above_m = points @ ups.T + heights_m
    inside = np.abs(above_m) < tolerance_m[:, None]
    below = (above_m < -2 * tolerance_m[:, None]).mean(axis=0)
    score = np.where(below < _LARGEST_SHARE_BELOW, inside[candidates].sum(axis=0), 0)
    best = inside[:, int(score.argmax())]
    if not score.any() or best.mean() < _LEAST_SHARE:
        return None
    level = candidates[best[candidates]]  # without the foot of the walls
    up, height_m = _fitted(points[level], weights=1 / tolerance_m[level])
    return Floor(up, camera_height_m=height_m, share=float(best.mean())) if height_m > 0 else None


def _planes(
    points: NDArray[np.float64], candidates: NDArray[np.int64], facing: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Planes through three candidates each, and through one each along its normal: (K, 3) upward and (K,) heights."""
    drawn = np.random.default_rng(0).choice(candidates, size=(_TRIES, 3))  # the same floor at each call
    first, second, third = (points[drawn[:, corner]] for corner in range(3))
    ups = np.concatenate([np.cross(second - first, third - first), facing[drawn[:, 0]].astype(np.float64)])
    lengths = np.linalg.norm(ups, axis=1, keepdims=True)
    ups = np.where(lengths > 1e-9, ups / np.maximum(lengths, 1e-9), [0.0, -1.0, 0.0])
    ups *= np.where(ups[:, 1:2] > 0, -1.0, 1.0)
    return ups, -(ups * np.concatenate([first, first])).sum(axis=1)


def _fitted(points: NDArray[np.float64], *, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The plane of least squares, up and the camera's height above it."""
    share = weights / weights.sum()
    centre = share @ points
    spread = (points - centre) * np.sqrt(share)[:, None]
    up = np.linalg.eigh(spread.T @ spread).eigenvectors[:, 0]
    up = -up if up[1] > 0 else up
    return up, float(-up @ centre)


_GRID = 120
_TRIES = 200
_TILT_DEG = 50.0
_TOLERANCE_M, _TOLERANCE_SHARE = 0.01, 0.02
_LEAST_SHARE = 0.05
_LARGEST_SHARE_BELOW = 0.03
