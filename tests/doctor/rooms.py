"""Rooms that are computed: floor, walls and boxes before a pinhole camera, colour and depth in perfect registration."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.depth.camera import Camera
from leadline.doctor.checks import CHECKS
from leadline.doctor.examine import facts_of
from leadline.doctor.findings import Finding, FrameFacts, Study

HEIGHT, WIDTH, FOCAL_PX = 240, 320, 200.0
CAMERA = Camera(fx_px=FOCAL_PX, fy_px=FOCAL_PX, cx_px=159.5, cy_px=119.5, width=WIDTH, height=HEIGHT)


def room(seed: int, frame: int = 0, *, scene: str | None = None) -> Sample:
    """A frame of a room; the frames of one seed share walls and differ in their boxes."""
    generator = np.random.default_rng([seed, 0])
    floor_m, wall_m, side_m = generator.uniform(0.7, 1.1), generator.uniform(2.2, 3.8), generator.uniform(1.2, 2.0)
    colors = [generator.uniform(40, 220, 3) for _ in range(20)]
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    right, down = (x - 159.5) / FOCAL_PX, (y - 119.5) / FOCAL_PX
    surfaces = [
        np.full((HEIGHT, WIDTH), wall_m),
        np.divide(floor_m, down, where=down > 0, out=np.full((HEIGHT, WIDTH), np.inf)),
        np.divide(side_m, right, where=right > 0, out=np.full((HEIGHT, WIDTH), np.inf)),
        np.divide(side_m, -right, where=right < 0, out=np.full((HEIGHT, WIDTH), np.inf)),
    ]
    boxes = np.random.default_rng([seed, 1, frame])
    for _ in range(6):
        depth_m, left, top = boxes.uniform(0.8, 1.6), boxes.integers(10, 260), boxes.integers(60, 180)
        box = np.full((HEIGHT, WIDTH), np.inf)
        box[top : top + boxes.integers(30, 60), left : left + boxes.integers(20, 60)] = depth_m
        surfaces.append(box)
    stack = np.stack(surfaces)
    which = stack.argmin(axis=0)
    depth_m = stack.min(axis=0) + boxes.normal(0, 0.002, (HEIGHT, WIDTH))
    image = np.array(colors)[which] + boxes.normal(0, 3, (HEIGHT, WIDTH, 3))
    return Sample(
        frame=Frame(scene=scene or f"room-{seed}", name=f"{frame:04}", room=f"room-{seed}", size_bytes=1),
        image=image.clip(0, 255).astype(np.uint8),
        depth_m=millimetres(depth_m),
        camera=CAMERA,
    )


def rooms(count: int = 5, frames: int = 3) -> list[Sample]:
    """Several frames of several rooms."""
    return [room(seed, frame) for seed in range(count) for frame in range(frames)]


def millimetres(depth_m: NDArray) -> NDArray[np.float32]:
    """Depth as a 16-bit file in millimetres gives it back."""
    return (np.rint(depth_m * 1000).clip(0, 65_535).astype(np.float32) * np.float32(0.001)).astype(np.float32)


def with_depth(samples: Sequence[Sample], change: Callable[[NDArray[np.float32]], NDArray]) -> list[Sample]:
    return [replace(sample, depth_m=millimetres(change(sample.depth_m))) for sample in samples]


def with_image(samples: Sequence[Sample], change: Callable[[NDArray[np.uint8]], NDArray]) -> list[Sample]:
    return [replace(sample, image=np.ascontiguousarray(change(sample.image)).astype(np.uint8)) for sample in samples]


def facts(samples: Sequence[Sample]) -> list[FrameFacts]:
    return [facts_of(sample) for sample in samples]


def found(check: str, samples: Sequence[Sample], **study: object) -> list[Finding]:
    """What one check says about samples."""
    return CHECKS[check].find(Study(facts(samples), **study))


def serious(check: str, samples: Sequence[Sample], **study: object) -> list[Finding]:
    """Its warnings and errors."""
    return [finding for finding in found(check, samples, **study) if finding.severity != "note"]


def only(findings: Sequence[Finding]) -> Finding:
    """The single finding."""
    assert len(findings) == 1, [finding.title for finding in findings]
    return findings[0]
