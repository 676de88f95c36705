"""Streams: does the filter over time help, how long does a frame take, does memory stay flat?

python benchmarks/streams.py flicker --frames FRAMES --scenes SCENE [SCENE ...] [--model MODEL]
python benchmarks/streams.py latency --picture PHOTO [--threads 2]
python benchmarks/streams.py memory --picture PHOTO [--count 10000]

flicker: frames of a scene in order, with the depth that was measured. rel is the mean over frames of |predicted - true|
/ true. Flicker is how much the error changes from a frame to the next: the mean of |e - e'| with e the logarithm of
predicted over true depth and e' that of the same place in the frame before, found by optical flow; what cannot be found
again is left out. A wrong scale that stays does not flicker; a camera that moves does not either.

latency: a video of 640x480 at 30 frames a second, a picture panned over; from the decoded frame to its depth. memory:
the same in small, ten thousand frames from file to video and 16-bit file, and the largest memory of the process so far.
"""

import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Sample
from leadline.data.sources.catalog import open_source
from leadline.depth.framing import under_centres
from leadline.inference.predictor import load
from leadline.inference.streams.outputs import ColorRange, output
from leadline.inference.streams.steady import Steady, carry, small_grey
from leadline.inference.streams.stream import stream

TRUSTED = 0.5
LEAST_FOUND_AGAIN = 0.05


@dataclass(frozen=True)
class Flicker:
    """Flicker and rel with and without the filter, on recorded sequences."""

    frames: Path
    """Frames with measured depth, in any layout of docs/data.md."""
    scenes: tuple[str, ...]
    """Scenes that are sequences."""
    model: Path | None = None
    """Model file; the one in the box when not given."""


@dataclass(frozen=True)
class Latency:
    """From the decoded frame to its depth."""

    picture: Path
    """Photograph to pan over."""
    model: Path | None = None
    """Model file; the one in the box when not given."""
    threads: int = 2
    """Threads of the network."""
    seconds: float = 6.0
    """Of the video."""


@dataclass(frozen=True)
class Memory:
    """The largest memory of the process, after every tenth of the frames."""

    picture: Path
    """Photograph to pan over."""
    count: int = 10_000
    """Frames."""
    height: int = 240
    """Of the frames, in pixels; they are a third wider."""


def flicker(options: Flicker) -> Table:
    """A row for each scene."""
    predictor, source = load(options.model), open_source(options.frames)
    samples: dict[str, list[Sample]] = defaultdict(list)
    found = Table(title="frame to frame")
    for column in ("scene", "frames", "found again [%]", "rel", "filtered", "flicker", "filtered "):
        found.add_column(column, justify="right")
    for scene in options.scenes:
        samples[scene] = [source.read(frame) for frame in source.frames if frame.scene == scene]
        said = [predictor.predict(sample.image).metres for sample in samples[scene]]
        steady = Steady()
        filtered = [steady(sample.image, depth_m) for sample, depth_m in zip(samples[scene], said, strict=True)]
        rels = [np.mean([rel(depth, s) for depth, s in zip(d, samples[scene], strict=True)]) for d in (said, filtered)]
        changes = [np.array(list(error_changes(samples[scene], depths))) for depths in (said, filtered)]
        again, flickers = changes[0][:, 0].mean(), [np.nanmean(change[:, 1]) for change in changes]
        figures = [f"{figure:.3f}" for figure in (*rels, *flickers)]
        found.add_row(scene, str(len(said)), f"{100 * again:.0f}", *figures)
    return found


def rel(predicted_m: np.ndarray, sample: Sample) -> float:
    """Mean relative error, at the measured pixels."""
    at_truth = under_centres(predicted_m, height=sample.depth_m.shape[0], width=sample.depth_m.shape[1])
    valid = sample.valid
    return float(np.mean(np.abs(at_truth[valid] - sample.depth_m[valid]) / sample.depth_m[valid]))


def error_changes(samples: list[Sample], depths: list[np.ndarray]) -> Iterator[tuple[float, float]]:
    """For each frame but the first: which share of it is found again, and how much its error changed there."""
    before = None
    for sample, depth_m in zip(samples, depths, strict=True):
        grey = small_grey(sample.image)
        height, width = grey.shape
        truth_m = under_centres(sample.depth_m, height=height, width=width)
        with np.errstate(divide="ignore"):
            error = np.log(under_centres(depth_m, height=height, width=width) / truth_m)
        error = np.where(truth_m > 0, error, np.nan).astype(np.float32)
        if before is not None:
            carried = carry(*before, grey)
            again = (carried.trust > TRUSTED) & np.isfinite(error) & np.isfinite(carried.values)
            change = np.abs(error - carried.values)[again]
            enough = again.mean() > LEAST_FOUND_AGAIN
            yield float((carried.trust > TRUSTED).mean()), float(change.mean()) if enough else np.nan
        before = grey, error


def latency(options: Latency) -> Table:
    """A row for each way to take frames."""
    predictor = load(options.model, threads=options.threads)
    found = Table(title=f"640x480 at 30 frames a second, {options.threads} threads")
    for column in ("frames are", "filter", "frames", "dropped", "median [ms]", "95 % [ms]", "frames a second"):
        found.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "pan.mp4"
        write_pan(video, options.picture, count=round(30 * options.seconds), height=480, width=640)
        for live in (False, True):
            for steady in (False, True):
                began_s = time.monotonic()
                frames = [(f.number, f.latency_ms) for f in stream(video, model=predictor, live=live, steady=steady)]
                took_s = time.monotonic() - began_s
                median_ms, slow_ms = np.percentile([latency_ms for _, latency_ms in frames], (50, 95))
                found.add_row(
                    "newest" if live else "all",
                    "yes" if steady else "no",
                    str(len(frames)),
                    str(frames[-1][0] + 1 - len(frames)),
                    f"{median_ms:.1f}",
                    f"{slow_ms:.1f}",
                    f"{len(frames) / took_s:.1f}",
                )
    return found


def memory(options: Memory) -> Table:
    """A row for each tenth of the frames."""
    height, width = options.height, options.height * 4 // 3
    found = Table(title=f"{options.count} frames of {width}x{height}")
    for column in ("frames", "largest memory [MB]", "ms a frame"):
        found.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_pan(folder / "pan.mp4", options.picture, count=options.count, height=height, width=width)
        colors = ColorRange(None)
        made = output("video", folder, "out", colors=colors, voxel_m=0, fps=30, sound=None)
        video = stack.enter_context(made)
        began_s = time.monotonic()
        for frame in stream(folder / "pan.mp4", model=load(threads=1)):
            video.write(frame)
            frame.depth.save(folder / "depth.png")
            done = frame.number + 1
            if done == 100 or done % (options.count // 10) == 0:
                each_ms = 1000 * (time.monotonic() - began_s) / done
                found.add_row(str(done), f"{largest_memory_mb():.1f}", f"{each_ms:.1f}")
    return found


def largest_memory_mb() -> float:
    """Of this process since it began."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def write_pan(path: Path, picture: Path, *, count: int, height: int, width: int) -> None:
    """A video that pans over a photograph, back and forth."""
    with Image.open(picture) as opened:
        wide = np.asarray(opened.convert("RGB").resize((width * 3 // 2, height * 3 // 2)))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(30))
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        video.options = {"preset": "ultrafast"}
        for number in range(count):
            left, top = (round((1 + np.sin(number / over)) * side / 4) for over, side in ((40, width), (63, height)))
            crop = np.ascontiguousarray(wide[top : top + height, left : left + width])
            container.mux(video.encode(av.VideoFrame.from_ndarray(crop, format="rgb24")))
        container.mux(video.encode(None))


MEASURES = {Flicker: flicker, Latency: latency, Memory: memory}
Options = (
    Annotated[Flicker, tyro.conf.subcommand("flicker")]
    | Annotated[Latency, tyro.conf.subcommand("latency")]
    | Annotated[Memory, tyro.conf.subcommand("memory")]
)

if __name__ == "__main__":
    chosen = tyro.cli(Options, description=__doc__)
    Console(width=120).print(MEASURES[type(chosen)](chosen))
