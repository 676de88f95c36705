"""The frames that a model does worst and best on, to be looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.data.sample import Source
from leadline.depth.colors import colorize, depth_range_m, legend
from leadline.depth.images import write_image
from leadline.evaluation.evaluate import Evaluation, FrameScore, MetresPerSaid, Predict, as_said, truth_of

SHOWN = 5
_HEIGHT = 240


def write_extremes(
    folder: Path,
    result: Evaluation,
    predict: Predict,
    source: Source,
    *,
    metres_per_said: MetresPerSaid = as_said,
) -> list[Path]:
    """Pictures of the frames with the largest and the smallest rel: photograph, prediction, truth, in one scale.

    Returns:
        The files: worst-1-rel0.812-SCENE-NAME.png and so on.

    Raises:
        OutputError: no space or no permission.
    """
    ordered = sorted(result.scores, key=lambda score: -score.model.metrics().rel)
    best = ordered[::-1][: min(SHOWN, len(ordered) // 2)]
    written = []
    for kind, scores in (("worst", ordered[:SHOWN]), ("best", best)):
        for place, score in enumerate(scores, start=1):
            frame = score.frame
            name = f"{frame.scene}-{frame.name}".replace("/", "-")
            path = folder / f"{kind}-{place}-rel{score.model.metrics().rel:.3f}-{name}.png"
            write_image(path, _row(score, result, predict, source, metres_per_said))
            written.append(path)
    return written


def _row(
    score: FrameScore, result: Evaluation, predict: Predict, source: Source, metres_per_said: MetresPerSaid
) -> NDArray[np.uint8]:
    sample = source.read(score.frame)
    truth = truth_of(sample, result.protocol)
    near_m, far_m = depth_range_m(truth)
    predicted = predict(sample.image) * np.float32(metres_per_said(sample))
    parts = [sample.image, *(colorize(depth, near_m=near_m, far_m=far_m) for depth in (predicted, truth))]
    row = np.concatenate([_scaled(part) for part in parts], axis=1)
    return np.concatenate([row, legend(width=row.shape[1], near_m=near_m, far_m=far_m)])


def _scaled(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    width = max(1, round(picture.shape[1] * _HEIGHT / picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize((width, _HEIGHT), Image.Resampling.BILINEAR))
