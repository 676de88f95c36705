"""What measured distances made of a model's metres: one factor, or one that depends on the depth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Form = Literal["scale", "log", "inverse"]
Array = TypeVar("Array")


@dataclass(frozen=True)
class Correction:
    """A correction of predicted metres p; each form is increasing, and continuous beyond what was measured.

    scale: p * exp(offset). log: ln t = gain * ln p + offset. inverse: 1 / t = gain / p + offset.

    Args:
        form: which of the three.
        offset: see above; in inverse depth 1 / m.
        gain: see above, > 0; 1 for a scale.
        near_m: nearest predicted depth at which something was measured; nearer, the factor is that of this depth.
        far_m: farthest such depth, with the same meaning.
        error: one standard deviation of the logarithm of the factor in the middle of the points: 0.05 is 5 %; where it
            is local, of the scale that is left wrong.
        points: how many measurements it comes from.
        ignored: how many of them contradict the others.
        pictures: from how many photographs they are.
        is_local: whether the factor also differs from place to place (corrections of a single photograph only).
        refused: why the points were not followed; then the factor is 1.

    Raises:
        ValueError: a gain that is not positive, or an empty range.

    Example:
        >>> double = Correction("scale", offset=math.log(2))
        >>> double.apply(np.array([0.5, 3.0], np.float32))
        array([1., 6.], dtype=float32)
    """

    form: Form
    offset: float
    gain: float = 1.0
    near_m: float = 0.0
    far_m: float = 100.0
    error: float = 0.0
    points: int = 0
    ignored: int = 0
    pictures: int = 1
    is_local: bool = False
    refused: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.offset) and 0 < self.gain < math.inf and 0 <= self.near_m <= self.far_m < math.inf):
            raise ValueError(f"no increasing correction: {self}")
        if self.form == "inverse" and not self.gain + self.offset * self.far_m > 0:
            raise ValueError(f"a correction that ends at infinity before {self.far_m} m: {self}")

    def factor(self, depth_m: Array) -> Array:
        """What each predicted depth is multiplied by.

        Args:
            depth_m: metres > 0, of any shape; of NumPy, or a tensor of torch in a graph that is exported.
        """
        measured = cast("Any", depth_m).clip(self.near_m, self.far_m)
        if self.form == "inverse":
            return cast("Array", 1 / (self.gain + self.offset * measured))
        return cast("Array", math.exp(self.offset) * measured ** (self.gain - 1))

    def apply(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """The corrected depth, float32 metres of the same shape."""
        return np.asarray(depth_m * self.factor(depth_m), np.float32)

    def __str__(self) -> str:
        if self.refused is not None:
            return f"as the model says: {self.refused}"
        middle_m = math.sqrt(max(self.near_m, 0.01) * self.far_m)
        factor = float(self.factor(np.array([middle_m]))[0])
        how = "" if self.form == "scale" else f" at {middle_m:.2g} m, by a line in {self.form} depth"
        local = ", and a factor for each place" if self.is_local else ""
        ignored = f", {self.ignored} of them ignored as outliers" if self.ignored else ""
        pictures = f" in {self.pictures} pictures" if self.pictures > 1 else ""
        points = "1 point" if self.points == 1 else f"{self.points} points"
        return f"{factor:.3f} times{how} (+- {math.expm1(self.error):.1%}){local}, from {points}{pictures}{ignored}"
