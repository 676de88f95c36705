"""Frames in two parallel folders: the depth layout of ultralytics, and of many exports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml

from leadline.data.sample import Frame, Sample
from leadline.data.sources.pairing import Pair, check_paired, pair_files
from leadline.depth.files import read_depth
from leadline.depth.images import read_image
from leadline.errors import InputError

CARDS = ("dataset.yaml", "data.yaml")
"""Where `depth_scale` may stand, in this order."""


class PairedFolders:
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

    Args:
        root: the folder that holds `images/` and `depth/`.
        depth_unit_m: metres per step of every depth file, whatever the YAML file or the format says.

    Raises:
        InputError: no frame, a file without its partner, or a YAML file that cannot be understood.
    """

    root: Path
    frames: Sequence[Frame]

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` holds both `images/` and `depth/`."""
        try:
            return (root / "images").is_dir() and (root / "depth").is_dir()
        except OSError:
            return False

    def __init__(self, root: Path, *, depth_unit_m: float | None = None) -> None:
        self.root = Path(root)
        self.depth_unit_m = depth_unit_m
        self._png_unit_m = _png_unit_m(self.root)
        pairs, lonely = pair_files(self.root / "images", self.root / "depth")
        check_paired(self.root, pairs, lonely)
        self._pairs: dict[str, Pair] = {}
        frames = []
        for pair in pairs:
            folder, _, name = pair.stem.rpartition("/")
            scene = folder or self.root.resolve().name
            frame = pair.frame(scene=scene, name=name, room=scene, subset=_subset(folder))
            if frame.identity in self._pairs:
                raise InputError(
                    f"{self.root}: images/{name}.* and images/{scene}/{name}.* cannot be told apart, because the "
                    f"folder {scene} is called like the data set; rename one of them"
                )
            self._pairs[frame.identity] = pair
            frames.append(frame)
        self.frames = tuple(frames)

    def read(self, frame: Frame) -> Sample:
        """Read one of `frames`; safe to call from many threads and processes.

        Raises:
            InputError: the frame cannot be used; the message names the file and the cause.
        """
        pair = self._pairs[frame.identity]
        unit_m = self.depth_unit_m
        if unit_m is None and pair.depth.suffix.lower() == ".png":
            unit_m = self._png_unit_m
        return Sample(frame=frame, image=read_image(pair.color), depth_m=read_depth(pair.depth, unit_m=unit_m))


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
