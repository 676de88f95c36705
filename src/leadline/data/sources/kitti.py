"""KITTI's depth maps from accumulated lidar, beside the pictures of its raw recordings (Uhrig et al. 2017)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import find_folders, folders_in, holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, check_paired, pair_files
from leadline.data.sources.texts import camera_of, read_camera, read_lines
from leadline.depth.camera import Camera

Subset = Literal["train", "test"]
CAMERAS = ("image_02", "image_03")
"""The two colour cameras."""


class Kitti(PairSource):
    """A folder of depth maps and raw recordings, in it or in folders of it; or the selected validation frames.

        train/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/0000000005.png     and val/...
        2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000005.png                  the raw recording
        2011_09_26/calib_cam_to_cam.txt                                                     may be missing

        depth_selection/val_selection_cropped/groundtruth_depth/..._groundtruth_depth_0000000008_image_02.png
        depth_selection/val_selection_cropped/image/..._image_0000000008_image_02.png
        depth_selection/val_selection_cropped/intrinsics/..._image_0000000008_image_02.txt

    Depth is a 16-bit PNG of 256 steps per metre, 0 is a hole (readme.txt of the depth devkit); only about a sixth of
    the pixels are measured, none of them in the sky. Depth reaches 80 m: train with a larger `model.max_depth_m`.

    Drives whose pictures are not there at all are left out; the data set is too large to demand all of it. The raw
    recordings have five pictures more at either end than there are depth maps. `train` is the official training part,
    `val` and the selection (which was taken from it) are the test. A drive is a room; its two cameras are two scenes.
    The cameras are those of the rectified pictures (`P_rect_02`, `P_rect_03`).
    """

    empty = (
        "no frames here; depth is in train/<drive>/proj_depth/groundtruth/image_02, the pictures of the raw recording "
        "belong in <date>/<drive>/image_02/data beside it"
    )
    unit_m = 1 / 256

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder up to three levels below is a drive's with `proj_depth/`, or the selection."""
        return holds_one(root, lambda folder: _is_drive(folder) or _is_selection(folder), deepest=3)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        recordings = _recordings(self.root)
        for folder in find_folders(self.root, _is_drive, deepest=3):
            subset: Subset = "train" if folder.parent.name == "train" else "test"
            for camera in CAMERAS:
                for pair in self._pairs(folder, recordings.get(folder.name), camera):
                    yield _frame(folder.name, f"{folder.name}/{camera}", pair, subset), pair
        for folder in find_folders(self.root, _is_selection, deepest=3):
            yield from self._selected(folder)

    def _pairs(self, drive: Path, recording: Path | None, camera: str) -> list[Pair]:
        if recording is None:
            return []
        depths = drive / "proj_depth" / "groundtruth" / camera
        pairs, lonely = pair_files(recording / camera / "data", depths)
        if pairs or lonely:
            check_paired(self.root, pairs, [file for file in lonely if file.lacks == "colour"])
        return pairs

    def _selected(self, folder: Path) -> Iterator[tuple[Frame, Pair]]:
        colors, depths = folder / "image", folder / "groundtruth_depth"
        pairs, lonely = pair_files(colors, depths, color_name=_SELECTED_COLOR, depth_name=_SELECTED_DEPTH)
        check_paired(self.root, pairs, lonely)
        for pair in pairs:
            drive = pair.stem[: pair.stem.index("_sync") + len("_sync")]
            yield _frame(drive, folder.name, pair, "test"), pair

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        height, width = image.shape[:2]
        if pair.color.parent.name != "data":
            path = pair.color.parents[1] / "intrinsics" / f"{pair.color.stem}.txt"
            return read_camera(path, columns=3, width=width, height=height)
        number = pair.color.parents[1].name.removeprefix("image_")
        return _rectified_camera(pair.color.parents[3] / "calib_cam_to_cam.txt", number, image)


def _frame(drive: str, scene: str, pair: Pair, subset: Subset) -> Frame:
    return pair.frame(scene=scene, room=drive, subset=subset)


def _rectified_camera(path: Path, number: str, image: NDArray[np.uint8]) -> Camera | None:
    """Of a recording's calibration; None where there is none, or none for a picture of this size."""
    if not path.is_file():
        return None
    said = dict(line.split(":", 1) for line in read_lines(path) if ":" in line)
    height, width = image.shape[:2]
    if [float(word) for word in said.get(f"S_rect_{number}", "").split()] != [width, height]:
        return None
    words = said.get(f"P_rect_{number}", "").split()
    return camera_of(words, columns=4, width=width, height=height, name=f"{path}: P_rect_{number}")


def _recordings(root: Path) -> dict[str, Path]:
    """Folders of raw recordings by their names, from date folders at `root` or in a folder of it."""
    dates = [
        folder for base in (root, *folders_in(root)) for folder in folders_in(base) if _DATE.fullmatch(folder.name)
    ]
    return {drive.name: drive for date in dates for drive in folders_in(date)}


def _is_drive(folder: Path) -> bool:
    return (folder / "proj_depth" / "groundtruth").is_dir()


def _is_selection(folder: Path) -> bool:
    return (folder / "groundtruth_depth").is_dir() and (folder / "image").is_dir()


_DATE = re.compile(r"\d{4}_\d\d_\d\d")
_SELECTED_COLOR = r"(.+_sync)_image_(\d+_image_0[23])"
_SELECTED_DEPTH = r"(.+_sync)_groundtruth_depth_(\d+_image_0[23])"
