"""The page: one file of HTML with its pictures and plots inside, without scripts and addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

import yaml

from leadline import __version__
from leadline.benchmark.contest import Contest
from leadline.evaluation.protocol import Protocol
from leadline.recipes import as_plain
from leadline.report import sections
from leadline.report.measured import Measured, comparable
from leadline.report.pictures import picture_row, spread_frames, worst_frames
from leadline.report.run import Run


def html_page(title: str, body: str) -> str:
    """A whole page with the report's style."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def report_body(
    runs: Sequence[Run],
    measured: Sequence[Measured],
    missing: Mapping[str, str],
    *,
    protocol: Protocol,
    contest: Contest | None,
    machine: str,
    pictures: int,
    worst: int,
) -> str:
    """All sections, top to bottom.

    Args:
        runs: of the report.
        measured: those whose model could be measured.
        missing: of the others the reasons, by name.
        protocol: by which was measured.
        contest: speeds of the measured models, in their order; None when they were not wanted.
        machine: that the speeds are of.
        pictures: frames to show.
        worst: of the worst frames to show.
    """
    parts = [
        f"<h1>{escape(' and '.join(run.name for run in runs))}</h1><p>A report of leadline {__version__}.</p>",
        *(f"<p class=note>{escape(name)} is not measured: {escape(why)}.</p>" for name, why in missing.items()),
        f"<h2>The runs</h2>{sections.overview(runs)}{sections.recipe_differences(runs)}",
        f"<h2>Curves</h2>{sections.curves(runs)}",
    ]
    groups = comparable(measured)
    if len(groups) > 1:
        parts.append(
            "<p class=note>Not all runs were judged by the same frames: compare only what stands together.</p>"
        )
    parts += [_measured(group, protocol, pictures=pictures, worst=worst) for group in groups]
    if contest is not None:
        speeds = sections.speed_table(contest, [one.run.name for one in measured])
        parts.append(f"<h2>Speed and memory</h2>{speeds}<p class=note>{escape(machine)}</p>")
    parts += [_particulars(run, measured) for run in runs]
    return "".join(parts)


def _measured(group: Sequence[Measured], protocol: Protocol, *, pictures: int, worst: int) -> str:
    first = group[0].evaluation
    rooms = len(first.rooms())
    names = escape(", ".join(one.run.name for one in group))
    parts = [
        f"<h2>Measured: {names}</h2>",
        f"<p>{len(first.scores)} frames of {rooms} room{'s' * (rooms != 1)}. {escape(protocol.describe())}. In "
        "brackets: 95 % intervals, rooms drawn anew.</p>",
        _warnings(group),
        *(make(group) for make in (sections.metrics_table, sections.differences_table, sections.shape_table)),
        f"<h3>Scene by scene</h3>{sections.scenes_table(group)}",
        f"<h3>By depth</h3>{sections.ranges(group)}",
    ]
    for title, frames in (("Pictures", spread_frames(group, pictures)), ("Worst frames", worst_frames(group, worst))):
        rows = "".join(picture_row(frame, group, protocol) for frame in frames)
        parts.append(f"<h3>{title}</h3>{rows}" if rows else "")
    return "".join(parts)


def _warnings(group: Sequence[Measured]) -> str:
    notes = []
    for one in group:
        name = escape(one.run.name)
        if one.run.caveat:
            notes.append(f"{name} {one.run.caveat}.")
        if one.evaluation.skipped:
            notes.append(f"{name}: {len(one.evaluation.skipped)} frames could not be measured.")
        model, constant = one.evaluation.over_rooms()
        if model.rel >= constant.rel:
            notes.append(f"{name} does not beat the constant prediction.")
    return "".join(f"<p class=note>{note}</p>" for note in notes)


def _particulars(run: Run, measured: Sequence[Measured]) -> str:
    """Model card, commands, versions and recipe of one run."""
    card = next((one.predictor.card.describe() for one in measured if one.run is run), "no model was measured")
    versions = ", ".join(f"{name} {found}" for name, found in run.versions.items())
    recipe = yaml.safe_dump(as_plain(run.recipe), sort_keys=False)
    return (
        f"<h2>{escape(run.name)}: card, commands, recipe</h2><pre>{escape(card)}</pre>"
        f"<pre>{escape(chr(10).join(run.commands()))}</pre><p>{escape(versions)}</p>"
        f"<details><summary>recipe</summary><pre>{escape(recipe)}</pre></details>"
    )
