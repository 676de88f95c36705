"""Furniture from parts. Each is a function of the dice: its back is towards +y, it stands on z = 0 and is centred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from leadline.synthesis import materials
from leadline.synthesis.clutter import ON_SHELVES, ON_TABLES, Thing, monitor, plant, scatter
from leadline.synthesis.materials import Dice, Material, between
from leadline.synthesis.shapes import Part, Parts, box, cylinder, lathe, lump, moved, rod, rounded, sheet, turned


@dataclass(frozen=True)
class Furniture:
    """A piece of furniture with what lies on it.

    Args:
        parts: of it and of the things on it.
        width: of its place on the floor, in x.
        depth: of its place on the floor, in y.
        top: height at which a camera would look at it.
    """

    parts: Parts
    width: float
    depth: float
    top: float


Maker = Callable[[Dice], Furniture]


def table(dice: Dice) -> Furniture:
    """A table for eating or meeting, round or not, with chairs or without."""
    width, depth, height = between(dice, 0.7, 2.0), between(dice, 0.6, 1.0), between(dice, 0.68, 0.78)
    wood, is_round = materials.board(dice), dice.random() < 0.25
    thick = between(dice, 0.02, 0.05)
    if is_round:
        depth = width = min(width, 1.3)
        plate = moved([cylinder(width / 2, thick, wood)], z=height - thick)
        legs: Parts = (
            cylinder(0.04, height - thick, materials.metal(dice)),
            cylinder(0.3, 0.03, materials.metal(dice)),
        )
    else:
        plate = moved([box(width, depth, thick, wood)], z=height - thick)
        legs = _legs(dice, width, depth, height - thick)
    inner = 0.7 if is_round else 0.95
    dressed = _dressed(dice, ON_TABLES, width * inner, depth * inner, z=height)
    chairs = _chairs_around(dice, width, depth) if dice.random() < 0.7 else ()
    spread = 0.9 if chairs else 0.0
    return Furniture(plate + legs + dressed + chairs, width + 0.3 * bool(chairs), depth + spread, height)


def desk(dice: Dice) -> Furniture:
    """A desk against a wall, with a monitor and a chair."""
    width, depth, height = between(dice, 1.0, 1.9), between(dice, 0.55, 0.85), between(dice, 0.7, 0.76)
    wood = materials.board(dice)
    parts: Parts = moved([box(width, depth, 0.03, wood)], z=height - 0.03) + _legs(dice, width, depth, height - 0.03)
    if dice.random() < 0.6:
        parts += moved(_drawers(dice, 0.42, depth * 0.85, height - 0.05, wood), x=(width / 2 - 0.24))
    on_top = turned(monitor(dice), between(dice, -0.3, 0.3))
    if dice.random() < 0.75:
        parts += moved(on_top, x=between(dice, -0.25, 0.25) * width, y=depth * 0.25, z=height)
        front = scatter(dice, ON_TABLES, width=width, depth=depth * 0.5, count=_count(dice, 20), headroom=0.5)
        parts += moved(front, y=-depth * 0.22, z=height)
    else:
        parts += _dressed(dice, ON_TABLES, width, depth, z=height)
    if dice.random() < 0.8:
        seat = turned(chair(dice).parts, np.pi + between(dice, -0.8, 0.8))
        parts += moved(seat, x=between(dice, -0.3, 0.3) * width, y=-depth / 2 - between(dice, 0.1, 0.4))
    return Furniture(parts, width, depth + 0.5, height)


def coffee_table(dice: Dice) -> Furniture:
    """A low table."""
    width, depth, height = between(dice, 0.5, 1.2), between(dice, 0.4, 0.7), between(dice, 0.35, 0.5)
    plate = moved([box(width, depth, 0.03, materials.board(dice))], z=height - 0.03)
    parts = plate + _legs(dice, width, depth, height - 0.03) + _dressed(dice, ON_TABLES, width, depth, z=height)
    return Furniture(parts, width, depth, height)


def chair(dice: Dice) -> Furniture:
    """A chair: on four legs, or an office chair on castors."""
    height, seat_width = between(dice, 0.42, 0.5), between(dice, 0.4, 0.5)
    cover = materials.fabric(dice) if dice.random() < 0.5 else materials.board(dice)
    is_soft = cover.pattern not in ("wood", "plain")
    frame = materials.metal(dice) if dice.random() < 0.5 else cover
    plate = _slab(seat_width, seat_width, 0.07 if is_soft else 0.03, cover, is_soft)
    parts = moved(plate, z=height - 0.04)
    back_height = between(dice, 0.3, 0.6)
    back = turned(
        moved(_slab(seat_width * 0.95, 0.05, back_height, cover, is_soft), z=0), -between(dice, 0.05, 0.25), axis="x"
    )
    parts += moved(back, y=seat_width / 2 - 0.02, z=height + between(dice, 0.02, 0.2))
    posts = [rod((x, seat_width / 2 - 0.03, height), (x, seat_width / 2 + 0.04, height + 0.35), 0.012, frame)
             for x in (-0.16, 0.16)]  # fmt: skip
    parts += tuple(posts)
    if dice.random() < 0.4:
        parts += (rod((0, 0, 0.08), (0, 0, height - 0.04), 0.03, frame),)
        for angle in np.linspace(0, 2 * np.pi, 6)[:-1]:
            foot = (0.3 * np.cos(angle), 0.3 * np.sin(angle), 0.05)
            parts += (
                rod((0, 0, 0.1), foot, 0.02, frame),
                *moved([rounded(0.06, 0.06, 0.06, frame, edge=1.0)], *foot[:2]),
            )
        if dice.random() < 0.6:
            parts += _arms(seat_width, height, frame)
    else:
        parts += _legs(dice, seat_width, seat_width, height - 0.03, material=frame)
    return Furniture(parts, seat_width, seat_width, height)


def sofa(dice: Dice) -> Furniture:
    """A sofa or an armchair with cushions."""
    seats, depth, seat_height = int(dice.integers(1, 4)), between(dice, 0.8, 1.0), between(dice, 0.38, 0.45)
    width, cover = 0.35 + seats * between(dice, 0.6, 0.75), materials.fabric(dice)
    parts: Parts = moved([rounded(width, depth, seat_height - 0.12, cover, edge=0.15)], z=0.06)
    each = (width - 0.36) / seats
    for seat in range(seats):
        x = (seat - (seats - 1) / 2) * each
        parts += moved([rounded(each, depth - 0.2, 0.18, cover, edge=0.35)], x=x, y=-0.06, z=seat_height - 0.12)
        lean = turned([rounded(each, 0.2, between(dice, 0.4, 0.55), cover, edge=0.4)], -0.2, axis="x")
        parts += moved(lean, x=x, y=depth / 2 - 0.25, z=seat_height)
    for x in (-1, 1):
        parts += moved([rounded(0.2, depth, seat_height + 0.2, cover, edge=0.25)], x=x * (width / 2 - 0.1))
    parts += moved([rounded(width, 0.2, between(dice, 0.7, 0.9), cover, edge=0.2)], y=depth / 2 - 0.1)
    for _ in range(int(dice.integers(0, 4))):
        pillow = turned([rounded(0.42, 0.14, 0.42, materials.fabric(dice), edge=0.5)], -0.5, axis="x")
        pillow = turned(pillow, between(dice, -0.6, 0.6))
        parts += moved(pillow, x=between(dice, -0.4, 0.4) * (width - 0.5), y=0.02, z=seat_height + 0.02)
    return Furniture(parts, width, depth, seat_height)


def bed(dice: Dice) -> Furniture:
    """A bed with pillows and a blanket."""
    width, length, height = between(dice, 0.9, 1.9), between(dice, 1.95, 2.1), between(dice, 0.35, 0.55)
    wood = materials.board(dice)
    parts: Parts = moved([box(width, length, 0.2, wood)], z=height - 0.35)
    parts += _legs(dice, width, length, height - 0.35) if height > 0.4 else ()
    parts += moved([rounded(width * 0.98, length * 0.98, 0.24, materials.fabric(dice), edge=0.12)], z=height - 0.2)
    parts += moved([box(width, 0.05, height + between(dice, 0.2, 0.6), wood)], y=length / 2)
    for x in (-0.25, 0.25) if width > 1.3 else (0,):
        pillow = rounded(0.6, 0.4, 0.16, materials.fabric(dice), edge=0.5)
        parts += moved(turned([pillow], between(dice, -0.2, 0.2)), x=x * width, y=length / 2 - 0.3, z=height + 0.02)
    across, along = np.meshgrid(np.linspace(-0.56, 0.56, 25), np.linspace(-0.5, 0.22, 25))
    waves = sum(
        np.sin(dice.uniform(5, 25) * across + dice.uniform(5, 25) * along + dice.uniform(0, 6)) for _ in range(5)
    )
    fall = np.maximum(np.abs(across) - 0.5, 0) * 4
    z = height + 0.06 + 0.015 * waves - fall
    parts += (sheet(np.stack([across * width, along * length, z], axis=-1), materials.fabric(dice)),)
    return Furniture(parts, width, length, height)


def cabinet(dice: Dice) -> Furniture:
    """A chest of drawers, a sideboard or a wardrobe."""
    tall = dice.random() < 0.35
    width, depth = between(dice, 0.5, 1.8), between(dice, 0.35, 0.6)
    height = between(dice, 1.7, 2.2) if tall else between(dice, 0.5, 1.2)
    parts = _drawers(dice, width, depth, height, materials.board(dice), doors=tall)
    parts += _dressed(dice, ON_TABLES if not tall else ON_SHELVES, width, depth, z=height)
    return Furniture(parts, width, depth, height)


def shelves(dice: Dice) -> Furniture:
    """A bookcase with books and other things in it."""
    width, depth, height = between(dice, 0.5, 1.5), between(dice, 0.22, 0.4), between(dice, 0.8, 2.3)
    wood, floors = materials.board(dice), max(2, round(height / between(dice, 0.28, 0.42)))
    parts: Parts = tuple(p for x in (-1, 1) for p in moved([box(0.025, depth, height, wood)], x=x * width / 2))
    if dice.random() < 0.7:
        parts += moved([box(width, 0.01, height, wood)], y=depth / 2)
    gap = (height - 0.03) / floors
    for number in range(floors + 1):
        parts += moved([box(width, depth, 0.025, wood)], z=number * gap)
        if number < floors and dice.random() < 0.9:
            inside = _books_in_row(dice, width - 0.06, depth, gap - 0.04) if dice.random() < 0.65 else scatter(
                dice, ON_SHELVES, width=width, depth=depth, count=_count(dice, 8), headroom=gap - 0.03)  # fmt: skip
            parts += moved(inside, z=number * gap + 0.026)
    return Furniture(parts, width + 0.05, depth, height / 2)


def kitchen(dice: Dice) -> Furniture:
    """A row of kitchen units with a worktop, wall cupboards and a refrigerator."""
    width, depth, wood = between(dice, 1.6, 3.2), 0.62, materials.board(dice)
    units = max(2, round(width / 0.6))
    each = width / units
    parts: Parts = ()
    for unit in range(units):
        x = (unit - (units - 1) / 2) * each
        parts += moved(_drawers(dice, each * 0.99, depth - 0.04, 0.86, wood, doors=dice.random() < 0.6), x=x)
        if dice.random() < 0.7:
            parts += moved(_drawers(dice, each * 0.99, 0.34, 0.7, wood, doors=True), x=x, y=depth / 2 - 0.17, z=1.45)
    worktop = materials.floor(dice)
    parts += moved([box(width, depth, 0.04, worktop)], z=0.86)
    parts += moved([box(width, 0.01, 0.55, materials.floor(dice))], y=depth / 2 - 0.005, z=0.9)
    steel = Material((0.35, 0.35, 0.36), gloss=0.9, mirror=0.2)
    parts += moved([box(0.5, 0.4, 0.006, steel), *_tap(steel)], x=between(dice, -0.3, 0.3) * width, z=0.9)
    hob = Material((0.01, 0.01, 0.01), gloss=0.9, mirror=0.05)
    parts += moved([box(0.58, 0.5, 0.006, hob)], x=between(dice, -0.35, 0.35) * width, z=0.902)
    parts += _dressed(dice, ON_TABLES, width, depth * 0.8, z=0.91)
    if dice.random() < 0.6:
        fridge = _drawers(dice, 0.6, 0.62, between(dice, 1.5, 2.0), materials.board(dice), doors=True)
        parts = moved(parts, x=-0.31) + moved(fridge, x=width / 2)
        width += 0.62
    return Furniture(parts, width, depth, 0.9)


def washbasin(dice: Dice) -> Furniture:
    """A basin with a mirror above it."""
    white, width, steel = materials.ceramic(dice), between(dice, 0.5, 0.9), materials.metal(dice)
    parts: Parts = moved(
        [lathe([(0, 0.03), (0.2, 0.05), (0.26, 0.15), (0.24, 0.15), (0.18, 0.07), (0, 0.05)], white)], z=0.7
    )
    parts += _drawers(dice, width, 0.45, 0.74, materials.board(dice), doors=True)
    parts += moved(_tap(steel), z=0.8)
    parts += moved([box(width, 0.02, between(dice, 0.6, 1.0), materials.looking_glass())], y=0.22, z=1.1)
    parts += _dressed(dice, ON_SHELVES, width, 0.4, z=0.74)
    return Furniture(parts, width, 0.5, 0.8)


def toilet(dice: Dice) -> Furniture:
    """A toilet with its cistern."""
    bright = between(dice, 0.65, 0.8)
    white = Material((bright, bright, bright * 0.98), gloss=0.9)
    bowl = lathe(
        [(0, 0), (0.12, 0), (0.11, 0.15), (0.19, 0.36), (0.2, 0.4), (0.15, 0.4), (0.1, 0.28), (0, 0.25)], white
    )
    lid = moved(turned([rounded(0.38, 0.04, 0.42, white, edge=0.4)], -0.15, axis="x"), y=0.17, z=0.4)
    return Furniture((bowl, *lid, *moved([rounded(0.4, 0.18, 0.36, white, edge=0.15)], y=0.3, z=0.38)), 0.45, 0.8, 0.4)


def bathtub(dice: Dice) -> Furniture:
    """A bathtub, open at the top."""
    length, white = between(dice, 1.5, 1.8), Material((0.78, 0.78, 0.77), gloss=0.9)
    parts: Parts = moved([box(length, 0.75, 0.25, white)])
    for y in (-1, 1):
        parts += moved([box(length, 0.08, 0.32, white)], y=y * 0.335, z=0.25)
    for x in (-1, 1):
        parts += moved([box(0.1, 0.75, 0.32, white)], x=x * (length / 2 - 0.05), z=0.25)
    if dice.random() < 0.5:
        parts += _curtain(dice, length, 1.8, y=-0.38, z=0.2)
    return Furniture(parts, length, 0.76, 0.5)


def floor_lamp(dice: Dice) -> Furniture:
    """A standing lamp."""
    height, metal = between(dice, 1.3, 1.8), materials.metal(dice)
    shade = materials.lamp(
        materials.tone(dice, hue=(0.08, 0.14), grey=0.5, value=(0.7, 0.9)), float(dice.choice([0, 2.0]))
    )
    radius = between(dice, 0.12, 0.25)
    parts = (cylinder(0.15, 0.02, metal), rod((0, 0, 0), (0, 0, height), 0.012, metal))
    return Furniture(parts + moved([cylinder(radius, 0.28, shade, top=radius * 0.7)], z=height - 0.2), 0.4, 0.4, 1.2)


def big_plant(dice: Dice) -> Furniture:
    """A plant that stands on the floor."""
    return Furniture(plant(dice, height_m=between(dice, 0.6, 1.9)), 0.6, 0.6, 0.8)


def television(dice: Dice) -> Furniture:
    """A television on a low board."""
    width = between(dice, 1.2, 2.0)
    screen_width = width * between(dice, 0.5, 0.8)
    parts = _drawers(dice, width, 0.4, between(dice, 0.35, 0.5), materials.board(dice))
    black = Material((0.01, 0.01, 0.01), gloss=0.5)
    glass = box(screen_width * 0.98, 0.004, screen_width * 0.55, materials.screen(dice))
    case = moved([box(screen_width, 0.04, screen_width * 0.57, black)], z=0.07) + moved([glass], y=-0.023, z=0.08)
    television = (box(0.4, 0.2, 0.02, black), box(0.1, 0.04, 0.1, black), *case)
    return Furniture(parts + moved(television, z=0.5), width, 0.45, 0.6)


def boxes(dice: Dice) -> Furniture:
    """A pile of boxes."""
    parts: Parts = ()
    z = 0.0
    for _ in range(int(dice.integers(1, 5))):
        width, depth, height = between(dice, 0.25, 0.6), between(dice, 0.25, 0.5), between(dice, 0.15, 0.5)
        card = Material(materials.tone(dice, hue=(0.07, 0.1), grey=0.4, value=(0.2, 0.45)), pattern="plain")
        kind = card if dice.random() < 0.6 else materials.plastic(dice)
        parts += moved(turned([box(width, depth, height, kind)], between(dice, -0.4, 0.4)), z=z)
        z += height
        if z > 1.2:
            break
    return Furniture(parts, 0.65, 0.6, z / 2)


def bin_or_stool(dice: Dice) -> Furniture:
    """A bin, a stool, a drum."""
    radius, height = between(dice, 0.12, 0.22), between(dice, 0.25, 0.6)
    material = materials.plastic(dice)
    if dice.random() < 0.5:
        wall = lathe(
            [(0, 0), (radius * 0.8, 0), (radius, height), (radius * 0.95, height), (radius * 0.75, 0.02), (0, 0.02)],
            material,
        )
        return Furniture((wall,), 2 * radius, 2 * radius, height)
    seat = moved([cylinder(radius, 0.04, materials.board(dice))], z=height)
    return Furniture(
        seat + _legs(dice, radius * 1.5, radius * 1.5, height, material=material), 2 * radius, 2 * radius, height
    )


def person(dice: Dice) -> Furniture:
    """Somebody who stands, of body, limbs and head."""
    tall, skin = between(dice, 1.5, 1.9), materials.skin(dice)
    top, trousers, hair = materials.fabric(dice), materials.fabric(dice), materials.plastic(dice)
    hip, shoulder, wide = 0.5 * tall, 0.82 * tall, 0.2 * tall / 1.7
    step = between(dice, -0.15, 0.15)
    parts: Parts = moved([rounded(2 * wide, 0.24, shoulder - hip + 0.06, top, edge=0.6)], z=hip - 0.02)
    for side, ahead in ((-1, step), (1, -step)):
        x = side * wide * 0.5
        parts += (
            rod((x, ahead, 0.05), (x, 0, hip + 0.03), 0.075, trousers),
            *moved([rounded(0.1, 0.26, 0.09, hair)], x, ahead - 0.05),
        )
        elbow = (side * (wide + 0.05), between(dice, -0.15, 0.1), hip + 0.15)
        hand = (
            elbow[0] * between(dice, 0.5, 1.1),
            elbow[1] - between(dice, 0, 0.25),
            elbow[2] + between(dice, -0.2, 0.2),
        )
        parts += (rod((side * wide * 0.9, 0, shoulder - 0.05), elbow, 0.05, top), rod(elbow, hand, 0.04, skin))
        parts += moved([rounded(0.08, 0.1, 0.1, skin, edge=0.8)], *hand)
    parts += (rod((0, 0, shoulder - 0.03), (0, 0, shoulder + 0.1), 0.055, skin),)
    parts += moved([rounded(0.16, 0.19, 0.24, skin, edge=0.9)], z=tall - 0.23)
    parts += moved([rounded(0.18, 0.2, 0.17, hair, edge=0.9)], y=0.02, z=tall - 0.14)
    return Furniture(parts, 0.6, 0.6, 0.6 * tall)


def clothes_rack(dice: Dice) -> Furniture:
    """A coat stand with clothes on it."""
    height, metal = between(dice, 1.5, 1.9), materials.metal(dice)
    parts: Parts = (cylinder(0.2, 0.03, metal), rod((0, 0, 0), (0, 0, height), 0.02, metal))
    for _ in range(int(dice.integers(1, 5))):
        long, angle = between(dice, 0.5, 1.1), between(dice, 0, 6.3)
        coat = moved([lump(0.35, 0.2, long, materials.fabric(dice), dice, rough=0.3)], y=0.13, z=height - long - 0.05)
        parts += turned(coat, angle)
    return Furniture(parts, 0.6, 0.6, 1.2)


def ladder(dice: Dice) -> Furniture:
    """A step ladder, or a rack of bars."""
    height, metal = between(dice, 1.0, 2.2), materials.metal(dice)
    parts: Parts = tuple(rod((x, y, 0), (x * 0.7, 0, height), 0.02, metal) for x in (-0.25, 0.25) for y in (-0.4, 0.4))
    for at in np.linspace(0.15, 1, 6):
        half, y, z = 0.24 - 0.07 * at, -0.4 * (1 - at), height * at
        parts += (rod((-half, y, z), (half, y, z), 0.02, metal),)
    return Furniture(parts, 0.6, 0.9, height / 2)


def curtain(dice: Dice, width: float, height: float) -> Parts:
    """A curtain in the plane y = 0, from z = 0 up."""
    return _curtain(dice, width, height, y=0.0, z=0.0)


AGAINST_WALLS: dict[str, tuple[Maker, ...]] = {
    "office": (desk, desk, desk, shelves, shelves, cabinet, big_plant, boxes, clothes_rack, sofa),
    "living room": (sofa, sofa, shelves, cabinet, television, floor_lamp, big_plant, desk),
    "bedroom": (bed, cabinet, cabinet, shelves, desk, floor_lamp, clothes_rack, bin_or_stool),
    "kitchen": (kitchen, kitchen, cabinet, shelves, bin_or_stool, boxes),
    "bathroom": (washbasin, toilet, bathtub, cabinet, bin_or_stool),
    "corridor": (cabinet, shelves, big_plant, bin_or_stool, clothes_rack, chair, person, boxes),
    "classroom": (shelves, cabinet, desk, television, boxes),
    "storage": (shelves, shelves, boxes, boxes, boxes, ladder, cabinet),
}
"""What may stand against the walls, by the kind of room."""

IN_THE_MIDDLE: dict[str, tuple[Maker, ...]] = {
    "office": (table, chair, desk, person, bin_or_stool),
    "living room": (coffee_table, table, sofa, chair, person, bin_or_stool),
    "bedroom": (chair, bin_or_stool, coffee_table),
    "kitchen": (table, table, chair, person),
    "bathroom": (bin_or_stool,),
    "corridor": (person, boxes, bin_or_stool),
    "classroom": (table, table, table, desk, chair, person),
    "storage": (boxes, ladder, table, person, bin_or_stool),
}
"""What may stand away from them."""


def _legs(dice: Dice, width: float, depth: float, height: float, *, material: Material | None = None) -> Parts:
    material = material or (materials.metal(dice) if dice.random() < 0.5 else materials.board(dice))
    thick, is_square = between(dice, 0.025, 0.06), dice.random() < 0.6
    leg: Part = box(thick, thick, height, material) if is_square else cylinder(thick / 2, height, material)
    places = [(x * (width / 2 - thick), y * (depth / 2 - thick)) for x in (-1, 1) for y in (-1, 1)]
    return tuple(part for x, y in places for part in moved([leg], x, y))


def _drawers(
    dice: Dice, width: float, depth: float, height: float, material: Material, *, doors: bool = False
) -> Parts:
    """A body with fronts and handles on its -y side."""
    columns = max(1, round(width / between(dice, 0.4, 0.6)))
    rows = 1 if doors else max(1, round(height / between(dice, 0.18, 0.35)))
    parts: Parts = (box(width, depth, height, material),)
    wide, high, handle = width / columns, height / rows, materials.metal(dice)
    for column in range(columns):
        for row in range(rows):
            x, z = (column - (columns - 1) / 2) * wide, row * high
            parts += moved([box(wide - 0.012, 0.02, high - 0.012, material)], x, -depth / 2 - 0.008, z + 0.006)
            grip = box(0.012, 0.02, 0.14, handle) if doors else box(0.14, 0.02, 0.012, handle)
            away = (wide / 2 - 0.05) * (-1) ** column if doors else 0.0
            parts += moved([grip], x + away, -depth / 2 - 0.028, z + high * (0.5 if doors else 0.6))
    return parts


def _books_in_row(dice: Dice, width: float, depth: float, headroom: float) -> Parts:
    parts: Parts = ()
    x, end = -width / 2, width / 2 - between(dice, 0, 0.5) * width
    while x < end:
        thick, high = between(dice, 0.012, 0.05), headroom * between(dice, 0.6, 0.98)
        colour = materials.plastic(dice) if dice.random() < 0.8 else materials.picture(dice)
        parts += moved([box(thick * 0.96, depth * 0.75, high, colour)], x + thick / 2, between(dice, -0.02, 0.03))
        x += thick
    return parts


def _chairs_around(dice: Dice, width: float, depth: float) -> Parts:
    one = chair(dice).parts
    parts: Parts = ()
    for side, angle in ((-1, np.pi), (1, 0.0)):
        for place in np.linspace(-0.5, 0.5, max(1, round(width / 0.65)) + 2)[1:-1]:
            if dice.random() < 0.7:
                there = turned(one, angle + between(dice, -0.4, 0.4))
                parts += moved(there, float(place) * width, side * (depth / 2 + between(dice, 0.0, 0.3)))
    return parts


def _slab(width: float, depth: float, height: float, material: Material, is_soft: bool) -> Parts:
    solid = rounded(width, depth, height, material, edge=0.3) if is_soft else box(width, depth, height, material)
    return (solid,)


def _arms(width: float, height: float, material: Material) -> Parts:
    return tuple(
        part
        for x in (-1, 1)
        for part in (rod((x * width / 2, 0, height), (x * (width / 2 + 0.05), 0, height + 0.2), 0.015, material),
                     *moved([rounded(0.07, 0.28, 0.03, material)], x * (width / 2 + 0.05), 0, height + 0.2))
    )  # fmt: skip


def _tap(steel: Material) -> Parts:
    return (rod((0, 0.18, 0), (0, 0.18, 0.22), 0.015, steel), rod((0, 0.18, 0.22), (0, 0.02, 0.2), 0.012, steel))


def _curtain(dice: Dice, width: float, height: float, *, y: float, z: float) -> Parts:
    across, up = np.meshgrid(np.linspace(-0.5, 0.5, 60), np.linspace(0, 1, 4))
    folds = 0.04 * np.sin(across * width * between(dice, 25, 50) + 0.6 * np.sin(3 * up + across * 9))
    points = np.stack([across * width, folds + y, up * height + z], axis=-1)
    return (sheet(points, materials.fabric(dice)),)


def _dressed(dice: Dice, things: tuple[Thing, ...], width: float, depth: float, *, z: float) -> Parts:
    return moved(scatter(dice, things, width=width, depth=depth, count=_count(dice, 40), headroom=0.6), z=z)


def _count(dice: Dice, most: int) -> int:
    """Sometimes nothing, often a few, seldom a mess."""
    return int(most * dice.random() ** 0.7)
