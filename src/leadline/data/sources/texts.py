"""Small text files beside the frames: lists of names and tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leadline.depth.camera import Camera
from leadline.errors import InputError


def read_lines(path: Path) -> list[str]:
    """The lines that say something: no blanks at their ends, no empty lines, no comments (`#`).

    Raises:
        InputError: missing, or not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); correct or remove it") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def read_camera(path: Path, *, columns: int, width: int, height: int) -> Camera | None:
    """Intrinsics from a matrix of numbers, separated by blanks, commas or line ends.

    Args:
        path: the file; a missing one says nothing.
        columns: of the matrix: 3, or 4 where a translation follows.
        width: of the picture that the matrix is for, in pixels.
        height: of that picture.

    Returns:
        The camera, or None without a file.

    Raises:
        InputError: not such a matrix.
    """
    if not path.is_file():
        return None
    words = " ".join(read_lines(path)).replace(",", " ").split()
    return camera_of(words, columns=columns, width=width, height=height, name=str(path))


def camera_of(words: Sequence[str], *, columns: int, width: int, height: int, name: str) -> Camera:
    """Intrinsics from the numbers of a matrix, row by row.

    Raises:
        InputError: too few numbers, or such that cannot be a camera's; it names `name`.

    Example:
        >>> camera_of("300 0 32 0 300 24 0 0 1".split(), columns=3, width=64, height=48, name="K.txt").fx_px
        300.0
    """
    try:
        fx_px, fy_px = float(words[0]), float(words[columns + 1])
        cx_px, cy_px = float(words[2]), float(words[columns + 2])
        return Camera(fx_px=fx_px, fy_px=fy_px, cx_px=cx_px, cy_px=cy_px, width=width, height=height)
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{name}: no matrix of intrinsics (fx 0 cx, 0 fy cy, 0 0 1): {error}; correct or remove it"
        ) from error
