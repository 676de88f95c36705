"""One step: from a batch to changed weights."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from leadline.data.loader import Batch
from leadline.losses import training_loss
from leadline.networks.depth_head import Codec
from leadline.networks.depth_net import DepthNet
from leadline.options import ModelOptions, OptimOptions
from leadline.training.guards import check_finite, check_gradient, gradient_norm


def take_step(
    fabric: Fabric,
    net: nn.Module,
    codec: Codec,
    optimizer: Any,
    batch: Batch,
    options: OptimOptions,
    *,
    learning_rate: float,
    step: int,
    names: list[str],
) -> dict[str, float]:
    """Forward, loss in float32, backward, update.

    Args:
        fabric: that set up the network and the optimiser.
        net: in training mode; gives encoded depth.
        codec: of the network's head.
        optimizer: Adam or AdamW.
        batch: this process's share.
        options: weights of the loss, clipping.
        learning_rate: of this step.
        step: its number, for messages.
        names: of the batch's frames, for messages.

    Returns:
        The weighted loss terms.

    Raises:
        TrainingDiverged: the loss or its gradient is not finite; the weights are those before the step.
    """
    predicted = net(batch.image).float()
    depth_m, valid = measured_at(batch.depth_m, size=predicted.shape[-2:], codec=codec)
    loss = training_loss(
        predicted=predicted,
        truth=codec.encode(depth_m),
        valid=valid,
        weights=options.loss,
        code=codec,
        frame_weight=batch.weight,
        relative=batch.relative,
        total=lambda counts: fabric.all_reduce(counts, reduce_op="sum"),
    )
    # One wait for the device, not one for each term.
    terms = dict(zip(loss.terms, torch.stack([*loss.terms.values()]).tolist(), strict=True))
    check_finite(terms, step=step, learning_rate=learning_rate, files=names)
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(loss.value)
    if options.clip_norm is not None:
        norm = fabric.clip_gradients(net, optimizer, max_norm=options.clip_norm, error_if_nonfinite=False)
    else:
        norm = gradient_norm(net)
    # A gradient scaler meets infinite gradients as a matter of course, and skips them.
    if gradient_scaler(fabric) is None:
        check_gradient(norm, step=step, learning_rate=learning_rate, files=names)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group.get("lr_scale", 1.0)
    optimizer.step()
    return terms


def measured_at(
    depth_m: Float[Tensor, "b 1 h w"], *, size: torch.Size | tuple[int, int], codec: Codec
) -> tuple[Float[Tensor, "b 1 i j"], Bool[Tensor, "b 1 i j"]]:
    """Measured depth at the resolution of the network's output, and where it may be learned from.

    Each output pixel takes one of the measurements that it covers, the lower median of them: never a mean, which would
    invent surfaces between foreground and background. Depth outside the codec's range is left out, not clipped.

    Args:
        depth_m: metres, 0 in holes.
        size: height and width of the output, at most that of depth_m.
        codec: whose range bounds what is learned.

    Returns:
        Metres (1 where there is no measurement), and True where there is one.
    """
    height, width = depth_m.shape[-2:]
    rows, columns = math.ceil(height / size[0]), math.ceil(width / size[1])
    padded = nn.functional.pad(depth_m, (0, columns * size[1] - width, 0, rows * size[0] - height))
    blocks = _blocks(padded, rows, columns)
    usable = (blocks >= codec.min_depth_m) & (blocks <= codec.max_depth_m)
    count = usable.sum(dim=1, keepdim=True)
    # Unusable ones sort to the end, so that the median is among the first `count`.
    ordered = torch.where(usable, blocks, torch.inf).sort(dim=1).values
    median = ordered.gather(1, ((count - 1) // 2).clamp(min=0))
    valid = count > 0
    return torch.where(valid, median, 1.0), valid


def learning_rate_at(step: int, *, steps: int, options: OptimOptions) -> float:
    """The learning rate of a step, a function of nothing but its number.

    Example:
        >>> learning_rate_at(50, steps=100, options=OptimOptions(learning_rate=1e-3, schedule="cosine"))
        0.0005
    """
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    if options.schedule == "constant":
        return options.learning_rate
    share = (step - options.warmup_steps) / max(1, steps - options.warmup_steps)
    return round(options.learning_rate * 0.5 * (1 + math.cos(math.pi * share)), 12)


def set_training_mode(net: nn.Module, encoder: nn.Module, options: ModelOptions) -> None:
    """Training mode, but for batch norms whose statistics are to stay as they are."""
    net.train()
    if options.freeze_encoder or options.freeze_batch_norm:
        for module in encoder.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def make_optimizer(net: DepthNet, options: OptimOptions) -> torch.optim.Optimizer:
    """Adam or AdamW over the parameters that learn; the encoder's in a group of its own where its rate differs."""
    groups: list[dict[str, Any]] = [{"params": _learning(net)}]
    if options.encoder_lr_scale != 1:
        encoder = {*net.encoder.parameters()}
        groups = [
            {"params": [p for p in _learning(net) if p in encoder], "lr_scale": options.encoder_lr_scale},
            {"params": [p for p in _learning(net) if p not in encoder]},
        ]
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, lr=options.learning_rate)
    return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)


def _learning(net: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in net.parameters() if parameter.requires_grad]


def gradient_scaler(fabric: Fabric) -> Any:
    """What scales the loss in float16, or None in other arithmetic."""
    return getattr(fabric.strategy.precision, "scaler", None)


def _blocks(depth_m: Tensor, rows: int, columns: int) -> Tensor:
    b, _, h, w = depth_m.shape
    split = depth_m.reshape(b, h // rows, rows, w // columns, columns).permute(0, 2, 4, 1, 3)
    return split.reshape(b, rows * columns, h // rows, w // columns)
