"""The result of a prediction: metres for each pixel of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from leadline.depth.colors import colorize, depth_range_m, legend
from leadline.depth.files import write_depth16, write_npy
from leadline.depth.images import write_image
from leadline.errors import UsageError

SaveKind = Literal["depth16", "npy", "color", "side"]
SAVE_KINDS: tuple[SaveKind, ...] = get_args(SaveKind)
SAVE_SUFFIXES: dict[SaveKind, str] = {"depth16": ".png", "npy": ".npy", "color": ".png", "side": ".png"}


@dataclass(frozen=True)
class DepthMap:
    """Metric depth of one photograph.

    Args:
        metres: (H, W) float32, distance along the camera's axis; NaN where unknown.
        image: (H, W, 3) uint8 RGB, the photograph, when it is at hand.

    Raises:
        ValueError: another shape or type.

    Example:
        >>> import numpy as np
        >>> DepthMap(np.full((2, 3), 1.5, np.float32)).metres.mean()
        np.float32(1.5)
    """

    metres: NDArray[np.float32]
    image: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        metres, image = self.metres, self.image
        if not (isinstance(metres, np.ndarray) and metres.ndim == 2 and metres.dtype == np.float32):
            got = f"{metres.shape} {metres.dtype}" if isinstance(metres, np.ndarray) else type(metres).__name__
            raise ValueError(f"depth must be (H, W) float32 in metres, got {got}; did you pass the image?")
        if image is not None and (image.shape != (*metres.shape, 3) or image.dtype != np.uint8):
            raise ValueError(
                f"the image must be {(*metres.shape, 3)} uint8 like its depth, got {image.shape} {image.dtype}"
            )

    def color(self, *, near_m: float | None = None, far_m: float | None = None) -> NDArray[np.uint8]:
        """Depth as colours, near red and far blue, with a legend in metres below.

        Args:
            near_m: reddest depth; the nearest in the map (first hundredth) when None.
            far_m: bluest depth; the farthest in the map (last hundredth) when None.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        own_near_m, own_far_m = depth_range_m(self.metres)
        near_m = own_near_m if near_m is None else near_m
        far_m = max(own_far_m if far_m is None else far_m, near_m + 0.01)
        colors = colorize(self.metres, near_m=near_m, far_m=far_m)
        return np.concatenate([colors, legend(width=colors.shape[1], near_m=near_m, far_m=far_m)])

    def side_by_side(self) -> NDArray[np.uint8]:
        """The photograph and its colours beside one another.

        Returns:
            (H + legend, 2 W, 3) uint8, RGB.

        Raises:
            UsageError: the photograph is not at hand.
        """
        if self.image is None:
            raise UsageError("side by side needs the photograph: DepthMap(metres, image=...)")
        colors = self.color()
        below = np.full((colors.shape[0] - self.image.shape[0], self.image.shape[1], 3), 255, np.uint8)
        return np.concatenate([np.concatenate([self.image, below]), colors], axis=1)

    def save(self, path: Path | str, *, kind: SaveKind | None = None) -> None:
        """Write the map, atomically.

        Args:
            path: the file. `.npy` holds float32 metres, `.png` 16-bit millimetres unless `kind` says otherwise.
            kind: "depth16", "npy", "color" or "side"; by the suffix when None.

        Raises:
            UsageError: a suffix that does not fit the kind.
            OutputError: no space or no permission.
        """
        path = Path(path)
        if kind is None:
            kind = "npy" if path.suffix.lower() == ".npy" else "depth16"
        if path.suffix.lower() != SAVE_SUFFIXES[kind] and kind in ("depth16", "npy"):
            raise UsageError(f"{path}: {kind} is written as {SAVE_SUFFIXES[kind]}")
        if kind == "depth16":
            write_depth16(path, self.metres)
        elif kind == "npy":
            write_npy(path, self.metres)
        else:
            write_image(path, self.color() if kind == "color" else self.side_by_side())
