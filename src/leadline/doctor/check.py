"""`leadline data check`, and the quick look that a training takes before it starts."""

from __future__ import annotations

import json
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leadline.atomic import atomic_write
from leadline.data.frames import decoding_workers, split_rule
from leadline.data.sources.catalog import open_source
from leadline.doctor.examine import examine, findings_of, spread
from leadline.doctor.findings import Finding, Study, shown
from leadline.doctor.report import as_json, counts, page, print_report
from leadline.errors import FaultyData, UsageError
from leadline.options import CheckOptions, DataOptions

FRAMES_BEFORE_TRAINING = 64
_ABOUT_SENSORS = {"planes", "holes", "noise", "registration", "cameras"}
"""Checks that expect measured depth: what a teacher estimated is soft at edges, bent on walls, and of any camera."""


def check_command(options: CheckOptions) -> None:
    """Look at a data set, print or write what was found.

    Raises:
        FaultyData: there are errors.
    """
    data = DataOptions(
        root=options.data,
        source=options.source,
        depth_unit_m=options.depth_unit_m,
        split_by=options.split_by,
        validation_file=options.validation_file,
        validation_share=options.validation_share,
    )
    console = Console(stderr=True)
    workers = options.workers or decoding_workers()
    study, findings = look_at(data, seed=options.seed, count=options.frames, workers=workers, console=console)
    if options.html is not None:
        source = open_source(options.data, kind=options.source, depth_unit_m=options.depth_unit_m)
        with atomic_write(options.html) as part:
            part.write_text(page(study, findings, source, title=f"Data check of {options.data}"), encoding="utf-8")
        console.print(f"report with pictures: {options.html}", highlight=False, soft_wrap=True)
    if options.json:
        print(json.dumps(as_json(study, findings), indent=1))
    else:
        out = Console()
        # A pipe has no width; 80 columns would cut the figures.
        print_report(study, findings, console=out if out.is_terminal else Console(width=140))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise FaultyData(f"{options.data}: the data check found errors: {'; '.join(error.title for error in errors)}")


def check_before_training(data: DataOptions, *, seed: int, console: Console) -> None:
    """Look at a few frames of every source for what would waste the training; a few seconds each.

    Unreadable frames are not its business: preparing the store finds all of them. Further sources have no split to leak
    across.

    Raises:
        FaultyData: errors; says how to train nevertheless.
    """
    _check_source(data, seed=seed, console=console, leave_out={"reading"})
    for further in data.more:
        alone = replace(
            data,
            root=further.root,
            source=further.source,
            depth_unit_m=further.depth_unit_m,
            split_by="same",
            validation_file=None,
            more=(),
        )
        _check_source(alone, seed=seed, console=console, leave_out={"reading", "leakage"})


def _check_source(data: DataOptions, *, seed: int, console: Console, leave_out: set[str]) -> None:
    study, found = look_at(data, seed=seed, count=FRAMES_BEFORE_TRAINING, workers=decoding_workers(), console=console)
    if any(facts.frame.is_relative for facts in study.frames):
        return  # no metres to judge
    if any(facts.frame.confidence < 1 for facts in study.frames):
        leave_out = leave_out | _ABOUT_SENSORS
    findings = [finding for finding in found if finding.check not in leave_out]
    for finding in findings:
        if finding.severity == "warning":
            where = f" ({shown(finding.scenes, count=3)})" if finding.scenes else ""
            console.print(f"[yellow]data check:[/] {escape(finding.title + where)}", highlight=False, soft_wrap=True)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        said = "\n".join(f"  {error.title}: {error.evidence}\n  {error.cure}" for error in errors)
        raise FaultyData(
            f"{data.root}: of {len(study.frames)} frames looked at:\n{said}\n"
            f"See all with: leadline data check {data.root} --html report.html. "
            "Train nevertheless with --data.no-check (check: false in the recipe's data section)."
        )
    if counts(findings)["warning"]:
        console.print(f"[yellow]see:[/] leadline data check {data.root} --html report.html", soft_wrap=True)


def look_at(
    data: DataOptions, *, seed: int, count: int | None, workers: int, console: Console
) -> tuple[Study, list[Finding]]:
    """Measure the frames of a source, with a progress bar, and judge them.

    Args:
        data: which frames, and the split to look for leaks across.
        seed: of the split.
        count: look at so many frames only, spread over the scenes; all when None.
        workers: threads that read and measure.
        console: for the progress bar.

    Raises:
        UsageError: no data.root.
        InputError: the source cannot be opened at all.
    """
    if data.root is None:
        raise UsageError("where are the frames? Give --data.root DIR, or root: in the recipe's data section")
    source = open_source(data.root, kind=data.source, depth_unit_m=data.depth_unit_m)
    frames = spread(source.frames, count)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("checking frames", total=len(frames))
        study = examine(
            source,
            frames,
            rule=split_rule(data, seed=seed),
            workers=workers,
            depth_unit_m=data.depth_unit_m,
            advance=lambda: progress.advance(task),
        )
    return study, findings_of(study)
