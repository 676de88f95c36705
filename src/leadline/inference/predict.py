"""Many photographs: find them, predict each, write what was asked for."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import Progress

from leadline.depth.depth_map import SAVE_KINDS, SAVE_SUFFIXES, SaveKind
from leadline.depth.images import IMAGE_SUFFIXES
from leadline.errors import InputError, PartialFailure, UsageError, did_you_mean
from leadline.inference.predictor import load
from leadline.options import PredictOptions


def predict_command(options: PredictOptions) -> None:
    """Predict every input, write the results, and say which inputs were skipped.

    Raises:
        PartialFailure: some inputs could not be read; the others are done.
        InputError: none could.
    """
    kinds = save_kinds(options.save)
    inputs = find_images(options.inputs)
    predictor = load(options.model, device=options.device)
    console = Console(stderr=True)
    if options.focal_px is not None and predictor.card.canonical_focal is None:
        raise UsageError(f"--focal-px: {options.model} was taught without regard to cameras, and cannot use it")
    cameras: Counter[str] = Counter()
    skipped: list[str] = []
    with Progress(console=console, disable=not console.is_terminal or len(inputs) < 3) as progress:
        task = progress.add_task("predicting", total=len(inputs))
        for path, name in output_names(inputs).items():
            try:
                focal_px = options.focal_px or predictor.known_focal_px(path)
                depth_map = predictor.predict(path, focal_px=focal_px)
            except InputError as error:
                skipped.append(str(error))
                console.print(f"skipped {error}", style="yellow", highlight=False, markup=False, soft_wrap=True)
            else:
                cameras["given" if options.focal_px else "by EXIF" if focal_px else "unknown"] += 1
                for kind in kinds:
                    target = options.out / f"{name}_{kind}{SAVE_SUFFIXES[kind]}"
                    depth_map.save(target, kind=kind)
                    print(target)
            progress.advance(task)
    if predictor.card.canonical_focal is not None:
        counts = ", ".join(f"{count} {origin}" for origin, count in sorted(cameras.items()))
        console.print(
            f"focal lengths: {counts}; an unknown one is taken to be that of the training camera, "
            f"{predictor.card.canonical_focal:g} of the width (--focal-px says another)",
            highlight=False,
            soft_wrap=True,
        )
    if len(skipped) == len(inputs):
        raise InputError(f"none of {len(inputs)} inputs could be read")
    if skipped:
        raise PartialFailure(f"{len(skipped)} of {len(inputs)} inputs were skipped; the others are done")


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Files named by files, folders (their pictures, at any depth) and patterns; each once, in order.

    Raises:
        InputError: an input that names nothing.
    """
    found: dict[Path, None] = {}
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        elif path.exists() or not glob.has_magic(text):
            files = [path]  # one that does not exist is reported when it is read
        else:
            matches = map(Path, glob.glob(text, recursive=True))  # noqa: PTH207  (Path.glob refuses absolute patterns)
            files = sorted(match for match in matches if not match.is_dir())
        if not files:
            raise InputError(f"{text}: no pictures there ({', '.join(IMAGE_SUFFIXES)})")
        found.update(dict.fromkeys(files))
    return list(found)


def output_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each picture's results: its stem; where two would be the same, suffix and folder tell them apart.

    Example:
        >>> list(output_names([Path("a/x.jpg"), Path("b/x.jpg"), Path("y.png")]).values())
        ['a-x.jpg', 'b-x.jpg', 'y']
    """
    stems = Counter(path.stem for path in paths)
    names: dict[Path, str] = {}
    for path in paths:
        name, parents = path.stem, list(path.parts[:-1])
        if stems[path.stem] > 1:
            name = "-".join([*(part for part in parents if part not in ("/", "..", ".")), path.name])
        while name in names.values():
            name += "_"
        names[path] = name
    return names


def save_kinds(text: str) -> list[SaveKind]:
    """What to write, from words between commas.

    Raises:
        UsageError: an unknown word.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in SAVE_KINDS:
            raise UsageError(f"--save knows no {word!r}; {did_you_mean(word, SAVE_KINDS)}")
    if not words:
        raise UsageError(f"--save needs at least one of {', '.join(SAVE_KINDS)}")
    return cast("list[SaveKind]", words)
