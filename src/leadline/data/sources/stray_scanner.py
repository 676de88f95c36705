"""Recordings of the Stray Scanner app, made with the LiDAR of a phone or tablet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import files_in, find_folders, holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, check_paired, listed_pairs, pair_files
from leadline.data.sources.texts import read_camera
from leadline.data.sources.video import read_video_frame, video_times
from leadline.depth.camera import Camera
from leadline.depth.images import read_image
from leadline.errors import InputError

VIDEO_WIDTH, VIDEO_HEIGHT = 1920, 1440


class StrayScanner(PairSource):
    """One recording, or a folder of them.

        71de12f9/rgb.mp4                    HEVC; else pictures in 71de12f9/rgb/000000.png
        71de12f9/depth/000000.png           192x256, 16-bit millimetres (.npy in old recordings): one for each picture
        71de12f9/confidence/000000.png      0, 1 or 2 for each depth; may be missing
        71de12f9/camera_matrix.csv          3x3, for the video's 1920x1440

    Format: docs/format.md of strayrobots/scanner. Depth of confidence 0 is a hole.

    Frames of the video are read with PyAV (`pip install 'leadline[video]'`), by their number. That decodes from the
    last key frame each time; pictures are quicker:
    `mkdir rgb && ffmpeg -noautorotate -i rgb.mp4 -fps_mode passthrough -start_number 0 rgb/%06d.png`.

    A recording is a scene and a room; recordings of one room cannot be told from others.
    """

    empty = "no frames here; a recording of Stray Scanner has rgb.mp4 (or rgb/), depth/000000.png and camera_matrix.csv"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder in it holds `camera_matrix.csv` and `depth/`."""
        return holds_one(root, _is_recording, deepest=1)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        self._times: dict[Path, list[int]] = {}
        for folder in find_folders(self.root, _is_recording, deepest=1):
            scene = folder.resolve().name
            for pair in _pairs(folder):
                yield pair.frame(scene=scene, room=scene), pair

    def _image(self, pair: Pair) -> NDArray[np.uint8]:
        if pair.color.name != _VIDEO:
            return super()._image(pair)
        if pair.color not in self._times:  # two threads may both find out: the same
            self._times[pair.color] = video_times(pair.color)
        return read_video_frame(pair.color, int(pair.stem), times=self._times[pair.color])

    def _levels(self, pair: Pair) -> NDArray:
        levels = super()._levels(pair)
        path = pair.depth.parents[1] / "confidence" / f"{pair.stem}.png"
        if not path.is_file():
            return levels
        confidence = read_image(path)[:, :, 0]
        if confidence.shape != levels.shape:
            raise InputError(f"{path}: confidence is {confidence.shape}, but depth {levels.shape}; remove one of them")
        return np.where(confidence > 0, levels, 0)

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        folder = pair.depth.parents[1]
        camera = read_camera(folder / "camera_matrix.csv", columns=3, width=VIDEO_WIDTH, height=VIDEO_HEIGHT)
        return camera and camera.scaled_to(width=image.shape[1], height=image.shape[0])


def _pairs(folder: Path) -> list[Pair]:
    """The frames of a recording: pictures where somebody extracted them, else numbers of the video's frames."""
    if (folder / "rgb").is_dir():
        pairs, lonely = pair_files(folder / "rgb", folder / "depth")
        check_paired(folder, pairs, lonely)
        return pairs
    depths = [path for path in files_in(folder / "depth") if path.stem.isdecimal()]
    return listed_pairs(((path.stem, folder / _VIDEO, path) for path in depths), said_in=f"{folder}: depth/")


def _is_recording(folder: Path) -> bool:
    return (folder / "camera_matrix.csv").is_file() and (folder / "depth").is_dir()


_VIDEO = "rgb.mp4"
