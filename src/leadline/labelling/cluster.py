"""Photographs labelled on many machines, by Ray Data: the same labels, none lost and none twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from leadline import errors
from leadline.depth.camera import Camera
from leadline.errors import LeadlineError, UsageError
from leadline.labelling.labelled_scene import Outcome
from leadline.labelling.labeller import Labeller
from leadline.labelling.open_teacher import open_teachers
from leadline.labelling.photographs import Photograph
from leadline.options import LabelOptions

PHOTOGRAPHS_A_TASK = 64
"""What a lost machine loses: work of so many photographs, which another one then does again to the same files."""


def label_on_cluster(
    photographs: Sequence[Photograph], options: LabelOptions, camera: Camera | None
) -> Iterator[tuple[Photograph, Outcome | str]]:
    """Label on a Ray cluster: a process for each of its cores (or as many as options.workers), a teacher in each.

    Photographs and output are files in folders that all machines share. Whatever dies, Ray gives its task to another
    process; files are written whole and the same, so doing one twice changes nothing, and each row comes back once.

    Raises:
        UsageError: Ray is missing, or no cluster is at the address.
        LeadlineError: what a process of the cluster could not go on from, such as a full disk.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise UsageError("--cluster needs Ray: pip install 'leadline[cluster]'") from error
    if not ray.is_initialized():
        try:
            ray.init(address=options.cluster, logging_level="warning")
        except (ConnectionError, ValueError) as error:
            raise UsageError(f"--cluster {options.cluster}: no cluster answers there ({error})") from error
    if not photographs:
        return
    rows = [{"index": index, **_as_row(photo)} for index, photo in enumerate(photographs)]
    tasks = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // PHOTOGRAPHS_A_TASK))
    labelled = tasks.map(
        _label_row,
        fn_kwargs={"options": options, "camera": camera, "folder": str(Path.cwd())},
        compute=ray.data.TaskPoolStrategy(size=options.workers),
        num_cpus=1,
    )
    for row in labelled.iter_rows():
        yield photographs[row["index"]], _from_row(row)


def _label_row(row: dict[str, Any], *, options: LabelOptions, camera: Camera | None, folder: str) -> dict[str, Any]:
    os.chdir(folder)  # a relative --out or --teacher means the same file on every machine
    photo = Photograph(path=Path(row["path"]), scene=row["scene"], name=row["name"])
    try:
        outcome = _labeller(options, camera)(photo)
    except LeadlineError as error:  # a full disk, a teacher's file that this machine lacks: Ray would lose its kind
        return {"index": row["index"], "said": json.dumps({"failed": [type(error).__name__, str(error)]})}
    said = {"unreadable": outcome} if isinstance(outcome, str) else {"done": asdict(outcome)}
    return {"index": row["index"], "said": json.dumps(said)}


@cache  # a process of the cluster does many tasks, and opens its teachers once
def _labeller(options: LabelOptions, camera: Camera | None) -> Labeller:
    return Labeller(open_teachers(options), options, camera)


def _as_row(photo: Photograph) -> dict[str, str]:
    return {"path": str(photo.path.resolve()), "scene": photo.scene, "name": photo.name}


def _from_row(row: dict[str, Any]) -> Outcome | str:
    said = json.loads(row["said"])
    if "failed" in said:
        kind, message = said["failed"]
        failure: LeadlineError = getattr(errors, kind)(message)
        raise failure
    return Outcome(**said["done"]) if "done" in said else str(said["unreadable"])
