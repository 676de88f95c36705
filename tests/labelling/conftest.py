"""Teachers of a few weights, and photographs of nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.labelling.teacher import Teacher


@pytest.fixture
def photographs(tmp_path: Path) -> Callable[..., Path]:
    """Writes `count` coloured pictures of noise into a folder."""

    def write(
        name: str = "photos", *, count: int = 4, height: int = 96, width: int = 128, suffix: str = ".jpg"
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng(3)
        for number in range(count):
            coarse = generator.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((width, height)).save(folder / f"{number:04}{suffix}")
        return folder

    return write


def brightness_teacher(
    *, kind: str = "metric", ramp: float = 0.0, scale: float = 1.0, focal_per_width: float | None = None
) -> Teacher:
    """Says 1 to 3 m by brightness; `ramp` adds metres towards the right, whatever is there: a contradiction.

    `scale` multiplies them.
    """

    def answer(pictures):
        maps = []
        for picture in pictures:
            metres = 1 + picture.mean(axis=2) / 127.5 + np.linspace(0, ramp, picture.shape[1])
            maps.append((metres * scale).astype(np.float32))
        return maps

    return Teacher("brightness", "0" * 64, "none", kind, answer, focal_per_width)


@pytest.fixture
def teacher() -> Callable[..., Teacher]:
    """Makes a teacher that tells depth by brightness."""
    return brightness_teacher
