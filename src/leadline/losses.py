"""The training loss of Renis and of DenseDepth (Alhashim and Wonka 2018, eq. 1-4): L1, gradients, structure.

    loss = 0.1 * mean |p - t|  +  1.0 * mean |grad p - grad t|  +  1.0 * mean (1 - SSIM)      (PAPER)

p and t are encoded depth, what the network puts out: depth / 10 m, say. `Code.data_range` is the span of that encoding
(1.0 for depth / 10 m over rooms of up to 10 m); SSIM's two constants scale with it. Three further terms are about the
ratio of depths, g = ln(predicted metres) - ln(true metres), to which near and far count the same:

    log_l1                mean |g|
    silog                 mean g^2 - 1/2 (mean g)^2, of each frame
    multiscale_gradient   mean |grad g|, at 1, 1/2, 1/4 and 1/8 of the resolution

And where a teacher only said which is nearer (inverse depth up to scale and shift), `ssi` compares inverse depths after
both were shifted to a median of 0 and scaled to a mean absolute deviation of 1. Such frames are for it alone, and it
for them.

Three promises hold for every term:

- Holes are never read. Truth is meaningless where `valid` is False and the prediction may be NaN there: neither the
  value nor the gradient notices.
- Sums add. A term is a sum and a count for each frame (`Masked`), so that frames of unequal holes and weights add up
  exactly, also over workers; the division comes last.
- Nothing waits for the GPU. No branch looks at a tensor's values.

A new loss is one function of the signature `Term` and one line in `TERMS`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from leadline.errors import UsageError, did_you_mean

Encoded = Float[Tensor, "batch 1 height width"]  # encoded depth, dimensionless
Valid = Bool[Tensor, "batch 1 height width"]  # True where the sensor measured
Scalar = Float[Tensor, ""]

WINDOW = 11  # pixels; Wang et al. 2004
SIGMA = 1.5  # pixels
K1, K2 = 0.01, 0.03

PAPER = {"l1": 0.1, "gradient": 1.0, "ssim": 1.0}
"""Weights of the paper: its structural term is 1 - SSIM."""

DENSEDEPTH = {"l1": 0.1, "gradient": 1.0, "half_ssim": 1.0}
"""Weights of DenseDepth: the same, but for (1 - SSIM) / 2."""


WEIGHT_STEPS = 1024
"""Weights of frames are counted in steps of 1/1024: as whole numbers they add exactly, also over workers."""


@runtime_checkable  # the tests check types at run time
class Code(Protocol):
    """What a loss needs to know of an encoding of depth: a codec of networks/depth_head.py."""

    @property
    def data_range(self) -> float:
        """Largest minus smallest value of the code, > 0."""
        ...

    def log_depth(self, encoded: Encoded) -> Encoded:
        """ln(depth / 1 m)."""
        ...


@dataclass(frozen=True)
class Masked:
    """Sums of a per-pixel error over each frame, and how many pixels they are over; their quotient is deferred.

    A term that is a sum of several means (x and y differences) has one part for each.

    Attributes:
        total: sum of the error, per frame and part; carries the gradient.
        count: how many pixels, differences or windows were summed, per frame and part; int64, so that they add exactly.

    Example:
        >>> Masked(torch.tensor([[6.0, 1.0], [6.0, 1.0]]), torch.tensor([[3, 1], [3, 1]])).mean()  # 12 / 6 + 2 / 2
        tensor(3.)
    """

    total: Float[Tensor, "frames parts"]
    count: Int[Tensor, "frames parts"]

    def weighted(self, steps: Int[Tensor, " frames"]) -> tuple[Float[Tensor, " parts"], Int[Tensor, " parts"]]:
        """Weighted sums over the frames, of the error and of the counts."""
        return (steps[:, None] * self.total).sum(0), (steps[:, None] * self.count).sum(0)

    def mean(self) -> Scalar:
        """The sum over parts of total / count; 0 with zero gradient, and not NaN, for a part that counts nothing.

        Example:
            >>> Masked(torch.tensor([[0.0]]), torch.tensor([[0]])).mean()
            tensor(0.)
        """
        return _quotient(self.total.sum(0), self.count.sum(0))


@dataclass(frozen=True)
class TrainingLoss:
    """What one step minimises, and of what it is made.

    Attributes:
        value: the weighted sum; call backward on it.
        terms: each term times its weight, detached: for the log, and to name the one that became NaN.
    """

    value: Scalar
    terms: dict[str, Scalar]


class Term(Protocol):
    """The signature of every loss in `TERMS`."""

    def __call__(self, predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
        """See `l1`."""


def training_loss(
    predicted: Encoded,
    truth: Encoded,
    valid: Valid,
    *,
    weights: Mapping[str, float],
    code: Code,
    frame_weight: Float[Tensor, " batch"] | None = None,
    relative: Bool[Tensor, " batch"] | None = None,
    total: Callable[[Int[Tensor, " counts"]], Int[Tensor, " counts"]] = lambda counts: counts,
) -> TrainingLoss:
    """The weighted sum of terms, DenseDepth's eq. 1.

    With several workers, hand over as `total` the function that sums an integer tensor over them (an all-reduce).
    Each worker then returns W * own sum / everyone's count. DDP averages the W gradients, W cancels, and what remains
    is the gradient that one process would have had from the whole batch, however unequal the holes. The mean over
    workers of `value` and of each of `terms` is likewise the whole batch's. W itself is `total` of a 1, sent along
    with the counts, so that there is one all-reduce per step.

    Frames may have weights: each term is then sum(weight * error) / sum(weight) over all pixels of the batch, so that
    a frame of weight 1/2 counts like half of its pixels. Weights are rounded to 1/1024.

    Args:
        predicted: encoded depth; any float type. Read only where valid.
        truth: encoded depth; may be NaN or 0 in holes. Read only where valid.
        valid: True where truth was measured.
        weights: term -> weight, such as `PAPER`. A term of weight 0 is not computed.
        code: of predicted and truth.
        frame_weight: of each frame, >= 0; 1 when None.
        relative: frames whose truth is inverse depth up to scale and shift; none when None. Only `ssi` reads them.
        total: sums a tensor of counts over the workers; nothing to do for a single one.

    Returns:
        The value to minimise, and each weighted term. A batch of nothing but holes has value 0 and gradient 0.

    Raises:
        UsageError: a term that is not in `TERMS`, or none at all.

    Example:
        A constant error of 0.5 has no gradient error; only the L1 term sees it, with its weight 0.1:

        >>> from leadline.networks.depth_head import Linear
        >>> code = Linear(min_depth_m=0.1, max_depth_m=10.0)
        >>> truth = torch.zeros(1, 1, 16, 16)
        >>> loss = training_loss(truth + 0.5, truth, truth == 0, weights={"l1": 0.1, "gradient": 1.0}, code=code)
        >>> loss.value
        tensor(0.0500)
        >>> loss.terms
        {'l1': tensor(0.0500), 'gradient': tensor(0.)}
    """
    _demand_terms(weights)
    is_relative = torch.zeros_like(valid[:, 0, 0, 0]) if relative is None else relative
    metric, relative_only = (valid & kind[:, None, None, None] for kind in (~is_relative, is_relative))
    sums = {
        name: TERMS[name](predicted=predicted, truth=truth, valid=relative_only if name == "ssi" else metric, code=code)
        for name, weight in weights.items()
        if weight != 0
    }
    steps = _weight_steps(frame_weight, like=predicted)
    terms = {name: weights[name] * mean for name, mean in _over_all_workers(sums, steps, total).items()}
    return TrainingLoss(
        value=torch.stack(list(terms.values())).sum(),
        terms={name: term.detach() for name, term in terms.items()},
    )


def l1(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code | None = None) -> Masked:  # noqa: ARG001 (Term)
    """Absolute error, DenseDepth's L_depth (eq. 2): |p - t| over the valid pixels.

    Args:
        predicted: encoded depth.
        truth: encoded depth; read only where valid.
        valid: True where truth was measured.
        code: not used; every `Term` takes it.

    Returns:
        One part: the sum over each frame's valid pixels and their number.

    Example:
        >>> truth = torch.ones(1, 1, 2, 2)
        >>> l1(1.5 * truth, truth, truth > 0).mean()
        tensor(0.5000)
    """
    return _masked(_error(predicted=predicted, truth=truth, valid=valid).abs(), counted=valid)


def gradient_l1(
    predicted: Encoded,
    truth: Encoded,
    valid: Valid,
    *,
    code: Code | None = None,  # noqa: ARG001 (Term)
) -> Masked:
    """Error of the depth gradient, DenseDepth's L_grad (eq. 3): mean |dx p - dx t| + mean |dy p - dy t|.

    dx and dy are forward differences. One counts only when both its pixels are valid, so that no edge of a hole is
    mistaken for an edge of the scene. Each direction is divided by its own number of differences; DenseDepth divides
    both by the number of pixels, which for 320 x 240 without holes is 0.3 to 0.4 % less.

    Args:
        predicted: encoded depth.
        truth: encoded depth; read only where valid.
        valid: True where truth was measured.
        code: not used; every `Term` takes it.

    Returns:
        Two parts, x and y: the sum over differences and their number.

    Example:
        A ramp of 2 per pixel along x, where the truth is flat:

        >>> truth = torch.zeros(1, 1, 3, 3)
        >>> ramp = torch.tensor([0.0, 2.0, 4.0]).expand(1, 1, 3, 3)
        >>> gradient_l1(ramp, truth, truth == 0)
        Masked(total=tensor([[12.,  0.]]), count=tensor([[6, 6]]))
    """
    return _differences(_error(predicted=predicted, truth=truth, valid=valid), valid)  # dx p - dx t = dx (p - t)


def ssim(predicted: Encoded, truth: Encoded, valid: Valid, *, data_range: float) -> Masked:
    """Structural similarity (Wang et al. 2004) over the windows that lie in the image and touch no hole.

    Args:
        predicted: encoded depth.
        truth: encoded depth; read only where valid.
        valid: True where truth was measured.
        data_range: span of the encoding, > 0.

    Returns:
        One part: the sum of SSIM, each in [-1, 1], over whole windows and their number. A similarity: 1 is equal.

    Raises:
        ValueError: the images are smaller than the window, or data_range is not positive.

    Example:
        One window, of constants 0 and 1: all that is left of the formula is C1 / (1 + C1) with C1 = 0.01^2.

        >>> truth = torch.ones(1, 1, 11, 11)
        >>> round(float(ssim(0 * truth, truth, truth > 0, data_range=1.0).mean()), 6)
        0.0001
    """
    similarity, whole = ssim_map(predicted=predicted, truth=truth, valid=valid, data_range=data_range)
    return _masked(similarity, counted=whole)


def dissimilarity(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """The paper's structural term, 1 - SSIM, in [0, 2] per window; arguments as `l1`, errors as `ssim`.

    Example:
        >>> from leadline.networks.depth_head import Linear
        >>> truth = torch.rand(1, 1, 12, 12)
        >>> dissimilarity(truth, truth, truth >= 0, code=Linear(min_depth_m=0.1, max_depth_m=10.0))
        Masked(total=tensor([[0.]]), count=tensor([[4]]))
    """
    similarity, whole = ssim_map(predicted=predicted, truth=truth, valid=valid, data_range=code.data_range)
    return _masked(1 - similarity, counted=whole)


def half_dissimilarity(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """DenseDepth's L_SSIM (eq. 4), (1 - SSIM) / 2 clipped to [0, 1]; arguments as `l1`, errors as `ssim`.

    Clipped per window, where DenseDepth clips the mean over an image: SSIM is in [-1, 1], so that either clip only
    takes off what rounding has added.

    Example:
        >>> from leadline.networks.depth_head import Linear
        >>> truth = torch.rand(1, 1, 12, 12)
        >>> half_dissimilarity(truth, truth, truth >= 0, code=Linear(min_depth_m=0.1, max_depth_m=10.0))
        Masked(total=tensor([[0.]]), count=tensor([[4]]))
    """
    similarity, whole = ssim_map(predicted=predicted, truth=truth, valid=valid, data_range=code.data_range)
    return _masked(((1 - similarity) / 2).clamp(0, 1), counted=whole)


def log_l1(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """Absolute error of ln depth: |g| over the valid pixels; arguments as `l1`.

    Example:
        Twice the depth is the error ln 2, wherever it is:

        >>> from leadline.networks.depth_head import Linear
        >>> truth = torch.tensor([[[[0.1, 0.4]]]])  # 1 and 4 m
        >>> log_l1(2 * truth, truth, truth > 0, code=Linear(min_depth_m=0.1, max_depth_m=10.0)).mean()
        tensor(0.6931)
    """
    return _masked(_log_error(predicted=predicted, truth=truth, valid=valid, code=code).abs(), counted=valid)


def silog(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """Scale-invariant log error (Eigen et al. 2014, eq. 4, lambda 1/2): mean g^2 - 1/2 (mean g)^2 of each frame.

    Computed as var g + 1/2 (mean g)^2, which does not cancel. Arguments as `l1`.

    Returns:
        One part: each frame's error times the number of its valid pixels, and that number.

    Example:
        Twice the depth everywhere: half of (ln 2)^2 is forgiven.

        >>> from leadline.networks.depth_head import Linear
        >>> truth = torch.tensor([[[[0.1, 0.4]]]])
        >>> silog(2 * truth, truth, truth > 0, code=Linear(min_depth_m=0.1, max_depth_m=10.0)).mean()
        tensor(0.2402)
    """
    g = _log_error(predicted=predicted, truth=truth, valid=valid, code=code)
    pixels = _masked(g, counted=valid)
    mean = (pixels.total / pixels.count.clamp(min=1))[..., None, None]
    return _masked((g - mean).square() + 0.5 * mean.square(), counted=valid)


def multiscale_gradient(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """Error of the gradient of ln depth at four scales (Li and Snavely 2018; Ranftl et al. 2020, eq. 11).

    Each scale takes every second row and column of the one before; its differences are as `gradient_l1` counts them.
    Arguments as `l1`.

    Returns:
        Eight parts, x and y at each scale: the sum over differences and their number.

    Example:
        A ratio that is the same everywhere has no gradient:

        >>> from leadline.networks.depth_head import Linear
        >>> truth = torch.full((1, 1, 16, 16), 0.2)
        >>> multiscale_gradient(2 * truth, truth, truth > 0, code=Linear(min_depth_m=0.1, max_depth_m=10.0)).mean()
        tensor(0.)
    """
    g = _log_error(predicted=predicted, truth=truth, valid=valid, code=code)
    scales = [_differences(g[..., ::step, ::step], valid[..., ::step, ::step]) for step in (1, 2, 4, 8)]
    return _side_by_side(scales)


def ssi(predicted: Encoded, truth: Encoded, valid: Valid, *, code: Code) -> Masked:
    """Error of inverse depth up to scale and shift (Ranftl et al. 2020, eq. 5 and 6: the untrimmed mean absolute one).

    Arguments as `l1`, but for the truth: the code of what was stored, which is inverse depth, a s + b of unknown a > 0
    and b, and no metres.

    Example:
        A wall from 1 to 2 m, and a teacher that says 3 / depth + 1:

        >>> from leadline.networks.depth_head import Linear
        >>> depth_m = torch.tensor([[[[1.0, 1.25, 2.0]]]])
        >>> code = Linear(min_depth_m=0.1, max_depth_m=10.0)
        >>> ssi(code.encode(depth_m), code.encode(3 / depth_m + 1), depth_m > 0, code=code).mean() < 1e-6
        tensor(True)
    """
    inverse = torch.exp(-code.log_depth(_read(predicted, where=valid)))
    said = torch.exp(code.log_depth(_read(truth, where=valid)))
    error = _standardized(inverse, valid=valid) - _standardized(said, valid=valid)
    return _masked(error.abs(), counted=valid)


TERMS: dict[str, Term] = {
    "l1": l1,
    "gradient": gradient_l1,
    "ssim": dissimilarity,
    "half_ssim": half_dissimilarity,
    "log_l1": log_l1,
    "silog": silog,
    "multiscale_gradient": multiscale_gradient,
    "ssi": ssi,
}
"""Every loss that a recipe can weight, by name."""


def ssim_map(
    predicted: Encoded, truth: Encoded, valid: Valid, *, data_range: float
) -> tuple[Float[Tensor, "batch 1 height-10 width-10"], Bool[Tensor, "batch 1 height-10 width-10"]]:
    """Structural similarity per window (Wang et al. 2004, eq. 13): 11 x 11 Gaussian, sigma 1.5, K1 0.01, K2 0.03.

    With means mp, mt, variances vp, vt and covariance c under the window, C1 = (K1 range)^2 and C2 = (K2 range)^2:

        SSIM = (2 mp mt + C1) / (mp^2 + mt^2 + C1) * (2 c + C2) / (vp + vt + C2)

    Computed in the equal form, with the difference d = p - t and the sum s = p + t,

        SSIM = (1 - md^2 / ((ms^2 + md^2) / 2 + C1)) * (1 - vd / ((vs + vd) / 2 + C2))

    which needs two signals instead of five and is exactly 1, with gradient exactly 0, when p is t.

    Args:
        predicted: encoded depth.
        truth: encoded depth; read only where valid.
        valid: True where truth was measured.
        data_range: span of the encoding, > 0.

    Returns:
        SSIM in [-1, 1] for each window that lies in the image (no padding; [i, j] is centred on pixel [i + 5, j + 5]),
        and whether that window touches no hole. Finite, but without meaning, where it does.

    Raises:
        ValueError: the images are smaller than the window, or data_range is not positive.

    Example:
        >>> truth = torch.rand(1, 1, 12, 13)
        >>> similarity, whole = ssim_map(truth, truth, truth >= 0, data_range=1.0)
        >>> similarity.shape, bool((similarity == 1).all()), bool(whole.all())
        (torch.Size([1, 1, 2, 3]), True, True)
    """
    if min(truth.shape[-2:]) < WINDOW:
        height, width = truth.shape[-2:]
        raise ValueError(f"SSIM looks through windows of {WINDOW} x {WINDOW} pixels; got {height} x {width}")
    if data_range <= 0:
        raise ValueError(f"data_range must be > 0, got {data_range}")
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2

    predicted, truth = _read(predicted, where=valid), _read(truth, where=valid)
    mean, variance = _window_moments(torch.cat([predicted + truth, predicted - truth]))
    (mean_s, mean_d), (variance_s, variance_d) = mean.chunk(2), variance.chunk(2)

    luminance = 1 - mean_d**2 / ((mean_s**2 + mean_d**2) / 2 + c1)
    structure = 1 - variance_d / ((variance_s + variance_d) / 2 + c2)
    return luminance * structure, _is_whole(valid)


def _window_moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Gaussian mean and variance in each window, rows first, then columns."""
    mean, variance = image, torch.zeros_like(image)
    for dimension in (-1, -2):
        mean, variance = _moments_along(dimension, mean, variance)
    return mean, variance


def _moments_along(dimension: int, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Joins 11 neighbours by the law of total variance: mean of the variances plus variance of the means.

    Two traps are avoided. E[x^2] - E[x]^2 cancels in float32: on a flat wall it is wrong by up to 2e-4 in SSIM, the
    centred sum by 1e-6. And a convolution would be rounded to ten bits or fewer, by cuDNN's TF32 or by autocast; both
    leave sums and products alone.
    """
    windows = mean.shape[dimension] - WINDOW + 1
    means = [mean.narrow(dimension, tap, windows) for tap in range(WINDOW)]
    variances = [variance.narrow(dimension, tap, windows) for tap in range(WINDOW)]

    joint_mean = torch.zeros_like(means[0])
    for weight, neighbour in zip(_GAUSSIAN, means, strict=True):
        joint_mean = torch.add(joint_mean, neighbour, alpha=weight)

    joint_variance = torch.zeros_like(joint_mean)
    for weight, neighbour, within in zip(_GAUSSIAN, means, variances, strict=True):
        joint_variance = torch.add(joint_variance, within + (neighbour - joint_mean).square(), alpha=weight)
    return joint_mean, joint_variance


def _gaussian() -> list[float]:
    """The window's weights along one side; they sum to 1."""
    weights = [math.exp(-((tap - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for tap in range(WINDOW)]
    return [weight / sum(weights) for weight in weights]


_GAUSSIAN = _gaussian()


def _is_whole(valid: Valid) -> Tensor:
    """True for each window without a hole: the maximum over it of "is a hole", rows first, is 0."""
    holes = (~valid).float()
    holes = F.max_pool2d(holes, (1, WINDOW), stride=1)
    return F.max_pool2d(holes, (WINDOW, 1), stride=1) == 0


def _error(predicted: Encoded, truth: Encoded, valid: Valid) -> Tensor:
    """P - t, and 0 in holes."""
    return _read(predicted, where=valid) - _read(truth, where=valid)


def _log_error(predicted: Encoded, truth: Encoded, valid: Valid, code: Code) -> Tensor:
    """G = ln(predicted metres) - ln(true metres), and 0 in holes."""
    # Once more behind the logarithm: that of the 0 in a hole depends on the code.
    return _error(
        predicted=code.log_depth(_read(predicted, where=valid)),
        truth=code.log_depth(_read(truth, where=valid)),
        valid=valid,
    )


def _standardized(values: Tensor, valid: Valid) -> Tensor:
    """Of each frame: its valid values with a median of 0 and a mean absolute deviation of 1, and 0 in holes."""
    median = torch.where(valid, values, math.nan).flatten(1).nanmedian(dim=1).values[:, None, None, None]
    # Also away from the NaN that a frame of nothing but holes has for a median.
    centred = torch.where(valid, values - torch.where(median.isnan(), 0, median), 0)
    deviation = _masked(centred.abs(), counted=valid)
    scale = (deviation.total / deviation.count.clamp(min=1))[..., None, None]
    return centred / scale.clamp(min=1e-6)


def _read(encoded: Encoded, where: Valid) -> Tensor:
    """At least float32, with 0 in holes. Before any arithmetic: once NaN is in, 0 * NaN keeps it in the gradient."""
    return torch.where(where, encoded, 0).to(torch.promote_types(encoded.dtype, torch.float32))


def _differences(error: Tensor, valid: Valid) -> Masked:
    """Two parts: absolute differences along x and along y whose pixels are both valid."""
    along_x = _masked(error.diff(dim=-1).abs(), counted=valid[..., 1:] & valid[..., :-1])
    along_y = _masked(error.diff(dim=-2).abs(), counted=valid[..., 1:, :] & valid[..., :-1, :])
    return _side_by_side([along_x, along_y])


def _masked(error: Tensor, *, counted: Tensor) -> Masked:
    """One part: the sum of the error where counted, and how often that is."""
    return Masked(torch.where(counted, error, 0).sum(dim=(-2, -1)), counted.sum(dim=(-2, -1)))


def _side_by_side(terms: Sequence[Masked]) -> Masked:
    """The parts of several terms as those of one."""
    return Masked(torch.cat([term.total for term in terms], dim=1), torch.cat([term.count for term in terms], dim=1))


def _quotient(total: Tensor, count: Tensor) -> Scalar:
    return (total / count.clamp(min=1)).sum()


def _weight_steps(frame_weight: Tensor | None, *, like: Tensor) -> Int[Tensor, " frames"]:
    if frame_weight is None:
        return torch.full((len(like),), WEIGHT_STEPS, device=like.device)
    return (frame_weight * WEIGHT_STEPS).round().long()


def _demand_terms(weights: Mapping[str, float]) -> None:
    for name in weights:
        if name not in TERMS:
            raise UsageError(f"no loss term is called {name!r}; {did_you_mean(name, TERMS)}")
    if not any(weights.values()):
        raise UsageError(f"no loss term has a weight. Known: {', '.join(sorted(TERMS))}")


def _over_all_workers(
    sums: dict[str, Masked], steps: Int[Tensor, " frames"], total: Callable[[Tensor], Tensor]
) -> dict[str, Scalar]:
    """W * own weighted sum / everyone's weighted count, for each term."""
    weighted = {name: term.weighted(steps) for name, term in sums.items()}
    own_counts = [count for _, count in weighted.values()]
    *counts, workers = torch.split(
        total(torch.cat([*own_counts, torch.ones_like(steps[:1])])), [*map(len, own_counts), 1]
    )
    return {
        name: _quotient(workers * error, count)
        for (name, (error, _)), count in zip(weighted.items(), counts, strict=True)
    }
