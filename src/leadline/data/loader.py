"""Batches from stores: sliced on the host, finished on the device, in an order that depends on nothing hidden."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from leadline.data.augment import (
    ByteChanges,
    augment_bytes,
    augment_floats,
    augment_frame,
    draw_byte_changes,
    floats_from_bytes,
    floats_from_frame,
)
from leadline.data.host_memory import HostMemory
from leadline.data.mixture import Feed, Group, Indices, epoch_groups, epoch_sizes, feed_seeds
from leadline.data.randomness import uniform
from leadline.data.store import Store
from leadline.depth.camera import Camera
from leadline.options import Balance, DataOptions


@dataclass(frozen=True)
class Batch:
    """Frames on the device.

    Attributes:
        image: RGB in [0, 1].
        depth_m: metres, 0 in holes.
        weight: of each frame in the loss: that of its source times the frame's confidence.
        enlarged: by how much each frame's depth was multiplied to be that of the canonical camera; 1 where there is no
            such camera, or the frame's own is not known.
        relative: whether the frame's depth is inverse depth up to scale and shift.
        frames: indices into the store.
        feeds: the store that each frame is of: 0 is the first, and then those of `more`.
    """

    image: Float[Tensor, "b 3 h w"]
    depth_m: Float[Tensor, "b 1 h w"]
    weight: Float[Tensor, " b"]
    enlarged: Float[Tensor, " b"]
    relative: Bool[Tensor, " b"]
    frames: Indices
    feeds: Indices


@dataclass(frozen=True)
class Batches:
    """The batches of some frames of a store, and of further ones, for one process of `world`.

    Every frame comes once an epoch, and none twice, among all processes; unless `balance` or `epoch_frames` say
    otherwise.

    Args:
        store: prepared frames.
        indices: which of them.
        batch_size: over all processes.
        device: that the batches are finished on.
        seed: of the run.
        rank: of this process.
        world: processes.
        buffer_frames: read the store in sequence through a shuffle buffer of this size; 0 shuffles all frames freely.
        balance: "room" draws each room as often as any other.
        epoch_frames: frames of `store` that make an epoch; all of them once when None.
        more: what other stores add to each batch of `shuffled`.
        canonical_focal: of the camera that the depth is scaled for, as a share of the width; None leaves it.
    """

    store: Store
    indices: Sequence[int]
    batch_size: int
    device: torch.device
    seed: int = 0
    rank: int = 0
    world: int = 1
    buffer_frames: int = 0
    balance: Balance = "frame"
    epoch_frames: int | None = None
    more: Sequence[Feed] = ()
    canonical_focal: float | None = None
    _memory: HostMemory = field(default_factory=HostMemory, repr=False, compare=False)

    @cached_property
    def feeds(self) -> list[Feed]:
        """Where the frames come from: the store, and then those of `more`."""
        return [Feed(self.store, self.indices, balance=self.balance, buffer_frames=self.buffer_frames), *self.more]

    def __len__(self) -> int:
        """Steps an epoch."""
        sizes = epoch_sizes(self.feeds, batch_size=self.batch_size, epoch_frames=self.epoch_frames)
        return int((sizes.sum(axis=1) >= self.world).sum())

    def shuffled(self, epoch: int, *, start: int = 0, options: DataOptions) -> Iterator[Batch]:
        """The batches of an epoch from the `start`-th on, augmented as the options say."""
        groups = self._groups(epoch)[start:]

        def augmented(at: int) -> Batch:
            self._read_ahead(groups, at)
            group = groups[at]
            seeds = feed_seeds(self.seed, group.feeds)
            draw = partial(_draw, group, seeds)
            batch = self._batch(group, draw_byte_changes(draw, options))
            augment_floats(batch.image, batch.depth_m, draw, options)
            return batch

        yield from _one_ahead(augmented, len(groups), device=self.device)

    def in_order(self) -> Iterator[Batch]:
        """All frames of the store as they are, for validation; each process gets its own share, which may be empty."""
        share = np.asarray(self.indices, np.int64)[self.rank :: self.world]
        size = max(1, self.batch_size // self.world)
        groups = [_first_visit(share[at : at + size]) for at in range(0, len(share), size)]
        yield from _one_ahead(lambda at: self._batch(groups[at], None), len(groups), device=self.device)

    def _groups(self, epoch: int) -> list[Group]:
        groups = epoch_groups(
            self.feeds, batch_size=self.batch_size, epoch_frames=self.epoch_frames, seed=self.seed, epoch=epoch
        )
        # Every process needs a frame at each step: a rest of fewer joins the batch before it.
        if len(groups) > 1 and len(groups[-1]) < self.world:
            groups[-2:] = [groups[-2].joined(groups[-1])]
        return [group.share(self.rank, self.world) for group in groups if len(group) >= self.world]

    def _batch(self, group: Group, changes: ByteChanges | None) -> Batch:
        height, width = self.store.framing.height, self.store.framing.width
        image = self._floats((len(group), 3, height, width))
        depth_m = self._floats((len(group), 1, height, width))
        if self.device.type == "cpu":
            self._write_frames(group, changes, image.numpy(), depth_m[:, 0].numpy())
        else:
            self._write_on_device(group, changes, image, depth_m[:, 0])
        stored = [self.feeds[feed].store.frames[frame] for feed, frame in zip(group.feeds, group.frames, strict=True)]
        weight = self._numbers(
            self.feeds[feed].weight * each.frame.confidence for feed, each in zip(group.feeds, stored, strict=True)
        )
        enlarged = self._numbers(self._enlargement(each.camera) for each in stored)
        if self.canonical_focal is not None:
            depth_m.mul_(enlarged[:, None, None, None])
        relative = torch.tensor([each.frame.is_relative for each in stored]).to(self.device, non_blocking=True)
        return Batch(image, depth_m, weight, enlarged, relative, group.frames, group.feeds)

    def _enlargement(self, camera: Camera | None) -> float:
        return 1.0 if camera is None or self.canonical_focal is None else self.canonical_focal / camera.focal_share

    def _numbers(self, numbers: Iterable[float]) -> Tensor:
        return torch.tensor(list(numbers), dtype=torch.float32).to(self.device, non_blocking=True)

    def _write_frames(
        self, group: Group, changes: ByteChanges | None, image: NDArray[np.float32], depth_m: NDArray[np.float32]
    ) -> None:
        """From the memory map to floats, frame by frame, while the bytes of each are in the processor's cache."""
        curves = None if changes is None else changes.curves
        frames = chain.from_iterable(store.read(group.frames[mine]) for store, mine in self._shares(group))
        for at, (color, levels) in enumerate(frames):
            if changes is not None:
                color, levels = augment_frame(color, levels, changes, at)
            floats_from_frame(color, image[at], None if curves is None else curves[at])
            self.store.code.metres(levels, out=depth_m[at])

    def _write_on_device(self, group: Group, changes: ByteChanges | None, image: Tensor, depth_m: Tensor) -> None:
        """The bytes of all frames are sent, and changed and turned into floats there."""
        color, levels = self._bytes(group)
        if changes is not None:
            augment_bytes(color, levels.view(torch.int16), changes)  # few operations know uint16
        floats_from_bytes(color, image, None if changes is None else changes.curves)
        self._to_metres(levels, depth_m)

    def _bytes(self, group: Group) -> tuple[Tensor, Tensor]:
        height, width = self.store.framing.height, self.store.framing.width
        pinned = self.device.type == "cuda"
        color = torch.empty((len(group), 3, height, width), dtype=torch.uint8, pin_memory=pinned)
        levels = torch.empty((len(group), height, width), dtype=torch.uint16, pin_memory=pinned)
        for store, mine in self._shares(group):
            store.gather(group.frames[mine], color=color.numpy()[mine], levels=levels.numpy()[mine])
        # From pinned memory the copy runs while the device still works on the batch before.
        return color.to(self.device, non_blocking=True), levels.to(self.device, non_blocking=True)

    def _shares(self, group: Group) -> list[tuple[Store, slice]]:
        """Each store, and the places of its frames in a batch, which are in the order of the stores."""
        bounds = np.searchsorted(group.feeds, range(len(self.feeds) + 1)).tolist()
        return [(feed.store, slice(*ends)) for feed, ends in zip(self.feeds, pairwise(bounds), strict=True)]

    def _read_ahead(self, groups: list[Group], at: int) -> None:
        """While one buffer's frames are used, the disk reads the next one's."""
        steps = max(1, self.buffer_frames // self.batch_size)
        if self.buffer_frames and at % steps == 0:
            ahead = groups[at if at == 0 else at + steps : at + 2 * steps]
            for number, feed in enumerate(self.feeds):
                frames = [group.frames[group.feeds == number] for group in ahead]
                feed.store.read_ahead(np.concatenate([*frames, np.zeros(0, np.int64)]))

    def _floats(self, shape: tuple[int, ...]) -> Tensor:
        if self.device.type == "cpu":
            return self._memory.floats(shape)
        return torch.empty(shape, device=self.device)

    def _to_metres(self, levels: Tensor, depth_m: Tensor) -> None:
        code = self.store.code
        if code.step_m > 0:
            depth_m.copy_(levels).mul_(code.step_m)
        else:
            depth_m.copy_(torch.from_numpy(code.table).to(self.device)[levels.to(torch.int32)])


def _one_ahead(make: Callable[[int], Batch], count: int, *, device: torch.device) -> Iterator[Batch]:
    """make(0) to make(count - 1), each being made while the caller works on the one before."""
    with ThreadPoolExecutor(1, "batches", initializer=partial(_begin_thread, device)) as pool:
        pending = deque(pool.submit(make, at) for at in range(min(1, count)))
        for at in range(1, count + 1):
            batch = pending.popleft().result()
            if at < count:
                pending.append(pool.submit(make, at))
            yield batch


def _begin_thread(device: torch.device) -> None:
    # At the speed of memory more threads only wait for one another, and for the training's.
    torch.set_num_threads(1)
    if device.type == "cuda":
        torch.cuda.set_device(device)  # else a thread begins on the first, and pins its memory there


def _first_visit(frames: Indices) -> Group:
    return Group(np.zeros_like(frames), frames, np.zeros_like(frames))


def _draw(group: Group, seeds: NDArray[np.uint64], drawn: int) -> NDArray[np.float64]:
    return uniform(group.frames, seed=seeds, visits=group.visits, draw=drawn)
