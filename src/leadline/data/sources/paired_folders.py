"""Frames in two parallel folders: the depth layout of ultralytics, and of many exports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from leadline.data.sample import Frame
from leadline.data.sources.folders import holds_one
from leadline.data.sources.listed import PairSource
from leadline.data.sources.pairing import Pair, check_paired, pair_files
from leadline.depth.files import read_depth
from leadline.errors import InputError

CARDS = ("dataset.yaml", "data.yaml")
"""Where `depth_scale` may stand, in this order."""


class PairedFolders(PairSource):
    """`images/` beside `depth/`, the same names below both.

        root/images/train/0001.jpg      or without folders in between: root/images/0001.jpg
        root/depth/train/0001.png       16-bit millimetres, or metres as .npy or TIFF of floats; 0 or NaN is a hole
        root/dataset.yaml               or data.yaml; may be missing

    A folder below `images/` is a scene, whose name is the whole path; frames without one belong to the scene that is
    called like `root`. Nothing here says which room that is, so the room is the scene: a split by room keeps scenes
    whole, and can do nothing when there is just one. If the first folder is `train`, the frame's subset is "train"; if
    it is `val`, `valid`, `validation` or `test`, it is "test".

    `depth_scale` of the YAML file is the number of steps per metre of the PNG files (1000 are millimetres, 256 is
    KITTI's); `.npy` files are not touched by it. Layout and field: ultralytics 8.4.123, pull request 25859,
    https://docs.ultralytics.com/datasets/depth.
    """

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` holds both `images/` and `depth/`."""
        return holds_one(root, _has_both, deepest=0)

    def _listed(self) -> Iterator[tuple[Frame, Pair]]:
        self._png_unit_m = _png_unit_m(self.root)
        pairs, lonely = pair_files(self.root / "images", self.root / "depth")
        check_paired(self.root, pairs, lonely)
        for pair in pairs:
            folder, _, name = pair.stem.rpartition("/")
            # A folder that is called like the data set cannot be told from no folder.
            scene = folder or self.root.resolve().name
            yield pair.frame(scene=scene, name=name, room=scene, subset=_subset(folder)), pair

    def _depth_m(self, pair: Pair) -> NDArray[np.float32]:
        unit_m = self.depth_unit_m
        if unit_m is None and pair.depth.suffix.lower() == ".png":
            unit_m = self._png_unit_m
        return read_depth(pair.depth, unit_m=unit_m)


def _has_both(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "depth").is_dir()


def _subset(folder: str) -> Literal["train", "test"] | None:
    return _SUBSETS.get(folder.partition("/")[0])


def _png_unit_m(root: Path) -> float | None:
    """Metres per step of PNG files, when one of the cards says so."""
    for path in (root / name for name in CARDS):
        try:
            said = yaml.safe_load(path.read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
        # Besides its own errors, PyYAML lets through those of the dates and bytes that it decodes.
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: not YAML that can be read ({' '.join(str(error).split())})") from error
        scale = said.get("depth_scale") if isinstance(said, dict) else None
        if scale is None:
            continue
        if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
            raise InputError(f"{path}: depth_scale must be a number of steps per metre, > 0, got {scale!r}")
        return 1 / scale
    return None


_SUBSETS: dict[str, Literal["train", "test"]] = {
    "train": "train",
    "val": "test",
    "valid": "test",
    "validation": "test",
    "test": "test",
}
