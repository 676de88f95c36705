"""One photograph labelled: read, asked about, written, or dropped with a reason."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.atomic import atomic_write
from leadline.depth.camera import Camera
from leadline.depth.files import write_depth16
from leadline.depth.images import read_image
from leadline.errors import InputError
from leadline.labelling.confidence import ask, inverse_depth
from leadline.labelling.labelled_scene import Outcome, color_file, depth_file
from leadline.labelling.photographs import Photograph, why_no_photograph
from leadline.labelling.teacher import Kind, Teacher, resized
from leadline.options import LabelOptions, read_aspect


class Labeller:
    """Labels photographs one by one; called from many threads at once, or from as many processes.

    Args:
        teachers: the one that labels, and any others that agree or dissent.
        options: of the verb.
        camera: that took all of the photographs, where it is known.
    """

    def __init__(self, teachers: Sequence[Teacher], options: LabelOptions, camera: Camera | None = None) -> None:
        self._teachers = teachers
        self._options = options
        self._camera = camera

    def __call__(self, photo: Photograph) -> Outcome | str:
        """Label a photograph and write its picture and its depth.

        Returns:
            What became of it, or why it could not be read.

        Raises:
            OutputError: no space or no permission.
        """
        try:
            return self._label(photo)
        except InputError as error:
            return str(error) if str(photo.path) in str(error) else f"{photo.path}: {error}"

    def _label(self, photo: Photograph) -> Outcome:
        whole = read_image(photo.path)
        original = whole if self._options.smallest_part == 1 else random_part(whole, photo, self._options.smallest_part)
        why = why_no_photograph(original)
        if why is not None:
            return Outcome(photo.path.name, dropped=why)
        self._check_size(original)
        image = _reshaped(original, self._options)
        label = ask(self._teachers, image)
        found: dict[str, Any] = {
            "contradiction": round(label.contradiction, 4),
            "dissent": round(label.dissent, 4) or None,
        }
        if label.contradiction > self._options.drop_above:
            why = f"the teacher contradicts itself by {100 * label.contradiction:.0f} %"
            return Outcome(photo.path.name, dropped=why, **found)
        scene = self._options.out / photo.scene
        if image is whole:  # the very bytes: encoding it again would only lose
            _copy(photo.path, color_file(scene, photo.name, photo.path.suffix.lower()))
        else:
            _write_jpeg(color_file(scene, photo.name, ".jpg"), image)
        height, width = image.shape[:2]
        write_depth16(depth_file(scene, photo.name), resized(self._stored(label.values), height=height, width=width))
        return Outcome(photo.path.name, photo.name, round(label.confidence, 4), **found)

    def _check_size(self, image: NDArray[np.uint8]) -> None:
        height, width = image.shape[:2]
        if self._camera is not None and (width, height) != (self._camera.width, self._camera.height):
            raise InputError(
                f"is {width}x{height}, but --focal-px is for pictures of {self._camera.width}x{self._camera.height}, "
                f"as the first one is; label it by itself"
            )

    def _stored(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the depth file says: metres of this camera, or inverse depth from 1 to 9."""
        teacher = self._teachers[0]
        kind = label_kind(self._options, teacher)
        if kind == "metric":
            return values * np.float32(depth_scale(teacher, self._camera))
        relative = inverse_depth(values) if teacher.kind == "metric" else values
        low, high = np.nanmin(relative), np.nanmax(relative)
        near, far = RELATIVE_RANGE
        return far + (near - far) * (relative - low) / np.float32(max(high - low, 1e-12))


def random_part(image: NDArray[np.uint8], photo: Photograph, smallest: float) -> NDArray[np.uint8]:
    """A part of a photograph, of its shape, from `smallest` to all of each side; always the same of the same one."""
    height, width = image.shape[:2]
    chance = random.Random(f"{photo.scene}/{photo.name}")
    share = chance.uniform(smallest, 1)
    inner_height, inner_width = max(1, round(height * share)), max(1, round(width * share))
    top, left = chance.randint(0, height - inner_height), chance.randint(0, width - inner_width)
    return image[top : top + inner_height, left : left + inner_width]


def label_kind(options: LabelOptions, teacher: Teacher) -> Kind:
    """The kind of the labels: what was asked for, or what the teacher says."""
    return teacher.kind if options.kind is None else options.kind


def depth_scale(teacher: Teacher, camera: Camera | None) -> float:
    """What a teacher's metres are to be multiplied by for another camera: the ratio of the focal lengths.

    A teacher of one camera takes what is enlarged by a longer focal length for something nearer.

    Example:
        >>> teacher = Teacher("of 0.89", "0" * 64, "none", "metric", lambda pictures: [], focal_per_width=0.89)
        >>> depth_scale(teacher, Camera(445.0, 445.0, 499.5, 374.5, width=1000, height=750))
        0.5
    """
    if camera is None or teacher.focal_per_width is None:
        return 1.0
    return camera.fx_px / camera.width / teacher.focal_per_width


def stored_camera(camera: Camera, options: LabelOptions) -> Camera:
    """The camera of a stored picture, which may have been stretched and scaled."""
    width, height = _stored_size(camera.height, camera.width, options)
    placed = camera.placed(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)
    # --focal-px is along the width; pixels are square once the picture has its true shape.
    return Camera(placed.fx_px, placed.fx_px, placed.cx_px, placed.cy_px, width, height)


def _stored_size(height: int, width: int, options: LabelOptions) -> tuple[int, int]:
    """Width and height in the true shape (a side is enlarged, none shrunk), no larger than wanted."""
    true_height, true_width = float(height), float(width)
    if options.aspect is not None:
        aspect = read_aspect(options.aspect)
        true_height, true_width = max(true_height, true_width / aspect), max(true_width, true_height * aspect)
    scale = min(1.0, options.largest_side_px / max(true_height, true_width))
    return max(1, round(true_width * scale)), max(1, round(true_height * scale))


def _reshaped(image: NDArray[np.uint8], options: LabelOptions) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    size = _stored_size(height, width, options)
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as part:
        shutil.copyfile(source, part)


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    with atomic_write(path) as part:
        Image.fromarray(image).save(part, format="JPEG", quality=_JPEG_QUALITY)


RELATIVE_RANGE = (9.0, 1.0)
"""Nearest and farthest inverse depth in the files of relative labels: within the metres of rooms, so that whatever is
made for those keeps all of it."""
_JPEG_QUALITY = 95
