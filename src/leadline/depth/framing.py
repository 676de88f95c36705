"""How a picture of any size becomes the network's input, and how its depth comes back.

Training, evaluation and prediction share this one place, so that a model never sees at work what it was not taught on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.depth.camera import Camera

Fit = Literal["letterbox", "stretch"]

PAD_VALUE = 114
"""Grey of the letterbox: the one that the YOLOv8 encoders were pre-trained with."""


class Placement(NamedTuple):
    """Where the picture lies inside the network's input, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Framing:
    """The network's input size and how pictures are fitted into it.

    `letterbox` keeps the aspect ratio and pads with grey (padding is never a measurement); `stretch` fills the input.

    Example:
        >>> Framing(height=240, width=320).placement(height=960, width=720)
        Placement(top=0, left=70, height=240, width=180)
    """

    height: int = 240
    width: int = 320
    fit: Fit = "letterbox"

    def placement(self, *, height: int, width: int) -> Placement:
        """Where a picture of `height` x `width` pixels goes."""
        if self.fit == "stretch":
            return Placement(top=0, left=0, height=self.height, width=self.width)
        scale = min(self.height / height, self.width / width)
        inner_height = min(self.height, max(1, round(height * scale)))
        inner_width = min(self.width, max(1, round(width * scale)))
        top, left = (self.height - inner_height) // 2, (self.width - inner_width) // 2
        return Placement(top=top, left=left, height=inner_height, width=inner_width)

    def image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The network's input picture, resized with an antialiasing (area-true) filter.

        Args:
            image: (H, W, 3) uint8, RGB.

        Returns:
            (height, width, 3) uint8, RGB.
        """
        place = self.placement(height=image.shape[0], width=image.shape[1])
        resized = image
        if image.shape[:2] != (place.height, place.width):
            picture = Image.fromarray(image).resize((place.width, place.height), Image.Resampling.BILINEAR)
            resized = np.asarray(picture)
        if (place.height, place.width) == (self.height, self.width):
            return resized
        framed = np.full((self.height, self.width, 3), PAD_VALUE, np.uint8)
        framed[place.top : place.top + place.height, place.left : place.left + place.width] = resized
        return framed

    def depth(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Measured depth in the network's frame, of the same field of view as the picture but of any resolution.

        Each pixel takes one of the measurements that it covers, their lower median: nothing is interpolated, so no
        value appears between foreground and background, and where nothing was measured there is a hole.

        Args:
            depth_m: (h, w) float32 metres, 0 where nothing was measured.

        Returns:
            (height, width) float32 metres, 0 where nothing was measured and in the padding.
        """
        place = self.placement(height=depth_m.shape[0], width=depth_m.shape[1])
        framed = np.zeros((self.height, self.width), np.float32)
        framed[place.top : place.top + place.height, place.left : place.left + place.width] = median_under(
            depth_m, height=place.height, width=place.width
        )
        return framed

    def camera(self, camera: Camera) -> Camera:
        """The intrinsics of the network's input picture."""
        place = self.placement(height=camera.height, width=camera.width)
        return camera.placed(
            width=self.width,
            height=self.height,
            left=place.left,
            top=place.top,
            inner_width=place.width,
            inner_height=place.height,
        )

    def shares(self, x_px: NDArray, y_px: NDArray, *, height: int, width: int) -> tuple[NDArray, NDArray]:
        """Where pixels of the picture are in the network's input, as shares of its width and of its height.

        Args:
            x_px: columns of the picture; 0 is the centre of the first.
            y_px: rows.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Example:
            >>> Framing(height=240, width=320).shares(np.array([359.5]), np.array([479.5]), height=960, width=720)
            (array([0.5]), array([0.5]))
        """
        place = self.placement(height=height, width=width)
        x = (x_px + 0.5) * place.width / width + place.left
        y = (y_px + 0.5) * place.height / height + place.top
        return x / self.width, y / self.height

    def restore(self, depth_m: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
        """Predicted depth at the picture's own size: the padding cut off, the rest resized bilinearly.

        Args:
            depth_m: (h, w) float32 metres, the network's output for the whole input; h and w may be coarser than it.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            (height, width) float32 metres.
        """
        place = self.placement(height=height, width=width)
        left = place.left * depth_m.shape[1] / self.width
        right = (place.left + place.width) * depth_m.shape[1] / self.width
        top = place.top * depth_m.shape[0] / self.height
        bottom = (place.top + place.height) * depth_m.shape[0] / self.height
        # Pillow's box bounds what is shown, not what is read: without the crop, depth of the padding would leak in.
        x, y = math.floor(left), math.floor(top)
        inner = depth_m[y : math.ceil(bottom), x : math.ceil(right)]
        picture = Image.fromarray(np.ascontiguousarray(inner, np.float32))
        box = (left - x, top - y, right - x, bottom - y)
        return np.array(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))


def under_centres(depth_m: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    """A map at another resolution: each new pixel takes the one old value under its centre, nothing is mixed.

    Example:
        >>> under_centres(np.array([[1, 2, 3, 4]], np.float32), height=1, width=2)
        array([[2., 4.]], dtype=float32)
    """
    rows = (np.arange(height) * 2 + 1) * depth_m.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * depth_m.shape[1] // (2 * width)
    return depth_m[rows[:, None], columns]


def median_under(depth_m: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
    """Measured depth at another resolution: each new pixel takes the lower median of the measurements that it covers.

    Of pixels that cover very many, a grid of 4x4 is asked.

    Args:
        depth_m: (h, w) metres, 0 where nothing was measured.
        height: of the new map.
        width: of the new map.

    Returns:
        (height, width) metres; 0 where every covered measurement is missing.

    Example:
        >>> median_under(np.array([[1, 0, 0, 0], [5, 2, 0, 0]], np.float32), height=1, width=2)
        array([[2., 0.]], dtype=float32)
    """
    rows, columns = (min(4, math.ceil(old / new)) for old, new in zip(depth_m.shape, (height, width), strict=True))
    asked = under_centres(depth_m, height=height * rows, width=width * columns)
    if rows * columns == 1:
        return asked
    covered = np.stack([asked[row::rows, column::columns] for row in range(rows) for column in range(columns)])
    measured = covered > 0
    ordered = _lower_half_sorted(np.where(measured, covered, np.float32(np.inf)))  # holes sort to the end
    count = measured.sum(axis=0, keepdims=True)
    median = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=0)
    return np.where(count > 0, median, np.float32(0))[0]


def _lower_half_sorted(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sorts along the first axis as far as the middle, whole planes at a time: np.sort takes ten times as long here."""
    for low in range((len(planes) + 1) // 2):
        for high in range(low + 1, len(planes)):
            smaller = np.minimum(planes[low], planes[high])
            np.maximum(planes[low], planes[high], out=planes[high])
            planes[low] = smaller
    return planes
