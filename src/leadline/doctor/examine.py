"""From frames to facts to findings, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from leadline.data.sample import Frame, Sample, Source
from leadline.data.splits import SplitRule, make_split
from leadline.doctor.checks import CHECKS
from leadline.doctor.findings import SEVERITIES, Finding, FrameFacts, Study
from leadline.doctor.view import View
from leadline.errors import InputError


def facts_of(sample: Sample) -> FrameFacts:
    """Every check's numbers of one frame."""
    view = View.of(sample)
    measured = [check.measure(view) for check in CHECKS.values()]
    return FrameFacts(
        frame=sample.frame,
        image_size=(sample.image.shape[0], sample.image.shape[1]),
        depth_size=(sample.depth_m.shape[0], sample.depth_m.shape[1]),
        camera=sample.camera,
        parts={type(facts): facts for facts in measured},
    )


def examine(
    source: Source,
    frames: Sequence[Frame],
    *,
    rule: SplitRule,
    workers: int,
    depth_unit_m: float | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Study:
    """Read frames of a source and measure them.

    Args:
        source: where the frames are.
        frames: those to look at.
        rule: the split to look for leaks across; it is made from all frames of the source.
        workers: threads that read and measure.
        depth_unit_m: metres per step that the user gave.
        advance: called after each frame.

    Returns:
        All that the checks need; a frame that cannot be read is in `unreadable`.
    """

    def look(frame: Frame) -> FrameFacts | str:
        try:
            return facts_of(source.read(frame))
        except InputError as error:
            return str(error)
        finally:
            advance()

    with ThreadPoolExecutor(workers) as pool:
        results = list(zip(frames, pool.map(look, frames), strict=True))
    split, problem = None, ""
    try:
        split = make_split(source.frames, rule)
    except InputError as error:
        problem = str(error)
    return Study(
        frames=[result for _, result in results if isinstance(result, FrameFacts)],
        unreadable={frame.identity: result for frame, result in results if isinstance(result, str)},
        split=split,
        split_problem=problem,
        depth_unit_m=depth_unit_m,
    )


def findings_of(study: Study) -> list[Finding]:
    """What all checks find, the worst first."""
    found = [finding for check in CHECKS.values() for finding in check.find(study)]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def spread(frames: Sequence[Frame], count: int | None) -> list[Frame]:
    """At most `count` frames, as many scenes as possible, each one's evenly spaced; all when None.

    Example:
        >>> frames = [Frame(scene=s, name=str(i), room=s, size_bytes=1) for s in "ab" for i in range(3)]
        >>> [frame.identity for frame in spread(frames, 3)]
        ['a/0', 'a/2', 'b/0']
    """
    if count is None or count >= len(frames):
        return list(frames)
    scenes: dict[str, list[Frame]] = {}
    for frame in frames:
        scenes.setdefault(frame.scene, []).append(frame)
    ranked = sorted(
        ((turn, place), frame.identity)
        for place, members in enumerate(scenes.values())
        for turn, frame in enumerate(_far_apart(members))
    )
    # With more scenes than frames, those that are looked at are spread over all of them.
    if count < len(scenes):
        ranked = [ranked[at * len(scenes) // count] for at in range(count)]
    chosen = {identity for _, identity in ranked[:count]}
    return [frame for frame in frames if frame.identity in chosen]


def _far_apart(members: Sequence[Frame]) -> list[Frame]:
    """The same frames in an order in which every beginning is spread out: by their index with its bits reversed."""
    bits = max(1, (len(members) - 1).bit_length())
    return [members[at] for at in sorted(range(len(members)), key=lambda at: int(f"{at:0{bits}b}"[::-1], 2))]
