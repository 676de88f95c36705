"""Does a model know the camera? Predicted over true depth against the field of view, with and without the correction.

python benchmarks/camera.py --model MODEL --frames FRAMES [--scenes validation.txt] [--assumed-focal 0.89]

"as said" is what the network says; "corrected" is multiplied by the ratio of the picture's focal length to that of the
canonical camera of the model, or to --assumed-focal for a model that was taught without one. A model that knows its
cameras has the same ratio, near 1, in every row. Rooms count the same: a room's ratio is the median over its frames.
"""

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Sample
from leadline.data.sources.catalog import open_source
from leadline.data.splits import read_scene_list
from leadline.errors import UsageError
from leadline.inference.predictor import load
from leadline.model_card import ModelCard

BOUNDS_DEG = (0, 35, 50, 60, 70, 80, 180)


@dataclass(frozen=True)
class Options:
    """What to measure, and on what."""

    model: Path
    """Model file."""
    frames: Path
    """Frames with known cameras; those of unknown ones are passed over."""
    scenes: Path | None = None
    """Text file of the scenes to look at; all of them when not given."""
    assumed_focal: float | None = None
    """For a model without a canonical camera: the focal length, as a share of the width, that it may have learned."""


def main(options: Options) -> None:
    """Print the table."""
    predictor = load(options.model)
    card = predictor.card
    if card.canonical_focal is None:
        if options.assumed_focal is None:
            raise UsageError(f"{options.model}: has no canonical camera; give --assumed-focal")
        card = replace(card, canonical_focal=options.assumed_focal)
    source = open_source(options.frames)
    wanted = None if options.scenes is None else set(read_scene_list(options.scenes))
    rooms: dict[int, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for frame in source.frames:
        if wanted is not None and frame.scene not in wanted:
            continue
        sample = source.read(frame)
        if sample.camera is None:
            continue
        said = predictor.predict(sample.image).metres
        ratio, factor = median_ratio(said, sample), correction(card, sample)
        row = int(np.searchsorted(BOUNDS_DEG, sample.camera.fov_deg, side="right")) - 1
        rooms[row][frame.room].append((ratio, ratio * factor))
    Console(width=120).print(table(rooms, title=f"{options.model.name}, camera of {card.canonical_focal:g} widths"))


def correction(card: ModelCard, sample: Sample) -> float:
    """The ratio of focal lengths."""
    assert sample.camera is not None
    height, width = sample.image.shape[:2]
    return card.metres_per_said(sample.camera.fx_px, height=height, width=width)


def median_ratio(predicted_m: np.ndarray, sample: Sample) -> float:
    """Median predicted over median true depth, where it was measured; the prediction is brought to the truth's grid."""
    height, width = sample.depth_m.shape
    rows = (np.arange(height) * 2 + 1) * predicted_m.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * predicted_m.shape[1] // (2 * width)
    predicted_m = predicted_m[rows[:, None], columns]
    return float(np.median(predicted_m[sample.valid]) / np.median(sample.depth_m[sample.valid]))


def table(rooms: dict[int, dict[str, list[tuple[float, float]]]], *, title: str) -> Table:
    """A row for each band of fields of view."""
    found = Table(title=title)
    for column in ("field of view", "rooms", "frames", "as said", "off by", "corrected", "off by "):
        found.add_column(column, justify="right")
    everything: list[np.ndarray] = []
    for row in sorted(rooms):
        per_room = np.array([np.median(ratios, axis=0) for ratios in rooms[row].values()])
        everything.append(per_room)
        label = f"{BOUNDS_DEG[row]}-{BOUNDS_DEG[row + 1]}\N{DEGREE SIGN}"
        found.add_row(label, *cells(per_room, frames=sum(map(len, rooms[row].values()))))
    frames = sum(len(ratios) for bands in rooms.values() for ratios in bands.values())
    found.add_row("all", *cells(np.concatenate(everything), frames=frames))
    return found


def cells(per_room: np.ndarray, *, frames: int) -> list[str]:
    """Number of rooms and frames; then the middle ratio, and the mean factor by which a room is off, both ways."""
    written = [f"{len(per_room)}", f"{frames}"]
    for ratios in per_room.T:
        written += [f"{np.median(ratios):.2f}", f"{math.exp(np.abs(np.log(ratios)).mean()):.2f}"]
    return written


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
