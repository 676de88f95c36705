"""Batches from a store: sliced on the host, finished on the device, in an order that depends on nothing hidden."""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from leadline.data.augment import ByteChanges, augment_bytes, augment_floats, draw_byte_changes
from leadline.data.host_memory import HostMemory
from leadline.data.order import shuffled_order, streamed_order
from leadline.data.randomness import uniform
from leadline.data.store import Store
from leadline.options import DataOptions

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Frames on the device.

    Attributes:
        image: RGB in [0, 1].
        depth_m: metres, 0 in holes.
        frames: indices into the store.
    """

    image: Float[Tensor, "b 3 h w"]
    depth_m: Float[Tensor, "b 1 h w"]
    frames: Indices


@dataclass(frozen=True)
class Batches:
    """The batches of some frames of a store, for one process of `world`.

    Every frame comes once an epoch, but for the rest that does not divide among the processes.

    Args:
        store: prepared frames.
        indices: which of them.
        batch_size: over all processes.
        device: that the batches are finished on.
        seed: of the run.
        rank: of this process.
        world: processes.
        buffer_frames: read the store in sequence through a shuffle buffer of this size; 0 shuffles all frames freely.
    """

    store: Store
    indices: Sequence[int]
    batch_size: int
    device: torch.device
    seed: int = 0
    rank: int = 0
    world: int = 1
    buffer_frames: int = 0
    _memory: HostMemory = field(default_factory=HostMemory, repr=False, compare=False)

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self._groups(np.arange(len(self.indices))))

    def shuffled(self, epoch: int, *, start: int = 0, options: DataOptions) -> Iterator[Batch]:
        """The batches of an epoch from the `start`-th on, augmented as the options say."""
        groups = self._groups(np.asarray(self.indices, np.int64)[self._order(epoch)])[start:]

        def augmented(at: int) -> Batch:
            self._read_ahead(groups, at)
            draw = partial(_draw, groups[at], self.seed, epoch)
            batch = self._batch(groups[at], draw_byte_changes(draw, options))
            augment_floats(batch.image, batch.depth_m, draw, options)
            return batch

        yield from _one_ahead(augmented, len(groups), device=self.device)

    def in_order(self) -> Iterator[Batch]:
        """All frames as they are, for validation; each process gets its own share, which may be empty."""
        share = np.asarray(self.indices, np.int64)[self.rank :: self.world]
        size = max(1, self.batch_size // self.world)
        groups = [share[at : at + size] for at in range(0, len(share), size)]
        yield from _one_ahead(lambda at: self._batch(groups[at], None), len(groups), device=self.device)

    def _order(self, epoch: int) -> Indices:
        count = len(self.indices)
        if self.buffer_frames:
            return streamed_order(count, seed=self.seed, epoch=epoch, buffer_frames=self.buffer_frames)
        return shuffled_order(count, seed=self.seed, epoch=epoch)

    def _groups(self, order: Indices) -> list[Indices]:
        count = math.ceil(len(order) / self.batch_size)
        groups = [order[at * self.batch_size : (at + 1) * self.batch_size] for at in range(count)]
        # All processes take the same number of frames, because each one's gradient counts the same.
        shares = [group[: len(group) // self.world * self.world][self.rank :: self.world] for group in groups]
        return [share for share in shares if len(share)]

    def _batch(self, group: Indices, changes: ByteChanges | None) -> Batch:
        height, width = self.store.framing.height, self.store.framing.width
        image = self._floats((len(group), 3, height, width))
        depth_m = self._floats((len(group), 1, height, width))
        color, levels = self._bytes(group)
        if changes is not None:
            augment_bytes(color, levels.view(torch.int16), changes)  # few operations know uint16
        self._to_floats(color, image)
        self._to_metres(levels, depth_m[:, 0])
        return Batch(image, depth_m, group)

    def _bytes(self, group: Indices) -> tuple[Tensor, Tensor]:
        height, width = self.store.framing.height, self.store.framing.width
        color = self._host((len(group), 3, height, width), torch.uint8)
        levels = self._host((len(group), height, width), torch.uint16)
        self.store.gather(group, color=color.numpy(), levels=levels.numpy())
        # From pinned memory the copy runs while the device still works on the batch before.
        return color.to(self.device, non_blocking=True), levels.to(self.device, non_blocking=True)

    def _read_ahead(self, groups: list[Indices], at: int) -> None:
        """While one buffer's frames are used, the disk reads the next one's."""
        steps = max(1, self.buffer_frames // self.batch_size)
        if self.buffer_frames and at % steps == 0:
            ahead = groups[at if at == 0 else at + steps : at + 2 * steps]
            if ahead:
                self.store.read_ahead(np.concatenate(ahead))

    def _host(self, shape: tuple[int, ...], kind: torch.dtype) -> Tensor:
        if self.device.type == "cuda":
            return torch.empty(shape, dtype=kind, pin_memory=True)
        return self._memory.empty(shape, kind)

    def _floats(self, shape: tuple[int, ...]) -> Tensor:
        if self.device.type == "cpu":
            return self._memory.empty(tuple(shape), torch.float32)
        return torch.empty(shape, device=self.device)

    def _to_floats(self, color: Tensor, image: Tensor) -> None:
        if self.device.type == "cpu":
            np.divide(color.numpy(), np.float32(255), out=image.numpy())  # one pass over the memory; torch needs two
        else:
            image.copy_(color).div_(255)

    def _to_metres(self, levels: Tensor, depth_m: Tensor) -> None:
        code = self.store.code
        if code.step_m > 0:
            depth_m.copy_(levels).mul_(code.step_m)
        else:
            depth_m.copy_(torch.from_numpy(code.table()).to(self.device)[levels.to(torch.int32)])


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


def _draw(frames: Indices, seed: int, epoch: int, drawn: int) -> NDArray[np.float64]:
    return uniform(frames, seed=seed, epoch=epoch, draw=drawn)
