"""Depth in files: the one place where units other than the metre exist."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.atomic import atomic_write
from leadline.depth.images import PNG_LEVEL, open_picture
from leadline.errors import InputError

DEPTH_SUFFIXES = (".png", ".npy", ".tif", ".tiff")
MILLIMETRE_M = 0.001
MAX_DEPTH16_M = 65.535
"""The farthest that 16-bit millimetres can say; farther depth is written as a hole."""


def read_depth(path: Path, *, unit_m: float | None = None) -> NDArray[np.float32]:
    """Measured depth from a file, checked.

    Args:
        path: 16-bit PNG or TIFF (millimetres unless told otherwise), `.npy` of integers (the same) or of floats
            (metres), or a TIFF of floats (metres).
        unit_m: metres per step of the file, when it is not the one above (0.0002 for the TUM sets' 5000 per metre).

    Returns:
        (H, W) float32 metres, 0 where nothing was measured (0, NaN or infinite in the file).

    Raises:
        InputError: unreadable, 8 bits or colours, negative, or in a unit that cannot be meant.
    """
    return metres(read_levels(path), unit_m=unit_m, name=str(path))


def read_levels(path: Path) -> NDArray:
    """The numbers of a depth file as they stand there, of whatever unit.

    Args:
        path: 16-bit PNG or TIFF, TIFF of floats, or `.npy`.

    Raises:
        InputError: unreadable, 8 bits or colours.
    """
    return _read_npy(path) if path.suffix.lower() == ".npy" else _read_picture(path)


def metres(levels: NDArray, *, unit_m: float | None, name: str) -> NDArray[np.float32]:
    """The numbers of a depth file as metres, checked.

    Args:
        levels: (H, W), (1, H, W) or (H, W, 1) integers or floats; 0, NaN and infinity are holes.
        unit_m: metres per step; None is a millimetre for integers and a metre for floats.
        name: of the file, for messages.

    Returns:
        (H, W) float32 metres, 0 where nothing was measured.

    Raises:
        InputError: another shape, negative depth, or a unit that cannot be meant.

    Example:
        >>> metres(np.array([[5000, 0]], np.uint16), unit_m=0.0002, name="depth.png")
        array([[1., 0.]], dtype=float32)
    """
    if levels.ndim == 3 and 1 in (levels.shape[0], levels.shape[2]):
        levels = levels.squeeze(0 if levels.shape[0] == 1 else 2)
    if levels.ndim != 2 or 0 in levels.shape:
        raise InputError(f"{name}: a depth map has two dimensions, this has the shape {levels.shape}")
    if unit_m is None:
        unit_m = MILLIMETRE_M if levels.dtype.kind in "iu" else 1.0
    if not unit_m > 0:
        raise InputError(f"{name}: the depth unit must be positive, got {unit_m} metres per step")
    depth_m: NDArray[np.float32] = levels.astype(np.float32) * np.float32(unit_m)
    depth_m[~np.isfinite(depth_m)] = 0
    if (depth_m < 0).any():
        raise InputError(f"{name}: {(depth_m < 0).sum()} pixels have negative depth; 0 or NaN marks a hole")
    check_unit(depth_m, unit_m=unit_m, name=name)
    return depth_m


def check_unit(depth_m: NDArray[np.float32], *, unit_m: float, name: str) -> None:
    """Refuse depth whose median says that its unit is wrong.

    Args:
        depth_m: metres, if `unit_m` is right; 0 where nothing was measured.
        unit_m: metres per step that were assumed.
        name: of the file, for the message.

    Raises:
        InputError: the median is beyond 100 m or below 1 cm; says which unit it looks like.
    """
    measured = depth_m[depth_m > 0]
    if not measured.size:
        return
    # A tenth of the pixels is plenty for a median, and the check is done for every frame.
    median_m = float(np.median(measured[:: max(1, measured.size // 10_000)]))
    if _NEAREST_MEDIAN_M <= median_m <= _FARTHEST_MEDIAN_M:
        return
    steps = median_m / unit_m
    likely = [f"{words} ({step:g})" for step, words in _UNITS if _LIKELY_NEAR_M <= steps * step <= _LIKELY_FAR_M]
    guess = f" It looks like {' or '.join(likely)}." if likely else ""
    raise InputError(
        f"{name}: with {unit_m:g} metres per step its median depth is {median_m:.4g} m, which cannot be meant.{guess} "
        f"Give the right unit with --depth-unit-m (train: --data.depth-unit-m)."
    )


def write_depth16(path: Path, depth_m: NDArray[np.float32]) -> None:
    """Write depth as 16-bit PNG in millimetres, 0 where it is NaN or beyond MAX_DEPTH16_M, atomically.

    Args:
        path: ends in `.png`.
        depth_m: (H, W) float32 metres; NaN or 0 where unknown.

    Raises:
        OutputError: no space or no permission.
    """
    known = (depth_m > 0) & (depth_m <= MAX_DEPTH16_M)  # False for NaN
    millimetres = np.round(np.where(known, depth_m, 0) / MILLIMETRE_M)
    with atomic_write(path) as part:
        Image.fromarray(millimetres.astype(np.uint16)).save(part, format="PNG", compress_level=PNG_LEVEL)


def write_npy(path: Path, depth_m: NDArray[np.float32]) -> None:
    """Write depth as a NumPy file of float32 metres, NaN where unknown, atomically.

    Raises:
        OutputError: no space or no permission.
    """
    content = BytesIO()  # np.save into a file tells of a full disk without saying that it is one
    np.save(content, depth_m.astype(np.float32))
    with atomic_write(path) as part:
        part.write_bytes(content.getbuffer())


def write_npz(path: Path, **arrays: NDArray[np.float32]) -> None:
    """Write arrays by name as a NumPy archive, atomically.

    Raises:
        OutputError: no space or no permission.
    """
    content = BytesIO()
    of_32_bits: dict[str, Any] = {name: array.astype(np.float32) for name, array in arrays.items()}
    np.savez_compressed(content, **of_32_bits)
    with atomic_write(path) as part:
        part.write_bytes(content.getbuffer())


def _read_npy(path: Path) -> NDArray:
    try:
        levels = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except Exception as error:
        raise InputError(f"{path}: not a NumPy array that can be read ({error})") from error
    if not isinstance(levels, np.ndarray) or levels.dtype.kind not in "iuf":
        raise InputError(f"{path}: depth must be an array of integers or floats")
    return levels


def _read_picture(path: Path) -> NDArray:
    with open_picture(path) as picture:
        mode = picture.mode
        if not (mode == "F" or mode.startswith("I")):
            raise InputError(
                f"{path}: an 8-bit or colour picture ({mode}) holds no metric depth; save depth as a 16-bit PNG in "
                f"millimetres, or as .npy or TIFF in metres"
            )
        try:
            return np.array(picture)
        except Exception as error:  # decoders raise what they like on broken bytes
            raise InputError(f"{path}: the depth picture is damaged or truncated ({error})") from error


_NEAREST_MEDIAN_M, _FARTHEST_MEDIAN_M = 0.01, 100.0
_LIKELY_NEAR_M, _LIKELY_FAR_M = 0.25, 25.0
_UNITS = (
    (1.0, "metres"),
    (0.01, "centimetres"),
    (0.001, "millimetres"),
    (0.0001, "tenths of a millimetre"),
    (0.0002, "TUM's 5000 steps a metre"),
    (1 / 256, "KITTI's 256 steps a metre"),
)
