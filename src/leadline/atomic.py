"""Writing files so that a reader finds the old content or the new one, never half of it."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rich.filesize import decimal

from leadline.errors import LeadlineError, OutputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the name `path` when the block ends well, and vanishes when it does not.

    Args:
        path: the final name. Its folder is made when it is missing.

    Raises:
        OutputError: no space, no permission, or a folder of that name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "a.txt") as part:
        ...     _ = part.write_text("whole")
        >>> sorted(file.name for file in folder.iterdir())
        ['a.txt']
    """
    # The suffix stays last, because writers choose the format by it; the process id keeps two writers apart.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(writing_failed(path, error)) from error
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        if error.errno in (*_NO_ROOM, errno.EROFS) or isinstance(error, _NOT_ALLOWED):
            raise OutputError(writing_failed(path, error)) from error
        raise
    except LeadlineError:
        raise
    except Exception as error:
        if _is_for_want_of_room(error, path.parent):
            raise OutputError(_no_room(path)) from error
        raise
    finally:
        with suppress(OSError):  # it was renamed, or its folder never came to be
            part.unlink()


def check_writable(path: Path) -> None:
    """Refuse a file that could not be written before the work for it is done, rather than after; nothing is made.

    Raises:
        OutputError: a folder of that name, a file where its folder would be, or no permission.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    hindrances = {
        errno.EISDIR: path.is_dir(),
        errno.ENOTDIR: not folder.is_dir(),
        errno.EACCES: not os.access(folder, os.W_OK),
    }
    for number, hinders in hindrances.items():
        if hinders:
            raise OutputError(writing_failed(path, OSError(number, os.strerror(number))))


def check_space(folder: Path, *, needed_bytes: int, name: str, instead: str) -> None:
    """Refuse at once what the disk cannot hold, rather than hours later.

    Args:
        folder: where it is to be written; it exists.
        needed_bytes: that will be written there.
        name: of what is written, for the message.
        instead: what else there is to do than to free some: "choose another folder".

    Raises:
        OutputError: too little is free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise OutputError(
            f"{folder}: no space left: {name} needs {decimal(needed_bytes)} more and {decimal(free_bytes)} are free; "
            f"free some, or {instead}"
        )


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder; nobody else may be writing there."""
    for leftover in folder.glob(".*.part*"):
        leftover.unlink(missing_ok=True)


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time pass. The system releases the lock of a process that dies; the empty file stays.

    Args:
        lock: the file; its folder is made when it is missing.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    except OSError as error:
        raise OutputError(writing_failed(lock, error)) from error
    with file:
        # Some network file systems have no locks; there, whole files are what protects.
        with suppress(OSError):
            _lock(file)
        yield


def writing_failed(path: Path, error: OSError) -> str:
    """One sentence about why `path` cannot be written, and what to do."""
    if error.errno in _NO_ROOM:
        return _no_room(path)
    return f"{path}: cannot be written ({error.strerror or error}); choose a folder you may write to."


def _no_room(path: Path) -> str:
    return f"{path}: no space left to write it; free some, or choose another folder. Nothing half-written is left."


def _is_for_want_of_room(error: Exception, folder: Path) -> bool:
    """Safetensors and torch tell of a full disk in errors of their own, torch without a word about the cause."""
    told = any(f"os error {number}" in str(error) for number in _NO_ROOM)
    return told or shutil.disk_usage(folder).free < _HARDLY_ANY_BYTES


def _lock(file: IO[bytes]) -> None:
    if sys.platform == "win32":
        import msvcrt

        locked = False
        while not locked:
            with suppress(OSError):  # it gives up after ten seconds
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                locked = True
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


_HARDLY_ANY_BYTES = 1 << 16
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
