"""Which frames teach and which ones judge: by room, by frame, by list or by the data set's own test set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leadline.atomic import atomic_write
from leadline.data.sample import Frame
from leadline.errors import InputError
from leadline.options import SplitBy


@dataclass(frozen=True)
class SplitRule:
    """All that decides a split, so that the same frames always give the same one.

    Args:
        by: whole rooms, single frames, the data set's official test set, or "same" frames for both (overfitting).
        share: of the rooms or frames that validate.
        seed: of the draw.
        scenes: validate on exactly these scenes; replaces `by` and `share`.
        limit: use this many frames only, spread over the rooms.
    """

    by: SplitBy = "room"
    share: float = 0.1
    seed: int = 0
    scenes: tuple[str, ...] | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Split:
    """Identities of the frames that teach and of those that judge."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    rule: SplitRule

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of both lists."""
        text = "\n".join(["train", *sorted(self.train), "validation", *sorted(self.validation)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_split(frames: Sequence[Frame], rule: SplitRule) -> Split:
    """Split frames by a rule. Frames of an official test set never teach.

    Example:
        >>> frames = [Frame(scene=f"s{i}", name="0", room=f"r{i}", size_bytes=1) for i in range(4)]
        >>> split = make_split(frames, SplitRule(by="room", share=0.25))
        >>> len(split.train), len(split.validation)
        (3, 1)

    Raises:
        InputError: one of the two would be empty, or a listed scene does not exist.
    """
    if rule.scenes is not None:
        judges = _by_scenes(frames, rule.scenes)
    elif rule.by == "official":
        judges = {frame.identity for frame in frames if frame.subset == "test"}
    elif rule.by == "same":
        judges = set()
    else:
        # Without a test set no subset is named, and all frames are drawn from.
        judges = _drawn([frame for frame in frames if frame.subset != "test"], rule)
    judging_rooms = {frame.room for frame in frames if frame.identity in judges} if rule.by != "frame" else set()
    teachers = [
        frame
        for frame in frames
        if frame.identity not in judges and frame.subset != "test" and not (rule.scenes and frame.room in judging_rooms)
    ]
    train = _limited(teachers, rule)
    validation = (
        train if rule.by == "same" and rule.scenes is None else [f.identity for f in frames if f.identity in judges]
    )
    if not train or not validation:
        raise InputError(
            f"the split leaves {len(train)} frames to train on and {len(validation)} to validate on, of {len(frames)}; "
            f"add frames or rooms, change data.validation_share, or split by frame (data.split_by: frame)"
        )
    return Split(train=tuple(train), validation=tuple(validation), rule=rule)


def read_scene_list(path: Path) -> tuple[str, ...]:
    """Scenes from a text file, one a line; `#` starts a comment.

    Raises:
        InputError: no such file, or nothing in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the list of validation scenes cannot be read ({error})") from error
    scenes = tuple(filter(None, (line.split("#")[0].strip() for line in lines)))
    if not scenes:
        raise InputError(f"{path}: lists no scene")
    return scenes


def write_split(path: Path, split: Split) -> None:
    """Write a split as JSON, atomically."""
    with atomic_write(path) as part:
        part.write_text(json.dumps(asdict(split), indent=1), encoding="utf-8")


def read_split(path: Path) -> Split:
    """A split that write_split wrote.

    Raises:
        InputError: missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        train, validation = (tuple(map(str, content[part])) for part in ("train", "validation"))
        return Split(train=train, validation=validation, rule=rule_from_plain(content["rule"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the split cannot be read ({error})") from error


def rule_from_plain(content: dict[str, Any]) -> SplitRule:
    """A rule from its JSON form."""
    scenes = content.get("scenes")
    return SplitRule(**{**content, "scenes": None if scenes is None else tuple(scenes)})


def _by_scenes(frames: Sequence[Frame], scenes: tuple[str, ...]) -> set[str]:
    known = {frame.scene for frame in frames}
    missing = [scene for scene in scenes if scene not in known]
    if missing:
        raise InputError(f"validation scenes that the data do not have: {', '.join(missing[:10])}")
    return {frame.identity for frame in frames if frame.scene in scenes}


def _drawn(frames: Sequence[Frame], rule: SplitRule) -> set[str]:
    group_of = {frame.identity: frame.room if rule.by == "room" else frame.identity for frame in frames}
    groups = sorted(set(group_of.values()))
    count = min(max(1, round(rule.share * len(groups))), len(groups) - 1)
    order = np.random.default_rng(rule.seed).permutation(len(groups))
    chosen = {groups[index] for index in order[: max(count, 0)]}
    return {identity for identity, group in group_of.items() if group in chosen}


def _limited(frames: Sequence[Frame], rule: SplitRule) -> list[str]:
    if rule.limit is None or rule.limit >= len(frames):
        return [frame.identity for frame in frames]
    generator = np.random.default_rng(rule.seed)
    rooms: dict[str, list[str]] = {}
    for index in generator.permutation(len(frames)):
        rooms.setdefault(frames[index].room, []).append(frames[index].identity)
    # Round robin over the rooms: the first frame of each, then the second of each.
    ranked = sorted(
        (rank, place, name) for place, names in enumerate(rooms.values()) for rank, name in enumerate(names)
    )
    chosen = {name for _, _, name in ranked[: rule.limit]}
    return [frame.identity for frame in frames if frame.identity in chosen]
