"""`leadline export`: a model for another runtime, kept only when it says what torch says."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from leadline.atomic import atomic_write
from leadline.errors import ModelFileError, UsageError
from leadline.export.catalog import FORMATS
from leadline.export.parity import (
    FLOAT16_WEIGHTS,
    FLOAT32,
    Difference,
    difference,
    drawn_pictures,
    framed,
    read_pictures,
)
from leadline.inference.predictor import load
from leadline.inference.runtimes.contract import Network
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model
from leadline.options import ExportOptions


def export_command(options: ExportOptions) -> None:
    """Export, and print what the proof of equality measured."""
    out, apart = export(options)
    megabytes = sum(file.stat().st_size for file in _files(out, options)) / 1e6
    print(f"{out}  ({megabytes:.1f} MB; {apart})")


def export(options: ExportOptions) -> tuple[Path, Difference]:
    """Write a model in another format, run it in its own runtime beside torch, and keep it only when both agree.

    Returns:
        The file, and how far it is from torch.

    Raises:
        UsageError: the format cannot do what is asked, or its package is missing.
        InputError: no pictures where they should be.
        ModelFileError: no such model, or the exported file gives other metres; then nothing is written.
    """
    form = FORMATS[options.format]
    _check_what_it_can(options)
    net, card = load_model(options.model)
    pictures = drawn_pictures() if options.images is None else read_pictures(options.images)
    bound = FLOAT16_WEIGHTS if options.fp16 else FLOAT32
    out = options.out or _beside(options)
    with ExitStack() as parts:
        # The first suffix is entered first and so named last: by then, the files that it needs are there.
        part, *_ = [parts.enter_context(atomic_write(file)) for file in _files(out, options)]
        try:
            form.write(net, card, part, half=options.fp16, dynamic=options.dynamic)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"format {options.format} needs the package {error.name}: pip install {form.install}"
            ) from error
        apart = difference(load(part, device="cpu").network, _in_torch(net), _batches(card, pictures, options.dynamic))
        if not bound.holds(apart, max_depth_m=card.max_depth_m):
            raise ModelFileError(
                f"{out}: the exported file {apart}; allowed are {bound.in_words(max_depth_m=card.max_depth_m)}, so it "
                f"was not written. Please report this with the versions of torch and of the runtime"
            )
    return out, apart


def _check_what_it_can(options: ExportOptions) -> None:
    form = FORMATS[options.format]
    for wanted, able, flag in ((options.fp16, form.half, "--fp16"), (options.dynamic, form.dynamic, "--dynamic")):
        if wanted and not able:
            able_ones = [
                name for name, other in FORMATS.items() if getattr(other, "half" if flag == "--fp16" else "dynamic")
            ]
            raise UsageError(f"format {options.format} has no {flag}; these have: {', '.join(able_ones)}")


def _beside(options: ExportOptions) -> Path:
    precision = "-fp16" if options.fp16 else ""
    return options.model.with_name(f"{options.model.stem}{precision}{FORMATS[options.format].suffixes[0]}")


def _files(out: Path, options: ExportOptions) -> list[Path]:
    _, *others = FORMATS[options.format].suffixes
    return [out, *(out.with_suffix(suffix) for suffix in others)]


def _in_torch(net: DepthNet) -> Network:
    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(net.metres(torch.from_numpy(images)).numpy())

    return network


def _batches(card: ModelCard, pictures: list[NDArray[np.uint8]], dynamic: bool) -> list[NDArray[np.float32]]:
    """The pictures one by one, two of them at once, and for dynamic files one of an odd size that no stride divides."""
    batches = framed(pictures, card.framing)
    batches.append(np.concatenate([batches[0], batches[-1]]))
    if dynamic:
        batches.append(np.ascontiguousarray(batches[-1][:, :, : card.height - 13, : card.width - 9]))
    return batches
