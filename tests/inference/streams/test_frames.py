"""Frames of videos as people's devices write them, whole and broken, of addresses, and of folders."""

import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from leadline.errors import InputError, UsageError
from leadline.inference.streams import frames as frames_module
from leadline.inference.streams.frames import Frame, Source, is_stream, open_stream


def taken(text: object, **how: float) -> tuple[list[Frame], Source]:
    with open_stream(str(text), **how) as source:
        return list(source.frames), source


def numbers_seen(frames: list[Frame]) -> list[int]:
    return [round(float(np.median(frame.image[:, : frame.image.shape[1] // 4, 1])) / 8) for frame in frames]


def test_every_frame_comes_once_in_order_with_its_time(write_video, tmp_path):
    frames, source = taken(write_video(tmp_path / "a.mp4"))
    assert numbers_seen(frames) == list(range(20))
    assert [frame.number for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(20)], abs=1e-3)
    assert (source.is_live, source.faults) == (False, [])
    assert source.fps == pytest.approx(10, rel=0.01)


def test_frames_of_a_variable_rate_keep_their_times(write_video, tmp_path):
    times_s = [0.0, 0.1, 0.5, 0.52, 2.0]
    frames, _ = taken(write_video(tmp_path / "a.mkv", count=5, times_s=times_s))
    assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=2e-3)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # a phone held upright: a quarter clockwise
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    ],
)
def test_a_video_that_is_stored_lying_is_turned_upright(write_video, tmp_path, matrix, turned):
    path = write_video(tmp_path / "a.mp4", count=2)
    lying, _ = taken(path)
    content = bytearray(path.read_bytes())
    # The track header of MP4 (ISO 14496-12, 8.3.2): version and flags, times and ids, layer to volume, then the matrix.
    begin = content.index(b"tkhd") + 4 + 4 + 20 + 16
    assert struct.unpack(">9i", content[begin : begin + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    a, b, c, d = (65536 * entry for entry in matrix)
    content[begin : begin + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    frames, _ = taken(path)
    np.testing.assert_array_equal(frames[1].image, turned(lying[1].image))


def test_a_video_that_was_cut_gives_what_it_has_and_says_so(write_video, tmp_path):
    path = write_video(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, source = taken(path)
    assert 3 < len(frames) < 18
    assert numbers_seen(frames) == list(range(len(frames)))
    assert "ends early" in source.faults[-1]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_may_last_longer_than_the_pictures(write_video, tmp_path, suffix):
    _, source = taken(write_video(tmp_path / f"a.{suffix}", sound_s=5.0))
    assert source.faults == []


def test_a_video_that_was_cut_in_the_middle_of_its_sound_says_so(write_video, tmp_path):
    path = write_video(tmp_path / "a.mkv", sound_s=5.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    frames, source = taken(path)
    assert len(frames) < 18
    assert "ends early" in source.faults[-1]


def test_a_damaged_video_is_taken_as_far_as_it_goes_and_said(write_video, tmp_path):
    path = write_video(tmp_path / "a.mkv")
    content, generator = bytearray(path.read_bytes()), random.Random(1)
    for _ in range(30):
        content[generator.randrange(len(content) // 3, len(content))] ^= 0xFF
    path.write_bytes(content)
    frames, source = taken(path)
    assert frames
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)
    assert "damaged" in " ".join(source.faults) or "ends early" in " ".join(source.faults)


@pytest.mark.parametrize("content", [b"", b"no video", b"\x00" * 5000])
def test_what_is_no_video_is_said(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.mp4: cannot be opened as a video or a stream"):
        taken(tmp_path / "a.mp4")


def test_a_video_whose_index_is_lost_is_said(write_video, tmp_path):
    path = write_video(tmp_path / "a.mp4")  # its index is at the end
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"(cannot be opened|no frame of it can be decoded)"):
        taken(path)


def test_a_file_of_sound_alone_has_no_pictures(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    with pytest.raises(InputError, match="has no pictures, only audio"):
        taken(tmp_path / "a.mkv")


@pytest.mark.parametrize("text", ["missing.mp4", "/dev/video97", "camera:97", "rtsp://127.0.0.1:9/live"])
def test_what_is_not_there_is_said(text):
    with pytest.raises(InputError, match=f"{text}: cannot be opened"):
        taken(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.mp4", True), ("A.MOV", True), ("camera:0", True), ("/dev/video1", True), ("https://host/a", True),
     ("a.jpg", False), ("camera", False), ("folder", False), ("*.png", False)],
)  # fmt: skip
def test_streams_are_known_by_their_names(text, expected):
    assert is_stream(text) is expected


def test_of_a_camera_that_is_not_there_it_is_said_which_are():
    with pytest.raises(InputError, match=r"camera:97: .*there is no /dev/video97; cameras here: (none|/dev/video\d)"):
        taken("camera:97")


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are opened by Linux's interface")
def test_a_file_that_is_no_camera_is_said(tmp_path, monkeypatch):
    (tmp_path / "video0").write_bytes(b"no camera")
    monkeypatch.setattr(frames_module, "_camera_device", lambda text: str(tmp_path / "video0"))
    with pytest.raises(InputError, match=r"camera:0: cannot be opened .*\(it is no camera\)"):
        taken("camera:0")


def test_a_camera_that_may_not_be_used_is_said(tmp_path, monkeypatch):
    (tmp_path / "video0").write_bytes(b"")
    monkeypatch.setattr(frames_module, "_camera_device", lambda text: str(tmp_path / "video0"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may use everything
    with pytest.raises(InputError, match=r"no permission to use .*; cameras mostly belong to the group `video`"):
        taken("camera:0")


def test_without_pyav_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[video\]'"):
        taken("a.mp4")


def test_a_folder_is_a_stream_in_the_order_of_names_and_broken_pictures_are_said(tmp_path):
    for number in range(4):
        Image.new("RGB", (8, 6), (0, 8 * number, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    frames, source = taken(tmp_path, fps=20.0)
    assert numbers_seen(frames) == [0, 1, 3]
    assert [frame.time_s for frame in frames] == [0, 0.05, 0.15]
    assert len(source.faults) == 1
    assert "2.png" in source.faults[0]


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(InputError, match="no pictures there"):
        taken(tmp_path)


# --- Addresses ---


@contextmanager
def served(content: bytes, *, announced: int) -> Iterator[str]:
    """An address that sends `content` once, and then says nothing; it has promised `announced` bytes."""
    server = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: {announced}\r\n\r\n"
            connection.sendall(head.encode() + content)
            done.wait(30)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/live.ts"
    finally:
        done.set()
        thread.join(5)
        server.close()


@pytest.fixture
def broadcast(write_video, tmp_path, monkeypatch) -> bytes:
    monkeypatch.setenv("no_proxy", "*")
    return write_video(tmp_path / "live.ts").read_bytes()


def test_an_address_is_live_and_ends_with_what_it_sends(broadcast):
    with served(broadcast, announced=len(broadcast)) as address:
        frames, source = taken(address)
    assert numbers_seen(frames)[:19] == list(range(19))
    assert source.is_live


def test_an_address_that_falls_silent_is_said_in_time(broadcast):
    with served(broadcast[: len(broadcast) * 3 // 4], announced=len(broadcast)) as address:
        began_s = time.monotonic()
        with open_stream(address, stall_s=1.0) as source:
            assert next(source.frames).number == 0
            with pytest.raises(InputError, match="fell silent or broke off"):
                list(source.frames)
    assert time.monotonic() - began_s < 20
