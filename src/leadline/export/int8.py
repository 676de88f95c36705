"""Arithmetic in 8 bits: calibrated on real frames, and as much of it as a bound on the loss of accuracy allows."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Source, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.errors import InputError, UsageError
from leadline.evaluation.evaluate import evaluate
from leadline.evaluation.report import chosen_frames
from leadline.export.parity import framed, read_pictures
from leadline.inference.predictor import Predictor
from leadline.inference.runtimes.contract import Network
from leadline.metrics import Metrics
from leadline.model_card import ModelCard
from leadline.options import ExportOptions

CALIBRATION_FRAMES = 64
VALIDATION_FRAMES = 120


class Trial:
    """What a quantiser is given: pictures to calibrate on, and a judge of what comes out.

    Args:
        card: of the model.
        pictures: (1, 3, H, W) float32 RGB in [0, 1], to calibrate on.
        source: of frames with measured depth.
        frames: of that source, to judge on.
        worst_loss: largest growth of rel that is allowed, as a share of the float model's.
    """

    def __init__(
        self,
        card: ModelCard,
        pictures: Sequence[NDArray[np.float32]],
        source: Source,
        frames: Sequence[Frame],
        worst_loss: float,
    ) -> None:
        self.pictures = pictures
        self.worst_loss = worst_loss
        self._card, self._source, self._frames = card, source, frames

    def errors(self, network: Network) -> Metrics:
        """Means over rooms of what `leadline evaluate` measures, on the frames to judge on."""
        predictor = Predictor(network, self._card)
        return evaluate(
            lambda image: predictor.predict(image).metres,
            self._source,
            self._frames,
            constant_m=self._card.training_median_m or 1.0,
        ).over_rooms()[0]


class Quantize(Protocol):
    """Writes a float file of a format again, with arithmetic in 8 bits."""

    def __call__(self, whole: Path, path: Path, trial: Trial) -> list[str]:
        """Write `path` so that its rel is within `trial.worst_loss` of that of `whole`.

        Returns:
            The names of the layers that were left in float for it.
        """
        ...


class Loss(NamedTuple):
    """What 8 bits cost: the errors before and after, and the layers that were left in float."""

    before: Metrics
    after: Metrics
    in_float: list[str]

    @property
    def of_rel(self) -> float:
        """Growth of rel, as a share."""
        return self.after.rel / self.before.rel - 1

    def __str__(self) -> str:
        changes = ", ".join(
            f"{name} {getattr(self.before, name):.4f} -> {getattr(self.after, name):.4f}"
            for name in ("rel", "rms", "delta1")
        )
        kept = ", ".join(self.in_float) or "none"
        return f"int8: {changes} (rel {self.of_rel:+.2%}); layers left in float: {kept}"


def make_trial(options: ExportOptions, card: ModelCard) -> Trial:
    """Frames for calibration and for judging: of the model's own data its training's and those it left out.

    Raises:
        UsageError: no frames were named.
        InputError: there are none, or the ones to judge on have no measured depth.
    """
    if options.calibrate is None:
        raise UsageError("--int8 needs --calibrate DIR: frames or photographs like those that the model will see")
    try:
        source = open_source(options.calibrate)
    except InputError:
        if options.validate is None:
            raise UsageError(
                f"{options.calibrate}: has no measured depth, so the cost of 8 bits cannot be known; give frames "
                f"that have it with --validate DIR"
            ) from None
        pictures = read_pictures(options.calibrate)
    else:
        chosen = _spread(_own_or_all(source, "train", card), CALIBRATION_FRAMES)
        pictures = [source.read(frame).image for frame in chosen]
    judge = open_source(options.validate or options.calibrate)
    frames = _spread(_own_or_all(judge, "val", card), VALIDATION_FRAMES)
    return Trial(card, framed(pictures, card.framing), judge, frames, options.int8_bound)


def _own_or_all(source: Source, subset: str, card: ModelCard) -> Sequence[Frame]:
    own = card.data.get("fingerprint") == fingerprint(source.frames)
    return chosen_frames(source, subset if own else "all", card)


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    return [frames[index] for index in chosen]
