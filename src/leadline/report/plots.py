"""Plots as SVG that takes its colours from the page: no library's plot follows a page from light to dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

_WIDTH, _HEIGHT = 380.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM, _ROW = 46.0, 12.0, 26.0, 34.0, 15.0


class Line(NamedTuple):
    """A series: its name, its points, and which of the page's colours it has."""

    name: str
    points: Sequence[tuple[float, float]]
    color: int


class Axis(NamedTuple):
    """From values to pixels: the first of each pair is where the axis begins."""

    values: tuple[float, float]
    pixels: tuple[float, float]

    def at(self, value: float) -> float:
        """The pixel of a value."""
        (low, high), (start, end) = self.values, self.pixels
        return start + (value - low) / (high - low) * (end - start)


def line_chart(title: str, lines: Sequence[Line], *, x_title: str, from_zero: bool = False) -> str:
    """Lines over a common x, with a legend when there is more than one.

    Args:
        title: of the plot; what its y is, with the unit.
        lines: points that are not finite are left out.
        x_title: what x is.
        from_zero: begin the y axis at 0.

    Returns:
        An <svg> element; a short text when there is nothing to draw.
    """
    lines = [line._replace(points=[p for p in line.points if all(map(math.isfinite, p))]) for line in lines]
    xs, ys = ([point[axis] for line in lines for point in line.points] for axis in (0, 1))
    if not xs:
        return f"<p class=nothing>{escape(title)}: nothing to draw yet</p>"
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(0.0, *ys) if from_zero else min(ys), max(ys))
    across = Axis((x_ticks[0], x_ticks[-1]), (_LEFT, _WIDTH - _RIGHT))
    up = Axis((y_ticks[0], y_ticks[-1]), (_HEIGHT - _BOTTOM, _TOP))
    drawn = "".join(_path(line, across, up) for line in lines)
    x_name = _text(_WIDTH - _RIGHT, _HEIGHT - 4, x_title, anchor="end")
    return _svg(title, f"{_grid(across, up, x_ticks, y_ticks)}{drawn}{x_name}", lines)


def bar_chart(title: str, labels: Sequence[str], lines: Sequence[Line]) -> str:
    """Bars side by side at each label; a line's points are (index of the label, height >= 0).

    Returns:
        An <svg> element; a short text when there is nothing to draw.
    """
    heights = [y for line in lines for _, y in line.points if math.isfinite(y)]
    if not heights:
        return f"<p class=nothing>{escape(title)}: nothing to draw yet</p>"
    y_ticks = ticks(0.0, max(heights))
    across, up = (
        Axis((0.0, float(len(labels))), (_LEFT, _WIDTH - _RIGHT)),
        Axis((0.0, y_ticks[-1]), (_HEIGHT - _BOTTOM, _TOP)),
    )
    wide = (across.at(1.0) - across.at(0.0)) * 0.8 / len(lines)
    bars = "".join(
        f'<rect class="bar c{line.color}" x="{across.at(x + 0.1) + place * wide:.1f}" y="{up.at(y):.1f}" '
        f'width="{wide:.1f}" height="{up.at(0.0) - up.at(y):.1f}"/>'
        for place, line in enumerate(lines)
        for x, y in line.points
        if math.isfinite(y)
    )
    names = "".join(_text(across.at(at + 0.5), _HEIGHT - 18, label) for at, label in enumerate(labels))
    return _svg(title, _grid(across, up, (), y_ticks) + bars + names, lines)


def standalone(svg: str) -> str:
    """A plot of a page as a file of its own, which brings the page's colours along."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    shown = "svg { background: var(--paper); }"
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        ">", f"><style>{style}{shown}</style>", 1
    )


_LEAST_SPREAD = 1e-9
"""Of less no axis can be made: its logarithm may not even be a number."""


def ticks(low: float, high: float) -> list[float]:
    """Round numbers, evenly apart, from at most `low` to at least `high`.

    Example:
        >>> ticks(0.12, 0.47)
        [0.1, 0.2, 0.3, 0.4, 0.5]
    """
    spread = next(size for size in (high - low, abs(high), 1.0) if size > _LEAST_SPREAD)
    rough = spread / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    # 0.3 / 0.1 is a little less than 3.
    within = 1e-14 * max(1.0, abs(low / step), abs(high / step))
    first, last = math.floor(low / step + within), math.ceil(high / step - within)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [float(round(index * step, digits)) for index in range(first, max(last, first + 1) + 1)]


def _path(line: Line, across: Axis, up: Axis) -> str:
    places = [(across.at(x), up.at(y)) for x, y in line.points]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in places) if len(places) <= 30 else ""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<g class="line c{line.color}"><polyline points="{joined}"/>{dots}</g>'


def _grid(across: Axis, up: Axis, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    rules = "".join(
        f'<line class="rule" x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{up.at(y):.1f}" y2="{up.at(y):.1f}"/>'
        + _text(_LEFT - 5, up.at(y) + 4, f"{y:g}", anchor="end")
        for y in y_ticks
    )
    return rules + "".join(_text(across.at(x), _HEIGHT - 18, f"{x:g}") for x in x_ticks)


def _legend(lines: Sequence[Line]) -> str:
    """Names in the order of the lines, each with its colour, below the plot."""
    return "".join(
        f'<g class="line c{line.color}"><circle cx="{_LEFT + 4:g}" cy="{_HEIGHT + 8 + _ROW * row:g}" r="4"/></g>'
        + _text(_LEFT + 14, _HEIGHT + 12 + _ROW * row, line.name, anchor="start")
        for row, line in enumerate(lines)
    )


def _svg(title: str, content: str, lines: Sequence[Line]) -> str:
    legend, rows = (_legend(lines), len(lines)) if len(lines) > 1 else ("", 0)
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH:g} {_HEIGHT + _ROW * rows:g}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
        f"{_text(_LEFT, 14.0, title, anchor='start', kind='title')}{content}{legend}</svg>"
    )


def _text(x: float, y: float, text: str, *, anchor: str = "middle", kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
