"""NYU Depth v2 as DenseDepth packed it: 50,688 frames for training, 654 for testing (Alhashim and Wonka 2018)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.data.sources.archive import Files, PackedFiles, UnpackedFiles, decoded
from leadline.data.sources.listed import ListedSource
from leadline.data.sources.nyu_labeled import nyu_camera, nyu_room
from leadline.depth.files import MILLIMETRE_M, check_unit
from leadline.errors import InputError

ZIP_NAME = "nyu_data.zip"
TRAIN_STEP_M = 10 / 255
"""Metres per step of the 8-bit training depth."""


class _Row(NamedTuple):
    color: str
    depth: str


class DenseDepthNyu(ListedSource[_Row]):
    """`nyu_data.zip`, read in place, or the folder that it unpacks to.

        data/nyu2_train.csv             rows of colour,depth: data/nyu2_train/<scene>_out/37.jpg,...37.png
        data/nyu2_test.csv              data/nyu2_test/00000_colors.png,data/nyu2_test/00000_depth.png

    All pictures are 640x480. Training depth is an 8-bit PNG, metres = value / 255 * 10, its holes filled; testing depth
    is a 16-bit PNG in millimetres. The depth of the file itself tells which of the two it is. 255 stands for 10 m and
    anything beyond: it is kept as 10 m, as DenseDepth trains on it. 0 is a hole.

    The scene is the folder (`living_room_0038_out`), the room its name without `_out` and without the letter that
    counts recordings of one room. The archive does not say which rooms the test frames show; they share one.
    The CSV files may also stand at `root` itself, or one folder deeper in the archive; one of them is enough.
    """

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` is a `.zip`, or a folder with the CSV files or `nyu_data.zip` in it."""
        try:
            if root.suffix.lower() == ".zip" and root.is_file():
                return True
            return (root / ZIP_NAME).is_file() or bool(_csv_paths(root))
        except OSError:
            return False

    def _listed(self) -> Iterator[tuple[Frame, _Row]]:
        self._files = _open_files(self.root)
        csv_names = _csv_names(self._files)
        if not csv_names:
            raise InputError(f"{self.root}: holds neither nyu2_train.csv nor nyu2_test.csv of DenseDepth's NYU archive")
        found: dict[str, tuple[Frame, _Row]] = {}
        missing: list[str] = []
        for csv_name in csv_names:
            subset: Literal["train", "test"] = "train" if csv_name.endswith(_CSV_NAMES[0]) else "test"
            for row in _read_rows(self._files, csv_name):
                sizes_bytes = [self._files.size_bytes(name) for name in row]
                missing += [name for name, size_bytes in zip(row, sizes_bytes, strict=True) if size_bytes is None]
                frame = _frame(row, size_bytes=sum(size_bytes or 0 for size_bytes in sizes_bytes), subset=subset)
                found.setdefault(frame.identity, (frame, row))  # a row that stands twice is one frame
        _check_complete(self.root, len(found), missing)
        yield from found.values()

    def _read(self, frame: Frame, place: _Row) -> Sample:
        image = np.array(decoded(self._files, place.color).convert("RGB"))
        return Sample(frame=frame, image=image, depth_m=self._depth_m(place.depth), camera=nyu_camera(image))

    def _depth_m(self, name: str) -> NDArray[np.float32]:
        picture, described = decoded(self._files, name), self._files.described(name)
        if picture.mode != "L" and not picture.mode.startswith("I"):
            raise InputError(f"{described}: depth must be a grey PNG of 8 or 16 bits, this is {picture.mode}")
        unit_m = TRAIN_STEP_M if picture.mode == "L" else MILLIMETRE_M
        if self.depth_unit_m is not None:
            unit_m = self.depth_unit_m
        depth_m: NDArray[np.float32] = np.array(picture).astype(np.float32) * np.float32(unit_m)
        check_unit(depth_m, unit_m=unit_m, name=described)
        return depth_m


def _open_files(root: Path) -> Files:
    if not root.is_dir():
        return PackedFiles(root)
    return PackedFiles(root / ZIP_NAME) if not _csv_paths(root) and (root / ZIP_NAME).is_file() else UnpackedFiles(root)


def _csv_names(files: Files) -> list[str]:
    """The CSV files, training first."""
    if isinstance(files, UnpackedFiles):
        return [path.relative_to(files.root).as_posix() for path in _csv_paths(files.root)]
    names = [name for name in files.names if PurePosixPath(name).name in _CSV_NAMES]
    return sorted(names, key=lambda name: _CSV_NAMES.index(PurePosixPath(name).name))


def _csv_paths(root: Path) -> list[Path]:
    """The CSV files, training first; where they stand at `root` and in `data`, those in `data`."""
    for folder in (root / "data", root):
        paths = [folder / name for name in _CSV_NAMES if (folder / name).is_file()]
        if paths:
            return paths
    return []


def _read_rows(files: Files, csv_name: str) -> list[_Row]:
    try:
        text = files.read(csv_name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{files.described(csv_name)}: not text ({error})") from error
    rows = []
    for line, text_line in enumerate(text.splitlines(), start=1):
        row = text_line.split(",")
        if not text_line.strip():
            continue
        if len(row) != 2:
            raise InputError(f"{files.described(csv_name)}, line {line}: colour,depth expected, got {text_line!r}")
        rows.append(_Row(*(_beside(files, csv_name, name.strip()) for name in row)))
    return rows


def _beside(files: Files, csv_name: str, name: str) -> str:
    """A row's `data/...` as a name in `files`, wherever the CSV file was put: in `data`, or above it."""
    folder = csv_name.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    inside = prefix + name.removeprefix("data/")
    above = prefix + name
    return above if files.size_bytes(inside) is None and files.size_bytes(above) is not None else inside


def _frame(row: _Row, *, size_bytes: int, subset: Literal["train", "test"]) -> Frame:
    path = PurePosixPath(row.color)
    scene = path.parent.name
    return Frame(
        scene=scene,
        name=path.stem.removesuffix("_colors"),
        room=nyu_room(scene.removesuffix("_out")),
        size_bytes=size_bytes,
        subset=subset,
    )


def _check_complete(root: Path, frame_count: int, missing: Sequence[str]) -> None:
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise InputError(
            f"{root}: its CSV files name {len(missing)} missing files: {', '.join(missing[:_SHOWN])}{more}. Download "
            f"or unpack the archive again, or remove these rows."
        )
    if not frame_count:
        raise InputError(f"{root}: its CSV files name no frames; download the archive again")


_CSV_NAMES = ("nyu2_train.csv", "nyu2_test.csv")
_SHOWN = 5
