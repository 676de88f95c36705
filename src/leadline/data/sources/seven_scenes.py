"""Microsoft's 7-Scenes: seven rooms seen by a Kinect (Shotton et al. 2013)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import find_folders, holds_one, some_names
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, check_paired, pair_files
from leadline.data.sources.texts import read_lines


class SevenScenes(PairSource):
    """One of the scenes, a folder of them, or a sequence.

        chess/seq-01/frame-000000.color.png     640x480
        chess/seq-01/frame-000000.depth.png     16-bit millimetres; 0 and 65535 are holes
        chess/seq-01/frame-000000.pose.txt      not read
        chess/TrainSplit.txt                    rows such as `sequence3`; so TestSplit.txt: the official split

    Beware: **depth is not registered to colour** here. The two cameras of the Kinect were not calibrated to each other
    (https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes); the published focal length of 585 pixels
    and centre of (320, 240) are the depth camera's. Edges of depth lie several pixels beside those of the picture, and
    depth sees a narrower view. Fit for measuring coarsely, poor for training; register depth to colour first. The
    colour camera is not known, so `camera` is None.

    The sequences of a scene show one room.
    """

    empty = "no frames here; 7-Scenes has chess/seq-01/frame-000000.color.png beside frame-000000.depth.png"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder up to two levels below holds `frame-*.color.png` files."""
        return holds_one(root, _is_sequence, deepest=2)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        for folder in find_folders(self.root, _is_sequence, deepest=2):
            room, sequence = folder.resolve().parent.name, folder.resolve().name
            pairs, lonely = pair_files(folder, folder, color_name=_COLOR_NAME, depth_name=_DEPTH_NAME)
            check_paired(self.root, pairs, lonely)
            subset = _subset(folder.resolve())
            for pair in pairs:
                scene = f"{room}/{sequence}"
                yield pair.frame(scene=scene, room=room, subset=subset), pair

    def _levels(self, pair: Pair) -> NDArray:
        levels = super()._levels(pair)
        return np.where(levels == _NO_MEASUREMENT, 0, levels)


def _subset(sequence: Path) -> Literal["train", "test"] | None:
    number = re.search(r"\d+", sequence.name)
    for subset, name in (("train", "TrainSplit.txt"), ("test", "TestSplit.txt")):
        path = sequence.parent / name
        listed = [re.search(r"\d+", line) for line in read_lines(path)] if path.is_file() else []
        if number and int(number[0]) in [int(found[0]) for found in listed if found]:
            return "train" if subset == "train" else "test"
    return None


def _is_sequence(folder: Path) -> bool:
    return any(name.startswith("frame-") and name.endswith(".color.png") for name in some_names(folder))


_COLOR_NAME, _DEPTH_NAME = r"(frame-\d+)\.color", r"(frame-\d+)\.depth"
_NO_MEASUREMENT = 65_535
