"""Points and meshes in files that other programs open. Needs trimesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from leadline.atomic import atomic_write
from leadline.depth.points import Surface
from leadline.errors import UsageError


def write_ply(path: Path, surface: Surface) -> None:
    """Write the coloured points as binary PLY, in metres and the camera's axes (x right, y down, z forward).

    Raises:
        UsageError: trimesh is not installed.
        OutputError: no space or no permission.
    """
    trimesh = _trimesh(path)
    with atomic_write(path) as part:
        part.write_bytes(trimesh.PointCloud(surface.points_m, colors=surface.colors).export(file_type="ply"))


def write_glb(path: Path, surface: Surface) -> None:
    """Write the coloured triangles as binary glTF, in metres and its axes (x right, y up, z backward).

    Raises:
        UsageError: trimesh is not installed.
        OutputError: no space or no permission.
    """
    trimesh = _trimesh(path)
    mesh = trimesh.Trimesh(
        vertices=surface.points_m * np.array([1, -1, -1], np.float32),
        faces=surface.triangles,
        vertex_colors=surface.colors,
        process=False,  # it would merge points, which costs more than it saves
    )
    with atomic_write(path) as part:
        part.write_bytes(mesh.export(file_type="glb"))


def _trimesh(path: Path) -> Any:
    try:
        import trimesh
    except ImportError as error:
        raise UsageError(f"{path}: points and meshes need trimesh: pip install 'leadline[mesh]'") from error
    return trimesh
