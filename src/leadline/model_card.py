"""What a model file says about itself. The same JSON travels in safetensors and ONNX files."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from leadline import __version__
from leadline.depth.correction import Correction, Form
from leadline.depth.framing import Framing
from leadline.errors import ModelFileError

FORMAT_VERSION = 1
METADATA_KEY = "leadline"
USUAL_FOCAL = 0.82
"""Focal length of Kinect, Xtion and their like, as a share of the picture's width: 63 degrees."""


@dataclass(frozen=True)
class ModelCard:
    """Configuration and provenance of a model.

    Args:
        encoder: name in the catalog of encoders.
        codec: linear, reciprocal or log.
        min_depth_m: nearest depth that the model says.
        max_depth_m: farthest depth that the model says.
        height: of the network's input in pixels.
        width: of the network's input in pixels.
        fit: how pictures of another shape become the input ("letterbox" or "stretch").
        licence: of the weights, in words.
        training_median_m: median depth of the training frames: the constant prediction to beat.
        recipe: the whole recipe, as plain values; files and folders by their names alone.
        data: fingerprint, number of frames and split of the data it was trained on.
        scores: what the training measured on its validation frames.
        made_by: version of leadline that wrote the file.
        canonical_focal: focal length, as a share of the input's width, of the camera that the network's metres are
            for; None when it was taught without regard to cameras.
        says_sigma: whether the network says in a second channel how far its metres are to be trusted: the scale of a
            Laplace distribution of the error in log depth.
        scale_error: the same of the error that all pixels of a picture share, which that leaves out.
        correction: what `leadline calibrate` found that the network's metres are to be corrected by; None: nothing.
        is_corrected: whether the file's graph does that itself, as exported ones do.
    """

    encoder: str
    codec: str
    min_depth_m: float
    max_depth_m: float
    height: int
    width: int
    fit: str
    licence: str = "Apache-2.0"
    training_median_m: float | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    made_by: str = __version__
    canonical_focal: float | None = None
    correction: Correction | None = None
    says_sigma: bool = False
    is_corrected: bool = False
    scale_error: float = 0.0

    @property
    def framing(self) -> Framing:
        """How pictures become the network's input."""
        return Framing(height=self.height, width=self.width, fit="stretch" if self.fit == "stretch" else "letterbox")

    def metres_per_said(self, focal_px: float | None, *, height: int, width: int) -> float:
        """What the network's metres are to be multiplied by for a picture of a known focal length.

        A camera of twice the focal length sees everything as if from half of the distance: so it is twice as far.

        Args:
            focal_px: of the picture as it is, in pixels; None is that of the canonical camera.
            height: of the picture, in pixels.
            width: of the picture, in pixels.
        """
        if focal_px is None or self.canonical_focal is None:
            return 1.0
        return focal_px / self.focal_px(height=height, width=width)

    def focal_px(self, *, height: int, width: int) -> float:
        """Focal length that a picture of unknown camera is taken to have: that of the training camera.

        Of a model that was taught without regard to cameras: that of the sensors which record most RGB-D frames.

        Args:
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Example:
            >>> card = ModelCard("yolov8n", "log", 0.1, 10.0, height=240, width=320, fit="letterbox")
            >>> card.focal_px(height=480, width=640)
            524.8
        """
        place = self.framing.placement(height=height, width=width)
        return (self.canonical_focal or USUAL_FOCAL) * self.width * width / place.width

    def describe(self) -> str:
        """What a person wants to know of it, in lines: range, input, licence, data, scores."""
        scores = ", ".join(
            f"{name} {self.scores[name]:.3f}" for name in ("rel", "rms", "delta1") if name in self.scores
        )
        frames = f"{self.data['frames']} frames" if "frames" in self.data else "frames that are not said"
        corrected = [] if self.correction is None else [f"calibrated: {self.correction}"]
        median = "" if self.training_median_m is None else f" of {self.training_median_m:.2f} m median depth"
        return "\n".join(
            [
                f"{self.encoder}, depth {self.min_depth_m} to {self.max_depth_m} m ({self.codec}), "
                f"input {self.height}x{self.width} ({self.fit}); made by leadline {self.made_by}",
                f"licence: {self.licence}",
                f"trained on {frames}{median}; its own validation: {scores or 'none'}",
                *corrected,
            ]
        )

    def to_json(self, **more: object) -> str:
        """The card as JSON, with `more` keys beside it."""
        return json.dumps({"format": FORMAT_VERSION, **more, **asdict(self)}, sort_keys=True)


def read_card(metadata: Mapping[str, str] | None, *, name: str) -> tuple[ModelCard, dict[str, Any]]:
    """The card in a file's metadata, and the keys beside it.

    Args:
        metadata: text by key, as safetensors, ONNX and other files have it.
        name: of the file, for messages.

    Raises:
        ModelFileError: no card, a damaged one, or one of a newer version of leadline.
    """
    text = (metadata or {}).get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            f"{name}: holds no leadline metadata, so its input size and units are unknown; give a model that "
            f"`leadline train` or `leadline export` wrote, or say what it is in a .json file of the same name "
            f"beside it (docs/deployment.md has an example)"
        )
    try:
        content = json.loads(text)
        version = int(content.pop("format"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{name}: its leadline metadata are damaged ({error})") from error
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{name}: written by leadline {content.get('made_by', 'of a newer version')} in format {version}; "
            f"this is leadline {__version__}, which reads up to format {FORMAT_VERSION}. Update leadline."
        )
    own = {entry.name for entry in fields(ModelCard)}
    try:
        known = {key: value for key, value in content.items() if key in own}
        if known.get("correction") is not None:
            known["correction"] = Correction(**known["correction"])
        card = ModelCard(**known)
        _check(card)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{name}: its leadline metadata are damaged ({error})") from error
    return card, {key: value for key, value in content.items() if key not in own}


def _check(card: ModelCard) -> None:
    if not 0 < float(card.min_depth_m) < float(card.max_depth_m):
        raise ValueError(f"depth from {card.min_depth_m} to {card.max_depth_m} m")
    if not (32 <= int(card.height) <= 8192 and 32 <= int(card.width) <= 8192):
        raise ValueError(f"input of {card.height}x{card.width}")
    if card.canonical_focal is not None and not 0 < float(card.canonical_focal) < math.inf:
        raise ValueError(f"canonical focal length {card.canonical_focal}")
    if card.correction is not None and card.correction.form not in get_args(Form):
        raise ValueError(f"correction of form {card.correction.form!r}")
    if not 0 <= float(card.scale_error) < math.inf:
        raise ValueError(f"an error of the scale of {card.scale_error}")
    if card.fit not in ("letterbox", "stretch"):
        raise ValueError(f"fit {card.fit!r}")


def append_card(path: Path, card_json: str) -> None:
    """Put a card behind a file that may be followed by anything (`.pte`, `.tflite`), as a zip: `unzip` shows it."""
    with zipfile.ZipFile(path, "a") as whole:
        whole.writestr(f"{METADATA_KEY}.json", card_json)


def read_appended_card(path: Path) -> str:
    """The text that `append_card` put there.

    Raises:
        zipfile.BadZipFile, KeyError, OSError: there is none.
    """
    with zipfile.ZipFile(path) as behind:
        return behind.read(f"{METADATA_KEY}.json").decode("utf-8", "replace")
