"""Frames in one folder per scene: the layout of most small RGB-D recordings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.data.sources.folders import folders_in, holds_one
from leadline.data.sources.pairing import Lonely, Pair, check_paired, pair_files
from leadline.depth.camera import Camera
from leadline.depth.files import read_depth
from leadline.depth.images import read_image
from leadline.errors import InputError


class SceneFolders:
    """A folder of scenes, or one scene.

        root/<scene>/rgb/0001.jpg       any common picture
        root/<scene>/depth/0001.png     16-bit millimetres, or metres as .npy or TIFF of floats; 0 or NaN is a hole
        root/<scene>/scene.json         may be missing

    `scene.json` may say `room` (text; scenes of one room never part in a split; the scene's name when missing),
    `every_frame_is_a_room` (true for photographs of as many rooms), `intrinsics` (`fx fy cx cy` in pixels of a picture
    of `rgb_size`, which is [width, height]), `depth_unit_m` (metres per step of the depth files), and, where a teacher
    estimated the depth, `confidence` (numbers from 0 to 1 by the frames' names, such as {"0001": 0.83}) and `kind`
    ("metric", or "relative" where the files hold inverse depth up to scale and shift). Its other keys are for people.

    Args:
        root: the folder of scenes, or a single scene's folder.
        depth_unit_m: metres per step of every depth file, whatever `scene.json` or the format says.

    Raises:
        InputError: no frame, a file without its partner, or a `scene.json` that cannot be understood.
    """

    root: Path
    frames: Sequence[Frame]

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` or a folder in it holds both `rgb/` and `depth/`."""
        return holds_one(root, _has_both, deepest=1)

    def __init__(self, root: Path, *, depth_unit_m: float | None = None) -> None:
        self.root = Path(root)
        self.depth_unit_m = depth_unit_m
        self._pairs: dict[str, Pair] = {}
        self._cards: dict[str, _SceneCard] = {}
        frames: list[Frame] = []
        lonely: list[Lonely] = []
        for folder in self._scenes():
            pairs, alone = pair_files(folder / "rgb", folder / "depth")
            lonely += alone
            scene = folder.name if folder != self.root else folder.resolve().name
            card = _read_card(folder / "scene.json")
            self._cards[scene] = card
            for pair in pairs:
                frame = pair.frame(scene=scene, room=card.room_of(pair.stem, scene=scene))
                frame = replace(frame, confidence=card.confidence.get(pair.stem, 1.0), is_relative=card.is_relative)
                self._pairs[frame.identity] = pair
                frames.append(frame)
        check_paired(self.root, list(self._pairs.values()), lonely)
        self.frames = tuple(frames)

    def read(self, frame: Frame) -> Sample:
        """Read one of `frames`; safe to call from many threads and processes.

        Raises:
            InputError: the frame cannot be used; the message names the file and the cause.
        """
        pair, card = self._pairs[frame.identity], self._cards[frame.scene]
        unit_m = card.depth_unit_m if self.depth_unit_m is None else self.depth_unit_m
        image = read_image(pair.color)
        depth_m = read_depth(pair.depth, unit_m=unit_m)
        return Sample(frame=frame, image=image, depth_m=depth_m, camera=_camera_of(image, card.camera, pair.color))

    def _scenes(self) -> list[Path]:
        try:
            if _has_both(self.root):
                return [self.root]
            # A scene that lacks one of the two is listed as well, so that its lonely files are reported.
            return [folder for folder in folders_in(self.root) if _has_any(folder)] or [self.root]
        except OSError as error:
            raise InputError(f"{self.root}: cannot be listed ({error.strerror or error})") from error


@dataclass(frozen=True)
class _SceneCard:
    """What scene.json says; None where it says nothing."""

    room: str | None = None
    every_frame_is_a_room: bool = False
    camera: Camera | None = None
    depth_unit_m: float | None = None
    confidence: dict[str, float] = field(default_factory=dict)
    is_relative: bool = False

    def room_of(self, name: str, *, scene: str) -> str:
        room = self.room or scene
        return f"{room}/{name}" if self.every_frame_is_a_room else room


def _has_both(folder: Path) -> bool:
    return (folder / "rgb").is_dir() and (folder / "depth").is_dir()


def _has_any(folder: Path) -> bool:
    return (folder / "rgb").is_dir() or (folder / "depth").is_dir()


def _read_card(path: Path) -> _SceneCard:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _SceneCard()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        said = json.loads(content)
        if not isinstance(said, dict):
            raise TypeError(f"it must be an object {{...}}, not {type(said).__name__}")
        return _SceneCard(
            room=_room(said),
            every_frame_is_a_room=_claim(said, "every_frame_is_a_room"),
            camera=_camera(said),
            depth_unit_m=_unit_m(said),
            confidence=_confidence(said),
            is_relative=said.get("kind") == "relative",
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: cannot be understood: {error}") from error


def _room(said: dict[str, Any]) -> str | None:
    room = said.get("room")
    if room is not None and (not isinstance(room, str) or not room):
        raise TypeError(f"room must be a text, got {room!r}")
    return room


def _claim(said: dict[str, Any], key: str) -> bool:
    claim = said.get(key, False)
    if not isinstance(claim, bool):
        raise TypeError(f"{key} must be true or false, got {claim!r}")
    return claim


def _camera(said: dict[str, Any]) -> Camera | None:
    intrinsics, size = said.get("intrinsics"), said.get("rgb_size")
    if intrinsics is None:
        return None
    if not isinstance(intrinsics, dict):
        raise TypeError(f"intrinsics must be an object of fx, fy, cx and cy, got {intrinsics!r}")
    if not (isinstance(size, list) and len(size) == 2):
        raise TypeError(f"intrinsics need rgb_size, [width, height] in pixels, got {size!r}")
    fx, fy, cx, cy = (_number(intrinsics, key) for key in ("fx", "fy", "cx", "cy"))
    return Camera(fx_px=fx, fy_px=fy, cx_px=cx, cy_px=cy, width=int(size[0]), height=int(size[1]))


def _unit_m(said: dict[str, Any]) -> float | None:
    if said.get("depth_unit_m") is None:
        return None
    unit_m = _number(said, "depth_unit_m")
    if not unit_m > 0:
        raise ValueError(f"depth_unit_m must be positive, got {unit_m}")
    return unit_m


def _confidence(said: dict[str, Any]) -> dict[str, float]:
    numbers = said.get("confidence") or {}
    if not isinstance(numbers, dict):
        raise TypeError(f"confidence must be an object of numbers by frame, got {numbers!r}")
    found = {name: _number(numbers, name) for name in numbers}
    if not all(0 <= number <= 1 for number in found.values()):
        raise ValueError("confidence must be between 0 and 1")
    return found


def _number(said: dict[str, Any], key: str) -> float:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not np.isfinite(value):
        raise TypeError(f"{key} must be a number, got {value!r}")
    return float(value)


def _camera_of(image: NDArray[np.uint8], camera: Camera | None, path: Path) -> Camera | None:
    """The scene's camera for a picture that may have been scaled, but not cropped or turned, since."""
    height, width = image.shape[:2]
    if camera is None or (width, height) == (camera.width, camera.height):
        return camera
    scaled = camera.scaled_to(width=width, height=height)
    if scaled is None:
        raise InputError(
            f"{path}: the picture is {width}x{height}, but the intrinsics of scene.json are for rgb_size "
            f"{camera.width}x{camera.height}; correct them, or leave them out"
        )
    return scaled
