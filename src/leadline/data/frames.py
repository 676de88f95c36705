"""From options to frames that are ready to teach: source, store, split."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.data.depth_code import DepthCode
from leadline.data.prepare import frame_bytes, prepare
from leadline.data.sample import Frame, Source, ages, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.sources.stored_frames import StoredFrames
from leadline.data.splits import SplitRule, read_scene_list
from leadline.data.store import Store, open_store
from leadline.depth.framing import Framing
from leadline.downloads import cache_folder
from leadline.errors import InputError, UsageError
from leadline.options import DataOptions, PrepareOptions, read_size
from leadline.parallel import cores

MILLIMETRES_UP_TO_M = 65.0


def split_rule(options: DataOptions, *, seed: int) -> SplitRule:
    """The split that the options ask for."""
    scenes = None if options.validation_file is None else read_scene_list(options.validation_file)
    return SplitRule(by=options.split_by, share=options.validation_share, seed=seed, scenes=scenes, limit=options.limit)


def load_store(
    options: DataOptions, *, max_depth_m: float, console: Console, workers: int | None = None
) -> tuple[Store, list[Frame]]:
    """The prepared frames of a source, made on first use and reused afterwards.

    Args:
        options: where the frames are, and the size that they are prepared at.
        max_depth_m: beyond 65 m depth is stored by its logarithm.
        console: for the progress bar and warnings.
        workers: threads that decode; one for each core when None.

    Returns:
        The store, and those of the source's frames that are in it.

    Raises:
        UsageError: no data.root.
        InputError: frames that cannot be used.
        OutputError: no room for the store.
    """
    if options.root is None:
        raise UsageError("where are the frames? Give --data.root DIR, or root: in the recipe's data section")
    source = open_source(options.root, kind=options.source, depth_unit_m=options.depth_unit_m)
    framing = Framing(height=options.height, width=options.width, fit=options.fit)
    code = DepthCode(step_m=0.001 if max_depth_m <= MILLIMETRES_UP_TO_M else 0.0)
    store = _ready_store(source, options, framing, code)
    if store is None:
        folder = options.store or _cached_store(source, options, framing, code)
        store = _prepare(source, folder, framing, code, options.skip_bad_frames, workers or decoding_workers(), console)
    if store.left_out and not options.skip_bad_frames:
        raise InputError(
            f"{store.folder}: was prepared without {len(store.left_out)} unusable frames; see data.skip_bad_frames"
        )
    if store.left_out:
        console.print(f"[yellow]left out {len(store.left_out)} frames:[/] {next(iter(store.left_out.values()))} ...")
    if not store.frames:
        raise InputError(f"{options.root}: none of its {len(source.frames)} frames can be used")
    return store, [stored.frame for stored in store.frames]


def prepare_command(options: PrepareOptions) -> None:
    """Write a store, and say how large it is and how to train on it."""
    height, width = read_size(options.size)
    data = DataOptions(
        root=options.data,
        source=options.source,
        depth_unit_m=options.depth_unit_m,
        skip_bad_frames=options.skip_bad_frames,
        store=options.out,
        height=height,
        width=width,
        fit=options.fit,
    )
    began = time.monotonic()
    store, _ = load_store(data, max_depth_m=options.max_depth_m, workers=options.workers, console=Console(stderr=True))
    took_s = time.monotonic() - began
    print(
        f"{len(store)} frames of {height}x{width} in {options.out}: {frame_bytes(store.framing):,} bytes each, "
        f"{took_s:.1f} s\ntrain on them with: leadline train RECIPE --data.root {options.out} "
        f"--data.height {height} --data.width {width}"
    )


def decoding_workers() -> int:
    """Threads that decode pictures side by side: one for each core that this process may use, at most 16."""
    return min(16, cores())


def _cached_store(source: Source, options: DataOptions, framing: Framing, code: DepthCode) -> Path:
    unit = "" if options.depth_unit_m is None else f"-{options.depth_unit_m:g}"
    size = f"{framing.height}x{framing.width}-{framing.fit}{unit}{'' if code.step_m else '-log'}"
    lenient = "-lenient" if options.skip_bad_frames else ""
    return cache_folder() / "stores" / f"{fingerprint(source.frames)}-{ages(source.frames)}-{size}{lenient}"


def _ready_store(source: Source, options: DataOptions, framing: Framing, code: DepthCode) -> Store | None:
    """The source itself when it is such a store, or what an earlier preparation left."""
    if isinstance(source, StoredFrames) and (source.store.framing, source.store.code) == (framing, code):
        return source.store
    store = open_store(options.store or _cached_store(source, options, framing, code))
    if store is None or (store.framing, store.code) != (framing, code):
        return None
    now = fingerprint(source.frames), ages(source.frames)
    return store if (store.fingerprint, store.ages) == now else None


def _prepare(
    source: Source,
    folder: Path,
    framing: Framing,
    code: DepthCode,
    skip_bad_frames: bool,
    workers: int,
    console: Console,
) -> Store:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if not console.is_terminal:
        console.print(f"preparing {len(source.frames)} frames once, in {folder}", soft_wrap=True, highlight=False)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("preparing frames (once)", total=len(source.frames))
        return prepare(
            source,
            folder,
            framing=framing,
            code=code,
            workers=workers,
            skip_bad_frames=skip_bad_frames,
            advance=lambda count: progress.advance(task, count),
        )
