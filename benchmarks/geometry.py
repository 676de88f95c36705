"""Is the geometry of predicted depth right? Its normals and its floor beside those of the sensor's own depth.

python benchmarks/geometry.py --model MODEL --frames FRAMES [--scenes validation.txt]

For each scene: the median angle between the normals of the prediction and those of the sensor, and between the sensor's
and a wall that faces the camera (what a constant prediction would say), over neighbours that lie a 27th of the width
apart, because sensors are noisy; the share of pixels cut as flying; and, where a floor (the lowest large plane that
faces up) is found, the camera's height and pitch by the sensor and by the prediction. Medians over the scene's frames.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Sample
from leadline.data.sources.catalog import open_source
from leadline.data.splits import read_scene_list
from leadline.depth.depth_map import DepthMap
from leadline.depth.framing import median_under, under_centres
from leadline.depth.points import surface_normals
from leadline.inference.predictor import Predictor, load

WIDTH = 320
REACH_PX = 6
COLUMNS = ("normals off by", "facing wall", "flying", "height by sensor", "predicted", "pitch by sensor", "predicted ")
UNITS = ("\N{DEGREE SIGN}", "\N{DEGREE SIGN}", "%", "m", "m", "\N{DEGREE SIGN}", "\N{DEGREE SIGN}")


@dataclass(frozen=True)
class Options:
    """What to measure, and on what."""

    model: Path
    """Model file."""
    frames: Path
    """Frames with known cameras; those of unknown ones are passed over."""
    scenes: Path | None = None
    """Text file of the scenes to look at; all of them when not given."""
    per_scene: int = 6
    """Frames of each scene, evenly over it."""


def main(options: Options) -> None:
    """Print the table."""
    predictor, source = load(options.model), open_source(options.frames)
    wanted = None if options.scenes is None else set(read_scene_list(options.scenes))
    of_scene = defaultdict(list)
    for frame in source.frames:
        if wanted is None or frame.scene in wanted:
            of_scene[frame.scene].append(frame)
    rows = {}
    for scene, frames in of_scene.items():
        spread = np.linspace(0, len(frames) - 1, min(options.per_scene, len(frames))).round().astype(int)
        samples = [source.read(frames[index]) for index in spread]
        figures = [measured(predictor, sample) for sample in samples if sample.camera is not None]
        if figures:
            rows[scene] = median(np.array(figures))
    Console(width=140).print(table(rows, title=f"{options.model.name}, {len(rows)} scenes"))


def measured(predictor: Predictor, sample: Sample) -> list[float]:
    """The figures of a frame in the order of COLUMNS, NaN where there is no floor."""
    image, camera = sample.image, sample.camera
    assert camera is not None
    predicted = predictor.predict(image, focal_px=camera.fx_px)
    height, width = round(WIDTH * image.shape[0] / image.shape[1]), WIDTH
    small = camera.placed(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)
    truth = DepthMap(median_under(sample.depth_m, height=height, width=width), camera=small)
    said = DepthMap(under_centres(predicted.metres, height=height, width=width), camera=small)
    true_normals, normals = (surface_normals(depth.points(), reach_px=REACH_PX) for depth in (truth, said))
    off = np.degrees(np.arccos(np.clip((true_normals * normals).sum(axis=2), -1, 1)))
    facing = np.degrees(np.arccos(np.clip(-true_normals[..., 2], -1, 1)))
    flying = 100 * (1 - len(said.surface().points_m) / said.metres.size)
    floors = truth.floor(), said.floor()
    heights = [np.nan if floor is None else floor.camera_height_m for floor in floors]
    pitches = [np.nan if floor is None else floor.pitch_deg for floor in floors]
    return [float(np.nanmedian(off)), float(np.nanmedian(facing)), flying, *heights, *pitches]


def median(figures: np.ndarray) -> list[float]:
    """Over the frames that have a figure."""
    return [
        float(np.median(column[~np.isnan(column)])) if (~np.isnan(column)).any() else np.nan for column in figures.T
    ]


def table(rows: dict[str, list[float]], *, title: str) -> Table:
    """A row for each scene, and the medians."""
    found = Table(title=title)
    found.add_column("scene")
    for column, unit in zip(COLUMNS, UNITS, strict=True):
        found.add_column(f"{column} [{unit}]", justify="right")
    for scene, figures in [*rows.items(), ("median", median(np.array(list(rows.values()))))]:
        found.add_row(scene, *("" if np.isnan(figure) else f"{figure:.2f}" for figure in figures))
    return found


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
