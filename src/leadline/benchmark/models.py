"""`leadline benchmark`: model files, each with every backend, number of threads and size that was asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from leadline.benchmark.contest import NETWORK, Contender, Contest, hold_contest
from leadline.benchmark.machine import describe_machine
from leadline.benchmark.multiply_adds import count_multiply_adds
from leadline.benchmark.tables import as_json, print_tables
from leadline.benchmark.worker import Subject
from leadline.box import find_model
from leadline.errors import ModelFileError
from leadline.inference.predictor import Predictor, load
from leadline.options import BenchmarkOptions, read_size

PICTURE_SIZE = (480, 640)
"""Of the picture that is made when none is given."""


def benchmark_command(options: BenchmarkOptions) -> None:
    """Measure, and print the table or the JSON with the machine's description."""
    machine = describe_machine()  # before: it tells the load that others make
    contest = benchmark(options)
    decoding = "excluded" if options.picture is None else "included"
    if options.json:
        print(json.dumps({"machine": machine, "decoding": decoding, **as_json(contest)}, indent=1))
    else:
        print_tables(contest, machine)
        print(f"predict: from a photograph to a depth map of its size, decoding {decoding}")


def benchmark(options: BenchmarkOptions) -> Contest:
    """Latency, throughput, memory and size of models that take turns.

    Raises:
        ModelFileError: a model that is missing, damaged, or does not run at a size.
        UsageError: a backend or a size that cannot be meant.
    """
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=None)
        return hold_contest(
            contenders(options),
            rounds=options.rounds,
            turn_s=options.turn_s,
            advance=lambda total: progress.update(task, total=total, advance=1),
        )


def contenders(options: BenchmarkOptions) -> list[Contender]:
    """Each model with each backend, number of threads and size."""
    sizes: list[tuple[int, int] | None] = [read_size(text) for text in options.size]
    return [
        Contender(
            name=model,
            open_subject=partial(
                open_model_file, model, device=options.device, backend=backend, threads=threads, size=size,
                picture=options.picture,
            ),
            path=find_model(model),
            threads=threads,
        )
        for model in options.models
        for backend in options.backend
        for threads in options.threads or (None,)
        for size in sizes or (None,)
    ]  # fmt: skip


def open_model_file(
    model: str,
    *,
    device: str,
    backend: str,
    threads: int | None,
    size: tuple[int, int] | None,
    picture: Path | None,
) -> Subject:
    """A model file, as `leadline.load` opens it, with two actions.

    `network`: framed pixels in, metres at the network's resolution out. `predict`: a photograph in, a depth map of its
    size out; the decoding of the file is a part of it when a picture is given, and is not when it is made.
    """
    began = time.perf_counter()
    predictor = load(model, device=device, backend=backend, threads=threads)
    if size is not None:
        predictor = Predictor(predictor.network, replace(predictor.card, height=size[0], width=size[1]))
    card = predictor.card
    tensor = np.random.default_rng(0).random((1, 3, card.height, card.width), np.float32)
    try:
        predictor.network(tensor)
    except Exception as error:  # every runtime has exceptions of its own
        if size is None:
            raise
        raise ModelFileError(
            f"{model}: does not run at {card.height}x{card.width}; leave --size out, or export it with --dynamic"
        ) from error
    load_ms = (time.perf_counter() - began) * 1000
    actions: dict[str, Callable[[], object]] = {
        NETWORK: partial(predictor.network, tensor),
        "predict": partial(predictor.predict, made_picture() if picture is None else picture),
    }
    facts = {"backend": backend, "input": f"{card.height}x{card.width}", "load_ms": round(load_ms, 1)}
    return Subject(actions, facts, partial(_multiply_adds, find_model(model), card.height, card.width))


def made_picture() -> NDArray[np.uint8]:
    """A picture of noise; how long a prediction takes does not depend on what is in it."""
    return np.random.default_rng(0).integers(0, 256, (*PICTURE_SIZE, 3), np.uint8)


def _multiply_adds(path: Path, height: int, width: int) -> int | None:
    if path.suffix == ".onnx":
        return count_multiply_adds(path, height=height, width=width)
    if path.suffix == ".safetensors":
        from leadline.networks.model_file import load_model
        from leadline.networks.summary import summarize

        return summarize(load_model(path)[0], height=height, width=width).macs
    return None
