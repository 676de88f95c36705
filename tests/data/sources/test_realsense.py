"""RealSense recordings, named as tools/convert/converters of librealsense name them."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.realsense import RealSense
from leadline.errors import InputError

MILLIMETRES = np.random.default_rng(0).integers(0, 5000, (6, 8)).astype(np.uint16)
TIMES_MS = (1574086211203.45678710937500, 1574086211236.79003906250000)


def write_color(folder, time_ms, recording="walk"):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (9, 8, 7)).save(folder / f"{recording}_Color_{time_ms:.14f}.png")
    (folder / f"{recording}_Color_metadata_{time_ms:.14f}.txt").write_text("Stream: Color\n")


def write_depth(folder, time_ms, recording="walk", levels=MILLIMETRES):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(folder / f"{recording}_Depth_{time_ms:.14f}.png")


def test_16_bit_depth_is_millimetres(tmp_path):
    write_color(tmp_path, TIMES_MS[0])
    write_depth(tmp_path, TIMES_MS[0] + 4)
    source = RealSense(tmp_path)
    sample = source.read(source.frames[0])
    np.testing.assert_array_equal(sample.depth_m, MILLIMETRES.astype(np.float32) * np.float32(0.001))
    assert sample.image[0, 0].tolist() == [9, 8, 7]
    assert sample.camera is None


def test_tables_are_metres(tmp_path):
    write_color(tmp_path, TIMES_MS[0])
    rows = "\n".join(",".join(f"{level / 1000:g}" for level in row) for row in MILLIMETRES)
    (tmp_path / f"walk_Depth_{TIMES_MS[0]:.14f}.csv").write_text(rows + "\n")
    source = RealSense(tmp_path)
    np.testing.assert_allclose(source.read(source.frames[0]).depth_m, MILLIMETRES / 1000, rtol=1e-6)


def test_the_coloured_depth_of_rs_convert_is_refused(tmp_path):
    write_color(tmp_path, TIMES_MS[0])
    write_depth(tmp_path, TIMES_MS[0], levels=np.zeros((6, 8, 3), np.uint8))
    source = RealSense(tmp_path)
    with pytest.raises(InputError, match=r"walk_Depth_.*\.png: an 8-bit or colour picture"):
        source.read(source.frames[0])


def test_a_broken_table_is_named(tmp_path):
    write_color(tmp_path, TIMES_MS[0])
    (tmp_path / f"walk_Depth_{TIMES_MS[0]:.14f}.csv").write_text("1.0,2.0\n1.0\n")
    source = RealSense(tmp_path)
    with pytest.raises(InputError, match=r"\.csv: not a table of metres"):
        source.read(source.frames[0])


def test_pictures_go_with_the_nearest_depth_in_time(tmp_path):
    for time_ms in TIMES_MS:
        write_color(tmp_path, time_ms)
    write_depth(tmp_path, TIMES_MS[1] - 5)
    write_depth(tmp_path, TIMES_MS[0] - 21)
    assert [frame.name for frame in RealSense(tmp_path).frames] == ["1574086211236.790"]


def test_recordings_are_told_by_their_names_and_folders(tmp_path):
    for folder, recording in (("", "walk"), ("", "sit"), ("other", "walk")):
        write_color(tmp_path / "up" / folder, TIMES_MS[0], recording)
        write_depth(tmp_path / "up" / folder, TIMES_MS[0], recording)
    assert [frame.scene for frame in RealSense(tmp_path / "up").frames] == ["sit", "walk"]
    assert [(frame.scene, frame.room) for frame in RealSense(tmp_path).frames] == [
        ("up/sit", "up/sit"),
        ("up/walk", "up/walk"),
    ]


def test_times_that_do_not_meet_are_refused(tmp_path):
    write_color(tmp_path, TIMES_MS[0])
    write_depth(tmp_path, TIMES_MS[0] + 500)
    with pytest.raises(InputError, match="less than 20 ms apart"):
        RealSense(tmp_path)
