"""A scene: a furnished, lit room, and the places in it that are worth looking at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.synthesis import furniture, materials
from leadline.synthesis.clutter import ON_FLOORS, scatter
from leadline.synthesis.furniture import Furniture
from leadline.synthesis.lights import Light, ceiling_lights
from leadline.synthesis.materials import Dice
from leadline.synthesis.pictures import draw_pictures
from leadline.synthesis.rooms import Shell, Wall, build_shell
from leadline.synthesis.shapes import Parts, box, moved, rounded, turned

MOST_LIGHTS = 3
_PLACES_TRIED = 8


@dataclass(frozen=True)
class Scene:
    """All that a picture is made of.

    Args:
        kind: of the room.
        size: width, depth and height of the room in metres; it is centred on x = y = 0, its floor is z = 0.
        parts: everything that can be seen.
        lights: at most MOST_LIGHTS.
        ambient: (3,) light that comes from everywhere.
        pictures: (n, side, side, 3) float32, linear.
        targets: (n, 3) points on furniture.
        interest: (n,) how much there is to see at them; sums to 1.
    """

    kind: str
    size: tuple[float, float, float]
    parts: Parts
    lights: tuple[Light, ...]
    ambient: NDArray
    pictures: NDArray
    targets: NDArray
    interest: NDArray


def build_scene(dice: Dice, photographs: Sequence[Path] = ()) -> Scene:
    """A room as the dice will have it.

    Args:
        dice: of the scene.
        photographs: for pictures, screens and fabrics; none: they are painted.
    """
    shell = build_shell(dice)
    width, depth, height = shell.size
    placed = _furnished(dice, shell)
    interest = np.array([len(furniture) for furniture, _ in placed] or [1], float)
    lamps, lights = _lamps(dice, shell)
    floor_things = scatter(
        dice, ON_FLOORS, width=width, depth=depth, count=int(16 * dice.random() ** 1.5), headroom=1.0
    )
    lights = lights[:MOST_LIGHTS] or ceiling_lights(dice, width, depth, height, panels=False)[:1]
    ambient = np.mean([light.colour for light in lights], axis=0)
    ambient *= float(dice.uniform(0.04, 0.2)) / max(float(np.mean(ambient)), 1e-6)
    return Scene(
        kind=shell.kind,
        size=shell.size,
        parts=shell.parts + sum((pieces for pieces, _ in placed), ()) + lamps + floor_things,
        lights=tuple(lights),
        ambient=ambient,
        pictures=draw_pictures(dice, photographs),
        targets=np.array([target for _, target in placed] or [(0.0, 0.0, 0.5)]),
        interest=interest / interest.sum(),
    )


def _furnished(dice: Dice, shell: Shell) -> list[tuple[Parts, tuple[float, float, float]]]:
    """Furniture along the walls, then in the middle, none through another; each with the point to look at."""
    width, depth, _ = shell.size
    taken = [
        _before_door(wall, opening.x) for wall in shell.walls for opening in wall.openings if opening.kind != "window"
    ]
    placed: list[tuple[Parts, tuple[float, float, float]]] = []
    for number in range(int(dice.integers(6, 11 + int(width * depth / 4)))):
        is_at_wall = number < 7 or dice.random() < 0.5
        makers = (furniture.AGAINST_WALLS if is_at_wall else furniture.IN_THE_MIDDLE)[shell.kind]
        piece = makers[int(dice.integers(len(makers)))](dice)
        for _ in range(_PLACES_TRIED):
            x, y, angle = _at_wall(dice, piece, shell) if is_at_wall else _somewhere(dice, shell)
            place = _footprint(piece, x, y, angle)
            if _is_inside(place, width, depth) and not any(_overlap(place, other) for other in taken):
                taken.append(place)
                placed.append((moved(turned(piece.parts, angle), x, y), (x, y, piece.top)))
                break
    return placed


def _at_wall(dice: Dice, piece: Furniture, shell: Shell) -> tuple[float, float, float]:
    wall = shell.walls[int(dice.integers(4))]
    away = piece.depth / 2 + float(dice.uniform(0.02, 0.1))
    x = float(dice.uniform(-0.5, 0.5)) * max(wall.length - piece.width, 0)
    point = wall.point(x, 0.0) + away * wall.inward
    return float(point[0]), float(point[1]), wall.angle + float(dice.uniform(-0.04, 0.04))


def _somewhere(dice: Dice, shell: Shell) -> tuple[float, float, float]:
    width, depth, _ = shell.size
    return float(dice.uniform(-0.4, 0.4)) * width, float(dice.uniform(-0.4, 0.4)) * depth, float(dice.uniform(0, 6.3))


Rectangle = tuple[float, float, float, float]
"""Left, front, right and back: lowest and highest x and y."""


def _footprint(piece: Furniture, x: float, y: float, angle: float) -> Rectangle:
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    half_x, half_y = (cos * piece.width + sin * piece.depth) / 2, (sin * piece.width + cos * piece.depth) / 2
    return float(x - half_x), float(y - half_y), float(x + half_x), float(y + half_y)


def _before_door(wall: Wall, x: float) -> Rectangle:
    point = wall.point(x, 0.0) + 0.4 * wall.inward
    return float(point[0] - 0.45), float(point[1] - 0.45), float(point[0] + 0.45), float(point[1] + 0.45)


def _is_inside(place: Rectangle, width: float, depth: float) -> bool:
    left, front, right, back = place
    return max(-left, right) < width / 2 + 0.05 and max(-front, back) < depth / 2 + 0.05


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _lamps(dice: Dice, shell: Shell) -> tuple[Parts, list[Light]]:
    """The ceiling's lamps, lit or not, and all lights with those of the windows."""
    width, depth, height = shell.size
    panels = shell.kind in ("office", "classroom", "corridor", "storage")
    lights = ceiling_lights(dice, width, depth, height, panels=panels)
    are_lit = not shell.lights or dice.random() < 0.7
    glow = materials.lamp((0.95, 0.93, 0.88), 6.0 if are_lit else 0.0)
    solid = box(0.6, 1.2, 0.03, glow) if panels else rounded(0.3, 0.3, 0.3, glow, edge=1.0)
    parts: Parts = ()
    for light in lights:
        x, y, z = light.centre.tolist()
        parts += moved([solid], x, y, z - 0.01 if panels else z - 0.15)
    return parts, [*shell.lights, *lights] if are_lit else list(shell.lights)
