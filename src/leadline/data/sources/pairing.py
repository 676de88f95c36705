"""Colour and depth files that belong together: the same name in two folders, but for the suffix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadline.depth.files import DEPTH_SUFFIXES
from leadline.depth.images import IMAGE_SUFFIXES
from leadline.errors import InputError


@dataclass(frozen=True)
class Pair:
    """The two files of a frame.

    `stem` is their common path below the two folders, without suffix and with "/" between folders.
    """

    stem: str
    color: Path
    depth: Path
    size_bytes: int


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
    pairs = []
    for stem in sorted(colors.keys() & depths.keys()):
        (color, color_bytes), (depth, depth_bytes) = colors[stem][0], min(depths[stem], key=_preference)
        pairs.append(Pair(stem=stem, color=color, depth=depth, size_bytes=color_bytes + depth_bytes))
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
        sizes_bytes = []
        for path in (color, depth):
            try:
                sizes_bytes.append(path.stat().st_size)
            except OSError:  # noqa: PERF203 (one round is one file, whose size the disk tells)
                missing.append(str(path))
        pairs.append(Pair(stem=stem, color=color, depth=depth, size_bytes=sum(sizes_bytes)))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InputError(
            f"{said_in}: names {len(missing)} missing files: {', '.join(missing[:_SHOWN])}{more}. Download or unpack "
            f"the data set again, or remove these rows."
        )
    return pairs


def _by_stem(folder: Path, suffixes: Sequence[str], name: str) -> dict[str, list[tuple[Path, int]]]:
    files: dict[str, list[tuple[Path, int]]] = {}
    wanted = re.compile(name)
    try:
        for path, size_bytes in _files_below(folder):
            found = wanted.fullmatch(path.stem) if path.suffix.lower() in suffixes else None
            if found:
                stem = path.relative_to(folder).with_name("_".join(found.groups())).as_posix()
                files.setdefault(stem, []).append((path, size_bytes))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    return files


def _files_below(folder: Path) -> Iterator[tuple[Path, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # what desktops and unfinished copies leave behind
                continue
            if entry.is_dir():
                yield from _files_below(folder / entry.name)
            elif entry.is_file():
                yield folder / entry.name, entry.stat().st_size


def _preference(file: tuple[Path, int]) -> int:
    return DEPTH_SUFFIXES.index(file[0].suffix.lower())


_SHOWN = 5
