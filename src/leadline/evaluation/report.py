"""`leadline evaluate`: which frames, measured how, in a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from leadline.data.sample import Frame, Source, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.splits import make_split, rule_from_plain
from leadline.errors import InputError, PartialFailure
from leadline.evaluation.evaluate import Evaluation, evaluate
from leadline.inference.predictor import load
from leadline.metrics import Metrics
from leadline.model_card import ModelCard
from leadline.options import EvaluateOptions

_SHOWN = ("rel", "rms", "log10", "delta1", "delta2", "delta3", "silog", "rms_log")


def evaluate_command(options: EvaluateOptions) -> None:
    """Measure a model and print the table or the JSON.

    Raises:
        PartialFailure: some frames could not be read and are not in the figures.
    """
    predictor = load(options.model, device=options.device)
    source = open_source(options.data, kind=options.source, depth_unit_m=options.depth_unit_m)
    frames = chosen_frames(source, options.split, predictor.card)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("evaluating", total=len(frames))
        result = evaluate(
            lambda image: predictor.predict(image, flip_average=options.flip_average).metres,
            source,
            frames,
            constant_m=predictor.card.training_median_m or _median_m(source, frames),
            advance=lambda: progress.advance(task),
        )
    if options.json:
        print(json.dumps(as_json(result, options), indent=1))
    else:
        print_tables(result, options)
    if result.skipped:
        raise PartialFailure(
            f"{len(result.skipped)} of {len(frames)} frames could not be read and are in no figure: "
            + next(iter(result.skipped.values()))
        )


def chosen_frames(source: Source, subset: str, card: ModelCard) -> list[Frame]:
    """The frames to measure on; "val" and "train" are those of the model's own training.

    Raises:
        InputError: the model was trained on other frames, or there is no test set.
    """
    if subset == "all":
        return list(source.frames)
    if subset == "test":
        test = [frame for frame in source.frames if frame.subset == "test"]
        if not test:
            raise InputError(f"{source.root}: has no official test set; use --split val or --split all")
        return test
    own = card.data.get("fingerprint")
    if own != fingerprint(source.frames):
        raise InputError(
            f"{source.root}: not the frames that this model was trained on (fingerprint {fingerprint(source.frames)}, "
            f"the model's is {own}), so which of them it has seen is unknown; measure on all of them with --split all"
        )
    split = make_split(source.frames, rule_from_plain(card.data["split"]))
    wanted = set(split.validation if subset == "val" else split.train)
    return [frame for frame in source.frames if frame.identity in wanted]


def as_json(result: Evaluation, options: EvaluateOptions) -> dict[str, object]:
    """The whole result in plain values."""

    def both(pair: tuple[Metrics, Metrics]) -> dict[str, object]:
        return {"model": asdict(pair[0]), "constant": asdict(pair[1])}

    return {
        "model": str(options.model),
        "data": str(options.data),
        "split": options.split,
        "flip_average": options.flip_average,
        "frames": len(result.scores),
        "skipped": result.skipped,
        "constant_m": result.constant_m,
        "over_rooms": both(result.over_rooms()),
        "over_frames": both(result.over_frames()),
        "pooled": both(result.pooled()),
        "scenes": {
            scene: {"frames": count, **both((model, constant))}
            for scene, (count, model, constant) in result.by_scene().items()
        },
    }


def print_tables(result: Evaluation, options: EvaluateOptions) -> None:
    """A line for each scene, then the means, each with the constant prediction beside it."""
    table = Table(title=f"{options.model} on {options.data} ({options.split}, all valid pixels)")
    table.add_column("scene")
    table.add_column("frames", justify="right")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    table.add_column("rel of constant", justify="right")
    for scene, (count, model, constant) in result.by_scene().items():
        table.add_row(scene, str(count), *_cells(model), f"{constant.rel:.3f}")
    table.add_section()
    total = str(len(result.scores))
    for title, (model, constant) in (
        ("mean over rooms", result.over_rooms()),
        ("mean over frames", result.over_frames()),
        ("all pixels pooled", result.pooled()),
    ):
        table.add_row(title, total, *_cells(model), "", style="bold")
        table.add_row(f"  constant {result.constant_m:.2f} m", total, *_cells(constant), f"{constant.rel:.3f}")
    # A pipe has no width; 80 columns would cut the figures.
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _cells(metrics: Metrics) -> list[str]:
    return [f"{getattr(metrics, name):.3f}" for name in _SHOWN]


def _median_m(source: Source, frames: Sequence[Frame]) -> float:
    """For a model that does not know its training's median: the best constant in hindsight, over at most 200 frames."""
    medians = []
    for frame in frames[:: max(1, len(frames) // 200)]:
        try:
            depth_m = source.read(frame).depth_m
        except InputError:
            continue
        medians.append(float(np.median(depth_m[depth_m > 0])))
    if not medians:
        raise InputError(f"{source.root}: none of its frames could be read")
    return float(np.median(medians))
