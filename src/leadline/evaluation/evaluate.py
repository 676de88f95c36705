"""Evaluation asks for a function from a picture to metres, so that any model, file or rival shares one path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Source
from leadline.depth.framing import under_centres
from leadline.errors import InputError
from leadline.metrics import ErrorSums, Metrics, error_sums, mean_metrics, mean_over_groups

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(H, W, 3) uint8 RGB -> (H, W) float32 metres, > 0."""


@dataclass(frozen=True)
class FrameScore:
    """Error sums of one frame, for the model and for the constant prediction."""

    frame: Frame
    model: ErrorSums
    constant: ErrorSums


@dataclass
class Evaluation:
    """Scores of frames, and the frames that do not count, with the reason.

    Attributes:
        scores: of the frames that were measured.
        constant_m: depth of the constant prediction.
        skipped: reasons by identity.
    """

    constant_m: float
    scores: list[FrameScore] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def by_scene(self) -> dict[str, tuple[int, Metrics, Metrics]]:
        """For each scene its number of frames, and the means over them for the model and the constant."""
        groups: dict[str, list[FrameScore]] = {}
        for score in self.scores:
            groups.setdefault(score.frame.scene, []).append(score)
        return {scene: (len(group), *_means(group)) for scene, group in sorted(groups.items())}

    def over_frames(self) -> tuple[Metrics, Metrics]:
        """Means over frames, for the model and the constant (the papers' way)."""
        return _means(self.scores)

    def over_rooms(self) -> tuple[Metrics, Metrics]:
        """Means over rooms of the means over each room's frames: a room of 40 frames counts like one of 1."""
        return (
            mean_over_groups((score.frame.room, score.model.metrics()) for score in self.scores),
            mean_over_groups((score.frame.room, score.constant.metrics()) for score in self.scores),
        )

    def pooled(self) -> tuple[Metrics, Metrics]:
        """Over all pixels as one set."""
        model = sum((score.model for score in self.scores), ErrorSums())
        constant = sum((score.constant for score in self.scores), ErrorSums())
        return model.metrics(), constant.metrics()


def evaluate(
    predict: Predict,
    source: Source,
    frames: Sequence[Frame],
    *,
    constant_m: float,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Measure a model on frames, at the resolution of their measured depth, on all valid pixels.

    Args:
        predict: the model.
        source: that reads the frames.
        frames: which to read.
        constant_m: depth of the constant map to compare with, in metres.
        advance: called after each frame.

    Raises:
        InputError: not one frame could be used.
    """
    result = Evaluation(constant_m=constant_m)
    for frame in frames:
        try:
            sample = source.read(frame)
        except InputError as error:
            result.skipped[frame.identity] = str(error)
        else:
            truth, valid = sample.depth_m, sample.valid
            # At the sensor's resolution: the measurements themselves are never resampled.
            predicted = under_centres(predict(sample.image), height=truth.shape[0], width=truth.shape[1])
            result.scores.append(
                FrameScore(
                    frame,
                    model=error_sums(predicted=predicted, truth=truth, valid=valid),
                    constant=error_sums(predicted=np.full_like(truth, constant_m), truth=truth, valid=valid),
                )
            )
        advance()
    if not result.scores:
        raise InputError(f"none of {len(frames)} frames could be used: {next(iter(result.skipped.values()), '')}")
    return result


def _means(scores: Sequence[FrameScore]) -> tuple[Metrics, Metrics]:
    return (
        mean_metrics([score.model.metrics() for score in scores]),
        mean_metrics([score.constant.metrics() for score in scores]),
    )
