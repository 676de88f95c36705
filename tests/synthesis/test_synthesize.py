"""Sets of rooms: the same bytes from any number of workers, resumed, read like any other source."""

import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

pytest.importorskip("embreex")

from leadline.cli import main
from leadline.data.sources.catalog import open_source
from leadline.errors import InputError, OutputError, RecipeError, UsageError
from leadline.options import SynthOptions
from leadline.synthesis.synthesize import synthesize

SIZE = "48x64"


def make(out, frames=3, **more):
    return synthesize(
        SynthOptions(out=out, frames=frames, **{"size": SIZE, "workers": 1, **more}), console=Console(quiet=True)
    )


def contents(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def write_photographs(folder):
    """A red one, and a file that is none."""
    folder.mkdir()
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(folder / "red.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms") / "ten"
    assert make(folder, frames=10) == 10
    return folder


def test_the_number_of_workers_changes_no_byte(ten, tmp_path):
    make(tmp_path / "by-two", frames=10, workers=2)
    assert contents(tmp_path / "by-two") == contents(ten)


def test_a_torn_set_is_mended_to_the_same_bytes(ten, tmp_path):
    folder = tmp_path / "torn"
    make(folder, frames=2)
    (folder / "room-00000" / "rgb" / "0001.jpg").unlink()
    (folder / "room-00000" / "depth" / ".0001.99.part.png").write_bytes(b"half")
    assert make(folder, frames=10) == 9
    assert contents(folder) == contents(ten)
    assert make(folder, frames=10) == 0


def test_it_is_a_source_like_any_other_with_a_camera_and_no_holes(ten):
    source = open_source(ten)
    assert len(source.frames) == 10
    assert len({frame.room for frame in source.frames}) == 2
    for frame in source.frames:
        sample = source.read(frame)
        assert sample.image.shape == (48, 64, 3)
        assert 35 < sample.camera.fov_deg < 96
        assert sample.valid.mean() > 0.99
        assert 0.1 < sample.depth_m[sample.valid].min() < sample.depth_m.max() < 30


def test_another_seed_gives_other_rooms(ten, tmp_path):
    make(tmp_path, frames=1, seed=1)
    first = "room-00000/rgb/0000.jpg"
    assert contents(tmp_path)[first] != contents(ten)[first]


def test_a_set_begun_otherwise_is_left_alone(ten):
    before = contents(ten)
    with pytest.raises(InputError, match=r"otherwise \(differs in: seed, size\)"):
        make(ten, seed=3, size="64x64")
    assert contents(ten) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="something that is no set of rooms"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        make(tmp_path / "file" / "rooms")


def test_a_set_larger_than_the_disk_is_refused_before_it_begins(tmp_path):
    with pytest.raises(OutputError, match=r"no space left: a set of 100000000 frames needs 1\.7 PB more"):
        make(tmp_path, frames=100_000_000, size="4096x4096")


def test_photographs_change_what_is_seen_but_not_the_depth(ten, tmp_path):
    make(tmp_path / "rooms", frames=1, textures=write_photographs(tmp_path / "photos"), sensor="none")
    assert open_source(tmp_path / "rooms").read(open_source(tmp_path / "rooms").frames[0]).valid.all()


def test_a_set_goes_on_with_the_same_photographs_wherever_their_folder_is(tmp_path):
    photos = write_photographs(tmp_path / "photos")
    make(tmp_path / "rooms", frames=1, textures=photos)
    plan = (tmp_path / "rooms" / "synth.json").read_text()
    assert json.loads(plan)["textures"]["pictures"] == 2
    assert len(plan) < 400
    assert make(tmp_path / "rooms", frames=1, textures=photos.rename(tmp_path / "moved")) == 0


@pytest.mark.parametrize("change", ["another name", "another size", "another folder", "one more"])
def test_a_set_does_not_go_on_with_other_photographs(tmp_path, change):
    photos = write_photographs(tmp_path / "photos")
    make(tmp_path / "rooms", frames=1, textures=photos)
    broken = photos / "broken.jpg"
    if change == "another name":
        broken.rename(photos / "b.jpg")
    elif change == "another size":
        broken.write_bytes(b"no picture at all")
    elif change == "another folder":
        (photos / "deeper").mkdir()
        broken.rename(photos / "deeper" / "broken.jpg")
    else:
        (photos / "more.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"otherwise \(differs in: textures\)"):
        make(tmp_path / "rooms", frames=1, textures=photos)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"frames": 0}, "frames must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"size": "100000x10"}, "at least 32 pixels"),
        ({"size": "5000x5000"}, "at most 4096"),
        ({"fov_deg": (1.0, 179.0)}, "from 10 to 150"),
        ({"fov_deg": (90.0, 40.0)}, "the smaller first"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong, says, tmp_path):
    with pytest.raises((RecipeError, UsageError), match=says):
        make(tmp_path, **wrong)


def test_the_command_says_how_to_train_on_it(tmp_path, capsys):
    assert main(["data", "synth", "--out", str(tmp_path / "a"), "--frames", "1", "--size", SIZE, "--workers", "1"]) == 0
    assert f"leadline train RECIPE --data.root {tmp_path / 'a'}" in capsys.readouterr().out
    assert (
        main(["data", "synth", "--out", str(tmp_path / "b"), "--frames", "1", "--textures", str(tmp_path / "no")]) == 3
    )
