"""What running a model costs here: the start, a folder against the network alone, ONNX Runtime's options.

python benchmarks/running.py --photos FOLDER [--model nano] [--backends onnxruntime openvino]
"""

import contextlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import tyro
from rich.console import Console
from rich.table import Table

from leadline.box import find_model
from leadline.inference.predict import find_images, predict_command
from leadline.inference.predictor import load
from leadline.options import PredictOptions
from leadline.parallel import cores, in_order


@dataclass(frozen=True)
class Options:
    """What to measure with."""

    photos: Path
    """Folder of photographs."""
    model: str = "nano"
    """Model file (.onnx), or the name of one in the box."""
    backends: tuple[str, ...] = ("onnxruntime", "openvino")
    """Runtimes to measure."""
    rounds: int = 5
    """Times that everything is measured, taking turns; medians are printed."""
    tables: tuple[str, ...] = ("start", "folder", "session")
    """What to measure."""


def main(options: Options) -> None:
    """Print the tables."""
    tables: dict[str, Callable[[Options], Table]] = {
        "start": start_table,
        "folder": folder_table,
        "session": session_table,
    }
    console = Console(width=120)
    for name in options.tables:
        console.print(tables[name](options))


START = """
import json, resource, sys, time
began = time.perf_counter()
import leadline
leadline.load
imported = time.perf_counter()
model = leadline.load(sys.argv[1], device="cpu", backend=sys.argv[2])
loaded = time.perf_counter()
model.predict(sys.argv[3])
done = time.perf_counter()
model.predict(sys.argv[3])
again = time.perf_counter()
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps([imported - began, loaded - imported, done - imported, again - done, peak_mb]))
"""


def start_table(options: Options) -> Table:
    """Seconds from a fresh process to the first depth map, and its peak memory."""
    photo = find_images([str(options.photos)])[0]
    rows: dict[str, list[list[float]]] = {backend: [] for backend in options.backends}
    whole: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for backend, runs in rows.items():
                words = [sys.executable, "-c", START, options.model, backend, str(photo)]
                runs.append(json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout))
            began = time.perf_counter()
            words = [sys.executable, "-m", "leadline", "predict", str(photo), "--model", options.model, "--out", folder]
            subprocess.run(words, capture_output=True, check=True)
            whole.append(time.perf_counter() - began)
    table = Table(title=f"start; the whole command `leadline predict PHOTO`: {statistics.median(whole) * 1000:.0f} ms")
    for column in ("backend", "import ms", "load ms", "load + first depth map ms", "second ms", "peak MB"):
        table.add_column(column, justify="left" if column == "backend" else "right")
    for backend, runs in rows.items():
        *seconds, peak_mb = (statistics.median(values) for values in zip(*runs, strict=True))
        table.add_row(backend, *(f"{value * 1000:.0f}" for value in seconds), f"{peak_mb:.0f}")
    return table


def folder_table(options: Options) -> Table:
    """Photographs a second: a folder, file to files, beside the network alone with as many workers."""
    photos = find_images([str(options.photos)])
    columns = ["network alone", *SAVED]
    speeds: dict[tuple[str, int, int], dict[str, list[float]]] = {}
    for _ in range(options.rounds):
        for backend in options.backends:
            for workers, threads in ((cores(), 1), (1, cores())):
                row = speeds.setdefault((backend, workers, threads), {column: [] for column in columns})
                row["network alone"].append(_network_speed(options, backend, workers, threads, len(photos)))
                for save in SAVED:
                    row[save].append(_folder_speed(options, backend, workers, threads, save, len(photos)))
    table = Table(title=f"photographs a second, {len(photos)} photographs, medians of {options.rounds}")
    for column in ("backend", "workers x threads", *columns):
        table.add_column(column, justify="left" if column == "backend" else "right")
    for (backend, workers, threads), row in speeds.items():
        medians = (f"{statistics.median(values):.1f}" for values in row.values())
        table.add_row(backend, f"{workers} x {threads}", *medians)
    return table


SAVED = ("npy", "depth16", "depth16,color")


def _network_speed(options: Options, backend: str, workers: int, threads: int, count: int) -> float:
    model = load(options.model, device="cpu", backend=backend, threads=threads)
    tensor = np.random.default_rng(0).random((1, 3, model.card.height, model.card.width), np.float32)
    model.network(tensor)
    began = time.perf_counter()
    for _ in in_order(model.network, [tensor] * count, workers=workers):
        pass
    return count / (time.perf_counter() - began)


def _folder_speed(options: Options, backend: str, workers: int, threads: int, save: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        began = time.perf_counter()
        predict_command(
            PredictOptions(
                (str(options.photos),),
                model=Path(options.model),
                out=Path(folder),
                save=save,
                device="cpu",
                backend=backend,
                workers=workers,
                threads=threads,
            )
        )
        return count / (time.perf_counter() - began)


SESSIONS: dict[str, Callable[[onnxruntime.SessionOptions], object]] = {
    "as it is": lambda _: None,
    "denormals as zero": lambda options: options.add_session_config_entry("session.set_denormal_as_zero", "1"),
    "no spinning": lambda options: options.add_session_config_entry("session.intra_op.allow_spinning", "0"),
    "no arena": lambda options: setattr(options, "enable_cpu_mem_arena", False),
    "no memory pattern": lambda options: setattr(options, "enable_mem_pattern", False),
    "basic optimisation": lambda options: setattr(
        options, "graph_optimization_level", onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    ),
    "one thread": lambda options: setattr(options, "intra_op_num_threads", 1),
}


def session_table(options: Options) -> Table:
    """Milliseconds to open ONNX Runtime's session and to run it, by its options, taking turns."""
    content = find_model(options.model).read_bytes()
    card = load(options.model, device="cpu").card
    tensor = np.random.default_rng(0).random((1, 3, card.height, card.width), np.float32)
    opening: dict[str, list[float]] = {name: [] for name in SESSIONS}
    running: dict[str, list[float]] = {name: [] for name in SESSIONS}
    for _ in range(options.rounds):
        for name, change in SESSIONS.items():
            settings = onnxruntime.SessionOptions()
            settings.log_severity_level = 3
            change(settings)
            began = time.perf_counter()
            session = onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
            opening[name].append(time.perf_counter() - began)
            for turn in range(13):
                began = time.perf_counter()
                session.run(None, {session.get_inputs()[0].name: tensor})
                if turn >= 3:
                    running[name].append(time.perf_counter() - began)
    table = Table(title="ONNX Runtime's session")
    for column in ("options", "open ms", "run ms (median)", "run ms (p95)"):
        table.add_column(column, justify="left" if column == "options" else "right")
    for name in SESSIONS:
        ordered = sorted(running[name])
        table.add_row(
            name,
            f"{statistics.median(opening[name]) * 1000:.0f}",
            f"{statistics.median(ordered) * 1000:.1f}",
            f"{ordered[int(len(ordered) * 0.95)] * 1000:.1f}",
        )
    return table


if __name__ == "__main__":
    main(tyro.cli(Options))
