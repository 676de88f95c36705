"""Where a camera with a depth sensor was, frame by frame: ORB features, their depth, PnP with RANSAC (OpenCV)."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from leadline.data.sample import Sample
from leadline.depth.camera import Camera
from leadline.depth.depth_map import DepthMap
from leadline.depth.framing import under_centres
from leadline.depth.points import back_project

Pose = NDArray[np.float64]
"""(4, 4): from the camera's axes to those of the world, in metres."""

LEAST_INLIERS = 25
TRIED = 12
"""How many earlier frames a frame is compared with: cameras come back to what they have seen."""


class View(NamedTuple):
    """A placed frame: what it can be recognised by, and where that is."""

    descriptors: NDArray[np.uint8]
    points_m: NDArray[np.float64]
    pose: Pose


def poses_of(samples: list[Sample]) -> list[Pose | None]:
    """Poses in the axes of the first frame's camera; None for frames that could not be placed.

    Args:
        samples: of one recording, in order, with a camera each.
    """
    orb, views, poses = cv2.ORB_create(2000), [], []
    for sample in samples:
        keypoints, descriptors = orb.detectAndCompute(cv2.cvtColor(sample.image, cv2.COLOR_RGB2GRAY), None)
        pixels = np.array([keypoint.pt for keypoint in keypoints]).reshape(-1, 2)
        pose = np.eye(4) if not views else _placed(sample, pixels, descriptors, views)
        poses.append(pose)
        if pose is not None:
            points_m = camera_points(sample)[pixels[:, 1].astype(int), pixels[:, 0].astype(int)]
            known = np.isfinite(points_m).all(axis=1)
            views.append(View(descriptors[known], moved(points_m[known].astype(np.float64), pose), pose))
    return poses


def camera_points(sample: Sample) -> NDArray[np.float32]:
    """(H, W, 3) measured points at the pixels of the picture, NaN where nothing was measured."""
    height, width = sample.image.shape[:2]
    assert sample.camera is not None
    return back_project(under_centres(sample.depth_m, height=height, width=width), sample.camera)


def moved(points_m: NDArray, pose: Pose) -> NDArray[np.float64]:
    """Points (..., 3) in the axes that a pose leads to."""
    return points_m @ pose[:3, :3].T + pose[:3, 3]


def levelled(samples: list[Sample], poses: list[Pose | None]) -> Pose | None:
    """From the world's axes to those of a room: z up, the floor at 0; by the lowest floor that any frame sees.

    None where none sees one.
    """
    lowest: tuple[float, Pose] | None = None
    for sample, pose in zip(samples, poses, strict=True):
        if pose is None or sample.camera is None:
            continue
        floor = DepthMap(sample.depth_m, camera=_of_depth(sample)).floor()
        if floor is not None and (lowest is None or floor.camera_height_m > lowest[0]):
            up = pose[:3, :3] @ floor.up
            level = np.eye(4)
            level[:3, :3] = _standing(up)
            level[2, 3] = floor.camera_height_m - up @ pose[:3, 3]
            lowest = floor.camera_height_m, level
    return None if lowest is None else lowest[1]


def _of_depth(sample: Sample) -> Camera:
    """The camera of the depth map, which may be of another size than the picture's."""
    assert sample.camera is not None
    height, width = sample.depth_m.shape
    return sample.camera.placed(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)


def _placed(
    sample: Sample, pixels: NDArray[np.float64], descriptors: NDArray[np.uint8] | None, views: list[View]
) -> Pose | None:
    """By the earlier frame of which most is found again."""
    if descriptors is None:
        return None
    camera = sample.camera
    assert camera is not None
    matrix = np.array([[camera.fx_px, 0, camera.cx_px], [0, camera.fy_px, camera.cy_px], [0, 0, 1]])
    best, most = None, LEAST_INLIERS
    for view in views[-TRIED:]:
        matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(view.descriptors, descriptors)
        if len(matches) < LEAST_INLIERS:
            continue
        points_m = view.points_m[[match.queryIdx for match in matches]]
        seen = pixels[[match.trainIdx for match in matches]]
        cv2.setRNGSeed(0)
        found, turn, shift, inliers = cv2.solvePnPRansac(
            points_m, seen, matrix, None, iterationsCount=500, reprojectionError=3.0, flags=cv2.SOLVEPNP_EPNP
        )
        if found and inliers is not None and len(inliers) > most:
            best, most = _inverse(cv2.Rodrigues(turn)[0], shift.ravel()), len(inliers)
    return best


def _inverse(turn: NDArray[np.float64], shift: NDArray[np.float64]) -> Pose:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn.T, -turn.T @ shift
    return pose


def _standing(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rotation that makes `up` the z axis; y is where the first camera looked."""
    forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(forward, up), forward, up])
