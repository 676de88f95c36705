"""Single frames of a video file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.errors import InputError, UsageError


def video_times(path: Path) -> list[int]:
    """When each frame of a video is shown, in its own steps of time; nothing is decoded.

    Raises:
        InputError: no video.
        UsageError: PyAV is not installed.
    """
    with _opened(path) as (container, stream):
        return sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)


def read_video_frame(path: Path, number: int, *, times: Sequence[int]) -> NDArray[np.uint8]:
    """A frame by its number, as it is stored: without the rotation that players apply.

    Args:
        path: the video; it is opened anew, so that threads share nothing.
        number: counted from 0.
        times: what `video_times` found.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        InputError: there is no such frame, or it cannot be decoded.
        UsageError: PyAV is not installed.
    """
    if number >= len(times):
        raise InputError(f"{path}: has {len(times)} frames, there is no frame {number}; record it again")
    with _opened(path) as (container, stream):
        begin = number
        while True:
            # To the key frame before it. Frames that lean on what came before that key frame are lost by a seek, and it
            # may be one of them: then begin earlier.
            container.seek(times[begin], stream=stream)
            for frame in container.decode(stream):
                if frame.pts == times[number]:
                    image: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
                    return image
                if frame.pts is not None and frame.pts > times[number]:
                    break
            if begin == 0:
                raise InputError(f"{path}: frame {number} cannot be decoded; is the file whole?")
            begin = max(0, begin - _STEP_BACK)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The video's container and its first stream of pictures."""
    try:
        import av
    except ImportError as error:
        raise UsageError(f"{path}: reading videos needs PyAV: pip install 'leadline[video]'") from error
    try:
        with av.open(str(path)) as container:
            yield container, container.streams.video[0]
    except (av.FFmpegError, IndexError) as error:
        raise InputError(f"{path}: not a video that can be read ({error}); copy it from the device again") from error


_STEP_BACK = 30
