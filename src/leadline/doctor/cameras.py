"""Sizes, orientations and fields of view that do not belong together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from leadline.doctor.findings import Check, Finding, FrameFacts, Study, examples_of, scenes_of, shown
from leadline.doctor.view import View


@dataclass(frozen=True)
class CameraFacts:
    """Nothing beyond what every frame's facts hold: sizes and camera."""


def measure(_view: View) -> CameraFacts:
    """Nothing."""
    return CameraFacts()


def find(study: Study) -> list[Finding]:
    """Mixed sizes, mixed orientations, wide ranges of fields of view, and intrinsics that no camera has."""
    return [*_sizes(study), *_within_scenes(study), *_fields_of_view(study), *_implausible(study)]


def _sizes(study: Study) -> list[Finding]:
    sizes = Counter(facts.image_size for facts in study.frames)
    if len(sizes) < 2:
        return []
    portrait = sum(count for (height, width), count in sizes.items() if height > width)
    said = [f"{width}x{height} ({count})" for (height, width), count in sizes.most_common()]
    return [
        Finding(
            "cameras",
            "note",
            f"{len(sizes)} sizes of pictures, {portrait} of {len(study.frames)} frames portrait",
            shown(said, count=6),
            "All are letterboxed into the network's input; small pictures are enlarged.",
        )
    ]


def _within_scenes(study: Study) -> list[Finding]:
    mixed = [scene for scene, frames in study.scenes.items() if len({_shape(facts) for facts in frames}) > 1]
    if not mixed:
        return []
    frames = [facts for scene in mixed for facts in _one_of_each(study.scenes[scene])]
    return [
        Finding(
            "cameras",
            "warning",
            f"{len(mixed)} scenes mix sizes or orientations",
            shown([f"{scene}: {' and '.join(_shapes(study.scenes[scene]))}" for scene in mixed]),
            "A recording has one camera: pictures were resized or turned after it. Check that depth was, too.",
            tuple(mixed),
            examples_of(frames, lambda facts: f"{facts.frame.identity}: {_shape(facts)}"),
        )
    ]


def _fields_of_view(study: Study) -> list[Finding]:
    degrees = {
        scene: float(np.median([facts.camera.fov_deg for facts in frames if facts.camera is not None]))
        for scene, frames in study.scenes.items()
        if any(facts.camera is not None for facts in frames)
    }
    findings = []
    unknown = [scene for scene in study.scenes if scene not in degrees]
    if degrees and unknown:
        title = f"{len(unknown)} of {len(study.scenes)} scenes have no intrinsics"
        findings.append(Finding("cameras", "note", title, shown(unknown)))
    focal = {scene: 1 / np.tan(np.radians(fov) / 2) for scene, fov in degrees.items()}
    if focal and max(focal.values()) > 1.5 * min(focal.values()):
        narrow, wide = min(degrees, key=lambda s: degrees[s]), max(degrees, key=lambda s: degrees[s])
        findings.append(
            Finding(
                "cameras",
                "warning",
                f"fields of view from {degrees[narrow]:.0f} to {degrees[wide]:.0f} degrees",
                f"{narrow} {degrees[narrow]:.0f}, {wide} {degrees[wide]:.0f}, median "
                f"{np.median(list(degrees.values())):.0f} degrees (NYU's Kinect: 63)",
                "The same thing looks as large near a wide lens as far from a long one: a network that is not told the "
                "focal length will be wrong by the ratio. Keep to cameras alike, or use their intrinsics.",
                examples=examples_of([study.scenes[narrow][0], study.scenes[wide][0]], lambda f: f.frame.scene),
            )
        )
    return findings


def _implausible(study: Study) -> list[Finding]:
    wrong = [facts for facts in study.frames if facts.camera is not None and not _is_plausible(facts)]
    if not wrong:
        return []
    return [
        Finding(
            "cameras",
            "warning",
            f"{len(wrong)} of {len(study.frames)} frames have intrinsics that no camera has",
            "the principal point lies outside the middle half, the pixels are not square, or the field of view is "
            "below 15 or above 130 degrees",
            "Check that the intrinsics belong to pictures of this size (rgb_size of scene.json).",
            scenes_of(wrong),
            examples_of(wrong, lambda facts: f"{facts.frame.identity}: {facts.camera}"),
        )
    ]


def _is_plausible(facts: FrameFacts) -> bool:
    camera = facts.camera
    if camera is None:
        return True
    centred = 0.25 < camera.cx_px / camera.width < 0.75 and 0.25 < camera.cy_px / camera.height < 0.75
    return centred and 0.8 < camera.fx_px / camera.fy_px < 1.25 and 15 < camera.fov_deg < 130


def _shape(facts: FrameFacts) -> str:
    height, width = facts.image_size
    return f"{width}x{height}"


def _shapes(frames: list[FrameFacts]) -> list[str]:
    return sorted({_shape(facts) for facts in frames})


def _one_of_each(frames: list[FrameFacts]) -> list[FrameFacts]:
    return list({_shape(facts): facts for facts in frames}.values())


CHECK = Check(measure, find)
