"""The frames of a run: prepared, split, in batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from lightning_fabric import Fabric
from rich.console import Console

from leadline.data.frames import load_store, split_rule
from leadline.data.loader import Batch, Batches
from leadline.data.mixture import Feed
from leadline.data.splits import Split, make_split, read_split
from leadline.data.store import Store
from leadline.doctor.check import check_before_training
from leadline.errors import InputError, UsageError
from leadline.metrics import Metrics, error_sums, mean_over_groups
from leadline.options import DataOptions, MoreSource, Recipe
from leadline.run_folder import SOURCES_FILE, SPLIT_FILE
from leadline.training.plan import Plan, begin_folder
from leadline.training.sources_table import SourceSummary, check_sources, summarize, write_sources


@dataclass(frozen=True)
class TrainingData:
    """The frames of a run.

    Attributes:
        store: prepared frames.
        split: which of them teach and which judge.
        train: batches to learn from.
        validation: batches to judge by.
        sources: what data.root and the further sources give.
    """

    store: Store
    split: Split
    train: Batches
    validation: Batches
    sources: list[SourceSummary]

    @property
    def median_m(self) -> float:
        """Median of all measured pixels of data.root that teach; the constant prediction to beat."""
        return self.sources[0].median_m

    @property
    def more(self) -> Sequence[Feed]:
        """What further sources add to the batches that teach."""
        return self.train.more

    @property
    def validation_share(self) -> int:
        """Validation frames of one process."""
        return -(-len(self.validation.indices) // self.validation.world)

    def names(self, batch: Batch) -> list[str]:
        """Identities of a batch's frames."""
        stores = [feed.store for feed in self.train.feeds]
        return [
            stores[feed].frames[frame].frame.identity
            for feed, frame in zip(batch.feeds.tolist(), batch.frames.tolist(), strict=True)
        ]


def load_training_data(plan: Plan, fabric: Fabric, console: Console) -> TrainingData:
    """Prepare the frames (once, on the first process) and split them, or take the split of the run that goes on.

    Raises:
        FaultyData: a quick look at the frames found errors, and data.check is on.
        InputError: frames that cannot be used, or other frames than those of the run that goes on.
    """
    recipe = plan.recipe
    rule = split_rule(recipe.data, seed=recipe.run.seed)  # a list of scenes that is not there is told at once
    quiet = console if fabric.is_global_zero else Console(quiet=True)
    # The first process prepares; the others find the store ready.
    with fabric.rank_zero_first(local=True):
        # A run that goes on was checked when it began.
        if recipe.data.check and not plan.resumes and fabric.is_global_zero:
            check_before_training(recipe.data, seed=recipe.run.seed, console=quiet)
        store, frames = load_store(recipe.data, max_depth_m=recipe.model.max_depth_m, console=quiet)
        more = [_further(recipe, further, quiet) for further in recipe.data.more]
    split = make_split(frames, rule)
    if plan.resumes and read_split(plan.folder / SPLIT_FILE).digest != split.digest:
        raise InputError(f"{recipe.data.root}: not the frames that the run in {plan.folder} was started with")
    positions = store.positions()
    if recipe.data.reading == "memory":
        for each in (store, *(feed.store for feed in more)):
            each.into_memory()

    def batches(identities: tuple[str, ...]) -> Batches:
        return Batches(
            store,
            sorted(positions[identity] for identity in identities),
            batch_size=recipe.optim.batch_size,
            device=fabric.device,
            seed=recipe.run.seed,
            rank=fabric.global_rank,
            world=fabric.world_size,
            buffer_frames=_buffer_frames(recipe.data),
            balance=recipe.data.balance,
            epoch_frames=recipe.data.epoch_frames,
            more=more,
            canonical_focal=recipe.data.canonical_focal,
        )

    train, validation = batches(split.train), batches(split.validation)
    _check_kinds(train.feeds, recipe)
    if not len(train):
        raise InputError(
            f"{recipe.data.root}: {len(split.train)} frames to train on in batches of {recipe.optim.batch_size} cannot "
            f"be shared among {fabric.world_size} processes; start fewer, or give a larger optim.batch_size"
        )
    names = [str(recipe.data.root), *(str(further.root) for further in recipe.data.more)]
    sources = summarize(train.feeds, names, batch_size=recipe.optim.batch_size)
    if plan.resumes:
        check_sources(plan.folder / SOURCES_FILE, sources)
    return TrainingData(store, split, train, validation, sources)


def begin_run(plan: Plan, data: TrainingData) -> None:
    """Make the run's folder, with what is decided before the first step.

    Raises:
        OutputError: no space or no permission.
    """
    if not plan.resumes:
        write_sources(plan.folder / SOURCES_FILE, data.sources)
    begin_folder(plan, data.split)


def _further(recipe: Recipe, further: MoreSource, console: Console) -> Feed:
    """A further source, prepared like data.root; all of its frames teach."""
    data = replace(
        recipe.data,
        root=further.root,
        source=further.source,
        depth_unit_m=further.depth_unit_m,
        store=None,
    )
    store, _ = load_store(data, max_depth_m=recipe.model.max_depth_m, console=console)
    return Feed(
        store,
        range(len(store)),
        share=further.share,
        weight=further.weight,
        balance=recipe.data.balance,
        buffer_frames=_buffer_frames(recipe.data),
    )


def _check_kinds(feeds: Sequence[Feed], recipe: Recipe) -> None:
    """Frames that nothing could be learned from, or measured by, are a mistake."""
    relative = [any(feed.store.frames[index].frame.is_relative for index in feed.indices) for feed in feeds]
    if relative[0]:
        raise InputError(
            f"{recipe.data.root}: holds relative depth, which no metres can be measured by; give it as a further "
            f"source (data.more), beside a data.root of metric depth"
        )
    if any(relative) and not recipe.optim.loss.get("ssi"):
        raise UsageError(
            "data.more: holds relative depth, from which only the loss term ssi learns; add ssi: 1.0 to optim.loss"
        )


def _buffer_frames(data: DataOptions) -> int:
    return data.buffer_frames if data.reading == "stream" else 0


def constant_metrics(store: Store, indices: Iterable[int], *, depth_m: float) -> Metrics:
    """What a constant map would score in validation.

    Args:
        store: of the frames.
        indices: those that judge.
        depth_m: of the map; the training frames' median depth, usually.
    """
    frames = []
    for index in indices:
        truth = store.code.metres(store.gather([index])[1][0])
        if (truth > 0).any():
            constant = np.full_like(truth, depth_m)
            found = error_sums(predicted=constant, truth=truth, valid=truth > 0).metrics()
            frames.append((store.frames[index].frame.room, found))
    return mean_over_groups(frames)
