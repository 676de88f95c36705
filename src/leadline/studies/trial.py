"""One training of a study: a variant with a seed, in a folder of its own, that is begun, gone on with, or done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from leadline.atomic import atomic_write
from leadline.errors import TrainingDiverged
from leadline.options import Recipe
from leadline.run_folder import read_metrics, read_sources
from leadline.studies.study import Variant
from leadline.training.ensure import check_same_recipe, ensure_trained, is_trained

DIVERGED_FILE = "diverged.txt"


@dataclass(frozen=True)
class Trial:
    """A variant with a seed.

    Attributes:
        variant: which.
        recipe: what is trained, the seed in it.
        folder: where.
    """

    variant: Variant
    recipe: Recipe
    folder: Path

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.recipe.run.seed

    @property
    def name(self) -> str:
        """The variant and the seed."""
        return f"{self.variant.name}, seed {self.seed}"

    @property
    def divergence(self) -> str | None:
        """Why it stopped, when its loss or its gradient was no number any more."""
        path = self.folder / DIVERGED_FILE
        return path.read_text(encoding="utf-8") if path.is_file() else None

    @property
    def last_row(self) -> dict[str, float] | None:
        """The row of its log after the last epoch; None before that."""
        if not is_trained(self.recipe, self.folder):
            return None
        return read_metrics(self.folder)[-1]

    @property
    def median_m(self) -> float:
        """Median depth of the frames that teach."""
        return float(read_sources(self.folder)[0]["median_m"])

    @property
    def is_done(self) -> bool:
        """Whether it reached its last epoch, or diverged."""
        return self.divergence is not None or self.last_row is not None


def plan_trials(
    base: Recipe, variants: list[Variant], *, seeds: int | None, study_seeds: int, folder: Path
) -> list[Trial]:
    """The trials of a study: every variant with the first seed, then with the second, so that a part is of use.

    Args:
        base: the recipe that the variants change.
        variants: to train.
        seeds: of each variant; what it, or the study, says when None.
        study_seeds: what the study says.
        folder: of the study; each trial has one inside.

    Raises:
        RecipeError: a change that is no flag of `leadline train`.
        UsageError: a folder that holds another training.
    """
    trials = []
    for variant in variants:
        recipe = variant.recipe(base)
        for seed in range(seeds or variant.seeds or study_seeds):
            run = replace(recipe.run, seed=base.run.seed + seed)
            trial = Trial(variant, replace(recipe, run=run), folder / f"{variant.slug}-seed{run.seed}")
            check_same_recipe(trial.recipe, trial.folder)
            trials.append(trial)
    return sorted(trials, key=lambda trial: trial.seed)


def run_trial(trial: Trial, console: Console) -> None:
    """Train it, or go on with it, unless it is done.

    Raises:
        TrainingInterrupted: a signal came; the state is saved.
        LeadlineError: frames, weights or a disk that cannot be used.
    """
    if trial.is_done:
        return
    try:
        ensure_trained(trial.recipe, trial.folder, console=console)
    except TrainingDiverged as error:
        with atomic_write(trial.folder / DIVERGED_FILE) as part:
            part.write_text(str(error), encoding="utf-8")
