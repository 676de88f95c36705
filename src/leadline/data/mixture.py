"""What batches are made of: so many frames of each source, balanced, in an order that depends on nothing hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from leadline.data.order import repeated_order, room_order, shuffled_order, streamed_order
from leadline.data.store import Store
from leadline.options import Balance

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Feed:
    """Frames of one store that go into every batch.

    Args:
        store: prepared frames.
        indices: which of them teach.
        share: of a batch; the first feed takes what the others leave.
        weight: of an error at its pixels, before the confidence of the frame.
        balance: "frame" takes all frames before one comes again, "room" each room as often as any other.
        buffer_frames: read the store in sequence through a shuffle buffer of this size; 0 shuffles freely.
    """

    store: Store
    indices: Sequence[int]
    share: float = 1.0
    weight: float = 1.0
    balance: Balance = "frame"
    buffer_frames: int = 0

    def drawn(self, positions: Indices, *, seed: int) -> tuple[Indices, Indices]:
        """Indices into the store at positions of this feed's endless order, and how often each came before."""
        count = len(self.indices)
        if self.balance == "room":
            rooms = [self.store.frames[index].frame.room for index in self.indices]
            places, visits = room_order(np.unique(rooms, return_inverse=True)[1], positions, seed=seed)
        else:
            order = partial(streamed_order, buffer_frames=self.buffer_frames) if self.buffer_frames else shuffled_order
            places, visits = repeated_order(
                count, positions, permutation=lambda visit: order(count, seed=seed, epoch=visit)
            )
        return np.asarray(self.indices, np.int64)[places], visits


@dataclass(frozen=True)
class Group:
    """The frames of a batch before they are read: three arrays of one length.

    Attributes:
        feeds: number of the feed; ascending.
        frames: index into that feed's store.
        visits: how often the frame came before. Its augmentation is a function of (seed, feed, frame, visit).
    """

    feeds: Indices
    frames: Indices
    visits: Indices

    def __len__(self) -> int:
        return len(self.frames)

    def share(self, rank: int, world: int) -> Group:
        """The part of one process; parts may differ by a frame, because the loss weighs measurements, not processes."""
        mine = slice(rank, None, world)
        return Group(self.feeds[mine], self.frames[mine], self.visits[mine])

    def joined(self, other: Group) -> Group:
        """The frames of both."""
        order = np.argsort(np.concatenate([self.feeds, other.feeds]), kind="stable")
        feeds, frames, visits = (
            np.concatenate([getattr(part, name) for part in (self, other)])[order]
            for name in ("feeds", "frames", "visits")
        )
        return Group(feeds, frames, visits)


def feed_seeds(seed: int, feeds: Indices) -> NDArray[np.uint64]:
    """The seed of each feed, by its number; the first one's is that of the run."""
    return (seed + (feeds << 40)).astype(np.uint64)


def frames_of_each(feeds: Sequence[Feed], *, batch_size: int) -> list[int]:
    """How many frames of each feed a whole batch has: round(share x batch_size), and the rest from the first."""
    others = [round(feed.share * batch_size) for feed in feeds[1:]]
    return [batch_size - sum(others), *others]


def epoch_sizes(feeds: Sequence[Feed], *, batch_size: int, epoch_frames: int | None) -> NDArray[np.int64]:
    """(steps, feeds): frames of each feed in each batch of an epoch.

    An epoch takes `epoch_frames` of the first feed, or all of them once. Where these do not fill the last batch, it is
    smaller, and has as much less of the others.
    """
    whole = np.array(frames_of_each(feeds, batch_size=batch_size))
    frames = epoch_frames or len(feeds[0].indices)
    sizes = np.tile(whole, (math.ceil(frames / whole[0]), 1))
    last = frames - whole[0] * (len(sizes) - 1)
    sizes[-1] = [last, *(round(count * last / whole[0]) for count in whole[1:])]
    return sizes


def epoch_groups(
    feeds: Sequence[Feed], *, batch_size: int, epoch_frames: int | None, seed: int, epoch: int
) -> list[Group]:
    """The batches of an epoch, over all processes; a function of (seed, epoch)."""
    sizes = epoch_sizes(feeds, batch_size=batch_size, epoch_frames=epoch_frames)
    seeds = feed_seeds(seed, np.arange(len(feeds)))
    drawn = []
    for number, feed in enumerate(feeds):
        total = int(sizes[:, number].sum())
        frames, visits = feed.drawn(epoch * total + np.arange(total), seed=int(seeds[number]))
        cuts = np.cumsum(sizes[:-1, number])
        drawn.append(list(zip(np.split(frames, cuts), np.split(visits, cuts), strict=True)))
    return [
        Group(
            feeds=np.repeat(np.arange(len(feeds)), counts),
            frames=np.concatenate([frames for frames, _ in parts]),
            visits=np.concatenate([visits for _, visits in parts]),
        )
        for counts, parts in zip(sizes, zip(*drawn, strict=True), strict=True)
    ]
