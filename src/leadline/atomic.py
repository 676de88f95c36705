"""Writing files so that a reader finds the old content or the new one, never half of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from leadline.errors import OutputError


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
    finally:
        with suppress(OSError):  # it was renamed, or its folder never came to be
            part.unlink()


def writing_failed(path: Path, error: OSError) -> str:
    """One sentence about why `path` cannot be written, and what to do."""
    if error.errno in _NO_ROOM:
        return f"{path}: no space left to write it; free some, or choose another folder. Nothing half-written is left."
    return f"{path}: cannot be written ({error.strerror or error}); choose a folder you may write to."


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)
