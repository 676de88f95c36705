"""Depth in space: points, the surfaces between them, and which way they face.

Axes are the camera's, as in OpenCV: x to the right, y down, z forward, in metres.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.depth.camera import Camera

GRAZING_DEG = 8.0
"""Surfaces seen under a smaller angle are taken for the smear between near and far: flying pixels. A floor seen from
1.2 m above it vanishes so beyond 8.5 m."""


class Surface(NamedTuple):
    """Coloured points and the triangles between them.

    Args:
        points_m: (N, 3) float32 metres, in the camera's axes.
        colors: (N, 3) uint8 RGB.
        triangles: (T, 3) int64, rows of `points_m`; counter-clockwise as the camera sees them.
    """

    points_m: NDArray[np.float32]
    colors: NDArray[np.uint8]
    triangles: NDArray[np.int64]


def back_project(depth_m: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """The point that each pixel sees.

    Args:
        depth_m: (H, W) float32 metres along the camera's axis; 0 or NaN where unknown.
        camera: of H x W pixels.

    Returns:
        (H, W, 3) float32 metres, NaN where the depth is unknown.

    Example:
        >>> camera = Camera(fx_px=2.0, fy_px=2.0, cx_px=0.0, cy_px=0.0, width=2, height=1)
        >>> back_project(np.array([[4, 4]], np.float32), camera)[0]
        array([[0., 0., 4.],
               [2., 0., 4.]], dtype=float32)
    """
    known_m = np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(np.nan))
    across = ((np.arange(camera.width) - camera.cx_px) / camera.fx_px).astype(np.float32)
    down = ((np.arange(camera.height) - camera.cy_px) / camera.fy_px).astype(np.float32)
    return np.stack([known_m * across, known_m * down[:, None], known_m], axis=2)


def surface_normals(points_m: NDArray[np.float32], *, reach_px: int = 1) -> NDArray[np.float32]:
    """Which way the surface at each pixel faces: across the line between its neighbours left and right, up and down.

    Args:
        points_m: (H, W, 3) float32 metres, NaN where unknown.
        reach_px: how far away the neighbours are; more is smoother.

    Returns:
        (H, W, 3) float32 of length 1, towards the camera; NaN where a neighbour is unknown, and along the border.
    """
    normals = np.full_like(points_m, np.nan)
    step = 2 * reach_px
    if min(points_m.shape[:2]) > step:
        inner = slice(reach_px, -reach_px)
        right = points_m[inner, step:] - points_m[inner, :-step]
        down = points_m[step:, inner] - points_m[:-step, inner]
        normals[inner, inner] = _unit(np.cross(down, right))
    return normals


def surface(points_m: NDArray[np.float32], colors: NDArray[np.uint8], *, grazing_deg: float = GRAZING_DEG) -> Surface:
    """The surface that a camera saw: two triangles between four neighbours, cut where it is seen edge on.

    Points in no triangle are left out: they fly between near and far, or have no known neighbours.

    Args:
        points_m: (H, W, 3) float32 metres, NaN where unknown.
        colors: (H, W, 3) uint8 RGB.
        grazing_deg: triangles seen under a smaller angle are cut.
    """
    flat = points_m.reshape(-1, 3)
    index = np.arange(len(flat)).reshape(points_m.shape[:2])
    above_left, above_right = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    below_left, below_right = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    triangles = np.concatenate(
        [
            np.stack([above_left, below_left, above_right], axis=1),
            np.stack([above_right, below_left, below_right], axis=1),
        ]
    )
    corners = flat[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sight = -corners.mean(axis=1)
    sine = (facing * sight).sum(axis=1) / (np.linalg.norm(facing, axis=1) * np.linalg.norm(sight, axis=1) + 1e-30)
    triangles = triangles[sine > np.sin(np.radians(grazing_deg))]  # False for NaN
    used = np.zeros(len(flat), bool)
    used[triangles] = True
    renumbered = np.cumsum(used) - 1
    return Surface(flat[used], colors.reshape(-1, 3)[used], renumbered[triangles])


def thinned(whole: Surface, *, voxel_m: float) -> Surface:
    """One point, the mean, for each cube of space with points in it; triangles that shrink to a line vanish.

    Args:
        whole: the surface.
        voxel_m: side of the cubes in metres, > 0.
    """
    cubes = np.floor(whole.points_m / voxel_m).astype(np.int64)
    _, cube_of, counts = np.unique(cubes, axis=0, return_inverse=True, return_counts=True)
    cube_of = cube_of.ravel()

    def means(values: NDArray) -> NDArray[np.float64]:
        sums = [np.bincount(cube_of, weights=values[:, axis], minlength=len(counts)) for axis in range(3)]
        return np.stack(sums, axis=1) / counts[:, None]

    triangles = cube_of[whole.triangles]
    first, second, third = triangles.T
    triangles = triangles[(first != second) & (second != third) & (third != first)]
    # Two triangles of the same three cubes are one.
    _, kept = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    colors = np.round(means(whole.colors)).astype(np.uint8)
    return Surface(means(whole.points_m).astype(np.float32), colors, triangles[np.sort(kept)])


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, np.float32(np.nan))
