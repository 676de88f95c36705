"""What goes wrong in trainings of depth networks, seen early and said in words."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from leadline.errors import TrainingDiverged

FLAT_BELOW = 0.2
"""A prediction is flat when it varies less than this share of the truth (standard deviations, median over frames)."""


def check_finite(terms: Mapping[str, float], *, step: int, learning_rate: float, files: Sequence[str]) -> None:
    """Stop before weights are spoilt.

    Args:
        terms: weighted loss terms of this step.
        step: number of the step.
        learning_rate: that it would have been taken with.
        files: frames of the batch.

    Raises:
        TrainingDiverged: a term is NaN or infinite; names it, the frames, and what to change.
    """
    broken = [name for name, value in terms.items() if not math.isfinite(value)]
    if broken:
        raise TrainingDiverged(_diverged(f"the loss term {' and '.join(broken)}", step, learning_rate, files))


def check_gradient(norm: Tensor, *, step: int, learning_rate: float, files: Sequence[str]) -> None:
    """The same for the norm of the gradient: a finite loss may have an infinite one.

    Raises:
        TrainingDiverged: the norm is NaN or infinite.
    """
    if not bool(torch.isfinite(norm)):
        raise TrainingDiverged(_diverged("the gradient", step, learning_rate, files))


def check_prediction(predicted_m: np.ndarray, *, file: str) -> None:
    """The same for what is predicted in validation: batch norms may be spoilt where the weights are not yet.

    Raises:
        TrainingDiverged: a pixel is NaN or infinite.
    """
    if not np.isfinite(predicted_m).all():
        raise TrainingDiverged(
            f"validation: the network predicts NaN or infinite depth for {file}, though its loss in training was "
            f"finite: the running statistics of its batch norms are spoilt. best.safetensors is good, if there is one. "
            f"What to change: optim.learning_rate to a third; model.freeze_batch_norm true; run.precision float32."
        )


def gradient_norm(net: nn.Module) -> Tensor:
    """Euclidean norm of all gradients."""
    gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def flatness(predicted_m: np.ndarray, truth_m: np.ndarray, valid: np.ndarray) -> float:
    """Standard deviation of predicted depth over that of measured depth, where measured; NaN for flat truth."""
    spread = float(truth_m[valid].std()) if valid.any() else 0.0
    return float(predicted_m[valid].std()) / spread if spread > 0.02 else float("nan")


def flat_warning(ratio: float) -> str | None:
    """A warning when the median of `flatness` over the validation frames says that predictions are flat."""
    if not ratio < FLAT_BELOW:
        return None
    return (
        f"flat predictions: they vary {ratio:.0%} as much as the measured depth (below {FLAT_BELOW:.0%}). Early in a "
        f"training this passes; if it stays, check the depth unit (leadline evaluate), lower optim.learning_rate, or "
        f"start from pre-trained weights."
    )


def _diverged(what: str, step: int, learning_rate: float, files: Sequence[str]) -> str:
    shown = "\n  ".join(files[:40])
    return (
        f"step {step}: {what} became NaN or infinite, at learning rate {learning_rate:.3g}. The step was not taken; "
        f"what the run saved so far (last.pt, last.safetensors, best.safetensors) is good. The batch was:\n  {shown}\n"
        f"What to change, in this order: optim.learning_rate to a third; optim.clip_norm 1.0; optim.warmup_steps 500; "
        f"run.precision float32. If the same files come up each time, look at their depth."
    )
