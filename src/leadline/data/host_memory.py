"""Memory for batches on the CPU, used again and again."""

import weakref
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class HostMemory:
    """Tensors whose memory comes back when nothing looks at it any more.

    The system clears each page of fresh memory at its first touch, which takes longer than turning a batch of bytes
    into floats. A tensor from here may be kept as long as one likes: its memory is lent again only after it is gone,
    and every view of it.

    Example:
        >>> memory = HostMemory()
        >>> address = memory.floats((2, 3)).data_ptr()  # gone at once
        >>> memory.floats((2, 3)).data_ptr() == address
        True
    """

    def __init__(self) -> None:
        self._free: dict[tuple[int, ...], list[NDArray[np.float32]]] = defaultdict(list)

    def floats(self, shape: tuple[int, ...]) -> Tensor:
        """A contiguous float32 tensor of arbitrary content."""
        free = self._free[shape]
        owner = free.pop() if free else np.empty(shape, np.float32)
        # The tensor holds the view, and nothing else does: when the view goes, the owner is free.
        lent = owner.view()
        weakref.finalize(lent, free.append, owner).atexit = False
        return torch.from_numpy(lent)
