"""Many photographs: each read, labelled and written by one of several threads, so that the teacher never waits."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.atomic import atomic_write
from leadline.data.frames import decoding_workers
from leadline.depth.files import write_depth16
from leadline.depth.images import read_image
from leadline.errors import InputError, UsageError
from leadline.inference.predict import find_images
from leadline.labelling.confidence import ask
from leadline.labelling.labelled_scene import LabelledScene, Outcome
from leadline.labelling.open_teacher import open_teacher
from leadline.labelling.photographs import Photograph, name_photographs, why_no_photograph
from leadline.labelling.report import Tally, write_report
from leadline.labelling.teacher import Teacher
from leadline.options import LabelOptions, read_aspect


def label_command(options: LabelOptions) -> None:
    """Label photographs, or go on where an earlier labelling stopped, and say how many were kept and dropped.

    Raises:
        UsageError: a teacher that cannot be meant, or one that knows no metres for metric labels.
        InputError: no pictures, none that could be read, or a folder that holds other labels.
        OutputError: no space or no permission; what is labelled stays.
        PartialFailure: some pictures could not be read; the others are done.
    """
    photographs = name_photographs(find_images(options.images))
    teacher = open_teacher(options.teacher)
    if teacher.kind != options.kind:
        raise UsageError(f"{teacher.name} gives {teacher.kind} labels; say --kind {teacher.kind}")
    scenes = _open_scenes(options, photographs, teacher)
    missing = [photo for photo in photographs if photo.path.name not in scenes[photo.scene].outcomes]
    console = Console(stderr=True)
    broken: list[str] = []
    began = time.monotonic()
    try:
        for photo, outcome in _labelled(missing, scenes, teacher, options, console):
            if isinstance(outcome, str):
                broken.append(outcome)
                console.print(f"skipped {outcome}", style="yellow", highlight=False, markup=False, soft_wrap=True)
            else:
                scenes[photo.scene].add([outcome])
    finally:
        for scene in scenes.values():
            scene.finish()
    tally = Tally.of(scenes, broken)
    write_report(options.out / REPORT, broken)
    print(f"{tally.text}: {options.out / REPORT}\n{_speed(len(missing), time.monotonic() - began)}")
    tally.demand_all()


def _open_scenes(
    options: LabelOptions, photographs: Sequence[Photograph], teacher: Teacher
) -> dict[str, LabelledScene]:
    folders = {photo.scene: photo.path.parent for photo in photographs}
    return {
        scene: LabelledScene(options.out / scene, _card(options, teacher, folder)) for scene, folder in folders.items()
    }


def _card(options: LabelOptions, teacher: Teacher, folder: Path) -> dict[str, Any]:
    """All that decides the labels of a scene."""
    return {
        "every_frame_is_a_room": True,
        "kind": options.kind,
        "teacher": {"name": teacher.name, "sha256": teacher.sha256, "licence": teacher.licence},
        "photographs": str(folder.resolve()),
        "aspect": options.aspect,
        "largest_side_px": options.largest_side_px,
        "drop_above": options.drop_above,
    }


def _labelled(
    photographs: Sequence[Photograph],
    scenes: dict[str, LabelledScene],
    teacher: Teacher,
    options: LabelOptions,
    console: Console,
) -> Iterator[tuple[Photograph, Outcome | str]]:
    """Every photograph with what became of it, or with the reason why it could not be read, in order."""

    def label(photo: Photograph) -> Outcome | str:
        try:
            return label_one(photo, scenes[photo.scene], teacher, options)
        except InputError as error:
            return str(error)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    pool = ThreadPoolExecutor(options.workers or decoding_workers())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("labelling", total=len(photographs))
        try:
            # In lots: millions of waiting tasks would fill the memory.
            for start in range(0, len(photographs), _LOT):
                lot = photographs[start : start + _LOT]
                for photo, outcome in zip(lot, pool.map(label, lot), strict=True):
                    progress.advance(task)
                    yield photo, outcome
        finally:
            pool.shutdown(cancel_futures=True)


def label_one(photo: Photograph, scene: LabelledScene, teacher: Teacher, options: LabelOptions) -> Outcome:
    """Label one photograph and write its picture and its depth, or say why it is dropped.

    Raises:
        InputError: it cannot be read.
        OutputError: no space or no permission.
    """
    original = read_image(photo.path)
    why = why_no_photograph(original)
    if why is not None:
        return Outcome(photo.path.name, dropped=why)
    image = _reshaped(original, options)
    label = ask(teacher, image)
    disagreement = round(label.disagreement, 4)
    if label.disagreement > options.drop_above:
        return Outcome(
            photo.path.name,
            disagreement=disagreement,
            dropped=f"the teacher contradicts itself by {label.disagreement:.0%}".replace("%", " %"),
        )
    if image is original:  # the very bytes: encoding it again would only lose
        _copy(photo.path, scene.color_file(photo.name, photo.path.suffix.lower()))
    else:
        _write_jpeg(scene.color_file(photo.name, ".jpg"), image)
    height, width = image.shape[:2]
    write_depth16(scene.depth_file(photo.name), _resized(label.values, height=height, width=width))
    return Outcome(photo.path.name, photo.name, round(label.confidence, 4), disagreement)


def _reshaped(image: NDArray[np.uint8], options: LabelOptions) -> NDArray[np.uint8]:
    """The picture in its true shape (a side is enlarged, none shrunk), no larger than wanted."""
    height, width = image.shape[:2]
    true_height, true_width = float(height), float(width)
    if options.aspect is not None:
        aspect = read_aspect(options.aspect)
        true_height, true_width = max(true_height, true_width / aspect), max(true_width, true_height * aspect)
    scale = min(1.0, options.largest_side_px / max(true_height, true_width))
    size = (max(1, round(true_width * scale)), max(1, round(true_height * scale)))
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _resized(depth_m: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(depth_m).resize((width, height), Image.Resampling.BILINEAR))


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as part:
        shutil.copyfile(source, part)


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    with atomic_write(path) as part:
        Image.fromarray(image).save(part, format="JPEG", quality=_JPEG_QUALITY)


def _speed(count: int, took_s: float) -> str:
    return f"{count} photographs in {took_s:.1f} s: {count / max(took_s, 1e-9):.1f} a second"


REPORT = "labels.txt"
_LOT = 4096
_JPEG_QUALITY = 95
