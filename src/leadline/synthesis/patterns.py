"""Procedural patterns: how far a surface is from its first colour to its second, from where on it one looks.

All is vectorised over hit points of many surfaces. `u` and `v` are in units of the motif (`Material.scale_m`), moved by
the surface's own seed, so that no two pieces of wood are alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pattern = Callable[[NDArray, NDArray], NDArray]
"""(n,) u and (n,) v to (n,) in [0, 1]."""


def cloud(u: NDArray, v: NDArray) -> NDArray:
    """Smooth noise over all scales down to the motif's 16th, in [0, 1]; repeats after 32 motifs.

    Args:
        u: (n,) in motifs.
        v: (n,) in motifs.
    """
    side = _CLOUD.shape[0]
    x, y = u * np.float32(side / 32), v * np.float32(side / 32)
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    x, y = x - left, y - top
    left, top = left & (side - 1), top & (side - 1)
    right, below = (left + 1) & (side - 1), (top + 1) & (side - 1)
    upper = _CLOUD[top, left] * (1 - x) + _CLOUD[top, right] * x
    lower = _CLOUD[below, left] * (1 - x) + _CLOUD[below, right] * x
    return upper * (1 - y) + lower * y


def chance(u: NDArray, v: NDArray) -> NDArray:
    """A number in [0, 1) for each cell of a grid of whole numbers: the same for all of a cell."""
    return _WHITE[np.floor(v).astype(np.int32) & 255, np.floor(u).astype(np.int32) & 255]


def plain(u: NDArray, v: NDArray) -> NDArray:
    """Nearly even."""
    return 0.2 * cloud(u * 0.5, v * 0.5)


def blots(u: NDArray, v: NDArray) -> NDArray:
    """Clouds with edges: stains, worn paint, leather."""
    return np.clip(4 * cloud(u, v) - 1.5, 0, 1)


def speckle(u: NDArray, v: NDArray) -> NDArray:
    """Grains: carpet, terrazzo."""
    return 0.7 * chance(u, v) + 0.3 * cloud(u * 0.1, v * 0.1)


def wood(u: NDArray, v: NDArray) -> NDArray:
    """Grain along u."""
    rings = np.sin(12 * v + 16 * cloud(u * 0.06, v * 0.5))
    return 0.35 + 0.25 * rings + 0.4 * cloud(u * 0.4, v * 9)


def planks(u: NDArray, v: NDArray) -> NDArray:
    """Boards of one motif's width, each of its own shade, with gaps."""
    row = np.floor(v)
    along = u / 7 + chance(row, row * 0 + 3)
    board = chance(along, row)
    grain = wood(u * 2 + 50 * board, v * 2)
    return np.where(_gap(v, 0.03) | _gap(along, 0.006), 1.0, 0.55 * board + 0.35 * grain)


def tiles(u: NDArray, v: NDArray) -> NDArray:
    """Squares with joints."""
    return np.where(_gap(u, 0.025) | _gap(v, 0.025), 1.0, 0.2 * chance(u, v) + 0.25 * cloud(u * 2, v * 2))


def bricks(u: NDArray, v: NDArray) -> NDArray:
    """Rows of oblongs, each moved by half against the last."""
    row = np.floor(v)
    along = u / 2.5 + 0.5 * (row % 2)
    return np.where(_gap(v, 0.1) | _gap(along, 0.04), 1.0, 0.5 * chance(along, row) + 0.2 * cloud(u * 3, v * 3))


def checks(u: NDArray, v: NDArray) -> NDArray:
    """A chessboard."""
    return (np.floor(u) + np.floor(v)) % 2


def stripes(u: NDArray, v: NDArray) -> NDArray:
    """Upright stripes of changing width."""
    return np.where((u + 0.3 * chance(u, v * 0)) % 1 < 0.5, 0.0, 1.0)


def dots(u: NDArray, v: NDArray) -> NDArray:
    """Round dots."""
    return np.where((u % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < 0.08, 1.0, 0.0)


def marble(u: NDArray, v: NDArray) -> NDArray:
    """Veins."""
    return np.abs(np.sin(3 * u + 14 * cloud(u, v))) ** 0.4


def weave(u: NDArray, v: NDArray) -> NDArray:
    """Threads over and under."""
    return 0.4 + 0.3 * np.sin(6.28 * u) * np.sin(6.28 * v) + 0.3 * cloud(u * 0.05, v * 0.05)


def text(u: NDArray, v: NDArray) -> NDArray:
    """Lines of words."""
    line = np.floor(v)
    inked = (v % 1 < 0.55) & (chance(u / 4, line) < 0.8) & (chance(u * 1.7, line) < 0.75)
    return np.where(inked & (chance(line, line * 0 + 9) < 0.85), 1.0, 0.0)


def keys(u: NDArray, v: NDArray) -> NDArray:
    """A keyboard."""
    return np.where(_gap(u, 0.2) | _gap(v, 0.2), 0.0, 1.0)


PATTERNS: dict[str, Pattern] = {
    "plain": plain,
    "blots": blots,
    "speckle": speckle,
    "wood": wood,
    "planks": planks,
    "tiles": tiles,
    "bricks": bricks,
    "checks": checks,
    "stripes": stripes,
    "dots": dots,
    "marble": marble,
    "weave": weave,
    "text": text,
    "keys": keys,
}
"""By the name that a material gives. "picture" and "papered" are no patterns: they read the scene's pictures."""


def _gap(x: NDArray, width: float) -> NDArray:
    return x % 1 < width


def _make_cloud(side: int = 512) -> NDArray:
    dice = np.random.default_rng(0)
    total = np.zeros((side, side))
    for octave in range(5):
        cells = 32 << octave
        coarse = dice.random((cells, cells))
        place = np.arange(side) * cells / side
        low = place.astype(int)
        weight = (place - low) ** 2 * (3 - 2 * (place - low))
        high = (low + 1) % cells
        rows = coarse[low] * (1 - weight)[:, None] + coarse[high] * weight[:, None]
        total += (rows[:, low] * (1 - weight) + rows[:, high] * weight) * 0.55**octave
    spread = np.percentile(total, [1, 99])
    return np.clip((total - spread[0]) / (spread[1] - spread[0]), 0, 1).astype(np.float32)


_CLOUD = _make_cloud()
_WHITE = np.random.default_rng(1).random((256, 256)).astype(np.float32)
