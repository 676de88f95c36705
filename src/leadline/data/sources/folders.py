"""Looking for folders of a kind, without opening a file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from leadline.errors import InputError


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, sorted; hidden ones are passed over.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        return sorted(_entries(folder, folders=True))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error


def files_in(folder: Path) -> list[Path]:
    """The files in a folder, sorted; hidden ones are passed over, a missing folder has none.

    Raises:
        InputError: it cannot be listed.
    """
    try:
        return sorted(_entries(folder, folders=False))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror or error})") from error


def find_folders(root: Path, is_wanted: Callable[[Path], bool], *, deepest: int) -> Iterator[Path]:
    """The wanted folders at and below `root`, in sorted order; there is no search within a wanted one.

    Args:
        root: where to begin; it may itself be wanted.
        is_wanted: says yes to a folder of the kind.
        deepest: levels below `root` to look at.

    Raises:
        InputError: a folder cannot be listed.
    """
    if is_wanted(root):
        yield root
    elif deepest > 0:
        for folder in folders_in(root):
            yield from find_folders(folder, is_wanted, deepest=deepest - 1)


def holds_one(root: Path, is_wanted: Callable[[Path], bool], *, deepest: int) -> bool:
    """Whether `root` or a folder below it is wanted, as far as a quick look can tell. Never raises.

    It gives up after 400 folders and looks at the first 1000 entries of each: a set of the kind shows itself early.
    """
    try:
        return any(is_wanted(folder) for folder in islice(_some_folders(root, deepest=deepest), _MOST_FOLDERS))
    except (OSError, ValueError, RuntimeError):  # a name that no file system can hold, links in a circle
        return False


def some_names(folder: Path) -> list[str]:
    """Names of up to 1000 files and folders in `folder`; a quick look. Empty where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in islice(entries, _MOST_ENTRIES)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _some_folders(root: Path, *, deepest: int) -> Iterator[Path]:
    """Level by level: what is near tells most."""
    waiting = deque([(root, 0)])
    while waiting:
        folder, level = waiting.popleft()
        yield folder
        if level < deepest:
            inner = sorted(islice(_entries(folder, folders=True), _MOST_ENTRIES))
            waiting.extend((path, level + 1) for path in inner)


def _entries(folder: Path, *, folders: bool) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir() == folders:
                yield folder / entry.name


_MOST_FOLDERS = 400
_MOST_ENTRIES = 1000
