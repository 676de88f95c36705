"""The photographs to label: found, named, and those told apart that are no photographs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST_SIDE_PX = 64
LARGEST_SHARE_OF_ONE_GREY = 0.6


@dataclass(frozen=True)
class Photograph:
    """A picture file and the frame that it becomes."""

    path: Path
    scene: str
    name: str


def name_photographs(paths: Sequence[Path]) -> list[Photograph]:
    """Every folder of pictures becomes a scene of its name, every picture a frame of its stem.

    Where two folders have the same name, as many of their parents' names come before it as tell them apart. Where two
    pictures of a folder have the same stem, the suffix tells them apart.

    Example:
        >>> for photograph in name_photographs([Path("a/x.jpg"), Path("b/x.jpg"), Path("b/x.png")]):
        ...     print(photograph.scene, photograph.name)
        a x
        b x-jpg
        b x-png
    """
    scenes = _scene_names(list(dict.fromkeys(path.parent for path in paths)))
    stems = Counter((path.parent, path.stem) for path in paths)
    return [
        Photograph(
            path=path,
            scene=scenes[path.parent],
            name=path.stem if stems[path.parent, path.stem] == 1 else f"{path.stem}-{path.suffix[1:]}",
        )
        for path in paths
    ]


def why_no_photograph(image: NDArray[np.uint8]) -> str | None:
    """Why a picture is none of a room, as far as a glance can tell; None where nothing speaks against it.

    Args:
        image: (H, W, 3) uint8, RGB.

    Example:
        >>> why_no_photograph(np.full((100, 100, 3), 255, np.uint8))
        '100 % of it has one brightness: blank, a drawing or a scan'
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE_PX:
        return f"{width}x{height} pixels: too small"
    grey = np.asarray(Image.fromarray(image).convert("L"))
    counts = np.bincount(grey.ravel(), minlength=256)
    share = np.convolve(counts, np.ones(5), mode="same").max() / grey.size  # two levels to either side: JPEG's noise
    if share > LARGEST_SHARE_OF_ONE_GREY:
        return f"{share:.0%} of it has one brightness: blank, a drawing or a scan".replace("%", " %")
    return None


def _scene_names(folders: Sequence[Path]) -> dict[Path, str]:
    parts = {folder: folder.resolve().parts[1:] or ("root",) for folder in folders}
    deepest = max((len(names) for names in parts.values()), default=0)
    names: dict[Path, str] = {}
    for depth in range(1, deepest + 1):
        names = {folder: "-".join(own[-depth:]) for folder, own in parts.items()}
        if len(set(names.values())) == len(names):
            break
    return names
