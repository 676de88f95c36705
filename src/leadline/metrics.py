"""How far predicted depth is from the truth: the measures of Eigen et al. 2014 and of KITTI, as sums that add.

Two ways to average over a data set, and they differ when images have unequal holes:

    pooled = sum((error_sums(...) for each image), ErrorSums()).metrics()     every pixel weighs the same
    mean_metrics([error_sums(...).metrics() for each image])                  every image does; the papers' way

NumPy only: what measures an ONNX file needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.errors import InputError

DELTA_BASE = 1.25  # Eigen et al. 2014


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The measures of Eigen et al. 2014, over the pixels where truth t was measured; p is predicted.

    Lower is better but for the three deltas.

    Attributes:
        rel: mean |p - t| / t, also called AbsRel. Dimensionless.
        rms: sqrt(mean (p - t)^2). Metres.
        log10: mean |log10 p - log10 t|. Dimensionless.
        delta1: share of pixels with max(p / t, t / p) < 1.25, in [0, 1].
        delta2: the same below 1.25^2.
        delta3: the same below 1.25^3.
        silog: 100 * sqrt(var(ln p - ln t)), as in KITTI's development kit; a wrong global scale is forgiven.
        rms_log: sqrt(mean (ln p - ln t)^2). Dimensionless.
        scale_invariant: var(ln p - ln t): what is left when the global scale is forgiven (equation 1 of the paper).
        pixels: how many were compared.
    """

    rel: float
    rms: float
    log10: float
    delta1: float
    delta2: float
    delta3: float
    silog: float
    rms_log: float
    scale_invariant: float
    pixels: int


@dataclass(frozen=True, kw_only=True)
class ErrorSums:
    """Sums over valid pixels, from which every measure follows. Images add, workers add: field by field.

    Attributes:
        pixels: how many were compared.
        relative: of |p - t| / t.
        squared: of (p - t)^2, square metres.
        log10: of |log10 p - log10 t|.
        delta1: how many have max(p / t, t / p) < 1.25.
        delta2: how many are below 1.25^2.
        delta3: how many are below 1.25^3.
        log: of ln p - ln t, signed.
        log_squared: of (ln p - ln t)^2.

    Example:
        Nothing is the start of a sum; an empty sum has no measures:

        >>> one = error_sums(np.full((2, 2), 3.0), np.full((2, 2), 2.0), np.ones((2, 2), dtype=bool))
        >>> sum([one, one], ErrorSums()).pixels
        8
    """

    pixels: int = 0
    relative: float = 0.0
    squared: float = 0.0
    log10: float = 0.0
    delta1: int = 0
    delta2: int = 0
    delta3: int = 0
    log: float = 0.0
    log_squared: float = 0.0

    def __add__(self, other: ErrorSums) -> ErrorSums:
        both = zip(fields(self), astuple(self), astuple(other), strict=True)
        return ErrorSums(**{field.name: mine + theirs for field, mine, theirs in both})

    def metrics(self) -> Metrics:
        """The means, and the roots of means, of these sums.

        Raises:
            InputError: no pixel was compared.

        Example:
            Twice the depth everywhere: a relative error of 1, no scale-invariant error to speak of.

            >>> truth = np.full((4, 4), 2.0)
            >>> metrics = error_sums(2 * truth, truth, truth > 0).metrics()
            >>> metrics.rel, metrics.rms, round(metrics.log10, 4), metrics.delta3, round(metrics.silog, 4)
            (1.0, 2.0, 0.301, 0.0, 0.0)
        """
        if self.pixels == 0:
            raise InputError("no pixel has valid truth: there is nothing to measure the prediction against")
        mean_log, mean_log_squared = self.log / self.pixels, self.log_squared / self.pixels
        # max: for a constant error rounding may leave the variance a hair below 0
        variance = max(mean_log_squared - mean_log**2, 0.0)
        return Metrics(
            rel=self.relative / self.pixels,
            rms=math.sqrt(self.squared / self.pixels),
            log10=self.log10 / self.pixels,
            delta1=self.delta1 / self.pixels,
            delta2=self.delta2 / self.pixels,
            delta3=self.delta3 / self.pixels,
            silog=100 * math.sqrt(variance),
            rms_log=math.sqrt(mean_log_squared),
            scale_invariant=variance,
            pixels=self.pixels,
        )


def error_sums(
    predicted: NDArray[Any], truth: NDArray[Any], valid: NDArray[np.bool_], *, zeros_count: bool = False
) -> ErrorSums:
    """Sums of the errors of one depth map, in float64.

    Args:
        predicted: (height, width), metres; read only where valid, and there finite and > 0.
        truth: (height, width), metres; read only where valid, and there finite and > 0.
        valid: (height, width), True where truth was measured.
        zeros_count: let a truth of 0 pass as if it were a measurement, as some repositories do: what divides by it is
            infinite.

    Returns:
        Sums that add to those of other images; all 0 when nothing is valid.

    Raises:
        ValueError: shapes that differ, or valid pixels that are not positive and finite (says how many).

    Example:
        >>> truth = np.array([[1.0, 2.0, np.nan]])
        >>> sums = error_sums(np.array([[1.0, 1.0, 5.0]]), truth, truth > 0)
        >>> sums.pixels, sums.relative, sums.squared, sums.delta1
        (2, 0.5, 1.0, 1)
    """
    if truth.ndim != 2 or not predicted.shape == truth.shape == valid.shape:
        raise ValueError(
            "predicted, truth and valid must share one shape (height, width); "
            f"got {predicted.shape}, {truth.shape} and {valid.shape}"
        )
    # float16 has steps of 8 mm at 10 m and overflows when squared; float32 and float64 stay what they are
    precision = np.result_type(predicted, truth, np.float32)
    measured = np.flatnonzero(valid)  # indices once: twice as fast as two selections by mask
    p = predicted.take(measured).astype(precision, copy=False)
    t = truth.take(measured).astype(precision, copy=False)
    _demand_depth(predicted=p, truth=t[t > 0] if zeros_count else t)

    with np.errstate(divide="ignore" if zeros_count else "warn"):
        log = np.log(p / t)
        worst = np.maximum(p, t) / np.minimum(p, t)  # max(p / t, t / p), to the last bit the same for both directions
        relative = np.abs(p - t) / t
    return ErrorSums(
        pixels=p.size,
        relative=_sum(relative),
        squared=_sum(np.square(p - t)),
        log10=_sum(np.abs(log)) / math.log(10),
        delta1=int(np.count_nonzero(worst < DELTA_BASE)),
        delta2=int(np.count_nonzero(worst < DELTA_BASE**2)),
        delta3=int(np.count_nonzero(worst < DELTA_BASE**3)),
        log=_sum(log),
        log_squared=_sum(np.square(log)),
    )


def mean_metrics(images: Sequence[Metrics]) -> Metrics:
    """Each measure averaged over images, the way the papers report them; `pixels` is the sum.

    Args:
        images: the metrics of each image.

    Raises:
        InputError: there is no image.

    Example:
        >>> truth = np.full((1, 1), 2.0)
        >>> images = [error_sums(scale * truth, truth, truth > 0).metrics() for scale in (1, 2)]
        >>> mean = mean_metrics(images)
        >>> mean.rel, mean.rms, mean.delta1, mean.pixels
        (0.5, 1.0, 0.5, 2)
    """
    if not images:
        raise InputError("no image was measured: there is nothing to average")
    columns = dict(zip((field.name for field in fields(Metrics)), zip(*map(astuple, images), strict=True), strict=True))
    pixels = sum(columns.pop("pixels"))
    return Metrics(**{name: math.fsum(column) / len(images) for name, column in columns.items()}, pixels=pixels)


def mean_over_groups(frames: Iterable[tuple[str, Metrics]]) -> Metrics:
    """The mean over groups of the mean over each group's frames: a room of forty frames counts like one of one.

    Args:
        frames: the group (room) and the metrics of each frame.

    Raises:
        InputError: no frame.
    """
    groups: dict[str, list[Metrics]] = {}
    for group, metrics in frames:
        groups.setdefault(group, []).append(metrics)
    return mean_metrics([mean_metrics(members) for members in groups.values()])


def _sum(errors: NDArray[Any]) -> float:
    """In float64, whatever the errors are in."""
    return float(np.sum(errors, dtype=np.float64))


def _demand_depth(predicted: NDArray[Any], truth: NDArray[Any]) -> None:
    """Both must be depths wherever truth is said to be valid: log and ratio have no answer elsewhere."""
    for name, depth in (("predicted", predicted), ("truth", truth)):
        wrong = depth.size - np.count_nonzero((depth > 0) & (depth < np.inf))
        if wrong:
            raise ValueError(
                f"{name} depth must be finite and > 0 m wherever truth is valid; {wrong} of {depth.size} pixels are not"
            )
