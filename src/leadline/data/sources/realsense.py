"""Recordings of Intel RealSense cameras as `rs-convert` takes them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import files_in, find_folders, holds_one, some_names
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, listed_pairs
from leadline.data.sources.timestamps import associate
from leadline.errors import InputError

WITHIN_MS = 20.0


class RealSense(PairSource):
    """A folder of files, or a folder of such folders; a recording is what shares the beginning of the names.

        walk_Color_1574086211203.45678901234567.png
        walk_Depth_1574086211210.12345678901234.csv     metres; or .png of 16 bits, millimetres

    `rs-convert` of librealsense names files so, with the time in milliseconds (`tools/convert/converters`). Beware of
    two things that it does:

    Its PNG of depth is a coloured picture without metres, and is refused here. Take the two streams apart by
    `rs-convert -i walk.bag -c -p walk` and `rs-convert -i walk.bag -d -v walk`; or write depth frames as 16-bit PNG.

    It does not align depth to colour. Unless the recording was aligned before (`rs2::align`), the two cameras see
    different fields of view, and the frames must not be trained on. No file says which it is.

    A picture belongs to the depth map nearest in time, less than 20 ms away; each is used once. Intrinsics are not in
    these files, so `camera` is None. A recording is a scene and a room.
    """

    empty = "no picture and depth map are less than 20 ms apart; are there *_Color_*.png and *_Depth_*.csv (or .png)?"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder in it holds files called like `*_Color_1574086211203.45.png`."""
        return holds_one(root, _holds_colors, deepest=1)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        for folder in find_folders(self.root, _holds_colors, deepest=1):
            inner = "" if folder == self.root else f"{folder.name}/"
            for recording, pair in _pairs(folder):
                scene = inner + recording
                yield pair.frame(scene=scene, room=scene), pair

    def _levels(self, pair: Pair) -> NDArray:
        if pair.depth.suffix.lower() != ".csv":
            return super()._levels(pair)
        try:
            return np.loadtxt(pair.depth, delimiter=",", dtype=np.float32, ndmin=2)
        except (OSError, ValueError) as error:
            raise InputError(f"{pair.depth}: not a table of metres ({error}); convert the recording again") from error


def _pairs(folder: Path) -> Iterator[tuple[str, Pair]]:
    """The frames of each recording in a folder."""
    found: dict[str, dict[str, list[tuple[float, Path]]]] = {}
    for path in files_in(folder):
        match = _NAME.fullmatch(path.name)
        if match and (match["stream"] == "Depth" or match["suffix"] == "png"):
            streams = found.setdefault(match["recording"], {"Color": [], "Depth": []})
            streams[match["stream"]].append((float(match["time_ms"]), path))
    for recording, streams in sorted(found.items()):
        colors, depths = streams["Color"], streams["Depth"]
        together = associate([time for time, _ in colors], [time for time, _ in depths], within=WITHIN_MS)
        rows = [(f"{colors[i][0]:.3f}", colors[i][1], depths[j][1]) for i, j in together]
        yield from ((recording, pair) for pair in listed_pairs(rows, said_in=str(folder)))


def _holds_colors(folder: Path) -> bool:
    return any(match["stream"] == "Color" for match in map(_NAME.fullmatch, some_names(folder)) if match)


_NAME = re.compile(r"(?P<recording>.+)_(?P<stream>Color|Depth)_(?P<time_ms>\d+(\.\d+)?)\.(?P<suffix>png|csv)")
