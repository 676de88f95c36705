"""The same view twice: in training and in validation, or with the depth of another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.doctor.extent import ExtentFacts
from leadline.doctor.findings import Check, Example, Finding, FrameFacts, Study, examples_of, scenes_of, shown
from leadline.doctor.view import View


@dataclass(frozen=True)
class LookFacts:
    """What one frame looks like, in few bytes.

    Attributes:
        picture: digest of every pixel of the picture.
        depth: digest of every pixel of the depth map.
        thumbnail: (256,) int8, brightness of 16x16 cells without its mean, at a norm of 127 * 4.
        slopes: (256,) int8, whether brightness rises (1), falls (-1) or stays (0) from each of 16x17 cells to the next
            (a difference hash that does not listen to noise).
    """

    picture: str
    depth: str
    thumbnail: NDArray[np.int8]
    slopes: NDArray[np.int8]


def measure(view: View) -> LookFacts:
    """Digests and a thumbnail."""
    grey = Image.fromarray(view.luma)
    cells = np.asarray(grey.resize((16, 16), Image.Resampling.BOX), np.float32).ravel()
    cells = cells - cells.mean()
    thumbnail = np.rint(cells / (np.linalg.norm(cells) + 1e-6) * _NORM).clip(-127, 127).astype(np.int8)
    steps = np.asarray(grey.resize((17, 16), Image.Resampling.BOX), np.float32)
    rise = np.diff(steps, axis=1).ravel()
    slopes = (np.sign(rise) * (np.abs(rise) > _QUIET)).astype(np.int8)
    return LookFacts(_digest(view.sample.image), _digest(view.sample.depth_m), thumbnail, slopes)


def find(study: Study) -> list[Finding]:
    """Leaks across the split, rooms in both parts, and depth that belongs to another picture."""
    return [*_stale_depth(study), *_repeated(study), *_across_the_split(study)]


def _across_the_split(study: Study) -> list[Finding]:
    split = study.split
    if split is None:
        return [Finding("leakage", "note", "no split to look at", study.split_problem)] if study.split_problem else []
    if set(split.train) & set(split.validation):
        return []  # overfitting on purpose
    teachers, judges = set(split.train), set(split.validation)
    train = [facts for facts in study.frames if facts.frame.identity in teachers]
    validation = [facts for facts in study.frames if facts.frame.identity in judges]
    pairs = _look_alikes(train, validation)
    return [*_shared_rooms(train, validation, pairs), *_leaks(pairs, validation)]


def _shared_rooms(
    train: Sequence[FrameFacts], validation: Sequence[FrameFacts], pairs: Sequence[tuple[FrameFacts, FrameFacts]]
) -> list[Finding]:
    """Rooms that teach and judge: what a split by frame does."""
    rooms = {facts.frame.room for facts in train}
    inside = [facts for facts in validation if facts.frame.room in rooms]
    if not inside:
        return []
    twins = {judge.frame.identity for _, judge in pairs}
    looked = sum(facts.frame.identity in twins for facts in inside)
    return [
        Finding(
            "leakage",
            "warning",
            f"{len(inside)} of {len(validation)} validation frames are of rooms that also teach",
            f"{looked} of them look like a training frame. Scores on such frames say how well rooms are remembered",
            "Split by room (--data.split-by room), or name validation scenes with --data.validation-file.",
            scenes_of(inside),
            _pair_examples([pair for pair in pairs if pair[0].frame.room == pair[1].frame.room]),
        )
    ]


def _leaks(pairs: Sequence[tuple[FrameFacts, FrameFacts]], validation: Sequence[FrameFacts]) -> list[Finding]:
    """The same view on both sides of the split although the rooms are said to differ."""
    strange = [pair for pair in pairs if pair[0].frame.room != pair[1].frame.room]
    if not strange:
        return []
    same = [pair for pair in strange if pair[0].get(LookFacts).picture == pair[1].get(LookFacts).picture]
    count = len({judge.frame.identity for _, judge in strange})
    return [
        Finding(
            "leakage",
            "error" if same else "warning",
            f"{count} of {len(validation)} validation frames are also in training, under the name of another room",
            f"{len(same)} pairs are the same pixel for pixel, {len(strange) - len(same)} look alike "
            f"(thumbnails correlate above {ALIKE}, less than {FEW_SLOPES} of 256 slopes oppose): "
            + shown([f"{judge.frame.identity} = {teacher.frame.identity}" for teacher, judge in strange], count=3),
            "Give the scenes the same room in their scene.json, or move them to one side with --data.validation-file.",
            scenes_of([judge for _, judge in strange]),
            _pair_examples(same or strange),
        )
    ]


def _stale_depth(study: Study) -> list[Finding]:
    """One depth map under several pictures: the depth of a stream that stood still."""
    owners: dict[str, dict[str, FrameFacts]] = {}
    for facts in study.frames:
        if not facts.get(ExtentFacts).is_constant:
            look = facts.get(LookFacts)
            owners.setdefault(look.depth, {}).setdefault(look.picture, facts)
    shared = [list(pictures.values()) for pictures in owners.values() if len(pictures) > 1]
    if not shared:
        return []
    frames = [facts for group in shared for facts in group]
    return [
        Finding(
            "leakage",
            "error" if len(frames) > 0.02 * len(study.frames) else "warning",
            f"{len(frames)} frames have the depth map of another picture",
            f"{len(shared)} depth maps are equal in every pixel under different pictures; no sensor repeats itself",
            "Pair colour and depth by their time stamps again.",
            scenes_of(frames),
            examples_of(shared[0], lambda facts: facts.frame.identity),
        )
    ]


def _repeated(study: Study) -> list[Finding]:
    """Frames that are there twice, wherever."""
    first: dict[tuple[str, str], FrameFacts] = {}
    again: list[tuple[FrameFacts, FrameFacts]] = []
    for facts in study.frames:
        look = facts.get(LookFacts)
        original = first.setdefault((look.picture, look.depth), facts)
        if original is not facts:
            again.append((original, facts))
    if not again:
        return []
    return [
        Finding(
            "leakage",
            "warning",
            f"{len(again)} of {len(study.frames)} frames are exact copies of another",
            shown([f"{copy.frame.identity} = {original.frame.identity}" for original, copy in again], count=3),
            "Remove the copies: they weigh twice.",
            scenes_of([copy for _, copy in again]),
            _pair_examples(again),
        )
    ]


def _look_alikes(train: Sequence[FrameFacts], validation: Sequence[FrameFacts]) -> list[tuple[FrameFacts, FrameFacts]]:
    """Pairs of a training and a validation frame that show the same view; each validation frame's best one."""
    if not train or not validation:
        return []
    thumbnails = np.stack([facts.get(LookFacts).thumbnail for facts in train]).astype(np.float32) / _NORM
    slopes = np.stack([facts.get(LookFacts).slopes for facts in train])
    pairs = []
    for judge in validation:
        look = judge.get(LookFacts)
        alike = thumbnails @ (look.thumbnail.astype(np.float32) / _NORM)
        alike[(slopes * look.slopes == -1).sum(axis=1) >= FEW_SLOPES] = -1
        # Two white walls are alike without being the same.
        alike[((slopes != 0) & (look.slopes != 0)).sum(axis=1) < FEW_SLOPES] = -1
        best = int(alike.argmax())
        if alike[best] > ALIKE:
            pairs.append((train[best], judge))
    return pairs


def _pair_examples(pairs: Sequence[tuple[FrameFacts, FrameFacts]]) -> tuple[Example, ...]:
    return tuple(
        Example(judge.frame, f"{teacher.frame.identity} | {judge.frame.identity}", "pair", teacher.frame)
        for teacher, judge in pairs[:4]
    )


def _digest(array: NDArray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=12).hexdigest()


ALIKE = 0.95
FEW_SLOPES = 16
_QUIET = 2.0
_NORM = 127.0 * 4

CHECK = Check(measure, find)
