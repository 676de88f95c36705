"""Every knob: one frozen dataclass per verb of the command line. Imports no torch, so that `--help` is quick.

A field here is a flag (`--optim.learning-rate`), a key of a recipe (`optim: {learning_rate: ...}`) and an argument.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, Suppress, UseAppendAction, arg
from tyro.constructors import PrimitiveConstructorSpec

from leadline.errors import RecipeError, UsageError

CodecName = Literal["linear", "reciprocal", "log"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
SplitBy = Literal["room", "frame", "official", "same"]
Subset = Literal["val", "train", "test", "all"]
ExportFormat = Literal["onnx", "openvino", "torchscript", "executorch", "litert", "ncnn"]
Balance = Literal["frame", "room"]
ExhibitName = Literal[
    "table1", "table2", "table3", "figure1", "figure2", "figure3", "figure4", "figure5", "all"
]  # fmt: skip


@dataclass(frozen=True)
class MoreSource:
    """A further source of frames: it teaches beside data.root, and never validates."""

    root: Path
    """Folder or file of frames, in any of the layouts of docs/data.md."""
    share: float
    """Share of each batch: round(share x batch_size) frames; data.root fills the rest."""
    weight: float = 1.0
    """How much an error at its pixels counts, beside 1 for data.root; times the confidence of the frame."""
    source: str = "auto"
    """Kind of source; auto recognises it by its layout."""
    depth_unit_m: float | None = None
    """Metres per step of the depth files, when it is not what their format implies."""

    def __post_init__(self) -> None:
        _require(0 < self.share < 1, "data.more.share", "between 0 and 1", self.share)
        _require(0 <= self.weight < math.inf, "data.more.weight", "at least 0", self.weight)
        _require(
            self.depth_unit_m is None or self.depth_unit_m > 0, "data.more.depth_unit_m", "positive", self.depth_unit_m
        )


def read_more_source(text: str) -> MoreSource:
    """A further source as the command line says it: ROOT:SHARE or ROOT:SHARE:WEIGHT.

    Example:
        >>> read_more_source("labelled:0.5:0.25")
        MoreSource(root=PosixPath('labelled'), share=0.5, weight=0.25, source='auto', depth_unit_m=None)

    Raises:
        ValueError: another form.
    """
    number = r"[0-9.eE+-]+"
    found = re.fullmatch(f"(.+?):({number})(?::({number}))?", text)
    if not found:
        raise ValueError(f"a further source is ROOT:SHARE or ROOT:SHARE:WEIGHT, such as labelled:0.5:0.5, got {text!r}")
    return MoreSource(Path(found[1]), share=float(found[2]), weight=float(found[3] or 1))


_ON_THE_COMMAND_LINE: PrimitiveConstructorSpec[MoreSource] = PrimitiveConstructorSpec(
    nargs=1,
    metavar="ROOT:SHARE[:WEIGHT]",
    instance_from_str=lambda words: read_more_source(words[0]),
    is_instance=lambda value: isinstance(value, MoreSource),
    str_from_instance=lambda more: [f"{more.root}:{more.share:g}:{more.weight:g}"],
)


@dataclass(frozen=True)
class DataOptions:
    """Which frames, how they are split, framed and augmented."""

    root: Path | None = None
    """Folder or file of frames, in any of the layouts of docs/data.md."""
    source: str = "auto"
    """Kind of source (docs/data.md lists them); auto recognises it by its layout."""
    depth_unit_m: float | None = None
    """Metres per step of the depth files, when it is not what their format implies (16-bit PNG: 0.001)."""
    more: tuple[Annotated[MoreSource, _ON_THE_COMMAND_LINE], ...] = ()
    """Further sources that only teach, each with its share of a batch and its weight in the loss."""
    synthetic_frames: int | None = None
    """With no data.root: train on this many rendered frames of the input's size, made once, in the cache folder."""
    balance: Balance = "frame"
    """frame: each frame comes once in a pass; room: each room comes as often as any other, its frames in turn."""
    epoch_frames: int | None = None
    """Frames of data.root that make an epoch; one pass over those that teach when not given."""
    split_by: SplitBy = "room"
    """Validation takes whole rooms, single frames (the paper), the official test set, or the same frames (overfitting).
    """
    validation_file: Path | None = None
    """Text file that lists the scenes to validate on, one a line; replaces split_by."""
    validation_share: float = 0.1
    """Share of the rooms or frames to validate on."""
    limit: int | None = None
    """Use this many frames only, spread over the rooms."""
    skip_bad_frames: bool = False
    """Leave unreadable frames out, with a warning, instead of stopping."""
    check: bool = True
    """Look at a sample of the frames before training, and stop at errors such as a wrong unit or unregistered depth."""
    store: Path | None = None
    """Folder of the prepared frames of data.root; in the cache folder when not given."""
    height: int = 240
    """Height of the network's input in pixels."""
    width: int = 320
    """Width of the network's input in pixels."""
    fit: Literal["letterbox", "stretch"] = "letterbox"
    """How a picture of another shape becomes the input: padded with grey, or stretched."""
    canonical_focal: float | None = None
    """Teach for one camera: its focal length as a share of the input's width (0.89: 59 degrees). Depth is scaled by the
    ratio of focal lengths where a frame's is known, and scaled back when predicting. Not given: depth is left as it is.
    """
    reading: Literal["map", "memory", "stream"] = "map"
    """How the store is read: mapped (cached by the system), copied into memory, or streamed through a shuffle buffer.
    """
    buffer_frames: int = 4096
    """Frames of the shuffle buffer, for reading: stream."""
    flip: float = 0.5
    """Probability of a horizontal flip."""
    channel_permutation: float = 0.25
    """Probability of a random permutation of the colour channels."""
    color_jitter: float = 0.0
    """Largest change of gamma, brightness, contrast and saturation, as a share; 0 leaves them."""
    blur: float = 0.0
    """Probability that a picture is blurred, over 3 or 5 pixels."""
    noise: float = 0.0
    """Largest standard deviation of noise on the picture, whose values are in [0, 1]."""
    crop: float = 1.0
    """Smallest share of height and width that a random crop keeps; depth shrinks by its enlargement. 1: no crops."""
    erase: float = 0.0
    """Probability that a rectangle of the picture (not of its depth) is hidden."""

    def __post_init__(self) -> None:
        _require(0 < self.validation_share < 1, "data.validation_share", "between 0 and 1", self.validation_share)
        _require(self.limit is None or self.limit > 0, "data.limit", "at least 1", self.limit)
        _require(
            self.synthetic_frames is None or self.synthetic_frames > 0,
            "data.synthetic_frames",
            "at least 1",
            self.synthetic_frames,
        )
        _require(self.height >= 32, "data.height", "at least 32 pixels", self.height)
        _require(self.width >= 32, "data.width", "at least 32 pixels", self.width)
        _require(0 <= self.flip <= 1, "data.flip", "a probability", self.flip)
        _require(
            0 <= self.channel_permutation <= 1, "data.channel_permutation", "a probability", self.channel_permutation
        )
        _require(self.buffer_frames >= 1, "data.buffer_frames", "at least 1", self.buffer_frames)
        _require(0 <= self.color_jitter <= 1, "data.color_jitter", "between 0 and 1", self.color_jitter)
        _require(0 < self.crop <= 1, "data.crop", "above 0, at most 1", self.crop)
        _require(0 <= self.erase <= 1, "data.erase", "a probability", self.erase)
        _require(
            self.canonical_focal is None or 0 < self.canonical_focal < math.inf,
            "data.canonical_focal",
            "positive",
            self.canonical_focal,
        )
        _require(0 <= self.blur <= 1, "data.blur", "a probability", self.blur)
        _require(0 <= self.noise <= 1, "data.noise", "between 0 and 1", self.noise)
        _require(self.depth_unit_m is None or self.depth_unit_m > 0, "data.depth_unit_m", "positive", self.depth_unit_m)
        _require(
            self.epoch_frames is None or self.epoch_frames > 0, "data.epoch_frames", "at least 1", self.epoch_frames
        )
        _require(
            self.balance == "frame" or self.reading != "stream",
            "data.balance",
            "frame with data.reading: stream, which follows the disk",
            self.balance,
        )
        shares = sum(more.share for more in self.more)
        _require(shares < 1, "data.more", "of shares below 1 together, so that data.root has a part", shares)


@dataclass(frozen=True)
class ModelOptions:
    """The network and where its encoder's weights come from."""

    encoder: str = "yolov8n"
    """yolov8n, s, m, l or x; densenet169; or timm:NAME."""
    weights: str = "default"
    """Encoder's weights: default (its own pre-trained ones, downloaded), none (from scratch), a name, or a file."""
    start: Path | None = None
    """Model file (.safetensors) to go on teaching, whole, instead of weights for the encoder alone."""
    codec: CodecName = "linear"
    """What the network's output means: depth / max, max / depth, or the logarithm."""
    min_depth_m: float = 0.1
    """Nearest depth that is ever predicted or learned from."""
    max_depth_m: float = 10.0
    """Farthest depth that is ever predicted or learned from."""
    freeze_encoder: bool = False
    """Train the decoder only."""
    freeze_batch_norm: bool = False
    """Keep the encoder's batch-norm statistics as they were pre-trained."""

    def __post_init__(self) -> None:
        _require(0 < self.min_depth_m < self.max_depth_m, "model.min_depth_m", "above 0, below max", self.min_depth_m)
        _require(self.max_depth_m < math.inf, "model.max_depth_m", "finite", self.max_depth_m)


@dataclass(frozen=True)
class OptimOptions:
    """How the network learns."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """Update rule."""
    learning_rate: float = 1e-4
    """Step size."""
    weight_decay: float = 0.0
    """Decay of the weights, for adamw."""
    batch_size: int = 32
    """Frames a step, over all processes."""
    epochs: int = 200
    """Passes over the training frames."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate after the warm-up; cosine falls to zero at the last step."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from zero."""
    clip_norm: float | None = None
    """Largest norm of the gradient; longer ones are scaled down."""
    encoder_lr_scale: float = 1.0
    """The encoder's learning rate as a multiple of learning_rate; below 1 it keeps more of what it was taught."""
    ema: float = 0.0
    """Share that an exponential moving average of the weights keeps at each step, such as 0.998; it is validated and
    saved as the model. 0: no average."""
    loss: dict[str, float] = field(default_factory=lambda: {"l1": 0.1, "gradient": 1.0, "ssim": 1.0})
    """Weight of each loss term (the paper's by default)."""

    def __post_init__(self) -> None:
        _require(0 < self.learning_rate < math.inf, "optim.learning_rate", "positive", self.learning_rate)
        _require(self.weight_decay >= 0, "optim.weight_decay", "at least 0", self.weight_decay)
        _require(self.batch_size >= 1, "optim.batch_size", "at least 1", self.batch_size)
        _require(self.epochs >= 1, "optim.epochs", "at least 1", self.epochs)
        _require(self.warmup_steps >= 0, "optim.warmup_steps", "at least 0", self.warmup_steps)
        _require(self.clip_norm is None or self.clip_norm > 0, "optim.clip_norm", "positive", self.clip_norm)
        _require(0 <= self.encoder_lr_scale < math.inf, "optim.encoder_lr_scale", "at least 0", self.encoder_lr_scale)
        _require(0 <= self.ema < 1, "optim.ema", "at least 0, below 1", self.ema)
        _require(bool(self.loss), "optim.loss", "at least one term, such as l1: 0.1", self.loss)
        _require(
            all(0 <= weight < math.inf for weight in self.loss.values()),
            "optim.loss",
            "weights of at least 0",
            self.loss,
        )


@dataclass(frozen=True)
class RunOptions:
    """Where and how the training runs."""

    seed: int = 0
    """One seed, one result."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Accelerator."""
    devices: int = 1
    """Devices (processes) on each machine; more than one is started by torchrun."""
    nodes: int = 1
    """Machines, under torchrun."""
    precision: Precision = "auto"
    """Arithmetic of the network; auto is bfloat16 where the hardware has it, else float32. The loss is float32."""
    compile: bool = False
    """Compile the network with torch.compile."""
    validate_every: int = 1
    """Epochs between validations."""
    save_every_s: float = 60.0
    """Seconds between savings of the training state within an epoch; more where the disk is so slow that they would
    take over a twentieth of the time. 0: after every step."""
    pictures: int = 4
    """Validation frames drawn at each validation."""

    def __post_init__(self) -> None:
        _require(self.seed >= 0, "run.seed", "at least 0", self.seed)
        _require(self.devices >= 1, "run.devices", "at least 1", self.devices)
        _require(self.nodes >= 1, "run.nodes", "at least 1", self.nodes)
        _require(self.validate_every >= 1, "run.validate_every", "at least 1", self.validate_every)
        _require(self.save_every_s >= 0, "run.save_every_s", "at least 0", self.save_every_s)
        _require(self.pictures >= 0, "run.pictures", "at least 0", self.pictures)


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training gives: the content of a recipe file."""

    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    optim: OptimOptions = field(default_factory=OptimOptions)
    run: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        counts = [round(more.share * self.optim.batch_size) for more in self.data.more]
        _require(
            all(counts) and sum(counts) < self.optim.batch_size,
            "data.more",
            f"of shares that give each source, and data.root, a frame of a batch of {self.optim.batch_size}",
            [more.share for more in self.data.more],
        )


@dataclass(frozen=True)
class TrainOptions(Recipe):
    """Train a network; RECIPE is a file or the name of a recipe that ships with leadline."""

    out: Path | None = None
    """Folder of the run; runs/DATE-RECIPE when not given."""
    resume: Path | None = None
    """Folder of an earlier run to go on with, to the same weights as if it had not stopped."""
    time_budget: str | None = None
    """Stop in time with a usable model, such as 90s, 30m or 2h."""


@dataclass(frozen=True)
class SweepOptions(Recipe):
    """Train the variants of a study and put them in one table; STUDY is a file or the name of one that is shipped."""

    study: Suppress[str] = ""
    """The study, as the command line names it first; its recipe is the default of all other options."""
    out: Path = Path("sweep")
    """Folder of the trainings and of the table; the same command goes on with what is there."""
    seeds: int | None = None
    """Seeds of each variant, from run.seed up; what the study says when not given."""
    only: tuple[str, ...] = ()
    """Names of the variants to train; all when not given."""
    time_budget: str | None = None
    """Begin no further training after this time, such as 90s, 30m or 2h."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.seeds is None or self.seeds >= 1, "seeds", "at least 1", self.seeds)


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure a model on frames with known depth, beside the best constant prediction."""

    model: Positional[Path]
    """Model file, or the name of a model in the box (nano)."""
    data: Path
    """Frames: as for training."""
    split: Subset = "val"
    """Frames that the training left out (val), its own (train), the official test set (test), or all."""
    source: str = "auto"
    """Kind of source, as for training."""
    depth_unit_m: float | None = None
    """Metres per step of the depth files, when it is not what their format implies."""
    protocol: str = "plain"
    """How to measure: plain, densedepth-paper, densedepth-head, eigen, eigen-flip, fastdepth, fastdepth-fixed,
    median-aligned, lstsq-aligned-depth, lstsq-aligned-log, lstsq-aligned-disparity or kitti-eigen."""
    flip_average: bool = False
    """Average with the prediction for the mirrored picture, whatever the protocol says."""
    compare: Path | None = None
    """Second model, measured on the same frames: differences with intervals and a paired test."""
    csv: Path | None = None
    """File for the figures of each frame."""
    pictures: Path | None = None
    """Folder for pictures of the worst and the best frames: picture, prediction, truth."""
    json: bool = False
    """Print JSON instead of a table."""
    device: str = "auto"
    """auto, cpu or cuda."""
    backend: str = "auto"
    """What runs the model: auto (by its suffix), onnxruntime, openvino or torch."""
    threads: int | None = None
    """Threads for one prediction; the runtime decides when not given."""


@dataclass(frozen=True)
class PredictOptions:
    """Metric depth of photographs, videos, cameras and streams."""

    inputs: Positional[tuple[str, ...]]
    """Photographs, folders or patterns; or videos, camera:0, addresses such as rtsp://host/path."""
    model: Path | None = None
    """Model file, or the name of a model in the box; the one in the box (nano) when not given."""
    out: Path = Path("depth")
    """Folder for the results."""
    save: str | None = None
    """What to write; depth16,color when not given, video for streams. depth16 (16-bit PNG, millimetres), npy (metres),
    color (with a legend), side (beside the photo), ply (coloured points), glb (a coloured mesh),
    npz (metres, and sigma_m of models that say it), sigma16 (sigma as a 16-bit PNG, millimetres), video (an MP4 of the
    frames of a stream beside their depth)."""
    focal_px: float | None = None
    """Focal length of the photographs in pixels, for points, meshes and models taught with a known camera; by their
    EXIF when not given, else that of the training camera."""
    intrinsics: str | None = None
    """FX,FY,CX,CY in pixels: the whole camera, where more than its focal length is known."""
    voxel_m: Annotated[float, arg(aliases=["--voxel"])] = 0.0
    """For points and meshes: keep one point in each cube of this side, in metres; 0 keeps all."""
    fps: float | None = None
    """Frames a second of folders, which are then recordings in the order of their names instead of photographs."""
    live: bool = False
    """Play recordings at their own pace, as a camera: the newest frame is taken, those that came meanwhile dropped.
    Cameras and addresses always are."""
    steady: bool = True
    """Filter the depth of streams over time, so that it does not flicker."""
    range_m: str | None = None
    """NEAR,FAR in metres: the reddest and bluest depth of a stream's colours; by its first frame when not given."""
    stall_s: float = 10.0
    """How long a camera or an address may say nothing."""
    points: Path | None = None
    """Measured distances, which set the scale: a CSV of pixels or of a range sensor's angles, a depth image, or a
    folder of them; those of a stream say in which frame they are (docs/calibration.md)."""
    device: str = "auto"
    """auto, cpu or cuda."""
    backend: str = "auto"
    """What runs the model: auto (by its suffix), onnxruntime, openvino or torch."""
    threads: int | None = None
    """Threads for one prediction; the cores are shared among the workers when not given."""
    workers: int | None = None
    """Photographs in work at once; one for each core when not given."""

    def __post_init__(self) -> None:
        _require(bool(self.inputs), "inputs", "at least one photograph, folder or pattern", "none")
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
        _require(self.focal_px is None or 0 < self.focal_px < math.inf, "focal_px", "positive", self.focal_px)
        _require(self.focal_px is None or self.intrinsics is None, "focal_px", "left out beside intrinsics", "both")
        _require(0 <= self.voxel_m < math.inf, "voxel_m", "at least 0", self.voxel_m)
        _require(self.fps is None or 0 < self.fps <= 1000, "fps", "above 0, at most 1000", self.fps)
        _require(0 < self.stall_s < math.inf, "stall_s", "positive", self.stall_s)


def read_range(text: str) -> tuple[float, float]:
    """Nearest and farthest of a text like 0.3,5, in metres.

    Raises:
        UsageError: not two numbers, or the first is not the smaller.
    """
    try:
        near_m, far_m = (float(word) for word in text.split(","))
    except ValueError:
        near_m = far_m = math.nan
    if not 0 <= near_m < far_m < math.inf:
        raise UsageError(f"--range-m is NEAR,FAR in metres, such as 0.3,5, got {text!r}")
    return near_m, far_m


def read_intrinsics(text: str) -> tuple[float, float, float, float]:
    """Focal lengths and centre of a camera, in pixels, of a text like 525,525,319.5,239.5.

    Raises:
        UsageError: not four numbers, or focal lengths that are not positive.
    """
    try:
        fx_px, fy_px, cx_px, cy_px = (float(word) for word in text.split(","))
    except ValueError:
        fx_px = fy_px = cx_px = cy_px = math.nan
    if not (0 < fx_px < math.inf and 0 < fy_px < math.inf and math.isfinite(cx_px) and math.isfinite(cy_px)):
        raise UsageError(f"--intrinsics are FX,FY,CX,CY in pixels, such as 525,525,319.5,239.5, got {text!r}")
    return fx_px, fy_px, cx_px, cy_px


@dataclass(frozen=True)
class CalibrateOptions:
    """Correct a model's metres by measured distances, once for all photographs; refused where that does not help."""

    model: Positional[Path]
    """Model file, or the name of a model in the box (nano)."""
    images: str
    """Photographs of the place: a folder, a file or a pattern."""
    points: Path | None = None
    """What was measured in them: a CSV of pixels or of a range sensor's angles, or a folder of (sparse) depth images
    (docs/calibration.md)."""
    camera_height_m: float | None = None
    """Height of the camera above the floor, the same in all photographs; counts as one point in each that shows it."""
    out: Path | None = None
    """File to write, of the model's format; MODEL-calibrated in this folder when not given."""
    focal_px: float | None = None
    """Focal length of the photographs in pixels, for angles, heights and models taught with a known camera; by their
    EXIF when not given."""
    device: str = "auto"
    """auto, cpu or cuda."""
    backend: str = "auto"
    """What runs the model: auto (by its suffix), onnxruntime, openvino or torch."""

    def __post_init__(self) -> None:
        for name in ("camera_height_m", "focal_px"):
            value = getattr(self, name)
            _require(value is None or 0 < value < math.inf, name, "positive", value)


@dataclass(frozen=True)
class DoubtOptions:
    """Teach a model to say how far it is to be trusted, at each pixel; its depth stays as it is."""

    model: Positional[Path]
    """Model file (.safetensors) of a training; its own split says which rooms teach and which calibrate."""
    data: Path
    """Frames that it was trained on: as for training."""
    out: Path | None = None
    """File to write; MODEL-sigma beside the model when not given."""
    steps: int = 400
    """Steps of teaching the one convolution."""
    limit: int = 200
    """Most frames that teach, spread over the rooms."""

    def __post_init__(self) -> None:
        _require(self.steps >= 1, "steps", "at least 1", self.steps)
        _require(self.limit >= 1, "limit", "at least 1", self.limit)


@dataclass(frozen=True)
class AverageOptions:
    """Average models that were taught on from the same one: often better than any of them, and as fast."""

    models: Positional[tuple[Path, ...]]
    """Model files (.safetensors); size and provenance are those of the last."""
    out: Path
    """File to write."""

    def __post_init__(self) -> None:
        _require(len(self.models) >= 2, "models", "at least two", len(self.models))
        _require(self.out.suffix == ".safetensors", "out", "a .safetensors file", self.out)


@dataclass(frozen=True)
class InfoOptions:
    """What a model is: its card and licence; of networks also every stage: shapes, parameters, multiply-adds, bytes."""

    model: Positional[str]
    """Model file, a model in the box (nano), or an encoder (yolov8n, densenet169, timm:NAME)."""
    input: str = "240x320"
    """Size of the picture, HEIGHTxWIDTH, for networks."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True)
class ExportOptions:
    """Write a model for another runtime, and prove that it gives the same metres."""

    model: Positional[Path]
    """Model file (.safetensors)."""
    format: ExportFormat = "onnx"
    """What to write; docs/deployment.md says what each is for."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """File to write; beside the model when not given."""
    fp16: bool = False
    """Keep the weights in float16: half the size; the arithmetic stays float32."""
    int8: bool = False
    """Arithmetic in 8 bits, with the most sensitive layers left in float."""
    calibrate: Path | None = None
    """Frames or photographs to calibrate 8 bits on; of the model's own data, those that it was trained on."""
    validate: Path | None = None
    """Frames with measured depth to judge 8 bits on; of the model's own data, those it was not trained on. The
    calibration's frames when not given."""
    int8_bound: float = 0.02
    """Largest growth of rel that 8 bits may cost, as a share of the float model's."""
    dynamic: bool = False
    """Take pictures of any height and width instead of the model's own; batches of any size are taken anyway."""
    images: Path | None = None
    """Folder of photographs to compare with torch on; drawn pictures when not given."""

    def __post_init__(self) -> None:
        _require(self.int8_bound > 0, "int8_bound", "positive", self.int8_bound)


@dataclass(frozen=True)
class BenchmarkOptions:
    """Latency, throughput, memory and size of models that take turns on this machine."""

    models: Positional[tuple[str, ...]]
    """Model files, or names of models in the box; the first is the one that the others are compared with."""
    backend: tuple[str, ...] = ("auto",)
    """What runs them, such as onnxruntime, openvino or torch; each model is measured with each."""
    threads: tuple[int, ...] = ()
    """Threads of one prediction; several numbers are measured in turn. The runtime's own choice when not given."""
    size: tuple[str, ...] = ()
    """Sizes of the network's input, HEIGHTxWIDTH; the model's own when not given."""
    picture: Path | None = None
    """Photograph to predict, its decoding included; when not given, a made one of 480x640 that needs no decoding."""
    rounds: int = 20
    """Turns of each model."""
    turn_s: float = 0.2
    """Seconds of a turn."""
    device: str = "cpu"
    """auto, cpu or cuda."""
    json: bool = False
    """Print JSON instead of a table."""

    def __post_init__(self) -> None:
        _require(bool(self.models), "models", "at least one model", "none")
        _require(bool(self.backend), "backend", "at least one backend", "none")
        _require(all(count >= 1 for count in self.threads), "threads", "at least 1", self.threads)
        _require(self.rounds >= 1, "rounds", "at least 1", self.rounds)
        _require(self.turn_s > 0, "turn_s", "positive", self.turn_s)


@dataclass(frozen=True)
class ReportOptions:
    """One page about a run, or about several side by side: curves, errors, pictures, speed; it needs nothing else."""

    runs: Positional[tuple[Path, ...]]
    """Folders that `leadline train` wrote; the first is the one that the others are compared with."""
    out: Path = Path("report.html")
    """File to write."""
    data: Path | None = None
    """Where the frames are, when they are not where the runs had them."""
    model: Literal["best", "last"] = "best"
    """Which of a run's models is measured."""
    protocol: str = "plain"
    """How to measure; as for evaluate."""
    pictures: int = 6
    """Frames to show, one of a room."""
    worst: int = 4
    """Of the worst frames to show, one of a room."""
    speed: bool = True
    """Measure latency and memory of the models."""
    device: str = "auto"
    """auto, cpu or cuda."""
    backend: str = "auto"
    """What runs the models."""

    def __post_init__(self) -> None:
        _require(bool(self.runs), "runs", "at least one folder", "none")
        _require(self.pictures >= 0, "pictures", "at least 0", self.pictures)
        _require(self.worst >= 0, "worst", "at least 0", self.worst)


@dataclass(frozen=True)
class ReproduceOptions:
    """Make a table or a figure of the paper anew, or all: on NYU Depth v2 where it is given, else on any frames."""

    exhibit: Positional[ExhibitName]
    """table1 (encoders), table2 (architecture), table3 (evaluation), figure1 (frames), figure2 (architecture, drawn),
    figure3 (overfitting), figure4 (loss curves), figure5 (predictions), or all."""
    data: Path | None = None
    """Frames: as for training. Tables 1 and 2 and Figure 2 need none."""
    source: str = "auto"
    """Kind of source, as for training."""
    out: Path = Path("reproduction")
    """Folder for the page, its files and its trainings; the same command goes on with what is there."""
    run: Path | None = None
    """Folder of a training on these frames, for Table 3 and Figures 4 and 5; it is made in out/training otherwise."""
    pace: Literal["paper", "quick"] = "paper"
    """paper: the paper's steps, epochs and rates; quick: a cosine from a higher rate, for a small machine."""
    steps: int | None = None
    """Steps of the overfitting runs of Figure 3; 6000, or 300 at the quick pace, when not given."""
    epochs: int | None = None
    """Epochs of the training; 200, or 8 at the quick pace, when not given."""
    size: str = "240x320"
    """Size of the pictures that are learned from, HEIGHTxWIDTH; the tables of the architecture are for 240x320."""
    weights: str = "default"
    """Weights of yolov8n's encoder: default, none, or a file."""
    densenet_weights: str = "default"
    """Weights of DenseNet-169: default (ImageNet), none, or a file."""
    validation_file: Path | None = None
    """Text file that lists the scenes to leave out of the training, one a line."""
    frames: int | None = None
    """Measure on this many frames at most, for Table 3 and Figure 5."""
    pictures: int = 6
    """Frames to show in each figure."""
    rounds: int = 3
    """Turns of each encoder in the timing of Figure 3; 0 leaves it out."""

    def __post_init__(self) -> None:
        _require(self.steps is None or self.steps >= 1, "steps", "at least 1", self.steps)
        _require(self.epochs is None or self.epochs >= 1, "epochs", "at least 1", self.epochs)
        _require(self.frames is None or self.frames >= 1, "frames", "at least 1", self.frames)
        _require(self.pictures >= 1, "pictures", "at least 1", self.pictures)
        _require(self.rounds >= 0, "rounds", "at least 0", self.rounds)
        read_size(self.size)


@dataclass(frozen=True)
class CheckOptions:
    """Look for faults in a data set: units, registration, holes, leaks; exit code 1 when there are errors."""

    data: Positional[Path]
    """Frames: as for training."""
    html: Path | None = None
    """Write a report with pictures of each finding, one file that needs nothing else."""
    json: bool = False
    """Print JSON instead of tables."""
    source: str = "auto"
    """Kind of source, as for training."""
    depth_unit_m: float | None = None
    """Metres per step of the depth files, when it is not what their format implies."""
    split_by: SplitBy = "room"
    """The split to look for leaks across, as for training."""
    validation_file: Path | None = None
    """Text file that lists the scenes to validate on, one a line; replaces split_by."""
    validation_share: float = 0.1
    """Share of the rooms or frames to validate on."""
    seed: int = 0
    """Of the split: that of the run."""
    frames: int | None = None
    """Look at this many frames only, spread over the scenes; at all of them when not given."""
    workers: int | None = None
    """Threads that read and measure; one for each core when not given."""

    def __post_init__(self) -> None:
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
        _require(self.frames is None or self.frames >= 1, "frames", "at least 1", self.frames)
        _require(0 < self.validation_share < 1, "validation_share", "between 0 and 1", self.validation_share)


@dataclass(frozen=True)
class PrepareOptions:
    """Decode, check and resize frames once, into a store that trainings read at the speed of memory."""

    data: Positional[Path]
    """Frames: as for training."""
    out: Path
    """Folder of the store; train on it with --data.root, here or on another machine."""
    size: str = "240x320"
    """Size of the network's input, HEIGHTxWIDTH."""
    fit: Literal["letterbox", "stretch"] = "letterbox"
    """How a picture of another shape becomes the input: padded with grey, or stretched."""
    source: str = "auto"
    """Kind of source, as for training."""
    depth_unit_m: float | None = None
    """Metres per step of the depth files, when it is not what their format implies."""
    max_depth_m: float = 10.0
    """Farthest depth of interest; beyond 65 m depth is kept by its logarithm instead of in millimetres."""
    skip_bad_frames: bool = False
    """Leave unreadable frames out, with a warning, instead of stopping."""
    workers: int | None = None
    """Threads that decode; one for each core when not given."""

    def __post_init__(self) -> None:
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
        _require(0 < self.max_depth_m < math.inf, "max_depth_m", "positive", self.max_depth_m)


@dataclass(frozen=True)
class LabelOptions:
    """Let a depth model label photographs: the result is a source of frames like any other."""

    images: Positional[tuple[str, ...]]
    """Photographs, folders or patterns."""
    teacher: Annotated[tuple[str, ...], UseAppendAction]
    """Depth model: a leadline model; a .tflite or .onnx file with its declaration in a .yaml beside it, or NAME:FILE
    with a declaration that ships with leadline; or hf:NAME (docs/labelling.md). The first labels; more of them agree or
    dissent, which shows in the confidence."""
    out: Path
    """Folder of the labelled scenes; pictures that are labelled in it already are passed over."""
    mean: bool = False
    """Label with the mean of all the teachers, of the logarithm of metres; where they disagree with it, the confidence
    is lower."""
    kind: Literal["metric", "relative"] | None = None
    """Metres, or inverse depth without scale and shift; what the teacher says when not given."""
    focal_px: float | None = None
    """Focal length in pixels of the photographs, all of one size: metres are corrected for it where the teacher's own
    camera is known, and the intrinsics are stored."""
    aspect: str | None = None
    """True shape of the pictures, such as 4:3, when they were squeezed; they are stretched to it and stored so."""
    largest_side_px: int = 640
    """Larger photographs are scaled down to this before they are labelled and stored."""
    smallest_part: float = 1.0
    """Below 1: label of each photograph a part at a random place, with at least this share of its sides. In a folder of
    their own, such parts are further views of the same rooms, told by the teacher as if taken nearer."""
    drop_above: float = 0.2
    """Drop photographs on which the teacher contradicts itself by more than this share."""
    workers: int | None = None
    """Threads that read, label and write; one for each core when not given. On a cluster: processes."""
    cluster: str | None = None
    """Address of a Ray cluster to label on (auto: the one that this machine is part of); photographs and --out must be
    in a folder that all its machines share."""

    def __post_init__(self) -> None:
        _require(bool(self.teacher), "teacher", "given at least once", self.teacher)
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)
        _require(self.focal_px is None or 0 < self.focal_px < math.inf, "focal_px", "positive", self.focal_px)
        _require(self.largest_side_px >= 64, "largest_side_px", "at least 64 pixels", self.largest_side_px)
        _require(0.2 <= self.smallest_part <= 1, "smallest_part", "from 0.2 to 1", self.smallest_part)
        _require(
            self.smallest_part == 1 or self.focal_px is None,
            "focal_px",
            "of whole photographs, not of parts",
            self.focal_px,
        )
        _require(self.drop_above > 0, "drop_above", "positive", self.drop_above)


def read_aspect(text: str) -> float:
    """Width over height of a text like 4:3.

    Raises:
        UsageError: not two positive numbers with a colon between them.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", text.strip())
    if not match or not 0.1 <= float(match[1]) / max(float(match[2]), 1e-9) <= 10:
        raise UsageError(f"an aspect is WIDTH:HEIGHT, such as 4:3, got {text!r}")
    return float(match[1]) / float(match[2])


@dataclass(frozen=True)
class SynthOptions:
    """Make rooms out of nothing: pictures with exact depth, as a source of frames like any other."""

    out: Path
    """Folder of the scenes; frames that are in it already are passed over."""
    frames: int
    """How many to have in it."""
    seed: int = 0
    """Another seed gives other rooms; the same one the same bytes, whatever the number of workers."""
    size: str = "480x640"
    """Of the pictures, HEIGHTxWIDTH."""
    sensor: Literal["none", "camera", "kinect"] = "camera"
    """none: clean pictures; camera: exposure, lens, noise and compression of real ones, with exact depth; kinect: also
    the noise and the holes of its depth."""
    textures: Path | None = None
    """Photographs for pictures, screens, wallpaper and fabrics: any folder of them. They are painted when not given."""
    fov_deg: tuple[float, float] = (36.0, 95.0)
    """Smallest and largest angle of view across the longer side, in degrees."""
    workers: int | None = None
    """Processes that render; one for each core when not given."""

    def __post_init__(self) -> None:
        height, width = read_size(self.size)
        _require(max(height, width) <= 4096, "size", "at most 4096 pixels a side", self.size)
        _require(self.frames >= 1, "frames", "at least 1", self.frames)
        _require(self.seed >= 0, "seed", "at least 0", self.seed)
        low, high = self.fov_deg
        _require(10 <= low <= high <= 150, "fov_deg", "two angles, the smaller first, from 10 to 150", self.fov_deg)
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)


@dataclass(frozen=True)
class DownloadOptions:
    """Fetch a public data set by its name, and unpack it."""

    name: Positional[str]
    """Name of the data set, such as nyu or tum-fr1-desk; an unknown one is answered with the list."""
    out: Path = Path("data")
    """Folder to put it in."""


def read_size(text: str) -> tuple[int, int]:
    """Height and width of a text like 240x320.

    Raises:
        UsageError: not a size, or below 32 pixels.
    """
    match = re.fullmatch(r"(\d+)[xX](\d+)", text.strip())
    if not match or min(int(part) for part in match.groups()) < 32:
        raise UsageError(f"a size is HEIGHTxWIDTH of at least 32 pixels each, such as 240x320, got {text!r}")
    return int(match[1]), int(match[2])


def read_duration(text: str) -> float:
    """Seconds of a duration such as 90s, 30m, 2h or 1h30m.

    Example:
        >>> read_duration("1h30m")
        5400.0

    Raises:
        UsageError: not a duration.
    """
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    seconds = (
        sum(float(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else 0
    )
    if seconds <= 0:
        raise UsageError(f"a time budget is written like 90s, 30m, 2h or 1h30m, got {text!r}")
    return seconds


def _require(holds: bool, name: str, allowed: str, value: object) -> None:
    if not holds:
        raise RecipeError(f"{name} must be {allowed}, got {value}")
