"""One model under every protocol, what evaluating costs, and whether the intervals cover.

python benchmarks/protocols.py MODEL --frames FRAMES [--split val]
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from leadline.data.sources.catalog import open_source
from leadline.evaluation.evaluate import evaluate
from leadline.evaluation.intervals import mean_interval
from leadline.evaluation.protocols import PROTOCOLS
from leadline.evaluation.report import chosen_frames
from leadline.inference.predictor import load
from leadline.options import Subset

SHOWN = ("rel", "rms", "log10", "delta1")


@dataclass(frozen=True)
class Options:
    """What to measure."""

    model: Positional[Path]
    """Model file."""
    frames: Path
    """Frames, as for evaluation."""
    split: Subset = "val"
    """Which of them."""


def main(options: Options) -> None:
    """Print three tables."""
    console = Console(width=120)
    protocols_table(options, console)
    coverage_table(console)


def protocols_table(options: Options, console: Console) -> None:
    """The same predictions, twelve numbers; and the share of the time that the network has."""
    predictor = load(options.model)
    source = open_source(options.frames)
    frames = chosen_frames(source, options.split, predictor.card)
    kept: dict[bytes, np.ndarray] = {}
    network_s = 0.0

    def predict(image: np.ndarray) -> np.ndarray:
        nonlocal network_s
        key = image[::16, ::16].tobytes()
        if key not in kept:
            began = time.perf_counter()
            kept[key] = predictor.predict(image).metres
            network_s += time.perf_counter() - began
        return kept[key]

    constant_m = predictor.card.training_median_m or 2.0
    began = time.perf_counter()
    evaluate(predict, source, frames, constant_m=constant_m)
    whole_s = time.perf_counter() - began
    table = Table(title=f"{options.model.name}, {len(frames)} frames, the mean that each protocol names")
    for column in ("protocol", "mean over", *SHOWN, "rel of constant", "frames"):
        table.add_column(column, justify="left" if column in ("protocol", "mean over") else "right")
    for name, protocol in PROTOCOLS.items():
        result = evaluate(predict, source, frames, constant_m=constant_m, protocol=protocol)
        model, constant = result.own()
        figures = [f"{getattr(model, measure):.3f}" for measure in SHOWN]
        table.add_row(
            f"{name} v{protocol.version}", protocol.average, *figures, f"{constant.rel:.3f}", str(len(result.scores))
        )
    console.print(table)
    console.print(
        f"evaluating by plain: {len(frames) / whole_s:.1f} images/s, {network_s / whole_s:.0%} of the time predicting"
    )


def coverage_table(console: Console) -> None:
    """How often the 95 % interval over rooms covers the true mean, in simulated data sets of skewed errors."""
    generator = np.random.default_rng(0)
    table = Table(title="coverage of the 95 % interval, 1000 simulated data sets each (10 frames a room, log-normal)")
    for column in ("rooms", "drawing rooms", "drawing frames"):
        table.add_column(column, justify="right")
    for rooms in (5, 10, 18, 50):
        hits = np.zeros(2)
        for _ in range(1000):
            of_rooms = generator.lognormal(-1.2, 0.4, rooms)
            values = of_rooms[:, None] * generator.lognormal(-0.02, 0.2, (rooms, 10))
            for way, groups in enumerate((values.tolist(), values.reshape(-1, 1).tolist())):
                interval = mean_interval(groups)
                assert interval is not None
                truth = np.exp(-1.2 + 0.4**2 / 2)
                hits[way] += interval[0] <= truth <= interval[1]
        table.add_row(str(rooms), f"{hits[0] / 10:.1f} %", f"{hits[1] / 10:.1f} %")
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
