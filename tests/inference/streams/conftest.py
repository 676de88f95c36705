"""Small videos and a stand-in for the network, which no test of streams needs."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from leadline.inference.predictor import Predictor
from leadline.model_card import ModelCard


def _picture(number: int, *, height: int, width: int) -> np.ndarray:
    """Red at the top left, blue below, noise on the right; the green of the left says which frame it is."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 2] = 200
    picture[: height // 2, : width // 2] = (200, 0, 0)
    picture[..., 1] = 8 * number
    noise = np.random.default_rng(number).integers(0, 255, (height, width, 3))
    picture[:, width // 2 :] = noise[:, width // 2 :]
    return picture


def _write_video(
    path: Path,
    *,
    count: int = 20,
    height: int = 48,
    width: int = 64,
    times_s: list[float] | None = None,
    sound_s: float = 0.0,
    sound: str = "aac",
    begins_s: float = 0.0,
) -> Path:
    """The pictures begin at `begins_s`; the sound at 0, silent until then."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(10))
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        video.options = {"g": "5"}
        track = container.add_stream(sound, rate=8000, layout="mono") if sound_s else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(_picture(number, height=height, width=width), format="rgb24")
            time_s = begins_s + (times_s[number] if times_s else number / 10)
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            container.mux(video.encode(frame))
        if track is not None:
            wave = np.sin(np.arange(round(8000 * sound_s)) / 4).astype(np.float32)[None]
            wave[:, : round(8000 * begins_s)] = 0
            samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            samples.sample_rate = 8000
            container.mux(track.encode(samples))
            container.mux(track.encode(None))
        container.mux(video.encode(None))
    return path


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """Writes a video whose frames can be told apart, ten a second."""
    return _write_video


@pytest.fixture
def predictor() -> Predictor:
    """Depth is 1 m plus the green of the picture's left, in metres of 100 levels."""

    def network(tensor: np.ndarray) -> np.ndarray:
        return np.full((1, 1, 32, 48), 1 + 2.55 * tensor[0, 1, 32, 24], np.float32)

    return Predictor(network, ModelCard("yolov8n", "linear", 0.1, 10.0, height=64, width=96, fit="letterbox"))
