"""Random numbers without a state: a function of what they are for.

The augmentation of a frame is a function of (seed, frame, visit): of how often it was seen before. So neither the
number of processes nor the company of a frame in its batch matters, and a resumed run needs no saved generator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def uniform(
    frames: NDArray[np.int64], *, seed: int | NDArray[np.uint64], visits: int | NDArray[np.int64], draw: int
) -> NDArray[np.float64]:
    """One number in [0, 1) for each frame, the same whatever else is drawn.

    Args:
        frames: (n,) indices.
        seed: of the run; or one for each frame, when they are of several sources.
        visits: how often each frame came before: the number of the pass, where every frame comes once in each.
        draw: which decision about the frame this is for; different decisions need different numbers.

    Example:
        >>> uniform(np.array([3, 4]), seed=0, visits=0, draw=0)[1] == uniform(np.array([4]), seed=0, visits=0, draw=0)
        array([ True])
    """
    state = np.zeros(len(frames), np.uint64)
    for word in (seed, visits, frames, draw):
        state = _mixed(state ^ _mixed(np.broadcast_to(np.asarray(word, np.uint64), state.shape) + _GOLDEN))
    return (state >> np.uint64(11)).astype(np.float64) / 2**53


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al., 2014); arithmetic is modulo 2**64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
