"""A robot's map from one camera: a recorded room as a stream, one range reading a frame, an occupancy grid.

    python examples/robot/map_room.py FRAMES/red-kitchen --out maps [--model MODEL]

The recording has colour and measured depth. Of the depth the robot gets one number a frame: what a range finder would
say that looks along the camera's axis. The sensor's whole depth makes the map to compare with, and the poses, which
stand for the odometry that a robot has anyway: what differs between the maps is the depth alone.

Needs leadline[video] (OpenCV). docs/robot.md walks through it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from numpy.typing import NDArray
from occupancy import Grid, compared, drawn, scan_of
from odometry import Pose, camera_points, levelled, moved, poses_of
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Sample
from leadline.data.sources.catalog import open_source
from leadline.depth.depth_map import DepthMap
from leadline.depth.images import write_image
from leadline.errors import InputError
from leadline.inference.predictor import PointsDoNotHelp, Predictor, load
from leadline.inference.streams.steady import Steady

HALF_M = 5.0
EVERY_PX = 4


@dataclass(frozen=True)
class Options:
    """What to map."""

    scene: tyro.conf.Positional[Path]
    """Folder of one recording with measured depth and a known camera, in any layout of docs/data.md."""
    out: Path = Path("maps")
    """Folder for the pictures of the maps."""
    model: Path | None = None
    """Model file; the one in the box when not given."""
    sigma: float = 0.15
    """Standard deviation of a depth as a share of it, where the model says none of its own."""


class Frame(NamedTuple):
    """A frame of the recording: where it was taken, and what the range finder said (column, row, metres)."""

    sample: Sample
    pose: Pose
    reading: tuple[float, float, float] | None


def main(options: Options) -> None:
    """Make the maps, compare them, draw them."""
    frames = placed_frames(options.scene)
    predictor = load(options.model)
    said, scaled = (predicted(predictor, frames, with_readings=given) for given in (False, True))
    measured = [DepthMap(camera_points(frame.sample)[..., 2], camera=frame.sample.camera) for frame in frames]
    maps = {
        "the sensor": (measured, 0.0),
        "as the network says": (said, 0.0),
        "- with sigma": (said, options.sigma),
        "with a reading a frame": (scaled, 0.0),
        "- with sigma ": (scaled, options.sigma),
    }
    grids = {name: mapped(frames, depths, sigma=sigma) for name, (depths, sigma) in maps.items()}
    table = Table(title=f"{options.scene.name}: {len(frames)} frames placed")
    for column in ("map", "rel of depth", "occupied right [%]", "found [%]", "said free [%]"):
        table.add_column(column, justify="right")
    for name, (depths, _) in maps.items():
        scores = compared(grids[name], grids["the sensor"])
        table.add_row(name, f"{relative_error(depths, measured):.3f}", *(f"{score:.0f}" for score in scores))
    Console(width=120).print(table)
    path_m = np.array([frame.pose[:3, 3] for frame in frames])
    write_image(options.out / f"{options.scene.name}.png", drawn(list(grids.values()), path_m))


def placed_frames(scene: Path) -> list[Frame]:
    """The frames of a recording whose place could be found.

    Raises:
        InputError: no camera is known, or no frame sees the floor.
    """
    source = open_source(scene)
    samples = [source.read(frame) for frame in source.frames]
    if any(sample.camera is None for sample in samples):
        raise InputError(f"{scene}: a map needs the intrinsics of the camera")
    poses = poses_of(samples)
    level = levelled(samples, poses)
    if level is None:
        raise InputError(f"{scene}: no frame sees the floor, so it is not known what is up")
    return [
        Frame(sample, level @ pose, reading(sample))
        for sample, pose in zip(samples, poses, strict=True)
        if pose is not None
    ]


def reading(sample: Sample) -> tuple[float, float, float] | None:
    """What a range finder beside the camera would say: the median depth of a few pixels in the middle."""
    depth_m = camera_points(sample)[..., 2]
    row, column = (size // 2 for size in depth_m.shape)
    spot_m = depth_m[row - 3 : row + 4, column - 3 : column + 4]
    known_m = spot_m[np.isfinite(spot_m)]
    return (float(column), float(row), float(np.median(known_m))) if known_m.size else None


def predicted(predictor: Predictor, frames: list[Frame], *, with_readings: bool) -> list[DepthMap]:
    """The depth of each frame, steady over time; with the reading, where there is one, as a point of known depth."""
    steady, depths = Steady(), []
    for frame in frames:
        camera = frame.sample.camera
        assert camera is not None
        points = [frame.reading] if with_readings and frame.reading is not None else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PointsDoNotHelp)  # a reading that does not help leaves the depth as it is
            depth = predictor.predict(frame.sample.image, focal_px=camera.fx_px, points=points)
        depths.append(replace(depth, metres=steady(frame.sample.image, depth.metres), camera=camera))
    return depths


def mapped(frames: list[Frame], depths: list[DepthMap], *, sigma: float) -> Grid:
    """The map of all frames.

    Args:
        frames: with their poses.
        depths: of each.
        sigma: standard deviation of depth as a share of it, where the model says none; 0: depth is taken as it is.
    """
    grid = Grid(HALF_M)
    for frame, depth in zip(frames, depths, strict=True):
        points_m = depth.points()[::EVERY_PX, ::EVERY_PX].reshape(-1, 3)
        known = np.isfinite(points_m).all(axis=1)
        sigmas = _sigmas(depth, sigma)[::EVERY_PX, ::EVERY_PX].reshape(-1)
        grid.add(
            scan_of(moved(points_m[known].astype(np.float64), frame.pose), sigmas[known], frame.pose[:3, 3]),
            frame.pose[:2, 3],
        )
    return grid


def _sigmas(depth: DepthMap, otherwise: float) -> NDArray[np.float64]:
    """Of the model where it says them, as shares of the depth."""
    sigma_m = getattr(depth, "sigma_m", None)
    if otherwise and sigma_m is not None:
        return (sigma_m / depth.metres).astype(np.float64)
    return np.full(depth.metres.shape, otherwise)


def relative_error(depths: list[DepthMap], measured: list[DepthMap]) -> float:
    """Mean over frames of |predicted - measured| / measured."""
    errors = [np.abs(depth.metres / truth.metres - 1) for depth, truth in zip(depths, measured, strict=True)]
    return float(np.mean([np.nanmean(error) for error in errors]))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
