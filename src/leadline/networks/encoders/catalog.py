"""The encoders by name. A new one is one file beside this, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from leadline.errors import UsageError, did_you_mean
from leadline.networks.encoders.contract import Encoder
from leadline.networks.encoders.densenet import DenseNet169
from leadline.networks.encoders.timm_encoder import TimmEncoder
from leadline.networks.encoders.yolov8 import YoloV8

AGPL = "encoder from YOLOv8 weights (AGPL-3.0): the weights of this model are under AGPL-3.0 too"
IMAGENET = "encoder from ImageNet weights (through timm: see that network's own licence)"


@dataclass(frozen=True)
class EncoderEntry:
    """How to build an encoder, and where its own pre-trained weights come from.

    `weights` is the name of a file that leadline downloads, or "timm" when the library fetches them by itself.
    """

    build: Callable[..., Encoder]
    weights: str
    licence: str


ENCODERS: dict[str, EncoderEntry] = {
    "yolov8n": EncoderEntry(partial(YoloV8, "n"), weights="yolov8n-seg", licence=AGPL),
    "yolov8s": EncoderEntry(partial(YoloV8, "s"), weights="yolov8s-seg", licence=AGPL),
    "yolov8m": EncoderEntry(partial(YoloV8, "m"), weights="yolov8m-seg", licence=AGPL),
    "yolov8l": EncoderEntry(partial(YoloV8, "l"), weights="yolov8l-seg", licence=AGPL),
    "yolov8x": EncoderEntry(partial(YoloV8, "x"), weights="yolov8x-seg", licence=AGPL),
    "densenet169": EncoderEntry(DenseNet169, weights="timm", licence=IMAGENET),
}


def find_encoder(name: str) -> EncoderEntry:
    """The entry of an encoder: a name of ENCODERS, or `timm:NAME`.

    Raises:
        UsageError: unknown; says the nearest name.
    """
    if name.startswith("timm:"):
        return EncoderEntry(partial(TimmEncoder, name.removeprefix("timm:")), weights="timm", licence=IMAGENET)
    if name not in ENCODERS:
        raise UsageError(f"no encoder is called {name!r}; {did_you_mean(name, [*ENCODERS, 'timm:NAME'])}")
    return ENCODERS[name]
