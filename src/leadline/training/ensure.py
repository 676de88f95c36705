"""A training in a folder, whatever is there of it: begun, gone on with, or found done."""

from pathlib import Path

from rich.console import Console

from leadline.errors import UsageError
from leadline.options import Recipe, TrainOptions
from leadline.recipes import as_plain, read_recipe
from leadline.run_folder import RECIPE_FILE, read_metrics
from leadline.training import train as loop


def is_trained(recipe: Recipe, folder: Path) -> bool:
    """Whether the folder's log has the row of the last epoch.

    Raises:
        InputError: the log is damaged.
    """
    rows = read_metrics(folder)
    return bool(rows) and rows[-1]["epoch"] >= recipe.optim.epochs


def check_same_recipe(recipe: Recipe, folder: Path) -> None:
    """Refuse a folder that holds another training.

    Raises:
        UsageError: its recipe is another one; names the fields that differ.
    """
    path = folder / RECIPE_FILE
    if not path.is_file():
        return
    own, asked = as_plain(read_recipe(str(path))), as_plain(recipe)
    changed = [f"{part}.{key}" for part in own for key in own[part] if own[part][key] != asked[part][key]]
    if changed:
        raise UsageError(
            f"{folder}: holds a training by another recipe ({', '.join(changed)}); repeat the options that it was "
            f"begun with, or choose another --out"
        )


def ensure_trained(recipe: Recipe, folder: Path, *, console: Console) -> None:
    """Train by a recipe into a folder, unless that was done; go on where it was stopped.

    Raises:
        UsageError: the folder holds a training by another recipe.
        TrainingInterrupted: a signal came; the state is saved.
        LeadlineError: whatever a training can raise.
    """
    check_same_recipe(recipe, folder)
    if is_trained(recipe, folder):
        return
    begun = (folder / RECIPE_FILE).is_file()
    options = TrainOptions(
        data=recipe.data,
        model=recipe.model,
        optim=recipe.optim,
        run=recipe.run,
        out=None if begun else folder,
        resume=folder if begun else None,
    )
    loop.train(options, console=console)
