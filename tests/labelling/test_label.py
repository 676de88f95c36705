import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.cli import main
from leadline.data.sources.catalog import open_source
from leadline.data.splits import SplitRule, make_split
from leadline.labelling import labeller, open_teacher
from leadline.labelling.labelled_scene import read_journal


@pytest.fixture
def run(monkeypatch, tmp_path, teacher):
    """Labels with a teacher made in the test, into `out`; returns the exit code."""

    def call(*words: object, by=None) -> int:
        teachers = iter(by if isinstance(by, list) else [by or teacher()])
        monkeypatch.setattr(open_teacher, "open_teacher", lambda _text: next(teachers))
        return main(["data", "label", *map(str, words), "--teacher", "x", "--out", str(tmp_path / "out")])

    return call


def test_labelled_photographs_are_an_ordinary_source(run, photographs, tmp_path, capsys):
    folder = photographs("kitchen", count=4)
    assert run(folder) == 0
    source = open_source(tmp_path / "out")
    assert [frame.identity for frame in source.frames] == [f"kitchen/{n:04}" for n in range(4)]
    sample = source.read(source.frames[0])
    # The very bytes of the photograph, and the metres that the teacher told of it.
    assert (tmp_path / "out/kitchen/rgb/0000.jpg").read_bytes() == (folder / "0000.jpg").read_bytes()
    np.testing.assert_allclose(sample.depth_m, 1 + sample.image.mean(axis=2) / 127.5, atol=6e-4)
    assert "4 photographs labelled, 0 dropped, 0 not readable" in capsys.readouterr().out


def test_every_photograph_is_a_room_of_its_own(run, photographs, tmp_path):
    assert run(photographs(count=10)) == 0
    frames = open_source(tmp_path / "out").frames
    assert len({frame.room for frame in frames}) == 10
    split = make_split(frames, SplitRule(by="room", share=0.3))
    assert (len(split.train), len(split.validation)) == (7, 3)


def test_the_scene_says_who_labelled_it_and_how_sure(run, photographs, tmp_path, teacher):
    assert run(photographs(count=2), by=teacher(ramp=0.3)) == 0
    card = json.loads((tmp_path / "out/photos/scene.json").read_text())
    assert card["teacher"] == {"name": "brightness", "sha256": "0" * 64, "licence": "none"}
    assert card["kind"] == "metric"
    assert set(card["confidence"]) == {"0000", "0001"}
    assert all(0 < confidence < 1 for confidence in card["confidence"].values())


def test_a_part_of_each_photograph_is_labelled_as_the_teacher_sees_it_and_always_the_same_part(
    run, photographs, tmp_path
):
    folder = photographs(count=6, height=80, width=100)
    assert run(folder, "--smallest-part", "0.7") == 0
    source = open_source(tmp_path / "out")
    parts = [source.read(frame) for frame in source.frames]
    heights = [part.image.shape[0] for part in parts]
    assert all(64 <= height <= 80 for height in heights)
    assert len(set(heights)) > 1
    for part in parts:
        assert part.image.shape[1] == pytest.approx(part.image.shape[0] * 100 / 80, abs=1)
        # The stored JPEG is another coding of what the teacher saw.
        np.testing.assert_allclose(part.depth_m, 1 + part.image.mean(axis=2) / 127.5, atol=0.2)
    shutil.rmtree(tmp_path / "out")
    assert run(folder, "--smallest-part", "0.7") == 0
    again = open_source(tmp_path / "out")
    for part, frame in zip(parts, again.frames, strict=True):
        np.testing.assert_array_equal(again.read(frame).depth_m, part.depth_m)


def test_parts_have_no_focal_length_of_the_whole(run, photographs, capsys):
    assert run(photographs(count=1), "--smallest-part", "0.5", "--focal-px", "100") == 2
    assert "whole photographs" in capsys.readouterr().err


def test_squeezed_pictures_are_stretched_and_stored_so(run, photographs, tmp_path):
    assert run(photographs(count=1, height=96, width=96), "--aspect", "4:3") == 0
    source = open_source(tmp_path / "out")
    sample = source.read(source.frames[0])
    assert sample.image.shape == (96, 128, 3)
    assert sample.depth_m.shape == (96, 128)


def test_large_photographs_are_scaled_down(run, photographs, tmp_path):
    assert run(photographs(count=1, height=300, width=600), "--largest-side-px", "200") == 0
    source = open_source(tmp_path / "out")
    assert source.read(source.frames[0]).image.shape == (100, 200, 3)


def test_what_is_no_photograph_or_contradicts_itself_is_dropped_counted_and_named(run, photographs, tmp_path, teacher):
    folder = photographs(count=3)
    Image.new("RGB", (128, 96), (200, 200, 200)).save(folder / "blank.png")

    def answer(pictures):
        return teacher(ramp=9.0 if pictures[0].mean() > brightest - 1 else 0.0).answer(pictures)

    brightest = max(np.asarray(Image.open(folder / f"000{n}.jpg")).mean() for n in range(3))
    fickle = teacher()
    object.__setattr__(fickle, "answer", answer)
    assert run(folder, by=fickle) == 0
    assert len(open_source(tmp_path / "out").frames) == 2
    report = (tmp_path / "out/labels.txt").read_text()
    assert "all scenes: 2 labelled, 2 dropped" in report
    assert "photos/blank.png: 100 % of it has one brightness" in report
    assert "the teacher contradicts itself by" in report
    sheet = np.asarray(Image.open(tmp_path / "out/dropped.jpg")).astype(int)
    assert abs(sheet[60:90, 220:380] - 200).max() < 5  # the blank one comes last, a colourful one first


def test_one_broken_picture_is_reported_and_skipped(run, photographs, tmp_path, capsys):
    folder = photographs(count=3)
    (folder / "0001.jpg").write_bytes((folder / "0001.jpg").read_bytes()[:200])
    assert run(folder) == 8
    assert len(open_source(tmp_path / "out").frames) == 2
    said = capsys.readouterr()
    assert "skipped" in said.err
    assert "0001.jpg" in said.err
    assert "1 of 3 pictures could not be read" in said.err
    assert "0001.jpg" in (tmp_path / "out/labels.txt").read_text()


def test_none_that_can_be_read_is_an_error(run, photographs):
    folder = photographs(count=2)
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    assert run(folder) == 3


def test_of_a_thousand_files_the_good_ones_are_labelled(run, photographs, tmp_path):
    folder = photographs(count=8, height=64, width=64)
    for number in range(8, 1000):
        os.link(folder / f"{number % 8:04}.jpg", folder / f"{number:04}.jpg")
    for number in range(500, 520):
        (folder / f"{number:04}.jpg").unlink()
        (folder / f"{number:04}.jpg").write_bytes(b"\xff\xd8 broken")
    assert run(folder, "--workers", "4") == 8
    assert len(open_source(tmp_path / "out").frames) == 980


def test_what_is_labelled_is_not_labelled_again(run, photographs, tmp_path, teacher):
    folder = photographs(count=4)
    assert run(folder) == 0
    asked = []
    counting = teacher()
    answer = counting.answer
    object.__setattr__(counting, "answer", lambda pictures: asked.append(1) or answer(pictures))
    shutil.copy(folder / "0000.jpg", folder / "9999.jpg")
    assert run(folder, by=counting) == 0
    assert len(asked) == 1
    assert len(json.loads((tmp_path / "out/photos/scene.json").read_text())["confidence"]) == 5


def test_labels_within_the_folder_of_the_photographs_are_not_labelled_themselves(run, photographs, tmp_path, capsys):
    photographs(count=2)
    for _ in range(2):
        assert run(tmp_path) == 0
        assert "2 photographs labelled" in capsys.readouterr().out


def test_a_labelling_that_was_stopped_goes_on_to_the_same_labels(run, photographs, tmp_path, teacher):
    folder = photographs(count=6)
    assert run(folder) == 0
    whole = _content(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")

    stopping = teacher()
    answer, asked = stopping.answer, []

    def stop(pictures):
        asked.append(1)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return answer(pictures)

    object.__setattr__(stopping, "answer", stop)
    assert run(folder, "--workers", "1", by=stopping) == 130
    journal = tmp_path / "out/photos/labels.jsonl"
    assert len(read_journal(journal)) == 3
    with journal.open("a") as file:
        file.write('{"picture": "0003.jp')  # a crash in the middle of a line
    assert run(folder) == 0
    assert _content(tmp_path / "out") == whole


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_labels_made_otherwise_are_not_mixed(run, photographs, capsys):
    folder = photographs(count=1)
    assert run(folder) == 0
    assert run(folder, "--aspect", "4:3") == 3
    assert "differs in: aspect" in capsys.readouterr().err


def test_a_folder_that_holds_something_else_is_left_alone(run, photographs, tmp_path, capsys):
    (tmp_path / "out/photos").mkdir(parents=True)
    (tmp_path / "out/photos/thesis.txt").write_text("mine")
    assert run(photographs(count=1)) == 3
    assert "holds something that is no labelling" in capsys.readouterr().err


def test_no_pictures_is_an_error(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 3
    assert "no pictures there" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--aspect", "wide"), ("--aspect", "4:0"), ("--workers", "0"), ("--focal-px", "0")])
def test_options_that_cannot_be_meant_are_refused(run, photographs, wrong):
    assert run(photographs(count=1), *wrong) == 2


def test_an_unknown_teacher_is_told_from_the_known(photographs, tmp_path, capsys):
    folder = photographs(count=1)
    for text, code, says in [
        ("fastdeth:x.tflite", 2, "did you mean 'fastdepth'?"),
        ("model.pth", 2, "a teacher is a file that ends in"),
        ("fastdepth:missing.tflite", 4, "no such teacher file"),
        ("missing.onnx", 4, "no such teacher file"),
    ]:
        assert main(["data", "label", str(folder), "--teacher", text, "--out", str(tmp_path / "out")]) == code
        assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_failed_output(run, photographs, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    assert run(photographs(count=1)) == 6


def test_a_full_disk_stops_with_what_is_done_kept(run, photographs, tmp_path, monkeypatch, capsys):
    folder = photographs(count=4)
    write, written = labeller.write_depth16, []

    def full(path, depth_m):
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device", str(path))
        write(path, depth_m)

    monkeypatch.setattr(labeller, "write_depth16", full)
    assert run(folder, "--workers", "1") == 6
    assert len(read_journal(tmp_path / "out/photos/labels.jsonl")) == 2
    monkeypatch.setattr(labeller, "write_depth16", write)
    assert run(folder) == 0
    assert len(open_source(tmp_path / "out").frames) == 4


def test_a_known_focal_length_corrects_the_metres_and_is_stored(run, photographs, tmp_path, teacher):
    folder = photographs(count=2, height=96, width=128)
    assert run(folder, "--focal-px", "64", by=teacher(focal_per_width=1.0)) == 0
    source = open_source(tmp_path / "out")
    sample = source.read(source.frames[0])
    # Half the focal length of the teacher's camera: what it takes for far is only small.
    np.testing.assert_allclose(sample.depth_m, (1 + sample.image.mean(axis=2) / 127.5) / 2, atol=6e-4)
    assert sample.camera is not None
    assert (sample.camera.fx_px, sample.camera.fy_px) == (64, 64)
    assert sample.camera.fov_deg == pytest.approx(90)


def test_the_focal_length_goes_with_a_stretched_and_scaled_picture(run, photographs, tmp_path, teacher):
    folder = photographs(count=1, height=300, width=300)
    assert run(folder, "--focal-px", "150", "--aspect", "4:3", "--largest-side-px", "200") == 0
    source = open_source(tmp_path / "out")
    sample = source.read(source.frames[0])
    assert sample.image.shape == (150, 200, 3)
    assert sample.camera is not None
    assert (sample.camera.fx_px, sample.camera.fy_px) == (100, 100)


def test_pictures_of_another_size_than_the_focal_length_is_for_are_skipped(run, photographs, capsys):
    folder = photographs(count=2)
    Image.open(folder / "0001.jpg").resize((100, 96)).save(folder / "0001.jpg")
    assert run(folder, "--focal-px", "64") == 8
    assert "0001.jpg: is 100x96, but --focal-px is for pictures of 128x96" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", ["metric", "relative"])
def test_relative_labels_are_inverse_depth_in_the_range_of_rooms(run, photographs, tmp_path, teacher, kind):
    def answer(pictures):
        return [(5 - 3 / (1 + picture.mean(axis=2) / 127.5)).astype(np.float32) for picture in pictures]

    relative = teacher(kind="relative")
    object.__setattr__(relative, "answer", answer)
    # The same from a teacher of metres: nothing is left of its scale.
    by = relative if kind == "relative" else teacher(scale=2.0)
    assert run(photographs(count=1), "--kind", "relative", by=by) == 0
    assert json.loads((tmp_path / "out/photos/scene.json").read_text())["kind"] == "relative"
    source = open_source(tmp_path / "out")
    sample = source.read(source.frames[0])
    assert (sample.depth_m.min(), sample.depth_m.max()) == pytest.approx((1, 9), abs=1e-3)
    inverse = 1 / (1 + sample.image.mean(axis=2) / 127.5)
    slope = -1 if kind == "relative" else 1
    assert np.corrcoef(inverse.ravel(), sample.depth_m.ravel())[0, 1] == pytest.approx(slope, abs=1e-4)


def test_a_teacher_without_metres_gives_no_metric_labels(run, photographs, teacher, capsys):
    assert run(photographs(count=1), "--kind", "metric", by=teacher(kind="relative")) == 2
    assert "knows no metres; say --kind relative" in capsys.readouterr().err


def test_a_second_teacher_dissents_in_the_confidence(run, photographs, tmp_path, teacher):
    folder = photographs(count=1)
    assert run(folder, "--teacher", "y", by=[teacher(), teacher(scale=1.2)]) == 0
    card = json.loads((tmp_path / "out/photos/scene.json").read_text())
    assert len(card["other_teachers"]) == 1
    (outcome,) = read_journal(tmp_path / "out/photos/labels.jsonl")
    assert outcome.dissent == pytest.approx(np.log(1.2), abs=1e-3)
    assert card["confidence"]["0000"] < 0.3


def test_the_mean_of_teachers_labels_and_each_of_them_may_dissent_from_it(run, photographs, tmp_path, teacher):
    folder = photographs(count=1)
    assert run(folder, "--teacher", "y", "--mean", by=[teacher(scale=0.8), teacher(scale=1.25)]) == 0
    sample = (source := open_source(tmp_path / "out")).read(source.frames[0])
    np.testing.assert_allclose(sample.depth_m, 1 + sample.image.mean(axis=2) / 127.5, atol=6e-4)
    card = json.loads((tmp_path / "out/photos/scene.json").read_text())
    assert card["teacher"]["name"] == "mean of brightness and brightness"
    assert len(card["other_teachers"]) == 2
    (outcome,) = read_journal(tmp_path / "out/photos/labels.jsonl")
    assert outcome.dissent == pytest.approx(np.log(1.25), abs=1e-3)


def test_a_mean_of_one_teacher_is_refused(run, photographs, capsys):
    assert run(photographs(count=1), "--mean") == 2
    assert "two teachers" in capsys.readouterr().err
