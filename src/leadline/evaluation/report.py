"""`leadline evaluate`: which frames, measured how, in a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import Progress

from leadline.data.sample import Frame, Sample, Source, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.splits import make_split, rule_from_plain
from leadline.errors import InputError, PartialFailure
from leadline.evaluation.compare import compare, comparison_as_json, print_comparison
from leadline.evaluation.evaluate import Evaluation, MetresPerSaid, Predict, evaluate
from leadline.evaluation.pictures import write_extremes
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.protocols import find_protocol
from leadline.evaluation.tables import as_json, print_tables, write_csv
from leadline.inference.predictor import Predictor, load
from leadline.model_card import ModelCard
from leadline.options import EvaluateOptions


def evaluate_command(options: EvaluateOptions) -> None:
    """Measure a model, or two on the same frames, and print the tables or the JSON.

    Raises:
        PartialFailure: frames that could not be read, or were not reached, are in no figure.
    """
    protocol = find_protocol(options.protocol)
    if options.flip_average:
        protocol = replace(protocol, flip_average=True)
    opened = partial(load, device=options.device, backend=options.backend, threads=options.threads)
    predictor = opened(options.model)
    source = open_source(options.data, kind=options.source, depth_unit_m=options.depth_unit_m)
    frames = chosen_frames(source, options.split, predictor.card)
    rival = None if options.compare is None else opened(options.compare)
    if rival is not None:
        unseen_by_both = {frame.identity for frame in chosen_frames(source, options.split, rival.card)}
        frames = [frame for frame in frames if frame.identity in unseen_by_both]
    results = [
        measure_model(model, source, frames, protocol, constant_m=predictor.card.training_median_m)
        for model in (predictor, rival)
        if model is not None
    ]
    if options.csv is not None:
        write_csv(options.csv, results[0])
    if options.pictures is not None:
        factor = camera_factor(predictor.card)
        write_extremes(options.pictures, results[0], metres_of(predictor), source, metres_per_said=factor)
    _tell(results, options)
    _demand_all(results, len(frames))


def metres_of(predictor: Predictor) -> Predict:
    """A model as the function that an evaluation asks for."""
    return lambda image: predictor.predict(image).metres


def camera_factor(card: ModelCard) -> MetresPerSaid:
    """By the camera of each sample, for a model that was taught with a known one."""

    def factor(sample: Sample) -> float:
        focal_px = None if sample.camera is None else sample.camera.fx_px
        height, width = sample.image.shape[:2]
        return card.metres_per_said(focal_px, height=height, width=width)

    return factor


def measure_model(
    predictor: Predictor, source: Source, frames: Sequence[Frame], protocol: Protocol, *, constant_m: float | None
) -> Evaluation:
    """Measure a model on frames, with a progress bar.

    Args:
        predictor: the model.
        source: that reads the frames.
        frames: which to read.
        protocol: what counts, and how.
        constant_m: depth of the constant map to compare with; the frames' own median when None.
    """
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("evaluating", total=len(frames))
        return evaluate(
            metres_of(predictor),
            source,
            frames,
            constant_m=constant_m or _median_m(source, frames),
            protocol=protocol,
            metres_per_said=camera_factor(predictor.card),
            advance=lambda: progress.advance(task),
        )


def _tell(results: Sequence[Evaluation], options: EvaluateOptions) -> None:
    named = {"model": str(options.model), "data": str(options.data), "split": options.split}
    differences = compare(*results) if len(results) == 2 else None
    if options.json:
        told = {**named, "flip_average": results[0].protocol.flip_average, **as_json(results[0])}
        if differences is not None:
            told["compare"] = {
                "model": str(options.compare),
                "differences": comparison_as_json(differences),
                **as_json(results[1]),
            }
        print(json.dumps(told, indent=1))
        return
    for result, model in zip(results, (options.model, options.compare), strict=False):
        print_tables(result, title=f"{model} on {options.data} ({options.split})")
    if differences is not None:
        measured = {score.frame.identity for score in results[1].scores}
        rooms = len({score.frame.room for score in results[0].scores if score.frame.identity in measured})
        print_comparison(differences, first=str(options.model), second=str(options.compare), rooms=rooms)


def _demand_all(results: Sequence[Evaluation], count: int) -> None:
    skipped = {identity: why for result in results for identity, why in result.skipped.items()}
    not_reached = max(len(result.not_reached) for result in results)
    if not_reached:
        raise PartialFailure(f"interrupted: {not_reached} of {count} frames were not reached and are in no figure")
    if skipped:
        raise PartialFailure(
            f"{len(skipped)} of {count} frames could not be measured and are in no figure: "
            + next(iter(skipped.values()))
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
            f"the model's is {own}), so which of them it has seen is unknown; `leadline evaluate --split all` measures "
            f"on all of them"
        )
    split = make_split(source.frames, rule_from_plain(card.data["split"]))
    wanted = set(split.validation if subset == "val" else split.train)
    return [frame for frame in source.frames if frame.identity in wanted]


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
