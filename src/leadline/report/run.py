"""A run's folder as a report reads it; nothing of it needs torch but the model."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadline.data.splits import Split, read_split
from leadline.errors import UsageError
from leadline.options import Recipe
from leadline.recipes import read_recipe
from leadline.run_folder import RECIPE_FILE, SPLIT_FILE, read_metrics, read_sources, read_versions


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        name: short, and unlike that of the other runs of the report.
        folder: where it is.
        recipe: all that decided what it gave.
        rows: of metrics.csv, a number for each column.
        split: which frames taught and which judged.
        sources: what it learned from, as sources.json says it.
        versions: what ran.
        model: the model file; None when there is none yet.
    """

    name: str
    folder: Path
    recipe: Recipe
    rows: list[dict[str, float]]
    split: Split
    sources: list[dict[str, Any]]
    versions: dict[str, str]
    model: Path | None

    def column(self, name: str) -> list[tuple[float, float]]:
        """(epoch, value) of a column of the log."""
        return [(row["epoch"], row[name]) for row in self.rows]

    @property
    def root(self) -> Path:
        """Where its frames were."""
        return self.recipe.data.root or Path()

    @property
    def weights(self) -> str:
        """Where its encoder began: random or pre-trained."""
        model = self.recipe.model
        return "random" if model.weights == "none" and model.start is None else "pre-trained"

    @property
    def judges_are_unseen(self) -> bool:
        """Whether rooms were left out; frames of a room that taught flatter, and the same frames prove nothing."""
        return self.split.rule.scenes is not None or self.split.rule.by in ("room", "official")

    @property
    def caveat(self) -> str:
        """What its figures on the frames that judge owe to them, to be read after the run's name; empty for nothing."""
        if not self.judges_are_unseen:
            return "was taught in these rooms: its figures say how well it remembers"
        if self.model is not None and self.model.name.startswith("best") and len(self.rows) > 1:
            return f"is the best of {len(self.rows)} states by these very frames, so a little flattered"
        return ""

    def commands(self) -> list[str]:
        """What made the run, and what measures it, as a shell takes it."""
        recipe, again = self.folder / RECIPE_FILE, self.folder.with_name(f"{self.folder.name}-again")
        lines = [f"leadline train {shlex.quote(str(recipe))} --out {shlex.quote(str(again))}"]
        if self.model is not None:
            lines.append(f"leadline evaluate {shlex.quote(str(self.model))} --data {shlex.quote(str(self.root))}")
        lines.append(f"leadline report {shlex.quote(str(self.folder))}")
        return lines


def read_runs(folders: Sequence[Path], *, model: str) -> list[Run]:
    """The runs of a report.

    Args:
        folders: of the runs.
        model: "best" or "last": which of their models.

    Raises:
        UsageError: a folder that holds no run, or twice the same.
        InputError: a file of a run that is damaged.
        RecipeError: its recipe is.
    """
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise UsageError("the same run is given twice")
    short = [folder.name for folder in resolved]
    names = short if len(set(short)) == len(short) else [f"{folder.parent.name}/{folder.name}" for folder in resolved]
    return [_read_run(folder, name, model) for folder, name in zip(folders, names, strict=True)]


def _read_run(folder: Path, name: str, model: str) -> Run:
    if not (folder / RECIPE_FILE).is_file():
        raise UsageError(f"{folder}: holds no run (no {RECIPE_FILE}); give the folder that `leadline train` wrote")
    path = folder / f"{model}.safetensors"
    return Run(
        name=name,
        folder=folder,
        recipe=read_recipe(str(folder / RECIPE_FILE)),
        rows=read_metrics(folder),
        split=read_split(folder / SPLIT_FILE),
        sources=read_sources(folder),
        versions=read_versions(folder),
        model=path if path.is_file() else None,
    )
