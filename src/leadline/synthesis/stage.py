"""A scene made ready for rays: its triangles in Embree, its materials in tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from leadline.synthesis.materials import shade
from leadline.synthesis.patterns import PATTERNS, cloud
from leadline.synthesis.scenes import Scene

NOTHING = -1


@dataclass(frozen=True)
class Hits:
    """Where rays end. Where they meet nothing, `part` is NOTHING, `distance` 0, and the rest is of no meaning.

    Args:
        part: (n,) int32 number of the scene's part.
        distance: (n,) float32, in lengths of the ray's direction.
        position: (n, 3) float32 in the world.
        normal: (n, 3) float32, towards where the ray came from.
        triangle: (n,) int32.
    """

    part: NDArray
    distance: NDArray
    position: NDArray
    normal: NDArray
    triangle: NDArray


class Stage:
    """A scene that answers rays.

    Args:
        scene: to show.
    """

    def __init__(self, scene: Scene) -> None:
        parts = scene.parts
        self.scene = scene
        corners = np.concatenate([part.world for part in parts]).astype(np.float32)
        self.part_of = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.corners) for part in parts])
        self._normals = np.concatenate([part.normals @ part.rotation.T for part in parts]).astype(np.float32)
        flat = np.concatenate([_flat_normals(part.corners) for part in parts])
        self._axis = np.abs(flat).argmax(1)
        self._rotation = np.stack([part.rotation for part in parts]).astype(np.float32)
        self._origin = np.stack([part.origin for part in parts]).astype(np.float32)
        self._low = np.stack([part.corners.min((0, 1)) for part in parts])
        self._high = np.stack([part.corners.max((0, 1)) for part in parts])
        made_of = [part.material for part in parts]
        self._colour = np.array([material.colour for material in made_of], np.float32)
        self._second = np.array([material.second or shade(material.colour, 0.9) for material in made_of], np.float32)
        self._scale_m = np.array([material.scale_m for material in made_of], np.float32)
        self._seed = np.array([material.seed for material in made_of], np.float32)
        self._picture = np.array([material.picture for material in made_of])
        self._pattern = np.array([_NAMES.index(material.pattern) for material in made_of])
        # What shines is smooth, paint and plastic are rather even.
        self._grain = np.array(
            [(0.12 if material.pattern == "plain" else 0.4) * (1 - min(1.0, material.gloss)) for material in made_of],
            np.float32,
        )
        self.is_patterned = np.array([material.pattern not in _EVEN for material in made_of])
        self.gloss = np.array([material.gloss for material in made_of], np.float32)
        self.mirror = np.array([material.mirror for material in made_of], np.float32)
        self.glow = np.array([material.glow for material in made_of], np.float32)
        self._all = _embree(corners)
        # What shines does not stand in the way of its own light, nor the pane in that of the sun.
        self._opaque = _embree(corners[self.glow[self.part_of] == 0])

    def look(self, origin: NDArray, direction: NDArray) -> Hits:
        """Where rays end.

        Args:
            origin: (n, 3) float32.
            direction: (n, 3) float32, of any length.
        """
        found = self._all.run(origin, direction, output=True)
        triangle = found["primID"]
        is_hit = triangle >= 0
        triangle = np.where(is_hit, triangle, 0)
        distance = np.where(is_hit, found["tfar"], 0).astype(np.float32)
        u, v = found["u"][:, None], found["v"][:, None]
        at_corners = self._normals[triangle]
        normal = at_corners[:, 0] * (1 - u - v) + at_corners[:, 1] * u + at_corners[:, 2] * v
        normal /= np.maximum(np.sqrt(_dot(normal, normal)), 1e-6)[:, None]
        normal *= np.where(_dot(normal, direction) > 0, np.float32(-1), np.float32(1))[:, None]
        position = origin + distance[:, None] * direction
        return Hits(np.where(is_hit, self.part_of[triangle], NOTHING), distance, position, normal, triangle)

    def is_blocked(self, origin: NDArray, direction: NDArray, reach: NDArray) -> NDArray:
        """(n,) bool: whether anything opaque stands within `reach` (n,) lengths of the direction."""
        return self._opaque.run(origin, direction, dists=reach, query="OCCLUDED") >= 0

    def free_path(self, origin: NDArray, direction: NDArray, reach: float) -> NDArray:
        """(n,) float32: how far a ray gets, at most `reach`."""
        return np.minimum(self._opaque.run(origin, direction, dists=reach, query="DISTANCE"), np.float32(reach))

    def colours(self, hits: Hits, pixel_m: NDArray) -> NDArray:
        """(n, 3) float32 linear reflectance where rays end.

        Args:
            hits: of the rays.
            pixel_m: (n,) size of a pixel there; motifs that are smaller are blurred.
        """
        part = np.maximum(hits.part, 0)
        u, v = self._on_surface(part, hits)
        scale_m = self._scale_m[part]
        mix = np.zeros(len(part), np.float32)
        motif_u, motif_v = u / scale_m + self._seed[part], v / scale_m + 1.7 * self._seed[part]
        kinds = self._pattern[part]
        for kind in np.unique(kinds):
            if _NAMES[kind] in PATTERNS:
                here = kinds == kind
                mix[here] = PATTERNS[_NAMES[kind]](motif_u[here], motif_v[here])
        mix = 0.4 + (mix - 0.4) * np.clip(scale_m / (2 * pixel_m + 1e-6), 0, 1)
        colour = self._colour[part] + mix[:, None] * (self._second - self._colour)[part]
        self._show_pictures(colour, part, kinds, hits, motif_u, motif_v)
        return np.clip(colour * self._wear(part, u, v, pixel_m)[:, None], 0, 1)

    def _wear(self, part: NDArray, u: NDArray, v: NDArray, pixel_m: NDArray) -> NDArray:
        """(n,) factor of colours: nothing is quite clean, nor quite even."""
        broad = cloud(u * 1.3 + self._seed[part], v * 1.3)
        marks = np.clip(5 * broad - 3.9, 0, 1)
        fine = cloud(u * 11 + self._seed[part], v * 11) - 0.5
        # Grain of some centimetres; from afar it is even.
        fine *= np.clip(0.03 / (pixel_m + 1e-6), 0, 1)
        return 0.93 + 0.14 * broad - 0.12 * marks + self._grain[part] * fine

    def _on_surface(self, part: NDArray, hits: Hits) -> tuple[NDArray, NDArray]:
        """(n,) and (n,) metres along the two axes of the part that the surface is most level with."""
        local = self._local(part, hits.position)
        axis = self._axis[hits.triangle]
        rows = np.arange(len(part))
        return local[rows, np.where(axis == 0, 1, 0)], local[rows, np.where(axis == 2, 1, 2)]

    def _local(self, part: NDArray, position: NDArray) -> NDArray:
        away = position - self._origin[part]
        turn = self._rotation[part]
        return turn[:, 0] * away[:, :1] + turn[:, 1] * away[:, 1:2] + turn[:, 2] * away[:, 2:]

    def _show_pictures(
        self, colour: NDArray, part: NDArray, kinds: NDArray, hits: Hits, motif_u: NDArray, motif_v: NDArray
    ) -> None:
        """Write the colours of pictures over `colour` where a material has one."""
        once, papered = _NAMES.index("picture"), _NAMES.index("papered")
        here = np.flatnonzero((kinds == once) | (kinds == papered))
        if not len(here):
            return
        owner, is_once = part[here], kinds[here] == once
        share = (self._local(owner, hits.position[here]) - self._low[owner]) / np.maximum(
            (self._high - self._low)[owner], 1e-4
        )
        axis = self._axis[hits.triangle[here]]
        rows = np.arange(len(here))
        u = np.where(is_once, share[rows, np.where(axis == 0, 1, 0)], _there_and_back(motif_u[here] / 4))
        v = np.where(is_once, share[rows, np.where(axis == 2, 1, 2)], _there_and_back(motif_v[here] / 4))
        shown = _smooth(self.scene.pictures, self._picture[owner], u, v)
        colour[here] = np.where(is_once[:, None], shown, shown * (0.4 + 0.6 * self._colour[owner]))


def _embree(corners: NDArray) -> EmbreeScene:
    scene = EmbreeScene(robust=True)
    TriangleMesh(scene, np.ascontiguousarray(corners, np.float32))
    return scene


def _flat_normals(corners: NDArray) -> NDArray:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def _dot(one: NDArray, other: NDArray) -> NDArray:
    # Spelt out: a sum over an axis of three is several times slower.
    return one[:, 0] * other[:, 0] + one[:, 1] * other[:, 1] + one[:, 2] * other[:, 2]


def _there_and_back(x: NDArray) -> NDArray:
    return 1 - np.abs(x % 2 - 1)


def _smooth(pictures: NDArray, number: NDArray, u: NDArray, v: NDArray) -> NDArray:
    """Bilinear colours of pictures at shares of their width and height; v is up."""
    side = pictures.shape[1]
    x, y = np.clip(u, 0, 1) * (side - 1), (1 - np.clip(v, 0, 1)) * (side - 1)
    left, top = np.minimum(x.astype(np.int32), side - 2), np.minimum(y.astype(np.int32), side - 2)
    x, y = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    upper = pictures[number, top, left] * (1 - x) + pictures[number, top, left + 1] * x
    lower = pictures[number, top + 1, left] * (1 - x) + pictures[number, top + 1, left + 1] * x
    return upper * (1 - y) + lower * y


_EVEN = ("plain", "blots")
_NAMES = [*PATTERNS, "picture", "papered"]
