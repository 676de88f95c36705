"""Rooms: walls with doors and windows, a floor, a ceiling, and what hangs on the walls.

A room is centred on x = y = 0 with its floor at z = 0. A wall is built in a frame of its own, like furniture: x runs
along it, its inner face is y = 0 and the room is towards -y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.synthesis import materials
from leadline.synthesis.furniture import curtain
from leadline.synthesis.lights import Light, daylight, sunlight
from leadline.synthesis.materials import Dice, Material
from leadline.synthesis.shapes import Parts, box, cylinder, moved, rounded, turned

THICK_M = 0.18

SIZES_M: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "office": ((2.8, 7), (3, 8), (2.5, 3.2)),
    "living room": ((3.2, 6.5), (3.5, 7.5), (2.4, 3.0)),
    "bedroom": ((2.7, 4.5), (3, 5), (2.4, 2.8)),
    "kitchen": ((2.2, 4.5), (2.8, 5.5), (2.4, 2.8)),
    "bathroom": ((1.6, 3), (2, 3.6), (2.3, 2.7)),
    "corridor": ((1.4, 2.8), (6, 16), (2.4, 3.0)),
    "classroom": ((5, 9), (6, 11), (2.7, 3.6)),
    "storage": ((3, 9), (4, 12), (2.6, 5)),
}
"""Ranges of width, depth and height, by the kind of room."""


@dataclass(frozen=True)
class Opening:
    """A hole in a wall."""

    kind: Literal["door", "doorway", "window"]
    x: float
    width: float
    low: float
    high: float


@dataclass(frozen=True)
class Wall:
    """Where a wall is."""

    length: float
    angle: float
    x: float
    y: float
    openings: tuple[Opening, ...]

    def placed(self, parts: Parts, *, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Parts:
        """Parts that were made in front of the wall, in the room; (x, y, z) is where on the wall."""
        return moved(turned(moved(parts, x, y, z), self.angle), self.x, self.y)

    @property
    def inward(self) -> NDArray:
        """(3,) unit vector from the wall into the room."""
        return np.array([np.sin(self.angle), -np.cos(self.angle), 0.0])

    def point(self, x: float, z: float) -> NDArray:
        """(3,) a point on its face, in the room's frame."""
        along = np.array([np.cos(self.angle), np.sin(self.angle), 0.0])
        return np.array([self.x, self.y, z]) + x * along


@dataclass(frozen=True)
class Shell:
    """A room without furniture.

    Args:
        kind: a key of SIZES_M.
        size: width, depth and height in metres.
        parts: all that is built in.
        walls: the four of them.
        lights: what comes in by the windows.
    """

    kind: str
    size: tuple[float, float, float]
    parts: Parts
    walls: tuple[Wall, ...]
    lights: tuple[Light, ...]


def build_shell(dice: Dice) -> Shell:
    """A room of a kind, a size, with openings."""
    kind = str(dice.choice(list(SIZES_M)))
    width, depth, height = (float(dice.uniform(*span)) for span in SIZES_M[kind])
    walls = tuple(
        Wall(length, angle, x, y, _openings(dice, kind, length, height, is_end=number % 2 == 0))
        for number, (length, angle, x, y) in enumerate(
            [
                (width, 0.0, 0.0, depth / 2),
                (depth, -np.pi / 2, width / 2, 0.0),
                (width, np.pi, 0.0, -depth / 2),
                (depth, np.pi / 2, -width / 2, 0.0),
            ]
        )
    )
    surface, accent = materials.paint(dice), materials.paint(dice)
    if kind == "bathroom" and dice.random() < 0.7:
        surface = materials.Material(
            surface.colour, (0.5, 0.5, 0.5), "tiles", float(dice.uniform(0.1, 0.35)), gloss=0.4
        )
    trim = materials.board(dice)
    parts = _floor_and_ceiling(dice, width, depth, height)
    lights: list[Light] = []
    for number, wall in enumerate(walls):
        kind_of_paint = accent if number == 1 and dice.random() < 0.3 else surface
        parts += wall.placed(_wall(wall, height, kind_of_paint, trim))
        for opening in wall.openings:
            parts += wall.placed(_filled(dice, opening, kind_of_paint, trim))
            if opening.kind == "window":
                lights += _window_lights(dice, wall, opening)
        parts += _hung(dice, wall, height, kind)
    return Shell(kind, (width, depth, height), parts, walls, tuple(lights))


def _openings(dice: Dice, kind: str, length: float, height: float, *, is_end: bool) -> tuple[Opening, ...]:
    """Doors and windows side by side along a wall."""
    openings: list[Opening] = []
    x = -length / 2 + float(dice.uniform(0.15, 0.8))
    often = 0.75 if kind == "corridor" and not is_end else 0.4
    while x < length / 2 - 1.0:
        luck = float(dice.random())
        if luck < often:
            is_window = dice.random() < (0.6 if kind != "corridor" else 0.15)
            width = float(dice.uniform(0.7, 2.2) if is_window else dice.uniform(0.75, 1.0))
            if x + width > length / 2 - 0.1:
                break
            if is_window:
                low = float(dice.choice([0.1, 0.9, 0.9, 1.1]))
                openings.append(
                    Opening(
                        "window", x + width / 2, width, low, min(height - 0.15, low + float(dice.uniform(0.8, 1.6)))
                    )
                )
            else:
                way: Literal["door", "doorway"] = "doorway" if dice.random() < 0.3 else "door"
                openings.append(Opening(way, x + width / 2, width, 0.0, float(dice.uniform(1.95, 2.15))))
            x += width
        x += float(dice.uniform(0.5, 2.5))
    return tuple(openings)


def _floor_and_ceiling(dice: Dice, width: float, depth: float, height: float) -> Parts:
    parts: Parts = moved([box(width + 0.1, depth + 0.1, 0.1, materials.floor(dice))], z=-0.1)
    white = Material(materials.tone(dice, grey=0.95, value=(0.6, 0.85)), (0.4, 0.4, 0.4),
                     "tiles" if dice.random() < 0.4 else "plain", 0.6)  # fmt: skip
    parts += moved([box(width + 0.1, depth + 0.1, 0.1, white)], z=height)
    if dice.random() < 0.4:
        rug_width, rug_depth = width * float(dice.uniform(0.25, 0.6)), depth * float(dice.uniform(0.2, 0.5))
        rug = turned([box(rug_width, rug_depth, 0.012, materials.fabric(dice))], float(dice.uniform(-0.2, 0.2)))
        parts += moved(rug, x=width * float(dice.uniform(-0.15, 0.15)), y=depth * float(dice.uniform(-0.2, 0.2)))
    if dice.random() < 0.25:  # a projecting corner or a column, which a room of an L has
        block = box(
            width * float(dice.uniform(0.1, 0.35)),
            depth * float(dice.uniform(0.08, 0.3)),
            height,
            materials.paint(dice),
        )
        sides = dice.choice([-1, 1], 2)
        parts += moved([block], x=float(sides[0]) * width * 0.45, y=float(sides[1]) * depth * 0.45)
    if dice.random() < 0.15:
        beams = [box(width, 0.15, 0.2, materials.board(dice))]
        for y in np.arange(-depth / 2 + 0.5, depth / 2, 1.2):
            parts += moved(beams, y=float(y), z=height - 0.2)
    return parts


def _wall(wall: Wall, height: float, surface: Material, trim: Material) -> Parts:
    """The wall around its openings, with a skirting board."""
    edges = [-wall.length / 2 - 0.05]
    for opening in wall.openings:
        edges += [opening.x - opening.width / 2, opening.x + opening.width / 2]
    edges.append(wall.length / 2 + 0.05)
    parts: Parts = ()

    def piece(left: float, right: float, low: float, high: float) -> None:
        nonlocal parts
        if right - left > 0.01 and high - low > 0.01:
            middle = (left + right) / 2
            parts += moved([box(right - left, THICK_M, high - low, surface)], middle, THICK_M / 2, low)
            if low == 0:
                parts += moved([box(right - left, 0.015, 0.08, trim)], middle, -0.007)

    for number in range(0, len(edges), 2):
        piece(edges[number], edges[number + 1], 0.0, height)
    for opening in wall.openings:
        left, right = opening.x - opening.width / 2, opening.x + opening.width / 2
        piece(left, right, 0.0, opening.low)
        piece(left, right, opening.high, height)
    return parts


def _filled(dice: Dice, opening: Opening, surface: Material, trim: Material) -> Parts:
    """What is in an opening: a door, the next room, or a window."""
    width, tall = opening.width, opening.high - opening.low
    frame = tuple(part for x in (-1, 1) for part in moved([box(0.07, 0.03, tall, trim)], x * (width / 2 + 0.02), -0.01))
    frame += moved([box(width + 0.12, 0.03, 0.07, trim)], y=-0.01, z=tall)
    if opening.kind == "window":
        frame += _window(dice, width, tall)
    else:
        leaf = materials.board(dice)
        door: Parts = (box(width, 0.04, tall, leaf),
                       *moved([box(0.12, 0.05, 0.02, materials.metal(dice))], width / 2 - 0.1, -0.04, 1.0))  # fmt: skip
        if dice.random() < 0.4:
            panel = replace(leaf, seed=leaf.seed + 1)
            door += moved([box(width * 0.7, 0.01, tall * 0.35, panel)], y=-0.022, z=tall * 0.55)
        if opening.kind == "door":
            frame += moved(door, y=0.06)
        else:
            hinge = turned(moved(door, x=width / 2), float(dice.uniform(0.8, 2.4)))
            frame += moved(hinge, x=-width / 2, y=0.1) + _next_room(dice, surface)
    return moved(frame, x=opening.x, z=opening.low)


def _next_room(dice: Dice, surface: Material) -> Parts:
    """As much of another room as a doorway shows."""
    deep, wide, high = float(dice.uniform(1.2, 6)), 4.0, 2.6
    shell = [(wide, 0.05, high, 0.0, deep, 0.0), (0.05, deep, high, -wide / 2, deep / 2, 0.0),
             (0.05, deep, high, wide / 2, deep / 2, 0.0), (wide, deep, 0.05, 0.0, deep / 2, high)]  # fmt: skip
    through = deep + THICK_M
    parts: Parts = moved([box(wide, through, 0.05, materials.floor(dice))], y=through / 2 - THICK_M, z=-0.05)
    for width, depth, height, x, y, z in shell:
        parts += moved([box(width, depth, height, surface)], x, y, z)
    return moved(parts, y=THICK_M)


def _window(dice: Dice, width: float, tall: float) -> Parts:
    """A bright pane with bars, a sill, perhaps a curtain or blinds."""
    white = materials.board(dice)
    glow = float(dice.uniform(1.5, 6)) if dice.random() < 0.8 else 0.02
    outside = (
        materials.picture(dice, glow=glow, gloss=0.5) if dice.random() < 0.5 else materials.lamp((0.8, 0.9, 1.0), glow)
    )
    parts: Parts = moved([box(width, 0.01, tall, outside)], y=0.12)
    for x in np.linspace(-0.5, 0.5, max(1, round(width / 0.8)) + 1):
        parts += moved([box(0.05, 0.05, tall, white)], x=float(x) * width, y=0.1)
    for z in (0.0, tall / 2 if dice.random() < 0.3 else 0.0, tall - 0.05):
        parts += moved([box(width, 0.05, 0.05, white)], y=0.1, z=z)
    parts += moved([box(width + 0.1, 0.2, 0.03, white)], y=0.02, z=-0.03)
    kind = dice.random()
    if kind < 0.35:
        for side in (-1, 1):
            fall = curtain(dice, width * float(dice.uniform(0.2, 0.5)), tall + 0.4)
            parts += moved(fall, x=side * width * 0.42, y=-0.1, z=-0.2)
    elif kind < 0.55:
        for z in np.arange(tall * float(dice.uniform(0, 0.7)), tall, 0.05):
            slat = turned([box(width, 0.04, 0.003, white)], 0.5, axis="x")
            parts += moved(slat, y=0.06, z=float(z))
    return parts


def _window_lights(dice: Dice, wall: Wall, opening: Opening) -> list[Light]:
    centre = wall.point(opening.x, (opening.low + opening.high) / 2)
    along = np.array([np.cos(wall.angle), np.sin(wall.angle), 0.0]) * opening.width / 2
    up = np.array([0, 0, (opening.high - opening.low) / 2])
    lights = [daylight(dice, centre + 0.02 * wall.inward, np.stack([along, up]), wall.inward)]
    return [*lights, sunlight(dice, centre, wall.inward)] if dice.random() < 0.3 else lights


def _hung(dice: Dice, wall: Wall, height: float, kind: str) -> Parts:
    """Pictures, boards, shelves, radiators and switches where the wall is free."""
    parts: Parts = ()
    taken = [(opening.x - opening.width / 2 - 0.1, opening.x + opening.width / 2 + 0.1) for opening in wall.openings]
    for opening in wall.openings:
        if opening.kind == "window" and opening.low > 0.8 and dice.random() < 0.5:
            parts += wall.placed(_radiator(dice, opening.width * 0.8), x=opening.x, y=-0.05, z=0.12)
    many = 14 if kind in ("office", "classroom", "corridor") else 10
    for _ in range(int(dice.integers(0, many))):
        thing, width = _hanging(dice)
        x = float(dice.uniform(-0.5, 0.5)) * (wall.length - width)
        if any(x - width / 2 < end and x + width / 2 > start for start, end in taken):
            continue
        taken.append((x - width / 2 - 0.05, x + width / 2 + 0.05))
        parts += wall.placed(thing, x=x, z=min(float(dice.uniform(1.0, 1.7)), height - 1.1))
    return parts


def _hanging(dice: Dice) -> tuple[Parts, float]:
    """One thing for a wall, and its width."""
    kind, width = float(dice.random()), float(dice.uniform(0.2, 1.2))
    tall = width * float(dice.uniform(0.5, 1.5))
    if kind < 0.4:
        frame = moved([box(width + 0.06, 0.03, tall + 0.06, materials.board(dice))], y=-0.015, z=-0.03)
        return frame + moved([box(width, 0.01, tall, materials.picture(dice))], y=-0.03), width
    if kind < 0.6:
        note = materials.paper(dice) if dice.random() < 0.4 else materials.picture(dice)
        return moved([box(width * 0.6, 0.002, tall * 0.6, note)], y=-0.003), width
    if kind < 0.72:
        width = width * 1.6 + 0.4
        white = Material((0.75, 0.75, 0.76), (0.1, 0.1, 0.3), str(dice.choice(["text", "plain"])), 0.07, gloss=0.5)
        return moved([box(width, 0.02, 1.0, white)], y=-0.01, z=-0.1), width
    if kind < 0.82:
        shelf: Parts = (box(width, 0.22, 0.03, materials.board(dice)),)
        for _ in range(int(dice.integers(0, 5))):
            thing = rounded(0.1, 0.1, float(dice.uniform(0.05, 0.25)), materials.plastic(dice), edge=0.6)
            shelf += moved([thing], x=float(dice.uniform(-0.4, 0.4)) * width, z=0.03)
        return moved(shelf, y=-0.11), width
    if kind < 0.9:
        clock = turned([cylinder(0.15, 0.03, materials.picture(dice))], np.pi / 2, axis="x")
        return moved(clock, z=0.6), 0.3
    if kind < 0.95:
        return moved([box(width, 0.02, tall, materials.looking_glass())], y=-0.01), width
    return moved([box(0.09, 0.015, 0.09, Material((0.75, 0.75, 0.72), gloss=0.3))], y=-0.007), 0.1


def _radiator(dice: Dice, width: float) -> Parts:
    white = Material((0.72, 0.72, 0.7), gloss=0.5)
    fins: Parts = tuple(
        part
        for x in np.arange(-width / 2, width / 2, 0.06)
        for part in moved([box(0.045, 0.08, 0.5, white)], x=float(x))
    )
    return fins if dice.random() < 0.6 else (box(width, 0.08, 0.5, white),)
