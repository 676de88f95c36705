"""What a bare model file does not say: how pictures go in and what comes out, declared in a small YAML beside it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.errors import RecipeError, UsageError, did_you_mean
from leadline.labelling.teacher import Kind
from leadline.recipes import parse_fields


@dataclass(frozen=True)
class TeacherSpec:
    """Pre- and post-processing of a teacher's file: the fields of its YAML.

    Args:
        name: for people.
        licence: of the model.
        height: of its input, in pixels.
        width: of its input, in pixels.
        fit: "stretch" squeezes the whole picture into the input; "crop" takes the largest part of its shape from the
            picture's middle, and the rest of the picture gets no label.
        channels: their order.
        layout: of the input tensor.
        input: its type. "uint8" takes the levels as they are, "int8" the levels less 128, "float32" is
            (level / 255 - mean) / std.
        mean: of each channel, for float32.
        std: of each channel, for float32.
        output: "metres"; "inverse_depth", 1 / metres; or "disparity", inverse depth of unknown scale and shift.
        output_scale: one step of the output in the unit of `output`: what quantised files need.
        output_zero: the level that means 0.
        focal_per_width: focal length over picture width of the camera that it was taught with, when there was one.
    """

    name: str
    licence: str
    height: int
    width: int
    output: Literal["metres", "inverse_depth", "disparity"]
    fit: Literal["stretch", "crop"] = "stretch"
    channels: Literal["RGB", "BGR"] = "RGB"
    layout: Literal["NHWC", "NCHW"] = "NCHW"
    input: Literal["uint8", "int8", "float32"] = "float32"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    output_scale: float = 1.0
    output_zero: float = 0.0
    focal_per_width: float | None = None

    def __post_init__(self) -> None:
        for size in ("height", "width"):
            if not 1 <= getattr(self, size) <= 8192:
                raise RecipeError(f"{size} must be 1 to 8192 pixels, got {getattr(self, size)}")
        if min(self.std) <= 0:
            raise RecipeError(f"std must be positive, got {list(self.std)}")
        for field in ("output_scale", "focal_per_width"):
            value = getattr(self, field)
            if value is not None and not 0 < value < float("inf"):
                raise RecipeError(f"{field} must be positive, got {value}")

    @property
    def kind(self) -> Kind:
        """Whether the output has a scale."""
        return "relative" if self.output == "disparity" else "metric"

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Of one picture."""
        if self.layout == "NHWC":
            return (1, self.height, self.width, 3)
        return (1, 3, self.height, self.width)

    def prepared(self, image: NDArray[np.uint8]) -> NDArray:
        """The input tensor of one picture.

        Args:
            image: (H, W, 3) uint8, RGB.

        Returns:
            `input_shape`, of the type `input`.
        """
        picture = Image.fromarray(image)
        box = self._seen(*image.shape[:2]) if self.fit == "crop" else None
        levels = np.asarray(picture.resize((self.width, self.height), Image.Resampling.BILINEAR, box=box))
        if self.channels == "BGR":
            levels = levels[:, :, ::-1]
        pixels: NDArray = levels
        if self.input == "int8":
            pixels = (levels.astype(np.int16) - 128).astype(np.int8)
        elif self.input == "float32":
            pixels = (levels / np.float32(255) - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        if self.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels[None])

    def understood(self, output: NDArray, *, height: int, width: int) -> NDArray[np.float32]:
        """What the model said about a picture.

        Args:
            output: (h, w) but for axes of length 1, as the model gave it.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            (h, w) float32 of the picture's whole field of view: metres, or inverse depth of unknown scale and shift.
            NaN where it says nothing, and where depth is not positive.
        """
        values = (output.squeeze().astype(np.float32) - np.float32(self.output_zero)) * np.float32(self.output_scale)
        if self.output != "disparity":
            values = np.where(values > 0, values, np.float32(np.nan))
        if self.output == "inverse_depth":
            values = 1 / values
        return values if self.fit == "stretch" else self._placed(values, height=height, width=width)

    def _seen(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge of the part of a picture that goes in."""
        scale = min(height / self.height, width / self.width)
        inner_height, inner_width = self.height * scale, self.width * scale
        left, top = (width - inner_width) / 2, (height - inner_height) / 2
        return left, top, left + inner_width, top + inner_height

    def _placed(self, values: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.float32]:
        left, top, right, bottom = (round(edge) for edge in self._seen(height, width))
        placed = np.full((height, width), np.nan, np.float32)
        resized = Image.fromarray(values).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
        placed[top:bottom, left:right] = np.asarray(resized)
        return placed


def spec_names() -> list[str]:
    """Names of the declarations that ship with leadline."""
    return sorted(Path(entry.name).stem for entry in _SHIPPED.iterdir() if entry.name.endswith(".yaml"))


def shipped_spec(name: str) -> TeacherSpec:
    """A declaration that ships with leadline.

    Raises:
        UsageError: an unknown name.
    """
    if name not in spec_names():
        known = ["hf", *spec_names()]
        raise UsageError(f"no teacher is called {name!r}; {did_you_mean(name, known)}")
    return parse_fields(TeacherSpec, (_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"), name=f"{name}.yaml")


def spec_beside(path: Path) -> TeacherSpec:
    """The declaration beside a model file: the same name, ending in `.yaml`.

    Raises:
        UsageError: there is none.
        RecipeError: a field that is unknown, missing or wrong; names the line.
    """
    beside = path.with_suffix(".yaml")
    try:
        text = beside.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: how are pictures prepared for it, and what does it say? Declare it in {beside}, or name a "
            f"declaration that ships with leadline: {', '.join(f'{name}:{path.name}' for name in spec_names())}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{beside}: cannot be read as text ({error})") from error
    return parse_fields(TeacherSpec, text, name=str(beside))


_SHIPPED = files("leadline.labelling") / "specs"
