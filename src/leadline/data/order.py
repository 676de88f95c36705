"""The order of frames: functions of (seed, epoch), so that a resumed run needs to remember nothing.

An order may also be asked for without end: at any position it knows which frame comes, and how often that frame came
before (its visit). So sources of any size mix in one batch, each going on where it was, epoch after epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")

LANES = 8
"""Streams that a batch is dealt from; 1, 2, 4 or 8 processes read lanes of their own."""

BLOCK_FRAMES = 64
"""Frames that are read in one go when streaming: some 25 MB at 240x320."""


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most so many of them, evenly apart from the first on.

    Example:
        >>> evenly("abcdef", 3)
        ['a', 'c', 'e']
    """
    return [items[at * len(items) // count] for at in range(min(count, len(items)))]


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


def repeated_order(
    count: int, positions: NDArray[np.int64], *, permutation: Callable[[int], NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All frames in one permutation, then all in the next one, without end.

    Args:
        count: frames.
        positions: (n,) where in the endless order.
        permutation: of range(count), for the pass of a number.

    Returns:
        (n,) frames, and (n,) their visits: how often each came before.

    Example:
        >>> frames, visits = repeated_order(2, np.arange(4), permutation=lambda visit: np.roll([0, 1], visit))
        >>> frames.tolist(), visits.tolist()
        ([0, 1, 1, 0], [0, 0, 1, 1])
    """
    visits, places = np.divmod(positions, count)
    frames = np.empty_like(positions)
    for visit in np.unique(visits):
        now = visits == visit
        frames[now] = permutation(int(visit))[places[now]]
    return frames, visits


def room_order(
    rooms: NDArray[np.int64], positions: NDArray[np.int64], *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One frame of each room in random order, then another one of each, without end.

    A room's frames come in a permutation of their own, and in another when all have come: a room of one frame shows it
    each time, where one of a hundred shows each of them in a hundred rounds.

    Args:
        rooms: (count,) number of each frame's room, from 0 without gaps.
        positions: (n,) where in the endless order.
        seed: of the run.

    Returns:
        (n,) frames, and (n,) their visits: how often each came before.

    Example:
        >>> frames, visits = room_order(np.array([0, 0, 1]), np.arange(6), seed=0)
        >>> np.bincount(frames)[2], sorted(visits[frames == 2].tolist())
        (np.int64(3), [0, 1, 2])
    """
    sizes = np.bincount(rooms)
    members = np.split(np.argsort(rooms, kind="stable"), np.cumsum(sizes)[:-1])
    drawn, rounds = repeated_order(
        len(sizes), positions, permutation=lambda visit: shuffled_order(len(sizes), seed=seed, epoch=visit)
    )
    visits, places = np.divmod(rounds, sizes[drawn])
    frames = np.empty_like(positions)
    for room, visit in {*zip(drawn.tolist(), visits.tolist(), strict=True)}:
        now = (drawn == room) & (visits == visit)
        turns = np.random.default_rng([seed, visit, room]).permutation(members[room])
        frames[now] = turns[places[now]]
    return frames, visits
