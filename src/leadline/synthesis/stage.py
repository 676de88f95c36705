"""A scene made ready for rays: its triangles in Embree."""

from __future__ import annotations

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from leadline.synthesis.hits import NOTHING, Hits, dot
from leadline.synthesis.scenes import Scene
from leadline.synthesis.surfaces import Surfaces


class Stage:
    """A scene that answers rays.

    Args:
        scene: to show.
    """

    def __init__(self, scene: Scene) -> None:
        parts = scene.parts
        self.scene = scene
        self.surfaces = Surfaces(parts, scene.pictures)
        corners = np.concatenate([part.world for part in parts]).astype(np.float32)
        self.part_of = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.corners) for part in parts])
        self._normals = np.concatenate([part.normals @ part.rotation.T for part in parts]).astype(np.float32)
        self._all = _embree(corners)
        # What shines does not stand in the way of its own light, nor the pane in that of the sun.
        self._opaque = _embree(corners[self.surfaces.glow[self.part_of] == 0])

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
        normal /= np.maximum(np.sqrt(dot(normal, normal)), 1e-6)[:, None]
        normal *= np.where(dot(normal, direction) > 0, np.float32(-1), np.float32(1))[:, None]
        position = origin + distance[:, None] * direction
        return Hits(np.where(is_hit, self.part_of[triangle], NOTHING), distance, position, normal, triangle)

    def is_blocked(self, origin: NDArray, direction: NDArray, reach: NDArray) -> NDArray:
        """(n,) bool: whether anything opaque stands within `reach` (n,) lengths of the direction."""
        return self._opaque.run(origin, direction, dists=reach, query="OCCLUDED") >= 0

    def free_path(self, origin: NDArray, direction: NDArray, reach: float) -> NDArray:
        """(n,) float32: how far a ray gets, at most `reach`."""
        return np.minimum(self._opaque.run(origin, direction, dists=reach, query="DISTANCE"), np.float32(reach))


def _embree(corners: NDArray) -> EmbreeScene:
    scene = EmbreeScene(robust=True)
    TriangleMesh(scene, np.ascontiguousarray(corners, np.float32))
    return scene
