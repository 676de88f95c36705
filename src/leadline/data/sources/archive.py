"""The files of a data set by their names, unpacked in a folder or within a zip archive."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from leadline.errors import InputError


class UnpackedFiles:
    """The unpacked files, by their names below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def names(self) -> list[str]:
        """Of all files, sorted."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in files)

    def size_bytes(self, name: str) -> int | None:
        """Of a file, or None where there is none of this name."""
        try:
            return (self.root / name).stat().st_size
        except OSError:
            return None

    def read(self, name: str) -> bytes:
        """All of a file.

        Raises:
            InputError: it cannot be read.
        """
        try:
            return (self.root / name).read_bytes()
        except OSError as error:
            raise InputError(f"{self.described(name)}: cannot be read ({error.strerror or error})") from error

    def described(self, name: str) -> str:
        """How a message names the file."""
        return str(self.root / name)


class PackedFiles:
    """A zip file of which only the directory is kept.

    The archive is opened for each file, so that threads and forked processes share no handle.
    `zipfile.ZipFile` would have to be opened anew in each process and thread, reading 100,000 entries every time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {entry.filename: _member(entry) for entry in archive.infolist() if not entry.is_dir()}
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file") from error
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise InputError(f"{path}: not a zip archive, or truncated ({error}); download it again") from error

    @property
    def names(self) -> list[str]:
        """Of all files, sorted."""
        return sorted(self._members)

    def size_bytes(self, name: str) -> int | None:
        """Of a file unpacked, or None where there is none of this name."""
        member = self._members.get(name)
        return None if member is None else member.size_bytes

    def read(self, name: str) -> bytes:
        """All of a file, its checksum compared.

        Raises:
            InputError: damaged.
        """
        member = self._members[name]
        try:
            with self.path.open("rb") as file:
                file.seek(member.offset)
                # The local header repeats the name; its length may differ from the directory's by the extra field.
                name_bytes, extra_bytes = struct.unpack("<26x2H", file.read(30))
                file.seek(name_bytes + extra_bytes, io.SEEK_CUR)
                content = file.read(member.packed_bytes)
            if member.is_packed:
                content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, member.size_bytes + 1)
        except (OSError, struct.error, zlib.error) as error:
            raise InputError(f"{self.described(name)}: damaged ({error}); download the archive again") from error
        if len(content) != member.size_bytes or zlib.crc32(content) != member.crc:
            raise InputError(f"{self.described(name)}: damaged (checksum); download the archive again")
        return content

    def described(self, name: str) -> str:
        """How a message names the file."""
        return f"{self.path}: {name}"


Files = UnpackedFiles | PackedFiles


def decoded(files: Files, name: str) -> Image.Image:
    """A picture among the files, read whole.

    Raises:
        InputError: missing, or no picture.
    """
    content = files.read(name)
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
        return picture
    except Exception as error:  # decoders raise what they like on broken bytes
        raise InputError(f"{files.described(name)}: damaged or truncated ({error})") from error


class _Member(NamedTuple):
    """Where a file lies in the archive."""

    offset: int
    packed_bytes: int
    size_bytes: int
    crc: int
    is_packed: bool


def _member(entry: zipfile.ZipInfo) -> _Member:
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(f"{entry.filename} is encrypted or packed in an unusual way")
    return _Member(
        offset=entry.header_offset,
        packed_bytes=entry.compress_size,
        size_bytes=entry.file_size,
        crc=entry.CRC,
        is_packed=entry.compress_type == zipfile.ZIP_DEFLATED,
    )
