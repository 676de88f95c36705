"""The pinhole camera that took a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leadline.errors import UsageError


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics in pixels of a picture of a given size.

    The centre of the top left pixel is (0, 0), as in OpenCV.

    Example:
        >>> Camera(fx_px=320.0, fy_px=320.0, cx_px=319.5, cy_px=239.5, width=640, height=480).fov_deg
        90.0
    """

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if not (self.fx_px > 0 and self.fy_px > 0 and self.width > 0 and self.height > 0):
            raise ValueError(f"focal lengths and sizes must be positive, got {self}")

    @classmethod
    def centred(cls, *, focal_px: float, width: int, height: int) -> Camera:
        """A camera of which only the focal length is known: square pixels, its axis through the picture's centre.

        Example:
            >>> Camera.centred(focal_px=320.0, width=640, height=480)
            Camera(fx_px=320.0, fy_px=320.0, cx_px=319.5, cy_px=239.5, width=640, height=480)
        """
        return cls(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)

    @property
    def fov_deg(self) -> float:
        """Horizontal field of view in degrees."""
        return math.degrees(2 * math.atan(self.width / (2 * self.fx_px)))

    @property
    def focal_share(self) -> float:
        """Focal length as a share of the picture's width."""
        return self.fx_px / self.width

    def demand_size(self, *, height: int, width: int) -> None:
        """Refuse pictures of another size.

        Raises:
            UsageError: the camera is of another size; says how to get one that is not.
        """
        if (self.height, self.width) != (height, width):
            raise UsageError(
                f"the camera is of {self.width}x{self.height} pixels, the picture of {width}x{height}; "
                f"Camera.scaled_to gives it for another size"
            )

    def placed(self, *, width: int, height: int, left: int, top: int, inner_width: int, inner_height: int) -> Camera:
        """The camera of a `width` x `height` picture into which this one was resized and put at (left, top).

        Args:
            width: of the new picture, in pixels.
            height: of the new picture, in pixels.
            left: column of the old picture's left edge in the new one; negative when it was cropped.
            top: row of the old picture's top edge in the new one.
            inner_width: columns that the whole old picture takes in the new one.
            inner_height: rows that the whole old picture takes in the new one.
        """
        x_scale, y_scale = inner_width / self.width, inner_height / self.height
        return Camera(
            fx_px=self.fx_px * x_scale,
            fy_px=self.fy_px * y_scale,
            # Half a pixel: sizes scale edges, and the centre of a pixel is half a pixel from its edge.
            cx_px=(self.cx_px + 0.5) * x_scale - 0.5 + left,
            cy_px=(self.cy_px + 0.5) * y_scale - 0.5 + top,
            width=width,
            height=height,
        )

    def scaled_to(self, *, width: int, height: int) -> Camera | None:
        """The camera of the whole picture at another size; None where the shape says that it was cropped or turned.

        Example:
            >>> Camera(fx_px=600.0, fy_px=600.0, cx_px=639.5, cy_px=479.5, width=1280, height=960).scaled_to(
            ...     width=640, height=480
            ... )
            Camera(fx_px=300.0, fy_px=300.0, cx_px=319.5, cy_px=239.5, width=640, height=480)
        """
        if abs(width * self.height / (height * self.width) - 1) > _ASPECT_TOLERANCE:
            return None
        return self.placed(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)


_ASPECT_TOLERANCE = 0.03
