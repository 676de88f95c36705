"""What the exhibits are made of, made at most once for all of them: the frames, the training, its model's errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from rich.console import Console

from leadline.data.order import evenly
from leadline.data.sample import Source, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.errors import InputError
from leadline.evaluation.protocols import PROTOCOLS
from leadline.evaluation.report import chosen_frames
from leadline.inference.predictor import load
from leadline.options import ReproduceOptions
from leadline.report.measured import Measured, measure_run
from leadline.report.run import Run
from leadline.reproduction.trainings import pace_note, whole_training


@dataclass(frozen=True)
class Material:
    """The material of one command.

    Attributes:
        options: the command's.
        console: to report on.
    """

    options: ReproduceOptions
    console: Console
    _measured: dict[str, Measured] = field(default_factory=dict)

    @cached_property
    def source(self) -> Source:
        """The frames.

        Raises:
            InputError: frames that cannot be used.
        """
        return open_source(self.options.data or Path(), kind=self.options.source)

    @cached_property
    def training(self) -> Run:
        """The training that Table 3, Figure 4 and Figure 5 are of.

        Raises:
            TrainingInterrupted: a signal came; the same command goes on.
            LeadlineError: whatever a training can raise.
        """
        return whole_training(self.options, self.source, self.console)

    @property
    def taught_on_source(self) -> bool:
        """Whether the training learned from these frames; one that was given may have learned from others."""
        return [one.get("fingerprint") for one in self.training.sources[:1]] == [fingerprint(self.source.frames)]

    @property
    def training_note(self) -> str:
        """How the training went, and on which frames where these are others."""
        where = "" if self.taught_on_source else f", on other frames, {self.training.root.resolve().name}"
        return f"{pace_note(self.training)}{where}."

    def measured(self, protocol: str) -> Measured:
        """The training's model under a protocol.

        Raises:
            InputError: the run holds no model.
        """
        if protocol not in self._measured:
            self._measured[protocol] = measure(self.training, self.source, self.options.frames, protocol)
        return self._measured[protocol]


def judging_part(run: Run, source: Source) -> Literal["test", "val"]:
    """What a run's model is measured on: the official test frames, or else those that its training left out."""
    has_test = any(frame.subset == "test" for frame in source.frames)
    learned_by_heart = run.split.rule.by == "same"
    return "test" if has_test and not learned_by_heart else "val"


def measure(run: Run, source: Source, limit: int | None, protocol: str) -> Measured:
    """A run's model on the frames that judge it, see judging_part.

    Args:
        run: whose model.
        source: of the frames.
        limit: at most so many of them, evenly apart; None is all.
        protocol: its name.

    Raises:
        InputError: the run holds no model.
    """
    if run.model is None:
        raise InputError(f"{run.folder}: holds no model yet")
    predictor = load(run.model)
    frames = chosen_frames(source, judging_part(run, source), predictor.card)
    chosen = frames if limit is None else evenly(frames, limit)
    return measure_run(run, predictor, source, chosen, PROTOCOLS[protocol])
