"""Streams from the command line and from Python: what is written, and what is left when something goes wrong."""

import csv
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData

import leadline
from leadline.depth.camera import Camera
from leadline.depth.files import read_depth
from leadline.errors import InputError, PartialFailure, RecipeError, UsageError
from leadline.inference.predict import predict_command
from leadline.inference.predictor import Predictor
from leadline.inference.streams import record as record_module
from leadline.options import PredictOptions


@pytest.fixture(autouse=True)
def model(monkeypatch, predictor) -> Predictor:
    monkeypatch.setattr(record_module, "load", lambda path, **runtime: predictor)
    return predictor


def run(tmp_path: Path, *inputs: object, **more: object) -> None:
    predict_command(PredictOptions(tuple(map(str, inputs)), out=tmp_path / "out", **more))


def decoded(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_a_video_becomes_a_video_beside_its_depth_with_the_same_times_and_sound(write_video, tmp_path, capsys):
    times_s = [0.0, 0.1, 0.5, 0.6, 1.4]
    run(tmp_path, write_video(tmp_path / "walk.mp4", count=5, times_s=times_s, sound_s=1.5))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["walk_frames.csv", "walk_video.mp4"]
    frames = decoded(tmp_path / "out" / "walk_video.mp4")
    assert [time_s for time_s, _ in frames] == pytest.approx(times_s, abs=2e-3)
    assert frames[0][1].shape[1] == 128
    assert np.abs(frames[0][1][4:20, 4:28].astype(int) - (200, 0, 0)).mean() < 25
    with av.open(str(tmp_path / "out" / "walk_video.mp4")) as container, av.open(str(tmp_path / "walk.mp4")) as source:
        copied, original = (
            [bytes(packet) for packet in file.demux(audio=0) if packet.size] for file in (container, source)
        )
    assert copied == original
    assert "5 frames in 1.4 s of it, 0 dropped; from frame to depth" in capsys.readouterr().err


def heard(path: Path) -> np.ndarray:
    """Loudness of each tenth of a second."""
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    wave = np.concatenate(parts)
    return np.array([float(np.sqrt(np.mean(part**2))) for part in np.array_split(wave, len(wave) * 10 // rate)])


def test_sound_that_mp4_cannot_hold_becomes_aac(write_video, tmp_path):
    run(tmp_path, write_video(tmp_path / "walk.mov", sound_s=2.0, sound="pcm_s16le"))
    loudness = heard(tmp_path / "out" / "walk_video.mp4")
    assert len(loudness) == pytest.approx(20, abs=2)
    assert loudness[1:-3] == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize(("suffix", "sound"), [("mp4", "aac"), ("mov", "pcm_s16le")])
def test_sound_stays_with_its_pictures_where_they_begin_later(write_video, tmp_path, suffix, sound):
    path = write_video(tmp_path / f"walk.{suffix}", count=10, begins_s=1.0, sound_s=2.0, sound=sound)
    run(tmp_path, path)
    loudness = heard(tmp_path / "out" / "walk_video.mp4")
    assert loudness[2:8] == pytest.approx(0.7, abs=0.1)  # it is silent until the pictures begin
    assert len(loudness) == pytest.approx(10, abs=2)


def test_the_colours_mean_the_same_metres_in_every_frame(write_video, tmp_path):
    path = write_video(tmp_path / "walk.mp4")
    run(tmp_path, path, save="color", range_m="1,3", steady=False)
    pictures = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "out" / "walk_color").iterdir())]
    np.testing.assert_array_equal(pictures[0][48:], pictures[19][48:])  # the legend
    assert pictures[0][20, 20].tolist() != pictures[19][20, 20].tolist()


def test_a_sequence_of_16_bits_is_numbered_and_listed_with_its_times(write_video, tmp_path, model):
    path = write_video(tmp_path / "walk.mp4", count=3)
    run(tmp_path, path, save="depth16,npy", steady=False)
    assert [p.name for p in sorted((tmp_path / "out" / "walk_depth16").iterdir())] == [
        f"00000{n}.png" for n in range(3)
    ]
    expected = [frame.depth.metres for frame in leadline.stream(path, model=model, steady=False)]
    for number in range(3):
        found = read_depth(tmp_path / "out" / "walk_depth16" / f"00000{number}.png")
        np.testing.assert_allclose(found, expected[number], atol=0.000501)
    assert expected[2].mean() > expected[0].mean() + 0.05
    with (tmp_path / "out" / "walk_frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], float(row["time_s"])) for row in rows] == [
        ("0", 0), ("1", pytest.approx(0.1, abs=1e-3)), ("2", pytest.approx(0.2, abs=1e-3))
    ]  # fmt: skip
    assert all(float(row["latency_ms"]) > 0 for row in rows)


def test_the_camera_that_is_given_places_the_points_of_a_stream(write_video, tmp_path, model):
    path = write_video(tmp_path / "walk.mp4", count=1)
    run(tmp_path, path, save="ply", intrinsics="100,50,20,30")
    camera = Camera(100.0, 50.0, 20.0, 30.0, width=64, height=48)
    (frame,) = leadline.stream(path, model=model, camera=camera)
    expected = frame.depth.surface().points_m
    vertices = PlyData.read(tmp_path / "out" / "walk_ply" / "000000.ply")["vertex"]
    np.testing.assert_allclose(np.stack([vertices[axis] for axis in "xyz"], axis=1), expected, rtol=1e-6)
    assert (expected[:, 0] < 0).mean() < 0.4  # the axis is left of the middle


def test_a_camera_of_frames_of_another_size_leaves_nothing(write_video, tmp_path):
    with pytest.raises(InputError, match=r"frame 0: --intrinsics have their centre at \(320, 240\)"):
        run(tmp_path, write_video(tmp_path / "a.mp4", count=1), save="ply", intrinsics="500,500,320,240")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"save": "video,sigma16"}, "does not say how far it is to be trusted"),
        ({"fps": 5.0}, "--fps is for folders of frames"),
        ({"focal_px": 70.0}, "--save ply,glb would"),
        ({"voxel_m": 0.1}, "--voxel thins points and meshes"),
    ],
)
def test_what_nothing_has_a_use_for_is_refused_before_anything_is_written(write_video, tmp_path, given, says):
    with pytest.raises(UsageError, match=says):
        run(tmp_path, write_video(tmp_path / "a.mp4", count=1), **given)
    assert not (tmp_path / "out").exists()


def test_a_stream_that_is_named_twice_is_taken_once(write_video, tmp_path):
    path = write_video(tmp_path / "a.mp4", count=1)
    run(tmp_path, path, path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_frames.csv", "a_video.mp4"]


def test_points_of_each_frame_are_written(write_video, tmp_path):
    run(tmp_path, write_video(tmp_path / "walk.mp4", count=2), save="ply", voxel_m=0.1)
    assert len(list((tmp_path / "out" / "walk_ply").glob("*.ply"))) == 2


def test_odd_sizes_and_frames_of_other_sizes_go_into_one_video(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, size in enumerate([(63, 47), (63, 47), (80, 40)]):
        Image.new("RGB", size, (90, 60, 30)).save(folder / f"{number}.png")
    run(tmp_path, folder, fps=5.0)
    frames = decoded(tmp_path / "out" / "frames_video.mp4")
    assert [time_s for time_s, _ in frames] == pytest.approx([0, 0.2, 0.4])


def test_without_fps_a_folder_holds_photographs(tmp_path, monkeypatch, model):
    from leadline.inference import predict as predict_module

    monkeypatch.setattr(predict_module, "load", lambda path, **runtime: model)
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    run(tmp_path, tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_color.png", "a_depth16.png"]


def test_photographs_and_streams_are_two_commands(tmp_path):
    with pytest.raises(UsageError, match=r"photographs and streams \(a\.mp4\) are two commands"):
        run(tmp_path, "a.mp4", "b.jpg")


def test_a_video_that_was_cut_is_written_as_far_as_it_goes_and_said(write_video, tmp_path, capsys):
    path = write_video(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PartialFailure, match="1 faults, said above"):
        run(tmp_path, path)
    assert "ends early" in capsys.readouterr().err
    assert 3 < len(decoded(tmp_path / "out" / "a_video.mp4")) < 18


def test_what_cannot_be_read_leaves_nothing(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError):
        run(tmp_path, tmp_path / "a.mp4")
    assert not (tmp_path / "out").exists()


def interrupted(predictor: Predictor, after: int) -> Predictor:
    """Ctrl-C comes while a frame is predicted."""
    count = 0
    network = predictor.network

    def until(tensor: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt
        return network(tensor)

    return Predictor(until, predictor.card)


def test_ctrl_c_ends_a_live_stream_and_keeps_what_came(write_video, tmp_path, monkeypatch, model):
    stopped = interrupted(model, after=4)
    monkeypatch.setattr(record_module, "load", lambda path, **runtime: stopped)
    run(tmp_path, write_video(tmp_path / "a.mp4"), live=True)
    assert 1 <= len(decoded(tmp_path / "out" / "a_video.mp4")) <= 4  # fewer than 4 where the machine is too busy


def test_ctrl_c_on_a_file_leaves_nothing_half_written(write_video, tmp_path, monkeypatch, model):
    stopped = interrupted(model, after=4)
    monkeypatch.setattr(record_module, "load", lambda path, **runtime: stopped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, write_video(tmp_path / "a.mp4"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_live_stream_drops_frames_that_it_has_no_time_for(write_video, tmp_path, model):
    import time

    slow = Predictor(lambda tensor: time.sleep(0.25) or model.network(tensor), model.card)
    frames = list(leadline.stream(write_video(tmp_path / "a.mp4"), model=slow, live=True, steady=False))
    assert 2 <= len(frames) <= 12
    assert [frame.number for frame in frames] == sorted({frame.number for frame in frames})
    # At most one frame waits for another; in a queue the last would wait for 3 s. The machine may be busy.
    assert max(frame.latency_ms for frame in frames) < 2000
    every = list(leadline.stream(tmp_path / "a.mp4", model=model, steady=False))
    assert [frame.number for frame in every] == list(range(20))


def test_a_stream_in_python_gives_the_frame_its_camera_and_its_depth(write_video, tmp_path, model):
    (frame,) = leadline.stream(write_video(tmp_path / "a.mp4", count=1), model=model, focal_px=70.0)
    assert frame.depth.image is not None
    assert frame.depth.image.shape == (48, 64, 3)
    assert frame.depth.camera is not None
    assert frame.depth.camera.fx_px == 70
    assert frame.depth.metres.shape == (48, 64)


def test_what_is_measured_in_each_frame_sets_its_scale(write_video, tmp_path, model):
    def reading(frame):
        return [(32, 24, 2.2)] if frame.number == 1 else None

    path = write_video(tmp_path / "a.mp4", count=3)
    frames = list(leadline.stream(path, model=model, steady=False, points=reading))
    said = list(leadline.stream(path, model=model, steady=False))
    ratios = [frame.depth.metres.mean() / plain.depth.metres.mean() for frame, plain in zip(frames, said, strict=True)]
    assert ratios[0] == ratios[2] == 1
    assert ratios[1] > 1.3
    alone = model.predict(frames[1].depth.image, points=[[32, 24, 2.2]])
    np.testing.assert_allclose(frames[1].depth.metres, alone.metres, rtol=1e-5)


def test_points_in_a_file_set_the_scale_of_the_frames_that_they_name(write_video, tmp_path, model, capsys):
    path = write_video(tmp_path / "a.mp4", count=4)
    (tmp_path / "points.csv").write_text("frame,x,y,metres\n1,32,24,2.2\n3,32,24,5000\n")
    run(tmp_path, path, save="npy", steady=False, points=tmp_path / "points.csv")
    said = [frame.depth.metres for frame in leadline.stream(path, model=model, steady=False)]
    found = [np.load(tmp_path / "out" / "a_npy" / f"{number:06d}.npy") for number in range(4)]
    ratios = [float(depth_m.mean() / plain_m.mean()) for depth_m, plain_m in zip(found, said, strict=True)]
    assert ratios == [1, pytest.approx(2, rel=0.35), 1, 1]
    told = capsys.readouterr().err
    assert "2 as the model says, without points; 1 by their points; 1 as the model says: the only point" in told


def test_points_of_a_folder_of_frames_name_their_pictures(tmp_path, capsys):
    for folder in ("frames", "sparse"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        Image.new("RGB", (64, 48)).save(tmp_path / "frames" / f"{number}.png")
    Image.fromarray(np.full((48, 64), 1500, np.uint16)).save(tmp_path / "sparse" / "2.png")
    run(tmp_path, tmp_path / "frames", fps=5.0, points=tmp_path / "sparse")
    assert "2 as the model says, without points; 1 by their points" in capsys.readouterr().err


def test_ranges_of_a_sensor_beside_the_camera_are_of_frames_too(write_video, tmp_path, capsys):
    path = write_video(tmp_path / "a.mp4", count=2)
    (tmp_path / "scan.csv").write_text("frame,angle_deg,range_m\n0,0,2.2\n0,10,2.2\n1,0,2.2\n")
    run(tmp_path, path, points=tmp_path / "scan.csv", focal_px=60.0)
    assert "a.mp4: 2 by their points" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x,y,metres\n1,1,1\n", "not every row says in a column `frame` or `image` of which frame it is"),
        ("frame,x,y,metres\n-1,1,1,1\n", "line 2: frame '-1' is no number of a frame, which are counted from 0"),
        ("frame,x,y,metres\n0,64,1,1\n", "1 of 1 points are outside the picture of 64x48"),
    ],
)
def test_points_that_cannot_be_of_a_stream_leave_nothing(write_video, tmp_path, text, says):
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        run(tmp_path, write_video(tmp_path / "a.mp4", count=2), points=tmp_path / "points.csv")
    assert not (tmp_path / "out").exists()


def test_points_outside_a_later_frame_end_the_stream_and_what_came_is_kept(write_video, tmp_path, capsys):
    (tmp_path / "points.csv").write_text("frame,x,y,metres\n0,32,24,2\n2,32,48,2\n")
    with pytest.raises(PartialFailure):
        run(tmp_path, write_video(tmp_path / "a.mp4", count=4), points=tmp_path / "points.csv")
    assert "points.csv, for 000002: 1 of 1 points are outside the picture of 64x48" in capsys.readouterr().err
    assert len(decoded(tmp_path / "out" / "a_video.mp4")) == 2


def test_points_are_of_one_stream(tmp_path):
    with pytest.raises(UsageError, match="--points are of one stream, got 2"):
        run(tmp_path, "a.mp4", "b.mp4", points=tmp_path / "points.csv")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"fps": 0.0}, "fps must be above 0"), ({"stall_s": 0.0}, "stall_s must be positive")],
)
def test_options_that_cannot_be_meant_are_refused(wrong, says):
    with pytest.raises(RecipeError, match=says):
        PredictOptions(("a.mp4",), **wrong)


@pytest.mark.parametrize("text", ["5,1", "1", "a,b", "-1,3", "1,inf"])
def test_a_range_that_cannot_be_meant_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match=r"--range-m is NEAR,FAR in metres"):
        run(tmp_path, "a.mp4", range_m=text)
