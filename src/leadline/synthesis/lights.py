"""Lights: flat or round sources that cast soft shadows, and the light that comes from everywhere."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.synthesis.materials import Colour, Dice


@dataclass(frozen=True)
class Light:
    """A parallelogram that shines.

    Args:
        centre: (3,) metres.
        half_sides: (2, 3) metres, from the centre to the middles of two sides.
        colour: radiant intensity: irradiance at one metre.
        facing: (3,) unit vector; nothing shines backwards. None shines everywhere.
        is_far: the sun: its light does not get weaker with distance.
    """

    centre: NDArray
    half_sides: NDArray
    colour: Colour
    facing: NDArray | None = None
    is_far: bool = False


def ceiling_lights(dice: Dice, width: float, depth: float, height: float, *, panels: bool) -> list[Light]:
    """Lamps under the ceiling: one to four of them, lit alike.

    Args:
        dice: of the scene.
        width: of the room.
        depth: of the room.
        height: of the room.
        panels: flat panels that shine down, or balls.
    """
    columns, rows = (1 if width < 4 else 2), (1 if depth < 5 else 2)
    colour = warmth(dice, float(dice.uniform(2.5, 6)))
    size = np.array([[0.3, 0, 0], [0, 0.6, 0]]) if panels else np.array([[0.12, 0, 0], [0, 0.12, 0]])
    down = np.array([0, 0, -1.0]) if panels else None
    drop = 0.02 if panels else float(dice.uniform(0.1, 0.6))
    return [
        Light(np.array([x * width, y * depth, height - drop]), size, colour, down)
        for x in np.linspace(-0.5, 0.5, columns + 2)[1:-1]
        for y in np.linspace(-0.5, 0.5, rows + 2)[1:-1]
    ]


def daylight(dice: Dice, centre: NDArray, half_sides: NDArray, inward: NDArray) -> Light:
    """The sky in a window."""
    area = 4 * float(np.prod(np.linalg.norm(half_sides, axis=1)))
    return Light(centre, half_sides, cold(dice, area * float(dice.uniform(1, 4))), inward)


def sunlight(dice: Dice, centre: NDArray, inward: NDArray) -> Light:
    """The sun through a window, on a part of the floor."""
    aside, up = float(dice.uniform(-0.8, 0.8)), float(dice.uniform(0.3, 1.1))
    side = np.array([-inward[1], inward[0], 0.0])
    towards = -inward + aside * side + np.array([0, 0, up])
    away = 60 * towards / np.linalg.norm(towards)
    return Light(centre + away, np.eye(3)[:2] * 0.5, warmth(dice, float(dice.uniform(1, 5))), is_far=True)


def warmth(dice: Dice, power: float) -> Colour:
    """Light of a lamp, from yellow to white."""
    red, green, blue = colorsys.hsv_to_rgb(float(dice.uniform(0.07, 0.14)), float(dice.uniform(0, 0.45)), power)
    return red, green, blue


def cold(dice: Dice, power: float) -> Colour:
    """Light of the sky, from white to blue."""
    red, green, blue = colorsys.hsv_to_rgb(float(dice.uniform(0.55, 0.62)), float(dice.uniform(0, 0.25)), power)
    return red, green, blue
