"""ScanNet as its own reader exports it from `.sens` files (Dai et al. 2017)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import find_folders, holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, check_paired, pair_files
from leadline.data.sources.texts import read_camera, read_lines
from leadline.depth.camera import Camera

COLOR_WIDTH, COLOR_HEIGHT = 1296, 968
DEPTH_WIDTH, DEPTH_HEIGHT = 640, 480


class ScanNet(PairSource):
    """A folder of exported scans, `scans/` or its parent, or one scan.

        scene0000_00/color/0.jpg                        1296x968, or smaller
        scene0000_00/depth/0.png                        16-bit millimetres, 640x480
        scene0000_00/intrinsic/intrinsic_color.txt      4x4; else intrinsic_depth.txt; may be missing
        scannetv2_train.txt                             a list of scans, like ..._val and ..._test; may be missing

    That is what `SensReader/python/reader.py` of ScanNet/ScanNet writes with `--export_color_images`,
    `--export_depth_images` and `--export_intrinsics`. It does not scale the intrinsics along with the pictures:
    they are of 1296x968 (colour) and 640x480 (depth), and are brought to the picture's size here.

    Scans of one room (`scene0000_00`, `scene0000_01`) share it. The lists may stand at `root` or above it.
    """

    empty = "no frames here; an exported scan of ScanNet has color/0.jpg beside depth/0.png"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether a folder at `root` or up to two levels below is a scan's, with `color/` and `depth/`."""
        return holds_one(root, _is_scan, deepest=2)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        subsets = _subsets(self.root)
        for folder in find_folders(self.root, _is_scan, deepest=2):
            pairs, lonely = pair_files(folder / "color", folder / "depth")
            check_paired(self.root, pairs, lonely)
            scene = folder.resolve().name
            for pair in pairs:
                yield pair.frame(scene=scene, room=scene.rpartition("_")[0], subset=subsets.get(scene)), pair

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        camera = _camera_of(pair.color.parents[1] / "intrinsic")
        return camera and camera.scaled_to(width=image.shape[1], height=image.shape[0])


@cache
def _camera_of(folder: Path) -> Camera | None:
    color = read_camera(folder / "intrinsic_color.txt", columns=4, width=COLOR_WIDTH, height=COLOR_HEIGHT)
    return color or read_camera(folder / "intrinsic_depth.txt", columns=4, width=DEPTH_WIDTH, height=DEPTH_HEIGHT)


def _subsets(root: Path) -> dict[str, Literal["train", "test"]]:
    """Scans and their parts, as far as lists beside them tell. Validation and test scans both judge."""
    found: dict[str, Literal["train", "test"]] = {}
    for folder in (root, root.resolve().parent):
        for name in ("train", "val", "test"):
            path = folder / f"scannetv2_{name}.txt"
            if path.is_file():
                found |= dict.fromkeys(read_lines(path), "train" if name == "train" else "test")
    return found


def _is_scan(folder: Path) -> bool:
    is_called_so = re.fullmatch(r"scene\d{4}_\d\d", folder.resolve().name) is not None
    return is_called_so and (folder / "color").is_dir() and (folder / "depth").is_dir()
