"""The worked example of docs/robot.md: its grid, its scans, and its odometry on a real recording."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from leadline.data.sources.catalog import open_source

FOLDER = Path(__file__).parents[2] / "examples" / "robot"
SHARED = os.environ.get("LEADLINE_SHARED")


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))

    def imported(name: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return imported


@pytest.fixture
def occupancy(module) -> ModuleType:
    return module("occupancy")


def box_room(scale: float = 1.0) -> np.ndarray:
    """Walls 2 m away on four sides and the floor, seen from 1 m above the middle of it, depth times `scale`."""
    along, height = (array.ravel() for array in np.meshgrid(np.linspace(-2, 2, 161), np.linspace(0.3, 1.4, 12)))
    walls = [np.stack(sides, axis=1) for sides in (
        (along, np.full_like(along, 2), height), (along, np.full_like(along, -2), height),
        (np.full_like(along, 2), along, height), (np.full_like(along, -2), along, height),
    )]  # fmt: skip
    x, y = (array.ravel() for array in np.meshgrid(np.linspace(-1.9, 1.9, 80), np.linspace(-1.9, 1.9, 80)))
    points = np.concatenate([*walls, np.stack([x, y, np.zeros_like(x)], axis=1)])
    camera = np.array([0, 0, 1.0])
    return camera + scale * (points - camera)


def room_grid(occupancy: ModuleType, *, scale: float = 1.0, sigma: float = 0.0, times: int = 3):
    grid = occupancy.Grid(4.0)
    points_m = box_room(scale)
    for _ in range(times):
        scan = occupancy.scan_of(points_m, np.full(len(points_m), sigma), np.array([0, 0, 1.0]))
        grid.add(scan, np.zeros(2))
    return grid


def state(grid, x_m: float, y_m: float) -> str:
    rows, columns = grid.cells(np.array([x_m]), np.array([y_m]))
    return "occupied" if grid.occupied[rows, columns][0] else "free" if grid.free[rows, columns][0] else "unknown"


def test_what_is_before_a_wall_is_free_the_wall_occupied_and_behind_it_unknown(occupancy):
    grid = room_grid(occupancy)
    for x_m, y_m in [(1.0, 0.0), (0.0, -1.5), (1.5, 1.5)]:
        assert state(grid, x_m, y_m) == "free"
    assert state(grid, 2.01, 0.3) == "occupied"
    assert state(grid, -1.0, 2.01) == "occupied"
    assert state(grid, 2.5, 0.0) == "unknown"


def test_the_nearest_thing_hides_the_floor_and_the_walls_behind_it(occupancy):
    post = np.array([[1.0, y, z] for y in np.linspace(-0.05, 0.05, 9) for z in np.linspace(0.3, 1, 9)])
    points_m = np.concatenate([box_room(), post])
    scan = occupancy.scan_of(points_m, np.zeros(len(points_m)), np.array([0, 0, 1.0]))
    ahead = scan.bearings == 0
    assert scan.distances_m[ahead] == pytest.approx([1.0], abs=0.01)
    assert scan.hits[ahead].all()


def test_low_and_high_things_do_not_stand_in_the_way(occupancy):
    points_m = np.array([[1.0, y, z] for y in np.linspace(-0.1, 0.1, 9) for z in (0.05, 1.9)])
    scan = occupancy.scan_of(points_m, np.zeros(len(points_m)), np.array([0, 0, 1.0]))
    assert not scan.hits.any()


def test_nothing_seen_is_an_empty_scan(occupancy):
    scan = occupancy.scan_of(np.empty((0, 3)), np.empty(0), np.zeros(3))
    assert len(scan.bearings) == 0
    grid = occupancy.Grid(1.0)
    grid.add(scan, np.zeros(2))
    assert not grid.log_odds.any()


def test_a_map_is_right_beside_itself_and_wrong_at_another_scale(occupancy):
    truth = room_grid(occupancy)
    assert occupancy.compared(truth, truth) == (100, 100, 0)
    near = room_grid(occupancy, scale=0.6)
    assert occupancy.compared(near, truth).right < 10
    far = room_grid(occupancy, scale=1.4)
    # What stands 2 m away is said to be free: the dangerous kind of wrong.
    assert occupancy.compared(far, truth).dangerous > 60


def test_doubt_spreads_a_wall_and_says_less_of_each_cell(occupancy):
    sure, unsure = room_grid(occupancy, times=1), room_grid(occupancy, sigma=0.15, times=1)
    assert unsure.log_odds.max() < 0.5 * sure.log_odds.max()
    assert (unsure.log_odds > 0).sum() > 3 * (sure.log_odds > 0).sum()
    assert state(unsure, 1.8, 0.0) != "free"


def test_maps_are_drawn_as_far_as_they_are_known(occupancy):
    grid = room_grid(occupancy)
    picture = occupancy.drawn([grid, grid], np.zeros((1, 3)))
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 2 * picture.shape[0]
    assert {tuple(color) for color in np.unique(picture.reshape(-1, 3), axis=0).tolist()} >= {
        (0, 0, 0),
        (255, 255, 255),
        (220, 30, 30),
    }


@pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set: no real frames here")
def test_frames_of_a_real_room_are_placed_so_that_what_they_measured_agrees(module):
    odometry = module("odometry")
    source = open_source(Path(SHARED or "") / "rgbd" / "ist-corridor")
    first, second = (source.read(frame) for frame in source.frames[:2])
    poses = odometry.poses_of([first, second])
    assert poses[1] is not None
    assert np.abs(poses[1] - np.eye(4)).max() > 0.01  # it moved
    points_m = odometry.moved(odometry.camera_points(second)[::4, ::4].reshape(-1, 3), poses[1])
    points_m = points_m[np.isfinite(points_m).all(axis=1)]
    camera = first.camera
    columns = np.round(camera.fx_px * points_m[:, 0] / points_m[:, 2] + camera.cx_px).astype(int)
    rows = np.round(camera.fy_px * points_m[:, 1] / points_m[:, 2] + camera.cy_px).astype(int)
    inside = (columns >= 0) & (columns < 640) & (rows >= 0) & (rows < 480)
    assert inside.mean() > 0.3
    expected_m = odometry.camera_points(first)[rows[inside], columns[inside], 2]
    assert np.nanmedian(np.abs(points_m[inside, 2] / expected_m - 1)) < 0.03
