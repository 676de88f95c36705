"""Batches from a store: sliced on the host, finished on the device, in an order that depends on nothing hidden."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from leadline.data.augment import augment
from leadline.data.randomness import epoch_order
from leadline.data.store import Store


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
    frames: NDArray[np.int64]


@dataclass(frozen=True)
class Batches:
    """The batches of some frames of a store, for one process of `world`.

    Every frame comes once an epoch, but for the rest that does not divide among the processes.
    """

    store: Store
    indices: Sequence[int]
    batch_size: int
    device: torch.device
    seed: int = 0
    rank: int = 0
    world: int = 1

    def __len__(self) -> int:
        """Steps an epoch."""
        return len(self._groups(np.arange(len(self.indices))))

    def shuffled(
        self, epoch: int, *, start: int = 0, flip: float = 0.0, channel_permutation: float = 0.0
    ) -> Iterator[Batch]:
        """The batches of an epoch from the `start`-th on, augmented."""
        order = np.asarray(self.indices, np.int64)[epoch_order(len(self.indices), seed=self.seed, epoch=epoch)]
        for batch in self._loaded(self._groups(order)[start:]):
            image, depth_m = augment(
                batch.image,
                batch.depth_m,
                frames=batch.frames,
                seed=self.seed,
                epoch=epoch,
                flip=flip,
                channel_permutation=channel_permutation,
            )
            yield Batch(image, depth_m, batch.frames)

    def in_order(self) -> Iterator[Batch]:
        """All frames as they are, for validation; each process gets its own share, which may be empty."""
        share = np.asarray(self.indices, np.int64)[self.rank :: self.world]
        size = max(1, self.batch_size // self.world)
        yield from self._loaded([share[at : at + size] for at in range(0, len(share), size)])

    def _groups(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        count = math.ceil(len(order) / self.batch_size)
        groups = [order[at * self.batch_size : (at + 1) * self.batch_size] for at in range(count)]
        # All processes take the same number of frames, because each one's gradient counts the same.
        shares = [group[: len(group) // self.world * self.world][self.rank :: self.world] for group in groups]
        return [share for share in shares if len(share)]

    def _loaded(self, groups: list[NDArray[np.int64]]) -> Iterator[Batch]:
        """Batches in order, the next one being sliced while the caller works on this one."""
        with ThreadPoolExecutor(1, thread_name_prefix="gather") as pool:
            pending = [pool.submit(self.store.gather, group) for group in groups[:1]]
            for at, group in enumerate(groups):
                color, levels = pending.pop().result()
                if at + 1 < len(groups):
                    pending.append(pool.submit(self.store.gather, groups[at + 1]))
                yield self._on_device(color, levels, group)

    def _on_device(self, color: NDArray[np.uint8], levels: NDArray[np.uint16], group: NDArray[np.int64]) -> Batch:
        image = self._sent(torch.from_numpy(color)).permute(0, 3, 1, 2).to(torch.float32).div_(255)
        signed = self._sent(torch.from_numpy(levels.view(np.int16)))  # few operations know uint16
        depth_m = self._metres(signed.to(torch.int32) & 0xFFFF)
        return Batch(image, depth_m[:, None], group)

    def _sent(self, host: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return host.pin_memory().to(self.device, non_blocking=True)
        return host.to(self.device)

    def _metres(self, levels: Tensor) -> Tensor:
        code = self.store.code
        if code.step_m > 0:
            return levels.to(torch.float32) * code.step_m
        return torch.from_numpy(code.table()).to(self.device)[levels]
