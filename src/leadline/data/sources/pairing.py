"""Colour and depth files that belong together: the same name in two folders, but for the suffix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from leadline.data.sample import Frame
from leadline.depth.files import DEPTH_SUFFIXES
from leadline.depth.images import IMAGE_SUFFIXES
from leadline.errors import InputError

_File = tuple[Path, os.stat_result]


@dataclass(frozen=True)
class Pair:
    """The two files of a frame.

    `stem` is their common path below the two folders, without suffix and with "/" between folders; `size_bytes` is of
    both together, `modified_ns` when the younger was last changed.
    """

    stem: str
    color: Path
    depth: Path
    size_bytes: int
    modified_ns: int

    def frame(
        self, *, scene: str, room: str, name: str | None = None, subset: Literal["train", "test"] | None = None
    ) -> Frame:
        """The frame as its source lists it; called by the stem when no name is given."""
        return Frame(
            scene=scene,
            name=self.stem if name is None else name,
            room=room,
            size_bytes=self.size_bytes,
            subset=subset,
            modified_ns=self.modified_ns,
        )


@dataclass(frozen=True)
class Lonely:
    """A file whose partner is missing; `lacks` says what it has not got ("colour" or "depth")."""

    path: Path
    lacks: str


def pair_files(
    color_folder: Path, depth_folder: Path, *, color_name: str = "(.+)", depth_name: str = "(.+)"
) -> tuple[list[Pair], list[Lonely]]:
    """List two folders and everything below them, opening no file.

    Args:
        color_folder: pictures (IMAGE_SUFFIXES); a missing folder counts as empty.
        depth_folder: depth maps (DEPTH_SUFFIXES); a missing folder counts as empty. Where a frame has several, the
            first suffix of DEPTH_SUFFIXES wins: ultralytics prefers PNG to NPY, too.
        color_name: regular expression of a picture's name without suffix. What its groups match, joined by "_", is
            what the frame's two files share; files of other names are passed over.
        depth_name: the same of a depth map's name.

    Returns:
        The pairs, sorted by stem, and the files without a partner. Hidden files and other suffixes are passed over.

    Raises:
        InputError: a folder cannot be listed, or two pictures have the same stem.
    """
    colors = _by_stem(color_folder, IMAGE_SUFFIXES, color_name)
    depths = _by_stem(depth_folder, DEPTH_SUFFIXES, depth_name)
    for stem, files in colors.items():
        if len(files) > 1:
            names = " and ".join(sorted(path.name for path, _ in files))
            raise InputError(f"{color_folder}: two pictures are called {stem} ({names}); keep one of them")
    pairs = [
        _pair(stem, colors[stem][0], min(depths[stem], key=_preference))
        for stem in sorted(colors.keys() & depths.keys())
    ]
    lonely = [Lonely(colors[stem][0][0], "depth") for stem in sorted(colors.keys() - depths.keys())]
    lonely += [Lonely(depths[stem][0][0], "colour") for stem in sorted(depths.keys() - colors.keys())]
    return pairs, lonely


def check_paired(root: Path, pairs: Sequence[Pair], lonely: Sequence[Lonely]) -> None:
    """Refuse a data set in which files lack their partner, or that has no frame at all.

    Args:
        root: the data set's folder, which the message leaves out of the files' names.
        pairs: all frames.
        lonely: the files without a partner.

    Raises:
        InputError: names up to five of the files, counts them all, and says what to do.
    """
    if lonely:
        shown = [f"{file.path.relative_to(root).as_posix()} (no {file.lacks})" for file in lonely[:_SHOWN]]
        more = f" and {len(lonely) - _SHOWN} more" if len(lonely) > _SHOWN else ""
        raise InputError(
            f"{root}: {len(lonely)} files have no partner: {', '.join(shown)}{more}. Colour and depth of a frame share "
            f"their name but for the suffix; add what is missing or remove these files."
        )
    if not pairs:
        raise InputError(
            f"{root}: no frames here; pictures may end in {' '.join(IMAGE_SUFFIXES)} and depth in "
            f"{' '.join(DEPTH_SUFFIXES)}"
        )


def listed_pairs(rows: Iterable[tuple[str, Path, Path]], *, said_in: str) -> list[Pair]:
    """The pairs that a table names, opening no file.

    Args:
        rows: stem, picture and depth map of each frame.
        said_in: where the table is, for the message.

    Raises:
        InputError: files that are not there; names up to five of them.
    """
    pairs, missing = [], []
    for stem, color, depth in rows:
        found = []
        for path in (color, depth):
            try:
                found.append(path.stat())
            except OSError:  # noqa: PERF203 (one round is one file, whose size the disk tells)
                missing.append(str(path))
        if len(found) == 2:
            pairs.append(_pair(stem, (color, found[0]), (depth, found[1])))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InputError(
            f"{said_in}: names {len(missing)} missing files: {', '.join(missing[:_SHOWN])}{more}. Download or unpack "
            f"the data set again, or remove these rows."
        )
    return pairs


def _pair(stem: str, color: _File, depth: _File) -> Pair:
    return Pair(
        stem=stem,
        color=color[0],
        depth=depth[0],
        size_bytes=color[1].st_size + depth[1].st_size,
        modified_ns=max(color[1].st_mtime_ns, depth[1].st_mtime_ns),
    )


def _by_stem(folder: Path, suffixes: Sequence[str], name: str) -> dict[str, list[_File]]:
    files: dict[str, list[_File]] = {}
    wanted = re.compile(name)
    try:
        for path, status in _files_below(folder):
            found = wanted.fullmatch(path.stem) if path.suffix.lower() in suffixes else None
            if found:
                stem = path.relative_to(folder).with_name("_".join(found.groups())).as_posix()
                files.setdefault(stem, []).append((path, status))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    return files


def _files_below(folder: Path) -> Iterator[_File]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # what desktops and unfinished copies leave behind
                continue
            if entry.is_dir():
                yield from _files_below(folder / entry.name)
            elif entry.is_file():
                yield folder / entry.name, entry.stat()


def _preference(file: _File) -> int:
    return DEPTH_SUFFIXES.index(file[0].suffix.lower())


_SHOWN = 5
