"""The order of an epoch: a function of (seed, epoch), so that a resumed run needs to remember nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LANES = 8
"""Streams that a batch is dealt from; 1, 2, 4 or 8 processes read lanes of their own."""

BLOCK_FRAMES = 64
"""Frames that are read in one go when streaming: some 25 MB at 240x320."""


def shuffled_order(count: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of range(count), any of them as likely as any other.

    Example:
        >>> sorted(shuffled_order(4, seed=0, epoch=7).tolist())
        [0, 1, 2, 3]
    """
    return np.random.default_rng([seed, epoch]).permutation(count)


def streamed_order(count: int, *, seed: int, epoch: int, buffer_frames: int) -> NDArray[np.int64]:
    """A permutation of range(count) that a disk can follow: blocks in random order, shuffled within a moving buffer.

    Blocks of neighbouring frames are shuffled and dealt to LANES streams; each stream shuffles its part of the buffer;
    batches take from the streams in turn. Every process takes each `world`-th frame of a batch, so that with 1, 2, 4 or
    8 processes (and batches that divide among them) no two read the same stream, and the batches are those of one.

    Args:
        count: frames.
        seed: of the run.
        epoch: of the pass over the data.
        buffer_frames: frames that are in memory at once, over all streams; two buffers of them are being read.

    Example:
        >>> sorted(streamed_order(1000, seed=0, epoch=7, buffer_frames=64).tolist()) == list(range(1000))
        True
    """
    generator = np.random.default_rng([seed, epoch])
    # A data set of a few blocks is dealt in smaller ones, so that its lanes are not a block each.
    block = min(BLOCK_FRAMES, max(1, count // (4 * LANES)))
    starts = generator.permutation(np.arange(0, count, block))
    sequence = np.concatenate([np.arange(start, min(start + block, count)) for start in starts], dtype=np.int64)
    length, window = count // LANES, max(1, buffer_frames // LANES)
    lanes = sequence[: LANES * length].reshape(LANES, length)
    for lane in lanes:
        for start in range(0, length, window):
            generator.shuffle(lane[start : start + window])
    return np.concatenate([lanes.T.ravel(), sequence[LANES * length :]])
