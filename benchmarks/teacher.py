"""How good a teacher is on measured rooms, and how quickly photographs are labelled beside its own speed.

python benchmarks/teacher.py --teacher fastdepth:FILE.tflite --frames RGBD --validation RGBD/validation.txt
python benchmarks/teacher.py --teacher fastdepth:FILE.tflite --photographs PHOTOS --threads 2
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Frame, Sample, Source
from leadline.data.sources.catalog import open_source
from leadline.data.splits import read_scene_list
from leadline.depth.images import read_image
from leadline.evaluation.evaluate import Evaluation, evaluate
from leadline.evaluation.protocols import PROTOCOLS
from leadline.evaluation.tables import intervals
from leadline.inference.predict import find_images
from leadline.labelling.confidence import ask
from leadline.labelling.label import label_command
from leadline.labelling.labeller import depth_scale
from leadline.labelling.open_teacher import open_teacher
from leadline.labelling.teacher import Teacher
from leadline.options import LabelOptions

SHOWN = ("rel", "rms", "log10", "delta1")


@dataclass(frozen=True)
class Options:
    """What to measure."""

    teacher: str
    """As for leadline data label."""
    frames: Path | None = None
    """Measured frames, to say how good it is."""
    validation: Path | None = None
    """Text file that lists the scenes to measure on; all when not given."""
    photographs: Path | None = None
    """Photographs, to say how quick it is."""
    threads: int = 2
    """That label."""


def main(options: Options) -> None:
    """Print a table for each of the two questions that was asked."""
    console, teacher = Console(width=120), open_teacher(options.teacher)
    if options.frames is not None:
        source = open_source(options.frames)
        accuracy_table(source, chosen_frames(source, options), teacher, console)
        confidence_table(source, teacher, console)
    if options.photographs is not None:
        speed_table(options, options.photographs, teacher, console)


def accuracy_table(source: Source, frames: Sequence[Frame], teacher: Teacher, console: Console) -> None:
    """Means over rooms with their intervals: raw, median-aligned, and divided by the ratio of focal lengths."""
    constant_m = float(np.median([np.median(s.depth_m[s.valid]) for s in map(source.read, frames)]))
    table = Table(
        title=f"{teacher.name}: {len(frames)} frames of {len({f.room for f in frames})} rooms, means over rooms"
    )
    for column in ("", *SHOWN, "rel, 95 % interval over rooms", "delta1, the same"):
        table.add_column(column, justify="left" if not column else "right")
    one_view, two_views = views(teacher, mirrored=False), views(teacher, mirrored=True)
    plain, aligned = PROTOCOLS["plain"], PROTOCOLS["median-aligned"]
    raw = evaluate(one_view, source, frames, constant_m=constant_m, protocol=plain)
    rows = {
        f"constant {constant_m:.2f} m": (raw, 1),
        "raw": (raw, 0),
        "mean with mirror image": (evaluate(two_views, source, frames, constant_m=constant_m), 0),
        "median-aligned": (evaluate(one_view, source, frames, constant_m=constant_m, protocol=aligned), 0),
    }
    if teacher.focal_per_width is not None:
        known = Corrected(source, teacher)
        rows["focal length known"] = (evaluate(known.predict, known, frames, constant_m=constant_m), 0)
    for name, (result, which) in rows.items():
        table.add_row(name, *cells(result, which))
    console.print(table)


def confidence_table(source: Source, teacher: Teacher, console: Console) -> None:
    """Does the confidence know how wrong a label is? All frames in four parts of equal size, by their confidence."""
    found = []
    for frame in source.frames:
        sample = source.read(frame)
        label = ask([teacher], sample.image)
        size = sample.depth_m.shape[::-1]
        said = np.asarray(Image.fromarray(label.values).resize(size, Image.Resampling.BILINEAR))
        valid = sample.valid & np.isfinite(said)
        ratio = said[valid] / sample.depth_m[valid]
        aligned = ratio / np.median(ratio)
        found.append((label.confidence, label.contradiction, np.abs(ratio - 1).mean(), np.abs(aligned - 1).mean()))
    figures = np.array(sorted(found))
    ranks = figures.argsort(axis=0).argsort(axis=0)
    table = Table(title=f"{teacher.name}: the labels of {len(figures)} frames by their confidence")
    for column in ("confidence", "contradiction", "rel", "rel, median-aligned"):
        table.add_column(column, justify="right")
    for part in np.array_split(figures, 4):
        contradiction, rel, aligned = part[:, 1:].mean(axis=0)
        table.add_row(f"{part[0, 0]:.2f} to {part[-1, 0]:.2f}", f"{contradiction:.3f}", f"{rel:.3f}", f"{aligned:.3f}")
    console.print(table)
    raw, alone = (np.corrcoef(ranks[:, 1], ranks[:, column])[0, 1] for column in (2, 3))
    console.print(f"rank correlation of the contradiction with rel: {raw:.2f}, median-aligned {alone:.2f}")


def cells(result: Evaluation, which: int) -> list[str]:
    metrics = result.over_rooms()[which]
    figures = [f"{getattr(metrics, name):.3f}" for name in SHOWN]
    if which:
        return figures
    found = intervals(result, "over_rooms")
    return [*figures, *("-".join(f"{end:.3f}" for end in found[name] or ()) for name in ("rel", "delta1"))]


def chosen_frames(source: Source, options: Options) -> list[Frame]:
    """Those of the listed scenes."""
    scenes = None if options.validation is None else set(read_scene_list(options.validation))
    return [frame for frame in source.frames if scenes is None or frame.scene in scenes]


def views(teacher: Teacher, *, mirrored: bool) -> Callable[[np.ndarray], np.ndarray]:
    """The teacher as a function from a picture to metres, of one view or as labels are made of two."""

    def predict(image: np.ndarray) -> np.ndarray:
        depth_m = teacher.answer([image])[0]
        if mirrored:
            depth_m = np.sqrt(depth_m * teacher.answer([np.ascontiguousarray(image[:, ::-1])])[0][:, ::-1])
        # What a teacher leaves out counts as the smallest depth: a model must answer everywhere.
        return np.array(
            Image.fromarray(np.nan_to_num(depth_m, nan=1e-3)).resize(image.shape[1::-1], Image.Resampling.BILINEAR)
        )

    return predict


class Corrected:
    """The frames, and the teacher told of the camera of each one that it sees; where none is known it is as it was."""

    def __init__(self, source: Source, teacher: Teacher) -> None:
        self.root, self.frames = source.root, source.frames
        self._source, self._teacher, self._scale = source, teacher, 1.0

    def read(self, frame: Frame) -> Sample:
        """A frame; its camera is remembered for `predict`."""
        sample = self._source.read(frame)
        self._scale = depth_scale(self._teacher, sample.camera)
        return sample

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Metres for the picture that was read last."""
        return views(self._teacher, mirrored=False)(image) * np.float32(self._scale)


def speed_table(options: Options, root: Path, teacher: Teacher, console: Console) -> None:
    """Photographs a second: the teacher's passes alone, on pictures in memory, and the whole labelling to files."""
    paths = find_images([str(root)])
    images = [read_image(path) for path in paths]
    table = Table(title=f"{teacher.name}, {len(paths)} photographs, {options.threads} threads")
    for column in ("", "photographs/s"):
        table.add_column(column, justify="left" if not column else "right")
    passes_a_second = per_second(lambda: asked(teacher, images, options.threads), len(images))
    with tempfile.TemporaryDirectory() as folder:
        verb = LabelOptions((str(root),), (options.teacher,), Path(folder), workers=options.threads)
        labelled_a_second = per_second(lambda: label_command(verb), len(paths))
    table.add_row("one pass of the teacher", f"{passes_a_second:.1f}")
    table.add_row("its three passes for a label", f"{passes_a_second / 3:.1f}")
    table.add_row("labelled: read, three passes, written", f"{labelled_a_second:.1f}")
    console.print(table)


def asked(teacher: Teacher, images: Sequence[np.ndarray], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda image: teacher.answer([image]), images))


def per_second(work: Callable[[], None], count: int) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
