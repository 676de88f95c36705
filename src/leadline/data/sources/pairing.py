"""Colour and depth files that belong together: the same name in two folders, but for the suffix."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadline.depth.files import DEPTH_SUFFIXES
from leadline.depth.images import IMAGE_SUFFIXES
from leadline.errors import InputError


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


@dataclass(frozen=True)
class Lonely:
    """A file whose partner is missing; `lacks` says what it has not got ("colour" or "depth")."""

    path: Path
    lacks: str


def pair_files(color_folder: Path, depth_folder: Path) -> tuple[list[Pair], list[Lonely]]:
    """List two folders and everything below them, opening no file.

    Args:
        color_folder: pictures (IMAGE_SUFFIXES); a missing folder counts as empty.
        depth_folder: depth maps (DEPTH_SUFFIXES); a missing folder counts as empty. Where a frame has several, the
            first suffix of DEPTH_SUFFIXES wins: ultralytics prefers PNG to NPY, too.

    Returns:
        The pairs, sorted by stem, and the files without a partner. Hidden files and other suffixes are passed over.

    Raises:
        InputError: a folder cannot be listed, or two pictures have the same stem.
    """
    colors = _by_stem(color_folder, IMAGE_SUFFIXES)
    depths = _by_stem(depth_folder, DEPTH_SUFFIXES)
    for stem, files in colors.items():
        if len(files) > 1:
            names = " and ".join(sorted(path.name for path, _ in files))
            raise InputError(f"{color_folder}: two pictures are called {stem} ({names}); keep one of them")
    pairs = []
    for stem in sorted(colors.keys() & depths.keys()):
        (color, of_color), (depth, of_depth) = colors[stem][0], min(depths[stem], key=_preference)
        size_bytes = of_color.st_size + of_depth.st_size
        changed_ns = max(of_color.st_mtime_ns, of_depth.st_mtime_ns)
        pairs.append(Pair(stem=stem, color=color, depth=depth, size_bytes=size_bytes, modified_ns=changed_ns))
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


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, list[tuple[Path, os.stat_result]]]:
    files: dict[str, list[tuple[Path, os.stat_result]]] = {}
    try:
        for path, status in _files_below(folder):
            if path.suffix.lower() in suffixes:
                stem = path.relative_to(folder).with_suffix("").as_posix()
                files.setdefault(stem, []).append((path, status))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    return files


def _files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # what desktops and unfinished copies leave behind
                continue
            if entry.is_dir():
                yield from _files_below(folder / entry.name)
            elif entry.is_file():
                yield folder / entry.name, entry.stat()


def _preference(file: tuple[Path, os.stat_result]) -> int:
    return DEPTH_SUFFIXES.index(file[0].suffix.lower())


_SHOWN = 5
