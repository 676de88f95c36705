"""Small frames that every room of the tests may learn from."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Before torch is imported anywhere, subprocesses included: many small tests side by side are quickest on a thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def _write_scenes(root: Path, *, rooms: int = 4, frames: int = 3, height: int = 48, width: int = 64) -> Path:
    """Slanted walls from 1 to 6 m whose picture tells their depth, with a hole in each."""
    generator = np.random.default_rng(7)
    for room in range(rooms):
        scene = root / f"scene-{room}"
        for part in ("rgb", "depth"):
            (scene / part).mkdir(parents=True)
        (scene / "scene.json").write_text(json.dumps({"room": f"room-{room}"}))
        for frame in range(frames):
            near_m, far_m = generator.uniform(1, 2), generator.uniform(3, 6)
            depth_m = np.linspace(near_m, far_m, width)[None, :].repeat(height, axis=0)
            image = np.stack([depth_m * 40, 255 - depth_m * 40, generator.uniform(0, 255, depth_m.shape)], axis=2)
            millimetres = np.round(depth_m * 1000).astype(np.uint16)
            millimetres[:4, :4] = 0
            Image.fromarray(image.astype(np.uint8)).save(scene / "rgb" / f"{frame:04}.png")
            Image.fromarray(millimetres).save(scene / "depth" / f"{frame:04}.png")
    return root


@pytest.fixture(scope="session")
def write_scenes() -> Callable[..., Path]:
    """Writes `rooms` scene folders of `frames` frames each into a folder."""
    return _write_scenes


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Starts a server of loopback.py, which gets the behaviours and the content; all are closed at the end."""
    from loopback import Server  # here: the shape hook does not see what is imported before the tests

    monkeypatch.setenv("no_proxy", "*")
    servers: list[Server] = []

    def start(*behaviours: Callable, **content: bytes) -> Server:
        servers.append(Server(*behaviours, **content))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
