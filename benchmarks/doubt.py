"""Whether a model knows how far it is to be trusted: coverage, sparsification, likelihood, beside a constant sigma.

python benchmarks/doubt.py MODEL.safetensors --frames FRAMES [--steps 300]

The rooms that the model's training left out are split in two; each half calibrates what is judged on the other. All at
the network's own resolution, every room like any other; once as it is, with the error of each frame's scale, and once
of what is left when the scale is right.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor
from tyro.conf import Positional

from leadline.data.sources.catalog import open_source
from leadline.evaluation.report import chosen_frames
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model
from leadline.training.doubt import (
    Errors,
    calibrate_sigma,
    mean_over_rooms,
    read_errors,
    spread,
    teach_sigma,
    with_sigma,
)

NOMINAL = (0.5, 0.8, 0.95)
REMOVED = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Options:
    """What to measure."""

    model: Positional[Path]
    """Model file."""
    frames: Path
    """Frames that it was trained on."""
    steps: int = 300
    """Steps of teaching."""
    limit: int = 200
    """Most frames that teach."""
    judged: int = 1000
    """Most frames that are judged, spread over the rooms."""


@dataclass(frozen=True)
class Judged:
    """The valid pixels of one frame: absolute error in log depth, and the scales that are said for it."""

    room: str
    error: NDArray[np.float64]
    learned: NDArray[np.float64]
    constant: float


def main(options: Options) -> None:
    """Teach, split, swap, print."""
    earlier, card = load_model(options.model)
    source = open_source(options.frames)
    net = with_sigma(earlier, card)
    train = spread(chosen_frames(source, "train", card), options.limit)
    teach_sigma(net, read_errors(net, card, source, train), steps=options.steps)
    left_out = read_errors(net, card, source, spread(chosen_frames(source, "val", card), options.judged))
    rooms = sorted({frame.room for frame in left_out})
    halves = [[frame for frame in left_out if frame.room in rooms[start::2]] for start in (0, 1)]
    judged: dict[str, list[Judged]] = {"as it is": [], "once the scale is right": []}
    for calibrating, judging in (halves, halves[::-1]):
        factor = calibrate_sigma(net, calibrating)
        scale_error = mean_over_rooms([(frame.room, abs(frame.scale)) for frame in calibrating])
        print(f"factor {factor:.2f} after the one before, scale off by {scale_error:.3f}, {len(judging)} frames judged")
        for frames, of_scale in zip(judged.values(), (scale_error, 0.0), strict=True):
            constant = mean_over_rooms([(f.room, float(error_of(f, of_scale).mean())) for f in calibrating])
            frames += [judged_frame(net, frame, constant, of_scale) for frame in judging]
    for name, frames in judged.items():
        print(f"\n{name}")
        print_tables(frames, Console(width=110))


def error_of(frame: Errors, of_scale: float) -> Tensor:
    """Absolute error of the valid pixels; without that of the scale where nothing is said for it."""
    rest = frame.rest[frame.valid]
    return (rest + frame.scale if of_scale else rest).abs()


def judged_frame(net: DepthNet, frame: Errors, constant: float, of_scale: float) -> Judged:
    with torch.no_grad():
        learned = net.head.log_sigma(frame.features).exp()[frame.valid].double().numpy()
    return Judged(frame.room, error_of(frame, of_scale).double().numpy(), np.hypot(learned, of_scale), constant)


def print_tables(judged: list[Judged], console: Console) -> None:
    def over(value: Callable[[Judged], float]) -> float:
        return mean_over_rooms([(frame.room, value(frame)) for frame in judged])

    ways: dict[str, Callable[[Judged], NDArray[np.float64]]] = {
        "learned": lambda frame: frame.learned,
        "constant": lambda frame: np.full_like(frame.error, frame.constant),
    }
    table = Table("sigma", *(f"covers, of {share:.0%}" for share in NOMINAL), "surprise (|r|/b + ln b)")
    for name, scale in ways.items():
        # Of a Laplace distribution of scale b, the share s lies within -b ln(1 - s).
        cells = [
            f"{over(lambda frame, s=share: float(np.mean(frame.error < -scale(frame) * math.log(1 - s)))):.3f}"  # noqa: B023
            for share in NOMINAL
        ]
        surprise = over(lambda frame: float(np.mean(frame.error / scale(frame) + np.log(scale(frame)))))  # noqa: B023
        table.add_row(name, *cells, f"{surprise:.3f}")
    console.print(table)
    table = Table("error in log depth of the rest, removed:", *(f"{share:.0%}" for share in REMOVED))
    orders: dict[str, Callable[[Judged], NDArray[np.float64]]] = {
        "by learned sigma": lambda frame: frame.learned,
        "by the error itself": lambda frame: frame.error,
        "by a constant (none)": lambda frame: np.random.default_rng(0).random(len(frame.error)),
    }
    for name, order in orders.items():
        table.add_row(name, *(f"{over(lambda frame, s=share: rest(frame, order(frame), s)):.3f}" for share in REMOVED))  # noqa: B023
    console.print(table)
    said = np.log([np.median(frame.learned) for frame in judged])
    true = np.log([np.mean(frame.error) for frame in judged])
    console.print(f"frame by frame, correlation of log sigma and log mean error: {np.corrcoef(said, true)[0, 1]:.2f}")


def rest(frame: Judged, order: NDArray[np.float64], removed: float) -> float:
    """Mean error of what is left when the least certain are taken away."""
    kept = np.argsort(order)[: max(1, round(len(order) * (1 - removed)))]
    return float(frame.error[kept].mean())


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
