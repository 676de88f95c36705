"""Recordings of the Record3D app, made with the LiDAR or the face sensor of a phone or tablet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.data.sources.archive import Files, PackedFiles, UnpackedFiles, decoded
from leadline.data.sources.folders import folders_in, holds_one, some_names
from leadline.data.sources.listed import ListedSource
from leadline.depth.camera import Camera
from leadline.depth.files import metres
from leadline.errors import InputError, UsageError

Place = tuple[Files, str]


class Record3D(ListedSource[Place]):
    """A recording `.r3d`, read in place, the folder that it unpacks to (it is a zip archive), or a folder of these.

        metadata            JSON: `w`, `h` of the pictures, `dw`, `dh` of depth; intrinsics `K`, or for each frame
                            `perFrameIntrinsicCoeffs` [fx, fy, cx, cy], both in pixels of the pictures
        rgbd/0.jpg
        rgbd/0.depth        dw x dh float32 metres, row by row, compressed by LZFSE (or not at all)
        rgbd/0.conf         dw x dh bytes 0, 1 or 2, packed alike; may be missing

    The app's author publishes no description; this is what readers of such files agree on: R3DSemanticDataset of
    notmahi/clip-fields (`dataloaders/record3d.py`) and its relatives. `K` stands column by column there; one that
    stands row by row is recognised by its zeros. Depth of confidence 0 is a hole; so is NaN.

    LZFSE is unpacked by `liblzfse` (`pip install pyliblzfse`). The app's export of EXR depth and JPG pictures is
    refused: share the recording as `.r3d` instead.

    A recording is a scene and a room.
    """

    empty = "no frames here; a recording of Record3D has metadata and rgbd/0.jpg beside rgbd/0.depth"

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` is a `.r3d` file or holds one, or is an unpacked recording or holds one."""
        return holds_one(root, _is_recording, deepest=1)

    def _listed(self) -> Iterator[tuple[Frame, Place]]:
        self._metadata: dict[str, Mapping[str, Any]] = {}
        for path in _recordings(self.root):
            files: Files = UnpackedFiles(path) if path.is_dir() else PackedFiles(path)
            scene = path.resolve().stem
            self._metadata[scene] = _metadata(files)
            for number in _numbers(files):
                names = (f"rgbd/{number}.jpg", f"rgbd/{number}.depth")
                size_bytes = sum(files.size_bytes(name) or 0 for name in names)
                yield Frame(scene=scene, name=f"{number:06d}", room=scene, size_bytes=size_bytes), (files, names[1])

    def _read(self, frame: Frame, place: Place) -> Sample:
        files, name = place
        metadata = self._metadata[frame.scene]
        image = np.array(decoded(files, name.replace(".depth", ".jpg")).convert("RGB"))
        levels = _unpacked(files, name, np.float32, metadata)
        confidence_name = name.replace(".depth", ".conf")
        if files.size_bytes(confidence_name):
            levels = np.where(_unpacked(files, confidence_name, np.uint8, metadata) > 0, levels, np.float32(0))
        unit_m = 1.0 if self.depth_unit_m is None else self.depth_unit_m
        depth_m = metres(levels, unit_m=unit_m, name=files.described(name))
        camera = _camera(files, metadata, int(frame.name), image)
        return Sample(frame=frame, image=image, depth_m=depth_m, camera=camera)


def _recordings(root: Path) -> list[Path]:
    """The archives and unpacked folders at `root`."""
    if root.is_file() or _is_unpacked(root):
        return [root]
    archives = sorted(root / name for name in some_names(root) if name.lower().endswith(".r3d"))
    unpacked = [folder for folder in folders_in(root) if _is_unpacked(folder)]
    if not (archives or unpacked) and holds_one(root, _is_exr_export, deepest=1):
        raise InputError(
            f"{root}: an export of Record3D with EXR depth, which leadline does not read; in the app, share the "
            f"recording as .r3d, and give that file"
        )
    return archives + unpacked


def _is_recording(path: Path) -> bool:
    if path.suffix.lower() == ".r3d":
        return path.is_file() or _is_unpacked(path)
    return any(name.lower().endswith(".r3d") for name in some_names(path)) or _is_unpacked(path) or _is_exr_export(path)


def _is_unpacked(folder: Path) -> bool:
    return (folder / "metadata").is_file() and (folder / "rgbd").is_dir()


def _is_exr_export(folder: Path) -> bool:
    return any(name.lower().endswith(".exr") for name in some_names(folder / "depth")) and (folder / "rgb").is_dir()


def _metadata(files: Files) -> Mapping[str, Any]:
    try:
        said = json.loads(files.read("metadata"))
        if not isinstance(said, dict):
            raise TypeError(f"it must be an object {{...}}, not {type(said).__name__}")
        return said
    except KeyError as error:
        raise InputError(f"{files.described('metadata')}: missing; is this a recording of Record3D?") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{files.described('metadata')}: cannot be understood: {error}") from error


def _numbers(files: Files) -> list[int]:
    """Of the frames that have both a picture and depth."""
    names = set(files.names)
    stems = [Path(name).stem for name in names if name.startswith("rgbd/") and name.endswith(".depth")]
    return sorted(int(stem) for stem in stems if stem.isdecimal() and f"rgbd/{stem}.jpg" in names)


def _unpacked(files: Files, name: str, kind: type, metadata: Mapping[str, Any]) -> NDArray:
    """(dh, dw) numbers of a file of the recording."""
    content = files.read(name)
    if content.startswith(_LZFSE):
        content = _decompressed(content, files.described(name))
    try:
        height, width = int(metadata["dh"]), int(metadata["dw"])
        return np.frombuffer(content, kind).reshape(height, width)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{files.described(name)}: its {len(content)} bytes are not the dw x dh numbers of metadata ({error}); "
            f"record it again with a newer version of the app"
        ) from error


def _decompressed(content: bytes, described: str) -> bytes:
    try:
        import liblzfse
    except ImportError as error:
        raise UsageError(f"{described}: recordings of Record3D need liblzfse: pip install pyliblzfse") from error
    try:
        unpacked: bytes = liblzfse.decompress(content)
        return unpacked
    except Exception as error:  # the library has an error of its own
        raise InputError(f"{described}: damaged ({error}); copy the recording from the device again") from error


def _camera(files: Files, metadata: Mapping[str, Any], number: int, image: NDArray[np.uint8]) -> Camera | None:
    each, matrix = metadata.get("perFrameIntrinsicCoeffs"), metadata.get("K")
    try:
        if each and number < len(each):
            fx_px, fy_px, cx_px, cy_px = map(float, each[number])
        elif matrix:
            fx_px, fy_px = float(matrix[0]), float(matrix[4])
            cx_px, cy_px = float(matrix[2] or matrix[6]), float(matrix[5] or matrix[7])
        else:
            return None
        width, height = int(metadata["w"]), int(metadata["h"])
        camera = Camera(fx_px=fx_px, fy_px=fy_px, cx_px=cx_px, cy_px=cy_px, width=width, height=height)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{files.described('metadata')}: its intrinsics cannot be understood: {error!r}") from error
    return camera.scaled_to(width=image.shape[1], height=image.shape[0])


_LZFSE = b"bvx"
"""How compressed blocks begin (a float32 that begins so would be of no plausible depth)."""
