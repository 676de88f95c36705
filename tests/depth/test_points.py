"""Points, normals, surfaces and the floor, on scenes whose geometry is known."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plyfile import PlyData

from leadline.data.sources.catalog import open_source
from leadline.depth.camera import Camera
from leadline.depth.depth_map import DepthMap
from leadline.depth.floor import Floor, find_floor
from leadline.depth.points import back_project, surface, surface_normals, thinned
from leadline.errors import UsageError

SHARED = os.environ.get("LEADLINE_SHARED")
CAMERA = Camera(fx_px=100.0, fy_px=110.0, cx_px=60.0, cy_px=40.0, width=120, height=90)


def plane_m(normal: tuple[float, float, float], distance_m: float, camera: Camera = CAMERA) -> np.ndarray:
    """Depth of the plane of points x with normal . x = distance; 0 behind the camera."""
    x = (np.arange(camera.width) - camera.cx_px) / camera.fx_px
    y = (np.arange(camera.height)[:, None] - camera.cy_px) / camera.fy_px
    along = normal[0] * x + normal[1] * y + normal[2]
    depth_m = np.where(np.abs(along) > 1e-6, distance_m / np.where(along == 0, 1, along), 0)
    return np.where(depth_m > 0, depth_m, 0).astype(np.float32)


def room(*, pitch_deg: float, height_m: float = 1.3, far_m: float = 4.0) -> np.ndarray:
    """A floor and a wall, seen by a camera that looks down by `pitch_deg`."""
    pitch = np.radians(pitch_deg)
    floor_m = plane_m((0, np.cos(pitch), np.sin(pitch)), height_m)
    wall_m = plane_m((0, -np.sin(pitch), np.cos(pitch)), far_m)
    either = np.stack([floor_m, wall_m])
    return np.where(either > 0, either, np.inf).min(axis=0).astype(np.float32)


@given(st.integers(0, 89), st.integers(0, 119), st.floats(0.1, 10))
def test_a_point_is_seen_at_its_pixel(row, column, depth_m):
    depths_m = np.zeros((90, 120), np.float32)
    depths_m[row, column] = depth_m
    points_m = back_project(depths_m, CAMERA)
    x, y, z = points_m[row, column].astype(np.float64)
    assert (CAMERA.fx_px * x / z + CAMERA.cx_px, CAMERA.fy_px * y / z + CAMERA.cy_px) == pytest.approx(
        (column, row), abs=1e-3
    )
    assert z == pytest.approx(depth_m, rel=1e-6)
    assert np.isnan(points_m).all(axis=2).sum() == 90 * 120 - 1


def test_points_agree_with_a_smaller_map_of_the_same_camera():
    depth_m = plane_m((0.2, 0.1, 1.0), 2.0)
    half = CAMERA.placed(width=60, height=45, left=0, top=0, inner_width=60, inner_height=45)
    small = back_project(plane_m((0.2, 0.1, 1.0), 2.0, half), half)
    # A pixel of the half map lies between four of the whole one.
    whole = back_project(depth_m, CAMERA)
    between = (whole[::2, ::2] + whole[1::2, ::2] + whole[::2, 1::2] + whole[1::2, 1::2]) / 4
    np.testing.assert_allclose(small, between, atol=2e-3)


@pytest.mark.parametrize("normal", [(0.0, 0.0, 1.0), (0.5, 0.0, 1.0), (-0.2, 0.6, 1.0), (0.0, -1.0, 0.6)])
@pytest.mark.parametrize("reach_px", [1, 4])
def test_the_normals_of_a_plane_are_its_normal_and_face_the_camera(normal, reach_px):
    depth_m = plane_m(normal, 2.0)
    found = surface_normals(back_project(depth_m, CAMERA), reach_px=reach_px)
    known = np.isfinite(found).all(axis=2)
    assert known.mean() > 0.4
    towards_camera = -np.array(normal) / np.linalg.norm(normal)
    np.testing.assert_allclose(found[known], np.broadcast_to(towards_camera, (known.sum(), 3)), atol=2e-3)


def test_normals_are_unknown_where_a_neighbour_is():
    depth_m = plane_m((0, 0, 1), 2.0)
    depth_m[10, 10] = 0
    unknown = np.isnan(surface_normals(back_project(depth_m, CAMERA))).any(axis=2)
    assert unknown[10, 9]
    assert unknown[11, 10]
    assert not unknown[12, 12]


def test_a_map_smaller_than_the_reach_has_no_normals():
    points_m = np.ones((2, 2, 3), np.float32)
    assert np.isnan(surface_normals(points_m, reach_px=1)).all()


def test_a_flat_wall_loses_nothing():
    found = surface(back_project(plane_m((0.3, 0.2, 1.0), 2.0), CAMERA), np.zeros((90, 120, 3), np.uint8))
    assert len(found.points_m) == 90 * 120
    assert len(found.triangles) == 2 * 89 * 119


def smeared_step(*, over_px: int) -> np.ndarray:
    """A wall at 1 m left of one at 3 m, with `over_px` pixels in between that are neither."""
    row = np.interp(np.arange(120), [60 - over_px / 2, 60 + over_px / 2], [1, 3])
    return np.broadcast_to(row, (90, 120)).astype(np.float32)


@pytest.mark.parametrize("over_px", [1, 4, 8])
def test_pixels_that_fly_between_near_and_far_are_cut_and_the_walls_stay(over_px):
    found = surface(back_project(smeared_step(over_px=over_px), CAMERA), np.zeros((90, 120, 3), np.uint8))
    z = found.points_m[:, 2]
    assert ((z < 1.001) | (z > 2.999)).all()
    assert len(z) > 0.9 * 90 * 120
    corners = z[found.triangles]
    assert (np.ptp(corners, axis=1) < 0.01).all()


def test_triangles_run_counter_clockwise_as_the_camera_sees_them():
    found = surface(back_project(plane_m((0.1, -0.2, 1.0), 2.0), CAMERA), np.zeros((90, 120, 3), np.uint8))
    first, second, third = (found.points_m[found.triangles[:, corner]] for corner in range(3))
    assert (np.cross(second - first, third - first)[:, 2] < 0).all()


@pytest.mark.parametrize("voxel_m", [0.02, 0.1, 10.0])
def test_thinning_leaves_one_point_a_cube_near_the_surface(voxel_m):
    colors = np.full((90, 120, 3), (200, 100, 7), np.uint8)
    whole = surface(back_project(plane_m((0.1, 0.2, 1.0), 2.0), CAMERA), colors)
    few = thinned(whole, voxel_m=voxel_m)
    cubes = np.unique(np.floor(whole.points_m / voxel_m), axis=0)
    assert len(few.points_m) == len(cubes)
    assert (few.colors == (200, 100, 7)).all()
    normal = np.array([0.1, 0.2, 1.0]) / np.linalg.norm([0.1, 0.2, 1.0])
    assert np.abs(few.points_m @ normal - 2.0 / np.linalg.norm([0.1, 0.2, 1.0])).max() < 1e-4
    assert len(few.triangles) == len({tuple(sorted(row)) for row in few.triangles.tolist()})
    assert all(len(set(row)) == 3 for row in few.triangles.tolist())


@pytest.mark.parametrize("pitch_deg", [0.0, 15.0, 40.0])
def test_the_floor_and_the_height_of_the_camera_are_found(pitch_deg):
    depth = DepthMap(room(pitch_deg=pitch_deg), camera=CAMERA)
    floor = depth.floor()
    assert floor is not None
    assert floor.camera_height_m == pytest.approx(1.3, abs=0.01)
    assert floor.pitch_deg == pytest.approx(pitch_deg, abs=0.5)
    heights_m = floor.heights_m(depth.points())
    assert np.nanmin(heights_m) > -0.01
    assert np.nanmax(heights_m) > 0.5 or pitch_deg == 40.0  # which sees nothing but the floor


def test_the_floor_is_found_in_noise_and_under_a_table():
    generator = np.random.default_rng(3)
    depth_m = room(pitch_deg=30.0)
    table_m = plane_m((0, np.cos(np.radians(30)), np.sin(np.radians(30))), 0.6)
    depth_m[30:60, 30:90] = table_m[30:60, 30:90]  # 0.7 m above the floor
    depth_m *= generator.normal(1, 0.01, depth_m.shape).astype(np.float32)
    depth_m[generator.random(depth_m.shape) < 0.2] = 0
    points_m = back_project(depth_m, CAMERA)
    floor = find_floor(points_m, surface_normals(points_m, reach_px=6))
    assert floor is not None
    assert floor.camera_height_m == pytest.approx(1.3, abs=0.05)


@pytest.mark.parametrize("depth_m", [plane_m((0, 0, 1), 2.0), np.zeros((90, 120), np.float32)])
def test_where_nothing_faces_up_there_is_no_floor(depth_m):
    assert DepthMap(depth_m, camera=CAMERA).floor() is None


def test_a_floor_says_how_high_a_point_is():
    floor = Floor(np.array([0.0, -1.0, 0.0]), camera_height_m=1.5, share=1.0)
    np.testing.assert_allclose(floor.heights_m(np.array([[0, 1.5, 3], [0, 0, 3]], np.float32)), [0, 1.5])


def test_points_need_a_camera_of_the_same_size():
    with pytest.raises(UsageError, match="points need the camera"):
        DepthMap(np.ones((90, 120), np.float32)).points()
    with pytest.raises(UsageError, match="the camera is of 120x90 pixels, the picture of 60x45"):
        DepthMap(np.ones((45, 60), np.float32)).points(CAMERA)
    with pytest.raises(ValueError, match="the camera must be of 60x45 pixels like its depth, got 120x90"):
        DepthMap(np.ones((45, 60), np.float32), camera=CAMERA)


def colored_room() -> DepthMap:
    generator = np.random.default_rng(0)
    return DepthMap(room(pitch_deg=20.0), generator.integers(0, 255, (90, 120, 3), np.uint8), CAMERA)


def test_points_are_read_back_by_another_library(tmp_path):
    depth = colored_room()
    depth.save(tmp_path / "room.ply")
    vertices = PlyData.read(tmp_path / "room.ply")["vertex"]
    points_m = np.stack([vertices[axis] for axis in "xyz"], axis=1)
    colors = np.stack([vertices[name] for name in ("red", "green", "blue")], axis=1)
    expected = depth.surface()
    np.testing.assert_array_equal(points_m, expected.points_m)
    np.testing.assert_array_equal(colors, expected.colors)
    # Nothing but what the camera saw, in the colour of its pixel.
    columns = np.round(CAMERA.fx_px * points_m[:, 0] / points_m[:, 2] + CAMERA.cx_px).astype(int)
    rows = np.round(CAMERA.fy_px * points_m[:, 1] / points_m[:, 2] + CAMERA.cy_px).astype(int)
    assert depth.image is not None
    np.testing.assert_array_equal(colors, depth.image[rows, columns])


def read_glb(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, colours and triangles of the one mesh of a binary glTF, by its specification (2.0, section 4)."""
    content = path.read_bytes()
    magic, version, length = struct.unpack("<4sII", content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack("<I4s", content[12:20])
    assert kind == b"JSON"
    said, binary = json.loads(content[20 : 20 + size]), content[20 + size + 8 :]

    def accessor(index: int) -> np.ndarray:
        entry = said["accessors"][index]
        view = said["bufferViews"][entry["bufferView"]]
        dtype = {5121: np.uint8, 5125: np.uint32, 5126: np.float32}[entry["componentType"]]
        columns = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry["type"]]
        begin = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        return np.frombuffer(binary, dtype, entry["count"] * columns, begin).reshape(-1, columns)

    (mesh,) = said["meshes"]
    (primitive,) = mesh["primitives"]
    attributes = primitive["attributes"]
    triangles = accessor(primitive["indices"]).reshape(-1, 3)
    return accessor(attributes["POSITION"]), accessor(attributes["COLOR_0"]), triangles


def test_a_mesh_is_binary_gltf_with_y_up(tmp_path):
    depth = colored_room()
    depth.save(tmp_path / "room.glb", voxel_m=0.05)
    positions, colors, triangles = read_glb(tmp_path / "room.glb")
    expected = depth.surface(voxel_m=0.05)
    np.testing.assert_array_equal(positions, expected.points_m * [1, -1, -1])
    np.testing.assert_array_equal(colors[:, :3], expected.colors)
    np.testing.assert_array_equal(triangles, expected.triangles)
    assert positions[:, 2].max() < 0  # the camera looks along -z


def test_large_photographs_give_meshes_that_can_be_opened():
    camera = Camera.centred(focal_px=1500.0, width=1920, height=1080)
    found = DepthMap(np.full((1080, 1920), 2.0, np.float32), camera=camera).surface()
    assert len(found.points_m) == 640 * 360
    # The edges of the picture stay where they are, but for half a pixel.
    assert np.ptp(found.points_m[:, 0]) == pytest.approx(2.0 * 1917 / 1500, rel=1e-3)


def test_without_trimesh_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "trimesh", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[mesh\]'"):
        colored_room().save(tmp_path / "room.ply")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set: no real frames here")
def test_the_wall_and_floor_of_a_rendered_room_stand_at_right_angles():
    source = open_source(Path(SHARED or "") / "rgbd" / "replica-room")
    sample = source.read(source.frames[0])
    depth = DepthMap(sample.depth_m, sample.image, sample.camera)
    floor = depth.floor()
    assert floor is not None
    tilt = np.abs(depth.normals() @ floor.up)[np.isfinite(depth.normals()).all(axis=2)]
    # Rooms are made of right angles: most of what is seen stands on the floor or lies level.
    assert ((tilt < 0.1) | (tilt > 0.99)).mean() > 0.6
