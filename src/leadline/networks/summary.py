"""The network stage by stage, measured on the live network: the paper's Table 2."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from leadline.networks.depth_net import DepthNet


@dataclass(frozen=True)
class Stage:
    """One part of the network: its name, the shape of its output (channels, height, width), its parameters."""

    name: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """A network's stages and sums; `macs` are multiply-adds of convolutions and matrix products for one picture."""

    stages: list[Stage]
    encoder_parameters: int
    decoder_parameters: int
    macs: int

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        return self.encoder_parameters + self.decoder_parameters

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the sums that follow from the fields."""
        return {
            **asdict(self),
            "parameters": self.parameters,
            "bytes_fp32": 4 * self.parameters,
            "bytes_fp16": 2 * self.parameters,
        }


def summarize(net: DepthNet, *, height: int = 240, width: int = 320) -> Summary:
    """Run the network once on an empty picture of the given size, and note what each stage does.

    Example:
        >>> summary = summarize(DepthNet("yolov8n"))
        >>> summary.encoder_parameters, summary.decoder_parameters, round(summary.macs / 1e9, 2)
        (1272656, 849777, 1.02)
    """
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = [stage.register_forward_hook(_note(shapes, name)) for name, stage in net.named_stages()]
    device = next(net.parameters()).device
    training = net.training
    try:
        # display=False: the counter would print a table at its end.
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net.eval()(torch.zeros(1, 3, height, width, device=device))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    stages = [Stage(name, shapes[name], _parameters(stage)) for name, stage in net.named_stages() if name in shapes]
    return Summary(
        stages=stages,
        encoder_parameters=_parameters(net.encoder),
        decoder_parameters=_parameters(net.decoder) + _parameters(net.head),
        macs=counter.get_total_flops() // 2,
    )


def _note(shapes: dict[str, tuple[int, ...]], name: str) -> Any:
    def hook(_module: nn.Module, _inputs: object, output: Tensor | list[Tensor]) -> None:
        last = output[-1] if isinstance(output, (list, tuple)) else output
        shapes[name] = tuple(last.shape[1:])

    return hook


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
