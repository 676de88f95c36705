"""Validation within a training: the metrics of the frames that were left out, each room counting the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn

from leadline.data.loader import Batch, Batches
from leadline.data.order import evenly
from leadline.losses import training_loss
from leadline.metrics import Metrics, error_sums, mean_over_groups
from leadline.networks.depth_head import Codec
from leadline.training.guards import check_prediction, flat_warning, flatness
from leadline.training.step import measured_at

Picture = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


@dataclass
class ValidationReport:
    """What a validation found.

    Attributes:
        metrics: mean over rooms of the mean over each room's frames.
        loss: mean over frames.
        flatness: of each frame.
        pictures: picture, predicted and measured metres of the first frames.
    """

    metrics: Metrics
    loss: float
    flatness: list[float]
    pictures: list[Picture] = field(default_factory=list)

    @property
    def median_flatness(self) -> float:
        """Median of `flatness` over the frames whose truth is not flat itself; NaN when there are none."""
        known = [ratio for ratio in self.flatness if np.isfinite(ratio)]
        return float(np.median(known)) if known else float("nan")

    @property
    def flat_warning(self) -> str | None:
        """A warning when predictions are flat."""
        return flat_warning(self.median_flatness)


def validate(
    fabric: Fabric,
    net: nn.Module,
    codec: Codec,
    batches: Batches,
    *,
    loss_weights: Mapping[str, float],
    pictures: int,
) -> ValidationReport:
    """Measure the network at the size of the store, on every process its share of the frames."""
    net.eval()
    per_frame: dict[int, tuple[Metrics, float, float]] = {}
    shown: dict[int, Picture] = {}
    wanted = set(evenly(batches.indices, pictures))
    for batch in batches.in_order():
        with torch.no_grad():
            encoded = net(batch.image).float()
            losses = _frame_losses(encoded, batch, codec, loss_weights)
            predicted = nn.functional.interpolate(codec.decode(encoded), batch.depth_m.shape[-2:], mode="bilinear")
            # Measured in the metres of the frame's own camera, which the canonical one is only a way to.
            enlarged = batch.enlarged[:, None, None]
        for index, loss, metres, truth, image in zip(
            batch.frames.tolist(),
            losses,
            (predicted[:, 0] / enlarged).cpu().numpy(),
            (batch.depth_m[:, 0] / enlarged).cpu().numpy(),
            batch.image,
            strict=True,
        ):
            check_prediction(metres, file=batches.store.frames[index].frame.identity)
            valid = truth > 0
            # A frame whose few measurements all fell between the pixels of the store says nothing.
            if valid.any():
                metrics = error_sums(predicted=metres, truth=truth, valid=valid).metrics()
                per_frame[index] = (metrics, loss, flatness(metres, truth, valid))
            if index in wanted:
                shown[index] = ((image.permute(1, 2, 0) * 255).round().byte().cpu().numpy(), metres, truth)
    per_frame, shown = _gathered(fabric, per_frame), _gathered(fabric, shown)
    rooms = ((batches.store.frames[index].frame.room, metrics) for index, (metrics, _, _) in sorted(per_frame.items()))
    return ValidationReport(
        metrics=mean_over_groups(rooms),
        loss=float(np.mean([loss for _, (_, loss, _) in sorted(per_frame.items())])),
        flatness=[ratio for _, (_, _, ratio) in sorted(per_frame.items())],
        pictures=[picture for _, picture in sorted(shown.items())],
    )


def _frame_losses(encoded: torch.Tensor, batch: Batch, codec: Codec, weights: Mapping[str, float]) -> list[float]:
    depth_m, valid = measured_at(batch.depth_m, size=encoded.shape[-2:], codec=codec)
    truth = codec.encode(depth_m)
    return [
        float(
            training_loss(
                predicted=encoded[i : i + 1],
                truth=truth[i : i + 1],
                valid=valid[i : i + 1],
                weights=weights,
                code=codec,
            ).value
        )
        for i in range(len(encoded))
    ]


def _gathered(fabric: Fabric, own: dict) -> dict:
    if fabric.world_size == 1:
        return own
    parts: list[dict] = [{} for _ in range(fabric.world_size)]
    torch.distributed.all_gather_object(parts, own)
    return {index: value for part in parts for index, value in part.items()}
