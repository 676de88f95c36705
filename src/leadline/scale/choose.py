"""Which correction measured distances ask for: a scale, or a line; by what each says of points left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.depth.correction import Correction, Form
from leadline.errors import PointsRefused
from leadline.scale.robust import SCALE_SIGMA, expected_levels, level_error, outliers, robust_lines

AS_IT_IS = "as it is"
LARGEST_ERROR = 0.5
"""Errors of points left out count up to this, in log depth: an outlier must not decide."""
LARGEST_FACTOR = 8.0
"""Whoever asks for more has centimetres, millimetres or the steps of a file for metres. Feet are not noticed."""
POINTS_FOR_A_LINE = 6
"""Fewer points tell nothing about how the factor changes with depth."""
PICTURES_TO_LEAVE_OUT = 3
"""From so many on, whole pictures are left out: then the errors are those of pictures not seen."""
_MOST_FOLDS = 10
_POINTS_OF_A_PICTURE = 5
"""A picture of a calibration counts as this many points at most: its points share the error of its scale."""


@dataclass(frozen=True)
class Choice:
    """The correction, and how it was chosen.

    Args:
        correction: fitted to all points.
        left_out: mean error in log depth of points that were left out, by form, `AS_IT_IS` among them; empty for a
            single point, of which none can be left out.
        gain: by how much the correction makes that error smaller.
        gain_error: standard error of the gain.
        nearest: by how much the point is off, in log depth, that the correction suits best.
    """

    correction: Correction
    left_out: dict[str, float]
    gain: float = 0.0
    gain_error: float = math.inf
    nearest: float = 0.0

    @property
    def is_meant(self) -> bool:
        """Whether the factor at the points can be that of metres: no network is so wrong, but units often are."""
        middle_m = np.array([math.sqrt(self.correction.near_m * self.correction.far_m)])
        return 1 / LARGEST_FACTOR < float(self.correction.factor(middle_m)[0]) < LARGEST_FACTOR

    def in_words(self) -> str:
        """How far off points that were left out are, with each form."""
        return ", ".join(f"{math.expm1(error):.1%} {name}" for name, error in self.left_out.items())


def choose_correction(
    predicted_m: NDArray[np.floating],
    measured_m: NDArray[np.floating],
    picture: NDArray[np.integer] | None = None,
    *,
    scale_sigma: float = SCALE_SIGMA,
) -> Choice:
    """The simplest correction that does best on points left out.

    Whole pictures are left out where there are at least three, else points. A line must beat the scale by more than
    one standard error of the difference (Breiman et al., 1984).

    Args:
        predicted_m: (n,) metres > 0 at the points.
        measured_m: (n,) metres > 0.
        picture: (n,) number of the photograph that each point is in; None: one photograph.
        scale_sigma: how far off the scale is believed to be before anything was measured, in log depth; inf: any.

    Raises:
        PointsRefused: there is no point. Whether what is found helps is in the choice.

    Example:
        >>> near_and_far = np.array([1.0, 2.0, 4.0])
        >>> choice = choose_correction(near_and_far, 1.5 * near_and_far, scale_sigma=math.inf)
        >>> choice.correction.form, round(math.exp(choice.correction.offset), 2)
        ('scale', 1.5)
    """
    if not len(predicted_m):
        raise PointsRefused("no point is on a pixel with depth, so there is nothing to learn the scale from")
    predicted, log_measured = np.asarray(predicted_m, np.float64), np.log(np.asarray(measured_m, np.float64))
    picture = np.zeros(len(predicted), int) if picture is None else picture
    counts = _shares(picture)
    folds = _folds(picture)
    shares = np.concatenate([counts[None], np.where(folds, 0.0, counts)])  # first all points, then without each fold
    fits = _fits(predicted, log_measured, shares, scale_sigma=scale_sigma)
    form: Form = "scale"
    left_out: dict[str, float] = {}
    gain, gain_error = 0.0, math.inf
    if len(folds):
        errors = {AS_IT_IS: np.minimum(np.abs(log_measured - np.log(predicted)), LARGEST_ERROR)}
        for name, fit in fits.items():
            apart = np.abs(log_measured - fit.log_depth(predicted))[1:]
            errors[name] = np.minimum((apart * folds).sum(0) / np.maximum(folds.sum(0), 1), LARGEST_ERROR)
        left_out = {name: float(np.average(error, weights=counts)) for name, error in errors.items()}
        form = _best_form(errors, counts, picture)
        gain, gain_error = _mean_gain(errors[AS_IT_IS] - errors[form], counts, picture)
    fit = fits[form]
    residuals = log_measured - fit.log_depth(predicted)[0]
    correction = Correction(
        form,
        offset=float(fit.offset[0]),
        gain=float(fit.gain[0]),
        near_m=fit.near_m,
        far_m=fit.far_m,
        error=_error(residuals, counts, picture, level=float(fits["scale"].offset[0]), scale_sigma=scale_sigma),
        points=len(predicted),
        ignored=int(outliers(residuals).sum()),
        pictures=len(np.unique(picture)),
    )
    return Choice(correction, left_out, gain, gain_error, nearest=float(np.abs(residuals).min()))


class _Fit(NamedTuple):
    """A form's parameters, fitted to all points (first) and without each fold."""

    form: Form
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    near_m: float
    far_m: float

    def log_depth(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """(1 + folds, n) logarithms of the corrected metres."""
        gain, offset = self.gain[:, None], self.offset[:, None]
        if self.form == "inverse":
            return np.log(predicted) - np.log(gain + offset * predicted)
        return gain * np.log(predicted) + offset


def _fits(
    predicted: NDArray[np.float64],
    log_measured: NDArray[np.float64],
    shares: NDArray[np.float64],
    *,
    scale_sigma: float,
) -> dict[Form, _Fit]:
    """Every form that the points allow."""
    near_m, far_m = float(predicted.min()), float(predicted.max())
    ratio = np.broadcast_to(log_measured - np.log(predicted), shares.shape)
    is_few = len(predicted) < POINTS_FOR_A_LINE
    if is_few:
        scale = expected_levels(ratio, shares, level_sigma=scale_sigma)
    else:
        scale = robust_lines(np.zeros(len(predicted)), ratio, shares, level_sigma=scale_sigma).level
    fits: dict[Form, _Fit] = {"scale": _Fit("scale", np.ones_like(scale), scale, near_m, far_m)}
    if is_few or not near_m < far_m:
        return fits
    # Lines are fitted to what the scale leaves, where their noise is even and their slope has a size to be believed.
    left = ratio - scale[:, None]
    middle_m = float(np.median(predicted))
    in_log = robust_lines(np.log(predicted / middle_m), left, shares, level_sigma=math.inf)
    gain = 1 + np.maximum(in_log.slope, -0.9)
    fits["log"] = _Fit("log", gain, scale + in_log.level - (gain - 1) * math.log(middle_m), near_m, far_m)
    relative = predicted / middle_m - 1
    in_inverse = robust_lines(relative, np.exp(-left) - 1, shares, level_sigma=math.inf)
    gain = (1 + in_inverse.level - in_inverse.slope) * np.exp(-scale)
    offset = in_inverse.slope / middle_m * np.exp(-scale)
    if (gain > 0).all() and (gain + offset * far_m > 0.2 * np.exp(-scale)).all():  # else infinity is within reach
        fits["inverse"] = _Fit("inverse", gain, offset, near_m, far_m)
    return fits


def _shares(picture: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much each point counts: all points of one picture, else as many of each as _POINTS_OF_A_PICTURE."""
    _, of_picture, counts = np.unique(picture, return_inverse=True, return_counts=True)
    if len(counts) == 1:
        return np.ones(len(picture))
    return (np.minimum(counts, _POINTS_OF_A_PICTURE) / counts)[of_picture]


def _folds(picture: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(folds, n) which points are left out together: whole pictures where there are three, else points."""
    _, of_picture = np.unique(picture, return_inverse=True)
    units = of_picture if of_picture.max() + 1 >= PICTURES_TO_LEAVE_OUT else np.arange(len(picture))
    count = min(int(units.max()) + 1, _MOST_FOLDS)
    shuffled = np.random.default_rng(0).permutation(units.max() + 1)
    return shuffled[units] % count == np.arange(count)[:, None] if count > 1 else np.zeros((0, len(picture)), bool)


def _best_form(
    errors: dict[str, NDArray[np.float64]], counts: NDArray[np.float64], picture: NDArray[np.integer]
) -> Form:
    """The scale, or the line that beats it."""
    better: list[tuple[float, Form]] = []
    for form in ("log", "inverse"):
        if form in errors:
            gain, sure = _mean_gain(errors["scale"] - errors[form], counts, picture)
            better += [(gain, form)] if gain > sure else []
    return max(better)[1] if better else "scale"


def _mean_gain(
    gains: NDArray[np.float64], counts: NDArray[np.float64], picture: NDArray[np.integer]
) -> tuple[float, float]:
    """The mean over points and its standard error; over pictures where there are three."""
    names = np.unique(picture)
    if len(names) >= PICTURES_TO_LEAVE_OUT:
        gains = np.array([gains[picture == name].mean() for name in names])
        counts = np.ones(len(names))
    return float(np.average(gains, weights=counts)), float(gains.std(ddof=1) / math.sqrt(len(gains)))


def _error(
    residuals: NDArray[np.float64],
    counts: NDArray[np.float64],
    picture: NDArray[np.integer],
    *,
    level: float,
    scale_sigma: float,
) -> float:
    """One standard deviation of the scale; of three pictures or more at least what their disagreement says."""
    error = level_error(residuals, counts, level=level, level_sigma=scale_sigma)
    names = np.unique(picture)
    if len(names) >= PICTURES_TO_LEAVE_OUT:
        middles = np.array([np.median(residuals[picture == name]) for name in names])
        error = max(error, float(middles.std(ddof=1)) / math.sqrt(len(names)))
    return error
