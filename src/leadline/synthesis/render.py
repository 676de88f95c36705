"""From a scene and a camera to light and depth, by ray casting.

Depth is that of the ray through the centre of the pixel, and exact. Colour is that of the same ray where the surface is
even, and the mean of four where there is a pattern or an edge. Shadows and the light from all sides are followed once
a pixel and smoothed over the same surface; where one of the four rays meets another surface than the centre does, they
are followed for it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.depth.camera import Camera
from leadline.synthesis.cameras import Pose, rays
from leadline.synthesis.hits import NOTHING, Hits, dot
from leadline.synthesis.lights import Light
from leadline.synthesis.materials import Dice
from leadline.synthesis.stage import Stage

_WITHIN_PIXEL = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
_NEAR_M = 1.3
"""How far things darken one another."""
_LIFT_M = 1e-3
"""How far above a surface rays start from it, or they would end on it."""


@dataclass(frozen=True)
class Rendered:
    """A picture before any sensor saw it.

    Args:
        light: (height, width, 3) float32, linear, of no particular unit.
        depth_m: (height, width) float32 metres along the optical axis; 0 where nothing is.
        reflectance: (height, width) float32, how much light the surface throws back.
        facing: (height, width) float32, cosine between the surface's normal and the line of sight.
        gloss: (height, width) float32.
    """

    light: NDArray
    depth_m: NDArray
    reflectance: NDArray
    facing: NDArray
    gloss: NDArray


def render(stage: Stage, camera: Camera, pose: Pose, dice: Dice) -> Rendered:
    """What a camera sees.

    Args:
        stage: the scene.
        camera: its intrinsics.
        pose: where it is.
        dice: for the noise of soft shadows.
    """
    size = camera.height, camera.width
    columns, rows = (grid.ravel() for grid in np.meshgrid(np.arange(camera.width), np.arange(camera.height)))
    origin = np.repeat(pose.position[None].astype(np.float32), len(columns), axis=0)
    towards = rays(camera, pose, columns=columns, rows=rows)
    hits = stage.look(origin, towards)
    labels = _labels(hits)
    seen = _smoothed(_visibility(stage, hits, dice, paths=3), labels, size)
    lit = _Lit(*_arriving(stage, hits, towards, seen), *_reflections(stage, hits, towards))
    colour = stage.surfaces.colours(hits, hits.distance / camera.fx_px)
    light = _leaving(stage, hits, colour, lit)
    part = np.maximum(hits.part, 0)
    fine = np.flatnonzero(_at_edges(labels, size) | stage.surfaces.is_patterned[part])
    light[fine] = 0
    for right, down in _WITHIN_PIXEL:
        nearby = rays(camera, pose, columns=columns[fine] + right, rows=rows[fine] + down)
        light[fine] += _beside(stage, camera, origin[fine], nearby, labels[fine], lit.of(fine), dice) / len(
            _WITHIN_PIXEL
        )
    facing = -dot(hits.normal, towards) / np.sqrt(dot(towards, towards))
    return Rendered(
        light.reshape(*size, 3),
        hits.distance.reshape(size),
        colour.mean(1).reshape(size),
        facing.reshape(size),
        np.maximum(stage.surfaces.gloss, stage.surfaces.mirror)[part].reshape(size),
    )


@dataclass(frozen=True)
class _Lit:
    """Light at surfaces: (n, 3) what comes in, (n, 3) highlights, (n, 3) what is mirrored, and its (n,) share."""

    arriving: NDArray
    highlights: NDArray
    mirrored: NDArray
    share: NDArray

    def of(self, chosen: NDArray) -> _Lit:
        """A copy of some rows."""
        return _Lit(self.arriving[chosen], self.highlights[chosen], self.mirrored[chosen], self.share[chosen])


def _beside(
    stage: Stage, camera: Camera, origin: NDArray, towards: NDArray, labels: NDArray, lit: _Lit, dice: Dice
) -> NDArray:
    """(n, 3) light along rays beside the centres of pixels, lit as those where they meet the same surface."""
    hits = stage.look(origin, towards)
    other = np.flatnonzero(_labels(hits) != labels)
    few = hits.of(other)
    seen = _visibility(stage, few, dice, paths=2)
    lit.arriving[other], lit.highlights[other] = _arriving(stage, few, towards[other], seen)
    lit.share[other] = 0
    return _leaving(stage, hits, stage.surfaces.colours(hits, hits.distance / camera.fx_px), lit)


def _at_edges(labels: NDArray, size: tuple[int, int]) -> NDArray:
    """(n,) bool: pixels beside which another surface, or another side of it, begins."""
    grid = labels.reshape(size)
    edge = np.zeros(size, bool)
    for axis in (0, 1):
        ahead = np.diff(grid, axis=axis) != 0
        first, second = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        edge[first] |= ahead
        edge[second] |= ahead
    return edge.ravel()


def _visibility(stage: Stage, hits: Hits, dice: Dice, *, paths: int) -> NDArray:
    """(lights + 1, n) float32: share of each light that arrives, and last of the light from all sides."""
    above = hits.position + _LIFT_M * hits.normal
    rows = [_share_of(stage, light, above, hits.normal, dice) for light in stage.scene.lights]
    free = np.zeros(len(above), np.float32)
    for _ in range(paths):
        free += stage.free_path(above, _around(hits.normal, dice), _NEAR_M) / (_NEAR_M * paths)
    return np.stack([*rows, free**1.6])


def _share_of(stage: Stage, light: Light, above: NDArray, normal: NDArray, dice: Dice) -> NDArray:
    """(n,) 0 or 1: whether a random point of a light can be seen."""
    first, second = dice.uniform(-1, 1, (2, len(above), 1)).astype(np.float32)
    half = light.half_sides.astype(np.float32)
    towards = light.centre.astype(np.float32) + first * half[0] + second * half[1] - above
    worth = dot(towards, normal) > 0
    if light.facing is not None:
        worth &= dot(towards, -light.facing.astype(np.float32)[None]) > 0
    seen = np.zeros(len(above), np.float32)
    reach = np.full(int(worth.sum()), 0.98, np.float32)
    seen[worth] = ~stage.is_blocked(above[worth], towards[worth], reach)
    return seen


def _arriving(stage: Stage, hits: Hits, towards: NDArray, seen: NDArray) -> tuple[NDArray, NDArray]:
    """(n, 3) light that comes in, and (n, 3) highlights that go out towards the camera."""
    gloss = stage.surfaces.gloss[np.maximum(hits.part, 0)]
    shiny = np.flatnonzero(gloss > 0.05)
    back = -towards[shiny] / np.sqrt(dot(towards[shiny], towards[shiny]))[:, None]
    # More comes from above than from below, where the floor is dark.
    total = stage.scene.ambient.astype(np.float32) * (seen[-1] * (0.75 + 0.25 * hits.normal[:, 2]))[:, None]
    highlights = np.zeros_like(total)
    for light, share in zip(stage.scene.lights, seen, strict=False):
        direction, strength = _arrival(light, hits.position)
        strength = strength * share[:, None]
        total += strength * np.maximum(dot(direction, hits.normal), 0)[:, None]
        half = direction[shiny] + back
        half /= np.maximum(np.sqrt(dot(half, half)), 1e-6)[:, None]
        sharp = np.maximum(dot(half, hits.normal[shiny]), 0) ** (15 + 150 * gloss[shiny] ** 2)
        highlights[shiny] += strength[shiny] * (0.5 * gloss[shiny] ** 2 * sharp)[:, None]
    return total, highlights


def _leaving(stage: Stage, hits: Hits, colour: NDArray, lit: _Lit) -> NDArray:
    """(n, 3) light that surfaces throw back, give or mirror."""
    own = colour * (lit.arriving + stage.surfaces.glow[np.maximum(hits.part, 0)][:, None]) + lit.highlights
    light = own * (1 - lit.share)[:, None] + lit.mirrored * lit.share[:, None]
    light[hits.part == NOTHING] = 0
    return light


def _arrival(light: Light, position: NDArray) -> tuple[NDArray, NDArray]:
    """(n, 3) unit directions to the middle of a light, and (n, 3) its irradiance if nothing is in the way."""
    towards = light.centre.astype(np.float32) - position
    square = dot(towards, towards)
    direction = towards / np.sqrt(square)[:, None]
    extent = np.float32((light.half_sides**2).sum())
    strength = np.ones_like(square) if light.is_far else 1 / (square + extent)
    if light.facing is not None:
        strength = strength * np.maximum(dot(direction, -light.facing.astype(np.float32)[None]), 0)
    return direction, strength[:, None] * np.array(light.colour, np.float32)


def _reflections(stage: Stage, hits: Hits, towards: NDArray) -> tuple[NDArray, NDArray]:
    """(n, 3) light that surfaces mirror, and (n,) the share of it; both 0 where they are dull."""
    part = np.maximum(hits.part, 0)
    unit = towards / np.sqrt(dot(towards, towards))[:, None]
    facing = np.clip(-dot(unit, hits.normal), 0, 1)
    # Schlick's approximation to Fresnel.
    strength = stage.surfaces.mirror[part] + stage.surfaces.gloss[part] * (0.04 + 0.96 * (1 - facing) ** 5) * (
        1 - stage.surfaces.mirror[part]
    )
    mirrored = np.zeros_like(towards)
    worth = np.flatnonzero((strength > 0.02) & (hits.part != NOTHING))
    strength[(strength <= 0.02) | (hits.part == NOTHING)] = 0
    if len(worth):
        normal = hits.normal[worth]
        onward = unit[worth] + 2 * facing[worth, None] * normal
        other = stage.look(hits.position[worth] + _LIFT_M * normal, onward)
        colour = stage.surfaces.colours(other, other.distance * 0.01)
        # Shadows within reflections are not followed: all is taken as half lit.
        half = np.full((len(stage.scene.lights) + 1, len(worth)), 0.5, np.float32)
        dull = _Lit(*_arriving(stage, other, onward, half), np.zeros_like(colour), np.zeros(len(worth), np.float32))
        mirrored[worth] = _leaving(stage, other, colour, dull)
    return mirrored, strength


def _around(normal: NDArray, dice: Dice) -> NDArray:
    """(n, 3) random directions about normals, as often as their cosine (Malley's method: a unit sphere on the tip)."""
    height = dice.uniform(-1, 1, len(normal)).astype(np.float32)
    angle = dice.uniform(0, 2 * np.pi, len(normal)).astype(np.float32)
    radius = np.sqrt(1 - height**2)
    sphere = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    direction = normal * np.float32(1.001) + sphere
    return direction / np.maximum(np.sqrt(dot(direction, direction)), 1e-4)[:, None]


def _labels(hits: Hits) -> NDArray:
    """(n,) one number for each part and direction that it faces."""
    facing = np.round(hits.normal * 2).astype(np.int64) + 2
    return ((hits.part.astype(np.int64) * 5 + facing[:, 0]) * 5 + facing[:, 1]) * 5 + facing[:, 2]


def _smoothed(seen: NDArray, labels: NDArray, size: tuple[int, int], *, reach: int = 3) -> NDArray:
    """The mean of `seen` over the neighbours of the same label."""
    height, width = size
    padded = np.pad(seen.reshape(-1, height, width), ((0, 0), (reach, reach), (reach, reach)))
    names = np.pad(labels.reshape(height, width), reach, constant_values=-(10**9))
    middle = labels.reshape(height, width)
    total, count = np.zeros((len(seen), height, width), np.float32), np.zeros((height, width), np.float32)
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            beside = slice(down, down + height), slice(right, right + width)
            same = names[beside] == middle
            total += padded[:, beside[0], beside[1]] * same
            count += same
    return (total / count).reshape(len(seen), -1)
