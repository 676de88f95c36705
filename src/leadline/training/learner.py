"""What changes while a run goes on: the network, its optimiser, its progress; and how they are written."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from leadline.errors import ModelFileError
from leadline.metrics import Metrics
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.encoders.catalog import find_encoder
from leadline.networks.model_file import load_model, save_model
from leadline.recipes import without_folders
from leadline.run_folder import STATE_FILE
from leadline.training.averaging import WeightAverage
from leadline.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from leadline.training.plan import Plan
from leadline.training.step import gradient_scaler, make_optimizer
from leadline.training.training_data import TrainingData


@dataclass
class Learner:
    """The state of a training in memory.

    Attributes:
        bare: the network under its own names.
        net: the same network as Fabric set it up (autocast, processes).
        optimizer: as Fabric set it up.
        progress: steps done, best score.
        steps: of the whole training.
        average: of the weights over the last steps, when the recipe asks for one.
        licence: of the weights, which they have from what they started from.
    """

    bare: DepthNet
    net: nn.Module
    optimizer: Any
    progress: Progress
    steps: int
    average: WeightAverage | None
    licence: str

    def model_weights(self) -> AbstractContextManager[None]:
        """Within, the network has the weights that are validated and saved as the model: averaged, if asked for."""
        return nullcontext() if self.average is None else self.average.in_place()


def build_learner(plan: Plan, fabric: Fabric, *, steps: int, median_m: float) -> Learner:
    """The network with its encoder's weights, or with the state of the run that goes on.

    The bias of a fresh network's head starts at `median_m`, rather than at the nearest depth of its range, from where
    it would first have to find the scale.
    """
    options = plan.recipe.model
    state_file = plan.folder / STATE_FILE
    goes_on = plan.resumes and state_file.is_file()
    bare = DepthNet(
        options.encoder,
        codec=options.codec,
        min_depth_m=options.min_depth_m,
        max_depth_m=options.max_depth_m,
        weights="none" if goes_on or options.start else options.weights,
    )
    bare.head.start_at(median_m)
    licence = find_encoder(options.encoder).licence if options.weights != "none" else "Apache-2.0"
    if options.start:
        licence = _start_from(bare, options.start)
    bare.to(memory_format=torch.channels_last)
    if options.freeze_encoder:
        bare.encoder.requires_grad_(False)
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        bare = nn.SyncBatchNorm.convert_sync_batchnorm(bare)  # type: ignore[no-untyped-call]
    optimizer = make_optimizer(bare, plan.recipe.optim)
    net = torch.compile(bare) if plan.recipe.run.compile else bare
    net, wrapped = fabric.setup(net, optimizer)
    average = WeightAverage(bare, plan.recipe.optim.ema) if plan.recipe.optim.ema else None
    progress = Progress()
    if goes_on:
        content, progress = load_checkpoint(state_file, device=fabric.device)
        bare.load_state_dict(content["net"])
        wrapped.load_state_dict(content["optimizer"])
        if average is not None:
            average.state = content["average"]
        scaler = gradient_scaler(fabric)
        if scaler is not None and content["scaler"]:
            scaler.load_state_dict(content["scaler"])
    return Learner(bare, net, wrapped, progress, steps, average, licence)


def _start_from(bare: DepthNet, path: Path) -> str:
    """Take over the weights of a model, if it is the same network that says metres in the same way; their licence."""
    earlier, card = load_model(path)
    if earlier.state_dict().keys() != bare.state_dict().keys() or earlier.head.codec != bare.head.codec:
        raise ModelFileError(
            f"{path}: is a {card.encoder} that says {card.codec} depth from {card.min_depth_m:g} to "
            f"{card.max_depth_m:g} m; give the recipe the same model.encoder, codec, min_depth_m and max_depth_m"
        )
    bare.load_state_dict(earlier.state_dict())
    return card.licence


def save_state(plan: Plan, fabric: Fabric, learner: Learner) -> None:
    """Write last.pt, from the first process."""
    if not fabric.is_global_zero:
        return
    scaler = gradient_scaler(fabric)
    save_checkpoint(
        plan.folder / STATE_FILE,
        net=learner.bare.state_dict(),
        optimizer=learner.optimizer.state_dict(),
        scaler={} if scaler is None else scaler.state_dict(),
        average={} if learner.average is None else learner.average.state,
        progress=learner.progress,
    )


def save_models(
    plan: Plan, fabric: Fabric, data: TrainingData, learner: Learner, metrics: Metrics, *, is_best: bool
) -> None:
    """Write last.safetensors, and best.safetensors when it is, from the first process."""
    if not fabric.is_global_zero:
        return
    recipe = plan.recipe
    card = ModelCard(
        encoder=recipe.model.encoder,
        codec=recipe.model.codec,
        min_depth_m=recipe.model.min_depth_m,
        max_depth_m=recipe.model.max_depth_m,
        height=recipe.data.height,
        width=recipe.data.width,
        fit=recipe.data.fit,
        licence=learner.licence,
        training_median_m=data.median_m,
        canonical_focal=recipe.data.canonical_focal,
        recipe=without_folders(recipe),
        data={
            "fingerprint": data.store.fingerprint,
            "frames": len(data.split.train),
            "split": asdict(data.split.rule),
            "split_digest": data.split.digest,
            "more": [{"fingerprint": feed.store.fingerprint, "frames": len(feed.indices)} for feed in data.more],
        },
        scores={**asdict(metrics), "epoch": learner.progress.epoch, "step": learner.progress.step},
    )
    with learner.model_weights():
        save_model(plan.folder / "last.safetensors", learner.bare, card)
        if is_best:
            save_model(plan.folder / "best.safetensors", learner.bare, card)
