"""What a check says, and what it says it about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np

from leadline.data.sample import Frame
from leadline.data.splits import Split
from leadline.depth.camera import Camera
from leadline.doctor.view import View

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Error: training on it would teach or measure nonsense. Warning: look at it. Note: know it."""

Drawing = Literal["side", "edges", "farthest", "pair"]
Facts = TypeVar("Facts")


@dataclass(frozen=True)
class Example:
    """A frame that shows a finding.

    `drawing` says how: picture beside depth, depth's edges over the picture, the farthest pixels marked, or this
    frame's picture beside that of `partner`.
    """

    frame: Frame
    caption: str
    drawing: Drawing = "side"
    partner: Frame | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing.

    Args:
        check: the key of the check in CHECKS.
        severity: how sure and how bad; see SEVERITIES.
        title: what is wrong, in a sentence.
        evidence: the numbers that say so, with what would be usual.
        cure: what to do; empty when there is nothing to do.
        scenes: where, when it is not the whole data set.
        examples: frames to look at.
    """

    check: str
    severity: Severity
    title: str
    evidence: str
    cure: str = ""
    scenes: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class FrameFacts:
    """The measured numbers of one frame.

    Attributes:
        frame: which.
        image_size: (height, width) of the picture in pixels.
        depth_size: (height, width) of the depth map in pixels.
        camera: intrinsics, when they are known.
        parts: what each check measured, by the class of its facts.
    """

    frame: Frame
    image_size: tuple[int, int]
    depth_size: tuple[int, int]
    camera: Camera | None
    parts: Mapping[type, Any]

    def get(self, kind: type[Facts]) -> Facts:
        """What one check measured."""
        facts: Facts = self.parts[kind]
        return facts


@dataclass(frozen=True)
class Study:
    """All frames that were looked at.

    Attributes:
        frames: the facts of the readable ones.
        unreadable: why the others could not be read, by identity.
        split: what would teach and what would judge, or None when no split is possible.
        split_problem: why there is none.
        depth_unit_m: metres per step that the user gave; None when the format decided.
    """

    frames: Sequence[FrameFacts]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    split: Split | None = None
    split_problem: str = ""
    depth_unit_m: float | None = None

    @cached_property
    def scenes(self) -> dict[str, list[FrameFacts]]:
        """The frames of each scene, in their order."""
        scenes: dict[str, list[FrameFacts]] = {}
        for facts in self.frames:
            scenes.setdefault(facts.frame.scene, []).append(facts)
        return scenes


@dataclass(frozen=True)
class Check:
    """A kind of fault: how to measure one frame for it, and what the measurements of all frames say.

    Args:
        measure: called once for each frame, in many threads; gives an object of the check's own facts class.
        find: called once at the end. It may read the facts of other checks, too.
    """

    measure: Callable[[View], object]
    find: Callable[[Study], list[Finding]]


def examples_of(
    frames: Sequence[FrameFacts], caption: Callable[[FrameFacts], str], *, drawing: Drawing = "side", count: int = 4
) -> tuple[Example, ...]:
    """A few of these frames, evenly spread, each with its caption."""
    places = sorted({int(place) for place in np.linspace(0, len(frames) - 1, min(count, len(frames)))})
    return tuple(Example(frames[place].frame, caption(frames[place]), drawing) for place in places)


def scenes_of(frames: Sequence[FrameFacts]) -> tuple[str, ...]:
    """The scenes of these frames, each once, in their order."""
    return tuple(dict.fromkeys(facts.frame.scene for facts in frames))


def shown(names: Sequence[str], *, count: int = 5) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> shown(["a", "b", "c"], count=2)
        'a, b and 1 more'
    """
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
