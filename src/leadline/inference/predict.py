"""Many photographs: find them, predict each, write what was asked for."""

from __future__ import annotations

import glob
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from rich.console import Console
from rich.progress import Progress

from leadline.depth.camera import Camera
from leadline.depth.depth_map import SAVE_KINDS, SAVE_SUFFIXES, SaveKind
from leadline.depth.images import IMAGE_SUFFIXES, read_image
from leadline.errors import InputError, PartialFailure, UsageError, did_you_mean
from leadline.inference.given_camera import demand_use, given_camera, uses_camera
from leadline.inference.predictor import PointsDoNotHelp, Predictor, UnusualShape, load
from leadline.inference.streams.outputs import STREAM_KINDS
from leadline.inference.streams.record import is_recording, predict_streams
from leadline.model_card import USUAL_FOCAL
from leadline.options import PredictOptions
from leadline.parallel import cores, in_order
from leadline.scale.readings import PointsOf, open_readings

Kind = TypeVar("Kind", bound=str)


def predict_command(options: PredictOptions) -> None:
    """Predict every input, write the results, and say which inputs were skipped.

    Raises:
        PartialFailure: some inputs could not be read; the others are done.
        InputError: none could.
        OutputError: no space or no permission to write; nothing new is begun then.
        UsageError: photographs and streams together.
    """
    streams = [text for text in options.inputs if is_recording(text, options)]
    if not streams:
        _predict_photographs(options)
    elif len(streams) == len(options.inputs):
        predict_streams(options, kinds=save_kinds(options.save or "video", known=STREAM_KINDS))
    else:
        raise UsageError(f"photographs and streams ({streams[0]}) are two commands: their results are of other kinds")


def _predict_photographs(options: PredictOptions) -> None:
    kinds = save_kinds(options.save or "depth16,color", known=SAVE_KINDS)
    inputs = find_images(options.inputs, results=options.out)
    # As many photographs in work as there are cores, and a core for each: quicker than all cores for one at a time.
    workers = min(options.workers or cores(), len(inputs))
    threads = options.threads or max(1, cores() // workers)
    predictor = load(options.model, device=options.device, backend=options.backend, threads=threads)
    points_of = None if options.points is None else open_readings(options.points, pictures=len(inputs))
    demand_use(options, kinds, predictor, streams=False)
    work = partial(_predict_and_save, predictor, options=options, kinds=kinds, points_of=points_of)
    console = Console(stderr=True)
    results = in_order(work, output_names(inputs).items(), workers=workers)
    done = _tell_each(console, results, count=len(inputs))
    doubtful = [result.doubt for result in done if result.doubt]
    if doubtful:
        _tell(console, f"{len(doubtful)} of {len(inputs)} inputs have an unusual shape: {doubtful[0]}")
    if done and uses_camera(kinds, predictor):
        cameras = Counter(result.camera_by for result in done)
        _tell_focal_lengths(console, cameras, predictor.card.canonical_focal or USUAL_FOCAL)
    if not done:
        raise InputError(f"none of {len(inputs)} inputs could be read")
    if len(done) < len(inputs):
        raise PartialFailure(f"{len(inputs) - len(done)} of {len(inputs)} inputs were skipped; the others are done")


def _tell_each(console: Console, results: Iterator[_Result | InputError], *, count: int) -> list[_Result]:
    """Say each result when it is there, the files' names on standard output; returns those that are done."""
    done = []
    quiet = not console.is_terminal or count < 3
    with warnings.catch_warnings(), Progress(console=console, disable=quiet) as progress:
        warnings.simplefilter("ignore", UnusualShape)  # said after the last, once for all
        warnings.simplefilter("ignore", PointsDoNotHelp)  # said for each
        for result in progress.track(results, total=count, description="predicting"):
            if isinstance(result, InputError):
                _tell(console, f"skipped {result}")
            else:
                print(*result.written, sep="\n")
                if result.scale is not None:
                    _tell(console, f"scale of {result.scale}", doubtful=result.scale_is_doubtful)
                done.append(result)
    return done


class _Result(NamedTuple):
    written: list[Path]
    doubt: str | None
    camera_by: str
    scale: str | None
    scale_is_doubtful: bool


def _predict_and_save(
    predictor: Predictor,
    item: tuple[Path, str],
    *,
    options: PredictOptions,
    kinds: Sequence[SaveKind],
    points_of: PointsOf | None,
) -> _Result | InputError:
    path, name = item
    try:
        pixels = read_image(path)
        height, width = pixels.shape[:2]
        given = given_camera(options, height=height, width=width, name=str(path))
        focal_px = predictor.known_focal_px(path)
        by_exif = None if focal_px is None else Camera.centred(focal_px=focal_px, width=width, height=height)
        camera = given or by_exif
        points = None if points_of is None else points_of(path, height=height, width=width, camera=camera)
        depth_map = predictor.predict(pixels, camera=camera, points=points)
    except InputError as error:
        return error
    targets = [options.out / f"{name}_{kind}{SAVE_SUFFIXES[kind]}" for kind in kinds]
    for kind, target in zip(kinds, targets, strict=True):
        depth_map.save(target, kind=kind, voxel_m=options.voxel_m)
    doubt = predictor.shape_doubt(height=height, width=width)
    camera_by = "given" if given else "by EXIF" if camera else "unknown"
    correction = depth_map.correction
    scale = None if points_of is None else f"{path}: {correction or 'as the model says; no points for it'}"
    return _Result(targets, doubt and f"{path}: {doubt}", camera_by, scale, not correction or bool(correction.refused))


def _tell_focal_lengths(console: Console, cameras: Counter[str], supposed_focal: float) -> None:
    counts = ", ".join(f"{count} {origin}" for origin, count in sorted(cameras.items()))
    supposed = (
        f"; an unknown one is taken to be that of the training camera, {supposed_focal:g} of the width (--focal-px "
        f"says another)"
    )
    _tell(console, f"focal lengths: {counts}{supposed if cameras['unknown'] else ''}", doubtful=False)


def _tell(console: Console, text: str, *, doubtful: bool = True) -> None:
    console.print(text, style="yellow" if doubtful else None, highlight=False, markup=False, soft_wrap=True)


def find_images(inputs: Sequence[str], *, results: Path | None = None) -> list[Path]:
    """Files named by files, folders (their pictures, at any depth) and patterns; each once, in order.

    Args:
        inputs: what was named.
        results: folder that is written to; what lies in it is not taken for a picture of a folder around it.

    Raises:
        InputError: an input that names nothing.
    """
    found: dict[Path, None] = {}
    for text in inputs:
        if not text:
            raise InputError("an input is an empty name: is a variable of the shell not set?")
        path = Path(text)
        if path.is_dir():
            files = sorted(_pictures(path, results))
        elif path.exists() or not glob.has_magic(text):
            files = [path]  # one that does not exist is reported when it is read
        else:
            matches = map(Path, glob.glob(text, recursive=True))  # noqa: PTH207  (Path.glob refuses absolute patterns)
            files = sorted(match for match in matches if not match.is_dir())
        if not files:
            raise InputError(f"{text}: no pictures there ({', '.join(IMAGE_SUFFIXES)})")
        found.update(dict.fromkeys(files))
    return list(found)


def _pictures(folder: Path, results: Path | None) -> Iterator[Path]:
    whole, own = folder.resolve(), results and results.resolve()
    apart = folder / own.relative_to(whole) if own and whole in own.parents else None
    for file in folder.rglob("*"):
        if file.suffix.lower() in IMAGE_SUFFIXES and apart not in file.parents:
            yield file


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


def save_kinds(text: str, *, known: Sequence[Kind]) -> list[Kind]:
    """What to write, from words between commas.

    Raises:
        UsageError: a word that is not known.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in known:
            raise UsageError(f"--save knows no {word!r} here; {did_you_mean(word, known)}")
    if not words:
        raise UsageError(f"--save needs at least one of {', '.join(known)}")
    return cast("list[Kind]", list(dict.fromkeys(words)))
