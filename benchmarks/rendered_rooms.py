"""What rendered rooms are like beside real ones: distances, their place in the picture, edges, light.

    python benchmarks/rendered_rooms.py --sets RGBD ROOMS [--grid grid.png]

Rooms count alike, whatever the number of their frames. Frames are looked at on 80 x 60 points, so that sets of several
sizes can be compared; edges are jumps of more than a tenth of the distance between neighbouring points.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Frame, Sample, Source
from leadline.data.sources.catalog import open_source
from leadline.depth.colors import colorize
from leadline.depth.images import write_image

POINTS = (60, 80)
THUMB = (150, 200)


@dataclass(frozen=True)
class Options:
    """What to compare."""

    sets: tuple[Path, ...]
    """Sources of frames."""
    frames: int = 300
    """Of each, at most, spread over its rooms."""
    grid: Path | None = None
    """Picture of the first frames of the last set, with their depth below."""
    shown: int = 24
    """Frames of the grid."""


@dataclass(frozen=True)
class Facts:
    """Of one frame: its room, and figures by name."""

    room: str
    figures: dict[str, float]


def main(options: Options) -> None:
    """Print the tables."""
    columns = {str(root): _measured(open_source(root), options.frames) for root in options.sets}
    table = Table(title="means over rooms")
    table.add_column("")
    for name, facts in columns.items():
        table.add_column(f"{name} ({len(facts)} frames)", justify="right")
    for figure in next(iter(columns.values()))[0].figures:
        table.add_row(figure, *(f"{_over_rooms(facts, figure):.2f}" for facts in columns.values()))
    Console(width=140).print(table)
    if options.grid is not None:
        source = open_source(options.sets[-1])
        chosen = _spread(source.frames, options.shown)
        write_image(options.grid, _grid([source.read(frame) for frame in chosen]))


def _measured(source: Source, count: int) -> list[Facts]:
    return [Facts(frame.room, _figures(source.read(frame))) for frame in _spread(source.frames, count)]


def _spread(frames: tuple[Frame, ...], count: int) -> list[Frame]:
    """Frames of as many rooms as possible: the first of each, then the second."""
    seen: dict[str, int] = {}
    ranked = []
    for place, frame in enumerate(frames):
        rank = seen[frame.room] = seen.get(frame.room, -1) + 1
        ranked.append((rank, place))
    return [frames[place] for _, place in sorted(ranked)[:count]]


def _figures(sample: Sample) -> dict[str, float]:
    depth_m, grey = _points(sample)
    known = np.where(depth_m > 0, depth_m, np.nan)
    measured = known[np.isfinite(known)]
    levels = np.percentile(measured, [2, 10, 50, 90, 98])
    rows = np.array_split(known, 4)
    return {
        **{f"depth, {q} % of pixels nearer, m": float(v) for q, v in zip((2, 10, 50, 90, 98), levels, strict=True)},
        "nearer than 1.5 m, % of pixels": 100 * float((measured < 1.5).mean()),
        "farther than 5 m, %": 100 * float((measured > 5).mean()),
        **{f"quarter {n} from the top, m": _median(part) for n, part in enumerate(rows, 1)},
        "holes, %": 100 * float((depth_m == 0).mean()),
        "depth edges, % of points": 100 * _edges(known),
        "brightness, of 255": float(grey.mean()),
        "contrast, of 255": float(grey.std()),
        "gradient of the picture, of 255 a point": float(np.abs(np.diff(grey, axis=1)).mean()),
        "nearly black or white, % of points": 100 * float(((grey < 8) | (grey > 247)).mean()),
        "field of view, degrees": np.nan if sample.camera is None else sample.camera.fov_deg,
    }


def _points(sample: Sample) -> tuple[NDArray, NDArray]:
    """Depth at the nearest pixels and mean grey, on the grid of POINTS."""
    rows, columns = (
        np.clip(((np.arange(n) + 0.5) * size / n).astype(int), 0, size - 1)
        for n, size in zip(POINTS, sample.depth_m.shape, strict=True)
    )
    small = Image.fromarray(sample.image).convert("L").resize(POINTS[::-1], Image.Resampling.BOX)
    return sample.depth_m[np.ix_(rows, columns)], np.asarray(small, float)


def _edges(known: NDArray) -> float:
    """Share of neighbours, of those that are both known, between which depth jumps."""
    first, second = known[:, :-1], known[:, 1:]
    both = np.isfinite(first) & np.isfinite(second)
    jump = np.abs(first - second)[both] > 0.1 * np.minimum(first, second)[both]
    return float(jump.mean()) if jump.size else 0.0


def _median(part: NDArray) -> float:
    return float(np.nanmedian(part)) if np.isfinite(part).any() else float("nan")


def _over_rooms(facts: list[Facts], figure: str) -> float:
    rooms: dict[str, list[float]] = {}
    for fact in facts:
        rooms.setdefault(fact.room, []).append(fact.figures[figure])
    means = [np.nanmean(values) for values in rooms.values() if np.isfinite(values).any()]
    return float(np.mean(means)) if means else float("nan")


def _grid(samples: list[Sample], *, columns: int = 6) -> NDArray[np.uint8]:
    rows = []
    for start in range(0, len(samples), columns):
        part = samples[start : start + columns]
        rows += [np.hstack([_thumb(sample.image) for sample in part])]
        rows += [np.hstack([_thumb(colorize(sample.depth_m, near_m=0.3, far_m=6.0)) for sample in part])]
    return np.vstack([row for row in rows if row.shape == rows[0].shape])


def _thumb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize(THUMB[::-1], Image.Resampling.BOX))


if __name__ == "__main__":
    main(tyro.cli(Options))
