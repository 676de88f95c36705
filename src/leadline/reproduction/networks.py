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

_BOX_WIDTH, _BOX_HEIGHT, _GAP = 220, 44, 26


def encoders_table() -> Exhibit:
    """Table 1: parameters and bytes of the two encoders and their networks, beside the paper's claims."""
    rows = []
    for name in ENCODERS:
        found = summarize(DepthNet(name), height=HEIGHT, width=WIDTH)
        claimed = f"{PARAMETERS[name]:,}" if name in PARAMETERS else "not known here"
        claimed_mb = f"{FILE_MB[name]} MB" if name in FILE_MB else "not known here"
        figures = (found.encoder_parameters, found.decoder_parameters, found.parameters)
        bytes_of = (4 * found.parameters, 2 * found.parameters, 12 * found.parameters)
        sizes = [f"{count / 1e6:.1f} MB" for count in bytes_of]
        counted = [f"{count:,}" for count in figures]
        rows.append([name, *counted, claimed, f"{found.macs / 1e9:.2f}", *sizes, claimed_mb])
    head = ["network", "encoder", "decoder", "all", "the paper's claim", "GMACs", "fp32", "fp16",
            "fp32 with Adam's state", "the paper's claim"]  # fmt: skip
    caption = f"Counted on the live networks, for a picture of {HEIGHT}x{WIDTH}. {WHY_PARAMETERS_DIFFER}"
    return table_exhibit("Table 1: the encoders", caption, head, rows, name="table1")


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
    lines = [("picture", f"3 @ {HEIGHT}x{WIDTH}"), *((stage.name, _said(stage)) for stage in encoder)]
    rows = max(len(lines), len(decoder)) + 1
    left, right = 10.0, 160.0 + _BOX_WIDTH
    boxes, places = [], {}
    for row, (name, said) in enumerate(lines):
        boxes.append(_box(left, row, name, said, color=0))
    for stage, row in zip(encoder, range(1, len(lines)), strict=True):
        places[stage.shape[1:]] = row  # the last one of a size is the one that is handed on
    boxes.append(_box((left + right) / 2.0, rows - 1, bottleneck.name, _said(bottleneck), color=4))
    arrows = [_arrow(left + _BOX_WIDTH / 2, row, row + 1) for row in range(len(lines) - 1)]
    low, middle = _top(rows - 1) + _BOX_HEIGHT / 2, (left + right) / 2
    arrows.append(_wire(f"M{left + _BOX_WIDTH / 2:g} {_top(rows - 2) + _BOX_HEIGHT}V{low:g}H{middle:g}"))
    taken = rows - 1
    for stage in decoder:
        row = min(places.get(stage.shape[1:], taken - 1), taken - 1)
        boxes.append(_box(right, row, stage.name, _said(stage), color=2))
        if stage.name.startswith("up"):
            arrows.append(_across(left + _BOX_WIDTH, right, row))
        if taken < rows - 1:
            arrows.append(_arrow(right + _BOX_WIDTH / 2, taken, row))
        else:
            arrows.append(
                _wire(f"M{middle + _BOX_WIDTH:g} {low:g}H{right + _BOX_WIDTH / 2:g}V{_top(row) + _BOX_HEIGHT}")
            )
        taken = row
    size = right + _BOX_WIDTH + 10, rows * (_BOX_HEIGHT + _GAP)
    return (
        f'<svg class="plot" viewBox="0 0 {size[0]:g} {size[1]}" role="img" aria-label="the architecture">'
        f"{''.join(arrows)}{''.join(boxes)}</svg>"
    )


def _said(stage: Stage) -> str:
    channels, *size = stage.shape
    return f"{channels} @ {'x'.join(map(str, size))}, {stage.parameters:,} parameters"


def _top(row: int) -> int:
    return row * (_BOX_HEIGHT + _GAP) + _GAP // 2


def _box(x: float, row: int, name: str, said: str, *, color: int) -> str:
    middle = x + _BOX_WIDTH / 2
    return (
        f'<g class="line c{color}"><rect class="box" x="{x:g}" y="{_top(row)}" width="{_BOX_WIDTH}" '
        f'height="{_BOX_HEIGHT}" rx="5"/></g>'
        f'<text class="title" x="{middle:g}" y="{_top(row) + 18}" text-anchor="middle">{escape(name)}</text>'
        f'<text x="{middle:g}" y="{_top(row) + 35}" text-anchor="middle">{escape(said)}</text>'
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
