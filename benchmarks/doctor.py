"""What `leadline data check` finds and what it misses: real scenes with faults planted into them.

python benchmarks/doctor.py --frames FRAMES [--faulty FAULTY] [--per-scene 5] [--scenes-per-set 10]

Every scene is taken as it is and with each fault, alone and in data sets of some scenes that all have the fault. A hit
is a warning or an error of the check that is for this fault, about at least half of the scenes. A false alarm is one
about the same scenes as they are, right or not: some of them have real faults.
"""

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table

from leadline.data.sample import Frame, Sample, Source
from leadline.data.sources.catalog import open_source
from leadline.data.splits import Split, SplitRule
from leadline.depth.points import back_project
from leadline.doctor.checks import CHECKS
from leadline.doctor.examine import facts_of, findings_of, spread
from leadline.doctor.findings import Finding, FrameFacts, Study


@dataclass(frozen=True)
class Options:
    """What to plant faults into."""

    frames: Path
    """Scenes in order."""
    faulty: Path | None = None
    """Scenes that are known to be unregistered."""
    per_scene: int = 5
    """Frames of each scene."""
    scenes_per_set: int = 10
    """Scenes of each data set."""
    sets: int = 40
    """Data sets drawn."""
    misses: bool = False
    """Name the scenes that were missed or accused."""
    check: str | None = None
    """Plant only the faults that this check is for."""


Plant = Callable[[list[Sample], np.random.Generator], list[Sample]]


@dataclass(frozen=True)
class Fault:
    """A way to spoil a scene, and the check that should notice."""

    check: str
    plant: Plant
    least_frames: int = 1


def scaled(factor: float, *, step_m: float = 0.001) -> Plant:
    """Depth that was written in another unit and read in millimetres: the wrong factor, in whole millimetres."""

    def plant(samples: list[Sample], generator: np.random.Generator) -> list[Sample]:
        spoilt = []
        for sample in samples:
            # What the millimetres of these files rounded away; without it every unit would show its factor.
            finer_m = sample.depth_m + generator.uniform(-0.0005, 0.0005, sample.depth_m.shape)
            levels = np.rint(finer_m * factor / step_m).clip(1, 65_535)
            spoilt.append(with_depth(sample, np.where(sample.depth_m > 0, levels * step_m, 0)))
        return spoilt

    return plant


def each(change: Callable[[Sample, np.random.Generator], Sample]) -> Plant:
    return lambda samples, generator: [change(sample, generator) for sample in samples]


def with_depth(sample: Sample, depth_m: NDArray) -> Sample:
    depth_m = depth_m.astype(np.float32)
    return replace(sample, depth_m=depth_m if (depth_m > 0).any() else sample.depth_m)


def with_image(sample: Sample, image: NDArray) -> Sample:
    return replace(sample, image=image.astype(np.uint8))


def tum(sample: Sample, _generator: np.random.Generator) -> Sample:
    """TUM's files hold whole millimetres times five."""
    return with_depth(sample, np.rint(sample.depth_m * 1000).clip(0, 13_107) * 0.005)


def eight_bits(sample: Sample, _generator: np.random.Generator) -> Sample:
    levels = np.rint(sample.depth_m * 25.5).clip(0, 255)
    return with_depth(sample, np.rint(levels * 10_000 / 255) / 1000)


def eight_bits_as_mm(sample: Sample, _generator: np.random.Generator) -> Sample:
    return with_depth(sample, np.rint(sample.depth_m * 25.5).clip(0, 255) / 1000)


def reciprocal(sample: Sample, _generator: np.random.Generator) -> Sample:
    """Disparity, at a scale that keeps the median: nothing but its nature tells."""
    known = sample.depth_m > 0
    median_m = np.median(sample.depth_m[known])
    inverse = np.divide(median_m**2, sample.depth_m, where=known, out=np.zeros_like(sample.depth_m))
    return with_depth(sample, np.rint(inverse.clip(0, 65) * 1000) / 1000)


def along_the_ray(sample: Sample, _generator: np.random.Generator) -> Sample:
    """What a ray caster or a laser measures, in whole millimetres."""
    height, width = sample.depth_m.shape
    camera = sample.camera and sample.camera.scaled_to(width=width, height=height)
    if camera is None:
        return sample
    length = np.linalg.norm(back_project(np.ones_like(sample.depth_m), camera), axis=2)
    return with_depth(sample, np.rint(sample.depth_m * length * 1000) / 1000)


def moved(share: float) -> Plant:
    """Depth moved to the right by a share of the width; nothing is known where it came from."""

    def change(sample: Sample, _generator: np.random.Generator) -> Sample:
        by = max(1, round(share * sample.depth_m.shape[1]))
        depth_m = np.zeros_like(sample.depth_m)
        depth_m[:, by:] = sample.depth_m[:, :-by]
        return with_depth(sample, depth_m)

    return each(change)


def magnified(sample: Sample, _generator: np.random.Generator) -> Sample:
    """Colour of a narrower field of view: its middle 85 %."""
    height, width = sample.image.shape[:2]
    y, x = round(height * 0.075), round(width * 0.075)
    cut = Image.fromarray(sample.image).crop((x, y, width - x, height - y)).resize((width, height))
    return with_image(sample, np.asarray(cut))


def mirrored(sample: Sample, _generator: np.random.Generator) -> Sample:
    return with_depth(sample, sample.depth_m[:, ::-1])


def clipped(percentile: float) -> Plant:
    """Everything beyond a percentile of the scene's depth says that depth, as a sensor's or a converter's limit."""

    def plant(samples: list[Sample], _generator: np.random.Generator) -> list[Sample]:
        limit_m = np.percentile(np.concatenate([s.depth_m[s.depth_m > 0] for s in samples]), percentile)
        return [with_depth(sample, np.minimum(sample.depth_m, limit_m)) for sample in samples]

    return plant


def flat(sample: Sample, _generator: np.random.Generator) -> Sample:
    known = sample.depth_m > 0
    median_m = np.median(sample.depth_m[known])
    return with_depth(sample, np.where(known, median_m * (1 + 0.01 * np.tanh(sample.depth_m / median_m - 1)), 0))


def constant(sample: Sample, _generator: np.random.Generator) -> Sample:
    return with_depth(sample, np.where(sample.depth_m > 0, 2.0, 0))


def normalised(sample: Sample, _generator: np.random.Generator) -> Sample:
    return with_depth(sample, np.rint(sample.depth_m / sample.depth_m.max() * 10_000) / 1000)


def black(sample: Sample, generator: np.random.Generator) -> Sample:
    return with_image(sample, (sample.image * 0.05 + generator.integers(0, 6, sample.image.shape)).clip(0, 255))


def blurred(radius: float) -> Plant:
    def change(sample: Sample, _generator: np.random.Generator) -> Sample:
        at_full_size = radius * max(sample.image.shape) / 320
        return with_image(
            sample, np.asarray(Image.fromarray(sample.image).filter(ImageFilter.GaussianBlur(at_full_size)))
        )

    return each(change)


def smeared(length: float, *, turned: bool = False) -> Plant:
    """Frames of a camera that pans by some of 320 pixels while the shutter is open."""

    def change(samples: list[Sample], _generator: np.random.Generator) -> list[Sample]:
        return [with_image(sample, _panned(sample.image, length, axis=0 if turned else 1)) for sample in samples]

    return change


def _panned(image: NDArray, length: float, *, axis: int) -> NDArray:
    steps = max(2, round(length * max(image.shape) / 320))
    padded = np.pad(image, [(0, steps - 1) if axis == side else (0, 0) for side in range(3)], mode="edge")
    total = np.cumsum(padded, axis=axis, dtype=np.int64)
    total = np.concatenate([np.zeros_like(np.take(total, [0], axis)), total], axis)
    size = image.shape[axis]
    return (np.take(total, range(steps, steps + size), axis) - np.take(total, range(size), axis)) // steps


def noisy(share: float, *, patch: float = 0.0, grows: bool = False) -> Plant:
    """Noise by a share of the distance (at 3 m, where it grows as in stereo), alike over patches of some pixels."""

    def change(sample: Sample, generator: np.random.Generator) -> Sample:
        height, width = sample.depth_m.shape
        pixels = max(1.0, patch * max(height, width) / 320)
        coarse = generator.normal(0, 1, (round(height / pixels), round(width / pixels))).astype(np.float32)
        noise = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        scale = share * sample.depth_m / 3 if grows else share
        return with_depth(sample, sample.depth_m * np.clip(1 + scale * noise, 0.3, 3))

    return each(change)


def dotted(sample: Sample, generator: np.random.Generator) -> Sample:
    return with_depth(sample, np.where(generator.random(sample.depth_m.shape) < 0.4, 0, sample.depth_m))


def bordered(sample: Sample, _generator: np.random.Generator) -> Sample:
    height, width = sample.depth_m.shape
    depth_m = np.zeros_like(sample.depth_m)
    inner = np.s_[height // 7 : -(height // 7), width // 7 : -(width // 7)]
    depth_m[inner] = sample.depth_m[inner]
    return with_depth(sample, depth_m)


def stale(samples: list[Sample], _generator: np.random.Generator) -> list[Sample]:
    """The first depth map under every picture."""
    return [replace(sample, depth_m=samples[0].depth_m) for sample in samples]


def swapped(samples: list[Sample], _generator: np.random.Generator) -> list[Sample]:
    """The depth of the next frame that was taken (of some seconds later)."""
    return [
        replace(sample, depth_m=samples[(at + 1) % len(samples)].depth_m)
        for at, sample in enumerate(samples)
        if sample.depth_m.shape == samples[(at + 1) % len(samples)].depth_m.shape
    ] or samples


def mixed_sizes(samples: list[Sample], _generator: np.random.Generator) -> list[Sample]:
    """Every other frame turned by a right angle, as by a player that heeds the EXIF mark."""
    turned = [
        replace(s, image=np.rot90(s.image).copy(), depth_m=np.rot90(s.depth_m).copy(), camera=None) for s in samples
    ]
    return [turned[at] if at % 2 else sample for at, sample in enumerate(samples)]


FAULTS = {
    "x5: 5000 steps a metre read as mm": Fault("units", scaled(5)),
    "x5 as TUM writes it (whole mm)": Fault("units", each(tum)),
    "/3.9: 256 steps a metre read as mm": Fault("units", scaled(0.256)),
    "/10: centimetres read as mm": Fault("units", scaled(0.1)),
    "x10: 0.1 mm read as mm": Fault("units", scaled(10)),
    "8 bits x 10 m / 255": Fault("units", each(eight_bits)),
    "8 bits read as mm": Fault("units", each(eight_bits_as_mm)),
    "reciprocal (disparity)": Fault("planes", each(reciprocal)),
    "along the ray, not the axis": Fault("rays", each(along_the_ray)),
    "depth moved by 1.25 % (4 of 320 px)": Fault("registration", moved(4 / 320)),
    "depth moved by 2.5 % (8 of 320 px)": Fault("registration", moved(8 / 320)),
    "depth moved by 5 % (16 of 320 px)": Fault("registration", moved(16 / 320)),
    "colour magnified by 18 %": Fault("registration", each(magnified)),
    "depth mirrored": Fault("registration", each(mirrored)),
    "depth of the scene's next frame": Fault("registration", swapped, least_frames=2),
    "clipped at the 90th percentile": Fault("extent", clipped(90)),
    "clipped at the 97th percentile": Fault("extent", clipped(97)),
    "flat (1 %)": Fault("extent", each(flat)),
    "constant": Fault("extent", each(constant)),
    "largest depth scaled to 10 m": Fault("extent", each(normalised)),
    "nearly black": Fault("images", each(black)),
    "blurred, sigma 1.25 of 320 px": Fault("images", blurred(1.25)),
    "blurred, sigma 2.5 of 320 px": Fault("images", blurred(2.5)),
    "smeared over 3 of 320 columns": Fault("images", smeared(3)),
    "smeared over 6 of 320 columns": Fault("images", smeared(6)),
    "smeared over 6 of 320 rows": Fault("images", smeared(6, turned=True)),
    "noise of 4 % of the distance": Fault("noise", noisy(0.04)),
    "the same, alike over 3 of 320 px": Fault("noise", noisy(0.04, patch=3)),
    "noise of 4 % at 3 m, as in stereo": Fault("noise", noisy(0.04, patch=3, grows=True)),
    "40 % dotted holes": Fault("holes", each(dotted)),
    "borders without depth (49 %)": Fault("holes", each(bordered)),
    "one depth map for all pictures": Fault("leakage", stale, least_frames=2),
    "every other frame turned": Fault("cameras", mixed_sizes, least_frames=2),
}


def main(options: Options) -> None:
    """Print the tables."""
    source = open_source(options.frames)
    faults = {name: fault for name, fault in FAULTS.items() if options.check in (None, fault.check)}
    clean, spoilt, copies = measured(source, options.per_scene, faults)
    console = Console(width=170)
    console.print(f"{len(clean)} scenes, {sum(map(len, clean.values()))} frames, at most {options.per_scene} a scene")
    console.print(hits_table(clean, spoilt, options, console))
    console.print(alarms_table(clean, options, console))
    leak_lines(clean, copies, console)
    if options.faulty is not None:
        faulty, _, _ = measured(open_source(options.faulty), 1000, {})
        for scene, frames in faulty.items():
            for finding in findings_of(Study(frames)):
                console.print(f"{scene}: {finding.severity}: {finding.title}: {finding.evidence}")


def measured(
    source: Source, per_scene: int, faults: dict[str, Fault]
) -> tuple[dict[str, list[FrameFacts]], dict[str, dict[str, list[FrameFacts]]], dict[str, list[FrameFacts]]]:
    """Facts of each scene as it is, with each fault, and of copies of its frames."""
    scenes: dict[str, list[Frame]] = {}
    for frame in source.frames:
        scenes.setdefault(frame.scene, []).append(frame)
    clean, copies = {}, {}
    spoilt: dict[str, dict[str, list[FrameFacts]]] = {name: {} for name in faults}
    with ThreadPoolExecutor() as pool:
        for number, (scene, frames) in enumerate(scenes.items()):
            samples = list(pool.map(source.read, spread(frames, per_scene)))
            clean[scene] = list(pool.map(facts_of, samples))
            if not faults:
                continue
            copies[scene] = list(pool.map(facts_of, map(recompressed, samples)))
            for name, fault in faults.items():
                if len(samples) >= fault.least_frames:
                    generator = np.random.default_rng([number, *name.encode()])
                    spoilt[name][scene] = list(pool.map(facts_of, fault.plant(samples, generator)))
    return clean, spoilt, copies


def alarms(frames: Sequence[FrameFacts], check: str) -> list[Finding]:
    """Warnings and errors of one check, when they name at least half of the scenes or the data set as a whole."""
    study = Study(frames)
    found = [finding for finding in CHECKS[check].find(study) if finding.severity != "note"]
    named = {scene for finding in found for scene in finding.scenes or study.scenes}
    return found if len(named) >= len(study.scenes) / 2 else []


def hits_table(
    clean: dict[str, list[FrameFacts]],
    spoilt: dict[str, dict[str, list[FrameFacts]]],
    options: Options,
    console: Console,
) -> Table:
    """For each fault: how often it is noticed, by how much the check accuses the same scenes as they are."""
    size = options.scenes_per_set
    table = Table(title=f"planted faults: scenes alone, and {options.sets} data sets of {size} scenes")
    for column in ("fault", "check"):
        table.add_column(column)
    of_set = f"sets of {size}: "
    for column in ("scenes", "noticed", "errors", "false", "false errors"):
        table.add_column(column, justify="right")
    for column in (of_set + "noticed", "errors", "false", "false errors"):
        table.add_column(column, justify="right")
    generator = np.random.default_rng(0)
    for name, scenes in spoilt.items():
        fault = FAULTS[name]
        alone = {scene: alarms(frames, fault.check) for scene, frames in scenes.items()}
        before = {scene: alarms(clean[scene], fault.check) for scene in scenes}
        sets = [generator.choice(list(scenes), size, replace=False) for _ in range(options.sets)]
        together = [alarms([f for scene in chosen for f in scenes[scene]], fault.check) for chosen in sets]
        untouched = [alarms([f for scene in chosen for f in clean[scene]], fault.check) for chosen in sets]
        table.add_row(
            name,
            fault.check,
            str(len(scenes)),
            *rates(list(alone.values())),
            *rates(list(before.values())),
            *rates(together),
            *rates(untouched),
        )
        if options.misses:
            console.print(f"{name}: missed {', '.join(scene for scene, found in alone.items() if not found)}")
    return table


def alarms_table(clean: dict[str, list[FrameFacts]], options: Options, console: Console) -> Table:
    """For each check: what it says about the scenes as they are."""
    table = Table(title="the scenes as they are, each alone")
    table.add_column("check")
    for column in ("errors", "warnings", "of scenes"):
        table.add_column(column, justify="right")
    for check in CHECKS:
        found = {scene: alarms(frames, check) for scene, frames in clean.items()}
        errors = {scene for scene, findings in found.items() if any(f.severity == "error" for f in findings)}
        warned = {scene for scene, findings in found.items() if findings} - errors
        table.add_row(check, str(len(errors)), str(len(warned)), str(len(found)))
        if options.misses and (errors or warned):
            console.print(f"{check}: errors {', '.join(sorted(errors))}; warnings {', '.join(sorted(warned))}")
    return table


def leak_lines(clean: dict[str, list[FrameFacts]], copies: dict[str, list[FrameFacts]], console: Console) -> None:
    """Each scene judged against all others, as it is and with another compression of its frames in training."""
    hits, false = 0, 0
    for scene, frames in clean.items():
        others = [
            f for other, fs in clean.items() if other != scene and fs[0].frame.room != frames[0].frame.room for f in fs
        ]
        hits += bool(leaks([*others, *renamed(copies[scene])], frames))
        false += bool(leaks(others, frames))
    console.print(
        f"leaks: another JPEG of the scene's frames (70 % of the size, quality 60, 10 % brighter) in training: noticed "
        f"in {hits} of {len(clean)} scenes; without: {false} false alarms"
    )


def leaks(train: Sequence[FrameFacts], validation: Sequence[FrameFacts]) -> list[Finding]:
    identities = [tuple(facts.frame.identity for facts in part) for part in (train, validation)]
    study = Study([*train, *validation], split=Split(identities[0], identities[1], SplitRule()))
    return [finding for finding in CHECKS["leakage"].find(study) if finding.severity != "note"]


def renamed(frames: Sequence[FrameFacts]) -> list[FrameFacts]:
    return [replace(facts, frame=replace(facts.frame, scene="copy", room="copy")) for facts in frames]


def recompressed(sample: Sample) -> Sample:
    height, width = sample.image.shape[:2]
    smaller = Image.fromarray(sample.image).resize((round(width * 0.7), round(height * 0.7)))
    brighter = Image.fromarray((np.asarray(smaller) * 1.1).clip(0, 255).astype(np.uint8))
    file = io.BytesIO()
    brighter.save(file, "JPEG", quality=60)
    return replace(sample, image=np.array(Image.open(file)), camera=None)


def rates(found: Sequence[Sequence[Finding]]) -> tuple[str, str]:
    noticed = [bool(findings) for findings in found]
    return share(noticed), share([any(f.severity == "error" for f in findings) for findings in found])


def share(claims: Sequence[bool]) -> str:
    return f"{np.mean(claims):.0%}"


if __name__ == "__main__":
    main(tyro.cli(Options))
