"""The frames of a run: prepared, split, in batches."""

from dataclasses import dataclass

import numpy as np
from lightning_fabric import Fabric
from rich.console import Console

from leadline.data.frames import load_store, split_rule
from leadline.data.loader import Batch, Batches
from leadline.data.splits import Split, make_split, read_split, write_split
from leadline.data.store import Store
from leadline.doctor.check import check_before_training
from leadline.errors import InputError
from leadline.metrics import Metrics, error_sums, mean_over_groups
from leadline.training.plan import Plan, begin_folder


@dataclass(frozen=True)
class TrainingData:
    """The frames of a run.

    Attributes:
        store: prepared frames.
        split: which of them teach and which judge.
        train: batches to learn from.
        validation: batches to judge by.
        median_m: of all measured pixels that teach; the constant prediction to beat.
    """

    store: Store
    split: Split
    train: Batches
    validation: Batches
    median_m: float

    @property
    def validation_share(self) -> int:
        """Validation frames of one process."""
        return -(-len(self.validation.indices) // self.validation.world)

    def names(self, batch: Batch) -> list[str]:
        """Identities of a batch's frames."""
        return [self.store.frames[index].frame.identity for index in batch.frames]


def load_training_data(plan: Plan, fabric: Fabric, console: Console) -> TrainingData:
    """Prepare the frames (once, on the first process) and split them, or take the split of the run that goes on.

    Raises:
        FaultyData: a quick look at the frames found errors, and data.check is on.
        InputError: frames that cannot be used, or other frames than those of the run that goes on.
    """
    recipe = plan.recipe
    quiet = console if fabric.is_global_zero else Console(quiet=True)
    # The first process prepares; the others find the store ready.
    with fabric.rank_zero_first(local=True):
        # A run that goes on was checked when it began.
        if recipe.data.check and not plan.resumes and fabric.is_global_zero:
            check_before_training(recipe.data, seed=recipe.run.seed, console=quiet)
        store, frames = load_store(recipe.data, max_depth_m=recipe.model.max_depth_m, console=quiet)
    split_file = plan.folder / "split.json"
    split = make_split(frames, split_rule(recipe.data, seed=recipe.run.seed))
    if plan.resumes and read_split(split_file).digest != split.digest:
        raise InputError(f"{recipe.data.root}: not the frames that the run in {plan.folder} was started with")
    if fabric.is_global_zero:
        begin_folder(plan)
        write_split(split_file, split)
    positions = store.positions()
    if recipe.data.reading == "memory":
        store.into_memory()

    def batches(identities: tuple[str, ...]) -> Batches:
        return Batches(
            store,
            sorted(positions[identity] for identity in identities),
            batch_size=recipe.optim.batch_size,
            device=fabric.device,
            seed=recipe.run.seed,
            rank=fabric.global_rank,
            world=fabric.world_size,
            buffer_frames=recipe.data.buffer_frames if recipe.data.reading == "stream" else 0,
        )

    train, validation = batches(split.train), batches(split.validation)
    return TrainingData(store, split, train, validation, store.median_depth_m(train.indices))


def constant_metrics(data: TrainingData) -> Metrics:
    """What a constant map of the training frames' median depth would score in validation."""
    frames = []
    for index in data.validation.indices:
        truth = data.store.code.metres(data.store.gather([index])[1][0])
        if (truth > 0).any():
            constant = np.full_like(truth, data.median_m)
            found = error_sums(predicted=constant, truth=truth, valid=truth > 0).metrics()
            frames.append((data.store.frames[index].frame.room, found))
    return mean_over_groups(frames)
