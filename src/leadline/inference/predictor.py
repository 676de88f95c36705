"""One call for every runtime: a photograph in, metres out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.depth.depth_map import DepthMap
from leadline.depth.images import read_focal_px, read_image
from leadline.errors import InputError, ModelFileError, UsageError
from leadline.model_card import ModelCard, read_card

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(B, 3, H, W) float32 RGB in [0, 1] -> (B, 1, h, w) float32 metres."""


class Predictor:
    """A loaded model; safe to use from several threads.

    Attributes:
        card: what the model file says about itself.
        network: the bare network, from framed pictures to metres at its own resolution.
    """

    def __init__(self, network: Network, card: ModelCard) -> None:
        self.card = card
        self.network = network

    def predict(
        self, image: Path | str | Image.Image | NDArray[np.uint8], *, focal_px: float | None = None
    ) -> DepthMap:
        """Metric depth of one photograph, at its own resolution.

        Args:
            image: a file, a Pillow picture, or an array (H, W, 3) uint8 RGB.
            focal_px: focal length of the photograph in its pixels, for a model that was taught with a known camera;
                others have no use for it. None: what the EXIF of a file says, and else that of the training camera.

        Returns:
            Metres within the model's range (times the ratio of focal lengths), float32, with the photograph beside
            them.

        Raises:
            InputError: no photograph that can be read.
            UsageError: a focal length that is not positive.
        """
        if focal_px is not None and not focal_px > 0:
            raise UsageError(f"focal_px must be positive, got {focal_px}")
        pixels = _pixels(image)
        depth_m = self._framed_depth(pixels)
        height, width = pixels.shape[:2]
        factor = self.card.metres_per_said(focal_px or self.known_focal_px(image), height=height, width=width)
        restored = self.card.framing.restore(depth_m, height=height, width=width)
        return DepthMap(restored * np.float32(factor), pixels)

    def known_focal_px(self, image: object) -> float | None:
        """The focal length that a file's EXIF says; None when there is none, or the model has no use for it."""
        if self.card.canonical_focal is None or not isinstance(image, (str, Path)):
            return None
        return read_focal_px(Path(image))

    def _framed_depth(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        framed = self.card.framing.image(pixels)
        tensor = np.ascontiguousarray(framed.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        depth_m = np.asarray(self.network(tensor)[0, 0], np.float32)
        if not np.isfinite(depth_m).all():
            raise ModelFileError("the model gave NaN or infinite depth; its weights are damaged")
        return depth_m


def load(model: Path | str, *, device: str = "auto") -> Predictor:
    """A model ready to predict.

    Args:
        model: `.safetensors` (runs in torch) or `.onnx` (runs in ONNX Runtime).
        device: auto, cpu or cuda.

    Raises:
        ModelFileError: missing, damaged, made by a newer version, or not a leadline model.
        UsageError: a device that is not there, or torch is missing.
    """
    path = Path(model)
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file")
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, got {device!r}")
    if path.suffix == ".onnx":
        return _load_onnx(path, device)
    if path.suffix == ".safetensors":
        return _load_torch(path, device)
    raise ModelFileError(f"{path}: a model file ends in .safetensors or .onnx")


def _load_onnx(path: Path, device: str) -> Predictor:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise UsageError("device cuda: this ONNX Runtime has no CUDA provider (pip install onnxruntime-gpu)")
    wanted = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), quiet, providers=[provider for provider in wanted if provider in available]
        )
    except Exception as error:  # ONNX Runtime has exceptions of its own for each way of being broken
        first_line = str(error).splitlines()[0]
        raise ModelFileError(f"{path}: truncated, or not an ONNX file that can run here ({first_line})") from error
    card, _ = read_card(session.get_modelmeta().custom_metadata_map, name=str(path))
    name = session.get_inputs()[0].name

    def network(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: tensor})[0])

    return Predictor(network, card)


def _load_torch(path: Path, device: str) -> Predictor:
    try:
        import torch

        from leadline.networks.model_file import load_model
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path}: a .safetensors model runs in torch, which is missing: pip install 'leadline[train]', or export "
            f"it to .onnx where torch is (leadline export {path})"
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: this machine has no CUDA device that torch can use")
    place = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    net, card = load_model(path)
    net = net.to(place).to(memory_format=torch.channels_last)

    def network(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            image = torch.from_numpy(tensor).to(place, memory_format=torch.channels_last)
            metres: NDArray[np.float32] = net.metres(image).cpu().numpy()
            return metres

    return Predictor(network, card)


def _pixels(image: Path | str | Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
    if isinstance(image, (str, Path)):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return np.array(image.convert("RGB"))
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InputError(f"an image is an array (H, W, 3) of uint8 in RGB, got {image.shape} {image.dtype}")
    return image
