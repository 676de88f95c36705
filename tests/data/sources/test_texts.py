"""Small text files beside the frames."""

import pytest

from leadline.data.sources.texts import read_camera, read_lines
from leadline.errors import InputError


def test_comments_and_empty_lines_say_nothing(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf# head\r\n\r\n one two \r\n  # more\r\nthree")
    assert read_lines(tmp_path / "a.txt") == ["one two", "three"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_what_is_no_text_is_named(tmp_path, content):
    if content:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.txt: cannot be read as text"):
        read_lines(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("columns", "text"), [(3, "30, 0, 16\n0, 40, 12\n0, 0, 1"), (4, "30 0 16 9\n0 40 12 9\n0 0 1 0\n0 0 0 1")]
)
def test_a_matrix_is_a_camera(tmp_path, columns, text):
    (tmp_path / "K.txt").write_text(text)
    camera = read_camera(tmp_path / "K.txt", columns=columns, width=32, height=24)
    assert (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px) == (30, 40, 16, 12)
    assert (camera.width, camera.height) == (32, 24)


@pytest.mark.parametrize("text", ["30 0 16", "a b c d e f", "-30 0 16 0 40 12 0 0 1"])
def test_another_matrix_is_refused(tmp_path, text):
    (tmp_path / "K.txt").write_text(text)
    with pytest.raises(InputError, match=r"K\.txt: no matrix of intrinsics"):
        read_camera(tmp_path / "K.txt", columns=3, width=32, height=24)


def test_without_a_file_nothing_is_known(tmp_path):
    assert read_camera(tmp_path / "K.txt", columns=3, width=32, height=24) is None
