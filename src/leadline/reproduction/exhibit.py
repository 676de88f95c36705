"""A table or a figure of the paper, made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from leadline.data.sample import Source
from leadline.data.sources.bts_nyu import BtsNyu
from leadline.data.sources.densedepth_nyu import DenseDepthNyu
from leadline.data.sources.fastdepth_h5 import FastDepthH5
from leadline.data.sources.nyu_labeled import NyuLabeled
from leadline.report.sections import table

NYU_KINDS = (DenseDepthNyu, NyuLabeled, BtsNyu, FastDepthH5)
"""The kinds of source that are NYU Depth v2, the paper's data set."""


@dataclass(frozen=True)
class Exhibit:
    """What stands on the page.

    Attributes:
        title: as the paper numbers it, and what it shows.
        caption: on what it was made, and what is to be known about it; plain text.
        html: its body.
        files: further files by name: tables as Markdown, drawings as SVG.
    """

    title: str
    caption: str
    html: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """As the paper says it: Table 1."""
        return self.title.split(":")[0]

    @property
    def anchor(self) -> str:
        """Where it stands on the page: table1."""
        return self.number.replace(" ", "").lower()

    def as_html(self, took_s: float) -> str:
        """The exhibit as a section of the page."""
        return (
            f"<section id={self.anchor}><h2>{escape(self.title)}</h2><p>{escape(self.caption)}</p>{self.html}"
            f"<p class=nothing>Made in {took_s:,.0f} s.</p></section>"
        )


def data_note(source: Source) -> str:
    """Which frames an exhibit is of, marked where they are not the paper's."""
    if isinstance(source, NYU_KINDS):
        return f"On NYU Depth v2 ({source.root.name}), as in the paper."
    rooms = len({frame.room for frame in source.frames})
    name = source.root.resolve().name
    return f"Not on NYU Depth v2, which the paper used, but on {name} ({len(source.frames):,} frames of {rooms} rooms)."


def table_exhibit(
    title: str, caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, name: str
) -> Exhibit:
    """An exhibit that is a table, with the same as Markdown beside the page."""
    return Exhibit(title, caption, table(head, rows), {f"{name}.md": markdown(head, rows)})


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column is text, the others figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
