"""Batches from a store: sliced on the host, finished on the device, in an order that depends on nothing hidden."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from leadline.data.augment import augment_bytes, augment_floats
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
        for color, levels, group in self._gathered(groups):
            draw = partial(_draw, group, self.seed, epoch)
            augment_bytes(color, levels.view(torch.int16), draw, options)  # few operations know uint16
            batch = self._finished(color, levels, group)
            augment_floats(batch.image, batch.depth_m, draw, options)
            yield batch

    def in_order(self) -> Iterator[Batch]:
        """All frames as they are, for validation; each process gets its own share, which may be empty."""
        share = np.asarray(self.indices, np.int64)[self.rank :: self.world]
        size = max(1, self.batch_size // self.world)
        for color, levels, group in self._gathered([share[at : at + size] for at in range(0, len(share), size)]):
            yield self._finished(color, levels, group)

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

    def _gathered(self, groups: list[Indices]) -> Iterator[tuple[Tensor, Tensor, Indices]]:
        """Bytes on the device in order, the next batch being sliced while the caller works on this one."""
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as pool:
            pending = [pool.submit(self._gather, groups, at) for at in range(min(1, len(groups)))]
            for at, group in enumerate(groups):
                color, levels = pending.pop().result()
                if at + 1 < len(groups):
                    pending.append(pool.submit(self._gather, groups, at + 1))
                # From pinned memory the copy runs while the device still works on the batch before.
                yield self._sent(color), self._sent(levels), group

    def _sent(self, host: Tensor) -> Tensor:
        return host.to(self.device, non_blocking=True)

    def _gather(self, groups: list[Indices], at: int) -> tuple[Tensor, Tensor]:
        self._read_ahead(groups, at)
        height, width = self.store.framing.height, self.store.framing.width
        color = self._host((len(groups[at]), 3, height, width), torch.uint8)
        levels = self._host((len(groups[at]), height, width), torch.uint16)
        self.store.gather(groups[at], color=color.numpy(), levels=levels.numpy())
        return color, levels

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

    def _finished(self, color: Tensor, levels: Tensor, group: Indices) -> Batch:
        image, depth_m = self._floats(color.shape), self._floats((len(group), 1, *levels.shape[1:]))
        image.copy_(color).div_(255)
        self._to_metres(levels[:, None], depth_m)
        return Batch(image, depth_m, group)

    def _floats(self, shape: tuple[int, ...]) -> Tensor:
        if self.device.type == "cpu":
            return self._memory.empty(tuple(shape), torch.float32)
        return torch.empty(shape, device=self.device)

    def _to_metres(self, levels: Tensor, depth_m: Tensor) -> None:
        code = self.store.code
        if code.step_m > 0:
            depth_m.copy_(levels).mul_(code.step_m)
        else:
            depth_m.copy_(torch.from_numpy(code.table()).to(self.device)[levels.to(torch.int32)])


def _draw(frames: Indices, seed: int, epoch: int, drawn: int) -> NDArray[np.float64]:
    return uniform(frames, seed=seed, epoch=epoch, draw=drawn)
