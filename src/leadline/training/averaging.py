"""The average of the weights over the last steps, often better than any of them (Polyak and Juditsky 1992)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of a network's parameters; its buffers (batch-norm statistics) are copied.

    At step n the average keeps min(decay, (1 + n) / (4 + n)) of itself: until the decay bounds it, a step counts as the
    square of its number, so that the average is one of the later half of all steps, and soon forgets where it began.

    Args:
        net: that learns.
        decay: share that is kept at each step, in (0, 1); 0.998 looks back some 500 steps.

    Attributes:
        state: the averaged state, by the names of the network's state_dict.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = net
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    def update(self, step: int) -> None:
        """Follow the network, after the step of this number (from 0)."""
        kept = min(self.decay, (1 + step) / (4 + step))
        parameters = dict(self.net.named_parameters())
        averages = [self.state[name] for name in parameters]
        torch._foreach_lerp_(averages, [parameter.detach() for parameter in parameters.values()], 1 - kept)
        for name, buffer in self.net.named_buffers():
            self.state[name].copy_(buffer)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the network has the averaged weights; afterwards its own ones again, to the bit."""
        own = {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}
        _put(self.net, self.state)
        try:
            yield
        finally:
            _put(self.net, own)


def _put(net: nn.Module, state: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            tensor.copy_(state[name])
