"""Other depth networks beside ours: in the same runtime, with as many threads, taking turns.

python benchmarks/peers.py --model MODEL.onnx [--backend onnxruntime openvino] [--threads 2]
python benchmarks/peers.py --model MODEL.onnx --fastdepth fastdepth.tflite --frames FRAMES --validation-file FILE

Needs, beside the extra `export`: transformers for Depth Anything, openvino for that backend, ai-edge-litert for
--fastdepth. The networks have random weights (benchmarks/peer_networks.py), except for the pruned FastDepth, a TFLite
file with its weights of NYU Depth v2 in 8 bits: its accuracy is measured too, with the models', on the same frames.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from leadline.benchmark.contest import NETWORK, Contender, hold_contest
from leadline.benchmark.machine import describe_machine
from leadline.benchmark.models import open_model_file
from leadline.benchmark.multiply_adds import count_multiply_adds
from leadline.benchmark.tables import as_json, print_tables
from leadline.benchmark.worker import Subject
from leadline.data.sources.catalog import open_source
from leadline.data.splits import read_scene_list
from leadline.evaluation.evaluate import evaluate
from leadline.evaluation.protocols import find_protocol
from leadline.inference.predictor import load
from leadline.inference.runtimes.catalog import RUNTIMES
from leadline.labelling.open_teacher import open_teacher

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Options:
    """Which peers, and how."""

    model: tuple[str, ...] = ()
    """Models of ours; the first is the one that all are compared with."""
    peers: tuple[str, ...] = ("fastdepth-unpruned", "midas-v2.1-small", "depth-anything-v2-small", "densedepth")
    """Names of PEERS in peer_networks.py; with -int8 behind it, a transformer's matrix products are quantised."""
    backend: tuple[Literal["onnxruntime", "openvino"], ...] = ("onnxruntime",)
    """What runs models and peers."""
    threads: int = 2
    """Of one prediction."""
    rounds: int = 6
    """Turns of each."""
    turn_s: float = 0.3
    """Seconds of a turn."""
    folder: Path | None = None
    """Where the exported peers are kept for the next time."""
    fastdepth: Path | None = None
    """TFLite file of the pruned FastDepth in 8 bits, runs in LiteRT."""
    frames: Path | None = None
    """Frames to measure the accuracy of the models and of --fastdepth on; nothing is timed then."""
    validation_file: Path | None = None
    """Text file that lists the scenes to measure on, one a line; all of them when not given."""
    json: bool = False
    """Print JSON instead of tables."""


def main(options: Options) -> None:
    """Time all of them, or measure the accuracy of those that have weights."""
    if options.frames is not None:
        accuracy(options, options.frames)
        return
    with tempfile.TemporaryDirectory() as temporary:
        contenders = [*models(options), *peers(options, options.folder or Path(temporary))]
        machine = describe_machine()
        contest = hold_contest(contenders, rounds=options.rounds, turn_s=options.turn_s)
    if options.json:
        print(json.dumps({"machine": machine, **as_json(contest)}, indent=1))
    else:
        print_tables(contest, machine)


def models(options: Options) -> list[Contender]:
    """Ours, with every backend."""
    return [
        Contender(
            model,
            partial(
                open_model_file, model, device="cpu", backend=backend, threads=options.threads, size=None, picture=None
            ),
            Path(model),
            options.threads,
        )
        for model in options.model
        for backend in options.backend
    ]


def peers(options: Options, folder: Path) -> list[Contender]:
    """The exported peers with every backend, and the pruned FastDepth in LiteRT."""
    # Here, because a contender's process imports this file as well: its memory should be its runtime's, not torch's.
    from peer_networks import exported

    found = [
        Contender(
            name, partial(open_peer, path, backend, options.threads, peer.height, peer.width), path, options.threads
        )
        for name in options.peers
        for path, peer in [exported(name, folder)]
        for backend in options.backend
    ]
    if options.fastdepth is not None:
        opened = partial(open_tflite, options.fastdepth, options.threads)
        found.append(Contender("fastdepth-pruned-int8", opened, options.fastdepth, options.threads))
    return found


def open_peer(path: Path, backend: str, threads: int, height: int, width: int) -> Subject:
    """A peer in one of our own runtimes."""
    network = RUNTIMES[backend].open(path, device="cpu", threads=threads).network
    tensor = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    return Subject(
        {NETWORK: partial(network, tensor)},
        {"backend": backend, "input": f"{height}x{width}"},
        partial(count_multiply_adds, path, height=height, width=width),
    )


def open_tflite(path: Path, threads: int) -> Subject:
    """A TFLite file of one picture in LiteRT, with XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    picture = np.random.default_rng(0).integers(0, 256, source["shape"], np.uint8)

    def network() -> NDArray:
        interpreter.set_tensor(source["index"], picture)
        interpreter.invoke()
        return interpreter.get_tensor(target["index"])

    height, width = source["shape"][1:3]
    return Subject({NETWORK: network}, {"backend": "litert", "input": f"{height}x{width}"})


def accuracy(options: Options, frames: Path) -> None:
    """The errors of everything that has weights, raw and after median alignment, as means over rooms."""
    predicts: dict[str, Predict] = {model: _metres_of(model) for model in options.model}
    if options.fastdepth is not None:
        predicts["fastdepth-pruned-int8"] = _tflite_metres(options.fastdepth)
    source = open_source(frames, kind="auto", depth_unit_m=None)
    chosen = list(source.frames)
    if options.validation_file is not None:
        scenes = read_scene_list(options.validation_file)
        chosen = [frame for frame in chosen if frame.scene in scenes]
    table = Table(title=f"{len(chosen)} frames of {len({frame.room for frame in chosen})} rooms, means over rooms")
    for column in ("model", "protocol", "rel", "rms", "log10", "delta1"):
        table.add_column(column, justify="left" if column in ("model", "protocol") else "right")
    for name, predict in predicts.items():
        for protocol in ("plain", "median-aligned"):
            result = evaluate(predict, source, chosen, constant_m=2.0, protocol=find_protocol(protocol))
            metrics, _ = result.over_rooms()
            row = (metrics.rel, metrics.rms, metrics.log10, metrics.delta1)
            table.add_row(name, protocol, *(f"{value:.3f}" for value in row))
    Console(width=110).print(table)


def _metres_of(model: str) -> Predict:
    predictor = load(model, device="cpu")
    return lambda image: predictor.predict(image).metres


def _tflite_metres(path: Path) -> Predict:
    teacher = open_teacher(f"fastdepth:{path}")
    nearest_m = np.float32(0.07)  # a step of its output; its 0 is no depth, and every pixel has to say something

    def predict(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        metres = np.nan_to_num(teacher.answer([image])[0], nan=nearest_m)
        size = (image.shape[1], image.shape[0])
        return np.asarray(Image.fromarray(metres).resize(size, Image.Resampling.BILINEAR))

    return predict


if __name__ == "__main__":
    main(tyro.cli(Options))
