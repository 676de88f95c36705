"""Evaluation asks for a function from a picture to metres, so that any model, file or rival shares one path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample, Source
from leadline.errors import InputError
from leadline.evaluation.protocol import Compared, Protocol
from leadline.evaluation.protocols import PLAIN
from leadline.evaluation.shape import RANGES_M, Shape, shape_of
from leadline.metrics import ErrorSums, Metrics, error_sums, mean_metrics, mean_over_groups

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(H, W, 3) uint8 RGB -> (H, W) float32 metres."""

MetresPerSaid = Callable[[Sample], float]
"""What the prediction for a sample is to be multiplied by: 1, or the ratio of focal lengths, where a model needs it."""


def as_said(_sample: Sample) -> float:
    """For models that need not know the camera: 1."""
    return 1.0


@dataclass(frozen=True)
class FrameScore:
    """Error sums of one frame.

    Attributes:
        frame: which.
        model: over all pixels that count.
        constant: the same for the constant prediction.
        shape: edges and near obstacles, of the model.
        ranges: the model's by depth, one for each range between the bounds of RANGES_M.
    """

    frame: Frame
    model: ErrorSums
    constant: ErrorSums
    shape: Shape
    ranges: tuple[ErrorSums, ...]


@dataclass
class Evaluation:
    """Scores of frames, and the frames that do not count, with the reason.

    Attributes:
        constant_m: depth of the constant prediction.
        protocol: by which was measured.
        scores: of the frames that were measured.
        skipped: reasons by identity.
        not_reached: identities of the frames that an interruption left unmeasured.
    """

    constant_m: float
    protocol: Protocol = PLAIN
    scores: list[FrameScore] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    not_reached: list[str] = field(default_factory=list)

    def own(self) -> tuple[Metrics, Metrics]:
        """The protocol's number, for the model and the constant: the mean that it names."""
        means = {"rooms": self.over_rooms, "images": self.over_frames, "pooled": self.pooled}
        return means[self.protocol.average]()

    def by_scene(self) -> dict[str, tuple[int, Metrics, Metrics]]:
        """For each scene its number of frames, and the means over them for the model and the constant."""
        return {scene: (len(group), *_means(group)) for scene, group in sorted(self._grouped("scene").items())}

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
        return _added(score.model for score in self.scores), _added(score.constant for score in self.scores)

    def by_range(self) -> list[tuple[float, float, Metrics | None]]:
        """Nearest and farthest metres of each range, and all its pixels pooled; None where there is none."""
        found = []
        for index, (near_m, far_m) in enumerate(pairwise(RANGES_M)):
            sums = sum((score.ranges[index] for score in self.scores), ErrorSums())
            found.append((near_m, far_m, sums.metrics() if sums.pixels else None))
        return found

    def rooms(self) -> list[list[FrameScore]]:
        """The scores of each room."""
        return list(self._grouped("room").values())

    def _grouped(self, part: str) -> dict[str, list[FrameScore]]:
        groups: dict[str, list[FrameScore]] = {}
        for score in self.scores:
            groups.setdefault(getattr(score.frame, part), []).append(score)
        return groups


def evaluate(
    predict: Predict,
    source: Source,
    frames: Sequence[Frame],
    *,
    constant_m: float,
    protocol: Protocol = PLAIN,
    metres_per_said: MetresPerSaid = as_said,
    advance: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Measure a model on frames. Ctrl-C ends it early with what was measured.

    Args:
        predict: the model.
        source: that reads the frames.
        frames: which to read.
        constant_m: depth of the constant map to compare with, in metres.
        protocol: what counts, and how.
        metres_per_said: for a model that was taught with a known camera.
        advance: called after each frame.

    Raises:
        InputError: not one frame could be used, or a prediction is no depth and the protocol does not mend it.
    """
    result = Evaluation(constant_m=constant_m, protocol=protocol)
    try:
        for frame in frames:
            try:
                sample = source.read(frame)
            except InputError as error:
                result.skipped[frame.identity] = str(error)
            else:
                _score(result, predict, frame, sample, metres_per_said(sample))
            advance()
    except KeyboardInterrupt:
        told = {score.frame.identity for score in result.scores} | result.skipped.keys()
        result.not_reached = [frame.identity for frame in frames if frame.identity not in told]
    if not result.scores:
        why = next(iter(result.skipped.values()), "interrupted before the first one was measured")
        raise InputError(f"none of {len(frames)} frames could be used: {why}")
    return result


def compared_frame(predict: Predict, sample: Sample, protocol: Protocol, factor: float = 1.0) -> Compared:
    """A frame's prediction, times a factor, and truth as the protocol compares them.

    Raises:
        InputError: the prediction is no depth, and the protocol does not mend it.
    """
    predicted = predict(sample.image)
    if protocol.flip_average:
        mirrored = predict(np.ascontiguousarray(sample.image[:, ::-1]))
        predicted = protocol.mirror_mean(predicted, mirrored[:, ::-1])
    if factor != 1:
        predicted = predicted * np.float32(factor)
    try:
        return protocol.compared(predicted, truth_of(sample, protocol))
    except InputError as error:
        raise InputError(f"{sample.frame.identity}: {error}") from error


def truth_of(sample: Sample, protocol: Protocol) -> NDArray[np.float32]:
    """The sample's raw or filled depth, as the protocol asks, where there are both."""
    if protocol.truth == "raw" and sample.raw_depth_m is not None:
        return sample.raw_depth_m
    return sample.depth_m


def _score(result: Evaluation, predict: Predict, frame: Frame, sample: Sample, factor: float) -> None:
    protocol = result.protocol
    compared = compared_frame(predict, sample, protocol, factor)
    if not compared.valid.any():
        result.skipped[frame.identity] = f"{frame.identity}: no pixel counts by protocol {protocol.name}"
        return
    flat = np.full(sample.image.shape[:2], result.constant_m, np.float32)
    constant = protocol.compared(flat, truth_of(sample, protocol))
    result.scores.append(
        FrameScore(
            frame,
            model=_sums(compared, protocol),
            constant=_sums(constant, protocol),
            shape=shape_of(compared._replace(valid=compared.valid & (compared.truth > 0))),
            ranges=tuple(
                _sums(_within(compared, near_m=near_m, far_m=far_m), protocol) for near_m, far_m in pairwise(RANGES_M)
            ),
        )
    )


def _within(compared: Compared, *, near_m: float, far_m: float) -> Compared:
    return compared._replace(valid=compared.valid & (compared.truth >= near_m) & (compared.truth < far_m))


def _sums(compared: Compared, protocol: Protocol) -> ErrorSums:
    predicted, truth, valid = compared
    if protocol.rel_over == "prediction":  # all other measures are the same both ways
        predicted, truth = truth, predicted
    return error_sums(predicted=predicted, truth=truth, valid=valid, zeros_count=protocol.zeros_pass)


def _added(sums: Iterable[ErrorSums]) -> Metrics:
    return sum(sums, ErrorSums()).metrics()


def _means(scores: Sequence[FrameScore]) -> tuple[Metrics, Metrics]:
    return (
        mean_metrics([score.model.metrics() for score in scores]),
        mean_metrics([score.constant.metrics() for score in scores]),
    )
