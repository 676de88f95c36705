"""Sequences of the TUM RGB-D benchmark, and recordings in its format (Sturm et al. 2012)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import find_folders, holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, listed_pairs
from leadline.data.sources.texts import read_lines
from leadline.data.sources.timestamps import associate
from leadline.depth.camera import Camera
from leadline.errors import InputError

WITHIN_S = 0.02


class TumRgbd(PairSource):
    """One sequence, or a folder of sequences.

        rgbd_dataset_freiburg1_desk/rgb.txt         rows of time in seconds and file: 1305031453.359684 rgb/....png
        rgbd_dataset_freiburg1_desk/depth.txt       the same for depth: 16-bit PNG, 5000 steps per metre, 0 is a hole

    A picture belongs to the depth map that was taken at the nearest time, less than 20 ms away, as in the benchmark's
    `associate.py`: each is used once, the closest pairs first. Pictures that no depth map belongs to are left out.
    Format and factor: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats. Depth is registered to colour.

    The colour cameras of freiburg1, 2 and 3 are the calibrated ones of that page (without their lens distortion, which
    the pictures of freiburg1 and 2 still have). Other recordings in this format have other cameras: theirs is unknown.
    All sequences of a `freiburg<N>` were taken in one place, so they are one room; any other sequence is its own.
    """

    empty = "no picture and depth map are less than 20 ms apart; are rgb.txt and depth.txt of one recording?"
    unit_m = 1 / 5000

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder up to two levels below holds `rgb.txt` and `depth.txt`."""
        return holds_one(root, _is_sequence, deepest=2)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        for folder in find_folders(self.root, _is_sequence, deepest=2):
            scene = folder.resolve().name
            place = _PLACE.search(scene)
            for pair in _pairs(folder):
                room = place[1] if place else scene
                yield pair.frame(scene=scene, room=room), pair

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        place = _PLACE.search(pair.color.resolve().parents[1].name)
        return CAMERAS[place[1]] if place and image.shape[:2] == (480, 640) else None


def _pairs(folder: Path) -> list[Pair]:
    (color_times_s, colors), (depth_times_s, depths) = (_read_table(folder / name) for name in ("rgb.txt", "depth.txt"))
    together = associate(color_times_s, depth_times_s, within=WITHIN_S)
    rows = [(Path(colors[i]).stem, folder / colors[i], folder / depths[j]) for i, j in together]
    return listed_pairs(rows, said_in=f"{folder}: rgb.txt or depth.txt")


def _read_table(path: Path) -> tuple[list[float], list[str]]:
    times_s, names = [], []
    for line in read_lines(path):
        try:
            time_s, name = line.replace(",", " ").split(maxsplit=1)
            times_s.append(float(time_s))
        except ValueError as error:
            raise InputError(f"{path}: a time in seconds and a file expected, got {line!r}") from error
        names.append(name)
    return times_s, names


def _is_sequence(folder: Path) -> bool:
    return (folder / "rgb.txt").is_file() and (folder / "depth.txt").is_file()


_PLACE = re.compile(r"(freiburg[123])")

CAMERAS = {
    "freiburg1": Camera(fx_px=517.3, fy_px=516.5, cx_px=318.6, cy_px=255.3, width=640, height=480),
    "freiburg2": Camera(fx_px=520.9, fy_px=521.0, cx_px=325.1, cy_px=249.7, width=640, height=480),
    "freiburg3": Camera(fx_px=535.4, fy_px=539.2, cx_px=320.1, cy_px=247.6, width=640, height=480),
}
"""Colour cameras of the benchmark, from its page about file formats."""
