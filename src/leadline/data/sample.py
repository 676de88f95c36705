"""One frame of truth, the same whatever it came from, and what a source of frames must offer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from leadline.depth.camera import Camera
from leadline.errors import InputError


@dataclass(frozen=True)
class Frame:
    """A frame as its source lists it, before anything is opened.

    `subset` is the part of an official split ("train" or "test") that the frame belongs to, or None. `modified_ns` is
    when the younger of its files was last changed, 0 where files do not tell.
    `confidence` in [0, 1] says how far its depth is to be believed: 1 for what a sensor measured. Where `is_relative`,
    its depth maps hold inverse depth up to an unknown scale and shift, as numbers within a model's range of metres.
    """

    scene: str
    name: str
    room: str
    size_bytes: int
    subset: Literal["train", "test"] | None = None
    modified_ns: int = 0
    confidence: float = 1.0
    is_relative: bool = False

    @property
    def identity(self) -> str:
        """Unique within a source."""
        return f"{self.scene}/{self.name}"


@dataclass(frozen=True)
class Sample:
    """A frame that was read and checked: colour and depth of the same field of view.

    Args:
        frame: where it came from.
        image: (H, W, 3) uint8, RGB.
        depth_m: (h, w) float32 metres, 0 where nothing was measured; h and w may differ from the picture's.
        camera: intrinsics of `image`, when they are known.
        raw_depth_m: what the sensor measured, where `depth_m` had its holes filled; None where there is one truth only.

    Raises:
        InputError: shapes that cannot be one view, or not one measurement.
    """

    frame: Frame
    image: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    camera: Camera | None = None
    raw_depth_m: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise InputError(f"{self.frame.identity}: colour must be (H, W, 3) uint8, got {_described(self.image)}")
        if self.depth_m.ndim != 2 or self.depth_m.dtype != np.float32:
            raise InputError(f"{self.frame.identity}: depth must be (h, w) float32, got {_described(self.depth_m)}")
        _check_same_view(self.frame, self.image.shape, self.depth_m.shape)
        if not (self.depth_m > 0).any():
            raise InputError(
                f"{self.frame.identity}: its depth map holds no measurement (all 0 or NaN); remove the frame"
            )

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(h, w) bool: True where depth was measured."""
        return self.depth_m > 0


@runtime_checkable  # the tests check types at run time
class Source(Protocol):
    """Any place that frames come from. A new one is one file with such a class, and one line in catalog.py."""

    root: Path
    frames: Sequence[Frame]

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` looks like this kind of source. Must be cheap and must not raise."""
        ...

    def __init__(self, root: Path, *, depth_unit_m: float | None = None) -> None:
        """List the frames. `depth_unit_m` (metres per step) overrides what the format implies."""
        ...

    def read(self, frame: Frame) -> Sample:
        """Read one of `frames`; safe to call from many threads and processes.

        Raises:
            InputError: the frame cannot be used; the message names the file and the cause.
        """
        ...


def fingerprint(frames: Sequence[Frame]) -> str:
    """Sixteen hexadecimal digits that change when a frame is added, removed, renamed, resized or less sure.

    Independent of the folder's place and of the frames' order, so that it is the same on two machines.
    """
    lines = sorted(
        f"{frame.identity}\t{frame.room}\t{frame.subset}\t{frame.size_bytes}"
        + ("" if frame.confidence == 1 else f"\t{frame.confidence}")
        + ("\trelative" if frame.is_relative else "")
        for frame in frames
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def ages(frames: Sequence[Frame]) -> str:
    """Sixteen hexadecimal digits that change when any file's time of change does, to a later or to an earlier one.

    Depth as `.npy` has the same size whatever is in it, and an older copy that is put in its place is older: neither
    the fingerprint nor the youngest file would tell.
    """
    lines = sorted(f"{frame.identity}\t{frame.modified_ns}" for frame in frames)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _check_same_view(frame: Frame, image_shape: tuple[int, ...], depth_shape: tuple[int, ...]) -> None:
    (height, width), (depth_height, depth_width) = image_shape[:2], depth_shape
    mismatch = (width / height) / (depth_width / depth_height)
    if not 1 / _ASPECT_TOLERANCE < mismatch < _ASPECT_TOLERANCE:
        turned = " Is one of them rotated?" if abs(mismatch * height / width * height / width - 1) < 0.05 else ""
        raise InputError(
            f"{frame.identity}: colour is {width}x{height} but depth is {depth_width}x{depth_height}: different "
            f"aspect ratios cannot show the same view.{turned} Register depth to colour first."
        )


def _described(array: NDArray) -> str:
    return f"{array.shape} {array.dtype}"


_ASPECT_TOLERANCE = 1.03
