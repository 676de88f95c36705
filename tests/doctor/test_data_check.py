"""`leadline data check` as a person meets it, and the look before a training."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rooms import rooms, with_depth, with_image

from leadline.cli import main
from leadline.data.sample import Frame, Sample
from leadline.doctor.check import check_before_training
from leadline.doctor.checks import CHECKS
from leadline.doctor.examine import spread
from leadline.doctor.findings import SEVERITIES
from leadline.errors import FaultyData
from leadline.options import DataOptions


def write(root: Path, samples: list[Sample]) -> Path:
    for sample in samples:
        scene = root / sample.frame.scene
        for part in ("rgb", "depth"):
            (scene / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample.image).save(scene / "rgb" / f"{sample.frame.name}.png")
        millimetres = np.rint(sample.depth_m * 1000).astype(np.uint16)
        Image.fromarray(millimetres).save(scene / "depth" / f"{sample.frame.name}.png")
    return root


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("good"), rooms(4, 2))


@pytest.fixture(scope="module")
def black(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("black"), with_image(rooms(4, 2), lambda image: image * 0.05))


def test_good_frames_end_in_0(good, capsys):
    assert main(["data", "check", str(good)]) == 0
    said = capsys.readouterr().out
    assert "8 frames of 4 scenes" in said
    assert "0 errors" in said
    assert "NYU Depth v2: median about 2.4 to 2.7 m" in said


def test_warnings_end_in_0(good, capsys):
    assert main(["data", "check", str(good), "--split-by", "frame"]) == 0
    said = capsys.readouterr().out
    assert "rooms that also teach" in said
    assert "1 warning" in said


def test_errors_end_in_1_and_are_named(black, capsys):
    assert main(["data", "check", str(black)]) == 1
    captured = capsys.readouterr()
    assert "8 of 8 pictures are nearly black" in captured.out
    assert "leadline: " in captured.err
    assert "nearly black" in captured.err


def test_json_says_all(black, capsys):
    assert main(["data", "check", str(black), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["frames"] == 8
    assert said["counts"]["error"] == 1
    error = said["findings"][0]
    assert (error["check"], error["severity"]) == ("images", "error")
    assert error["scenes"] == [f"room-{number}" for number in range(4)]
    assert len(said["scenes"]) == 4
    assert sum(said["histogram"]["share"]) == pytest.approx(1, abs=1e-3)
    assert {finding["check"] for finding in said["findings"]} <= set(CHECKS)
    assert [SEVERITIES.index(f["severity"]) for f in said["findings"]] == sorted(
        SEVERITIES.index(f["severity"]) for f in said["findings"]
    )


class Page(HTMLParser):
    """What a page asks a browser for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href", "data", "srcset")]


def test_the_report_holds_its_pictures_and_asks_for_nothing(black, tmp_path, capsys):
    path = tmp_path / "report.html"
    assert main(["data", "check", str(black), "--html", str(path)]) == 1
    text = path.read_text()
    page = Page(text)
    assert len(page.sources) >= 4
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "svg" in page.tags
    assert "nearly black" in text


def test_names_of_scenes_are_no_html(tmp_path):
    samples = with_image(rooms(1, 3), lambda image: image * 0.05)
    write(tmp_path, samples)
    (tmp_path / "room-0").rename(tmp_path / "<img src=x onerror=alert(1)>")
    page = tmp_path / "report.html"
    assert main(["data", "check", str(tmp_path), "--html", str(page)]) == 1
    assert "<img src=x" not in page.read_text()
    assert "&lt;img src=x" in page.read_text()


def test_unreadable_frames_are_listed_and_an_error(tmp_path, capsys):
    write(tmp_path, rooms(3, 2))
    (tmp_path / "room-1" / "depth" / "0000.png").write_bytes(b"no picture")
    assert main(["data", "check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1 of 6 frames cannot be used" in said
    assert "room-1" in said


def test_the_unit_of_the_flag_is_what_is_checked(tmp_path, capsys):
    write(tmp_path, with_depth(rooms(5, 2), lambda depth_m: depth_m * 5))
    assert main(["data", "check", str(tmp_path)]) == 1
    assert "--data.depth-unit-m 0.0002" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path), "--depth-unit-m", "0.0002"]) == 0


def test_a_list_of_validation_scenes_is_the_split_that_is_looked_at(tmp_path, capsys):
    frames = write(tmp_path / "frames", rooms(3, 2))
    write(
        frames,
        [Sample(frame=Frame("copy", s.frame.name, "copy", 1), image=s.image, depth_m=s.depth_m) for s in rooms(1)],
    )
    scenes = tmp_path / "validation.txt"
    scenes.write_text("copy\n")
    assert main(["data", "check", str(frames), "--validation-file", str(scenes)]) == 1
    assert "validation frames are also in training" in capsys.readouterr().out


def test_a_sample_of_the_frames_is_spread_over_the_scenes():
    frames = [
        Frame(scene=f"{scene:02}", name=f"{n:02}", room="", size_bytes=1) for scene in range(10) for n in range(9)
    ]
    chosen = spread(frames, 25)
    assert len(chosen) == len(set(chosen)) == 25
    counts = [sum(frame.scene == f"{scene:02}" for frame in chosen) for scene in range(10)]
    assert set(counts) == {2, 3}
    few = spread(frames, 4)
    assert [int(frame.scene) for frame in few] == [0, 2, 5, 7]
    assert spread(frames, None) == spread(frames, 90) == frames


def test_the_number_of_threads_changes_nothing(good, capsys):
    said = []
    for workers in ("1", "3"):
        main(["data", "check", str(good), "--json", "--workers", workers])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_the_look_before_a_training_stops_at_errors_and_says_how_to_go_on(black):
    with pytest.raises(FaultyData, match=r"nearly black(.|\n)*--data\.no-check"):
        check_before_training(DataOptions(root=black), seed=0, console=Console(quiet=True))


def test_the_look_before_a_training_only_says_warnings(good):
    said = io.StringIO()
    check_before_training(DataOptions(root=good, split_by="frame"), seed=0, console=Console(file=said, width=300))
    assert "rooms that also teach" in said.getvalue()
    assert "leadline data check" in said.getvalue()


def test_the_look_before_a_training_leaves_unreadable_frames_to_the_preparation(tmp_path):
    write(tmp_path, rooms(3, 2))
    (tmp_path / "room-1" / "depth" / "0000.png").write_bytes(b"no picture")
    check_before_training(DataOptions(root=tmp_path), seed=0, console=Console(quiet=True))
