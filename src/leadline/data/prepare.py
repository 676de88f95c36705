"""Writing a store: each frame decoded, checked and resized once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.atomic import atomic_write, check_space, only_one, sweep
from leadline.data.depth_code import DepthCode
from leadline.data.sample import Frame, Source, ages, fingerprint
from leadline.data.store import STORE_FORMAT, Store, read_json
from leadline.depth.camera import Camera
from leadline.depth.framing import Framing
from leadline.errors import InputError
from leadline.parallel import in_order

SHARD_FRAMES = 512


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
        "ages": ages(source.frames),
        "framing": asdict(framing),
        "code": asdict(code),
        "shard_frames": SHARD_FRAMES,
    }
    # Two trainings that begin at once: one prepares, the other waits and finds the store ready.
    with only_one(folder / ".lock"):
        sweep(folder)
        _begin(folder, plan)
        groups = [source.frames[start : start + SHARD_FRAMES] for start in range(0, len(source.frames), SHARD_FRAMES)]
        missing = [len(frames) for number, frames in enumerate(groups) if not _shard_file(folder, number).exists()]
        check_space(
            folder,
            needed_bytes=sum(missing) * frame_bytes(framing),
            name="the store",
            instead="choose another folder, or a smaller size",
        )
        shards = []
        for number, frames in enumerate(groups):
            shard = read_json(_shard_file(folder, number))
            if shard is None:
                shard = _write_shard(source, frames, folder, number, plan, workers, skip_bad_frames, advance)
            else:
                advance(len(frames))
            shards.append(shard)
        _write_json(folder / "index.json", {"shards": len(shards)})
    return Store(folder, plan, shards)


def frame_bytes(framing: Framing) -> int:
    """Bytes of a prepared frame."""
    return framing.height * framing.width * (3 * np.dtype(np.uint8).itemsize + np.dtype(np.uint16).itemsize)


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    earlier = read_json(folder / "plan.json")
    # A plan without a shard is that of frames which were found unusable, and may have been mended since.
    if earlier is None or not any(folder.glob("shard-*.json")):
        _write_json(folder / "plan.json", plan)
    elif earlier != plan:
        changed = ", ".join(key for key in plan if earlier.get(key) != plan[key])
        raise InputError(
            f"{folder}: holds a store of other frames or another size (differs in: {changed}); the source has changed, "
            f"or the folder belongs to something else. Delete it, or choose another."
        )


def _shard_file(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05}.json"


def _write_shard(
    source: Source,
    frames: Sequence[Frame],
    folder: Path,
    number: int,
    plan: dict[str, Any],
    workers: int,
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
        return framing.image(sample.image).transpose(2, 0, 1), code.levels(framing.depth(sample.depth_m)), camera

    results = list(zip(frames, in_order(read, frames, workers=workers), strict=True))
    left_out = {frame.identity: result for frame, result in results if isinstance(result, str)}
    if left_out and not skip_bad_frames:
        raise InputError(_bad_frames(left_out, number))
    good = [(frame, result) for frame, result in results if not isinstance(result, str)]
    size = (framing.height, framing.width)
    _write_array(folder / f"color-{number:05}.npy", [result[0] for _, result in good], (3, *size), np.uint8)
    _write_array(folder / f"depth-{number:05}.npy", [result[1] for _, result in good], size, np.uint16)
    entries = [
        {**asdict(frame), "camera": None if camera is None else asdict(camera)} for frame, (_, _, camera) in good
    ]
    shard = {"frames": entries, "left_out": left_out}
    _write_json(_shard_file(folder, number), shard)
    return shard


def _bad_frames(left_out: dict[str, str], number: int) -> str:
    shown = "\n  ".join(list(left_out.values())[:10])
    more = f"\n  and {len(left_out) - 10} more" if len(left_out) > 10 else ""
    so_far = " so far" if number else ""
    return (
        f"{len(left_out)} frames cannot be used{so_far}:\n  {shown}{more}\n"
        f"Mend or remove them, or leave them out with --skip-bad-frames (train: --data.skip-bad-frames)."
    )


def _write_array(path: Path, rows: list[NDArray], shape: tuple[int, ...], kind: type) -> None:
    array = np.stack(rows) if rows else np.zeros((0, *shape), kind)
    with atomic_write(path) as part:
        np.save(part, array)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as part:
        part.write_text(json.dumps(content), encoding="utf-8")
