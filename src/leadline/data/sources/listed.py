"""What sources share that list their frames once and know the place of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.data.sources.pairing import Pair
from leadline.depth.camera import Camera
from leadline.depth.files import metres, read_levels
from leadline.depth.images import read_image
from leadline.errors import InputError

Place = TypeVar("Place")
"""Whatever a source needs to find a frame again."""


class ListedSource(ABC, Generic[Place]):
    """A source (see data/sample.py) of which a kind says only how to list and how to read.

    Args:
        root: the data set's folder or file.
        depth_unit_m: metres per step of the depth files, whatever their format says.

    Raises:
        InputError: no frame, two frames of one name, or a data set that cannot be understood.
    """

    root: Path
    frames: Sequence[Frame]
    empty: ClassVar[str] = "no frames here"
    """What to say, and where to look, when there is no frame."""

    def __init__(self, root: Path, *, depth_unit_m: float | None = None) -> None:
        self.root = Path(root)
        self.depth_unit_m = depth_unit_m
        self._places: dict[str, Place] = {}
        frames = []
        for frame, place in self._listed():
            if frame.identity in self._places:
                raise InputError(f"{self.root}: two frames are called {frame.identity}; rename one of them")
            self._places[frame.identity] = place
            frames.append(frame)
        if not frames:
            raise InputError(f"{self.root}: {self.empty}")
        self.frames = tuple(frames)

    def read(self, frame: Frame) -> Sample:
        """Read one of `frames`; safe to call from many threads and processes.

        Raises:
            InputError: the frame cannot be used; the message names the file and the cause.
        """
        return self._read(frame, self._places[frame.identity])

    @abstractmethod
    def _listed(self) -> Iterator[tuple[Frame, Place]]:
        """All frames with their places, in an order that is always the same."""

    @abstractmethod
    def _read(self, frame: Frame, place: Place) -> Sample:
        """One frame, read and checked."""


class PairSource(ListedSource[Pair]):
    """A source whose frames are a picture and a depth file each."""

    unit_m: ClassVar[float | None] = None
    """Metres per step of the depth files; None is what their format implies (16-bit PNG: millimetres)."""

    def _read(self, frame: Frame, place: Pair) -> Sample:
        image = self._image(place)
        return Sample(frame=frame, image=image, depth_m=self._depth_m(place), camera=self._camera(place, image))

    def _image(self, pair: Pair) -> NDArray[np.uint8]:
        return read_image(pair.color)

    def _depth_m(self, pair: Pair) -> NDArray[np.float32]:
        unit_m = self.unit_m if self.depth_unit_m is None else self.depth_unit_m
        return metres(self._levels(pair), unit_m=unit_m, name=str(pair.depth))

    def _levels(self, pair: Pair) -> NDArray:
        """The numbers of the depth file, in steps of its unit; 0 is a hole."""
        return read_levels(pair.depth)

    def _camera(self, pair: Pair, image: NDArray[np.uint8]) -> Camera | None:  # noqa: ARG002
        """The camera of `image`; None is right for most kinds."""
        return None
