"""SUN RGB-D: 10,335 frames of four sensors, from rooms of many kinds (Song et al. 2015)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import files_in, find_folders, holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, listed_pairs
from leadline.data.sources.texts import read_camera, read_lines
from leadline.depth.camera import Camera
from leadline.errors import InputError

MAX_DEPTH_M = 8.0


class SunRgbd(PairSource):
    """The folder `SUNRGBD`, or any part of it; a folder of files for each frame.

        kv1/NYUdata/NYU0001/image/NYU0001.jpg
        kv1/NYUdata/NYU0001/depth_bfx/NYU0001.png   holes filled by the authors; else depth/, as the sensor gave it
        kv1/NYUdata/NYU0001/intrinsics.txt          nine numbers, row by row, for the picture above
        kv1/NYUdata/NYU0001/scene.txt               the kind of room, such as `bedroom`

    Depth is a 16-bit PNG whose bits are rotated by three: millimetres = (level >> 3) | (level << 13). Beyond 8 m it is
    set to 8 m. Both are what `read3dPoints.m` of the authors' SUNRGBDtoolbox does.

    The data set does not say which frames show one room. Frames of `sun3ddata` share the building's folder; all others
    share a room when sensor, collection and kind of room are the same, which keeps more together than need be and so
    never parts a room. The official split (`allsplit.mat` of the toolbox) is not read: `subset` is None.
    """

    empty = "no frames here; SUN RGB-D has image/ beside depth_bfx/ or depth/ and intrinsics.txt for each frame"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether a folder at `root` or up to six levels below holds `image/`, depth and `intrinsics.txt`."""
        return holds_one(root, _is_frame, deepest=6)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        for folder in find_folders(self.root, _is_frame, deepest=6):
            depth_folder = folder / "depth_bfx" if (folder / "depth_bfx").is_dir() else folder / "depth"
            rows = [(folder.resolve().name, _only_file(folder / "image"), _only_file(depth_folder))]
            (pair,) = listed_pairs(rows, said_in=str(folder))
            inner = folder.relative_to(self.root).parent
            scene = inner.as_posix() if inner.name else self.root.resolve().name
            yield pair.frame(scene=scene, room=_room(folder, scene)), pair

    def _levels(self, pair: Pair) -> NDArray:
        levels = super()._levels(pair).astype(np.uint16)
        return (levels >> 3) | (levels << 13)

    def _depth_m(self, pair: Pair) -> NDArray[np.float32]:
        return np.minimum(super()._depth_m(pair), np.float32(MAX_DEPTH_M))

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        height, width = image.shape[:2]
        return read_camera(pair.color.parents[1] / "intrinsics.txt", columns=3, width=width, height=height)


def _room(folder: Path, scene: str) -> str:
    parts = folder.resolve().parts
    if "sun3ddata" in parts:
        return "/".join(parts[parts.index("sun3ddata") :][:2])
    path = folder / "scene.txt"
    kind = " ".join(read_lines(path)) if path.is_file() else ""
    return f"{scene}/{kind}" if kind else scene


def _only_file(folder: Path) -> Path:
    files = files_in(folder)
    if len(files) != 1:
        raise InputError(f"{folder}: a frame of SUN RGB-D has one file here, found {len(files)}; unpack it again")
    return files[0]


def _is_frame(folder: Path) -> bool:
    has_depth = (folder / "depth_bfx").is_dir() or (folder / "depth").is_dir()
    return has_depth and (folder / "image").is_dir() and (folder / "intrinsics.txt").is_file()
