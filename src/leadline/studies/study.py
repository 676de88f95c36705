"""What a study varies: a YAML file with a recipe to start from, and variants written as one would type them."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tyro

from leadline.errors import RecipeError, did_you_mean
from leadline.options import Recipe
from leadline.recipes import parse_fields, read_recipe


@dataclass(frozen=True)
class Variant:
    """One row of the study's table."""

    name: str
    """What it is called."""
    change: str = ""
    """Flags of `leadline train` that make it of the study's recipe, such as --model.weights none."""
    seeds: int | None = None
    """How many seeds; as many as the study says when not given."""

    @property
    def slug(self) -> str:
        """The name as a part of a folder's name."""
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-")

    def recipe(self, base: Recipe) -> Recipe:
        """The study's recipe with this variant's change.

        Raises:
            RecipeError: flags that `leadline train` does not have; says what was wrong with them.
        """
        said = io.StringIO()
        try:
            # tyro prints what is wrong, in a box, and ends the process: here it is one of many variants.
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                return tyro.cli(Recipe, args=shlex.split(self.change), default=base)
        except SystemExit as error:
            reason = " ".join(re.sub(r"[^\w\s.,:;'\"()/=-]", " ", said.getvalue()).split())
            raise RecipeError(f"variant {self.name!r}: {self.change}: {reason[:300]}") from error


@dataclass(frozen=True)
class Study:
    """A recipe and its variants."""

    about: str
    """What it asks, in a sentence."""
    base: str
    """Recipe to start from: a shipped name, or a file."""
    variants: tuple[Variant, ...]
    """What is trained."""
    seeds: int = 1
    """How many seeds each variant has, but for those that say it themselves."""

    def chosen(self, only: Sequence[str]) -> list[Variant]:
        """The variants of these names, or all of them when none is named.

        Raises:
            RecipeError: a name that no variant has.
        """
        known = {variant.name: variant for variant in self.variants}
        for name in only:
            if name not in known:
                raise RecipeError(f"only: no variant is called {name!r}; {did_you_mean(name, known)}")
        return [known[name] for name in only] or list(self.variants)


def study_names() -> list[str]:
    """Names of the studies that ship with leadline."""
    return sorted(Path(entry.name).stem for entry in files(__package__).iterdir() if entry.name.endswith(".yaml"))


def read_study(name: str) -> Study:
    """A study by its shipped name or its path, strictly.

    Raises:
        RecipeError: no such study, or a field that is wrong; names it.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            study = parse_fields(Study, path.read_text(encoding="utf-8"), name=name)
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(
                f"{name}: cannot be read ({error}). Shipped studies: {', '.join(study_names())}"
            ) from error
    elif name in study_names():
        study = parse_fields(Study, (files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"), name=name)
    else:
        raise RecipeError(f"no study is called {name!r}; {did_you_mean(name, study_names())}")
    slugs = [variant.slug for variant in study.variants]
    twice = next((slug for slug in slugs if slugs.count(slug) > 1), None)
    if twice is not None or not slugs:
        raise RecipeError(
            f"{name}: variants must be there, each with its own name" + (f"; {twice} is twice" * bool(twice))
        )
    return study


def base_recipe(study: Study) -> Recipe:
    """The recipe that the study's variants start from.

    Raises:
        RecipeError: no such recipe, or a wrong one.
    """
    return read_recipe(study.base)
