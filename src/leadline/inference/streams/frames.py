"""Where the frames of a stream come from. Needs PyAV, but for folders."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.depth.images import IMAGE_SUFFIXES, read_image
from leadline.errors import InputError, UsageError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".ts", ".mpg", ".mpeg", ".mjpeg", ".3gp")
USUAL_FPS = 30.0


@dataclass(frozen=True)
class Frame:
    """One picture of a stream.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        number: counted from 0, those included that are dropped later.
        time_s: since the first frame, by the source's own clock.
        arrived_s: when it was decoded, by `time.monotonic`.
        path: its file, of frames of a folder.
    """

    image: NDArray[np.uint8]
    number: int
    time_s: float
    arrived_s: float
    path: Path | None = None


@dataclass
class Source:
    """A stream that is open.

    Attributes:
        name: what it was opened by, but for passwords: for messages.
        frames: from the first to the last; each is taken once.
        is_live: whether it goes on while nobody looks: a camera or a network stream.
        fps: frames a second as the source says, or USUAL_FPS.
        faults: what was wrong so far, in sentences; complete when the frames have ended.
    """

    name: str
    frames: Iterator[Frame]
    is_live: bool
    fps: float
    faults: list[str]


def is_stream(text: str) -> bool:
    """Whether an input of `predict` is a video, a camera or the address of a stream, by its name.

    Example:
        >>> [is_stream(text) for text in ("walk.MP4", "camera:0", "rtsp://10.0.0.7/live", "room.jpg", "folder")]
        [True, True, True, False, False]
    """
    return bool(
        Path(text).suffix.lower() in VIDEO_SUFFIXES or re.match(_ADDRESS, text) or _camera_device(text) is not None
    )


@contextmanager
def open_stream(text: str, *, fps: float | None = None, stall_s: float = 10.0) -> Iterator[Source]:
    """The frames of a stream.

    Args:
        text: a video file; `camera:0` or `/dev/video0`; an address such as `rtsp://host/path`; a folder of pictures,
            which are taken in the order of their names.
        fps: frames a second of a folder; USUAL_FPS when None. A video has its own times.
        stall_s: how long an address or a camera may say nothing.

    Raises:
        InputError: nothing that can be opened; while frames are taken: it went silent.
        UsageError: PyAV is not installed.
    """
    path = Path(text)
    if path.is_dir():
        yield _folder(path, fps=fps or USUAL_FPS)
        return
    device, name = _camera_device(text), without_password(text)
    is_live = device is not None or re.match(_ADDRESS, text) is not None
    with _container(text, device, stall_s=stall_s if is_live else None) as (av, container):
        if not container.streams.video:
            raise InputError(
                f"{name}: has no pictures, only {', '.join(s.type for s in container.streams) or 'nothing'}"
            )
        stream = container.streams.video[0]
        stream.thread_type = "SLICE" if is_live else "AUTO"  # threads that take a frame each hand it over late
        faults: list[str] = []
        rate = float(stream.average_rate or stream.guessed_rate or USUAL_FPS)
        decoded = _decoded(av, container, stream, name=name, faults=faults, is_live=is_live)
        yield Source(name, _timed(decoded, fps=rate), is_live=is_live, fps=rate, faults=faults)


def without_password(text: str) -> str:
    """An address as it may be shown, and may name files.

    Example:
        >>> without_password("rtsp://admin:secret@10.0.0.7/live")
        'rtsp://10.0.0.7/live'
    """
    return re.sub(r"(?<=://)[^/@]*@", "", text)


def _folder(folder: Path, *, fps: float) -> Source:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InputError(f"{folder}: no pictures there ({', '.join(IMAGE_SUFFIXES)})")
    faults: list[str] = []

    def frames() -> Iterator[Frame]:
        for number, path in enumerate(paths):
            image = _picture(path, faults)
            if image is not None:
                yield Frame(image, number, number / fps, time.monotonic(), path)

    return Source(str(folder), frames(), is_live=False, fps=fps, faults=faults)


def _picture(path: Path, faults: list[str]) -> NDArray[np.uint8] | None:
    try:
        return read_image(path)
    except InputError as error:
        faults.append(str(error))
        return None


@contextmanager
def _container(text: str, device: str | None, *, stall_s: float | None) -> Iterator[tuple[Any, Any]]:
    """PyAV, and what it has opened."""
    name = without_password(text)
    try:
        import av
    except ImportError as error:
        raise UsageError(f"{name}: streams need PyAV: pip install 'leadline[video]'") from error
    began_s = time.monotonic()
    try:
        container = av.open(
            device or text, format="v4l2" if device else None, timeout=stall_s, options=_network_options(text)
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        in_time = stall_s is None or time.monotonic() - began_s < stall_s
        reason = (_camera_fault(device) or _reason(error)) if in_time else f"no answer for {stall_s:g} s"
        raise InputError(f"{name}: cannot be opened as a video or a stream ({reason})") from error
    with container:
        yield av, container


def _network_options(text: str) -> dict[str, str]:
    """Of FFmpeg, for an address; none for a file or a camera."""
    if re.match(_ADDRESS, text) is None:
        return {}
    soon = {"fpsprobesize": "2"}  # of 20 frames it would learn the rate, and hand them over when they are old
    # Over UDP packets are lost; but there are cameras that know nothing else.
    return {**soon, "rtsp_flags": "prefer_tcp"} if text.startswith("rtsp") else soon


def _camera_fault(device: str | None) -> str | None:
    """Why a camera cannot be opened, where more can be said than the system says."""
    if device is None:
        return None
    if not Path(device).exists():
        here = sorted(map(str, Path("/dev").glob("video*")))
        return f"there is no {device}; cameras here: {', '.join(here) or 'none'}"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"no permission to use {device}; cameras mostly belong to the group `video`"
    return None


def _decoded(
    av: Any, container: Any, stream: Any, *, name: str, faults: list[str], is_live: bool
) -> Iterator[tuple[NDArray[np.uint8], float | None]]:
    """Upright pictures and their times; packets that cannot be decoded are passed over, and counted with what is."""
    decoded = damaged = concealed = 0
    last_s = 0.0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.EOFError):
            break
        except (av.FFmpegError, OSError) as error:
            if is_live:
                raise InputError(f"{name}: fell silent or broke off ({_reason(error)})") from error
            faults.append(f"{name}: cannot be read to its end ({_reason(error)})")
            break
        try:
            pictures = packet.decode()
        except av.FFmpegError:
            damaged += 1
            continue
        for picture in pictures:
            decoded += 1
            concealed += picture.is_corrupt
            last_s = picture.time if picture.time is not None else last_s
            yield _upright(picture), picture.time
    if concealed:
        faults.append(f"{name}: {concealed} frames of it are damaged; they were taken as far as they can be seen")
    if damaged:
        faults.append(f"{name}: {damaged} packets of it are damaged and were passed over")
    if decoded == 0:
        raise InputError(f"{name}: no frame of it can be decoded; is the file whole?")
    missing = _missing_at_the_end(container, stream, decoded=decoded + damaged, last_s=last_s)
    if missing and not is_live:
        faults.append(f"{name}: ends early, {missing} before the end that it announces; is the file whole?")


def _upright(picture: Any) -> NDArray[np.uint8]:
    """As players show it: phones write the rotation beside the pictures."""
    image: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _missing_at_the_end(container: Any, stream: Any, *, decoded: int, last_s: float) -> str:
    """What the header promised and did not come, in words; empty when all came."""
    missing_s = _announced_end_s(container, stream) - last_s
    if stream.frames:
        # Some encoders count a frame or two that players do not show; AVI counts those that its recorder dropped.
        is_early = stream.frames > decoded + 2 and missing_s > 2 / float(stream.average_rate or USUAL_FPS)
        return f"{stream.frames - decoded} frames" if is_early else ""
    return f"{missing_s:.1f} s" if missing_s > _TOLERATED_S else ""


def _announced_end_s(container: Any, stream: Any) -> float:
    """When the pictures end by the header: the sound may last longer."""
    if stream.duration is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    tagged = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))  # of Matroska
    if tagged is not None:
        return 3600 * int(tagged[1]) + 60 * int(tagged[2]) + float(tagged[3])
    return float((container.duration or 0) + (container.start_time or 0)) / 1e6


def _timed(decoded: Iterator[tuple[NDArray[np.uint8], float | None]], *, fps: float) -> Iterator[Frame]:
    """Frames with times that never run backwards, whatever the source says."""
    first_s: float | None = None
    last_s = -1 / fps
    for number, (image, said_s) in enumerate(decoded):
        if said_s is not None and first_s is None:
            first_s = said_s - number / fps
        time_s = last_s + 1 / fps if said_s is None or first_s is None else said_s - first_s
        last_s = max(time_s, last_s + _SHORTEST_S)
        yield Frame(image, number, last_s, time.monotonic())


def _camera_device(text: str) -> str | None:
    found = re.fullmatch(r"camera:(\d+)|(/dev/video\d+)", text)
    return None if found is None else found[2] or f"/dev/video{found[1]}"


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _PLAINER.get(said, said)


_ADDRESS = r"(rtsps?|rtmps?|https?|udp|tcp|srt)://"
_PLAINER = {
    "Immediate exit requested": "nothing came in time",
    "Inappropriate ioctl for device": "it is no camera",
    "Protocol not supported": "it sends neither over TCP nor over UDP",
}
_TOLERATED_S = 0.5
_SHORTEST_S = 0.001
