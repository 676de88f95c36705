"""NYU Depth v2 as BTS, AdaBins and their successors train and score on it (Lee et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import folders_in, holds_one, some_names
from leadline.data.sources.listed import PairSource
from leadline.data.sources.nyu_labeled import NYU_CAMERA, nyu_camera, nyu_room
from leadline.data.sources.pairing import Pair, check_paired, listed_pairs, pair_files
from leadline.data.sources.texts import read_lines
from leadline.depth.camera import Camera
from leadline.errors import InputError

Subset = Literal["train", "test"]


class BtsNyu(PairSource):
    """A folder of `sync/` (training) and `official_splits/test/`, or one of the two.

        sync/kitchen_0028b/rgb_00045.jpg                beside sync_depth_00045.png
        official_splits/test/bathroom/rgb_00045.jpg     beside sync_depth_00045.png
        nyudepthv2_train_files_with_gt.txt              may be missing; so may nyudepthv2_test_files_with_gt.txt

    Depth is a 16-bit PNG in millimetres (`bts_dataloader.py` of cleinc/bts divides it by 1000; its
    `extract_official_train_test_set_from_mat.py` writes the official part, with a black border of 6 to 8 pixels around
    the pictures and raw depth, its holes kept).

    Where a list file stands at `root` or in its `train_test_inputs/`, only the frames that it names are used, by rows
    of picture, depth and focal length in pixels. Without lists, all pairs are.

    `official_splits/train/` is read only where there is no `sync/`, whose rooms it shows again under other names. The
    room of a frame of `sync/` is its scene without the letter that counts recordings. The official parts do not say
    which room they show: their folders, the kinds of room, stand for it.
    """

    empty = "no frames here; NYU as BTS lays it out has sync/<scene>/rgb_00045.jpg beside sync_depth_00045.png"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether a folder at `root` or a few levels below holds a `sync_depth_*` file."""
        return holds_one(root, _holds_frames, deepest=4)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        self._focal_px: dict[Path, float] = {}
        for subset, folder in _parts(self.root):
            for pair in self._pairs_of(folder, subset):
                scene = Path(pair.stem).parent.as_posix() if "/" in pair.stem else folder.resolve().name
                frame = pair.frame(
                    scene=f"{folder.name}/{scene}" if subset == "test" else scene,
                    name=Path(pair.stem).name,
                    room=nyu_room(scene),
                    subset=subset,
                )
                yield frame, pair

    def _pairs_of(self, folder: Path, subset: Subset) -> list[Pair]:
        for place in (self.root, self.root / "train_test_inputs"):
            path = place / f"nyudepthv2_{subset}_files_with_gt.txt"
            if path.is_file():
                return self._pairs_in_list(path, folder)
        pairs, lonely = pair_files(folder, folder, color_name=_COLOR_NAME, depth_name=_DEPTH_NAME)
        if pairs or lonely:
            check_paired(self.root, pairs, lonely)
        return pairs

    def _pairs_in_list(self, path: Path, folder: Path) -> list[Pair]:
        rows = []
        for line in read_lines(path):
            try:
                color_name, depth_name, focal_px = line.split()
                color = folder / color_name.lstrip("/")  # the rows of sync/ begin with a slash
                self._focal_px[color] = float(focal_px)
            except ValueError as error:
                raise InputError(f"{path}: picture, depth and focal length expected, got {line!r}") from error
            stem = color.relative_to(folder).with_name(color.stem.removeprefix("rgb_"))
            rows.append((stem.as_posix(), color, folder / depth_name.lstrip("/")))
        return listed_pairs(rows, said_in=str(path))

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:
        camera, focal_px = nyu_camera(image), self._focal_px.get(pair.color)
        # The lists round NYU's own focal length; another one was meant.
        if camera is None or focal_px is None or abs(focal_px - NYU_CAMERA.fx_px) < 0.001:
            return camera
        return replace(camera, fx_px=focal_px, fy_px=focal_px)


def _parts(root: Path) -> list[tuple[Subset, Path]]:
    """The folders of the training and the testing part, at `root` or one folder deeper, else `root` as one of them."""
    for base in (root, *folders_in(root)):
        parts: list[tuple[Subset, Path]] = []
        for subset, names in _PARTS.items():
            parts += [(subset, base / name) for name in names if (base / name).is_dir()][:1]
        if parts:
            return parts
    return [("test" if root.resolve().name == "test" else "train", root)]


def _holds_frames(folder: Path) -> bool:
    return any(name.startswith("sync_depth_") for name in some_names(folder))


_PARTS: dict[Subset, tuple[str, ...]] = {
    "train": ("sync", "official_splits/train", "train"),
    "test": ("official_splits/test", "test"),
}
"""Of each part, the first that is there."""

_COLOR_NAME, _DEPTH_NAME = r"rgb_(\d+)", r"sync_depth_(\d+)"
