"""Measured distances in files: which points belong to which photograph, or frame of a stream."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePath
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np

from leadline.depth.camera import Camera
from leadline.depth.files import DEPTH_SUFFIXES, read_depth
from leadline.errors import InputError
from leadline.scale.fit import MOST_POINTS
from leadline.scale.points import Points

PIXELS = ("x", "y", "metres")
RANGES = ("angle_deg", "range_m")

Row: TypeAlias = dict[str, float]


@runtime_checkable  # the tests check types at run time
class PointsOf(Protocol):
    """What was measured in each photograph."""

    def __call__(self, image: Path, *, height: int, width: int, camera: Camera | None) -> Points | None:
        """The points of one, in its pixels; None when nothing was measured.

        Args:
            image: the photograph's path.
            height: of the photograph, in pixels.
            width: of the photograph, in pixels.
            camera: that took it, for a sensor that says angles; None: unknown.

        Raises:
            InputError: a point that is not in it, or that cannot be placed without the camera.
        """
        ...


def open_readings(path: Path, *, pictures: int | None) -> PointsOf:
    """The measurements of a file or folder.

    Args:
        pictures: of how many photographs; of more than one the file must say which point is in which. None: of the
            frames of a stream, which are asked for by `frame_name`, or as photographs where they are files.
        path: one of
            a CSV file of pixels: columns `image` (file name of the photograph, or as much of its path as tells it
            apart; not needed for a single photograph) or `frame` (its number in a stream, from 0), `x`, `y` (0, 0 is
            the centre of the top left pixel of the photograph as a viewer shows it) and `metres` along the camera's
            axis;
            a CSV file of a range sensor beside the camera: `image` or `frame`, `angle_deg` (0 ahead, to the right
            positive) and `range_m` along the ray, and perhaps `y`, the row of the picture that it scans (that of the
            camera's axis); readings of 0, NaN and infinity are no return;
            a depth image, or a folder of them named like the photographs: 16-bit PNG in millimetres, .npy or TIFF,
            0 where nothing was measured, of the photograph's size or another of the same shape.

    Raises:
        InputError: missing, not one of these, or a row with a wrong number (names the line).
    """
    if path.is_dir():
        return _depth_folder(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder of points")
    if path.suffix.lower() not in DEPTH_SUFFIXES:
        return _table(path, pictures=pictures)
    if pictures is None:
        raise InputError(f"{path}: one depth image for a stream; give a folder of them, {frame_name(0)}.png and so on")
    if pictures > 1:
        raise InputError(f"{path}: one depth image for {pictures} photographs; give a folder of them, named alike")
    return partial(_from_one_depth, path)


def frame_name(number: int) -> str:
    """How files of a stream's frame are named, results as well as measurements.

    Example:
        >>> frame_name(12)
        '000012'
    """
    return f"{number:06d}"


def _depth_folder(folder: Path) -> PointsOf:
    files = [file for file in folder.rglob("*") if file.suffix.lower() in DEPTH_SUFFIXES]
    if not files:
        raise InputError(f"{folder}: no depth images there ({', '.join(DEPTH_SUFFIXES)})")
    by_name = {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(files)}

    def points(image: Path, *, height: int, width: int, camera: Camera | None) -> Points | None:
        del camera
        name = _name_in(by_name, image.with_suffix(""))
        return None if name is None else _from_depth(by_name[name], height=height, width=width)

    return points


def _from_one_depth(path: Path, image: Path, *, height: int, width: int, camera: Camera | None) -> Points | None:
    del image, camera
    return _from_depth(path, height=height, width=width)


def _from_depth(path: Path, *, height: int, width: int) -> Points | None:
    depth_m = read_depth(path)
    own_height, own_width = depth_m.shape
    if abs(own_width * height / (own_height * width) - 1) > 0.03:
        raise InputError(
            f"{path}: depth of {own_width}x{own_height} is not of the shape of its photograph, {width}x{height}; "
            f"register it to the photograph first"
        )
    rows, columns = np.nonzero(depth_m > 0)
    if not rows.size:
        return None
    x_px = (columns + 0.5) * width / own_width - 0.5
    y_px = (rows + 0.5) * height / own_height - 0.5
    return Points(x_px, y_px, depth_m[rows, columns].astype(np.float64)).some(MOST_POINTS)


def _table(path: Path, *, pictures: int | None) -> PointsOf:
    by_name = _read_rows(path)
    if "" in by_name and pictures is None:
        raise InputError(f"{path}: not every row says in a column `frame` or `image` of which frame it is")
    if "" in by_name and pictures is not None and pictures > 1:
        raise InputError(f"{path}: {pictures} photographs, but not every row says in its column `image` of which it is")

    def points(image: Path, *, height: int, width: int, camera: Camera | None) -> Points | None:
        name = _name_in(by_name, image)
        if name is None:
            return None
        try:
            found = _points(by_name[name], width=width, camera=camera)
            if found is not None:
                found.demand_within(height=height, width=width)
        except InputError as error:
            raise InputError(f"{path}, for {image}: {error}") from error
        return found

    return points


def _read_rows(path: Path) -> dict[str, list[Row]]:
    """The rows of each photograph; of all photographs under the empty name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            kind = next((kind for kind in (PIXELS, RANGES) if set(kind) <= set(names)), None)
            if kind is None:
                raise InputError(
                    f"{path}: its first line must name the columns {', '.join(PIXELS)} or {', '.join(RANGES)} (and "
                    f"image, where there is more than one photograph), got {', '.join(names) or 'nothing'}"
                )
            columns = [*kind, *({"y"} & set(names) - set(kind))]
            by_name: dict[str, list[Row]] = {}
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                by_name.setdefault(_picture_of(row, where=where), []).append(_numbers(row, columns, where=where))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file ({error})") from error
    if not by_name:
        raise InputError(f"{path}: holds no point")
    return by_name


def _picture_of(row: dict[str, str], *, where: str) -> str:
    """The name of the photograph or frame; empty where none is given."""
    name, number = ((row.get(column) or "").strip() for column in ("image", "frame"))
    if name or not number:
        return name
    if not number.isdecimal():
        raise InputError(f"{where}: frame {number!r} is no number of a frame, which are counted from 0")
    return frame_name(int(number))


def _numbers(row: dict[str, str], columns: Iterable[str], *, where: str) -> Row:
    try:
        numbers = {column: float(row[column]) for column in columns}
    except (ValueError, TypeError) as error:
        said = ", ".join(f"{column} {row[column]!r}" for column in columns)
        raise InputError(f"{where}: these must be numbers: {said}") from error
    if "metres" in numbers and not 0 < numbers["metres"] < math.inf:
        raise InputError(f"{where}: a distance of {numbers['metres']:g} m; leave out what was not measured")
    if numbers.get("range_m", 0) < 0:
        raise InputError(f"{where}: a range of {numbers['range_m']:g} m; 0, NaN or infinity say that nothing returned")
    if not math.isfinite(numbers.get("angle_deg", 0)):
        raise InputError(f"{where}: an angle of {numbers['angle_deg']:g} degrees")
    return numbers


def _points(rows: list[Row], *, width: int, camera: Camera | None) -> Points | None:
    if "metres" in rows[0]:
        return Points.from_rows([[row[column] for column in PIXELS] for row in rows])
    if camera is None:
        raise InputError("angles of a range sensor become pixels by the focal length; give it with --focal-px")
    returned = [row for row in rows if 0 < row["range_m"] < math.inf]
    seen = []
    for row in returned:
        angle = math.radians(row["angle_deg"])
        x = camera.cx_px + camera.fx_px * math.tan(angle)
        if abs(angle) < math.pi / 2 and -0.5 <= x <= width - 0.5:  # it sees farther round than the camera
            seen.append([x, row.get("y", camera.cy_px), row["range_m"] * math.cos(angle)])
    return Points.from_rows(seen) if seen else None


def _name_in(names: Iterable[str], image: Path) -> str | None:
    """The longest name that the photograph's path ends with; the empty name is for every photograph."""
    parts = image.parts
    fitting = [name for name in names if parts[len(parts) - len(PurePath(name).parts) :] == PurePath(name).parts]
    return max(fitting, key=len, default=None)
