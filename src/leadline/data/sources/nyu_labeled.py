"""NYU Depth v2, the labelled part: 1449 frames of 464 rooms in one MATLAB file (Silberman et al. 2012)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Frame, Sample
from leadline.data.sources.hdf5 import opened_hdf5
from leadline.data.sources.listed import ListedSource
from leadline.depth.camera import Camera
from leadline.depth.files import metres
from leadline.errors import InputError

FILE_NAME = "nyu_depth_v2_labeled.mat"
NYU_FRAMES = 1449
NYU_CAMERA = Camera(
    fx_px=518.857901, fy_px=519.469611, cx_px=325.582449, cy_px=253.736166, width=640, height=480
)  # camera_params.m of the data set's toolbox: the colour camera, undistorted
"""The camera of every colour picture of NYU Depth v2."""


class NyuLabeled(ListedSource[int]):
    """`nyu_depth_v2_labeled.mat`, read in place.

    A MATLAB 7.3 file is HDF5, whose axes come in the reverse order: `images` (N, 3, W, H) uint8, `depths` (N, W, H)
    float32 metres, `scenes` N references to UTF-16 text such as "kitchen_0004". `depths` is what the benchmark's papers
    train and score on: projected to the colour camera, its holes filled by colorization; `rawDepths`, with
    the holes, goes into `raw_depth_m` when it is there. A frame is called by its MATLAB number: "0001" to "1449".

    The official split (795 for training, 654 for testing, no room in both) is `testNdxs` of `splits.mat`. When that
    file lies beside this one in MATLAB 7.3 format it is obeyed. Otherwise a data set of 1449 frames gets its split
    from `nyu_test_indices.txt` in this package, 654 numbers counted from 1, which were compared with the file names of
    BTS and AdaBins (`nyudepthv2_test_files_with_gt.txt`, counted from 0) and with two other transcripts of
    `splits.mat`; all agree. Any other data set has no official split (`subset` None).

    The file is opened for each frame, so that threads and forked processes share no handle.

    Reading needs h5py.
    """

    @staticmethod
    def recognises(root: Path) -> bool:
        """Whether `root` is a `.mat` file, or a folder with `nyu_depth_v2_labeled.mat` in it."""
        try:
            return (root.suffix.lower() == ".mat" and root.is_file()) or (root / FILE_NAME).is_file()
        except OSError:
            return False

    def _listed(self) -> Iterator[tuple[Frame, int]]:
        self._path = self.root / FILE_NAME if self.root.is_dir() else self.root
        with opened_hdf5(self._path) as file:
            shape = _checked_shape(self._path, file)
            scenes = _scenes(self._path, file)
        if len(scenes) != shape[0]:
            raise InputError(f"{self._path}: {shape[0]} images but {len(scenes)} scenes; download it again")
        subsets = _subsets(self._path.with_name("splits.mat"), frame_count=shape[0])
        size_bytes = shape[1] * shape[2] * (3 + 4)  # of the uncompressed frame
        for number, scene in enumerate(scenes, start=1):
            name, room, subset = f"{number:04d}", nyu_room(scene), subsets.get(number)
            yield Frame(scene=scene, name=name, room=room, size_bytes=size_bytes, subset=subset), number - 1

    def _read(self, frame: Frame, place: int) -> Sample:
        name = f"{self._path}, frame {frame.name}"
        with opened_hdf5(self._path) as file:
            try:
                image = np.ascontiguousarray(file["images"][place].transpose(2, 1, 0))
                levels = np.ascontiguousarray(file["depths"][place].T)
                raw_levels = np.ascontiguousarray(file["rawDepths"][place].T) if "rawDepths" in file else None
            except Exception as error:  # HDF5 has many ways to say that bytes are missing
                raise InputError(f"{name}: damaged or truncated ({error}); download the file again") from error
        unit_m = 1.0 if self.depth_unit_m is None else self.depth_unit_m
        depth_m = metres(levels, unit_m=unit_m, name=name)
        raw_depth_m = None if raw_levels is None else metres(raw_levels, unit_m=unit_m, name=name)
        return Sample(frame=frame, image=image, depth_m=depth_m, camera=nyu_camera(image), raw_depth_m=raw_depth_m)


def nyu_room(scene: str) -> str:
    """The room of one of NYU's scenes; the letter counts the recordings made in it.

    Example:
        >>> nyu_room("bedroom_0076a"), nyu_room("kitchen_0004")
        ('bedroom_0076', 'kitchen_0004')
    """
    return re.sub(r"(_\d{4})[a-z]$", r"\1", scene)


def nyu_camera(image: NDArray[np.uint8]) -> Camera | None:
    """NYU's colour camera if `image` has its full size; None for a crop or a scaled copy."""
    return NYU_CAMERA if image.shape[:2] == (NYU_CAMERA.height, NYU_CAMERA.width) else None


@cache
def nyu_test_numbers() -> frozenset[int]:
    """The 654 frames of the official test set, counted from 1 as in `splits.mat`."""
    return frozenset(int(number) for number in Path(__file__).with_name("nyu_test_indices.txt").read_text().split())


def _checked_shape(path: Path, file: Any) -> tuple[int, int, int]:
    """N, W, H; refuses a file that holds something else."""
    missing = [key for key in ("images", "depths", "scenes") if key not in file]
    if missing:
        raise InputError(f"{path}: holds no {', '.join(missing)}; is it the labelled part of NYU Depth v2?")
    images, depths = tuple(file["images"].shape), tuple(file["depths"].shape)
    if len(images) != 4 or images[1] != 3 or depths != (images[0], *images[2:]) or 0 in images:
        raise InputError(f"{path}: images must be (N, 3, W, H) and depths (N, W, H), got {images} and {depths}")
    if file["images"].dtype != np.uint8 or file["depths"].dtype.kind not in "fiu":
        raise InputError(f"{path}: images must be uint8, depths numbers, got {file['images'].dtype}")
    return images[0], images[2], images[3]


def _scenes(path: Path, file: Any) -> list[str]:
    try:
        return ["".join(map(chr, file[reference][()].ravel())) for reference in file["scenes"][()].ravel()]
    except Exception as error:
        raise InputError(f"{path}: its scenes cannot be read ({error}); download it again") from error


def _subsets(path: Path, *, frame_count: int) -> dict[int, Literal["train", "test"]]:
    """Frame numbers, counted from 1, and the part of the official split that each belongs to."""
    train, test = _numbers_of(path)
    if not test and frame_count == NYU_FRAMES:
        test = nyu_test_numbers()
        train = frozenset(range(1, NYU_FRAMES + 1)) - test
    return {**dict.fromkeys(train, "train"), **dict.fromkeys(test, "test")}


def _numbers_of(path: Path) -> tuple[frozenset[int], frozenset[int]]:
    """`trainNdxs` and `testNdxs` of a MATLAB 7.3 file; empty when there is none, or one of an older format."""
    import h5py

    if not path.is_file() or not h5py.is_hdf5(path):
        return frozenset(), frozenset()
    with opened_hdf5(path) as file:
        try:
            train, test = (frozenset(map(int, file[key][()].ravel())) for key in ("trainNdxs", "testNdxs"))
        except Exception as error:
            raise InputError(f"{path}: holds no trainNdxs and testNdxs ({error}); correct or remove it") from error
    if train & test:
        raise InputError(f"{path}: {len(train & test)} frames are in both trainNdxs and testNdxs; correct or remove it")
    return train, test
