"""Many photographs: each read, labelled and written by one of several threads, so that the teacher never waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.data.frames import decoding_workers
from leadline.depth.camera import Camera
from leadline.depth.images import read_image
from leadline.errors import UsageError
from leadline.inference.predict import find_images
from leadline.labelling.dropped import draw_dropped
from leadline.labelling.labelled_scene import LabelledScene, Outcome
from leadline.labelling.labeller import Labeller, depth_scale, label_kind, stored_camera
from leadline.labelling.open_teacher import open_teachers
from leadline.labelling.photographs import Photograph, name_photographs
from leadline.labelling.report import Tally, write_report
from leadline.labelling.teacher import Teacher
from leadline.options import LabelOptions

Labelled = Iterator[tuple[Photograph, Outcome | str]]
"""Photographs with what became of them, or why they could not be read."""


def label_command(options: LabelOptions) -> None:
    """Label photographs, or go on where an earlier labelling stopped, and say how many were kept and dropped.

    Raises:
        UsageError: a teacher that cannot be meant, or one that knows no metres for metric labels.
        InputError: no pictures, none that could be read, or a folder that holds other labels.
        OutputError: no space or no permission; what is labelled stays.
        PartialFailure: some pictures could not be read; the others are done.
    """
    photographs = name_photographs(find_images(options.images, results=options.out))
    teachers = open_teachers(options)
    _check(options, teachers)
    camera = _camera(options, photographs[0])
    scenes = _open_scenes(options, photographs, teachers, camera)
    missing = [photo for photo in photographs if photo.path.name not in scenes[photo.scene].outcomes]
    console = Console(stderr=True)
    broken: list[str] = []
    began = time.monotonic()
    try:
        for photo, outcome in _shown(_labelled(missing, teachers, options, camera), len(missing), console):
            if isinstance(outcome, str):
                broken.append(outcome)
                console.print(f"skipped {outcome}", style="yellow", highlight=False, markup=False, soft_wrap=True)
            else:
                scenes[photo.scene].add(outcome)
    finally:
        for scene in scenes.values():
            scene.finish()
    tally = Tally.of(scenes, broken)
    write_report(options.out / REPORT, broken)
    draw_dropped(options.out / DROPPED, _dropped(photographs, scenes))
    print(f"{tally.text}: {options.out / REPORT}\n{_speed(len(missing), time.monotonic() - began)}")
    tally.demand_all()


def _check(options: LabelOptions, teachers: Sequence[Teacher]) -> None:
    first = teachers[0]
    if label_kind(options, first) == "metric" and first.kind == "relative":
        raise UsageError(f"{first.name} knows no metres; say --kind relative, or name a metric teacher first")


def _camera(options: LabelOptions, first: Photograph) -> Camera | None:
    if options.focal_px is None:
        return None
    height, width = read_image(first.path).shape[:2]
    focal_px, (cx_px, cy_px) = options.focal_px, ((width - 1) / 2, (height - 1) / 2)
    return Camera(focal_px, focal_px, cx_px, cy_px, width, height)


def _open_scenes(
    options: LabelOptions, photographs: Sequence[Photograph], teachers: Sequence[Teacher], camera: Camera | None
) -> dict[str, LabelledScene]:
    folders = {photo.scene: photo.path.parent for photo in photographs}
    return {
        scene: LabelledScene(options.out / scene, _card(options, teachers, camera, folder))
        for scene, folder in folders.items()
    }


def _card(options: LabelOptions, teachers: Sequence[Teacher], camera: Camera | None, folder: Path) -> dict[str, Any]:
    """All that decides the labels of a scene, and what is known of its camera."""
    first, *others = (
        {"name": teacher.name, "sha256": teacher.sha256, "licence": teacher.licence} for teacher in teachers
    )
    card = {
        "every_frame_is_a_room": True,
        "kind": label_kind(options, teachers[0]),
        "teacher": first,
        "other_teachers": others,
        "photographs": str(folder.resolve()),
        "aspect": options.aspect,
        "largest_side_px": options.largest_side_px,
        "smallest_part": options.smallest_part,
        "drop_above": options.drop_above,
    }
    if camera is None:
        return card
    stored = stored_camera(camera, options)
    return {
        **card,
        "rgb_size": [stored.width, stored.height],
        "intrinsics": {"fx": stored.fx_px, "fy": stored.fy_px, "cx": stored.cx_px, "cy": stored.cy_px},
        "depth_scale": depth_scale(teachers[0], camera),
    }


def _labelled(
    photographs: Sequence[Photograph], teachers: Sequence[Teacher], options: LabelOptions, camera: Camera | None
) -> Labelled:
    if options.cluster is not None:
        from leadline.labelling.cluster import label_on_cluster

        return label_on_cluster(photographs, options, camera)
    return _label_in_threads(photographs, Labeller(teachers, options, camera), options.workers or decoding_workers())


def _label_in_threads(
    photographs: Sequence[Photograph], labeller: Callable[[Photograph], Outcome | str], workers: int
) -> Labelled:
    pool = ThreadPoolExecutor(workers)
    try:
        # In lots: millions of waiting tasks would fill the memory.
        for start in range(0, len(photographs), _LOT):
            lot = photographs[start : start + _LOT]
            yield from zip(lot, pool.map(labeller, lot), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _shown(labelled: Labelled, count: int, console: Console) -> Labelled:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("labelling", total=count)
        for pair in labelled:
            yield pair
            progress.advance(task)


def _dropped(photographs: Sequence[Photograph], scenes: dict[str, LabelledScene]) -> list[tuple[Path, str]]:
    outcomes = ((photo.path, scenes[photo.scene].outcomes.get(photo.path.name)) for photo in photographs)
    return [
        (path, outcome.dropped) for path, outcome in outcomes if outcome is not None and outcome.dropped is not None
    ]


def _speed(count: int, took_s: float) -> str:
    return f"{count} photographs in {took_s:.1f} s: {count / max(took_s, 1e-9):.1f} a second"


REPORT = "labels.txt"
DROPPED = "dropped.jpg"
_LOT = 4096
