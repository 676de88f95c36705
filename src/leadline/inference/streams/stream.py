"""Depth of each frame of a stream, as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from leadline.depth.camera import Camera
from leadline.depth.depth_map import DepthMap
from leadline.errors import UsageError
from leadline.inference.predictor import PointsLike, Predictor, load
from leadline.inference.streams.frames import Frame, Source, open_stream
from leadline.inference.streams.newest import at_their_times, newest
from leadline.inference.streams.steady import Steady


@dataclass(frozen=True)
class StreamedDepth:
    """The depth of one frame.

    Args:
        depth: with the frame and its camera beside it.
        number: of the frame in its stream, counted from 0, dropped ones included.
        time_s: since the first frame, by the stream's own clock.
        latency_ms: from when the frame was decoded to now, waiting included.
    """

    depth: DepthMap
    number: int
    time_s: float
    latency_ms: float


def stream(
    source: str | Path,
    *,
    model: Predictor | Path | str | None = None,
    live: bool | None = None,
    steady: bool = True,
    focal_px: float | None = None,
    camera: Camera | None = None,
    points: Callable[[Frame], PointsLike | None] | None = None,
    fps: float | None = None,
    stall_s: float = 10.0,
) -> Iterator[StreamedDepth]:
    """Metric depth of the frames of a video, a camera, a network stream or a folder.

    Args:
        source: a video file; `camera:0` or `/dev/video0`; an address such as `rtsp://host/path`; a folder of pictures.
        model: loaded, or a file or name for `leadline.load`; the one in the box when None.
        live: take the newest frame and drop those that came meanwhile. None: for cameras and addresses. True also
            plays a file or a folder at its own pace; False takes every frame of it, however long that takes.
        steady: filter over time (`Steady`).
        focal_px: of the camera, in pixels of the frames; as in `Predictor.predict`.
        camera: instead of it, where more than the focal length is known; of the frames' size.
        points: asked for each frame that is taken: what was measured in it, as in `Predictor.predict`, or None.
        fps: frames a second of a folder.
        stall_s: how long a live stream may say nothing.

    Raises:
        InputError: it cannot be opened or decoded, or fell silent.
        UsageError: PyAV or OpenCV is missing, or a camera is not to be live.
        ModelFileError: no model that can be used.

    Example:
        for frame in leadline.stream("camera:0"):
            print(frame.time_s, frame.depth.metres.min(), f"{frame.latency_ms:.0f} ms")
    """
    predictor = model if isinstance(model, Predictor) else load(model)
    with open_stream(str(source), fps=fps, stall_s=stall_s) as opened:
        yield from depth_of_frames(
            opened,
            predictor,
            live=live,
            steady=steady,
            focal_px=focal_px,
            camera=lambda _: camera,
            points=points,
            stall_s=stall_s,
        )


def depth_of_frames(
    source: Source,
    predictor: Predictor,
    *,
    live: bool | None,
    steady: bool,
    focal_px: float | None,
    camera: Callable[[Frame], Camera | None],
    points: Callable[[Frame], PointsLike | None] | None,
    stall_s: float,
) -> Generator[StreamedDepth, None, None]:
    """What `stream` gives, of a source that is open."""
    if live is False and source.is_live:
        raise UsageError(
            f"{source.name}: goes on while nobody looks, so it cannot be taken frame by frame; leave out live"
        )
    frames: Iterator[Frame] = source.frames
    if live or source.is_live:
        frames = newest(frames if source.is_live else at_their_times(frames), stall_s=stall_s, name=source.name)
    filtered = Steady() if steady else None
    for frame in frames:
        measured = points(frame) if points else None
        depth = predictor.predict(frame.image, focal_px=focal_px, camera=camera(frame), points=measured)
        if filtered is not None:
            depth = replace(depth, metres=filtered(frame.image, depth.metres))
        yield StreamedDepth(depth, frame.number, frame.time_s, 1000 * (time.monotonic() - frame.arrived_s))
