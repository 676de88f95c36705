"""Depth that does not flicker from frame to frame, under a camera that may move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.errors import UsageError


class Carried(NamedTuple):
    """The last frame, brought to where the camera is now.

    Args:
        values: (h, w) float32, what each pixel of now had before; the edge's where it comes from outside.
        trust: (h, w) float32 in [0, 1], how much what is seen looks like what was there: 0 where it came into view.
    """

    values: NDArray[np.float32]
    trust: NDArray[np.float32]


@dataclass
class Steady:
    """A filter over time without delay: of depth that came before, what is still there takes part in what is said now.

    Each frame's logarithm of depth is compared with the one before, carried along the optical flow (DIS; Kroeger et al.
    2016). What is new in it is split into the change of the whole picture (its median) and of each pixel. Of both, a
    share `gain` is believed at once, and more the larger it is; where the pictures do not match (what came into view,
    what moves otherwise, a cut) the frame is believed as it is. So nothing smears, and what is said differs from what
    the frame itself says by `bound` at most, at every pixel, whatever the past was.

    Args:
        gain: share of a small change that is believed at once, in (0, 1]; 1 filters nothing.
        bound: largest change to the logarithm of the frame's own depth: 0.2 is a fifth.
    """

    gain: float = 0.3
    bound: float = 0.2
    _before: tuple[NDArray[np.uint8], NDArray[np.float32]] | None = None

    def __call__(self, image: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """The next frame, filtered.

        Args:
            image: (H, W, 3) uint8 RGB.
            depth_m: (H, W) float32 metres, > 0.

        Returns:
            (H, W) float32 metres.

        Raises:
            UsageError: OpenCV is not installed.
        """
        cv2 = _cv2()
        height, width = depth_m.shape
        size = _small_size(height, width)
        grey = small_grey(image)
        said = np.log(cv2.resize(depth_m, size, interpolation=cv2.INTER_AREA))
        if self._before is None or self._before[0].shape != grey.shape:
            self._before = grey, said
            return depth_m
        carried = carry(*self._before, grey)
        correction = self._correction(said, carried)
        self._before = grey, said + correction
        fitted = cv2.resize(correction, (width, height), interpolation=cv2.INTER_LINEAR)
        return (depth_m * np.exp(fitted)).astype(np.float32)

    def _correction(self, said: NDArray[np.float32], carried: Carried) -> NDArray[np.float32]:
        """What is added to the logarithm of the frame's own depth."""
        news = said - carried.values
        trusted = carried.trust > _TRUSTED
        # Too little of the picture is known from before: a cut.
        if trusted.mean() < _LEAST_TRUSTED:
            return np.zeros_like(said)
        of_all = float(np.median(news[trusted]))
        of_pixel = news - np.float32(of_all)
        kept_of_all = (1 - self.gain) * np.exp(-((of_all / _LARGE_CHANGE) ** 2))
        kept_of_pixel = (1 - self.gain) * carried.trust * np.exp(-((of_pixel / np.float32(_LARGE_CHANGE)) ** 2))
        correction = -np.float32(of_all * kept_of_all) - of_pixel * kept_of_pixel
        return correction.clip(-self.bound, self.bound).astype(np.float32)


def carry(grey_before: NDArray[np.uint8], values: NDArray[np.float32], grey: NDArray[np.uint8]) -> Carried:
    """Values of the last frame where their pixels are now.

    Args:
        grey_before: (h, w) uint8, the last frame; of `small_grey`.
        values: (h, w) float32, of the last frame.
        grey: (h, w) uint8, the frame of now.

    Raises:
        UsageError: OpenCV is not installed.
    """
    cv2 = _cv2()
    height, width = grey.shape
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(grey, grey_before, None)
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)

    def moved(array: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.remap(array, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    unlike = cv2.absdiff(grey.astype(np.float32), moved(grey_before.astype(np.float32)))
    trust = np.exp(-((cv2.blur(unlike, (5, 5)) / np.float32(_UNLIKE_LEVELS)) ** 2)) * inside
    return Carried(moved(values), trust.astype(np.float32))


def small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as the filter compares it: grey, at most 320 pixels wide or high."""
    cv2 = _cv2()
    size = _small_size(*image.shape[:2])
    return cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def _small_size(height: int, width: int) -> tuple[int, int]:
    """Width and height; OpenCV's flow needs a few pixels."""
    scale = min(1.0, _SMALL_PX / max(height, width))
    return max(16, round(width * scale)), max(16, round(height * scale))


def _cv2() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise UsageError(
            "a steady stream needs OpenCV: pip install 'leadline[video]'; or do without by --no-steady"
        ) from error
    return cv2


_SMALL_PX = 320
_UNLIKE_LEVELS = 12.0
_TRUSTED, _LEAST_TRUSTED = 0.5, 0.1
_LARGE_CHANGE = 0.4
