"""`leadline sweep`: the trials of a study, one after the other, and one table."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from leadline.atomic import atomic_write
from leadline.data.frames import load_store, split_rule
from leadline.data.splits import make_split
from leadline.errors import InputError
from leadline.metrics import Metrics
from leadline.options import Recipe, SweepOptions, read_duration
from leadline.studies.study import read_study
from leadline.studies.table import as_markdown, write_csv
from leadline.studies.trial import Trial, plan_trials, run_trial
from leadline.training.training_data import constant_metrics

TABLE_FILE, CSV_FILE = "results.md", "results.csv"


def sweep_command(options: SweepOptions) -> None:
    """Train what is not trained yet; write and print the table. The same command goes on after a stop.

    Raises:
        RecipeError: no such study, or a variant that cannot be meant.
        UsageError: a folder that holds another study's trainings.
        TrainingInterrupted: a signal came; the state is saved.
    """
    console = Console(stderr=True)
    study = read_study(options.study)
    base = Recipe(data=options.data, model=options.model, optim=options.optim, run=options.run)
    folder = options.out
    trials = plan_trials(base, study.chosen(options.only), seeds=options.seeds, study_seeds=study.seeds, folder=folder)
    budget_s = float("inf") if options.time_budget is None else read_duration(options.time_budget)
    began = time.monotonic()
    try:
        for place, trial in enumerate(trials, start=1):
            if time.monotonic() - began > budget_s:
                console.print(f"the time budget ended after {place - 1} of {len(trials)}; the same command goes on")
                break
            if not trial.is_done:
                console.print(f"{place}/{len(trials)} {trial.name}: learns in {trial.folder}", highlight=False)
            run_trial(trial, Console(quiet=True))
            console.print(f"{place}/{len(trials)} {_said(trial)}", highlight=False, soft_wrap=True)
    finally:
        # What is there by then is worth a table, whatever ended it.
        text = as_markdown(trials, about=study.about, constant=_constant(trials))
        if folder.is_dir():
            with atomic_write(folder / TABLE_FILE) as part:
                part.write_text(text, encoding="utf-8")
            write_csv(folder / CSV_FILE, trials)
    print(text)


def _constant(trials: Sequence[Trial]) -> Metrics | None:
    """What the constant prediction scores on the frames that judged the first training; None where they are gone."""
    first = next((trial for trial in trials if trial.last_row is not None), None)
    if first is None:
        return None
    recipe = first.recipe
    try:
        store, frames = load_store(recipe.data, max_depth_m=recipe.model.max_depth_m, console=Console(quiet=True))
        judges = make_split(frames, split_rule(recipe.data, seed=first.seed)).validation
    except InputError:
        return None
    positions = store.positions()
    return constant_metrics(store, (positions[identity] for identity in judges), depth_m=first.median_m)


def _said(trial: Trial) -> str:
    row = trial.last_row
    if row is None:
        return f"{trial.name}: {(trial.divergence or '').split('. ')[0]}"
    return f"{trial.name}: rel {row['val_rel']:.3f}, rms {row['val_rms']:.3f} m, {row['seconds']:.0f} s"
