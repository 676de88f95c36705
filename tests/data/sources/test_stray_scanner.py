"""Stray Scanner's recordings, as docs/format.md of strayrobots/scanner describes them."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.stray_scanner import StrayScanner
from leadline.errors import InputError, UsageError

MILLIMETRES = np.random.default_rng(0).integers(300, 5000, (192, 256)).astype(np.uint16)
CONFIDENCE = np.random.default_rng(1).integers(0, 3, (192, 256)).astype(np.uint8)


def write_recording(folder, *, count=2, pictures=True, confidence=CONFIDENCE):
    for name in ("depth", "confidence", *(["rgb"] if pictures else [])):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(MILLIMETRES).save(folder / "depth" / f"{number:06}.png")
        if confidence is not None:
            Image.fromarray(confidence).save(folder / "confidence" / f"{number:06}.png")
        if pictures:
            Image.new("RGB", (640, 480), (number, 2, 3)).save(folder / "rgb" / f"{number:06}.png")
    (folder / "camera_matrix.csv").write_text("1600.5, 0.0, 958.5\n0.0, 1600.5, 719.5\n0.0, 0.0, 1.0")
    return folder


def write_video(path, *, count, size=(640, 480), codec="mpeg4", options=None):
    """Frames whose grey is five times their number, in groups of eight."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options or {"g": "8"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 8_000_000
        for number in range(count):
            picture = np.full((size[1], size[0], 3), 5 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_depth_of_no_confidence_is_a_hole(tmp_path):
    source = StrayScanner(write_recording(tmp_path / "71de12f9"))
    expected = np.where(CONFIDENCE > 0, MILLIMETRES, 0).astype(np.float32) * np.float32(0.001)
    np.testing.assert_array_equal(source.read(source.frames[1]).depth_m, expected)


def test_without_confidence_all_depth_counts(tmp_path):
    source = StrayScanner(write_recording(tmp_path / "71de12f9", confidence=None))
    assert source.read(source.frames[0]).valid.all()


def test_confidence_of_another_size_is_refused(tmp_path):
    source = StrayScanner(write_recording(tmp_path / "71de12f9", confidence=CONFIDENCE[:96]))
    with pytest.raises(InputError, match=r"000000\.png: confidence is \(96, 256\), but depth \(192, 256\)"):
        source.read(source.frames[0])


def test_old_recordings_have_npy_files(tmp_path):
    folder = write_recording(tmp_path / "71de12f9", count=1)
    (folder / "depth" / "000000.png").unlink()
    np.save(folder / "depth" / "000000.npy", MILLIMETRES)
    source = StrayScanner(folder)
    assert source.read(source.frames[0]).depth_m.max() == pytest.approx(MILLIMETRES[CONFIDENCE > 0].max() / 1000)


def test_the_camera_is_scaled_from_the_video_to_the_picture(tmp_path):
    source = StrayScanner(write_recording(tmp_path / "71de12f9"))
    camera = source.read(source.frames[0]).camera
    assert camera.fx_px == pytest.approx(1600.5 / 3)
    assert (camera.width, camera.height) == (640, 480)


def test_recordings_side_by_side_are_rooms(tmp_path):
    for name in ("a", "b"):
        write_recording(tmp_path / name, count=1)
    assert [(frame.identity, frame.room) for frame in StrayScanner(tmp_path).frames] == [
        ("a/000000", "a"),
        ("b/000000", "b"),
    ]


def test_frames_of_the_video_are_found_by_their_number(tmp_path):
    folder = write_recording(tmp_path / "71de12f9", count=20, pictures=False)
    write_video(folder / "rgb.mp4", count=20)
    source = pickle.loads(pickle.dumps(StrayScanner(folder)))
    order = [19, 0, 7, 8, 9, 3, *range(20)]
    with ThreadPoolExecutor(4) as pool:
        samples = list(pool.map(source.read, [source.frames[number] for number in order]))
    for number, sample in zip(order, samples, strict=True):
        assert abs(float(sample.image.mean()) - 5 * number) < 2
        assert sample.image.shape == (480, 640, 3)


def test_frames_that_lean_on_those_before_a_key_frame_are_found(tmp_path):
    av = pytest.importorskip("av")
    if "libx265" not in av.codecs_available:
        pytest.skip("this PyAV cannot write HEVC")
    folder = write_recording(tmp_path / "71de12f9", count=40, pictures=False)
    options = {"x265-params": "bframes=3:keyint=12:open-gop=1:log-level=none"}
    write_video(folder / "rgb.mp4", count=40, size=(64, 48), codec="libx265", options=options)
    source = StrayScanner(folder)
    for number, frame in enumerate(source.frames):
        assert abs(float(source.read(frame).image.mean()) - 5 * number) < 2


def test_more_depth_than_video_is_refused(tmp_path):
    folder = write_recording(tmp_path / "71de12f9", count=4, pictures=False)
    write_video(folder / "rgb.mp4", count=3)
    source = StrayScanner(folder)
    with pytest.raises(InputError, match=r"rgb\.mp4: has 3 frames, there is no frame 3"):
        source.read(source.frames[3])


def test_a_broken_video_is_named(tmp_path):
    pytest.importorskip("av")
    folder = write_recording(tmp_path / "71de12f9", pictures=False)
    (folder / "rgb.mp4").write_bytes(b"no video" * 100)
    source = StrayScanner(folder)
    with pytest.raises(InputError, match=r"rgb\.mp4: not a video"):
        source.read(source.frames[0])


def test_without_pyav_the_cure_is_told(tmp_path, monkeypatch):
    folder = write_recording(tmp_path / "71de12f9", pictures=False)
    (folder / "rgb.mp4").write_bytes(b"a video")
    source = StrayScanner(folder)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[video\]'"):
        source.read(source.frames[0])


def test_a_missing_video_is_named_at_once(tmp_path):
    with pytest.raises(InputError, match=r"names 2 missing files: .*rgb\.mp4"):
        StrayScanner(write_recording(tmp_path / "71de12f9", pictures=False))
