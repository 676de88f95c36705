"""What a number means: which pixels count, and what happens to a prediction before it is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.depth.framing import under_centres
from leadline.errors import InputError
from leadline.evaluation.align import ALIGNMENTS, Alignment

DepthM = NDArray[np.float32]
Bounds = tuple[int, int] | tuple[float, float]


@dataclass(frozen=True)
class Window:
    """Rows and columns that count, for pictures of one size; on others the same part of the picture.

    Example:
        >>> Window(rows=(45, 471), columns=(41, 601)).cut(np.zeros((240, 320), np.float32)).shape
        (213, 280)
    """

    rows: Bounds
    columns: Bounds
    of: Bounds = (480, 640)

    def cut(self, depth_m: DepthM) -> DepthM:
        """The part of an (H, W) map that counts."""
        slices = (
            # A hair more than nothing, so that 471 of 480 rows of 480 are 471.
            slice(*(int(bound * size / whole + 1e-9) for bound in bounds))
            for bounds, size, whole in zip((self.rows, self.columns), depth_m.shape, self.of, strict=True)
        )
        return depth_m[tuple(slices)]

    def __str__(self) -> str:
        (top, bottom), (left, right) = self.rows, self.columns
        whole = "" if self.of == (1, 1) else f" of {self.of[0]:g}x{self.of[1]:g}"
        return f"rows {top:g}:{bottom:g}, columns {left:g}:{right:g}{whole}"


@dataclass(frozen=True)
class CentreCrop:
    """FastDepth's way: scaled to a height, its centre cut out, scaled again; the nearest pixel each time."""

    height: int
    crop: tuple[int, int]
    size: tuple[int, int]

    def cut(self, depth_m: DepthM) -> DepthM:
        """The part of an (H, W) map that counts, at `size`."""
        width = int(depth_m.shape[1] * self.height / depth_m.shape[0])
        scaled = under_centres(depth_m, height=self.height, width=width)
        top, left = (max(0, round((whole - part) / 2)) for whole, part in zip(scaled.shape, self.crop, strict=True))
        centre = scaled[top : top + self.crop[0], left : left + self.crop[1]]
        return under_centres(centre, height=self.size[0], width=self.size[1])

    def __str__(self) -> str:
        return f"height {self.height}, centre {self.crop[0]}x{self.crop[1]}, scaled to {self.size[0]}x{self.size[1]}"


class Compared(NamedTuple):
    """What is measured of one frame: metres that are compared where valid."""

    predicted: DepthM
    truth: DepthM
    valid: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named way to measure. Change a field, and the version must grow: a number is made by both.

    Attributes:
        name: as on the command line.
        version: of this description.
        about: whose way it is, and where that is written.
        truth: "filled" (holes filled by colorization) or "raw", where a data set has both.
        truth_range_m: truth counts strictly between these.
        window: the part of the picture that counts; None is all of it.
        flip_average: average with the un-flipped prediction of the mirror image, before anything is cut; where nothing
            is aligned, both are clipped first, as in DenseDepth's and AdaBins' scripts.
        align: what a prediction may be corrected by, frame by frame, knowing the truth; a key of ALIGNMENTS, or None.
        clip_m: the prediction is clipped to these; None leaves it.
        mends_nan: NaN becomes the lower end of clip_m. Otherwise a NaN, like any prediction that is no depth, is
            refused: leaving it out would flatter the model.
        average: over "rooms", "images" or all pixels "pooled": which of the means is the protocol's number.
        rel_over: "truth", or "prediction" where a repository swaps the two.
        zeros_pass: truth of 0 counts where the prediction is positive, as a union of masks makes it.
    """

    name: str
    version: int
    about: str
    truth: Literal["filled", "raw"] = "filled"
    truth_range_m: tuple[float, float] = (0.0, float("inf"))
    window: Window | CentreCrop | None = None
    flip_average: bool = False
    align: Alignment | None = None
    clip_m: tuple[float, float] | None = None
    mends_nan: bool = False
    average: Literal["rooms", "images", "pooled"] = "images"
    rel_over: Literal["truth", "prediction"] = "truth"
    zeros_pass: bool = False

    def mirror_mean(self, predicted: DepthM, mirrored: DepthM) -> DepthM:
        """Mean of two predictions of one picture.

        Args:
            predicted: (H, W) metres.
            mirrored: (H, W) metres, for the mirror image, already turned back.
        """
        if self.clip_m is not None and self.align is None:
            predicted, mirrored = (np.clip(depth_m, *map(np.float32, self.clip_m)) for depth_m in (predicted, mirrored))
        return (predicted + mirrored) * np.float32(0.5)

    def compared(self, predicted: DepthM, truth: DepthM) -> Compared:
        """Prediction and truth as this protocol compares them.

        Args:
            predicted: (H, W) metres, of the whole picture.
            truth: (h, w) metres of the same view, 0 or NaN where nothing was measured.

        Raises:
            InputError: a prediction that is no depth, where the protocol does not say what that counts.
        """
        # At the sensor's resolution: the measurements themselves are never resampled, but where a protocol does it.
        predicted = under_centres(predicted, height=truth.shape[0], width=truth.shape[1])
        if self.window is not None:
            predicted, truth = self.window.cut(predicted), self.window.cut(truth)
        nearest_m, farthest_m = self.truth_range_m
        valid = (truth > nearest_m) & (truth < farthest_m)  # False for NaN
        if self.zeros_pass:
            valid |= (predicted > 0) & ~np.isnan(truth)
        predicted = self._mended(predicted, valid)
        if self.align is not None and valid.any():
            predicted = ALIGNMENTS[self.align](predicted, truth, valid)
        if self.clip_m is not None:
            predicted = np.clip(predicted, *map(np.float32, self.clip_m))
        return Compared(predicted, truth, valid)

    def describe(self) -> str:
        """The whole protocol in a line or two."""
        nearest_m, farthest_m = self.truth_range_m
        parts = [
            f"{self.truth} truth where {nearest_m:g} < t < {farthest_m:g} m" + " or 0" * self.zeros_pass,
            str(self.window) if self.window else "whole picture",
            "mean with the un-flipped mirror image, both clipped first" * self.flip_average,
            f"aligned to the truth: {self.align}" if self.align else "",
            f"prediction clipped to [{self.clip_m[0]:g}, {self.clip_m[1]:g}] m" if self.clip_m else "",
            "rel over the prediction" if self.rel_over == "prediction" else "",
            {"rooms": "mean over rooms", "images": "mean over images", "pooled": "all pixels pooled"}[self.average],
        ]
        return f"{self.name} v{self.version}: " + "; ".join(filter(None, parts))

    def _mended(self, predicted: DepthM, valid: NDArray[np.bool_]) -> DepthM:
        if self.clip_m is None or self.align is not None:
            wrong = valid & ~((predicted > 0) & (predicted < np.inf))
        else:  # clipping makes a depth of everything but NaN
            wrong = valid & np.isnan(predicted)
        if not wrong.any():
            return predicted
        if not (self.mends_nan and self.clip_m is not None):
            raise InputError(
                f"{np.count_nonzero(wrong)} predicted pixels are NaN, infinite or not positive, and protocol "
                f"{self.name} does not say what they count; protocol eigen does"
            )
        return np.where(np.isnan(predicted), np.float32(self.clip_m[0]), predicted)
