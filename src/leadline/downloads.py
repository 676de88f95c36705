"""Files from the network: pinned, cached, resumed, and with a way out when there is no network."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leadline.atomic import writing_failed
from leadline.errors import DownloadError, OutputError

CHUNK_BYTES = 1 << 18
ATTEMPTS = 4


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network that is expected to be exactly so.

    Args:
        url: where it is.
        name: of the file in the cache.
        size_bytes: its size, when it is known.
        sha256: its checksum in hexadecimal digits, when it is known.
        licence: of its content, in words.
    """

    url: str
    name: str
    size_bytes: int | None
    sha256: str | None
    licence: str


def cache_folder() -> Path:
    """Where fetched and prepared files are kept: LEADLINE_CACHE, or `leadline` in the user's cache folder."""
    if own := os.environ.get("LEADLINE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadline"


def fetch(file: RemoteFile, *, folder: Path | None = None, instead: str = "", timeout_s: float = 20.0) -> Path:
    """The path of a file in the cache, downloaded when it is not there.

    A broken or stalled download is taken up where it ended, in this call and in later ones.

    Args:
        file: what to fetch.
        folder: of the cache; `cache_folder()/downloads` when None.
        instead: how to do without, for the message ("give the file with --model.weights PATH").
        timeout_s: seconds without a byte after which a connection counts as stalled.

    Raises:
        DownloadError: not reachable, or not the file that is expected.
        OutputError: no space or no permission.
    """
    folder = folder or cache_folder() / "downloads"
    target = folder / file.name
    if _is_whole(target, file):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder / f"{file.name}.lock"):
            if not _is_whole(target, file):  # another process may have fetched it while this one waited
                _download(file, target, instead, timeout_s)
    except urllib.error.URLError as error:
        raise _unreachable(file, folder, instead, error.reason) from error
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _unreachable(file, folder, instead, error) from error
    except OSError as error:
        raise OutputError(writing_failed(target, error)) from error
    return target


def _download(file: RemoteFile, target: Path, instead: str, timeout_s: float) -> None:
    part = target.with_name(f"{target.name}.part")
    for attempt in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _append(file, part, timeout_s)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == ATTEMPTS - 1:
                raise
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
            progressed = part.exists() and part.stat().st_size > before
            if attempt == ATTEMPTS - 1 or not (progressed or attempt == 0):
                raise
        time.sleep(min(4.0, 0.2 * 2**attempt))
    _verify(file, part, instead)
    part.replace(target)


def _append(file: RemoteFile, part: Path, timeout_s: float) -> None:
    """Fetch what is missing of `part`; a server that ignores or refuses the range starts it over."""
    have = part.stat().st_size if part.exists() else 0
    if file.size_bytes is not None and have >= file.size_bytes:
        if have == file.size_bytes:
            return
        part.unlink()
        have = 0
    _check_space(file, part, have)
    request = urllib.request.Request(file.url, headers={"User-Agent": "leadline"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        part.unlink()
        return _append(file, part, timeout_s)
    with response:
        continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        expected = response.headers.get("Content-Length")
        received = 0
        with part.open("ab" if continues else "wb") as out:
            while chunk := response.read(CHUNK_BYTES):
                out.write(chunk)
                received += len(chunk)
                if file.size_bytes is not None and out.tell() > file.size_bytes:
                    break  # more than was pinned: the checksum will say so; do not fill the disk
        if expected is not None and received < int(expected):
            raise ConnectionError(f"the connection ended after {received} of {expected} bytes")
    return None


def _verify(file: RemoteFile, part: Path, instead: str) -> None:
    size = part.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        part.unlink()
        raise DownloadError(
            f"{file.url}: gave {size:,} bytes instead of {file.size_bytes:,}; it is not the expected file and was "
            f"deleted.{_or(instead)}"
        )
    if file.sha256 is None:
        return
    digest = hashlib.sha256()
    with part.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        part.unlink()
        raise DownloadError(
            f"{file.url}: has the SHA-256 {digest.hexdigest()} instead of {file.sha256}; it is not the expected file "
            f"and was deleted.{_or(instead)}"
        )


def _check_space(file: RemoteFile, part: Path, have: int) -> None:
    if file.size_bytes is None:
        return
    free = shutil.disk_usage(part.parent).free
    if free < file.size_bytes - have:
        raise OutputError(
            f"{part.parent}: {file.name} needs {file.size_bytes - have:,} bytes and {free:,} are free; make room, or "
            f"set LEADLINE_CACHE to a folder elsewhere"
        )


def _is_whole(target: Path, file: RemoteFile) -> bool:
    # The checksum was compared before the file got its name; here its size is enough.
    return target.is_file() and file.size_bytes in (None, target.stat().st_size)


def _unreachable(file: RemoteFile, folder: Path, instead: str, cause: object) -> DownloadError:
    return DownloadError(
        f"{file.url} could not be fetched ({cause}). Without a network, fetch it elsewhere and put it into {folder} as "
        f"{file.name}.{_or(instead)}"
    )


def _or(instead: str) -> str:
    return f" Or {instead}." if instead else ""


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time; the lock vanishes with the process that holds it."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
