"""Small things that lie and stand about. Each is a function of the dice, stands on z = 0 and is centred."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from leadline.synthesis import materials
from leadline.synthesis.materials import Dice, between
from leadline.synthesis.shapes import Parts, bounds, box, cylinder, lathe, lump, moved, rod, rounded, sheet, turned

Thing = Callable[[Dice], Parts]


def mug(dice: Dice) -> Parts:
    """A mug with a handle, or a glass."""
    radius, height, material = between(dice, 0.03, 0.045), between(dice, 0.07, 0.13), _vessel(dice)
    body = lathe([(0, 0), (radius, 0), (radius, 0), (radius * between(dice, 0.9, 1.2), height),
                  (radius * 0.9, height), (radius * 0.85, 0.01), (0, 0.01)], material)  # fmt: skip
    if dice.random() < 0.3:
        return (body,)
    ring = [(radius + 0.025 * np.sin(a), 0, height * (0.5 + 0.3 * np.cos(a))) for a in np.linspace(0.2, 2.9, 5)]
    return (body, *(rod(a, b, 0.005, material) for a, b in itertools.pairwise(ring)))


def bottle(dice: Dice) -> Parts:
    """A bottle or a vase."""
    radius, height = between(dice, 0.025, 0.06), between(dice, 0.15, 0.35)
    neck, shoulder = radius * between(dice, 0.25, 0.6), height * between(dice, 0.5, 0.8)
    profile = [(0, 0), (radius, 0), (radius, 0.01), (radius * between(dice, 0.85, 1.1), shoulder),
               (neck, shoulder + 0.15 * height), (neck, height), (0, height)]  # fmt: skip
    body = lathe(profile, _vessel(dice))
    if dice.random() < 0.5:
        return (body, *moved([cylinder(neck * 1.15, 0.02, materials.plastic(dice))], z=height))
    return (body,)


def can(dice: Dice) -> Parts:
    """A tin or a cup with a picture around it."""
    radius = between(dice, 0.03, 0.055)
    return (cylinder(radius, between(dice, 0.06, 0.2), _printed(dice), top=radius * between(dice, 0.8, 1.1)),)


def bowl(dice: Dice) -> Parts:
    """A bowl or a plate, sometimes with fruit."""
    radius, height, material = between(dice, 0.07, 0.16), between(dice, 0.02, 0.09), materials.ceramic(dice)
    body = lathe([(0, 0), (radius * 0.5, 0), (radius * 0.85, height * 0.5), (radius, height),
                  (radius * 0.97, height), (radius * 0.5, 0.012), (0, 0.01)], material)  # fmt: skip
    fruit: Parts = ()
    for _ in range(int(dice.integers(0, 5)) if height > 0.04 else 0):
        size, angle, away = between(dice, 0.05, 0.08), between(dice, 0, 6.3), between(dice, 0, radius * 0.5)
        colour = materials.tone(dice, hue=(-0.05, 0.3), grey=0.1, value=(0.2, 0.7))
        ball = lump(size, size, size, materials.Material(colour, gloss=0.3), dice, rough=0.08)
        fruit += moved([ball], away * np.cos(angle), away * np.sin(angle), 0.02)
    return (body, *fruit)


def books(dice: Dice) -> Parts:
    """A pile of books, lying."""
    parts: Parts = ()
    z = 0.0
    for _ in range(int(dice.integers(1, 7))):
        thick, width, depth = between(dice, 0.008, 0.045), between(dice, 0.14, 0.24), between(dice, 0.2, 0.31)
        book = turned([box(width, depth, thick, _printed(dice))], between(dice, -0.3, 0.3))
        parts += moved(book, z=z)
        z += thick
    return parts


def papers(dice: Dice) -> Parts:
    """Some sheets, overlapping."""
    parts: Parts = ()
    for number in range(int(dice.integers(1, 6))):
        kind = materials.paper(dice) if dice.random() < 0.75 else _printed(dice)
        page = turned([box(0.21, 0.297, 0.001, kind)], between(dice, 0, 6.3))
        parts += moved(page, between(dice, -0.1, 0.1), between(dice, -0.1, 0.1), 0.0012 * number)
    return parts


def carton(dice: Dice) -> Parts:
    """A packet standing or lying."""
    return (box(between(dice, 0.05, 0.25), between(dice, 0.04, 0.2), between(dice, 0.03, 0.3), _printed(dice)),)


def pens(dice: Dice) -> Parts:
    """A beaker of pens, or pens that lie about."""
    parts: Parts = ()
    stands = dice.random() < 0.5
    for _ in range(int(dice.integers(2, 7))):
        material = materials.plastic(dice)
        if stands:
            top = (between(dice, -0.05, 0.05), between(dice, -0.05, 0.05), between(dice, 0.13, 0.18))
            parts += (rod((top[0] * 0.3, top[1] * 0.3, 0.01), top, 0.004, material),)
        else:
            angle, x, y = between(dice, 0, 6.3), between(dice, -0.08, 0.08), between(dice, -0.08, 0.08)
            reach = (0.07 * np.cos(angle), 0.07 * np.sin(angle))
            parts += (rod((x - reach[0], y - reach[1], 0.005), (x + reach[0], y + reach[1], 0.005), 0.005, material),)
    return (*parts, cylinder(0.04, 0.1, _vessel(dice))) if stands else parts


def laptop(dice: Dice) -> Parts:
    """A laptop, open."""
    width, depth, angle = between(dice, 0.29, 0.38), between(dice, 0.2, 0.26), between(dice, 0.1, 0.6)
    body = materials.plastic(dice)
    keys = materials.Material((0.01, 0.01, 0.01), (0.06, 0.06, 0.06), "keys", 0.019)
    glass = box(width * 0.94, 0.002, depth * 0.9, materials.screen(dice))
    lid = (box(width, 0.008, depth, body), *moved([glass], y=-0.005, z=depth * 0.06))
    lid = moved(turned(lid, -angle, axis="x"), y=depth / 2, z=0.015)
    return (
        box(width, depth, 0.016, body),
        *moved([box(width * 0.9, depth * 0.45, 0.002, keys)], y=0.04, z=0.016),
        *lid,
    )


def monitor(dice: Dice) -> Parts:
    """A monitor on its foot, facing -y."""
    width = between(dice, 0.4, 0.75)
    height, lift, body = width * between(dice, 0.55, 0.75), between(dice, 0.08, 0.2), materials.plastic(dice)
    glass = moved([box(width * 0.95, 0.004, height * 0.92, materials.screen(dice))], y=-0.03, z=lift + 0.04 * height)
    foot = box(between(dice, 0.2, 0.3), 0.2, 0.015, body)
    neck = moved([box(0.06, 0.03, lift + 0.1, body)], y=0.03)
    return (foot, *neck, *moved([box(width, 0.05, height, body)], z=lift), *glass)


def keyboard(dice: Dice) -> Parts:
    """A keyboard with a mouse beside it."""
    pale = float(dice.choice([0.02, 0.02, 0.6]))
    keys = materials.Material((pale * 0.4,) * 3, (pale * 1.3,) * 3, "keys", 0.019)
    mouse = moved([rounded(0.06, 0.1, 0.035, materials.plastic(dice), edge=0.7)], x=between(dice, 0.28, 0.38))
    body = box(0.44, 0.14, 0.015, materials.Material((pale, pale, pale)))
    return (body, *moved([box(0.42, 0.12, 0.008, keys)], z=0.015), *mouse)


def desk_lamp(dice: Dice) -> Parts:
    """A lamp with an arm, or one with a shade."""
    material = materials.metal(dice)
    if dice.random() < 0.5:
        radius, height = between(dice, 0.08, 0.16), between(dice, 0.25, 0.5)
        shade = materials.lamp(
            materials.tone(dice, hue=(0.08, 0.14), grey=0.6, value=(0.7, 0.9)), float(dice.choice([0, 1.5]))
        )
        return (cylinder(radius * 0.6, 0.02, material), rod((0, 0, 0), (0, 0, height), 0.01, material),
                *moved([cylinder(radius, 0.18, shade, top=radius * 0.7)], z=height * 0.8))  # fmt: skip
    elbow = (between(dice, -0.1, 0.1), 0.1, between(dice, 0.25, 0.4))
    head = (elbow[0] + between(dice, -0.2, 0.2), -0.15, elbow[2] + between(dice, 0, 0.15))
    cone = moved(turned([cylinder(0.07, 0.1, material, top=0.03)], between(dice, -0.4, 0.4), axis="x"), *head)
    return (
        cylinder(0.08, 0.02, material),
        rod((0, 0, 0), elbow, 0.008, material),
        rod(elbow, head, 0.008, material),
        *cone,
    )


def pot_plant(dice: Dice) -> Parts:
    """A plant in a pot, of a size for tables."""
    return plant(dice, height_m=between(dice, 0.15, 0.45))


def plant(dice: Dice, *, height_m: float) -> Parts:
    """A pot with leaves, bowed outwards."""
    pot, material = height_m * between(dice, 0.18, 0.3), materials.leaf(dice)
    parts: Parts = (cylinder(pot * 0.7, pot * 1.4, materials.ceramic(dice), top=pot),)
    reach, wide = height_m * between(dice, 0.3, 0.6), height_m * between(dice, 0.03, 0.1)
    along = np.linspace(0, 1, 6)[:, None]
    for _ in range(int(dice.integers(10, 26))):
        far, high, angle = (
            reach * between(dice, 0.4, 1),
            (height_m - pot) * between(dice, 0.4, 1),
            between(dice, 0, 6.3),
        )
        droop = between(dice, 0.2, 0.9)
        width = wide * np.sin(np.pi * np.clip(along, 0.05, 0.97)) * np.array([[-1.0, 0, 1]])
        spine = np.concatenate([far * along, high * (along * (1 + droop) - droop * along**2)], axis=1)
        points = np.stack([spine[:, :1] + 0 * width, width, spine[:, 1:] + np.abs(width) * 0.3], axis=-1)
        parts += moved(turned([sheet(points, material)], angle), z=pot)
    return parts


def ball(dice: Dice) -> Parts:
    """A ball, an egg, a toy."""
    size = between(dice, 0.04, 0.22)
    return (rounded(size, size, size * between(dice, 0.8, 1.2), _printed(dice), edge=1.0),)


def bag(dice: Dice) -> Parts:
    """A bag or a heap of clothes."""
    size = between(dice, 0.15, 0.4)
    return (lump(size, size * between(dice, 0.6, 1), size * between(dice, 0.3, 1), materials.fabric(dice), dice),)


def cloth(dice: Dice) -> Parts:
    """A crumpled cloth."""
    width, depth = between(dice, 0.2, 0.5), between(dice, 0.2, 0.4)
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 15), np.linspace(-0.5, 0.5, 15))
    z = _folds(dice, x, y) * 0.04
    return (sheet(np.stack([x * width, y * depth, z - z.min()], axis=-1), materials.fabric(dice)),)


def toy(dice: Dice) -> Parts:
    """Blocks, balls and cones on top of one another: toys, tools, figures, whatever."""
    parts: Parts = ()
    z, size = 0.0, between(dice, 0.03, 0.12)
    for _ in range(int(dice.integers(2, 6))):
        width, depth, height = (size * between(dice, 0.4, 1.3) for _ in range(3))
        material = materials.plastic(dice)
        soft = rounded(width, depth, height, material, edge=between(dice, 0.3, 1))
        solids = (box(width, depth, height, material), soft, cylinder(width / 2, height, material, top=depth / 3))
        solid = solids[int(dice.integers(3))]
        placed = turned([solid], between(dice, 0, 6.3))
        parts += moved(
            placed, between(dice, -0.3, 0.3) * size, between(dice, -0.3, 0.3) * size, z * (dice.random() < 0.8)
        )
        z += height
    return parts


def cable(dice: Dice) -> Parts:
    """A cable that lies in bends."""
    material = materials.plastic(dice)
    heading, points = between(dice, 0, 6.3), [np.array([0, 0, 0.004])]
    for _ in range(int(dice.integers(5, 12))):
        heading += between(dice, -1, 1)
        points.append(points[-1] + 0.06 * np.array([np.cos(heading), np.sin(heading), 0]))
    return tuple(rod(a, b, 0.004, material) for a, b in itertools.pairwise(points))


ON_TABLES: tuple[Thing, ...] = (
    mug, bottle, can, bowl, books, books, papers, papers, carton, carton, pens, pens, laptop, monitor, keyboard,
    desk_lamp, pot_plant, ball, bag, cloth, toy, toy, cable,
)  # fmt: skip
ON_SHELVES: tuple[Thing, ...] = (mug, bottle, can, bowl, books, carton, carton, pot_plant, ball, toy)
ON_FLOORS: tuple[Thing, ...] = (bag, ball, books, carton, cloth, papers, toy, cable, bottle)


def scatter(dice: Dice, things: tuple[Thing, ...], *, width: float, depth: float, count: int, headroom: float) -> Parts:
    """Things on a surface of the given size around the origin, none through another.

    Args:
        dice: of the scene.
        things: to choose from.
        width: of the surface, in x.
        depth: of the surface, in y.
        count: things to try; those that find no place are left out.
        headroom: the highest that fits.
    """
    placed: list[tuple[float, float, float]] = []
    parts: Parts = ()
    for _ in range(count):
        thing = things[int(dice.integers(len(things)))](dice)
        angle = between(dice, -0.6, 0.6) if thing[0].material.pattern != "text" else between(dice, 0, 6.3)
        thing = turned(thing, angle)
        low, high = bounds(thing)
        radius = float(np.max(high[:2] - low[:2])) / 2
        free = width - 1.7 * radius, depth - 1.7 * radius
        if high[2] > headroom or min(free) < 0:
            continue
        x, y = between(dice, -0.5, 0.5) * free[0], between(dice, -0.5, 0.5) * free[1]
        if any((x - other[0]) ** 2 + (y - other[1]) ** 2 < (0.8 * (radius + other[2])) ** 2 for other in placed):
            continue
        placed.append((x, y, radius))
        parts += moved(thing, x - float(low[0] + high[0]) / 2, y - float(low[1] + high[1]) / 2)
    return parts


def _folds(dice: Dice, x: Any, y: Any) -> Any:
    """Waves in all directions, in about [-1, 1]."""
    total = np.zeros_like(x)
    for _ in range(6):
        angle, phase, turns = dice.uniform(0, 6.3), dice.uniform(0, 6.3), dice.uniform(3, 14)
        total += np.sin(turns * (x * np.cos(angle) + y * np.sin(angle)) + phase) / 3
    return total


def _vessel(dice: Dice) -> materials.Material:
    return materials.ceramic(dice) if dice.random() < 0.4 else materials.plastic(dice)


def _printed(dice: Dice) -> materials.Material:
    return materials.picture(dice) if dice.random() < 0.5 else materials.plastic(dice)
