"""Files that leadline fetches once and keeps: pinned by size and checksum, resumed when the connection breaks."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from leadline.atomic import check_space, only_one
from leadline.errors import DownloadError, OutputError


@dataclass(frozen=True)
class RemoteFile:
    """A file of the internet, and how to know that it is the right one.

    Args:
        url: where it is.
        name: what it is called in the cache folder.
        size_bytes: None where it is not known.
        sha256: hexadecimal; None where nobody confirmed one.
        licence: under which its content may be used (an SPDX name).
    """

    url: str
    name: str
    size_bytes: int | None
    sha256: str | None
    licence: str


def cache_folder() -> Path:
    """$LEADLINE_CACHE, else leadline in $XDG_CACHE_HOME, else ~/.cache/leadline."""
    if chosen := os.environ.get("LEADLINE_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "leadline"


def fetch(
    file: RemoteFile,
    *,
    folder: Path | None = None,
    instead: str = "",
    timeout_s: float = 20.0,
    attempts: int = 4,
    pause_s: float = 1.0,
) -> Path:
    """The file on this disk; downloaded if it is not there yet.

    The checksum is compared when it arrives, the size whenever it is used again. Several processes may ask at once:
    one downloads, the others wait for it.

    Args:
        file: what to fetch.
        folder: where to keep it; None is `cache_folder()`.
        instead: how else the user can give it, for the error message: "--model.weights PATH".
        timeout_s: silence after which the connection counts as broken.
        attempts: in a row that bring nothing, after which to give up.
        pause_s: between the first two attempts; it doubles.

    Raises:
        DownloadError: no network, no such file, or a file other than the pinned one; says how to do without.
        OutputError: the folder is not writable, or full.
    """
    folder = cache_folder() if folder is None else folder
    path = folder / file.name
    if _is_there(file, path):
        return path
    part = folder / f"{file.name}.part"
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / f".{file.name}.lock"):
        if _is_there(file, path):  # another process was quicker
            return path
        try:
            _download(file, part, timeout_s=timeout_s, attempts=attempts, pause_s=pause_s)
            _check(file, part)
        except DownloadError as error:
            by_hand = f"Put the file there by hand: {path}" + (f" (or give it with {instead})" if instead else "")
            raise DownloadError(f"{file.url}: {error}. {by_hand}.{_another_file_there(file, path)}") from error
        with _writing(folder):
            part.replace(path)
    return path


def _is_there(file: RemoteFile, path: Path) -> bool:
    return path.is_file() and file.size_bytes in (None, path.stat().st_size)


def _another_file_there(file: RemoteFile, path: Path) -> str:
    if not path.is_file():
        return ""
    return f" The one that is there is another file: {_size(path)} bytes instead of {file.size_bytes}."


def _download(file: RemoteFile, part: Path, *, timeout_s: float, attempts: int, pause_s: float) -> None:
    """Bring `part` to its full size, with as many connections as it takes."""
    if file.sha256 is None or (file.size_bytes is not None and _size(part) > file.size_bytes):
        # Without a checksum, nothing would notice that what was left here last month belongs to another version.
        _forget(part)
    if file.size_bytes is not None:
        check_space(part.parent, needed_bytes=file.size_bytes - _size(part), name=file.name, instead=_ELSEWHERE)
    failures, furthest, complete = 0, _size(part), _size(part) == file.size_bytes
    with _progress(file) as show:
        while not complete:
            try:
                _continue(file, part, timeout_s=timeout_s, show=show)
                complete = True
            except _BROKEN as error:  # noqa: PERF203 (one round is one connection)
                # Only what was never reached before counts as progress: a server may make us start over and over.
                failures = 1 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures >= attempts:
                    raise DownloadError(f"cannot be fetched ({_reason(error)}; tried {attempts} times)") from error
                time.sleep(pause_s * 2 ** (failures - 1))


def _continue(file: RemoteFile, part: Path, *, timeout_s: float, show: Callable[[int, int | None], None]) -> None:
    """One connection: append to `part` what is missing, or all of it where the server cannot resume.

    Raises:
        OSError, HTTPException: broken or stalled; what came is kept.
        DownloadError: trying again is of no use.
    """
    done = _size(part)
    headers = {"User-Agent": "leadline"} | ({"Range": f"bytes={done}-"} if done else {})
    with _open(Request(file.url, headers=headers), part, timeout_s=timeout_s) as response:
        start, total = _range(response)
        if start not in (0, done):
            _forget(part)
            raise ConnectionError(f"the server did not continue at byte {done}")
        if file.size_bytes is not None and total not in (None, file.size_bytes):
            raise DownloadError(f"the server offers {total} bytes, the expected file has {file.size_bytes}")
        if file.size_bytes is None and total is not None:  # the server is the first to tell
            check_space(part.parent, needed_bytes=total - start, name=file.name, instead=_ELSEWHERE)
        total = file.size_bytes if total is None else total
        done = start
        with _opened(part, "r+b" if start else "wb") as out:
            out.seek(start)
            # read1 hands over what has arrived; read would lose it when the connection stalls within a chunk.
            while chunk := response.read1(_CHUNK_BYTES if total is None else min(_CHUNK_BYTES, total - done)):
                done += len(chunk)
                with _writing(part):
                    out.write(chunk)
                show(done, total)
    if total is not None and done < total:
        raise ConnectionError(f"the connection ended after {done} of {total} bytes")


def _open(request: Request, part: Path, *, timeout_s: float) -> http.client.HTTPResponse:
    try:
        response: http.client.HTTPResponse = urlopen(request, timeout=timeout_s)
        return response
    except HTTPError as error:
        error.close()
        if error.code == 416 and request.has_header("Range"):  # what lies here is longer than what is there
            _forget(part)
            raise ConnectionError("the server cannot continue what was begun") from error
        if error.code in (408, 425, 429) or error.code >= 500:
            raise ConnectionError(f"the server answers {error.code} {error.reason}") from error
        raise DownloadError(f"the server answers {error.code} {error.reason}") from error


def _range(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Where in the file the body starts (-1: unreadable), and how long the whole file is, if the server says so."""
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
        if found is None:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _check(file: RemoteFile, part: Path) -> None:
    """Compare size and checksum; a wrong file is deleted, so that the next attempt starts afresh."""
    if file.size_bytes is not None and _size(part) != file.size_bytes:
        got = _size(part)
        _forget(part)
        raise DownloadError(f"{got} bytes arrived, the expected file has {file.size_bytes}")
    if file.sha256 is None:
        return
    digest = hashlib.sha256()
    with _opened(part, "rb") as arrived:
        while chunk := arrived.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        _forget(part)
        found = digest.hexdigest()
        raise DownloadError(
            f"what arrived was deleted: its SHA-256 is {found}, that of the expected file {file.sha256}"
        )


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[IO[bytes]]:
    with _writing(path):
        file = path.open(mode)
    try:
        yield file
    finally:
        with _writing(path):  # closing writes what was buffered
            file.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Tell errors of the disk from errors of the network: both are OSError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free some space, or {_ELSEWHERE}. "
            "What has arrived is kept, and continued next time."
        ) from error


def _forget(part: Path) -> None:
    with _writing(part):
        part.unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: BaseException) -> str:
    return str(error.reason if isinstance(error, URLError) else error) or type(error).__name__


@contextmanager
def _progress(file: RemoteFile) -> Iterator[Callable[[int, int | None], None]]:
    """A function to tell how many bytes are done, of how many; it draws a bar where a person watches."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    title = TextColumn("{task.description}")
    columns = (title, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{file.name} ({file.licence})", total=file.size_bytes)
        yield lambda done, total: progress.update(task, completed=done, total=total)


_BROKEN = (OSError, http.client.HTTPException)
_CHUNK_BYTES = 1 << 18
_ELSEWHERE = "choose another folder (LEADLINE_CACHE, or --out)"
