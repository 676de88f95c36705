"""Frames of a store that `leadline data prepare` wrote, without the files that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from leadline.data.sample import Frame, Sample
from leadline.data.store import open_store
from leadline.errors import InputError, UsageError


class StoredFrames:
    """A store as a source: its frames at the size that they were prepared at, padding included.

    A training at that size reads the store itself; another size is resized from it. The fingerprint and the splits are
    those of the frames that it was prepared from.

    Args:
        root: the store's folder.
        depth_unit_m: not to be given; a store knows its metres.

    Raises:
        InputError: the store is not finished, or damaged.
        UsageError: a unit was given.
    """

    root: Path
    frames: Sequence[Frame]

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` holds a store's plan."""
        try:
            return (root / "plan.json").is_file()
        except OSError:
            return False

    def __init__(self, root: Path, *, depth_unit_m: float | None = None) -> None:
        if depth_unit_m is not None:
            raise UsageError(f"{root}: a store knows its metres; give the unit when it is prepared")
        store = open_store(root)
        if store is None:
            raise InputError(f"{root}: its preparation did not finish; run leadline data prepare again to go on")
        self.root, self.store = Path(root), store
        self.frames = tuple(stored.frame for stored in store.frames)
        self._positions = store.positions()

    def read(self, frame: Frame) -> Sample:
        """Read one of `frames`; safe to call from many threads and processes."""
        position = self._positions[frame.identity]
        color, levels = self.store.gather([position])
        return Sample(
            frame=frame,
            image=np.ascontiguousarray(color[0].transpose(1, 2, 0)),
            depth_m=self.store.code.metres(levels[0]),
            camera=self.store.frames[position].camera,
        )
