"""Solids that everything is built from: boxes, rounded boxes, turned profiles, rods, sheets, lumps.

A solid stands on z = 0 and is centred in x and y, unless it says otherwise; z is up. Metres.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadline.synthesis.materials import Dice, Material


@dataclass(frozen=True)
class Part:
    """Triangles of one material, in a frame of their own that is placed in the world.

    Args:
        corners: (n, 3, 3) float32 metres: triangle, corner, coordinate; in the part's frame.
        normals: (n, 3, 3) float32 unit normals at the corners.
        material: of all of it.
        rotation: (3, 3) from the part's frame to the world's.
        origin: (3,) of the part's frame in the world.
    """

    corners: NDArray
    normals: NDArray
    material: Material
    rotation: NDArray
    origin: NDArray

    @property
    def world(self) -> NDArray:
        """(n, 3, 3) corners in the world."""
        return self.corners @ self.rotation.T + self.origin


Parts = tuple[Part, ...]

Metres = float | int
Point = Sequence[Metres] | NDArray
"""x, y and z in metres."""


def box(width: Metres, depth: Metres, height: Metres, material: Material) -> Part:
    """A box with sharp edges."""
    signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)])
    corners = signs * (width, depth, height)
    triangles = np.array([[quad[a] for a in half] for quad in _QUADS for half in ((0, 1, 2), (0, 2, 3))])
    sides = np.repeat(_QUAD_NORMALS, 2, axis=0)
    return _part(corners[triangles], np.repeat(sides[:, None], 3, axis=1), material)


def rounded(width: Metres, depth: Metres, height: Metres, material: Material, *, edge: float = 0.35) -> Part:
    """A box with soft edges, such as a cushion.

    Args:
        width: in x.
        depth: in y.
        height: in z.
        material: of all of it.
        edge: 1 is an ellipsoid, towards 0 a box.
    """
    across, around = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 11), np.linspace(-np.pi, np.pi, 21), indexing="ij")
    x = _power(np.cos(across), edge) * _power(np.cos(around), edge)
    y = _power(np.cos(across), edge) * _power(np.sin(around), edge)
    z = _power(np.sin(across), edge)
    points = np.stack([x * width / 2, y * depth / 2, (z + 1) * height / 2], axis=-1)
    return _grid(points, material, closes=True)


def lathe(profile: Sequence[tuple[Metres, Metres]], material: Material, *, sides: int = 20) -> Part:
    """A profile turned about the z axis: bottles, cups, legs.

    Args:
        profile: (radius, z) from one end to the other. A point given twice makes a sharp edge.
        material: of all of it.
        sides: of the polygon that stands for the circle.
    """
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    radius, z = np.array(profile, float).T
    points = np.stack(
        [radius[:, None] * np.cos(angles), radius[:, None] * np.sin(angles), z[:, None] + 0 * angles], axis=-1
    )
    return _grid(points, material, closes=True)


def cylinder(radius: Metres, height: Metres, material: Material, *, top: Metres | None = None) -> Part:
    """A cylinder or, with another radius at its top, a truncated cone."""
    end = radius if top is None else top
    return lathe([(0, 0), (radius, 0), (radius, 0), (end, height), (end, height), (0, height)], material)


def rod(start: Point, end: Point, radius: Metres, material: Material) -> Part:
    """A round bar from one point to another."""
    along = np.subtract(end, start)
    length = float(np.linalg.norm(along))
    z = along / length
    x = np.cross(z, (1, 0, 0) if abs(z[0]) < 0.8 else (0, 1, 0))
    x /= np.linalg.norm(x)
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    bar = lathe([(0, 0), (radius, 0), (radius, 0), (radius, length), (radius, length), (0, length)], material, sides=10)
    return replace(bar, rotation=rotation, origin=np.array(start, float))


def sheet(points: NDArray, material: Material) -> Part:
    """A surface over a grid: cloth, curtains, leaves.

    Args:
        points: (rows, columns, 3) metres.
        material: of both of its sides.
    """
    return _grid(points, material, closes=False)


def lump(width: Metres, depth: Metres, height: Metres, material: Material, dice: Dice, *, rough: float = 0.25) -> Part:
    """Something irregular and round: a bag, a heap of clothes, a fruit."""
    across, around = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 13), np.linspace(-np.pi, np.pi, 21), indexing="ij")
    swell = np.ones_like(across)
    for _ in range(5):
        turns, phase, tilt = int(dice.integers(1, 5)), dice.uniform(0, 6.28), dice.uniform(1, 5)
        swell += rough / 2.5 * np.sin(turns * around + phase) * np.cos(across) * np.sin(tilt * across + phase)
    x, y = np.cos(across) * np.cos(around) * swell, np.cos(across) * np.sin(around) * swell
    z = np.maximum((np.sin(across) * swell + 0.8) / 1.8, 0)
    return _grid(np.stack([x * width / 2, y * depth / 2, z * height], axis=-1), material, closes=True)


def moved(parts: Iterable[Part], x: Metres = 0.0, y: Metres = 0.0, z: Metres = 0.0) -> Parts:
    """The parts, elsewhere."""
    shift = np.array([x, y, z], float)
    return tuple(replace(part, origin=part.origin + shift) for part in parts)


def turned(parts: Iterable[Part], angle: float | int, *, axis: str = "z") -> Parts:
    """The parts, turned about an axis through the origin by an angle in radians."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = math.cos(angle)
    turn[second, first] = math.sin(angle)
    turn[first, second] = -math.sin(angle)
    return tuple(replace(part, rotation=turn @ part.rotation, origin=turn @ part.origin) for part in parts)


def bounds(parts: Iterable[Part]) -> tuple[NDArray, NDArray]:
    """(3,) lowest and (3,) highest coordinates of the parts in the world."""
    points = np.concatenate([part.world.reshape(-1, 3) for part in parts])
    return points.min(0), points.max(0)


def _part(corners: NDArray, normals: NDArray, material: Material) -> Part:
    return Part(corners.astype(np.float32), normals.astype(np.float32), material, np.eye(3), np.zeros(3))


def _grid(points: NDArray, material: Material, *, closes: bool) -> Part:
    """Two triangles for each cell of a grid of (rows, columns, 3) points; columns may close in a circle."""
    first, second = points[:-1, :-1], points[:-1, 1:]
    third, fourth = points[1:, 1:], points[1:, :-1]
    faces = np.cross(third - first, fourth - second)
    normals = np.zeros_like(points)
    for rows, columns in ((slice(-1), slice(-1)), (slice(-1), slice(1, None)),
                          (slice(1, None), slice(-1)), (slice(1, None), slice(1, None))):  # fmt: skip
        normals[rows, columns] += faces
    if closes:
        normals[:, 0] = normals[:, -1] = normals[:, 0] + normals[:, -1]
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    triangles = [np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:]], axis=2) for grid in (points, normals)]
    others = [np.stack([grid[:-1, :-1], grid[1:, 1:], grid[1:, :-1]], axis=2) for grid in (points, normals)]
    corners, at_corners = (
        np.concatenate([one.reshape(-1, 3, 3), other.reshape(-1, 3, 3)])
        for one, other in zip(triangles, others, strict=True)
    )
    has_area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) > 1e-10
    return _part(corners[has_area], at_corners[has_area], material)


def _power(x: NDArray, exponent: float) -> NDArray:
    return np.sign(x) * np.abs(x) ** exponent


_QUADS = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_QUAD_NORMALS = np.array([(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)], float)
