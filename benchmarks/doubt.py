"""Whether a model knows how far it is to be trusted: coverage, sparsification, likelihood, beside a constant sigma.

python benchmarks/doubt.py MODEL.safetensors --frames FRAMES [--steps 300]

The rooms that the model's training left out are split in two; each half calibrates what is judged on the other. All at
the network's own resolution, every room like any other.
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
from tyro.conf import Positional

from leadline.data.sources.catalog import open_source
from leadline.evaluation.report import chosen_frames
from leadline.networks.model_file import load_model
from leadline.training.doubt import Errors, calibrate_sigma, read_errors, spread, teach_sigma, with_sigma

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


@dataclass(frozen=True)
class Judged:
    """The valid pixels of one frame: error in log depth, and the scales that are said for it."""

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
    left_out = read_errors(net, card, source, chosen_frames(source, "val", card))
    rooms = sorted({frame.room for frame in left_out})
    halves = [[frame for frame in left_out if frame.room in rooms[start::2]] for start in (0, 1)]
    judged: list[Judged] = []
    for calibrating, judging in (halves, halves[::-1]):
        factor = calibrate_sigma(net, calibrating)
        constant = mean_over_rooms([(frame.room, float(frame.error[frame.valid].mean())) for frame in calibrating])
        print(f"factor {factor:.2f} after the one before, constant {constant:.3f}, {len(judging)} frames judged")
        judged += [judged_frame(net, frame, constant) for frame in judging]
    print_tables(judged, Console(width=110))


def judged_frame(net: torch.nn.Module, frame: Errors, constant: float) -> Judged:
    with torch.no_grad():
        learned = net.head.log_sigma(frame.features).exp()[frame.valid]
    return Judged(frame.room, frame.error[frame.valid].double().numpy(), learned.double().numpy(), constant)


def mean_over_rooms(values: list[tuple[str, float]]) -> float:
    rooms: dict[str, list[float]] = {}
    for room, value in values:
        rooms.setdefault(room, []).append(value)
    return float(np.mean([np.mean(members) for members in rooms.values()]))


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
