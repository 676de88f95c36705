"""What the models of the runs give on the frames that their trainings left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from leadline.data.sample import Frame, Sample, Source
from leadline.data.sources.catalog import open_source
from leadline.errors import InputError
from leadline.evaluation.evaluate import Evaluation
from leadline.evaluation.protocol import Protocol
from leadline.evaluation.report import camera_factor, chosen_frames, measure_model, metres_of
from leadline.inference.predictor import Predictor, load
from leadline.report.run import Run


@dataclass(frozen=True)
class Measured:
    """A run, its model, and how good that is.

    Attributes:
        run: which.
        predictor: its model.
        source: of the frames.
        evaluation: on the frames that judge.
    """

    run: Run
    predictor: Predictor
    source: Source
    evaluation: Evaluation

    def predict(self, sample: Sample) -> NDArray[np.float32]:
        """Metres (H, W) for a frame's picture, its camera taken into account where the model asks for it."""
        factor = np.float32(camera_factor(self.predictor.card)(sample))
        return metres_of(self.predictor)(sample.image) * factor

    @property
    def frames(self) -> dict[str, Frame]:
        """Those that were measured, by identity."""
        return {score.frame.identity: score.frame for score in self.evaluation.scores}


def measure_runs(
    runs: Sequence[Run], protocol: Protocol, *, data: Path | None, device: str, backend: str, console: Console
) -> tuple[list[Measured], dict[str, str]]:
    """Measure the model of each run.

    Args:
        runs: to measure.
        protocol: what counts, and how.
        data: where the frames are now; where the run had them when None.
        device: auto, cpu or cuda.
        backend: what runs the models.
        console: to say on what could not be measured.

    Returns:
        The runs that could be measured, and for the others, by name, the reason.

    Raises:
        ModelFileError: a model file that is damaged.
    """
    measured, missing = [], {}
    for run in runs:
        if run.model is None:
            missing[run.name] = f"{run.folder}: holds no model yet"
            continue
        predictor = load(run.model, device=device, backend=backend)
        options = run.recipe.data
        try:
            source = open_source(data or run.root, kind=options.source, depth_unit_m=options.depth_unit_m)
            frames = chosen_frames(source, "val", predictor.card)
        except InputError as error:
            missing[run.name] = f"{error}; say with --data where its frames are"
            continue
        try:
            measured.append(measure_run(run, predictor, source, frames, protocol))
        except InputError as error:
            missing[run.name] = str(error)
    for name, why in missing.items():
        console.print(f"[yellow]{name} is not measured:[/] {why}", highlight=False, soft_wrap=True)
    return measured, missing


def measure_run(
    run: Run, predictor: Predictor, source: Source, frames: Sequence[Frame], protocol: Protocol
) -> Measured:
    """Measure a run's model on frames of a source.

    Raises:
        InputError: not one frame could be used.
        KeyboardInterrupt: some frames were not reached, and a page of half the frames would be taken for the whole.
    """
    evaluation = measure_model(predictor, source, frames, protocol, constant_m=predictor.card.training_median_m)
    if evaluation.not_reached:
        raise KeyboardInterrupt
    return Measured(run, predictor, source, evaluation)


def comparable(measured: Sequence[Measured]) -> list[list[Measured]]:
    """Runs that were measured on the same frames, together: only these may be compared."""
    groups: dict[tuple[str, ...], list[Measured]] = {}
    for one in measured:
        key = (str(one.predictor.card.data.get("fingerprint")), *sorted(one.frames))
        groups.setdefault(key, []).append(one)
    return list(groups.values())
