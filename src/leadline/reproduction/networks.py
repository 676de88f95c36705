"""Tables 1 and 2 and Figure 2, from the live networks."""

from __future__ import annotations

from html import escape

from leadline.networks.depth_net import DepthNet
from leadline.networks.summary import Stage, Summary, summarize
from leadline.report.plots import standalone
from leadline.reproduction.claims import FILE_MB, PARAMETERS, WHY_PARAMETERS_DIFFER
from leadline.reproduction.exhibit import Exhibit, table_exhibit

ENCODERS = ("yolov8n", "densenet169")
"""The paper's two."""

HEIGHT, WIDTH = 240, 320
"""Of the paper's pictures."""

_BOX_WIDTH, _BOX_HEIGHT, _GAP = 150, 56, 22
_LEFT, _RIGHT = 5.0, 215.0
"""Of the columns of boxes: the drawing is as wide as a telephone shows it, so that its text can be read there."""


def encoders_table() -> Exhibit:
    """Table 1: parameters and bytes of the two encoders and their networks, beside the paper's claims."""
    found = [summarize(DepthNet(name), height=HEIGHT, width=WIDTH) for name in ENCODERS]
    counts = [one.parameters for one in found]
    facts = {
        "parameters of the encoder": [f"{one.encoder_parameters:,}" for one in found],
        "of the decoder": [f"{one.decoder_parameters:,}" for one in found],
        "of both": [f"{count:,}" for count in counts],
        "the paper claims": [f"{PARAMETERS[name]:,}" if name in PARAMETERS else "not known" for name in ENCODERS],
        "multiply-adds": [f"{one.macs / 1e9:.2f} G" for one in found],
        "file in 32 bits": [_megabytes(4 * count) for count in counts],
        "file in 16 bits": [_megabytes(2 * count) for count in counts],
        "32 bits and Adam's state": [_megabytes(12 * count) for count in counts],
        "the paper claims of a file": [f"{FILE_MB[name]} MB" if name in FILE_MB else "not known" for name in ENCODERS],
    }
    rows = [[name, *cells] for name, cells in facts.items()]
    caption = f"Counted on the live networks, for a picture of {HEIGHT}x{WIDTH}. {WHY_PARAMETERS_DIFFER}"
    return table_exhibit("Table 1: the encoders", caption, ["", *ENCODERS], rows, name="table1")


def architecture_table() -> Exhibit:
    """Table 2: the stages of the paper's network, with the shapes of their outputs."""
    found = summarize(DepthNet("yolov8n"), height=HEIGHT, width=WIDTH)
    rows = [[stage.name, "x".join(map(str, stage.shape)), f"{stage.parameters:,}"] for stage in found.stages]
    rows.append(["all", "", f"{found.parameters:,}"])
    caption = f"Each stage of the live yolov8n network, for a picture of 3x{HEIGHT}x{WIDTH}: channels x height x width."
    return table_exhibit("Table 2: the architecture", caption, ["stage", "output", "parameters"], rows, name="table2")


def architecture_figure() -> Exhibit:
    """Figure 2: the network drawn, encoder down the left, decoder up the right, skips between."""
    found = summarize(DepthNet("yolov8n"), height=HEIGHT, width=WIDTH)
    drawing = _drawing(found)
    caption = "Drawn from the live network: the encoder's features go across to the decoder's block of the same size."
    return Exhibit("Figure 2: the architecture", caption, drawing, {"figure2.svg": standalone(drawing)})


def _drawing(summary: Summary) -> str:
    *encoder, bottleneck = [stage for stage in summary.stages if not stage.name.startswith(("up", "head"))]
    decoder = [stage for stage in summary.stages if stage.name.startswith(("up", "head"))]
    lines = [("picture", f"3 @ {HEIGHT}x{WIDTH}", ""), *map(_said, encoder)]
    rows = max(len(lines), len(decoder)) + 1
    bottom, middle = rows - 1, (_LEFT + _RIGHT) / 2
    parts = [_box(_LEFT, row, *said, color=0) for row, said in enumerate(lines)]
    parts += [_arrow(_LEFT + _BOX_WIDTH / 2, row, row + 1) for row in range(len(lines) - 1)]
    parts.append(_box(middle, bottom, *_said(bottleneck), color=4))
    low = _top(bottom) + _BOX_HEIGHT / 2
    parts.append(_wire(f"M{_LEFT + _BOX_WIDTH / 2:g} {_top(bottom - 1) + _BOX_HEIGHT}V{low:g}H{middle:g}"))
    # The last stage of a size is the one that is handed on.
    given = {stage.shape[1:]: row for row, stage in enumerate(encoder, start=1)}
    taken = bottom
    for stage in decoder:
        row = min(given.get(stage.shape[1:], taken - 1), taken - 1)
        parts.append(_box(_RIGHT, row, *_said(stage), color=2))
        if stage.name.startswith("up"):
            parts.append(_across(_LEFT + _BOX_WIDTH, _RIGHT, row))
        up = _RIGHT + _BOX_WIDTH / 2
        from_bottom = _wire(f"M{middle + _BOX_WIDTH:g} {low:g}H{up:g}V{_top(row) + _BOX_HEIGHT}")
        parts.append(from_bottom if taken == bottom else _arrow(up, taken, row))
        taken = row
    width, height = _RIGHT + _BOX_WIDTH + _LEFT, rows * (_BOX_HEIGHT + _GAP)
    return (
        f'<svg class="plot" style="max-width: {width * 1.1:.0f}px" viewBox="0 0 {width:g} {height}" role="img" '
        f'aria-label="the architecture">{"".join(parts)}</svg>'
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _said(stage: Stage) -> tuple[str, str, str]:
    channels, *size = stage.shape
    return stage.name, f"{channels} @ {'x'.join(map(str, size))}", f"{stage.parameters:,} parameters"


def _top(row: int) -> int:
    return row * (_BOX_HEIGHT + _GAP) + _GAP // 2


def _box(x: float, row: int, name: str, *said: str, color: int) -> str:
    middle = x + _BOX_WIDTH / 2
    lines = "".join(
        f'<text x="{middle:g}" y="{_top(row) + 33 + 15 * at}" text-anchor="middle">{escape(line)}</text>'
        for at, line in enumerate(said)
        if line
    )
    return (
        f'<g class="line c{color}"><rect class="box" x="{x:g}" y="{_top(row)}" width="{_BOX_WIDTH}" '
        f'height="{_BOX_HEIGHT}" rx="5"/></g>'
        f'<text class="title" x="{middle:g}" y="{_top(row) + 17}" text-anchor="middle">{escape(name)}</text>{lines}'
    )


def _arrow(x: float, start: int, end: int) -> str:
    """Down, or up, from a row's box to another's."""
    down = end > start
    y1, y2 = (_top(start) + _BOX_HEIGHT, _top(end)) if down else (_top(start), _top(end) + _BOX_HEIGHT)
    tip = -5 if down else 5
    return _wire(f"M{x:g} {y1}V{y2}M{x - 4:g} {y2 + tip}L{x:g} {y2}L{x + 4:g} {y2 + tip}")


def _across(x1: float, x2: float, row: int) -> str:
    """From the encoder's box to the decoder's in the same row."""
    y = _top(row) + _BOX_HEIGHT / 2
    return _wire(f"M{x1:g} {y:g}H{x2:g}M{x2 - 5:g} {y - 4:g}L{x2:g} {y:g}L{x2 - 5:g} {y + 4:g}")


def _wire(way: str) -> str:
    return f'<path class="wire" d="{way}"/>'
