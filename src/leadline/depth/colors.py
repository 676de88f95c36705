"""Colours for depth: near is red, far is blue, unknown is black, and a legend says how many metres that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Every sixteenth colour of Turbo (Mikhailov, 2019), from far to near.
_TURBO = np.array(
    [
        (48, 18, 59), (64, 64, 162), (70, 107, 227), (66, 148, 255), (40, 188, 235), (24, 221, 194),
        (50, 242, 152), (109, 254, 98), (164, 252, 60), (205, 236, 52), (238, 207, 58), (253, 172, 52),
        (251, 126, 33), (235, 80, 14), (208, 47, 5), (169, 22, 1), (122, 4, 3),
    ]
)  # fmt: skip
_RED_BLUE = np.array([(5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31)])  # ColorBrewer's RdBu


def _table(stops: NDArray[np.integer]) -> NDArray[np.uint8]:
    """(256, 3) colours between stops that are evenly apart."""
    places = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(places, np.arange(len(stops)), stops[:, c]) for c in range(3)], 1).astype(np.uint8)


_TABLE, _ERRORS = _table(_TURBO), _table(_RED_BLUE)


def depth_range_m(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """Nearest and farthest known depth in metres, without the outermost hundredth; (0, 1) when nothing is known."""
    known = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if not known.size:
        return 0.0, 1.0
    some = known[:: max(1, known.size // 30_000)]  # plenty for a percentile, and ten times as fast
    near_m, far_m = (float(bound) for bound in np.percentile(some, (1, 99)))
    return near_m, max(far_m, near_m + 0.01)


def colorize(depth_m: NDArray[np.float32], *, near_m: float, far_m: float) -> NDArray[np.uint8]:
    """Depth as colours.

    Args:
        depth_m: (H, W) float32 metres; NaN or 0 where unknown, which becomes black.
        near_m: shown in the reddest colour.
        far_m: shown in the bluest colour, > near_m.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    known = np.isfinite(depth_m) & (depth_m > 0)
    nearness = (far_m - np.where(known, depth_m, far_m)) / (far_m - near_m)
    colors = _TABLE.take((nearness.clip(0, 1) * 255).astype(np.uint8), axis=0)  # eight times as fast as _TABLE[...]
    colors[~known] = 0
    return colors


def colorize_error(error_m: NDArray[np.float32], *, most_m: float) -> NDArray[np.uint8]:
    """Errors of depth as colours: blue where it was told too near, red where too far, nearly white where right.

    Args:
        error_m: (H, W) float32, predicted - true metres; NaN where nothing was measured, which becomes black.
        most_m: shown in the darkest colours, > 0.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    known = np.isfinite(error_m)
    place = (np.where(known, error_m, 0) / most_m).clip(-1, 1) * 127.5 + 127.5
    colors = _ERRORS.take(place.astype(np.uint8), axis=0)
    colors[~known] = 0
    return colors


def legend(*, width: int, near_m: float, far_m: float) -> NDArray[np.uint8]:
    """A strip that explains the colours: the colour bar with its metres below.

    Args:
        width: of the strip in pixels.
        near_m: the depth of its left end.
        far_m: the depth of its right end.

    Returns:
        (h, width, 3) uint8, RGB; h grows with the width.
    """
    text_px = max(10, min(28, width // 24))
    bar_px, margin = text_px, text_px // 2
    ramp = np.linspace(near_m, far_m, max(2, width - 2 * margin), dtype=np.float32)
    # Zero would be drawn as unknown.
    bar = colorize(np.maximum(ramp, 1e-6)[None].repeat(bar_px, 0), near_m=near_m, far_m=far_m)
    strip = np.full((margin * 2 + bar_px + text_px + 4, max(width, bar.shape[1] + 2 * margin), 3), 255, np.uint8)
    strip[margin : margin + bar_px, margin : margin + bar.shape[1]] = bar
    picture = Image.fromarray(strip)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(text_px)
    count = max(2, min(6, width // (text_px * 4)))
    for tick in range(count):
        share = tick / (count - 1)
        text = f"{near_m + share * (far_m - near_m):.2f} m"
        at = margin + share * bar.shape[1] - share * draw.textlength(text, font=font)
        draw.text((at, margin + bar_px + 2), text, fill=(0, 0, 0), font=font)
    return np.asarray(picture)[:, :width]
