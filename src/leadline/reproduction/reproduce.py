"""`leadline reproduce`: the exhibits by name, on one page."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from leadline.atomic import atomic_write
from leadline.errors import UsageError
from leadline.options import ReproduceOptions
from leadline.report.page import html_page
from leadline.reproduction import frames, networks
from leadline.reproduction.claims import PAPER
from leadline.reproduction.exhibit import Exhibit
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
    if options.data is None and any(name not in NEED_NO_FRAMES for name in names):
        raise UsageError(
            f"{options.exhibit} needs frames: --data DIR, NYU Depth v2 or any other kind that docs/data.md lists"
        )
    began = time.monotonic()
    material, sections = Material(options, console), []
    for name in names:
        start = time.monotonic()
        exhibit = EXHIBITS[name](material)
        took_s = time.monotonic() - start
        sections.append(exhibit.as_html(took_s))
        for file, text in exhibit.files.items():
            with atomic_write(options.out / file) as part:
                part.write_text(text, encoding="utf-8")
        console.print(f"{exhibit.title}, {took_s:.0f} s: {exhibit.caption}", highlight=False, soft_wrap=True)
    title = f"{PAPER}: reproduced"
    page = options.out / ("report.html" if options.exhibit == "all" else f"{options.exhibit}.html")
    total = f"<p>All was made in {(time.monotonic() - began) / 60:.1f} minutes.</p>"
    claims = "<p class=note>Figures of the paper are named as its claims; all others were measured here.</p>"
    with atomic_write(page) as part:
        part.write_text(html_page(title, f"<h1>{title}</h1>{total}{claims}{''.join(sections)}"), encoding="utf-8")
    print(page)
