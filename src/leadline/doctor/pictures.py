"""Pictures of findings, small enough to put a hundred of them into one file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.data.sample import Sample, Source
from leadline.depth.colors import colorize, depth_range_m
from leadline.doctor.findings import Example
from leadline.doctor.registration import depth_edges
from leadline.doctor.view import View, nearest


def draw(source: Source, example: Example) -> NDArray[np.uint8]:
    """The picture of an example, (h, w, 3) uint8 RGB.

    Raises:
        InputError: the frame cannot be read any more.
    """
    sample = source.read(example.frame)
    if example.drawing == "edges":
        return _over(sample)
    if example.drawing == "pair" and example.partner is not None:
        return _beside(_small(source.read(example.partner).image), _small(sample.image))
    return _beside(_small(sample.image), _depth(sample, mark_farthest=example.drawing == "farthest"))


def depth_caption(sample: Sample) -> str:
    """What the colours of a drawn depth map mean."""
    near_m, far_m = depth_range_m(sample.depth_m)
    return f"red {near_m:.2f} m, blue {far_m:.2f} m, black: nothing measured"


def _depth(sample: Sample, *, mark_farthest: bool) -> NDArray[np.uint8]:
    height, width = _small(sample.image).shape[:2]
    depth_m = nearest(sample.depth_m, height=height, width=width)
    near_m, far_m = depth_range_m(sample.depth_m)
    colors = colorize(depth_m, near_m=near_m, far_m=far_m)
    if mark_farthest:
        colors[depth_m >= 0.999 * sample.depth_m.max()] = 255
    return colors


def _over(sample: Sample) -> NDArray[np.uint8]:
    view = View.of(sample)
    picture = np.repeat(view.luma.astype(np.uint8)[..., None], 3, axis=2)
    picture[depth_edges(view.depth_m) > 0] = (255, 30, 30)
    return picture


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    return np.asarray(picture)


def _beside(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height = max(left.shape[0], right.shape[0])
    parts = [np.pad(part, ((0, height - part.shape[0]), (0, 0), (0, 0))) for part in (left, right)]
    return np.concatenate(parts, axis=1)


_SIDE_PX = 240
