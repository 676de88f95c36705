"""What a frame may turn into each time it is seen; on whole batches, on the device, each change where it is cheapest.

Mirror images and permutations of the colour channels (the paper's) move bytes, tone curves turn bytes into floats; the
rest computes with floats. What happens to a frame is a function of (seed, frame, visit), whatever batch it is in.
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
        curves: (b, 256) float32, what each byte becomes; None divides by 255.
    """

    mirrored: NDArray[np.bool_]
    permutation: NDArray[np.int64]
    curves: NDArray[np.float32] | None = None


def draw_byte_changes(draw: Draw, options: DataOptions) -> ByteChanges:
    """Mirror images with probability `flip`; with probability `channel_permutation` one of the six permutations.

    One of the six changes nothing, as in DenseDepth. With `color_jitter` each frame has a tone curve of its own.
    """
    permuted = draw(Drawn.PERMUTE) < options.channel_permutation
    which = (draw(Drawn.PERMUTATION) * len(_PERMUTATIONS)).astype(np.int64)
    curves = tone_curves(draw, options.color_jitter) if options.color_jitter > 0 else None
    return ByteChanges(draw(Drawn.FLIP) < options.flip, np.where(permuted, which, 0), curves)


def tone_curves(draw: Draw, strength: float) -> NDArray[np.float32]:
    """(b, 256): value / 255, raised to a power from 1 / (1 + strength) to 1 + strength, times 1 -+ strength.

    A table, because raising millions of values to a power takes longer than all other changes together.
    """
    powers = (1 + strength) ** (2 * draw(Drawn.GAMMA) - 1)
    brightness = 1 + strength * (2 * draw(Drawn.BRIGHTNESS) - 1)
    return (np.linspace(0, 1, 256) ** powers[:, None] * brightness[:, None]).astype(np.float32)


def augment_bytes(color: UInt8[Tensor, "b 3 h w"], levels: Int16[Tensor, "b h w"], changes: ByteChanges) -> None:
    """Mirror some frames and permute the colours of some, in place; for a device that changes many frames at once.

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


def floats_from_bytes(
    color: UInt8[Tensor, "b 3 h w"], image: Float[Tensor, "b 3 h w"], curves: NDArray[np.float32] | None
) -> None:
    """Write the values of `color` to `image`: divided by 255, or by each frame's own curve."""
    if curves is None:
        image.copy_(color).div_(255)
    else:
        starts = 256 * torch.arange(len(color), dtype=torch.int32, device=color.device)[:, None, None, None]
        image.copy_(torch.from_numpy(curves).to(color.device).flatten()[color + starts])


def augment_frame(
    color: NDArray[np.uint8], levels: NDArray[np.uint16], changes: ByteChanges, at: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """What `augment_bytes` does, to the frame of place `at` alone, on the CPU; copied only where it changes.

    Args:
        color: (3, h, w) RGB, which is only read.
        levels: (h, w), which are only read.
        changes: of the batch.
        at: place of the frame in the batch.
    """
    if changes.permutation[at]:
        color = color[_PERMUTATIONS[changes.permutation[at]]]
    if changes.mirrored[at]:
        color, levels = _mirrored(color), _mirrored(levels.view(np.int16)).view(np.uint16)
    return color, levels


def floats_from_frame(color: NDArray[np.uint8], image: NDArray[np.float32], curve: NDArray[np.float32] | None) -> None:
    """What `floats_from_bytes` does, to one frame, by NumPy, which passes over the memory once; torch needs two passes.

    Args:
        color: (3, h, w) RGB.
        image: (3, h, w), written.
        curve: (256,) of this frame; None divides by 255.
    """
    if curve is None:
        np.divide(color, np.float32(255), out=image)
    else:
        np.take(curve, color, out=image, mode="clip")  # "clip" spares a copy, and no byte is out of range


def augment_floats(
    image: Float[Tensor, "b 3 h w"], depth_m: Float[Tensor, "b 1 h w"], draw: Draw, options: DataOptions
) -> None:
    """Jitter colours, blur, crop and rescale, add noise, erase rectangles; in place.

    Args:
        image: RGB, by its tone curves already.
        depth_m: metres, 0 in holes.
        draw: the random numbers.
        options: `color_jitter`, `blur`, `crop`, `noise`, `erase`; 0 (of `crop` 1) changes nothing.
    """
    if options.color_jitter > 0:
        jitter_colors(image, draw, options.color_jitter)
    if options.blur > 0:
        blur(image, draw, options.blur)
    if options.crop < 1:
        crop_and_rescale(image, depth_m, draw, options.crop)
    if options.noise > 0:
        add_noise(image, draw, options.noise)
    if options.erase > 0:
        erase_rectangles(image, draw, options.erase)


def blur(image: Float[Tensor, "b 3 h w"], draw: Draw, probability: float) -> None:
    """Replace each pixel of some frames by the mean of the 3x3 or the 5x5 pixels around it, at borders of fewer."""
    reaches = np.where(draw(Drawn.BLUR_SIZE) < 0.5, 1, 2)
    for at in np.flatnonzero(draw(Drawn.BLUR) < probability):
        for dim in (-1, -2):
            image[at] = _mean_along(image[at], dim, reach=int(reaches[at]))


def _mean_along(frame: Float[Tensor, "3 h w"], dim: int, *, reach: int) -> Float[Tensor, "3 h w"]:
    # Shifted sums take a twentieth of the time of a pooling on the CPU.
    size = frame.shape[dim]
    total, places = frame.clone(), torch.arange(size)
    for step in range(1, min(reach, size - 1) + 1):
        total.narrow(dim, step, size - step).add_(frame.narrow(dim, 0, size - step))
        total.narrow(dim, 0, size - step).add_(frame.narrow(dim, step, size - step))
    count = 1 + places.clamp(max=reach) + places.flip(0).clamp(max=reach)
    return total.div_(count.to(frame) if dim == -1 else count.to(frame)[:, None])


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
    """Scale contrast (about the frame's mean grey) and saturation (about each pixel's) by 1 -+ strength.

    With contrast c, saturation s, grey g and its mean m, x becomes y = c x + (1 - c) m, and y becomes
    s y + (1 - s) g(y): together s c x + (1 - s) c g(x) + (1 - c) m, which passes over the picture once.
    """

    def factor(drawn: Drawn) -> Tensor:
        factors = 1 + strength * (2 * draw(drawn) - 1)
        return torch.from_numpy(factors).to(image)[:, None, None, None]

    contrast, saturation = factor(Drawn.CONTRAST), factor(Drawn.SATURATION)
    grey = _grey(image)
    mean = grey.mean(dim=(2, 3), keepdim=True)
    grey.mul_((1 - saturation) * contrast).add_((1 - contrast) * mean)
    image.mul_(saturation * contrast).add_(grey).clamp_(0, 1)


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
    if len(rows):
        where = torch.from_numpy(rows).to(batch.device)
        batch[where] = change(batch[where])


def _permuted(frames: Tensor, *, number: int) -> Tensor:
    return frames[:, _PERMUTATIONS[number]]


def _mirrored(planes: NDArray) -> NDArray:
    # By torch, because NumPy copies backwards value by value, in ten times the time.
    return torch.from_numpy(planes.copy()).flip(-1).numpy()


@cache
def _normal_numbers(count: int, device: torch.device) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(0)).to(device)


def _grey(image: Tensor) -> Tensor:
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    return (0.299 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)  # ITU-R BT.601


_PERMUTATIONS = [list(order) for order in itertools.permutations(range(3))]
