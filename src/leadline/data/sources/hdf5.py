"""HDF5 files, which NYU's MATLAB file and FastDepth's frames are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leadline.errors import InputError, UsageError


@contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The file, closed at the end. It is opened anew for each frame, so that threads and processes share no handle.

    Raises:
        InputError: no such file, or not HDF5.
        UsageError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise UsageError(f"{path}: reading HDF5 files needs h5py: pip install 'leadline[train]'") from error
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: not a MATLAB 7.3 (HDF5) file, or truncated ({error}); download it again") from error
    with file:
        yield file
