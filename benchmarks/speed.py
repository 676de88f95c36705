"""How fast this machine trains and predicts, and where the time goes.

python benchmarks/speed.py --frames FRAMES [--batch 16] [--steps 10]
"""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from leadline.data.frames import load_store
from leadline.data.loader import Batches
from leadline.export.export import export
from leadline.inference.predictor import load
from leadline.losses import PAPER, training_loss
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import save_model
from leadline.options import DataOptions, ExportOptions
from leadline.training.step import measured_at


@dataclass(frozen=True)
class Options:
    """What to measure on."""

    frames: Path
    """Frames, as for training."""
    batch: int = 16
    """Frames a step."""
    steps: int = 10
    """Steps (and predictions, times three) to take the median of."""


def main(options: Options) -> None:
    """Print two tables."""
    console = Console(width=110)
    console.print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"
    )
    training_table(options, console)
    latency_table(options, console)


def training_table(options: Options, console: Console) -> None:
    """Median seconds of each part of a training step on the CPU in float32, channels_last."""
    store, _ = load_store(DataOptions(root=options.frames), max_depth_m=10.0, console=console)
    net = DepthNet("yolov8n").to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    batches = Batches(store, range(len(store)), batch_size=options.batch, device=torch.device("cpu"))
    parts: dict[str, list[float]] = {
        "data": [],
        "network, forward": [],
        "loss, forward": [],
        "backward": [],
        "update": [],
    }
    iterator = batches.shuffled(0, options=DataOptions())
    for _ in range(options.steps + 2):
        marks = [time.perf_counter()]
        batch = next(iterator)
        marks.append(time.perf_counter())
        predicted = net(batch.image)
        marks.append(time.perf_counter())
        depth_m, valid = measured_at(batch.depth_m, size=predicted.shape[-2:], codec=net.head.codec)
        truth = net.head.codec.encode(depth_m)
        loss = training_loss(predicted=predicted, truth=truth, valid=valid, weights=PAPER, code=net.head.codec)
        marks.append(time.perf_counter())
        optimizer.zero_grad()
        loss.value.backward()
        marks.append(time.perf_counter())
        optimizer.step()
        marks.append(time.perf_counter())
        for seconds, before, after in zip(parts.values(), marks[:-1], marks[1:], strict=True):
            seconds.append(after - before)
    medians = {name: statistics.median(seconds[2:]) for name, seconds in parts.items()}
    total = sum(medians.values())
    table = Table(title=f"training step, yolov8n, {options.batch} x 240x320: {options.batch / total:.1f} images/s")
    for column in ("part", "ms", "share"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds * 1000:.1f}", f"{seconds / total:.1%}")
    console.print(table)


def latency_table(options: Options, console: Console) -> None:
    """Median and 95th percentile of one prediction from a 480x640 array, torch and ONNX Runtime taking turns."""
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        card = ModelCard("yolov8n", "linear", min_depth_m=0.1, max_depth_m=10.0, height=240, width=320, fit="letterbox")
        save_model(model, DepthNet("yolov8n"), card)
        export(ExportOptions(model))
        predictors = {
            "torch": load(model, device="cpu"),
            "ONNX Runtime": load(model.with_suffix(".onnx"), device="cpu"),
        }
        rows = {f"{name}, {what}": [] for name in predictors for what in ("whole predict", "network")}
        tensor = np.random.default_rng(0).random((1, 3, 240, 320), np.float32)
        for _ in range(3 * options.steps + 5):
            for name, predictor in predictors.items():
                began = time.perf_counter()
                predictor.predict(picture)
                middle = time.perf_counter()
                predictor.network(tensor)
                rows[f"{name}, whole predict"].append(middle - began)
                rows[f"{name}, network"].append(time.perf_counter() - middle)
    table = Table(title="prediction of one 480x640 picture, network at 240x320")
    for column in ("runtime", "median ms", "p95 ms"):
        table.add_column(column, justify="left" if column == "runtime" else "right")
    for name, seconds in rows.items():
        ordered = sorted(seconds[5:])
        table.add_row(
            name, f"{statistics.median(ordered) * 1000:.1f}", f"{ordered[int(len(ordered) * 0.95)] * 1000:.1f}"
        )
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options))
