"""The state of a training, whole: what a killed run needs to end with the same weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from leadline.atomic import atomic_write
from leadline.errors import ModelFileError

CHECKPOINT_FORMAT = 1


@dataclass
class Progress:
    """Where a training stands. Order and augmentation follow from it, so that no generator needs saving.

    Attributes:
        epoch: the pass that is under way, from 0.
        batch: steps done in it.
        step: steps done in all.
        best_rel: lowest validation rel so far.
        best_epoch: where that was.
        rows: lines of metrics.csv that belong to this state.
        loss_sums: sum of each weighted loss term over the steps since the last validation.
        loss_steps: how many those are.
        seconds: time spent training, over all sessions.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best_rel: float = float("inf")
    best_epoch: int = -1
    rows: int = 0
    loss_sums: dict[str, float] = field(default_factory=dict)
    loss_steps: int = 0
    seconds: float = 0.0

    def add_step(self, terms: Mapping[str, float]) -> None:
        """Count one step and its weighted loss terms."""
        self.step += 1
        self.batch += 1
        self.loss_steps += 1
        for name, value in terms.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0.0) + value

    def mean_terms(self, fabric: Fabric) -> dict[str, float]:
        """Mean of each weighted loss term since the last validation, over all processes."""
        names = sorted(self.loss_sums)
        means = torch.tensor([self.loss_sums[name] / self.loss_steps for name in names], device=fabric.device)
        if fabric.world_size > 1:
            means = fabric.all_reduce(means, reduce_op="mean")
        return dict(zip(names, means.tolist(), strict=True))

    def start_next_row(self) -> None:
        """A line of metrics.csv was written; begin to average for the next one."""
        self.rows += 1
        self.loss_sums, self.loss_steps = {}, 0


def save_checkpoint(
    path: Path,
    *,
    net: dict[str, Any],
    optimizer: dict[str, Any],
    scaler: dict[str, Any],
    average: dict[str, Any],
    progress: Progress,
) -> None:
    """Write the training state, atomically. `scaler` and `average` (of the weights) are empty where there is none.

    Raises:
        OutputError: no space or no permission; the earlier state stays as it was.
    """
    content = {
        "format": CHECKPOINT_FORMAT,
        "net": net,
        "optimizer": optimizer,
        "scaler": scaler,
        "average": average,
        "progress": asdict(progress),
    }
    with atomic_write(path) as part:
        torch.save(content, part)


def load_checkpoint(path: Path, *, device: torch.device) -> tuple[dict[str, Any], Progress]:
    """The states by name, and the progress. Reads tensors and plain values only.

    Raises:
        ModelFileError: missing, damaged, or of another version.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no training state to go on from; was this run ever started?")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        version = content["format"]
        progress = Progress(**content["progress"])
    except Exception as error:  # torch raises what its many readers raise
        raise ModelFileError(f"{path}: the training state is damaged ({error})") from error
    if version != CHECKPOINT_FORMAT:
        raise ModelFileError(f"{path}: a training state of format {version}; this leadline reads {CHECKPOINT_FORMAT}")
    return content, progress
