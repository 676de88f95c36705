"""Frames prepared once: decoded, resized and checked, in memory-mapped arrays that batches are sliced from.

STORE/
  plan.json               what is being prepared: fingerprint, size, depth code
  color-00000.npy         (n, height, width, 3) uint8, RGB
  depth-00000.npy         (n, height, width) uint16, levels of the depth code, 0 = hole
  shard-00000.json        the frames of this shard and their cameras; written last, so that it vouches for the arrays
  index.json              the shards; written last of all, so that it vouches for the store
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.atomic import atomic_write
from leadline.data.depth_code import DepthCode
from leadline.data.sample import Frame, Source, fingerprint
from leadline.depth.camera import Camera
from leadline.depth.framing import Framing
from leadline.errors import InputError

SHARD_FRAMES = 512
STORE_FORMAT = 1


@dataclass(frozen=True)
class StoredFrame:
    """A frame of a store: where it came from, and the camera of its resized picture."""

    frame: Frame
    camera: Camera | None


class Store:
    """Prepared frames, memory-mapped; made by `prepare`, opened by `open_store`.

    Attributes:
        frames: in the order of the arrays.
        framing: size of the arrays, and how pictures were fitted into it.
        code: what the levels of depth mean.
        fingerprint: of the source.
        left_out: why frames of the source are not here, by identity.
    """

    def __init__(self, folder: Path, plan: dict[str, Any], shards: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.framing = Framing(**plan["framing"])
        self.code = DepthCode(**plan["code"])
        self.fingerprint: str = plan["fingerprint"]
        self.frames = [_stored_frame(entry) for shard in shards for entry in shard["frames"]]
        self.left_out: dict[str, str] = {name: why for shard in shards for name, why in shard["left_out"].items()}
        counts = [len(shard["frames"]) for shard in shards]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._color = [_mapped(folder / f"color-{number:05}.npy") for number in range(len(shards))]
        self._depth = [_mapped(folder / f"depth-{number:05}.npy") for number in range(len(shards))]

    def __len__(self) -> int:
        return len(self.frames)

    def gather(self, indices: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """A batch, copied out of the memory map.

        Returns:
            Colour (n, height, width, 3) uint8 RGB, and depth (n, height, width) uint16 levels of `code`.
        """
        height, width = self.framing.height, self.framing.width
        color = np.empty((len(indices), height, width, 3), np.uint8)
        levels = np.empty((len(indices), height, width), np.uint16)
        for place, index in enumerate(indices):
            shard = int(np.searchsorted(self._starts, index, side="right")) - 1
            row = index - int(self._starts[shard])
            color[place] = self._color[shard][row]
            levels[place] = self._depth[shard][row]
        return color, levels

    def positions(self) -> dict[str, int]:
        """Index of each frame by its identity."""
        return {stored.frame.identity: index for index, stored in enumerate(self.frames)}

    def median_depth_m(self, indices: Sequence[int]) -> float:
        """Median of all measured pixels of some frames, in metres: the best constant prediction for them.

        Of each frame every fourth row and column is read, and at most 2000 frames, evenly spread.
        """
        counts = np.zeros(65_536, np.int64)
        for index in indices[:: max(1, len(indices) // 2000)]:
            levels = self.gather([index])[1][0, ::4, ::4]
            counts += np.bincount(levels.ravel(), minlength=65_536)
        counts[0] = 0
        middle = int(np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2))
        return float(self.code.table()[middle])


def prepare(
    source: Source,
    folder: Path,
    *,
    framing: Framing,
    code: DepthCode,
    workers: int,
    skip_bad_frames: bool = False,
    advance: Callable[[int], None] = lambda _frames: None,
) -> Store:
    """Write a store of all frames of a source, or go on with one whose preparation was interrupted.

    Args:
        source: where the frames are.
        folder: of the store; made when it is missing.
        framing: size of the arrays.
        code: of the depth.
        workers: threads that decode.
        skip_bad_frames: leave unusable frames out, and say why in `left_out`.
        advance: called with the number of frames done since the last call.

    Raises:
        InputError: frames that cannot be used (the first ten are named), or a folder that holds another store.
        OutputError: no space or no permission; what is there stays usable to go on with.
    """
    plan = {
        "format": STORE_FORMAT,
        "fingerprint": fingerprint(source.frames),
        "framing": asdict(framing),
        "code": asdict(code),
        "shard_frames": SHARD_FRAMES,
    }
    _begin(folder, plan)
    groups = [source.frames[start : start + SHARD_FRAMES] for start in range(0, len(source.frames), SHARD_FRAMES)]
    shards = []
    with ThreadPoolExecutor(workers) as pool:
        for number, frames in enumerate(groups):
            shard = _read_json(folder / f"shard-{number:05}.json")
            if shard is None:
                shard = _write_shard(source, frames, folder, number, plan, pool, skip_bad_frames, advance)
            else:
                advance(len(frames))
            shards.append(shard)
    _write_json(folder / "index.json", {"shards": len(shards)})
    return Store(folder, plan, shards)


def open_store(folder: Path) -> Store | None:
    """The store in a folder, or None when there is none or it is not finished.

    Raises:
        InputError: it is damaged.
    """
    plan, index = _read_json(folder / "plan.json"), _read_json(folder / "index.json")
    if plan is None or index is None:
        return None
    shards = [_read_json(folder / f"shard-{number:05}.json") for number in range(index["shards"])]
    if None in shards or plan.get("format") != STORE_FORMAT:
        raise InputError(f"{folder}: the store is damaged or of another version; delete the folder and prepare it anew")
    return Store(folder, plan, [shard for shard in shards if shard is not None])


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    earlier = _read_json(folder / "plan.json")
    if earlier is None:
        _write_json(folder / "plan.json", plan)
    elif earlier != plan:
        changed = ", ".join(key for key in plan if earlier.get(key) != plan[key])
        raise InputError(
            f"{folder}: holds a store of other frames or another size (differs in: {changed}); the source has changed, "
            f"or the folder belongs to something else. Delete it, or choose another."
        )


def _write_shard(
    source: Source,
    frames: Sequence[Frame],
    folder: Path,
    number: int,
    plan: dict[str, Any],
    pool: ThreadPoolExecutor,
    skip_bad_frames: bool,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    framing, code = Framing(**plan["framing"]), DepthCode(**plan["code"])

    def read(frame: Frame) -> tuple[NDArray[np.uint8], NDArray[np.uint16], Camera | None] | str:
        try:
            sample = source.read(frame)
        except InputError as error:
            return str(error)
        finally:
            advance(1)
        camera = None if sample.camera is None else framing.camera(sample.camera)
        return framing.image(sample.image), code.levels(framing.depth(sample.depth_m)), camera

    results = list(zip(frames, pool.map(read, frames), strict=True))
    left_out = {frame.identity: result for frame, result in results if isinstance(result, str)}
    if left_out and not skip_bad_frames:
        raise InputError(_bad_frames(left_out, number))
    good = [(frame, result) for frame, result in results if not isinstance(result, str)]
    size = (len(good), framing.height, framing.width)
    _write_array(folder / f"color-{number:05}.npy", [result[0] for _, result in good], (*size, 3), np.uint8)
    _write_array(folder / f"depth-{number:05}.npy", [result[1] for _, result in good], size, np.uint16)
    entries = [
        {**asdict(frame), "camera": None if camera is None else asdict(camera)} for frame, (_, _, camera) in good
    ]
    shard = {"frames": entries, "left_out": left_out}
    _write_json(folder / f"shard-{number:05}.json", shard)
    return shard


def _bad_frames(left_out: dict[str, str], number: int) -> str:
    shown = "\n  ".join(list(left_out.values())[:10])
    more = f"\n  and {len(left_out) - 10} more" if len(left_out) > 10 else ""
    so_far = " so far" if number else ""
    return (
        f"{len(left_out)} frames cannot be used{so_far}:\n  {shown}{more}\n"
        f"Mend or remove them, or leave them out with --data.skip-bad-frames."
    )


def _write_array(path: Path, rows: list[NDArray], shape: tuple[int, ...], kind: type) -> None:
    array = np.stack(rows) if rows else np.zeros(shape, kind)
    with atomic_write(path) as part:
        np.save(part, array)


def _mapped(path: Path) -> NDArray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}); delete the store's folder and prepare it anew") from error


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as part:
        part.write_text(json.dumps(content), encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any] | None:
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
