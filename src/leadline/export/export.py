"""`leadline export`: a model for another runtime, kept only when it says what torch says."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from leadline.atomic import atomic_write
from leadline.errors import ModelFileError, UsageError
from leadline.export.catalog import FORMATS
from leadline.export.contract import Metres
from leadline.export.int8 import Loss, Trial, make_trial
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


class Exported(NamedTuple):
    """An exported file and what was measured on it; `loss` only of one in 8 bits."""

    path: Path
    apart: Difference
    loss: Loss | None = None


def export_command(options: ExportOptions) -> None:
    """Export, and print what the proof of equality measured."""
    out, apart, loss = export(options)
    megabytes = sum(file.stat().st_size for file in _files(out, options)) / 1e6
    print(f"{out}  ({megabytes:.1f} MB; {apart})")
    if loss is not None:
        print(loss)


def export(options: ExportOptions) -> Exported:
    """Write a model in another format, run it in its own runtime beside torch, and keep it only when both agree.

    In 8 bits they cannot agree to the millimetre: there the growth of rel on frames with measured depth is bounded.

    Raises:
        UsageError: the format cannot do what is asked, or its package is missing.
        InputError: no pictures or frames where they should be.
        ModelFileError: no such model, or the exported file gives other metres; then nothing is written.
    """
    _check_what_it_can(options)
    net, card = load_model(options.model)
    card = replace(card, is_corrected=card.correction is not None)  # by the graph, as every format writes it
    pictures = drawn_pictures() if options.images is None else read_pictures(options.images)
    trial = make_trial(options, card) if options.int8 else None
    out = options.out or _beside(options)
    with ExitStack() as parts:
        # The first suffix is entered first and so named last: by then, the files that it needs are there.
        part, *_ = [parts.enter_context(atomic_write(file)) for file in _files(out, options)]
        try:
            loss = _write(net, card, part, options, trial)
        except ModuleNotFoundError as error:
            install = FORMATS[options.format].install
            raise UsageError(
                f"format {options.format} needs the package {error.name}: pip install {install}"
            ) from error
        apart = difference(
            load(part, device="cpu").network,
            _in_torch(Metres(net, card.correction)),
            _batches(card, pictures, options.dynamic),
        )
        _demand_equality(out, apart, loss, card, options)
    return Exported(out, apart, loss)


def _write(net: DepthNet, card: ModelCard, part: Path, options: ExportOptions, trial: Trial | None) -> Loss | None:
    form = FORMATS[options.format]
    if trial is None:
        form.write(net, card, part, half=options.fp16, dynamic=options.dynamic)
        return None
    assert form.quantize is not None
    with TemporaryDirectory() as folder:
        whole = Path(folder) / f"whole{form.suffixes[0]}"
        form.write(net, card, whole, half=False, dynamic=options.dynamic)
        in_float = form.quantize(whole, part, trial)
        before, after = (trial.errors(load(file, device="cpu").network) for file in (whole, part))
    return Loss(before, after, in_float)


def _demand_equality(out: Path, apart: Difference, loss: Loss | None, card: ModelCard, options: ExportOptions) -> None:
    """Refuse an export that is farther from torch than its precision explains."""
    if loss is not None:
        if not loss.of_rel <= options.int8_bound:
            raise ModelFileError(f"{out}: {loss}, allowed is {options.int8_bound:+.2%}, so it was not written")
        return
    bound = FLOAT16_WEIGHTS if options.fp16 else FLOAT32
    if not bound.holds(apart, max_depth_m=card.max_depth_m):
        raise ModelFileError(
            f"{out}: the exported file {apart}; allowed are {bound.in_words(max_depth_m=card.max_depth_m)}, so it "
            f"was not written. Please report this with the versions of torch and of the runtime"
        )


def _check_what_it_can(options: ExportOptions) -> None:
    if options.fp16 and options.int8:
        raise UsageError("--fp16 and --int8 are two ways to store weights; give one of them")
    for wanted, ability in ((options.fp16, "half"), (options.dynamic, "dynamic"), (options.int8, "quantize")):
        if wanted and not getattr(FORMATS[options.format], ability):
            flag = {"half": "--fp16", "dynamic": "--dynamic", "quantize": "--int8"}[ability]
            able = ", ".join(name for name, form in FORMATS.items() if getattr(form, ability))
            raise UsageError(f"format {options.format} has no {flag}; these have: {able}")


def _beside(options: ExportOptions) -> Path:
    precision = "-fp16" if options.fp16 else "-int8" if options.int8 else ""
    return options.model.with_name(f"{options.model.stem}{precision}{FORMATS[options.format].suffixes[0]}")


def _files(out: Path, options: ExportOptions) -> list[Path]:
    _, *others = FORMATS[options.format].suffixes
    return [out, *(out.with_suffix(suffix) for suffix in others)]


def _in_torch(net: Metres) -> Network:
    def network(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(net(torch.from_numpy(images)).numpy())

    return network


def _batches(card: ModelCard, pictures: list[NDArray[np.uint8]], dynamic: bool) -> list[NDArray[np.float32]]:
    """The pictures one by one, two of them at once, and for dynamic files two of an odd size that no stride divides."""
    batches = framed(pictures, card.framing)
    batches.append(np.concatenate([batches[0], batches[-1]]))
    if dynamic:
        batches.append(np.ascontiguousarray(batches[-1][:, :, : card.height - 13, : card.width - 9]))
    return batches
