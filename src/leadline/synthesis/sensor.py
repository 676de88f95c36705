"""What a real camera makes of light and depth: exposure, lens, noise, compression, holes."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.depth.camera import Camera
from leadline.synthesis.materials import Dice
from leadline.synthesis.patterns import cloud
from leadline.synthesis.render import Rendered

Sensor = Literal["none", "camera", "kinect"]

_BASELINE_M = 0.075
"""From the Kinect's projector to its camera."""


def take_picture(rendered: Rendered, dice: Dice, *, sensor: Sensor) -> bytes:
    """The picture as a JPEG file.

    Args:
        rendered: the light.
        dice: of the frame.
        sensor: "none" is well exposed, sharp and without noise.
    """
    if sensor == "none":
        levels = _developed(
            rendered.light * _gain(rendered.light, stops=0.0), warm=np.ones(3), shoulder=1.0, contrast=1.5
        )
        return _jpeg(levels, quality=95)
    light = rendered.light * _gain(rendered.light, stops=_stops(dice))
    light = _through_lens(light, dice)
    light = _noisy(light, dice)
    average = light.mean((0, 1))
    warm = (average.mean() / np.maximum(average, 1e-6)) ** float(dice.uniform(0.0, 0.7)) * dice.normal(1, 0.04, 3)
    levels = _developed(
        light, warm=warm, shoulder=float(dice.uniform(0.6, 1.5)), contrast=float(dice.uniform(1.2, 1.8))
    )
    return _jpeg(levels, quality=int(dice.integers(60, 96)))


def measure_depth(rendered: Rendered, camera: Camera, dice: Dice, *, sensor: Sensor) -> NDArray[np.float32]:
    """(height, width) float32 metres: exact, but for "kinect", which has holes and noise as the first one had.

    Args:
        rendered: the depth and what the surfaces are like.
        camera: its intrinsics.
        dice: of the frame.
        sensor: which.
    """
    depth_m: NDArray[np.float32] = rendered.depth_m.astype(np.float32)
    if sensor != "kinect":
        return depth_m
    # Khoshelham and Elberink (2012): the noise grows with the square of the distance.
    noise = dice.normal(0, 1, depth_m.shape) * (0.0008 + 0.0014 * depth_m**2)
    noisy = np.maximum(depth_m + noise, 0)
    holes = _shadow_of_projector(depth_m, camera) | (noisy < 0.4) | (noisy > float(dice.uniform(4.5, 8)))
    returned = rendered.reflectance * rendered.facing / np.maximum(depth_m, 0.4) ** 2
    holes |= returned < 0.0015
    holes |= (rendered.gloss > 0.3) & ((rendered.facing < 0.25) | (rendered.facing > 0.985))
    height, width = depth_m.shape
    across, down = np.meshgrid(np.arange(width) / width * 12, np.arange(height) / width * 12)
    spots = cloud((across + dice.uniform(0, 32)).ravel(), (down + dice.uniform(0, 32)).ravel()).reshape(depth_m.shape)
    holes |= spots * (0.6 + 0.4 * (1 - rendered.facing)) > 0.93
    holes[:, : int(dice.integers(1, 1 + width // 25))] = True
    return np.where(holes, 0, noisy).astype(np.float32)


def _shadow_of_projector(depth_m: NDArray, camera: Camera) -> NDArray:
    """(height, width) bool: what the projector, right of the camera, does not light; and edges."""
    columns = np.arange(camera.width)
    lit_at = columns - camera.fx_px * _BASELINE_M / np.maximum(depth_m, 0.1)
    # From the right, what was lit farther left hides what comes after it.
    hidden_up_to = np.minimum.accumulate(lit_at[:, ::-1], axis=1)[:, ::-1]
    shadow = lit_at > hidden_up_to + 0.5
    edge = np.zeros_like(shadow)
    jump = np.abs(np.diff(depth_m, axis=1)) > 0.05 * depth_m[:, 1:]
    edge[:, 1:] |= jump
    edge[:, :-1] |= jump
    return shadow | edge


def _stops(dice: Dice) -> float:
    """Exposure against a good one: mostly right, sometimes nearly black or burnt out."""
    luck = dice.random()
    if luck < 0.05:
        return float(dice.uniform(-2.5, -1.0))
    return float(dice.uniform(0.9, 1.7)) if luck < 0.1 else float(dice.normal(0, 0.35))


def _gain(light: NDArray, *, stops: float) -> float:
    """Brings the middle of the picture's levels to a seventh, without burning out more than a tenth by much."""
    level = light.mean(-1)
    middle, bright = float(np.median(level)), float(np.percentile(level, 92))
    return 2**stops * min(0.14 / max(middle, 1e-5), 1.0 / max(bright, 1e-5))


def _through_lens(light: NDArray, dice: Dice) -> NDArray:
    """Vignetting, glare, defocus or a moving camera."""
    height, width = light.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = np.minimum(light, 6) * (1 - float(dice.uniform(0, 0.3)) * (x**2 + y**2) / 2).astype(np.float32)[..., None]
    scale = width / 320
    light = _blurred(
        light, float(dice.uniform(0.2, 0.8)) * scale if dice.random() < 0.9 else float(dice.uniform(1, 2.2)) * scale
    )
    if dice.random() < 0.15:
        light = _smeared(light, float(dice.uniform(2, 9)) * scale, float(dice.uniform(0, 6.3)))
    return np.asarray(light + float(dice.uniform(0, 0.02)) * light.mean((0, 1)))


def _blurred(light: NDArray, sigma_px: float) -> NDArray:
    reach = int(np.ceil(2.5 * sigma_px))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(light, [(reach, reach) if side == axis else (0, 0) for side in range(3)], mode="edge")
        size = light.shape[axis]
        light = sum(
            np.float32(weight) * (padded[k : k + size] if axis == 0 else padded[:, k : k + size])
            for k, weight in enumerate(weights)
        )
    return light


def _smeared(light: NDArray, length_px: float, angle: float) -> NDArray:
    steps = max(2, int(length_px))
    total = np.zeros_like(light)
    for share in np.linspace(-0.5, 0.5, steps):
        shift = round(share * length_px * np.sin(angle)), round(share * length_px * np.cos(angle))
        total += np.roll(light, shift, axis=(0, 1)) / steps
    return total


def _noisy(light: NDArray, dice: Dice) -> NDArray:
    """Shot noise and that of reading, which neighbours share a little, as after demosaicing."""
    read, shot = float(dice.uniform(0, 0.006)), float(dice.uniform(0, 0.03)) * float(dice.random())
    grain = dice.normal(0, 1, light.shape).astype(np.float32)
    grain = 0.7 * grain + 0.35 * np.roll(grain, 1, 0) + 0.35 * np.roll(grain, 1, 1)
    return np.maximum(light + grain * np.sqrt(read**2 + shot**2 * np.maximum(light, 0)), 0)


def _developed(light: NDArray, *, warm: NDArray, shoulder: float, contrast: float) -> NDArray[np.uint8]:
    """White balance, a soft shoulder, gamma, and a curve that is `contrast` times as steep in the middle."""
    balanced = np.maximum(light * warm.astype(np.float32), 0)
    bent = (1 - np.exp(-shoulder * balanced)) / (1 - np.exp(-shoulder))
    levels = np.clip(bent, 0, 1) ** (1 / 2.2)
    # An S, so that dark and bright things are pressed together but not cut off.
    low, high = levels**contrast, (1 - levels) ** contrast
    return (low / (low + high) * 255 + 0.5).astype(np.uint8)


def _jpeg(levels: NDArray[np.uint8], *, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=quality)
    return file.getvalue()
