"""Frames beside their truth, predictions and errors, each with its scale in metres."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.data.order import evenly
from leadline.data.sample import Frame
from leadline.depth.colors import colorize, colorize_error, depth_range_m
from leadline.depth.framing import under_centres
from leadline.depth.images import data_uri
from leadline.errors import InputError
from leadline.evaluation.evaluate import truth_of
from leadline.evaluation.protocol import Protocol
from leadline.report.measured import Measured

HEIGHT_PX = 180
"""Of every picture on the page."""


def spread_frames(group: Sequence[Measured], count: int) -> list[Frame]:
    """Frames to look at: each from the middle of a room, the rooms evenly apart in their order."""
    rooms: dict[str, list[Frame]] = {}
    for frame in group[0].frames.values():
        rooms.setdefault(frame.room, []).append(frame)
    middles = [frames[len(frames) // 2] for _, frames in sorted(rooms.items())]
    return evenly(middles, count)


def worst_frames(group: Sequence[Measured], count: int) -> list[Frame]:
    """The frames of the largest rel, as the mean over the runs; of a room only the worst."""
    rel = dict.fromkeys(group[0].frames, 0.0)
    for one in group:
        for score in one.evaluation.scores:
            rel[score.frame.identity] += score.model.metrics().rel / len(group)
    worst: dict[str, Frame] = {}
    for identity in sorted(rel, key=lambda identity: -rel[identity]):
        frame = group[0].frames[identity]
        worst.setdefault(frame.room, frame)
    return list(worst.values())[:count]


def picture_row(frame: Frame, group: Sequence[Measured], protocol: Protocol) -> str:
    """A frame as HTML: picture, truth, and for each run its prediction and its error."""
    try:
        sample = group[0].source.read(frame)
    except InputError as gone:  # since it was measured
        return f"<p class=nothing>{escape(str(gone))}</p>"
    photograph = at_page_height(sample.image)
    size = photograph.shape[0], photograph.shape[1]
    truth = _shown(truth_of(sample, protocol), size)
    truth = np.where(truth > 0, truth, np.float32(np.nan))
    predicted = [_shown(one.predict(sample), size) for one in group]
    near_m, far_m = depth_range_m(truth)
    errors = [depth_m - truth for depth_m in predicted]
    most_m = max(0.1, *(float(np.nanpercentile(np.abs(error), 98)) for error in errors if np.isfinite(error).any()))
    figures = [
        figure(photograph, frame.identity),
        figure(colorize(truth, near_m=near_m, far_m=far_m), "measured"),
    ]
    for one, depth_m, error in zip(group, predicted, errors, strict=True):
        score = next(score for score in one.evaluation.scores if score.frame.identity == frame.identity)
        said = f"{one.run.name}: rel {score.model.metrics().rel:.3f}"
        figures.append(figure(colorize(depth_m, near_m=near_m, far_m=far_m), said))
        figures.append(figure(colorize_error(error, most_m=most_m), f"{one.run.name}: error"))
    scales = _scale("depth", f"{near_m:.2f} m", f"{far_m:.2f} m") + _scale(
        "error", f"-{most_m:.2f} m, too near", f"+{most_m:.2f} m, too far"
    )
    return f"<section class=row><div class=pictures>{''.join(figures)}</div>{scales}</section>"


def _shown(depth_m: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return under_centres(depth_m, height=size[0], width=size[1])


def at_page_height(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph (H, W, 3) uint8 RGB as high as all pictures of a page."""
    height, width = image.shape[:2]
    size = max(1, round(width * HEIGHT_PX / height)), HEIGHT_PX
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def figure(picture: NDArray[np.uint8], caption: str) -> str:
    """A picture (H, W, 3) uint8 RGB in HTML, with a line below it."""
    height, width = picture.shape[:2]
    text = escape(caption, quote=True)
    return (
        f'<figure><img alt="{text}" width={width} height={height} src="{data_uri(picture)}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _scale(kind: str, low: str, high: str) -> str:
    """A strip of colours with the metres of its ends."""
    ramp = np.linspace(0, 1, 128, dtype=np.float32)[None].repeat(8, 0)
    colors = colorize(ramp + 1, near_m=1.0, far_m=2.0) if kind == "depth" else colorize_error(ramp * 2 - 1, most_m=1.0)
    strip = f'<img alt="scale of {kind}" width=128 height=8 src="{data_uri(colors)}">'
    return f"<p class=scale>{kind} {low} {strip} {high}</p>"
