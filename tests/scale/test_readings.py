"""Files of measured distances: which points belong to which photograph, and what is wrong with a file."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leadline.depth.camera import Camera
from leadline.errors import InputError
from leadline.scale.fit import MOST_POINTS
from leadline.scale.readings import open_readings

SIZE = {"height": 480, "width": 640, "camera": None}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_pixels_of_each_photograph(tmp_path):
    file = written(tmp_path / "points.csv", "image,x,y,metres\na.jpg,10,20,1.5\nb.jpg,1,2,3\na.jpg, 30.5,40, 2\n")
    points_of = open_readings(file, pictures=2)
    points = points_of(Path("photos/a.jpg"), **SIZE)
    assert (points.x_px.tolist(), points.y_px.tolist(), points.metres.tolist()) == ([10, 30.5], [20, 40], [1.5, 2.0])
    assert len(points_of(Path("photos/b.jpg"), **SIZE)) == 1
    assert points_of(Path("photos/c.jpg"), **SIZE) is None


def test_as_much_of_the_path_as_tells_photographs_apart(tmp_path):
    file = written(tmp_path / "points.csv", "image,x,y,metres\nhall/0.jpg,1,1,1\nroom/0.jpg,1,1,2\n")
    points_of = open_readings(file, pictures=2)
    assert points_of(Path("/data/room/0.jpg"), **SIZE).metres.tolist() == [2]
    assert points_of(Path("/data/hall/0.jpg"), **SIZE).metres.tolist() == [1]


def test_a_single_photograph_needs_no_name(tmp_path):
    file = written(tmp_path / "points.csv", "x,y,metres\n1,1,1\n")
    assert len(open_readings(file, pictures=1)(Path("any.jpg"), **SIZE)) == 1
    with pytest.raises(InputError, match="2 photographs, but not every row says in its column `image`"):
        open_readings(file, pictures=2)


def test_a_row_of_a_range_sensor_becomes_pixels_and_depth_along_the_axis(tmp_path):
    file = written(tmp_path / "scan.csv", "angle_deg,range_m\n0,2\n30,2\n-30,2\n60,2\n10,0\n10,inf\n10,nan\n")
    camera = Camera.centred(focal_px=500.0, width=640, height=480)
    points = open_readings(file, pictures=1)(Path("a.jpg"), height=480, width=640, camera=camera)
    half = 500 * math.tan(math.radians(30))
    assert points.x_px == pytest.approx([319.5, 319.5 + half, 319.5 - half])  # 60 degrees are outside the picture
    assert points.y_px.tolist() == [239.5] * 3
    assert points.metres == pytest.approx([2, 2 * math.cos(math.radians(30)), 2 * math.cos(math.radians(30))])


def test_a_range_sensor_looks_along_the_axis_of_the_camera(tmp_path):
    file = written(tmp_path / "scan.csv", "angle_deg,range_m\n0,2\n")
    camera = Camera(500.0, 500.0, 300.0, 200.0, width=640, height=480)
    points = open_readings(file, pictures=1)(Path("a.jpg"), height=480, width=640, camera=camera)
    assert (points.x_px.tolist(), points.y_px.tolist()) == ([300], [200])


def test_angles_need_the_focal_length(tmp_path):
    file = written(tmp_path / "scan.csv", "angle_deg,range_m\n0,2\n")
    with pytest.raises(InputError, match=r"angles of a range sensor become pixels by the focal length; .*--focal-px"):
        open_readings(file, pictures=1)(Path("a.jpg"), **SIZE)


def test_sparse_depth_images_are_found_by_name_and_scaled_to_the_photograph(tmp_path):
    millimetres = np.zeros((240, 320), np.uint16)
    millimetres[120, 160] = 1500
    (tmp_path / "sparse" / "room").mkdir(parents=True)
    Image.fromarray(millimetres).save(tmp_path / "sparse" / "room" / "0.png")
    points_of = open_readings(tmp_path / "sparse", pictures=5)
    points = points_of(Path("/photos/room/0.jpg"), **SIZE)
    assert (points.x_px.tolist(), points.y_px.tolist(), points.metres.round(6).tolist()) == ([320.5], [240.5], [1.5])
    assert points_of(Path("/photos/hall/0.jpg"), **SIZE) is None
    alone = open_readings(tmp_path / "sparse" / "room" / "0.png", pictures=1)(Path("/any.jpg"), **SIZE)
    assert alone.metres.round(6).tolist() == [1.5]
    with pytest.raises(InputError, match=r"one depth image for a stream; give a folder of them, 000000\.png"):
        open_readings(tmp_path / "sparse" / "room" / "0.png", pictures=None)
    with pytest.raises(InputError, match="one depth image for 2 photographs"):
        open_readings(tmp_path / "sparse" / "room" / "0.png", pictures=2)


def test_of_a_dense_depth_image_some_pixels_are_taken(tmp_path):
    np.save(tmp_path / "0.npy", np.full((48, 64), 2, np.float32))
    assert len(open_readings(tmp_path / "0.npy", pictures=1)(Path("0.jpg"), **SIZE)) == MOST_POINTS


def test_an_empty_depth_image_has_no_points(tmp_path):
    np.save(tmp_path / "0.npy", np.zeros((48, 64), np.float32))
    assert open_readings(tmp_path / "0.npy", pictures=1)(Path("0.jpg"), **SIZE) is None


def test_depth_of_another_shape_is_refused(tmp_path):
    np.save(tmp_path / "0.npy", np.ones((64, 48), np.float32))
    with pytest.raises(InputError, match="depth of 48x64 is not of the shape of its photograph, 640x480; register"):
        open_readings(tmp_path / "0.npy", pictures=1)(Path("0.jpg"), **SIZE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must name the columns x, y, metres or angle_deg, range_m .* got nothing"),
        ("x,y,depth\n1,1,1\n", "must name the columns .* got x, y, depth"),
        ("x,y,metres\n", "holds no point"),
        ("x,y,metres\n1,1,1\n1,1,far\n", "line 3: these must be numbers: x '1', y '1', metres 'far'"),
        ("x,y,metres\n1,1\n", "line 2: these must be numbers: .* metres None"),
        ("x,y,metres\n1,1,0\n", "line 2: a distance of 0 m; leave out what was not measured"),
        ("x,y,metres\n1,1,-2\n", "line 2: a distance of -2 m"),
        ("x,y,metres\n1,1,nan\n", "line 2: a distance of nan m"),
        ("angle_deg,range_m\n0,2\n1,-2\n", "line 3: a range of -2 m; 0, NaN or infinity say that nothing returned"),
        ("angle_deg,range_m\nnan,2\n", "line 2: an angle of nan degrees"),
    ],
)
def test_a_faulty_file_is_told_by_its_line(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        open_readings(written(tmp_path / "points.csv", text), pictures=1)


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "points.csv").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(InputError, match="not a CSV file"):
        open_readings(tmp_path / "points.csv", pictures=1)
    with pytest.raises(InputError, match="no such file or folder of points"):
        open_readings(tmp_path / "none.csv", pictures=1)
    with pytest.raises(InputError, match="no depth images there"):
        open_readings(tmp_path, pictures=1)


def test_points_outside_the_photograph_are_told_with_file_and_photograph(tmp_path):
    file = written(tmp_path / "points.csv", "x,y,metres\n1000,10,1\n")
    with pytest.raises(InputError, match=r"points.csv, for a.jpg: 1 of 1 points are outside the picture of 640x480"):
        open_readings(file, pictures=1)(Path("a.jpg"), **SIZE)
