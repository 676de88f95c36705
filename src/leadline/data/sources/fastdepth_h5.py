"""NYU Depth v2 as FastDepth and sparse-to-dense pack it: one HDF5 file per frame (Wofk et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from leadline.data.sample import Frame, Sample
from leadline.data.sources.folders import files_in, find_folders, holds_one, some_names
from leadline.data.sources.hdf5 import opened_hdf5
from leadline.data.sources.listed import ListedSource
from leadline.data.sources.nyu_labeled import nyu_camera, nyu_room
from leadline.depth.files import metres
from leadline.errors import InputError


class FastDepthH5(ListedSource[Path]):
    """A folder `nyudepthv2` with `train/` and `val/`, or one of the two.

        train/basement_0001a/00001.h5       `rgb` (3, 480, 640) uint8 and `depth` (480, 640) float32, metres
        val/official/00001.h5               the official test set, 654 frames

    The data sets and their axes are what `dataloaders/dataloader.py` of dwofk/fast-depth reads. The room of a training
    frame is its scene without the letter that counts recordings; the testing frames, whose rooms are not told, share
    one. Frames below neither `train` nor `val` belong to no official split.

    Each file is opened for its frame only. Reading needs h5py.
    """

    empty = "no frames here; FastDepth's NYU has train/<scene>/00001.h5 and val/official/00001.h5"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether a folder at `root` or up to three levels below holds `.h5` files."""
        return holds_one(root, _holds_frames, deepest=3)

    def _listed(self) -> Iterator[tuple[Frame, Path]]:
        for folder in find_folders(self.root, _holds_frames, deepest=3):
            scene = folder.relative_to(self.root).as_posix() if folder != self.root else folder.resolve().name
            part = folder.resolve().parent.name
            for path in files_in(folder):
                if path.suffix.lower() == ".h5":
                    status = path.stat()
                    frame = Frame(
                        scene=scene,
                        name=path.stem,
                        room=nyu_room(folder.resolve().name),
                        size_bytes=status.st_size,
                        subset=_SUBSETS.get(part),
                        modified_ns=status.st_mtime_ns,
                    )
                    yield frame, path

    def _read(self, frame: Frame, place: Path) -> Sample:
        with opened_hdf5(place) as file:
            try:
                image = np.ascontiguousarray(np.asarray(file["rgb"]).transpose(1, 2, 0))
                levels = np.asarray(file["depth"])
            except Exception as error:  # HDF5 has many ways to say that bytes are missing
                raise InputError(f"{place}: holds no rgb (3, H, W) and depth (H, W) to read ({error})") from error
        unit_m = 1.0 if self.depth_unit_m is None else self.depth_unit_m
        depth_m = metres(levels, unit_m=unit_m, name=str(place))
        return Sample(frame=frame, image=image, depth_m=depth_m, camera=nyu_camera(image))


def _holds_frames(folder: Path) -> bool:
    return any(name.endswith(".h5") for name in some_names(folder))


_SUBSETS: dict[str, Literal["train", "test"]] = {"train": "train", "val": "test"}
