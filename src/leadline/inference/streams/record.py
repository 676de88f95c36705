"""Streams from the command line: predict each frame, write what was asked for, say how it went."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import numpy as np
from rich.console import Console

from leadline.depth.camera import Camera
from leadline.depth.correction import Correction
from leadline.errors import InputError, PartialFailure, UsageError
from leadline.inference.given_camera import demand_use, given_camera
from leadline.inference.predictor import PointsDoNotHelp, Predictor, UnusualShape, load
from leadline.inference.streams.frames import Frame, Source, is_stream, open_stream, without_password
from leadline.inference.streams.outputs import ColorRange, Output, StreamKind, frame_list, output
from leadline.inference.streams.stream import StreamedDepth, depth_of_frames
from leadline.options import PredictOptions, read_range
from leadline.scale.points import Points
from leadline.scale.readings import frame_name, open_readings

PointsOfFrame: TypeAlias = Callable[[Frame], Points | None]


def is_recording(text: str, options: PredictOptions) -> bool:
    """Whether an input is a stream: by its name, or a folder whose frames a second are given."""
    return is_stream(text) or (options.fps is not None and Path(text).is_dir())


def predict_streams(options: PredictOptions, kinds: Sequence[StreamKind]) -> None:
    """Predict the frames of every stream, one stream after the other. Ctrl-C ends a live one, which is its usual end.

    Raises:
        PartialFailure: some frames could not be read; the others are done.
        InputError: a stream of which no frame could be read, or a file of points that cannot be used.
        UsageError: points for several streams, or a flag that nothing has a use for.
        OutputError: no space or no permission.
    """
    points = _points_of_frames(options)
    given = None if options.range_m is None else read_range(options.range_m)
    if options.fps is not None and not any(Path(text).is_dir() for text in options.inputs):
        raise UsageError("--fps is for folders of frames; videos, cameras and addresses have their own times")
    predictor = load(options.model, device=options.device, backend=options.backend, threads=options.threads)
    demand_use(options, kinds, predictor, streams=True)
    console = Console(stderr=True)
    faults: list[str] = []
    for text, name in _names(options.inputs).items():
        with open_stream(text, fps=options.fps, stall_s=options.stall_s) as source:
            colors = ColorRange(given)
            _record(text, name, source, predictor, options, points, kinds=kinds, colors=colors, console=console)
            faults += source.faults
    for fault in faults:
        console.print(fault, style="yellow", highlight=False, markup=False, soft_wrap=True)
    if faults:
        raise PartialFailure(f"{len(faults)} faults, said above; the frames that could be read are done")


def _points_of_frames(options: PredictOptions) -> PointsOfFrame | None:
    """What was measured in each frame, by its number, or by its file's name where it has one."""
    if options.points is None:
        return None
    if len(options.inputs) > 1:
        raise UsageError(f"--points are of one stream, got {len(options.inputs)}; give each a command of its own")
    points_of = open_readings(options.points, pictures=None)

    camera_of = _camera_of_frames(options)

    def points(frame: Frame) -> Points | None:
        height, width = frame.image.shape[:2]
        name = frame.path or Path(frame_name(frame.number))
        return points_of(name, height=height, width=width, camera=camera_of(frame))

    return points


def _camera_of_frames(options: PredictOptions) -> Callable[[Frame], Camera | None]:
    """The camera that was given, of each frame's size."""

    def camera(frame: Frame) -> Camera | None:
        height, width = frame.image.shape[:2]
        return given_camera(options, height=height, width=width, name=str(frame.path or f"frame {frame.number}"))

    return camera


def _record(
    text: str,
    name: str,
    source: Source,
    predictor: Predictor,
    options: PredictOptions,
    points: PointsOfFrame | None,
    *,
    kinds: Sequence[StreamKind],
    colors: ColorRange,
    console: Console,
) -> None:
    """Write one stream."""
    live = options.live or source.is_live
    depths = depth_of_frames(
        source,
        predictor,
        live=live,
        steady=options.steady,
        focal_px=None,
        camera=_camera_of_frames(options),
        points=points,
        stall_s=options.stall_s,
    )
    sound = Path(text) if Path(text).is_file() and not live else None
    latencies_ms: list[float] = []
    scales: Counter[str] = Counter()
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualShape)  # said below, once for all frames
        warnings.simplefilter("ignore", PointsDoNotHelp)
        stack.enter_context(closing(depths))
        first = next(depths, None)  # before any file is begun: of what cannot be read, none is left
        if first is None:
            raise InputError(f"{source.name}: no frame of it can be read")
        outputs: list[Output] = [stack.enter_context(frame_list(options.out / f"{name}_frames.csv"))]
        for kind in kinds:
            opened = output(
                kind, options.out, name, colors=colors, voxel_m=options.voxel_m, fps=source.fps, sound=sound
            )
            outputs.append(stack.enter_context(opened))
        try:
            last = first
            for last in chain([first], depths):
                latencies_ms.append(last.latency_ms)
                scales[_scale_by(last.depth.correction)] += 1
                for made in outputs:
                    made.write(last)
        except InputError as error:  # what has come so far is kept
            source.faults.append(str(error))
        except KeyboardInterrupt:
            if not live:
                raise
    print(*(made.path for made in outputs), sep="\n", flush=True)
    _tell(console, source.name, predictor, first, last, latencies_ms)
    if points is not None:
        counts = "; ".join(f"{count} {by}" for by, count in scales.most_common(_MOST_TOLD))
        console.print(f"scale of the frames of {source.name}: {counts}", highlight=False, markup=False, soft_wrap=True)


def _scale_by(correction: Correction | None) -> str:
    """What set the scale of a frame, in words that are counted."""
    if correction is None:
        return "as the model says, without points"
    return "by their points" if correction.refused is None else str(correction)


def _tell(
    console: Console,
    name: str,
    predictor: Predictor,
    first: StreamedDepth,
    last: StreamedDepth,
    latencies_ms: list[float],
) -> None:
    height, width = first.depth.metres.shape
    doubt = predictor.shape_doubt(height=height, width=width)
    if doubt:
        console.print(f"{name}: {doubt}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    taken = len(latencies_ms)
    median_ms, slow_ms = np.percentile(latencies_ms, (50, 95))
    console.print(
        f"{name}: {taken} frames in {last.time_s:.1f} s of it, {last.number + 1 - taken} dropped; from frame to depth "
        f"{median_ms:.0f} ms, {slow_ms:.0f} ms for the slowest twentieth",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _names(inputs: Sequence[str]) -> dict[str, str]:
    """A name for each stream's results: the file's or folder's, or what an address has of letters and digits."""
    names: dict[str, str] = {}
    for text in inputs:
        path = Path(text)
        address = without_password(text).split("://")[-1]
        name = path.stem if path.is_file() else path.resolve().name if path.is_dir() else address
        name = re.sub(r"[^\w.-]+", "-", name).strip("-") or "stream"
        while name in {named for other, named in names.items() if other != text}:
            name += "_"
        names[text] = name
    return names


_MOST_TOLD = 5
"""Ways in which frames got their scale; each refusal says it a little differently."""
