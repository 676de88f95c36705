"""What surfaces are made of: colours, a pattern, how they shine. All reflectances are linear, in [0, 1]."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace

import numpy as np

Dice = np.random.Generator
"""Where all that is left to chance comes from."""

Colour = tuple[float, float, float]

PICTURES = 12
"""Pictures that a scene has for its walls, screens, covers and fabrics."""


@dataclass(frozen=True)
class Material:
    """One surface.

    Args:
        colour: linear reflectance where the pattern says 0.
        second: linear reflectance where it says 1; a little darker than `colour` when None.
        pattern: a key of `patterns.PATTERNS`; "picture" shows a picture once, "papered" repeats it.
        scale_m: size of the pattern's motif.
        gloss: strength of highlights, and of reflections at grazing angles.
        mirror: share of light that is reflected whatever the angle.
        glow: light that it gives by itself, as a multiple of its colour.
        picture: number of the scene's picture.
        seed: where in the noise its pattern lies.
    """

    colour: Colour
    second: Colour | None = None
    pattern: str = "plain"
    scale_m: float = 0.1
    gloss: float = 0.0
    mirror: float = 0.0
    glow: float = 0.0
    picture: int = 0
    seed: float = 0.0


def between(dice: Dice, low: float | int, high: float | int) -> float:
    """A number drawn evenly from a range."""
    return float(dice.uniform(low, high))


def tone(dice: Dice, *, hue: tuple[float, float] = (0.0, 1.0), grey: float = 0.5, value: tuple[float, float]) -> Colour:
    """A colour drawn at random.

    Args:
        dice: of the scene.
        hue: range of hues, in turns.
        grey: 0 gives full colours, 1 greys.
        value: range of the brightest channel, in linear reflectance; drawn on a logarithmic scale, as things are.
    """
    low, high = value
    red, green, blue = colorsys.hsv_to_rgb(
        float(dice.uniform(*hue)) % 1,
        float(dice.random() ** 0.5) * (1 - grey),
        low * (high / low) ** float(dice.random()),
    )
    return red, green, blue


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, darker or lighter."""
    red, green, blue = (min(1.0, channel * factor) for channel in colour)
    return red, green, blue


def paint(dice: Dice) -> Material:
    """Of walls: mostly white or pale, sometimes of a strong colour, papered, of bricks or stained."""
    pale = tone(dice, hue=(0.02, 0.18), grey=float(dice.uniform(0.5, 1)), value=(0.4, 0.85))
    strong = tone(dice, grey=0.35, value=(0.15, 0.6))
    colour = pale if dice.random() < 0.75 else strong
    kind = str(dice.choice(["plain", "blots", "stripes", "papered", "bricks"], p=[0.76, 0.07, 0.06, 0.05, 0.06]))
    second = shade(colour, float(dice.uniform(0.8, 0.97)))
    return _with_luck(Material(colour, second, kind, float(dice.uniform(0.08, 0.5))), dice)


def floor(dice: Dice) -> Material:
    """Planks, tiles, carpet, stone or screed."""
    kind = str(dice.choice(["planks", "tiles", "speckle", "plain", "marble", "checks", "papered", "blots"],
                           p=[0.32, 0.2, 0.2, 0.08, 0.06, 0.04, 0.05, 0.05]))  # fmt: skip
    gloss = float(dice.uniform(0.1, 0.9)) * (kind not in ("speckle", "papered")) * (dice.random() < 0.7)
    if kind == "planks":
        return replace(wood(dice), pattern="planks", scale_m=float(dice.uniform(0.07, 0.2)), gloss=gloss)
    hue = (0.03, 0.13) if dice.random() < 0.6 else (0.0, 1.0)
    colour = tone(dice, hue=hue, grey=float(dice.uniform(0.3, 1)), value=(0.06, 0.6))
    second = shade(colour, 0.8 if kind == "marble" else float(dice.uniform(0.4, 0.85)))
    scale_m = {"tiles": dice.uniform(0.15, 0.6), "speckle": dice.uniform(0.004, 0.05)}.get(kind, dice.uniform(0.3, 0.8))
    return _with_luck(Material(colour, second, kind, float(scale_m), gloss), dice)


def wood(dice: Dice) -> Material:
    """Wood from nearly white to nearly black, or painted."""
    colour = tone(dice, hue=(0.04, 0.1), grey=0.15, value=(0.06, 0.6))
    return _with_luck(
        Material(colour, shade(colour, float(dice.uniform(0.5, 0.8))), "wood", float(dice.uniform(0.03, 0.12)),
                 gloss=float(dice.uniform(0, 0.5))), dice)  # fmt: skip


def board(dice: Dice) -> Material:
    """Of furniture: wood, white or coloured lacquer."""
    kind = dice.random()
    if kind < 0.65:
        return wood(dice)
    colour = tone(dice, grey=0.9, value=(0.5, 0.85)) if kind < 0.82 else tone(dice, grey=0.2, value=(0.02, 0.6))
    return _with_luck(Material(colour, shade(colour, 0.9), "plain", 0.5, gloss=float(dice.uniform(0, 0.6))), dice)


def fabric(dice: Dice) -> Material:
    """Woven, striped, checked, dotted, leather or with a picture's pattern."""
    kind = str(dice.choice(["weave", "stripes", "checks", "dots", "plain", "papered", "blots"],
                           p=[0.35, 0.12, 0.08, 0.08, 0.12, 0.17, 0.08]))  # fmt: skip
    colour = tone(dice, grey=float(dice.uniform(0, 0.8)), value=(0.02, 0.7))
    second = tone(dice, grey=0.3, value=(0.05, 0.7)) if dice.random() < 0.4 else shade(colour, 0.6)
    scale_m = dice.uniform(0.003, 0.01) if kind == "weave" else dice.uniform(0.02, 0.2)
    gloss = 0.4 if kind == "plain" else 0.0
    return _with_luck(Material(colour, second, kind, float(scale_m), gloss), dice)


def plastic(dice: Dice) -> Material:
    """Of things in use: any colour, often black, grey or white."""
    kind = dice.random()
    grey = 0.95 if kind < 0.5 else 0.1
    value = (0.01, 0.06) if kind < 0.25 else (0.1, 0.8)
    colour = tone(dice, grey=grey, value=value)
    return _with_luck(Material(colour, shade(colour, 0.85), "plain", 0.1, gloss=float(dice.uniform(0.1, 0.8))), dice)


def metal(dice: Dice) -> Material:
    """Steel, chrome, brass or painted black."""
    dark = dice.random() < 0.35
    colour = tone(dice, hue=(0.08, 0.14), grey=0.85, value=(0.02, 0.05) if dark else (0.3, 0.6))
    return _with_luck(
        Material(
            colour, shade(colour, 0.8), "plain", 0.1, gloss=0.9, mirror=0.0 if dark else float(dice.uniform(0, 0.5))
        ),
        dice,
    )


def ceramic(dice: Dice) -> Material:
    """White mostly."""
    colour = tone(dice, grey=0.95, value=(0.6, 0.85)) if dice.random() < 0.8 else tone(dice, grey=0.2, value=(0.1, 0.7))
    return Material(colour, shade(colour, 0.95), gloss=0.9)


def leaf(dice: Dice) -> Material:
    """Green of plants."""
    colour = tone(dice, hue=(0.2, 0.38), grey=0.25, value=(0.06, 0.35))
    return _with_luck(Material(colour, shade(colour, 0.6), "stripes", 0.015, gloss=0.2), dice)


def skin(dice: Dice) -> Material:
    """Of people."""
    colour = tone(dice, hue=(0.03, 0.08), grey=0.35, value=(0.1, 0.6))
    return Material(colour, shade(colour, 0.85), "blots", 0.05)


def picture(dice: Dice, *, glow: float = 0.0, gloss: float = 0.1) -> Material:
    """One of the scene's pictures, once over the whole part: a poster, a cover, a screen."""
    return Material((1.0, 1.0, 1.0), pattern="picture", glow=glow, gloss=gloss, picture=int(dice.integers(PICTURES)))


def paper(dice: Dice) -> Material:
    """A page of text."""
    return _with_luck(Material((0.8, 0.8, 0.78), (0.08, 0.08, 0.1), "text", float(dice.uniform(0.005, 0.012))), dice)


def screen(dice: Dice) -> Material:
    """Of a monitor, on or off."""
    if dice.random() < 0.5:
        return picture(dice, glow=float(dice.uniform(0.5, 1.5)), gloss=0.5)
    return Material((0.01, 0.01, 0.012), gloss=0.9, mirror=0.04)


def looking_glass() -> Material:
    """A mirror: its depth is that of the glass."""
    return Material((0.05, 0.05, 0.05), mirror=0.9)


def lamp(colour: Colour, glow: float) -> Material:
    """A surface that gives light."""
    return Material(colour, colour, glow=glow)


def _with_luck(material: Material, dice: Dice) -> Material:
    return replace(material, seed=float(dice.uniform(0, 500)))
