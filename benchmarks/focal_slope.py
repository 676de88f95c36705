"""Does a depth model tell size by the focal length? What it tells wrong against focal length and distance, by room.

python benchmarks/focal_slope.py --model fastdepth:FASTDEPTH.tflite --frames FRAMES [--frames-per-room 8]

A model of one camera that told depth by apparent size alone would be wrong by the ratio of focal lengths: in

    ln(predicted / true median) = a + b ln(focal length / width) + c ln(true median)

b would be -1 and c 0. Least squares over rooms, a room's values the means over its frames; standard errors behind.
Rooms whose intrinsics are nominal (`intrinsics_source` in scene.json) are fitted apart.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Sample
from leadline.data.sources.catalog import open_source
from leadline.labelling.open_teacher import open_teacher
from leadline.labelling.teacher import Teacher, resized


@dataclass(frozen=True)
class Options:
    """What to measure, and on what."""

    model: str
    """Depth model, as `leadline data label --teacher` takes it."""
    frames: Path
    """Folder of scenes; frames of unknown cameras are passed over."""
    frames_per_room: int = 8
    """At most."""


def main(options: Options) -> None:
    """Print the table."""
    teacher = open_teacher(options.model)
    source = open_source(options.frames)
    rooms: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    nominal: dict[str, bool] = {}
    for frame in source.frames:
        if len(rooms[frame.room]) == options.frames_per_room:
            continue
        sample = source.read(frame)
        if sample.camera is not None:
            rooms[frame.room].append(observed(teacher, sample))
            card = json.loads((options.frames / frame.scene / "scene.json").read_text(encoding="utf-8"))
            nominal[frame.room] = "nominal" in card.get("intrinsics_source", "")
    means = {room: np.mean(values, axis=0) for room, values in rooms.items() if values}
    found = Table(title=teacher.name)
    for column in ("rooms", "number", "b", "b, c = 0", "c", "spread left", "spread"):
        found.add_column(column, justify="right")
    for name, chosen in (
        ("all", list(means.values())),
        ("farther than 1 m", [values for values in means.values() if values[2] > 0]),
        ("calibrated", [values for room, values in means.items() if not nominal[room]]),
        ("nominal", [values for room, values in means.items() if nominal[room]]),
    ):
        found.add_row(name, *cells(np.array(chosen)))
    Console(width=120).print(found)


def observed(teacher: Teacher, sample: Sample) -> tuple[float, float, float]:
    """ln(predicted / true median), ln(focal length / width), ln(true median in metres) of a frame."""
    assert sample.camera is not None
    height, width = sample.depth_m.shape
    predicted_m = resized(teacher.answer([sample.image])[0], height=height, width=width)
    known = sample.valid & np.isfinite(predicted_m)
    true_m = float(np.median(sample.depth_m[known]))
    ratio = float(np.median(predicted_m[known])) / true_m
    return float(np.log(ratio)), float(np.log(sample.camera.focal_share)), float(np.log(true_m))


def cells(rooms: NDArray[np.float64]) -> list[str]:
    """Number of rooms, slopes with their standard errors, spread (standard deviation) with and without the fit."""
    if len(rooms) < 5:
        return [f"{len(rooms)}"]
    wrong, focal, distance = rooms.T
    (b, c), b_error, left = fit(wrong, focal, distance)
    (alone,), alone_error, _ = fit(wrong, focal)
    return [
        f"{len(rooms)}",
        f"{b:.2f} +- {b_error[0]:.2f}",
        f"{alone:.2f} +- {alone_error[0]:.2f}",
        f"{c:.2f} +- {b_error[1]:.2f}",
        f"{left:.2f}",
        f"{wrong.std():.2f}",
    ]


def fit(
    wrong: NDArray[np.float64], *causes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Slopes, their standard errors, and the standard deviation of what is left."""
    design = np.column_stack([np.ones_like(wrong), *causes])
    slopes = np.linalg.lstsq(design, wrong)[0]
    left = wrong - design @ slopes
    variance = left @ left / (len(wrong) - design.shape[1])
    errors = np.sqrt(np.diag(variance * np.linalg.inv(design.T @ design)))
    return slopes[1:], errors[1:], float(left.std())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
