"""`leadline data synth`: many rooms, made side by side, written as scene folders."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.atomic import atomic_write, check_space, sweep
from leadline.depth.camera import Camera
from leadline.depth.files import write_depth16
from leadline.errors import InputError
from leadline.inference.predict import find_images
from leadline.options import SynthOptions, read_size
from leadline.parallel import cores
from leadline.synthesis.cameras import Pose, draw_camera, draw_pose
from leadline.synthesis.materials import Dice
from leadline.synthesis.render import Rendered, render
from leadline.synthesis.scenes import build_scene
from leadline.synthesis.sensor import Sensor, measure_depth, take_picture
from leadline.synthesis.stage import Stage

FRAMES_A_SCENE = 8
"""Pictures of a room, all taken with one camera."""

GENERATOR = 2
"""Grows when the same seed gives other frames than before."""

PLAN_FILE = "synth.json"

Renderer = Callable[[Stage, Camera, Pose, Dice], Rendered]
"""What a camera sees of a stage; all that is left to chance comes from the dice."""


@dataclass(frozen=True)
class Work:
    """One room to make.

    Args:
        folder: of the scene.
        number: of the scene.
        frames: how many of its frames to have.
        seed: of the whole set.
        size: height and width in pixels.
        fov_deg: range of the angle across the longer side.
        sensor: what takes the pictures.
        photographs: for textures.
    """

    folder: Path
    number: int
    frames: int
    seed: int
    size: tuple[int, int]
    fov_deg: tuple[float, float]
    sensor: Sensor
    photographs: tuple[Path, ...]


def synth_command(options: SynthOptions) -> None:
    """Make frames, or go on where an earlier making stopped, and say how quickly and how to train on them.

    Raises:
        UsageError: a size that cannot be meant.
        InputError: no photographs where there should be, or a folder that holds something else.
        OutputError: no space or no permission; frames that are written stay.
    """
    began = time.monotonic()
    made = synthesize(options, console=Console(stderr=True))
    took_s = time.monotonic() - began
    files = [file for file in options.out.glob("*/*/*") if file.is_file()]
    speed = f"; {made} made in {took_s:.1f} s, {made / took_s:.1f} a second" if made else ""
    print(
        f"{options.frames} frames in {options.out}: {sum(file.stat().st_size for file in files) // options.frames:,} "
        f"bytes each{speed}\ntrain on them with: leadline train RECIPE --data.root {options.out}"
    )


def synthesize(options: SynthOptions, *, console: Console) -> int:
    """Make the frames that are missing.

    Returns:
        How many were made; 0 when all were there.

    Raises:
        UsageError: a size that cannot be meant.
        InputError: no photographs where there should be, or a folder that holds something else.
        OutputError: no space or no permission; frames that are written stay.
    """
    photographs = _photographs(options)
    _begin(options, photographs)
    height, width = read_size(options.size)
    frames = max(0, options.frames - sum(1 for _ in options.out.glob("*/rgb/*.jpg")))
    check_space(
        options.out,
        needed_bytes=frames * height * width,
        name=f"a set of {frames} frames",
        instead="choose another folder, or a smaller --size",
    )
    works = list(_missing(options, photographs))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    made = 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("making rooms", total=sum(work.frames for work in works))
        for count in _made(works, options.workers or cores()):
            made += count
            progress.advance(task, count)
    return made


def make_scene(work: Work, look: Renderer = render) -> int:
    """Make what is missing of one room.

    Each frame depends on the seed, the scene's number and its own, and on nothing else: neither on which were there
    nor on who makes it.

    Args:
        work: the room.
        look: what makes light and depth of it.

    Returns:
        How many frames were made.

    Raises:
        OutputError: no space or no permission.
    """
    dice = np.random.default_rng([work.seed, work.number])
    stage = Stage(build_scene(dice, work.photographs))
    height, width = work.size
    camera = draw_camera(dice, height=height, width=width, fov_deg=work.fov_deg)
    card = {
        "room": f"synthetic {work.seed}-{work.number}",
        "kind_of_room": stage.scene.kind,
        "camera": f"rendered, sensor: {work.sensor}",
        "rgb_size": [width, height],
        "intrinsics": {"fx": camera.fx_px, "fy": camera.fy_px, "cx": camera.cx_px, "cy": camera.cy_px},
    }
    for folder in (work.folder, work.folder / "rgb", work.folder / "depth"):
        sweep(folder)
    with atomic_write(work.folder / "scene.json") as part:
        part.write_text(json.dumps(card, indent=1), encoding="utf-8")
    missing = [number for number in range(work.frames) if not _is_there(work.folder, number)]
    for number in missing:
        own = np.random.default_rng([work.seed, work.number, 1 + number])
        rendered = look(stage, camera, draw_pose(own, stage, camera), own)
        color, depth = _files(work.folder, number)
        write_depth16(depth, measure_depth(rendered, camera, own, sensor=work.sensor))
        with atomic_write(color) as part:
            part.write_bytes(take_picture(rendered, own, sensor=work.sensor))
    return len(missing)


def _made(works: Sequence[Work], workers: int) -> Iterator[int]:
    """Frames of each room as it is ready."""
    if workers == 1 or len(works) < 2:
        yield from map(make_scene, works)
        return
    # Rendering holds Python's lock, so threads would wait for one another. Forking a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(works)), mp_context=context, initializer=_end_with_parent)
    try:
        yield from pool.map(make_scene, works)
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _photographs(options: SynthOptions) -> tuple[Path, ...]:
    if options.textures is None:
        return ()
    if not options.textures.exists():
        raise InputError(f"{options.textures}: no such folder; --textures is a folder of photographs")
    return tuple(find_images([str(options.textures)], results=options.out))


def _begin(options: SynthOptions, photographs: Sequence[Path]) -> None:
    """Note what decides the frames, or see that a folder was begun with the same."""
    plan: dict[str, Any] = {
        "generator": GENERATOR,
        "seed": options.seed,
        "size": list(read_size(options.size)),
        "fov_deg": list(options.fov_deg),
        "sensor": options.sensor,
        "textures": _summary(photographs, options.textures),
    }
    path = options.out / PLAN_FILE
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            differing = [key for key in plan if found.get(key) != plan[key]]
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: cannot be understood: {error}") from error
        if differing:
            raise InputError(
                f"{options.out}: holds frames that were made otherwise (differs in: {', '.join(differing)}); choose "
                f"another --out, or delete it"
            )
        return
    if options.out.is_dir() and any(options.out.iterdir()):
        raise InputError(f"{options.out}: holds something that is no set of rooms; choose another --out")
    with atomic_write(path) as part:
        part.write_text(json.dumps(plan), encoding="utf-8")


def _summary(photographs: Sequence[Path], folder: Path | None) -> dict[str, Any]:
    """How many there are, and one checksum of their sorted paths within the folder and their sizes in bytes."""
    sizes = sorted((os.path.relpath(path, folder).replace(os.sep, "/"), path.stat().st_size) for path in photographs)
    return {"pictures": len(sizes), "sha256": hashlib.sha256(json.dumps(sizes).encode()).hexdigest()}


def _missing(options: SynthOptions, photographs: tuple[Path, ...]) -> Iterator[Work]:
    for number, first in enumerate(range(0, options.frames, FRAMES_A_SCENE)):
        frames = min(FRAMES_A_SCENE, options.frames - first)
        folder = options.out / f"room-{number:05}"
        if not all(_is_there(folder, frame) for frame in range(frames)) or not (folder / "scene.json").exists():
            yield Work(folder, number, frames, options.seed, read_size(options.size), options.fov_deg, options.sensor,
                       photographs)  # fmt: skip


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / "rgb" / f"{number:04}.jpg", folder / "depth" / f"{number:04}.png"


def _is_there(folder: Path, number: int) -> bool:
    return all(path.exists() for path in _files(folder, number))
