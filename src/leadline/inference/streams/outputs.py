"""What a stream leaves behind: a video beside its depth, numbered files, and a list of the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from leadline.atomic import atomic_write
from leadline.depth.colors import depth_range_m
from leadline.depth.depth_map import SAVE_SUFFIXES, SaveKind
from leadline.depth.framing import Framing
from leadline.depth.images import write_image
from leadline.errors import UsageError
from leadline.inference.streams.stream import StreamedDepth
from leadline.scale.readings import frame_name

StreamKind: TypeAlias = SaveKind | Literal["video"]
STREAM_KINDS: tuple[StreamKind, ...] = ("video", *get_args(SaveKind))


class Output(NamedTuple):
    """A file or a folder that frames are written to, one after the other.

    Args:
        path: of the file or folder.
        write: takes each frame.
    """

    path: Path
    write: Callable[[StreamedDepth], object]


class ColorRange:
    """The depths of the reddest and the bluest colour, the same for all frames of a stream.

    Args:
        given: in metres; None: from 0 to what the first frame holds and half as much again.
    """

    def __init__(self, given: tuple[float, float] | None) -> None:
        self._range = given

    def of(self, frame: StreamedDepth) -> tuple[float, float]:
        """Nearest and farthest, in metres."""
        if self._range is None:
            self._range = 0.0, 1.5 * depth_range_m(frame.depth.metres)[1]
        return self._range


def output(
    kind: StreamKind, folder: Path, name: str, *, colors: ColorRange, voxel_m: float, fps: float, sound: Path | None
) -> AbstractContextManager[Output]:
    """Somewhere to write frames to; what is written is complete when the block ends.

    Args:
        kind: "video" for an MP4 of frames beside their depth, or a kind of file that each frame has for itself.
        folder: for the results.
        name: how they begin.
        colors: for those kinds that show colours.
        voxel_m: for points and meshes, as in `DepthMap.surface`.
        fps: that a player should suppose; each frame has its own time.
        sound: video file whose sound goes with a video.

    Raises:
        UsageError: PyAV or trimesh is missing.
        OutputError: no space or no permission.
    """
    if kind == "video":
        return _video(folder / f"{name}_video.mp4", colors=colors, fps=fps, sound=sound)
    return _files(folder / f"{name}_{kind}", kind=kind, colors=colors, voxel_m=voxel_m)


@contextmanager
def frame_list(path: Path) -> Iterator[Output]:
    """A CSV file with a line for each frame: its number, time and latency. The numbers left out were dropped."""
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        file.write("number,time_s,latency_ms\n")
        yield Output(path, lambda frame: file.write(f"{frame.number},{frame.time_s:.6f},{frame.latency_ms:.2f}\n"))


@contextmanager
def _files(folder: Path, *, kind: SaveKind, colors: ColorRange, voxel_m: float) -> Iterator[Output]:
    def write(frame: StreamedDepth) -> None:
        path = folder / f"{frame_name(frame.number)}{SAVE_SUFFIXES[kind]}"
        if kind in ("color", "side"):
            near_m, far_m = colors.of(frame)
            draw = frame.depth.color if kind == "color" else frame.depth.side_by_side
            write_image(path, draw(near_m=near_m, far_m=far_m))
        else:
            frame.depth.save(path, kind=kind, voxel_m=voxel_m)

    yield Output(folder, write)


@contextmanager
def _video(path: Path, *, colors: ColorRange, fps: float, sound: Path | None) -> Iterator[Output]:
    try:
        import av
    except ImportError as error:
        raise UsageError(f"{path}: writing videos needs PyAV: pip install 'leadline[video]'") from error
    with (
        atomic_write(path) as part,
        _sound(av, sound) as audio,
        av.open(str(part), "w", format="mp4") as container,
    ):
        video = _Video(av, container, colors=colors, fps=fps, audio=audio)
        yield Output(path, video.write)
        video.finish()


class _Video:
    """An MP4 that is being written, each frame at its own time; its size is that of the first frame."""

    def __init__(self, av: Any, container: Any, *, colors: ColorRange, fps: float, audio: Any) -> None:
        self._av, self._container, self._colors = av, container, colors
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        if codec == "libx264":
            self._stream.options = {"preset": "veryfast", "crf": "20"}
        self._framing: Framing | None = None
        self._sound = None if audio is None else _Sound(container, *audio)

    def write(self, frame: StreamedDepth) -> None:
        near_m, far_m = self._colors.of(frame)
        picture = _even(frame.depth.side_by_side(near_m=near_m, far_m=far_m))
        if self._framing is None:
            self._framing = Framing(height=picture.shape[0], width=picture.shape[1])
            self._stream.height, self._stream.width = picture.shape[:2]
        encoded = self._av.VideoFrame.from_ndarray(self._framing.image(picture), format="rgb24")
        encoded.time_base, encoded.pts = _TIME_BASE, round(frame.time_s / _TIME_BASE)
        if self._sound is not None:
            self._sound.write_until(frame.time_s)
        self._container.mux(self._stream.encode(encoded))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.write_until(None)


class _Sound:
    """A file's sound, up to where the pictures have come: as it is where MP4 can hold it, else as AAC.

    Its times are counted from the first picture, as those of the new video are.
    """

    def __init__(self, container: Any, source: Any, track: Any) -> None:
        self._container = container
        picture = source.streams.video[0]
        begins_s = float((picture.start_time or 0) * picture.time_base)
        is_copied = track.codec_context.name in _SOUND_OF_MP4
        self._packets = (_copied if is_copied else _encoded)(container, source, track, begins_s=begins_s)
        self._next = next(self._packets, None)

    def write_until(self, time_s: float | None) -> None:
        while self._next is not None and (time_s is None or _seconds(self._next) <= time_s):
            self._container.mux(self._next)
            self._next = next(self._packets, None)


def _copied(container: Any, source: Any, track: Any, *, begins_s: float) -> Iterator[Any]:
    """The packets as they are, without those of before the first picture."""
    stream = container.add_stream_from_template(track)
    for packet in source.demux(track):
        if packet.dts is not None:
            earlier = round(begins_s / packet.time_base)
            packet.pts, packet.dts = packet.pts - earlier, packet.dts - earlier
            packet.stream = stream
            if not begins_s or _seconds(packet) >= 0:  # what is before 0 of itself primes the decoder
                yield packet


def _encoded(container: Any, source: Any, track: Any, *, begins_s: float) -> Iterator[Any]:
    """The same as AAC."""
    stream = container.add_stream("aac", rate=min(track.rate, _HIGHEST_RATE), layout=track.layout.name)
    for packet in source.demux(track):
        for samples in packet.decode():
            samples.pts -= round(begins_s / samples.time_base)
            if samples.pts >= 0:
                yield from stream.encode(samples)
    yield from stream.encode(None)


def _seconds(packet: Any) -> float:
    return float(packet.dts * packet.time_base)


@contextmanager
def _sound(av: Any, path: Path | None) -> Iterator[tuple[Any, Any] | None]:
    """A file, open, and its first sound track that can be decoded; None without one."""
    if path is None:
        yield None
        return
    with av.open(str(path)) as source:
        tracks = [stream for stream in source.streams.audio if stream.codec_context is not None]
        yield (source, tracks[0]) if tracks else None


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With a white row or column more where the sides are odd: H.264 wants them even."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)


_TIME_BASE = Fraction(1, 90_000)
_SOUND_OF_MP4 = ("aac", "mp3", "ac3", "eac3", "opus", "alac", "flac")
_HIGHEST_RATE = 48_000
