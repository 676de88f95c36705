"""Cameras: what is held in a hand, stands on a table or drives about, and where it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadline.depth.camera import Camera
from leadline.synthesis.materials import Dice
from leadline.synthesis.stage import Stage

KINDS = {"hand": 0.3, "at furniture": 0.27, "close": 0.24, "robot": 0.09, "floor": 0.06, "up": 0.04}
"""How often a camera is of a kind."""

_TRIES = 40
_NEAREST_M = 0.12


@dataclass(frozen=True)
class Pose:
    """Where a camera is, and where it looks.

    Args:
        position: (3,) metres.
        axes: (3, 3) rows: right, down and forward of the picture in the world.
    """

    position: NDArray
    axes: NDArray


def draw_camera(dice: Dice, *, height: int, width: int, fov_deg: tuple[float, float]) -> Camera:
    """Intrinsics of a pinhole camera: most often 50 to 65 degrees wide where the range allows it.

    Args:
        dice: of the scene.
        height: of the picture in pixels.
        width: of the picture in pixels.
        fov_deg: smallest and largest angle across the longer side.
    """
    low, high = fov_deg
    usual = float(np.clip(56.0, low, high))
    fov = dice.triangular(low, usual, high) if high > low else low
    focal_px = max(height, width) / 2 / math.tan(math.radians(float(fov)) / 2)
    return Camera(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)


def rays(camera: Camera, pose: Pose, *, columns: NDArray, rows: NDArray) -> NDArray:
    """(n, 3) float32 directions through points of the picture, of unit length along the optical axis.

    A distance in these lengths is therefore depth, not range.

    Args:
        camera: intrinsics.
        pose: of the camera.
        columns: (n,) x in pixels; the centre of the first pixel is 0.
        rows: (n,) y in pixels.
    """
    x, y = (columns - camera.cx_px) / camera.fx_px, (rows - camera.cy_px) / camera.fy_px
    right, down, forward = pose.axes
    return (x[:, None] * right + y[:, None] * down + forward).astype(np.float32)


def draw_pose(dice: Dice, stage: Stage, camera: Camera) -> Pose:
    """A place from which something can be seen: not in or against furniture."""
    for _ in range(_TRIES):
        pose = _some_pose(dice, stage)
        if _sees(dice, stage, camera, pose):
            return pose
    width, depth, height = stage.scene.size
    return _pose(np.array([width * 0.45, depth * 0.45, height * 0.85]), 3.9, -0.5, 0.0)


def _some_pose(dice: Dice, stage: Stage) -> Pose:
    kind = str(dice.choice(list(KINDS), p=list(KINDS.values())))
    width, depth, height = stage.scene.size
    spot = np.array([*(dice.uniform(-0.5, 0.5, 2) * (width - 0.3, depth - 0.3)), 0.0])
    roll = float(dice.normal(0, math.radians(12 if dice.random() < 0.08 else 3)))
    if kind in ("at furniture", "close"):
        return _pose_at(dice, stage, is_close=kind == "close", roll=roll)
    away_from_wall = math.atan2(-spot[1], -spot[0]) + float(dice.normal(0, 0.9))
    low, high = {"hand": (1.15, 1.75), "robot": (0.12, 0.6), "floor": (0.5, 1.7), "up": (0.5, 1.6)}[kind]
    spot[2] = min(float(dice.uniform(low, high)), height - 0.2)
    pitch_deg = {"hand": dice.normal(-12, 11), "robot": dice.normal(0, 6),
                 "floor": dice.uniform(-85, -40), "up": dice.uniform(8, 40)}[kind]  # fmt: skip
    return _pose(spot, away_from_wall, math.radians(float(pitch_deg)), roll)


def _pose_at(dice: Dice, stage: Stage, *, is_close: bool, roll: float) -> Pose:
    """Looking at a piece of furniture, from some steps away or bent over it."""
    width, depth, height = stage.scene.size
    targets = stage.scene.targets
    luck = dice.choice(len(targets), p=stage.scene.interest) if is_close else dice.integers(len(targets))
    target = targets[int(luck)] + dice.normal(0, 0.25, 3) * (1, 1, 0.4)
    away = float(dice.uniform(0.3, 1.2) if is_close else dice.uniform(0.9, 3.8))
    inwards = math.atan2(-target[1], -target[0]) + float(dice.normal(0, 0.8))
    pitch = math.radians(float(dice.uniform(-70, -12) if is_close else dice.uniform(-35, 3)))
    level = away * math.cos(pitch)
    position = target + np.array([level * math.cos(inwards), level * math.sin(inwards), -away * math.sin(pitch)])
    position = np.clip(
        position, [-width / 2 + 0.15, -depth / 2 + 0.15, 0.1], [width / 2 - 0.15, depth / 2 - 0.15, height - 0.15]
    )
    towards = target - position
    yaw = math.atan2(towards[1], towards[0]) + float(dice.normal(0, 0.12))
    pitch = math.atan2(towards[2], math.hypot(towards[0], towards[1])) + float(dice.normal(0, 0.1))
    return _pose(position, yaw, pitch, roll)


def _pose(position: NDArray, yaw: float, pitch: float, roll: float) -> Pose:
    pitch = float(np.clip(pitch, -1.5, 1.5))
    forward = np.array([math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw), math.sin(pitch)])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    axes = np.stack(
        [math.cos(roll) * right + math.sin(roll) * down, math.cos(roll) * down - math.sin(roll) * right, forward]
    )
    return Pose(position, axes)


def _sees(dice: Dice, stage: Stage, camera: Camera, pose: Pose) -> bool:
    """Whether a coarse look shows a room: nothing right before the lens, and more than one thing."""
    columns, rows = np.meshgrid(np.linspace(0, camera.width - 1, 16), np.linspace(0, camera.height - 1, 12))
    directions = rays(camera, pose, columns=columns.ravel(), rows=rows.ravel())
    hits = stage.look(np.repeat(pose.position[None].astype(np.float32), len(directions), axis=0), directions)
    depth_m = hits.distance[hits.distance > 0]
    if len(depth_m) < 0.95 * len(directions) or depth_m.min() < _NEAREST_M or np.percentile(depth_m, 10) < 0.2:
        return False
    shown = np.unique(hits.part)
    # A bare wall is a picture that people take, but seldom.
    return len(shown) > 6 or (len(shown) > 1 and dice.random() < 0.15)
