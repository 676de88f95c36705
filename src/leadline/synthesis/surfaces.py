"""What the surfaces of a scene look like where rays end: their materials in tables, a row for each part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadline.synthesis.hits import Hits
from leadline.synthesis.materials import shade
from leadline.synthesis.patterns import PATTERNS, cloud
from leadline.synthesis.shapes import Parts


class Surfaces:
    """The materials of all parts.

    Args:
        parts: of the scene.
        pictures: (n, side, side, 3) float32, linear.

    Attributes:
        gloss: (parts,) float32, see Material.
        mirror: (parts,) float32.
        glow: (parts,) float32.
        is_patterned: (parts,) bool, where one ray a pixel would not do.
    """

    def __init__(self, parts: Parts, pictures: NDArray) -> None:
        self._pictures = pictures
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
        shown = _smooth(self._pictures, self._picture[owner], u, v)
        colour[here] = np.where(is_once[:, None], shown, shown * (0.4 + 0.6 * self._colour[owner]))


def _flat_normals(corners: NDArray) -> NDArray:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


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
