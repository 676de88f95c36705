"""Photographs as people's cameras and phones write them."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageOps

from leadline.depth.images import IMAGE_SUFFIXES, MAX_PIXELS, open_picture, read_image, write_image
from leadline.errors import InputError, OutputError

ORIENTATION = 0x0112
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)

# What a viewer does to the stored pixels, by the EXIF standard: the sides of the scene that row 0 and column 0 show.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_a_viewer_turns_them(tmp_path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), UPRIGHT[orientation](NOISE))


def test_a_photograph_of_a_turned_phone_is_portrait(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (60, 40, 3)


@settings(deadline=None, max_examples=25)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=20).map(lambda shape: (*shape, 3))))
def test_written_pictures_come_back(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("image") / "a.png"
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path), image)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_format_is_read(tmp_path, suffix):
    smooth = np.full((40, 60, 3), (200, 120, 40), np.uint8)
    Image.fromarray(smooth).save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image.astype(int), smooth, atol=4)  # JPEG and WebP lose a little


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.fromarray(NOISE[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), NOISE[..., :1].repeat(3, 2))


def test_black_and_white_becomes_0_and_255(tmp_path):
    bits = NOISE[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], bits * 255)


def test_transparency_is_dropped(tmp_path):
    alpha = NOISE[..., :1]
    Image.fromarray(np.concatenate([NOISE, alpha], 2)).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.png"), NOISE)
    Image.fromarray(np.concatenate([alpha, 255 - alpha], 2)).save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png"), alpha.repeat(3, 2))


def test_palettes_are_looked_up_with_and_without_transparency(tmp_path):
    picture = Image.fromarray(NOISE).quantize(16)
    expected = np.asarray(picture.convert("RGB"))
    picture.save(tmp_path / "opaque.png")
    picture.save(tmp_path / "one.png", transparency=3)
    picture.save(tmp_path / "many.png", transparency=bytes(range(16)))
    for name in ("opaque.png", "one.png", "many.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)


def test_16_bits_of_grey_keep_their_upper_half(tmp_path):
    levels = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 27
    Image.fromarray(levels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], levels >> 8)


def test_8_bits_in_a_file_of_16_are_not_darkened(tmp_path):
    levels = NOISE[..., 0].astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], levels)


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    Image.new("CMYK", (60, 40), (255, 0, 0, 0)).save(tmp_path / "a.jpg")
    red, green, blue = read_image(tmp_path / "a.jpg").reshape(-1, 3).mean(0)
    assert red < 40 < 100 < min(green, blue)


def test_of_several_pages_the_first_is_read(tmp_path):
    second = Image.fromarray(255 - NOISE)
    Image.fromarray(NOISE).save(tmp_path / "a.tif", save_all=True, append_images=[second])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), NOISE)


def test_a_file_of_floats_is_no_photograph(tmp_path):
    Image.fromarray(np.ones((4, 6), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(InputError, match="depth map, not a photograph"):
        read_image(tmp_path / "a.tiff")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".ppm"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_pictures_are_refused(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(NOISE).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match=rf"a\{suffix}: "):
        read_image(path)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from((".png", ".jpg")), st.integers(0, 10**6), st.binary(min_size=1, max_size=40))
def test_damaged_bytes_give_a_picture_or_an_input_error(tmp_path_factory, suffix, place, damage):
    path = tmp_path_factory.mktemp("damage") / f"a{suffix}"
    Image.fromarray(NOISE).save(path)
    content = bytearray(path.read_bytes())
    start = place % len(content)
    content[start : start + len(damage)] = damage
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        image = read_image(path)
        assert image.dtype == np.uint8
        assert image.ndim == 3


def test_an_empty_file_is_called_so(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.jpg: the file is empty"):
        read_image(tmp_path / "a.jpg")


def test_text_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("<html>404</html>")
    with pytest.raises(InputError, match="not a picture that can be read"):
        read_image(tmp_path / "a.jpg")


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


def test_a_missing_file_is_called_so(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_image(tmp_path / "a.jpg")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=r"file.a\.jpg"):
        read_image(tmp_path / "file" / "a.jpg")


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path):
    (tmp_path / "bomb.png").write_bytes(png_header(50_000, 50_000))
    with pytest.raises(InputError, match="178,956,970 pixels"):
        read_image(tmp_path / "bomb.png")


def test_the_limit_is_the_one_of_pillow(tmp_path):
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MAX_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
    (tmp_path / "large.png").write_bytes(png_header(15_000, 10_000))
    with open_picture(tmp_path / "large.png") as picture:  # large, but allowed, and without a warning
        assert picture.size == (15_000, 10_000)


def test_a_place_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_image(tmp_path / "file" / "a.png", NOISE)


def test_exif_is_obeyed_once(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    Image.fromarray(NOISE).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected)
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), expected)
