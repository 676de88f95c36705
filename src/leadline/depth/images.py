"""Photographs from files: any common format, as people's cameras write them."""

from __future__ import annotations

import base64
import io
import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from leadline.atomic import atomic_write
from leadline.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
MAX_PIXELS = 178_956_970
"""Larger pictures are refused as decompression bombs (Pillow's own limit, 512 MiB of RGB)."""

PNG_LEVEL = 1
"""Effort of zlib for a PNG: level 1 writes depth three times as fast as 6, the usual one, in a quarter more bytes."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """A photograph as its viewer sees it: EXIF rotation applied; grey, CMYK, palette, RGBA and 16 bits converted.

    Args:
        path: JPEG, PNG, WebP, TIFF, BMP or PPM. Of several pages the first is read; transparency is dropped.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: missing, no picture, truncated, or larger than MAX_PIXELS.
    """
    with open_picture(path) as picture:
        try:
            picture.load()
            return np.array(_as_rgb(ImageOps.exif_transpose(picture)))
        # Decoders raise what they like on broken bytes: zlib.error, struct.error, SyntaxError, IndexError.
        except Exception as error:
            raise InputError(f"{path}: the picture is damaged or truncated ({error}); save it anew") from error


def read_focal_px(path: Path) -> float | None:
    """The focal length in pixels that a photograph's EXIF says, or None when it says none.

    It is told by its equivalent for 35 mm film, that is, for the diagonal of 36 x 24 mm. A picture that was cropped
    since is not noticed.

    Args:
        path: of the photograph.

    Raises:
        InputError: missing, or no picture.
    """
    with open_picture(path) as picture:
        try:
            film_mm = float(picture.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLengthIn35mmFilm, 0))
        except Exception:  # broken EXIF ends in many ways, and is no reason not to look at the picture
            return None
        return film_mm * math.hypot(*picture.size) / math.hypot(36, 24) if film_mm > 0 else None


def open_picture(path: Path) -> Image.Image:
    """Pillow's lazily opened picture, with errors for people.

    Raises:
        InputError: missing, no picture, or larger than MAX_PIXELS.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder, not a picture") from error
    except UnidentifiedImageError as error:
        size = path.stat().st_size
        what = "the file is empty" if size == 0 else "not a picture that can be read (JPEG, PNG, WebP, TIFF, BMP, PPM)"
        raise InputError(f"{path}: {what}") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: more than {MAX_PIXELS:,} pixels; scale it down first") from error
    except Exception as error:  # broken headers end in many ways
        raise InputError(f"{path}: cannot be opened as a picture ({error})") from error


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 RGB by the suffix of `path`, atomically.

    Raises:
        OutputError: no space or no permission.
    """
    with atomic_write(path) as part:
        Image.fromarray(image).save(part, compress_level=PNG_LEVEL)  # formats other than PNG do not look at it


def data_uri(image: NDArray[np.uint8]) -> str:
    """A picture (H, W, 3) uint8 RGB as text that a page can hold in place of an address."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise ValueError("32-bit floats: this looks like a depth map, not a photograph")
    if picture.mode.startswith("I"):  # 16 or 32 bits a pixel: Pillow's own conversion would clip at 255
        levels = np.asarray(picture, np.int64)
        if levels.max(initial=0) > 255:
            levels = levels >> 8
        return Image.fromarray(levels.clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")  # Pillow warns when a palette's transparency is dropped in one step
    return picture.convert("RGB")
