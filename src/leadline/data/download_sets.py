"""Data sets that anybody may fetch from a stable address: download, check, unpack."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rich.console import Console

from leadline.atomic import check_space, writing_failed
from leadline.downloads import RemoteFile, fetch
from leadline.errors import DownloadError, OutputError, UsageError, did_you_mean
from leadline.options import DownloadOptions


@dataclass(frozen=True)
class DataSet:
    """A public data set: what it is, and the one file that it comes in.

    An archive (`.tgz`, `.zip`) is unpacked to a folder that is called like the data set.
    """

    what: str
    file: RemoteFile


def _tum(name: str, size_bytes: int | None = None, sha256: str | None = None) -> DataSet:
    file = f"rgbd_dataset_freiburg1_{name}.tgz"
    url = f"https://cvg.cit.tum.de/rgbd/dataset/freiburg1/{file}"
    return DataSet(f"TUM RGB-D, sequence freiburg1_{name}", RemoteFile(url, file, size_bytes, sha256, "CC-BY-4.0"))


# No publisher of these files says a checksum. Those below were recorded, independently of each other, by at least two
# public projects that fetched the file from this address; a file that nobody else vouches for has none.
DATA_SETS = {
    "nyu": DataSet(
        "NYU Depth v2, the labelled part: 1449 frames of 464 rooms",
        RemoteFile(
            url="http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat",
            name="nyu_depth_v2_labeled.mat",
            size_bytes=2_972_037_809,
            sha256="2d724b0c0ab358aa1ce5df855e5bd14a2279ab7202efe22f32a30d612dcb86aa",
            licence="no licence stated",
        ),
    ),
    "tum-fr1-xyz": _tum("xyz", 448_204_271, "a0236d97b8c30cd93b653656d2b6c293ff7c982a4130ef2a1a8beecdb124ef98"),
    "tum-fr1-desk": _tum("desk", 344_011_403, "e983d6830916e66dc4a46a71368046b149b283de87769690e7aa4e0b9483530c"),
    "tum-fr1-desk2": _tum("desk2", 349_445_005, "a569e4cb453a3cd9285bc985fcb109e65f055c75b33a4b155acd9a68d96b77d2"),
    "tum-fr1-room": _tum("room"),
    "kitti-selection": DataSet(
        "KITTI, the 1000 selected validation frames of depth completion",
        RemoteFile(
            url="https://s3.eu-central-1.amazonaws.com/avg-kitti/data_depth_selection.zip",
            name="data_depth_selection.zip",
            size_bytes=None,
            sha256=None,
            licence="CC-BY-NC-SA-3.0",
        ),
    ),
}


def download_command(options: DownloadOptions) -> None:
    """Fetch a data set, and say how to train on it."""
    if options.name not in DATA_SETS:
        known = "\n".join(f"  {name:<16} {data_set.what}" for name, data_set in DATA_SETS.items())
        guess = did_you_mean(options.name, DATA_SETS).partition("Known:")[0]
        raise UsageError(f"no data set to download is called {options.name!r}; {guess}There are:\n{known}")
    data_set, console = DATA_SETS[options.name], Console(stderr=True)
    file = data_set.file
    size = "" if file.size_bytes is None else f", {file.size_bytes / 1e6:.1f} MB"
    say = f"{data_set.what} ({file.licence}{size}), from {file.url}"
    console.print(say, soft_wrap=True, highlight=False, markup=False)
    if file.sha256 is None:
        console.print(
            f"[yellow]unpinned:[/] nobody confirmed a checksum of {file.name}, so that what arrives is not compared "
            f"with anything; look at it before you trust it",
            soft_wrap=True,
            highlight=False,
        )
    path = download(options.name, data_set, folder=options.out)
    print(f"{path}: ready. For example: leadline train paper-yolov8n --data.root {path}")


def download(name: str, data_set: DataSet, *, folder: Path, **patience: Any) -> Path:
    """The data set on this disk; fetched and unpacked if it is not there yet.

    Args:
        name: of the folder that an archive is unpacked to.
        data_set: what to fetch.
        folder: where to put it.
        patience: `timeout_s`, `attempts` and `pause_s` of `downloads.fetch`.

    Returns:
        The file, or the folder of what was in the archive. An archive that was fetched now is deleted once it is
        unpacked; one that somebody put there is left.

    Raises:
        DownloadError: no network, another file than the pinned one, or no archive that can be unpacked; says how to do
            without.
        OutputError: the folder is not writable, or full.
    """
    archive = folder / data_set.file.name
    if archive.suffix not in _OPENERS:
        return fetch(data_set.file, folder=folder, **patience)
    target = folder / name
    if target.is_dir():
        return target
    is_ours = not archive.exists()
    fetch(data_set.file, folder=folder, **patience)
    unpack(archive, target)
    if is_ours:
        archive.unlink()
    return target


def unpack(archive: Path, target: Path) -> None:
    """Unpack a `.tgz` or `.zip` into a new folder, all of it or nothing.

    Only files and folders below the target are written: an archive that holds links, devices, absolute names or names
    with `..` is refused before anything is. Owners, rights and times that it tells are ignored.

    Args:
        archive: the file.
        target: the folder to make.

    Raises:
        DownloadError: damaged, or with such a member; names it.
        OutputError: no space or no permission.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with _OPENERS[archive.suffix](archive) as opened:
            # Once through all names first: nothing is written of an archive that is not wholly fit.
            needed_bytes = sum(size_bytes for _, size_bytes, _ in _members(archive, opened))
            check_space(
                target.parent,
                needed_bytes=needed_bytes,
                name=f"{archive.name}, unpacked,",
                instead="choose another folder (--out)",
            )
            with _writing(part):
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir()
            for name, _, member in _members(archive, opened):
                _write(part / name, member, opened)
        with _writing(target):
            part.rename(target)
    except _DAMAGED as error:
        raise DownloadError(
            f"{archive}: damaged, or no archive ({error}); delete it and download it again. Nothing was unpacked."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


_Archive = tarfile.TarFile | zipfile.ZipFile
_OPENERS: dict[str, Any] = {".tgz": partial(tarfile.open, mode="r:gz"), ".zip": zipfile.ZipFile}


def _members(archive: Path, opened: _Archive) -> Iterator[tuple[PurePosixPath, int, Any]]:
    """Name, size and entry of each file; refuses what is no plain file or folder below the target."""
    if isinstance(opened, tarfile.TarFile):
        for entry in opened.getmembers():
            if not (entry.isfile() or entry.isdir()):
                raise _refused(archive, entry.name, "is a link or a device")
            if entry.isfile():
                yield _inside(archive, entry.name), entry.size, entry
        while opened.fileobj and opened.fileobj.read(_CHUNK_BYTES):  # the checksum stands at the very end
            pass
    else:
        for packed in opened.infolist():
            if packed.external_attr >> 28 not in (0, 4, 8):  # the type that Unix stores: unknown, folder, file
                raise _refused(archive, packed.filename, "is a link or a device")
            if not packed.is_dir():
                yield _inside(archive, packed.filename), packed.file_size, packed


def _inside(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or not path.parts or ".." in path.parts or ":" in path.parts[0]:
        raise _refused(archive, name, "would be written elsewhere")
    return path


def _refused(archive: Path, name: str, why: str) -> DownloadError:
    return DownloadError(f"{archive}: its member {name!r} {why}; do not use this archive. Nothing was unpacked.")


def _write(path: Path, member: Any, opened: _Archive) -> None:
    content: IO[bytes] | None
    content = opened.extractfile(member) if isinstance(opened, tarfile.TarFile) else opened.open(member)
    assert content is not None  # only files get here
    with content, _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            shutil.copyfileobj(content, file, _CHUNK_BYTES)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except gzip.BadGzipFile:  # an OSError of the reading half
        raise
    except OSError as error:
        raise OutputError(writing_failed(path, error)) from error


_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError)
_CHUNK_BYTES = 1 << 20
