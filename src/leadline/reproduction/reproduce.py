"""`leadline reproduce`: the exhibits by name, on one page."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from html import escape

from rich.console import Console

from leadline import __version__
from leadline.atomic import atomic_write, check_writable
from leadline.benchmark.machine import machine_line
from leadline.errors import UsageError
from leadline.options import ReproduceOptions
from leadline.report.page import html_page
from leadline.reproduction import frames, networks
from leadline.reproduction.claims import PAPER
from leadline.reproduction.exhibit import Exhibit, data_note
from leadline.reproduction.material import Material

EXHIBITS: dict[str, Callable[[Material], Exhibit]] = {
    "table1": lambda _: networks.encoders_table(),
    "table2": lambda _: networks.architecture_table(),
    "table3": frames.evaluation_table,
    "figure1": frames.examples_figure,
    "figure2": lambda _: networks.architecture_figure(),
    "figure3": frames.overfitting_figure,
    "figure4": frames.curves_figure,
    "figure5": frames.predictions_figure,
}
"""Every table and figure of the paper, in its order."""

NEED_NO_FRAMES = ("table1", "table2", "figure2")


def reproduce_command(options: ReproduceOptions) -> None:
    """Make one exhibit, or all, and write the page with its files.

    Raises:
        UsageError: an exhibit of frames without frames.
        InputError: frames that cannot be used.
        DownloadError: pre-trained weights that could not be fetched.
        TrainingInterrupted: a signal came; the same command goes on.
        OutputError: no space or no permission.
    """
    console = Console(stderr=True)
    names = list(EXHIBITS) if options.exhibit == "all" else [options.exhibit]
    page = options.out / ("report.html" if options.exhibit == "all" else f"{options.exhibit}.html")
    check_writable(page)
    machine, began = machine_line(), time.monotonic()
    material = Material(options, console)
    if any(name not in NEED_NO_FRAMES for name in names):
        _say_what_is_given(material)
    exhibits, sections = [], []
    for name in names:
        start = time.monotonic()
        exhibit = EXHIBITS[name](material)
        took_s = time.monotonic() - start
        exhibits.append(exhibit)
        sections.append(exhibit.as_html(took_s))
        for file, text in exhibit.files.items():
            with atomic_write(options.out / file) as part:
                part.write_text(text, encoding="utf-8")
        console.print(f"{exhibit.title}, {took_s:.0f} s: {exhibit.caption}", highlight=False, soft_wrap=True)
    head = _head(options, exhibits, took_s=time.monotonic() - began, machine=machine)
    with atomic_write(page) as part:
        part.write_text(html_page(_TITLE, f"{head}{''.join(sections)}"), encoding="utf-8")
    print(page)


_TITLE = f"{PAPER}: reproduced"


def _head(options: ReproduceOptions, exhibits: Sequence[Exhibit], *, took_s: float, machine: str) -> str:
    """Above the exhibits: what made them, and the way to each."""
    links = ", ".join(f"<a href=#{exhibit.anchor}>{exhibit.number}</a>" for exhibit in exhibits)
    return (
        f"<h1>{_TITLE}</h1><p>By leadline {__version__} in {took_s / 60:.1f} minutes, trainings that were found done "
        f"not counted, on {escape(machine)}.</p><pre class=wraps>{escape(_command(options))}</pre>"
        f"<p class=note>Figures of the paper are named as its claims; all others were measured here.</p><p>{links}</p>"
    )


def _say_what_is_given(material: Material) -> None:
    """Open the frames and the training, so that what is wrong with them is told before hours of work."""
    options = material.options
    if options.data is None:
        raise UsageError(
            f"{options.exhibit} needs frames: --data DIR, NYU Depth v2 or any other kind that docs/data.md lists"
        )
    said = [data_note(material.source)]
    if options.run is not None:
        said.append(f"{options.run}: {material.training_note}")
    material.console.print(" ".join(said), highlight=False, soft_wrap=True)


def _command(options: ReproduceOptions) -> str:
    """The command that these options are, as a shell takes it."""
    words = ["leadline", "reproduce", options.exhibit]
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name != "exhibit" and value != field.default:
            words += [f"--{field.name.replace('_', '-')}", str(value)]
    return shlex.join(words)
