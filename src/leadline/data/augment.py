"""What a frame may turn into each time it is seen; on whole batches, on the device, each change where it is cheapest.

Mirror images and permutations of the colour channels (the paper's) move bytes; the rest computes with floats. What
happens to a frame is a function of (seed, frame, visit), whatever batch it is in.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import cache, partial
from math import sqrt

import numpy as np
import torch
from jaxtyping import Float, Int16, UInt8
from numpy.typing import NDArray
from torch import Tensor, nn

from leadline.options import DataOptions

Draw = Callable[[int], NDArray[np.float64]]
"""A number of Drawn -> one value in [0, 1) for each frame of the batch."""


class Drawn(IntEnum):
    """What a random number decides; the values are part of what a seed means."""

    FLIP = 0
    PERMUTE = auto()
    PERMUTATION = auto()
    BRIGHTNESS = auto()
    CONTRAST = auto()
    SATURATION = auto()
    CROP_SHARE = auto()
    CROP_TOP = auto()
    CROP_LEFT = auto()
    ERASE = auto()
    ERASE_HEIGHT = auto()
    ERASE_WIDTH = auto()
    ERASE_TOP = auto()
    ERASE_LEFT = auto()
    GAMMA = auto()
    BLUR = auto()
    BLUR_SIZE = auto()
    NOISE_STRENGTH = auto()
    NOISE_START = auto()


@dataclass(frozen=True)
class ByteChanges:
    """What happens to the bytes of each frame of a batch.

    Attributes:
        mirrored: (b,) bool.
        permutation: (b,) number of the order of the colour channels; 0 leaves them.
    """

    mirrored: NDArray[np.bool_]
    permutation: NDArray[np.int64]


def draw_byte_changes(draw: Draw, options: DataOptions) -> ByteChanges:
    """Mirror images with probability `flip`; with probability `channel_permutation` one of the six permutations.

    One of the six changes nothing, as in DenseDepth.
    """
    permuted = draw(Drawn.PERMUTE) < options.channel_permutation
    which = (draw(Drawn.PERMUTATION) * len(_PERMUTATIONS)).astype(np.int64)
    return ByteChanges(draw(Drawn.FLIP) < options.flip, np.where(permuted, which, 0))


def augment_bytes(color: UInt8[Tensor, "b 3 h w"], levels: Int16[Tensor, "b h w"], changes: ByteChanges) -> None:
    """Mirror some frames and permute the colours of some, in place.

    Args:
        color: RGB.
        levels: of the depth code, seen as int16; 0 is a hole, so the mask goes wherever the depth goes.
        changes: of these frames.
    """
    mirrored = np.flatnonzero(changes.mirrored)
    _change(color, mirrored, lambda frames: frames.flip(-1))
    _change(levels, mirrored, lambda frames: frames.flip(-1))
    for number in set(changes.permutation.tolist()) - {0}:
        _change(color, np.flatnonzero(changes.permutation == number), partial(_permuted, number=number))


def augment_floats(
    image: Float[Tensor, "b 3 h w"], depth_m: Float[Tensor, "b 1 h w"], draw: Draw, options: DataOptions
) -> None:
    """Jitter colours, blur, crop and rescale, add noise, erase rectangles; in place.

    Args:
        image: RGB in [0, 1].
        depth_m: metres, 0 in holes.
        draw: the random numbers.
        options: `color_jitter`, `blur`, `crop`, `noise`, `erase`; 0 (of `crop` 1) changes nothing.
    """
    if options.color_jitter > 0:
        bend_tones(image, draw, options.color_jitter)
        jitter_colors(image, draw, options.color_jitter)
    if options.blur > 0:
        blur(image, draw, options.blur)
    if options.crop < 1:
        crop_and_rescale(image, depth_m, draw, options.crop)
    if options.noise > 0:
        add_noise(image, draw, options.noise)
    if options.erase > 0:
        erase_rectangles(image, draw, options.erase)


def bend_tones(image: Float[Tensor, "b 3 h w"], draw: Draw, strength: float) -> None:
    """Raise each frame to a power from 1 / (1 + strength) to 1 + strength; black and white stay as they are."""
    powers = (1 + strength) ** (2 * draw(Drawn.GAMMA) - 1)
    image.pow_(torch.from_numpy(powers).to(image)[:, None, None, None])


def blur(image: Float[Tensor, "b 3 h w"], draw: Draw, probability: float) -> None:
    """Replace each pixel of some frames by the mean of the 3x3 or the 5x5 pixels around it."""
    sizes = np.where(draw(Drawn.BLUR_SIZE) < 0.5, 3, 5)
    for at in np.flatnonzero(draw(Drawn.BLUR) < probability):
        size = int(sizes[at])
        # Rows, then columns: 2 sums of `size` pixels instead of one of its square.
        rows = nn.functional.avg_pool2d(image[at], (1, size), 1, (0, size // 2), count_include_pad=False)
        image[at] = nn.functional.avg_pool2d(rows, (size, 1), 1, (size // 2, 0), count_include_pad=False)


def add_noise(image: Float[Tensor, "b 3 h w"], draw: Draw, largest: float) -> None:
    """Add Gaussian noise, of a standard deviation from 0 to `largest` for each frame, to every value.

    The noise is read from one long list of normal numbers that begins elsewhere for each frame: drawing them anew
    would take longer than all other changes together.
    """
    count = image[0].numel()
    normal = _normal_numbers(8 * count, image.device)
    deviations, starts = largest * draw(Drawn.NOISE_STRENGTH), draw(Drawn.NOISE_START) * (len(normal) - count)
    for frame, deviation, start in zip(image, deviations, starts.astype(np.int64), strict=True):
        frame.add_(normal[start : start + count].view_as(frame), alpha=float(deviation)).clamp_(0, 1)


def jitter_colors(image: Float[Tensor, "b 3 h w"], draw: Draw, strength: float) -> None:
    """Scale brightness, contrast (about the frame's mean grey) and saturation by 1 - strength to 1 + strength."""

    def factor(drawn: Drawn) -> Tensor:
        factors = 1 + strength * (2 * draw(drawn) - 1)
        return torch.from_numpy(factors).to(image)[:, None, None, None]

    image *= factor(Drawn.BRIGHTNESS)
    mean = _grey(image).mean(dim=(2, 3), keepdim=True)
    image.sub_(mean).mul_(factor(Drawn.CONTRAST)).add_(mean)
    grey = _grey(image)
    image.sub_(grey).mul_(factor(Drawn.SATURATION)).add_(grey).clamp_(0, 1)


def crop_and_rescale(
    image: Float[Tensor, "b 3 h w"], depth_m: Float[Tensor, "b 1 h w"], draw: Draw, smallest: float
) -> None:
    """Enlarge a part of each frame to the whole, and bring its depth nearer by as much.

    A part that is enlarged twice looks as if taken with twice the focal length. The camera as it was would take the
    same picture at half of the distance: so depth is divided by the enlargement, and stays metric truth for one camera
    (the canonical camera of Metric3D; Yin et al., 2023, section 3.1).

    Args:
        image: RGB in [0, 1]; the part is enlarged bilinearly.
        depth_m: metres, 0 in holes; nothing is interpolated.
        draw: the random numbers.
        smallest: share of height and width that is kept at least, in (0, 1].
    """
    height, width = image.shape[-2:]
    shares = 1 - (1 - smallest) * draw(Drawn.CROP_SHARE)
    for at, (share, down, right) in enumerate(zip(shares, draw(Drawn.CROP_TOP), draw(Drawn.CROP_LEFT), strict=True)):
        inner_height, inner_width = max(1, round(height * share)), max(1, round(width * share))
        top, left = int(down * (height - inner_height + 1)), int(right * (width - inner_width + 1))
        part = (slice(at, at + 1), slice(None), slice(top, top + inner_height), slice(left, left + inner_width))
        enlargement = sqrt(height / inner_height * width / inner_width)
        image[at] = nn.functional.interpolate(image[part], (height, width), mode="bilinear")[0]
        depth_m[at] = nn.functional.interpolate(depth_m[part], (height, width), mode="nearest-exact")[0] / enlargement


def erase_rectangles(image: Float[Tensor, "b 3 h w"], draw: Draw, probability: float) -> None:
    """Hide a rectangle of some frames under their mean colour; the depth stays, to be told from what is around.

    Sides are 15 to 45 % of the picture's (area 2 to 20 %, as in Zhong et al., 2017).
    """
    height, width = image.shape[-2:]
    tall, wide = (0.15 + 0.3 * draw(side) for side in (Drawn.ERASE_HEIGHT, Drawn.ERASE_WIDTH))
    down, right = draw(Drawn.ERASE_TOP), draw(Drawn.ERASE_LEFT)
    for at in np.flatnonzero(draw(Drawn.ERASE) < probability):
        inner_height, inner_width = max(1, round(height * tall[at])), max(1, round(width * wide[at]))
        top, left = int(down[at] * (height - inner_height + 1)), int(right[at] * (width - inner_width + 1))
        mean = image[at].mean(dim=(1, 2), keepdim=True)
        image[at, :, top : top + inner_height, left : left + inner_width] = mean


def _change(batch: Tensor, rows: NDArray[np.int64], change: Callable[[Tensor], Tensor]) -> None:
    if batch.device.type == "cpu":
        # One by one: an indexed assignment goes byte by byte there, twenty times as slow.
        for row in rows:
            batch[row] = change(batch[row])
    elif len(rows):
        where = torch.from_numpy(rows).to(batch.device)
        batch[where] = change(batch[where])


def _permuted(frames: Tensor, *, number: int) -> Tensor:
    # Whole planes are copied; indexing with a list would go byte by byte.
    return frames.index_select(-3, _PERMUTATIONS[number].to(frames.device))


@cache
def _normal_numbers(count: int, device: torch.device) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(0)).to(device)


def _grey(image: Tensor) -> Tensor:
    weights = image.new_tensor([0.299, 0.587, 0.114])  # ITU-R BT.601
    return (image * weights[:, None, None]).sum(dim=1, keepdim=True)


_PERMUTATIONS = [torch.tensor(order) for order in itertools.permutations(range(3))]
