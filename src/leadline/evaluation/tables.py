"""An evaluation for people (tables), for programs (JSON) and for spreadsheets (CSV)."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from leadline.atomic import atomic_write
from leadline.evaluation.evaluate import Evaluation
from leadline.evaluation.intervals import Interval, mean_interval
from leadline.evaluation.shape import NEAR_M, Shape
from leadline.metrics import Metrics

SHOWN = ("rel", "rms", "log10", "delta1", "delta2", "delta3", "silog", "rms_log", "scale_invariant")
_SHAPE = {
    "boundary_f1": "boundary F1 of depth edges (higher is better)",
    "flying": "share of edge pixels that fly between surfaces",
    "near_recall": f"share of pixels nearer than {NEAR_M} m that are found",
}


def print_tables(result: Evaluation, *, title: str) -> None:
    """A line for each scene, the means with their intervals and the constant beside them, edges, depth ranges."""
    # A pipe has no width; 80 columns would cut the figures.
    console = Console()
    console = console if console.is_terminal else Console(width=160)
    console.print(_scenes_table(result, title))
    console.print(f"protocol {result.protocol.describe()}", highlight=False)
    console.print(_intervals_table(result))
    console.print(_shape_table(result))
    console.print(_ranges_table(result))


def as_json(result: Evaluation) -> dict[str, object]:
    """The whole result in plain values; None stands for what is infinite or undefined."""

    def both(pair: tuple[Metrics, Metrics]) -> dict[str, object]:
        model, constant = map(asdict, pair)
        return {"model": model, "constant": constant}

    plain = {
        "protocol": {"name": result.protocol.name, "version": result.protocol.version},
        "protocol_description": result.protocol.describe(),
        "frames": len(result.scores),
        "skipped": result.skipped,
        "not_reached": result.not_reached,
        "constant_m": result.constant_m,
        "own": both(result.own()),
        "over_rooms": {**both(result.over_rooms()), "interval": intervals(result, "over_rooms")},
        "over_frames": {
            **both(result.over_frames()),
            "interval_over_images": intervals(result, "images"),
            "interval_over_rooms": intervals(result, "over_frames"),
        },
        "pooled": both(result.pooled()),
        "shape": {name: asdict(found) for name, found in shape_means(result).items()},
        "ranges": [
            {"near_m": near_m, "far_m": far_m, "metrics": metrics and asdict(metrics)}
            for near_m, far_m, metrics in result.by_range()
        ],
        "scenes": {
            scene: {"frames": count, **both((model, constant))}
            for scene, (count, model, constant) in result.by_scene().items()
        },
    }
    cleaned: dict[str, object] = _finite(plain)
    return cleaned


def write_csv(path: Path, result: Evaluation) -> None:
    """A line for each frame that was measured, and for each that was not its reason.

    Raises:
        OutputError: no space or no permission.
    """
    shape = [field.name for field in fields(Shape)]
    header = ["scene", "name", "room", "pixels", *SHOWN, *shape, "constant_rel", "not_measured"]
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for score in result.scores:
            metrics, frame = score.model.metrics(), score.frame
            figures = [getattr(metrics, name) for name in SHOWN]
            shapes = [getattr(score.shape, name) for name in shape]
            constant = score.constant.metrics().rel
            row = [frame.scene, frame.name, frame.room, metrics.pixels, *figures, *shapes, constant, ""]
            writer.writerow(["" if cell is None else cell for cell in row])
        for identity, why in [*result.skipped.items(), *((identity, "not reached") for identity in result.not_reached)]:
            scene, _, name = identity.rpartition("/")
            writer.writerow([scene, name, *[""] * (len(header) - 3), why])


def intervals(result: Evaluation, way: str) -> dict[str, Interval | None]:
    """95 % intervals of the model's means, by measure.

    Args:
        result: of the evaluation.
        way: "over_rooms" (of the mean over rooms, rooms drawn anew), "over_frames" (of the mean over frames, rooms
            drawn anew) or "images" (the same mean, frames drawn anew).
    """
    rooms = [[score.model.metrics() for score in room] for room in result.rooms()]
    found: dict[str, Interval | None] = {}
    for name in SHOWN:
        values = [[getattr(metrics, name) for metrics in room] for room in rooms]
        if way == "over_rooms":
            values = [[math.fsum(room) / len(room)] for room in values]
        elif way == "images":
            values = [[value] for room in values for value in room]
        finite = all(math.isfinite(value) for room in values for value in room)
        found[name] = mean_interval(values) if finite else None
    return found


@dataclass(frozen=True)
class ShapeMean:
    """Over the frames that have something to measure: the mean, and its intervals with rooms or frames drawn anew."""

    mean: float | None
    interval_over_rooms: Interval | None
    interval_over_images: Interval | None


def shape_means(result: Evaluation) -> dict[str, ShapeMean]:
    """What means over pixels do not see, by measure."""
    found = {}
    for name in _SHAPE:
        rooms = [
            [value for score in room if (value := getattr(score.shape, name)) is not None] for room in result.rooms()
        ]
        rooms = [known for known in rooms if known]
        values = [value for known in rooms for value in known]
        found[name] = ShapeMean(
            mean=math.fsum(values) / len(values) if values else None,
            interval_over_rooms=mean_interval(rooms),
            interval_over_images=mean_interval([[value] for value in values]),
        )
    return found


def _scenes_table(result: Evaluation, title: str) -> Table:
    table = Table(title=title)
    table.add_column("scene")
    table.add_column("frames", justify="right")
    for name in SHOWN:
        table.add_column(name, justify="right")
    table.add_column("rel of constant", justify="right")
    for scene, (count, model, constant) in result.by_scene().items():
        table.add_row(scene, str(count), *_cells(model), f"{constant.rel:.3f}")
    table.add_section()
    total = str(len(result.scores))
    for way, name, (model, constant) in (
        ("rooms", "mean over rooms", result.over_rooms()),
        ("images", "mean over frames", result.over_frames()),
        ("pooled", "all pixels pooled", result.pooled()),
    ):
        is_own = result.protocol.average == way
        named = f"{name}: {result.protocol.name} v{result.protocol.version}" if is_own else name
        table.add_row(named, total, *_cells(model), "", style="bold" if is_own else None)
        table.add_row(f"  constant {result.constant_m:.2f} m", total, *_cells(constant), f"{constant.rel:.3f}")
    return table


def _intervals_table(result: Evaluation) -> Table:
    table = Table(title="95 % confidence intervals of the means")
    table.add_column("mean over")
    table.add_column("drawn anew")
    for name in SHOWN:
        table.add_column(name, justify="right")
    for mean, drawn, way in (
        ("rooms", "rooms", "over_rooms"),
        ("frames", "rooms", "over_frames"),
        ("frames", "frames", "images"),
    ):
        found = intervals(result, way)
        table.add_row(mean, drawn, *(_interval(found[name]) for name in SHOWN))
    return table


def _shape_table(result: Evaluation) -> Table:
    table = Table(title="edges and obstacles, means over frames with their 95 % intervals")
    for column in ("", "mean", "rooms drawn", "frames drawn"):
        table.add_column(column, justify="right" if column else "left")
    for name, found in shape_means(result).items():
        mean = "nothing to measure" if found.mean is None else f"{found.mean:.3f}"
        table.add_row(_SHAPE[name], mean, _interval(found.interval_over_rooms), _interval(found.interval_over_images))
    return table


def _ranges_table(result: Evaluation) -> Table:
    table = Table(title="by measured depth, all pixels pooled")
    for column in ("metres", "pixels", "rel", "rms", "delta1"):
        table.add_column(column, justify="right")
    for near_m, far_m, metrics in result.by_range():
        if metrics is not None:
            figures = (f"{getattr(metrics, name):.3f}" for name in ("rel", "rms", "delta1"))
            table.add_row(f"{near_m:g} to {far_m:g}", f"{metrics.pixels:,}", *figures)
    return table


def _cells(metrics: Metrics) -> list[str]:
    return [f"{getattr(metrics, name):.3f}" for name in SHOWN]


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
