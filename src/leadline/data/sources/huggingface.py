"""Depth sets of the Hugging Face hub, saved to disk by the package `datasets`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.data.sample import Frame, Sample
from leadline.data.sources.folders import holds_one
from leadline.data.sources.listed import ListedSource
from leadline.depth.files import metres
from leadline.errors import InputError, UsageError

Place = tuple[Any, int]


class HuggingFace(ListedSource[Place]):
    """What `save_to_disk` wrote, of one split or of all.

        dataset_dict.json       of all splits, each in a folder of its own: train/, validation/
        state.json              of a single split, beside dataset_info.json

    The columns are `image` and `depth_map`, both pictures, as in sayakpaul/nyu_depth_v2. Depth is a TIFF of float32
    metres there; 16-bit pictures are taken for millimetres. `train` is the official training part, `validation`, `val`
    and `test` are the test. Rows do not say which room they show: a split is a scene and a room, so divide frames by
    `data.split_by: official` or `frame`.

    Reading needs `pip install datasets`.
    """

    empty = "no rows here"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` holds `dataset_dict.json`, or `state.json` and `dataset_info.json`."""
        return holds_one(root, _is_saved, deepest=0)

    def _listed(self) -> Iterator[tuple[Frame, Place]]:
        for split, table in _loaded(self.root).items():
            rows = table.num_rows
            size_bytes = max(1, table.nbytes // max(1, rows))
            for row in range(rows):
                frame = Frame(
                    scene=split, name=f"{row:06d}", room=split, size_bytes=size_bytes, subset=_SUBSETS.get(split)
                )
                yield frame, (table, row)

    def _read(self, frame: Frame, place: Place) -> Sample:
        table, row = place
        name = f"{self.root}: {frame.identity}"
        said, said_depth = (table.column(column)[row].as_py() for column in ("image", "depth_map"))
        image = np.array(_picture(said, f"{name}, image").convert("RGB"))
        depth = _picture(said_depth, f"{name}, depth_map")
        if depth.mode != "F" and not depth.mode.startswith("I"):
            raise InputError(f"{name}: an 8-bit or colour picture ({depth.mode}) holds no metric depth")
        levels: NDArray = np.array(depth)
        return Sample(frame=frame, image=image, depth_m=metres(levels, unit_m=self.depth_unit_m, name=name))


def _loaded(root: Path) -> dict[str, Any]:
    """The tables by their splits; a picture is {"bytes": ..., "path": ...} there."""
    try:
        import datasets
    except ImportError as error:
        raise UsageError(f"{root}: sets of the Hugging Face hub need its package: pip install datasets") from error
    try:
        found = datasets.load_from_disk(str(root))
        sets = dict(found) if isinstance(found, datasets.DatasetDict) else {str(found.split or "all"): found}
        # The table below the set: nothing is decoded there, and nothing is computed to name what was changed.
        return {split: table.data.select(["image", "depth_map"]) for split, table in sets.items()}
    except Exception as error:  # the package raises what it likes
        raise InputError(
            f"{root}: not a depth set that `datasets` can load, with the columns image and depth_map ({error})"
        ) from error


def _picture(said: dict[str, Any], name: str) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(said["bytes"]) if said["bytes"] else said["path"])
        picture.load()
        return picture
    except Exception as error:  # decoders raise what they like on broken bytes
        raise InputError(f"{name}: damaged or missing ({error})") from error


def _is_saved(folder: Path) -> bool:
    is_one = (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()
    return is_one or (folder / "dataset_dict.json").is_file()


_SUBSETS: dict[str, Literal["train", "test"]] = {"train": "train", "validation": "test", "val": "test", "test": "test"}
