"""Encoders' weights by name: where they are, and what they must be."""

from pathlib import Path

from leadline.downloads import RemoteFile, fetch
from leadline.errors import ModelFileError, did_you_mean

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
_LICENCE = "AGPL-3.0 (ultralytics)"

YOLOV8_FILES = {
    name: RemoteFile(f"{_RELEASE}/{name}.pt", f"{name}.pt", size_bytes, sha256, _LICENCE)
    for name, size_bytes, sha256 in (
        # CHECKSUMS
    )
}


def resolve_weights(name_or_path: str) -> Path:
    """The file of an encoder's weights: a path as it is, a known name fetched to the cache.

    Raises:
        ModelFileError: neither a file nor a known name.
        DownloadError: a known name that could not be fetched.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    name = name_or_path.removesuffix(".pt")
    if name in YOLOV8_FILES:
        return fetch(YOLOV8_FILES[name], instead="give a file with --model.weights PATH")
    raise ModelFileError(f"{name_or_path}: no such weights file, nor a known name; {did_you_mean(name, YOLOV8_FILES)}")
