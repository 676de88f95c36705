"""The pictures of a scene, for walls, screens, covers and fabrics: parts of photographs, or painted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from leadline.depth.images import open_picture
from leadline.errors import InputError
from leadline.synthesis.materials import PICTURES, Dice

SIDE_PX = 256


def draw_pictures(dice: Dice, photographs: Sequence[Path]) -> NDArray[np.float32]:
    """The pictures of a scene.

    Args:
        dice: of the scene.
        photographs: to cut them from; none: they are painted. One that cannot be read is painted instead.

    Returns:
        (PICTURES, SIDE_PX, SIDE_PX, 3) float32, linear.
    """
    shown = [_cut(dice, photographs) if photographs else _painted(dice) for _ in range(PICTURES)]
    return (np.stack(shown).astype(np.float32) / 255) ** np.float32(2.2)


def _cut(dice: Dice, photographs: Sequence[Path]) -> NDArray[np.uint8]:
    """A photograph, whole or a part of it."""
    path = photographs[int(dice.integers(len(photographs)))]
    keep, left, top = float(dice.uniform(0.35, 1)), float(dice.random()), float(dice.random())
    try:
        with open_picture(path) as photo:
            photo.draft("RGB", (2 * SIDE_PX, 2 * SIDE_PX))
            width, height = photo.size
            x, y = left * (1 - keep) * width, top * (1 - keep) * height
            part = photo.convert("RGB").resize(
                (SIDE_PX, SIDE_PX), Image.Resampling.BOX, (x, y, x + keep * width, y + keep * height)
            )
            return np.asarray(part)
    except (InputError, OSError, ValueError):
        return _painted(dice)


def _painted(dice: Dice) -> NDArray[np.uint8]:
    """Shapes and lines of writing over a slope of colour."""
    faded = float(dice.uniform(0.1, 0.8))
    palette = dice.integers(0, 256, (6, 3))
    palette = (palette * (1 - faded) + palette.mean(1, keepdims=True) * faded).astype(int)
    first, second = palette[:2]
    slope = np.linspace(0, 1, SIDE_PX)[:, None, None] * np.ones((1, SIDE_PX, 1))
    ground = (first * (1 - slope) + second * slope).astype(np.uint8)
    picture = Image.fromarray(ground)
    brush = ImageDraw.Draw(picture)
    for _ in range(int(dice.integers(3, 25))):
        x, y = dice.integers(-30, SIDE_PX, 2).tolist()
        width, height = dice.integers(5, 120, 2).tolist()
        colour = tuple(palette[int(dice.integers(6))].tolist())
        draw = (brush.ellipse, brush.rectangle)[int(dice.integers(2))]
        draw((x, y, x + width, y + height), fill=colour)
    for line in range(int(dice.integers(0, 14))):
        x, y = int(dice.integers(10, 60)), 12 + 17 * line
        while x < SIDE_PX - 40:
            word = int(dice.integers(6, 36))
            brush.rectangle((x, y, x + word, y + 7), fill=tuple(dice.integers(0, 80, 3).tolist()))
            x += word + 7
    return np.asarray(picture)
