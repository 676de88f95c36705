"""What the decoder may expect of an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

STRIDES = (2, 4, 8, 16, 32)


@runtime_checkable  # the tests check types at run time
class Encoder(Protocol):
    """A network that turns a picture into five features, from fine to coarse.

    Each encoder owns its input normalisation: it takes RGB in [0, 1], whatever it was pre-trained on. A contract test
    runs over every name in the catalog.
    """

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the features at strides 2, 4, 8, 16 and 32."""
        ...

    def __call__(self, image: Tensor) -> list[Tensor]:
        """Features of a picture.

        Args:
            image: (B, 3, H, W) float32 in [0, 1], RGB; any H, W >= 32.

        Returns:
            Five tensors (B, channels[i], ceil(H / stride), ceil(W / stride)) for the strides 2 to 32, up to one pixel.
        """
        ...

    def named_stages(self) -> Iterator[tuple[str, nn.Module]]:
        """The parts in the order in which they run, for tables; together they hold every parameter."""
        ...

    def adapt_checkpoint(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The part of a checkpoint that belongs to this encoder, under the names of its own state dict."""
        ...
