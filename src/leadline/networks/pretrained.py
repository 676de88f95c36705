"""Weights that leadline knows by name, and where they come from."""

from pathlib import Path

from leadline.downloads import RemoteFile, fetch
from leadline.errors import ModelFileError, did_you_mean

_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.3.0"


def _yolov8(scale: str, size_bytes: int, sha256: str) -> RemoteFile:
    name = f"yolov8{scale}-seg.pt"
    return RemoteFile(f"{_RELEASE}/{name}", name, size_bytes, sha256, licence="AGPL-3.0")


# Sizes and checksums are those that at least two independent public projects pin for these files.
YOLOV8_FILES: dict[str, RemoteFile] = {
    "yolov8n-seg": _yolov8("n", 7_071_756, "a7cd8f929e1903d78a12a48efecab430209f18dc46cb96c3599a5980c63c423c"),
    "yolov8s-seg": _yolov8("s", 23_914_764, "0bac0770b55e5eb5b76a61bc535673288dcec36c2bc0cd25ee0d584c632f3413"),
    "yolov8m-seg": _yolov8("m", 54_921_020, "51fa7e5ef385efa6d5b1d8e31b73399be6ed5d7ca71bda4bd4b2794bb445c4f4"),
    "yolov8l-seg": _yolov8("l", 92_417_004, "ca3ec94c445aeaf79c2b57982fb451060f18a7561e2c20b4d26bb9dc1fcabf93"),
    "yolov8x-seg": _yolov8("x", 144_101_612, "c333d6a7aff884ec821050eacdab29871f3edd10d996cf48746a02f8e01f1b5d"),
}


def resolve_weights(name_or_path: str) -> Path:
    """A weights file on this disk: the file of that path, or a known one, fetched if need be.

    Args:
        name_or_path: a file, or a name of YOLOV8_FILES with or without `.pt`. A file goes before a name.

    Raises:
        ModelFileError: neither a file nor a known name.
        DownloadError: it could not be fetched; says how to do without.
        OutputError: the cache folder is not writable, or full.
    """
    found = find_weights(name_or_path)
    return found if isinstance(found, Path) else fetch(found, instead="--model.weights PATH")


def find_weights(name_or_path: str) -> Path | RemoteFile:
    """The file of that path, or else the known one of that name; nothing is read or fetched.

    Raises:
        ModelFileError: neither a file nor a known name.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    known = YOLOV8_FILES.get(name_or_path.removesuffix(".pt"))
    if known is None:
        raise ModelFileError(
            f"{name_or_path}: neither a file nor the name of known weights; {did_you_mean(name_or_path, YOLOV8_FILES)}"
        )
    return known
