"""Prepared frames: memory-mapped arrays that batches are sliced from. `data/prepare.py` writes them.

STORE/
  plan.json               what is prepared: fingerprint and ages of the source, size, depth code
  color-00000.npy         (n, 3, height, width) uint8, RGB
  depth-00000.npy         (n, height, width) uint16, levels of the depth code, 0 = hole
  shard-00000.json        the frames of this shard and their cameras; written last, so that it vouches for the arrays
  index.json              the shards; written last of all, so that it vouches for the store

Colours lie in planes, because whole planes are what mirroring, permuting and turning into floats go through quickest.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.data.depth_code import DepthCode
from leadline.data.sample import Frame
from leadline.depth.camera import Camera
from leadline.depth.framing import Framing
from leadline.errors import InputError

STORE_FORMAT = 3


@dataclass(frozen=True)
class StoredFrame:
    """A frame of a store: where it came from, and the camera of its resized picture."""

    frame: Frame
    camera: Camera | None


@dataclass(frozen=True)
class DepthSummary:
    """Share of pixels that are measured, and the 1st, 50th and 99th percentile of these in metres."""

    measured_share: float
    near_m: float
    median_m: float
    far_m: float


class Store:
    """Prepared frames; made by `prepare`, opened by `open_store`.

    Attributes:
        frames: in the order of the arrays.
        framing: size of the arrays, and how pictures were fitted into it.
        code: what the levels of depth mean.
        fingerprint: of the source.
        ages: of the source's files, when they were read.
        left_out: why frames of the source are not here, by identity.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], shards: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.framing = Framing(**plan["framing"])
        self.code = DepthCode(**plan["code"])
        self.fingerprint: str = plan["fingerprint"]
        self.ages: str = plan["ages"]
        self.frames = [_stored_frame(entry) for shard in shards for entry in shard["frames"]]
        self.left_out: dict[str, str] = {name: why for shard in shards for name, why in shard["left_out"].items()}
        counts = [len(shard["frames"]) for shard in shards]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._color = [_mapped(folder / f"color-{number:05}.npy") for number in range(len(shards))]
        self._depth = [_mapped(folder / f"depth-{number:05}.npy") for number in range(len(shards))]

    def __len__(self) -> int:
        return len(self.frames)

    def gather(
        self,
        indices: Sequence[int] | NDArray[np.int64],
        *,
        color: NDArray[np.uint8] | None = None,
        levels: NDArray[np.uint16] | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """A batch, copied out of the memory map.

        Args:
            indices: n of them, in any order.
            color: where to put the colours; new memory when None.
            levels: where to put the depth; new memory when None.

        Returns:
            Colour (n, 3, height, width) uint8 RGB, and depth (n, height, width) uint16 levels of `code`.
        """
        size = self.framing.height, self.framing.width
        color = np.empty((len(indices), 3, *size), np.uint8) if color is None else color
        levels = np.empty((len(indices), *size), np.uint16) if levels is None else levels
        for place, (one_color, one_levels) in enumerate(self.read(indices)):
            color[place] = one_color
            levels[place] = one_levels
        return color, levels

    def read(
        self, indices: Sequence[int] | NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint16]]]:
        """Colour (3, height, width) and depth (height, width) of frames as they lie in the memory map, not copied."""
        for shard, row in self._places(indices):
            yield self._color[shard][row], self._depth[shard][row]

    def read_ahead(self, indices: NDArray[np.int64]) -> None:
        """Tell the system which frames are read next; it fetches them in the background, where it can."""
        for shard, row in self._places(np.sort(indices)):
            for arrays in (self._color, self._depth):
                _will_need(arrays[shard], row)

    def into_memory(self) -> None:
        """Copy all frames into memory, once; for storage that is slow, or a map that others push out."""
        self._color = [np.array(array) for array in self._color]
        self._depth = [np.array(array) for array in self._depth]

    def positions(self) -> dict[str, int]:
        """Index of each frame by its identity."""
        return {stored.frame.identity: index for index, stored in enumerate(self.frames)}

    def median_depth_m(self, indices: Sequence[int]) -> float:
        """Median of all measured pixels of some frames, in metres: the best constant prediction for them."""
        return self.depth_summary(indices).median_m

    def depth_summary(self, indices: Sequence[int]) -> DepthSummary:
        """How deep some frames are, and how much of them is measured.

        Of each frame every fourth row and column is read, and at most 2000 frames, evenly spread.
        """
        counts = np.zeros(65_536, np.int64)
        for index in indices[:: max(1, len(indices) // 2000)]:
            levels = self.gather([index])[1][0, ::4, ::4]
            counts += np.bincount(levels.ravel(), minlength=65_536)
        measured_share = 1 - counts[0] / max(1, counts.sum())
        counts[0] = 0
        ranks = np.ceil(np.array([0.01, 0.5, 0.99]) * counts.sum()).clip(min=1)
        near_m, median_m, far_m = self.code.table[np.searchsorted(np.cumsum(counts), ranks)].tolist()
        return DepthSummary(float(measured_share), near_m, median_m, far_m)

    def _places(self, indices: Sequence[int] | NDArray[np.int64]) -> list[tuple[int, int]]:
        """Shard and row of each frame."""
        wanted = np.asarray(indices, np.int64)
        shards = np.searchsorted(self._starts, wanted, side="right") - 1
        return list(zip(shards.tolist(), (wanted - self._starts[shards]).tolist(), strict=True))


def open_store(folder: Path) -> Store | None:
    """The store in a folder, or None when there is none or it is not finished.

    Raises:
        InputError: it is damaged.
    """
    plan, index = read_json(folder / "plan.json"), read_json(folder / "index.json")
    if plan is None or index is None:
        return None
    shards = [read_json(folder / f"shard-{number:05}.json") for number in range(index["shards"])]
    if None in shards or plan.get("format") != STORE_FORMAT:
        raise InputError(f"{folder}: the store is damaged or of another version; delete the folder and prepare it anew")
    return Store(folder, plan, [shard for shard in shards if shard is not None])


def _mapped(path: Path) -> NDArray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}); delete the store's folder and prepare it anew") from error


def _will_need(array: NDArray, row: int) -> None:
    mapped: Any = array.base
    if not (isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_WILLNEED")):
        return  # in memory already, or a system without the call
    header_bytes = len(mapped) - array.nbytes
    start = header_bytes + row * array.strides[0]
    page = start - start % mmap.PAGESIZE
    mapped.madvise(mmap.MADV_WILLNEED, page, start + array.strides[0] - page)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object of the store, or None when it was not written yet."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}); delete the store's folder and prepare it anew") from error
    return content


def _stored_frame(entry: dict[str, Any]) -> StoredFrame:
    camera = entry["camera"]
    frame = Frame(**{key: value for key, value in entry.items() if key != "camera"})
    return StoredFrame(frame, None if camera is None else Camera(**camera))
