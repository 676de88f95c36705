"""The proof that an exported file says what torch says: both on the same pictures, compared in metres."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.depth.framing import Framing
from leadline.depth.images import IMAGE_SUFFIXES, read_image
from leadline.errors import InputError
from leadline.inference.runtimes.contract import Network

MOST_PICTURES = 32


class Difference(NamedTuple):
    """Absolute differences between two predictions in metres, over all pixels of all pictures."""

    largest_m: float
    mean_m: float
    p999_m: float

    def __str__(self) -> str:
        return (
            f"differs from torch by at most {self.largest_m * 1000:.4f} mm, on average {self.mean_m * 1000:.4f} mm, "
            f"99.9 % of the pixels by less than {self.p999_m * 1000:.4f} mm"
        )


class Bound(NamedTuple):
    """How far an export may be from torch, as shares of the farthest depth that the model says.

    Example:
        >>> Bound(largest=1e-4, mean=1e-5).holds(Difference(0.0005, 0.00001, 0.0004), max_depth_m=10.0)
        True
        >>> Bound(largest=1e-4, mean=1e-5).holds(Difference(float("nan"), 0.0, 0.0), max_depth_m=10.0)
        False
    """

    largest: float
    mean: float

    def holds(self, difference: Difference, *, max_depth_m: float) -> bool:
        """Whether the difference is within; NaN never is."""
        return difference.largest_m <= self.largest * max_depth_m and difference.mean_m <= self.mean * max_depth_m

    def in_words(self, *, max_depth_m: float) -> str:
        """The bound in millimetres."""
        return (
            f"{self.largest * max_depth_m * 1000:g} mm for any pixel, {self.mean * max_depth_m * 1000:g} mm on average"
        )


FLOAT32 = Bound(largest=1e-4, mean=1e-5)
"""Another order of the same additions: 1 mm at 10 m, and 0.1 mm on average."""
FLOAT16_WEIGHTS = Bound(largest=2e-2, mean=1e-3)
"""Weights rounded to 11 bits: 20 cm at 10 m for the worst pixel, and 1 cm on average."""


def difference(exported: Network, original: Network, batches: Sequence[NDArray[np.float32]]) -> Difference:
    """How far two networks are from one another.

    Args:
        exported: the file, in its own runtime.
        original: torch.
        batches: (B, 3, H, W) float32 RGB in [0, 1].

    Returns:
        NaN where either said NaN.

    Example:
        >>> halves = np.full((1, 3, 4, 4), 0.5, np.float32)
        >>> difference(lambda image: image[:, :1] * 2, lambda image: image[:, :1], [halves])
        Difference(largest_m=0.5, mean_m=0.5, p999_m=0.5)
    """
    apart = np.concatenate([np.abs(exported(batch) - original(batch)).ravel() for batch in batches]).astype(np.float64)
    return Difference(float(apart.max()), float(apart.mean()), float(np.quantile(apart, 0.999)))


def read_pictures(folder: Path) -> list[NDArray[np.uint8]]:
    """At most MOST_PICTURES photographs of a folder, spread over it.

    Raises:
        InputError: no pictures there, or one that cannot be read.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InputError(f"{folder}: no pictures there ({', '.join(IMAGE_SUFFIXES)})")
    chosen = np.unique(np.linspace(0, len(paths) - 1, MOST_PICTURES).round().astype(int))
    return [read_image(paths[index]) for index in chosen]


def drawn_pictures(count: int = 4) -> list[NDArray[np.uint8]]:
    """Pictures with texture at every scale and hard edges, always the same: for who has no photographs at hand.

    Returns:
        (H, W, 3) uint8 each, upright and lying by turns.
    """
    random = np.random.default_rng(0)
    pictures = []
    for index in range(count):
        width, height = ((640, 480), (480, 640))[index % 2]
        layers = [_noise(random, cells, height=height, width=width) for cells in (3, 8, 24, 80, 240)]
        texture = np.sum([layer / 1.5**scale for scale, layer in enumerate(layers)], axis=0)
        for _ in range(6):
            top, left = random.integers(0, height * 3 // 4), random.integers(0, width * 3 // 4)
            texture[top : top + height // 4, left : left + width // 4] += random.normal(0, 60, 3)
        pictures.append((127 + texture).clip(0, 255).astype(np.uint8))
    return pictures


def framed(pictures: Sequence[NDArray[np.uint8]], framing: Framing) -> list[NDArray[np.float32]]:
    """Each picture as the network's input, (1, 3, height, width) float32 RGB in [0, 1]."""
    images = (framing.image(picture) for picture in pictures)
    return [np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255) for image in images]


def _noise(random: np.random.Generator, cells: int, *, height: int, width: int) -> NDArray[np.float64]:
    planes = [Image.fromarray(random.normal(0, 60, (cells, cells)).astype(np.float32)) for _ in range(3)]
    return np.stack([np.asarray(plane.resize((width, height)), np.float64) for plane in planes], axis=2)
