"""Sequences as https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats describes them."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.timestamps import associate
from leadline.data.sources.tum_rgbd import CAMERAS, TumRgbd
from leadline.errors import InputError

LEVELS = np.random.default_rng(0).integers(0, 50_000, (480, 640)).astype(np.uint16)


def write_sequence(folder, *, color_s=(1305031453.359684, 1305031453.391690), depth_s=(1305031453.374112,)):
    for name, times_s, picture in (
        ("rgb", color_s, np.full((480, 640, 3), 90, np.uint8)),
        ("depth", depth_s, LEVELS),
    ):
        (folder / name).mkdir(parents=True)
        rows = [f"# {name} maps", "# file: 'rgbd_dataset_freiburg1_desk.bag'", "# timestamp filename"]
        for time_s in times_s:
            Image.fromarray(picture).save(folder / name / f"{time_s:.6f}.png")
            rows.append(f"{time_s:.6f} {name}/{time_s:.6f}.png")
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return folder


def test_5000_steps_are_a_metre_and_0_is_a_hole(tmp_path):
    source = TumRgbd(write_sequence(tmp_path / "rgbd_dataset_freiburg1_desk"))
    sample = source.read(source.frames[0])
    np.testing.assert_array_equal(sample.depth_m, LEVELS.astype(np.float32) * np.float32(1 / 5000))
    np.testing.assert_array_equal(sample.valid, LEVELS > 0)


def test_a_picture_has_the_nearest_depth_and_a_depth_only_one_picture(tmp_path):
    # 14.4 ms before, 17.6 ms behind: both in reach, the first is nearer.
    source = TumRgbd(write_sequence(tmp_path / "sequence"))
    assert [frame.name for frame in source.frames] == ["1305031453.359684"]


def test_the_camera_is_that_of_the_place_and_otherwise_unknown(tmp_path):
    for number in (1, 2, 3):
        source = TumRgbd(write_sequence(tmp_path / f"rgbd_dataset_freiburg{number}_xyz"))
        assert source.read(source.frames[0]).camera == CAMERAS[f"freiburg{number}"]
        assert source.frames[0].room == f"freiburg{number}"
    own = TumRgbd(write_sequence(tmp_path / "my-office"))
    assert own.read(own.frames[0]).camera is None
    assert own.frames[0].room == "my-office"


def test_sequences_side_by_side_are_scenes(tmp_path):
    for name in ("rgbd_dataset_freiburg1_xyz", "rgbd_dataset_freiburg1_desk"):
        write_sequence(tmp_path / name)
    frames = TumRgbd(tmp_path).frames
    assert [frame.scene for frame in frames] == ["rgbd_dataset_freiburg1_desk", "rgbd_dataset_freiburg1_xyz"]
    assert len({frame.room for frame in frames}) == 1


def test_times_that_do_not_meet_are_refused(tmp_path):
    write_sequence(tmp_path / "sequence", depth_s=(1305031460.0,))
    with pytest.raises(InputError, match="less than 20 ms apart"):
        TumRgbd(tmp_path)


def test_a_file_that_is_listed_but_not_there_is_refused(tmp_path):
    folder = write_sequence(tmp_path / "sequence")
    (folder / "depth" / "1305031453.374112.png").unlink()
    with pytest.raises(InputError, match=r"names 1 missing files: .*1305031453\.374112\.png"):
        TumRgbd(tmp_path)


@pytest.mark.parametrize("row", ["soon rgb/1.png", "1305031453.3"])
def test_a_row_of_another_form_is_named(tmp_path, row):
    folder = write_sequence(tmp_path / "sequence")
    (folder / "rgb.txt").write_text(row)
    with pytest.raises(InputError, match=r"rgb\.txt: a time in seconds and a file expected"):
        TumRgbd(tmp_path)


def slowly_associated(first, second, within):
    """The same by trying all, as the benchmark's associate.py does."""
    near = sorted((abs(a - b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if abs(a - b) < within)
    left, right, pairs = set(range(len(first))), set(range(len(second))), []
    for _, i, j in near:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            pairs.append((i, j))
    return sorted(pairs)


def test_association_agrees_with_trying_all():
    generator = np.random.default_rng(3)
    for _ in range(50):
        first, second = (list(generator.uniform(0, 1, generator.integers(0, 60))) for _ in range(2))
        assert associate(first, second, within=0.02) == slowly_associated(first, second, 0.02)


def test_a_difference_of_exactly_the_limit_is_no_pair():
    assert associate([0.0], [0.5], within=0.5) == []
    assert associate([0.0], [0.25], within=0.5) == [(0, 0)]
