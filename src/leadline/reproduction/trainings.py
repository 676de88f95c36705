"""The paper's trainings, at its own pace or at one for a small machine. They are runs like others, and resume."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from leadline.data.sample import Source
from leadline.errors import InputError
from leadline.options import OptimOptions, Recipe, ReproduceOptions, read_size
from leadline.recipes import read_recipe
from leadline.report.run import Run, read_runs
from leadline.training.ensure import ensure_trained

QUICK_RATES = {"yolov8n": 1e-3, "densenet169": 3e-4}
"""Learning rates that overfit eight frames in some hundred steps; higher ones do worse (docs/results.md, section 3)."""

QUICK_STEPS, QUICK_EPOCHS = 300, 8


def overfitting(options: ReproduceOptions, encoder: str, console: Console) -> Run:
    """Eight frames learned by heart: the paper's first experiment."""
    recipe = read_recipe(f"overfit-{encoder}")
    steps = options.steps or (recipe.optim.epochs if options.pace == "paper" else QUICK_STEPS)
    optim = replace(recipe.optim, epochs=steps)
    if options.pace == "quick":
        optim = replace(optim, learning_rate=QUICK_RATES[encoder], schedule="cosine", warmup_steps=10)
    weights = options.weights if encoder == "yolov8n" else options.densenet_weights
    recipe = replace(
        recipe,
        # Eight frames among many: what is wrong with the others is no matter here.
        data=replace(recipe.data, check=False),
        model=replace(recipe.model, weights=weights),
        optim=optim,
        run=replace(recipe.run, validate_every=max(1, math.ceil(steps / 20))),
    )
    return _trained(recipe, options, options.out / f"overfit-{encoder}", console)


def whole_training(options: ReproduceOptions, source: Source, console: Console) -> Run:
    """The training that Table 3, Figure 4 and Figure 5 are of: the one that was given, or the paper's made here.

    Frames with an official test set are split as in the paper, by frame; others by room, so that what is measured on
    them was never seen.
    """
    if options.run is not None:
        return _with_an_epoch(read_runs([options.run], model="best")[0])
    has_test = any(frame.subset == "test" for frame in source.frames)
    recipe = read_recipe("paper-yolov8n")
    optim: OptimOptions = recipe.optim if options.pace == "paper" else read_recipe("quick-rgbd").optim
    epochs = options.epochs or (optim.epochs if options.pace == "paper" else QUICK_EPOCHS)
    recipe = replace(
        recipe,
        data=replace(
            recipe.data,
            split_by=recipe.data.split_by if has_test else "room",
            validation_file=options.validation_file,
        ),
        model=replace(recipe.model, weights=options.weights),
        optim=replace(optim, epochs=epochs),
    )
    return _trained(recipe, options, options.out / "training", console)


def _trained(recipe: Recipe, options: ReproduceOptions, folder: Path, console: Console) -> Run:
    """Trained, gone on with, or found done."""
    height, width = read_size(options.size)
    data = replace(recipe.data, root=options.data, source=options.source, height=height, width=width)
    recipe = replace(recipe, data=data)
    ensure_trained(recipe, folder, console=console)
    return _with_an_epoch(read_runs([folder], model="last" if recipe.data.split_by == "same" else "best")[0])


def _with_an_epoch(run: Run) -> Run:
    """The run, if there is something of it to be shown."""
    if not run.rows:
        raise InputError(
            f"{run.folder}: its log has no epoch yet; go on with it by leadline train --resume {run.folder}"
        )
    return run


def pace_note(run: Run) -> str:
    """How long and how fast a run learned, in words."""
    optim, data = run.recipe.optim, run.recipe.data
    rate = f"{optim.optimizer} at {optim.learning_rate:g}, {optim.schedule}"
    steps, minutes = f"{run.rows[-1]['step']:,.0f}", f"{run.rows[-1]['seconds'] / 60:.1f}"
    return (
        f"{run.recipe.model.encoder} from {run.weights} weights: {steps} steps of {optim.batch_size} pictures of "
        f"{data.height}x{data.width}, {rate}, {minutes} minutes"
    )
