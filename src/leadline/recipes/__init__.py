"""Recipes: YAML files that say all that decides what a training gives, by name or by path."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from leadline.atomic import atomic_write
from leadline.errors import RecipeError, did_you_mean
from leadline.options import Recipe

T = TypeVar("T")


def recipe_names() -> list[str]:
    """Names of the recipes that ship with leadline."""
    return sorted(Path(entry.name).stem for entry in files(__package__).iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name: str) -> Recipe:
    """A recipe by its shipped name or its path, strictly: an unknown or a wrong field is an error.

    Raises:
        RecipeError: no such recipe, or a field that is wrong; names the field, its line and what is allowed.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise RecipeError(f"{name}: no such recipe file. Shipped recipes: {', '.join(recipe_names())}")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{name}: cannot be read as text ({error})") from error
        return parse_recipe(text, name=name)
    if name not in recipe_names():
        raise RecipeError(f"no recipe is called {name!r}; {did_you_mean(name, recipe_names())}")
    return parse_recipe((files(__package__) / f"{name}.yaml").read_text(encoding="utf-8"), name=f"{name}.yaml")


def parse_recipe(text: str, *, name: str) -> Recipe:
    """A recipe from YAML; `name` is that of the file, for messages.

    Example:
        >>> parse_recipe("optim: {learning_rate: 1e-3}", name="mine.yaml").optim.learning_rate
        0.001
    """
    return parse_fields(Recipe, text, name=name)


def parse_fields(kind: type[T], text: str, *, name: str) -> T:
    """A frozen dataclass from YAML, strictly; `name` is that of the file, for messages.

    Raises:
        RecipeError: not YAML, or a field that is unknown, given twice, missing or wrong; names it, its line and what is
            allowed.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: not YAML: {error}") from error
    if root is None:  # an empty file has no node, but may leave every field at its default
        root = yaml.MappingNode("tag:yaml.org,2002:map", [], start_mark=yaml.Mark(name, 0, 0, 0, None, 0))
    return _fill(kind, root, where="", name=name)


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe so that read_recipe gives it back, atomically."""
    with atomic_write(path) as part:
        part.write_text(yaml.safe_dump(as_plain(recipe), sort_keys=False), encoding="utf-8")


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as nested dictionaries of plain values, for YAML and JSON."""
    return _sections(recipe, path=str)


def without_folders(recipe: Recipe) -> dict[str, Any]:
    """The same with files and folders by their names alone: where they lie on a machine concerns nobody else."""
    weights = Path(recipe.model.weights).name
    named = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, weights=weights))
    return _sections(named, path=lambda path: path.name)


def _sections(recipe: Recipe, *, path: Callable[[Path], str]) -> dict[str, Any]:
    return {
        section.name: _plain(dataclasses.asdict(getattr(recipe, section.name)), path)
        for section in dataclasses.fields(Recipe)
    }


def _plain(value: Any, path: Callable[[Path], str]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry, path) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, path) for entry in value]
    return path(value) if isinstance(value, Path) else value


def _fill(kind: type[T], node: yaml.Node, *, where: str, name: str) -> T:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise RecipeError(f"{name}, line {line}: {where or 'a recipe'} must be a mapping of fields to values")
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        full_name = f"{where}.{key}" if where else key
        if key not in hints:
            raise RecipeError(f"{name}, line {line}: unknown field {full_name!r}; {did_you_mean(key, hints)}")
        if key in values:
            raise RecipeError(f"{name}, line {line}: {full_name!r} is given twice")
        if dataclasses.is_dataclass(hints[key]):
            values[key] = _fill(hints[key], value_node, where=full_name, name=name)
            continue
        lines[full_name] = line
        entry_kind = _entries(hints[key])
        if entry_kind is not None:
            if not isinstance(value_node, yaml.SequenceNode):
                raise RecipeError(f"{name}, line {line}: {full_name} must be a list of mappings")
            values[key] = tuple(_fill(entry_kind, node, where=full_name, name=name) for node in value_node.value)
            continue
        try:
            values[key] = _converted(yaml.SafeLoader("").construct_object(value_node, deep=True), hints[key])
        except (ValueError, yaml.YAMLError) as error:
            said = error if isinstance(error, yaml.YAMLError) else f"must be {error}"
            raise RecipeError(f"{name}, line {line}: {full_name} {said}") from error
    line = node.start_mark.line + 1
    missing = [entry.name for entry in dataclasses.fields(kind) if _is_required(entry) and entry.name not in values]  # type: ignore[arg-type]
    if missing:
        place, inside = (f", line {line}", f" of {where}") if where else ("", "")
        raise RecipeError(f"{name}{place}: {', '.join(missing)}{inside} must be given")
    try:
        return kind(**values)
    except RecipeError as error:
        # A section checks its values itself, together; what it says begins with the name of one.
        line = lines.get(str(error).split()[0], line)
        raise RecipeError(f"{name}, line {line}: {error}") from error


def _is_required(entry: dataclasses.Field) -> bool:
    return entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING


def _entries(hint: Any) -> Any:
    """The dataclass of which a field holds many, or None."""
    kinds = get_args(hint)
    return kinds[0] if get_origin(hint) is tuple and dataclasses.is_dataclass(kinds[0]) else None


def _converted(value: object, hint: Any) -> object:
    """`value` as the type `hint`, or a ValueError that says what is allowed."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _converted(value, next(kind for kind in arguments if kind is not type(None)))
    if origin is Literal:
        if value in arguments:
            return value
        raise ValueError(f"one of {', '.join(map(str, arguments))}, got {value!r}")
    if origin is dict and isinstance(value, Mapping):
        return {str(key): _converted(entry, arguments[1]) for key, entry in value.items()}
    if origin is tuple and isinstance(value, list) and len(value) == len(arguments):
        return tuple(_converted(entry, kind) for entry, kind in zip(value, arguments, strict=True))
    if hint is Path and isinstance(value, str):
        return Path(value)
    # YAML 1.1 reads 1e-4 as text.
    if hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif isinstance(hint, type) and type(value) is hint:
        return value
    spoken = f"a list of {len(arguments)} numbers" if origin is tuple else _SPOKEN.get(hint, _SPOKEN_OTHERWISE)
    raise ValueError(f"{spoken}, got {value!r}")


_SPOKEN_OTHERWISE = "a mapping of names to numbers"
_SPOKEN = {float: "a number", int: "a whole number", bool: "true or false", str: "text", Path: "a path"}
