"""What a few measured points are worth: errors against their number, with noise and outliers; beside one true scale.

python benchmarks/points.py MODEL --frames FRAMES [--scenes FILE] [--noise 0.02] [--repeats 3]

Points are drawn evenly from the measured pixels of a frame. An outlier is too near or too far by a factor of 1.5
to 4. rel and delta1 are means over rooms, at the network's own resolution, over all measured pixels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from leadline.data.sources.catalog import open_source
from leadline.depth.framing import median_under
from leadline.errors import PointsRefused
from leadline.evaluation.align import by_median
from leadline.inference.predictor import load
from leadline.metrics import error_sums, mean_over_groups
from leadline.scale.choose import choose_correction
from leadline.scale.fit import Scaled, scale_to_points
from leadline.scale.points import Points

COUNTS = (0, 1, 2, 5, 20, 100)
OUTLIERS = (0.0, 0.1, 0.3)
LEFT_OUT = 50


@dataclass(frozen=True)
class Options:
    """What to measure."""

    model: Positional[Path]
    """Model file."""
    frames: Path
    """Frames, as for evaluation."""
    scenes: Path | None = None
    """Text file with the scenes to use, one a line; those that the model has not seen."""
    noise: float = 0.02
    """Relative noise of the points."""
    repeats: int = 3
    """Draws of the points of each frame."""


@dataclass(frozen=True)
class View:
    """One frame at the network's resolution, letterbox included."""

    room: str
    predicted_m: NDArray[np.float32]
    truth_m: NDArray[np.float32]


Mend = Callable[[View, Points], NDArray[np.float32]]


def main(options: Options) -> None:
    """Print two tables and the coverage of the error bar."""
    console = Console(width=120)
    views = read_views(options)
    console.print(f"{len(views)} frames of {len({view.room for view in views})} rooms, noise {options.noise:.0%}")
    points_table(views, options, console)
    places_table(views, options, console)
    error_bars(views, options, console)


def read_views(options: Options) -> list[View]:
    predictor = load(options.model, threads=1)
    source = open_source(options.frames)
    scenes = None if options.scenes is None else set(options.scenes.read_text().split())
    views = []
    for frame in source.frames:
        if scenes is None or frame.scene in scenes:
            sample = source.read(frame)
            predicted_m = predictor.network(predictor.tensor(sample.image))[0, 0]
            height, width = predicted_m.shape
            truth_m = median_under(predictor.card.framing.depth(sample.depth_m), height=height, width=width)
            views.append(View(frame.room, predicted_m, truth_m))
    return views


def draw(view: View, count: int, outliers: float, noise: float, random: np.random.Generator) -> Points:
    measured = np.argwhere(view.truth_m > 0)
    rows, columns = measured[random.choice(len(measured), min(count, len(measured)), replace=False)].T
    factors = 1 + noise * random.normal(size=len(rows))
    wrong = np.exp(random.uniform(math.log(1.5), math.log(4), len(rows)) * random.choice([-1, 1], len(rows)))
    factors = np.where(random.random(len(rows)) < outliers, wrong, np.maximum(factors, 0.1))
    return Points(columns.astype(float), rows.astype(float), view.truth_m[rows, columns] * factors)


def scaled(view: View, points: Points) -> Scaled | None:
    try:
        return scale_to_points(view.predicted_m, points)
    except PointsRefused:
        return None


def by_points(view: View, points: Points) -> NDArray[np.float32]:
    """What `predict --points` gives."""
    found = scaled(view, points)
    return view.predicted_m if found is None else found.depth_m


def by_one_scale(view: View, points: Points) -> NDArray[np.float32]:
    """The same without lines and places."""
    rows, columns = points.y_px.astype(int), points.x_px.astype(int)
    ratios = points.metres / view.predicted_m[rows, columns]
    ones = np.ones(len(ratios))  # of a flat map, no line can be made
    return choose_correction(ones, ratios).correction.apply(view.predicted_m) if len(ratios) else view.predicted_m


def by_median_of_points(view: View, points: Points) -> NDArray[np.float32]:
    """The usual way, for comparison."""
    rows, columns = points.y_px.astype(int), points.x_px.astype(int)
    return view.predicted_m * np.float32(np.median(points.metres / view.predicted_m[rows, columns]))


def errors(views: list[View], mend: Mend, options: Options, count: int, outliers: float) -> tuple[float, float]:
    """Means over rooms of rel and delta1."""
    random = np.random.default_rng(count * 100 + round(outliers * 10))
    measured = []
    for _ in range(options.repeats if count else 1):
        for view in views:
            predicted_m = mend(view, draw(view, count, outliers, options.noise, random))
            sums = error_sums(predicted=predicted_m, truth=view.truth_m, valid=view.truth_m > 0)
            measured.append((view.room, sums.metrics()))
    mean = mean_over_groups(measured)
    return mean.rel, mean.delta1


def points_table(views: list[View], options: Options, console: Console) -> None:
    table = Table("points", *(f"{share:.0%} outliers" for share in OUTLIERS), title="predict --points: rel, delta1")
    for count in COUNTS:
        cells = [errors(views, by_points, options, count, share) for share in OUTLIERS]
        table.add_row(str(count), *(f"{rel:.3f}  {delta1:.3f}" for rel, delta1 in cells))
    rel, delta1 = errors(
        views, lambda view, _: by_median(view.predicted_m, view.truth_m, view.truth_m > 0), options, 0, 0.0
    )
    table.add_row("median of the whole truth", f"{rel:.3f}  {delta1:.3f}", "", "")
    console.print(table)


def places_table(views: list[View], options: Options, console: Console) -> None:
    """Against simpler ways with the same points."""
    ways: dict[str, Mend] = {"median of the points": by_median_of_points, "one scale": by_one_scale, "all": by_points}
    columns = [(count, share) for count in (1, 5, 20, 100) for share in (0.0, 0.3)]
    table = Table("rel", *(f"{count} / {share:.0%}" for count, share in columns), title="points / outliers")
    for name, mend in ways.items():
        table.add_row(name, *(f"{errors(views, mend, options, *column)[0]:.3f}" for column in columns))
    console.print(table)


def error_bars(views: list[View], options: Options, console: Console) -> None:
    """How often the true scale is within the error bar; and frames made worse, on points left out."""
    random = np.random.default_rng(0)
    for count in (1, 2, 5, 10, 20, 100):
        inside, worse, used = 0, 0, 0
        for view in views * options.repeats:
            points = draw(view, count + LEFT_OUT, 0.0, options.noise, random)
            given, left_out = (
                Points(points.x_px[part], points.y_px[part], points.metres[part])
                for part in (slice(LEFT_OUT, None), slice(LEFT_OUT))
            )
            if not len(given) or (found := scaled(view, given)) is None:
                continue
            used += 1
            best = float(np.median(np.log(view.truth_m[view.truth_m > 0] / found.depth_m[view.truth_m > 0])))
            inside += abs(best) < found.correction.error
            worse += off(found.depth_m, left_out) > off(by_one_scale(view, given), left_out) * 1.02
        console.print(
            f"{count:>3} points: {used} of {len(views) * options.repeats} scaled; the median is right within the error "
            f"bar in {inside / used:.0%}; worse than one scale by over 2 % on {LEFT_OUT} points left out in "
            f"{worse / used:.0%}"
        )


def off(depth_m: NDArray[np.float32], points: Points) -> float:
    predicted = depth_m[points.y_px.astype(int), points.x_px.astype(int)]
    return float((np.abs(predicted - points.metres) / points.metres).mean())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
