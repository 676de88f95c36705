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

        Each pixel takes the one measurement under its centre: nothing is interpolated, so no value appears between
        foreground and background and no hole is filled.

        Args:
            depth_m: (h, w) float32 metres, 0 where nothing was measured.

        Returns:
            (height, width) float32 metres, 0 where nothing was measured and in the padding.
        """
        place = self.placement(height=depth_m.shape[0], width=depth_m.shape[1])
        framed = np.zeros((self.height, self.width), np.float32)
        framed[place.top : place.top + place.height, place.left : place.left + place.width] = under_centres(
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
