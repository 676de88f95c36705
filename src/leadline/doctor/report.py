"""What the checks found, as a table for people, JSON for programs, and a page with pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

import numpy as np
from rich.console import Console
from rich.markup import escape as plain
from rich.table import Table

from leadline.data.sample import Source
from leadline.depth.images import data_uri
from leadline.doctor.findings import SEVERITIES, Example, Finding, FrameFacts, Severity, Study
from leadline.doctor.holes import HoleFacts
from leadline.doctor.images import ImageFacts
from leadline.doctor.noise import noise
from leadline.doctor.pictures import depth_caption, draw
from leadline.doctor.registration import registration
from leadline.doctor.units import HISTOGRAM_BIN_M, UnitFacts
from leadline.errors import InputError

NYU = "NYU Depth v2: median about 2.4 to 2.7 m, range 0.7 to 10 m, 63 degrees"
"""Published facts of the data set that models of rooms are compared on."""


@dataclass(frozen=True)
class SceneRow:
    """One scene in numbers.

    Attributes:
        noise: standard deviation of far depth, as a share of the distance; None when too little is seen.
        offset: shift at which colour and depth fit best, (right, down) in pixels at 320; None when nothing stands out.
    """

    scene: str
    frames: int
    width: int
    height: int
    fov_deg: float | None
    near_m: float
    median_m: float
    far_m: float
    holes: float
    noise: float | None
    brightness: float
    sharpness: float
    offset: tuple[int, int] | None


def scene_rows(study: Study) -> list[SceneRow]:
    """A row for each scene: medians over its frames."""
    return [_row(scene, frames) for scene, frames in study.scenes.items()]


def counts(findings: Sequence[Finding]) -> dict[Severity, int]:
    """How many findings of each severity."""
    found = Counter(finding.severity for finding in findings)
    return {severity: found[severity] for severity in SEVERITIES}


def as_json(study: Study, findings: Sequence[Finding]) -> dict[str, object]:
    """Findings and scenes in plain values."""
    return {
        "frames": len(study.frames),
        "unreadable": dict(study.unreadable),
        "counts": counts(findings),
        "findings": [_plain(finding) for finding in findings],
        "scenes": [asdict(row) for row in scene_rows(study)],
        "histogram": {"bin_m": HISTOGRAM_BIN_M, "share": depth_histogram(study)},
        "nyu": NYU,
    }


def depth_histogram(study: Study) -> list[float]:
    """Share of the measured pixels in each bin of depth, every frame weighing the same."""
    frames = np.array([facts.get(UnitFacts).histogram for facts in study.frames], np.float64).reshape(
        len(study.frames), -1
    )
    if not frames.size:
        return []
    shares: list[float] = (frames / frames.sum(axis=1, keepdims=True)).mean(axis=0).round(5).tolist()
    return shares


def print_report(study: Study, findings: Sequence[Finding], *, console: Console) -> None:
    """The table of scenes, then the findings, the worst last so that it stays on the screen."""
    table = Table(title=f"{len(study.frames)} frames of {len(study.scenes)} scenes")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "scene" else "right")
    for row in scene_rows(study):
        table.add_row(*_cells(row))
    console.print(table)
    console.print(f"for comparison, {NYU}", highlight=False)
    for finding in reversed(findings):
        style = {"error": "bold red", "warning": "yellow", "note": "dim"}[finding.severity]
        console.print(f"\n[{style}]{finding.severity}[/] \\[{finding.check}] {plain(finding.title)}", highlight=False)
        for part in (finding.evidence, _where(finding), finding.cure):
            if part:
                console.print(f"  {plain(part)}", highlight=False, soft_wrap=True)
    console.print(f"\n{_counted(findings)}", highlight=False)


def page(study: Study, findings: Sequence[Finding], source: Source, *, title: str) -> str:
    """The report as one HTML file that needs nothing else: pictures are in it, no script, no address."""
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) + "</tr>" for row in scene_rows(study)
    )
    sections = "".join(_section(finding, source) for finding in findings)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=width=device-width>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1>"
        f"<p>{len(study.frames)} frames of {len(study.scenes)} scenes: {_counted(findings)}.</p>{sections}"
        f"<h2>Depth of all frames</h2>{_histogram(depth_histogram(study))}<p>{escape(NYU)}.</p>"
        f"<h2>Scenes</h2><table><tr>{head}</tr>{body}</table></html>\n"
    )


def _section(finding: Finding, source: Source) -> str:
    figures = "".join(_figure(example, source) for example in finding.examples)
    scenes = f"<p class=where>{escape(_where(finding))}</p>" if finding.scenes else ""
    cure = f"<p class=cure>{escape(finding.cure)}</p>" if finding.cure else ""
    evidence = escape(finding.evidence).replace("\n", "<br>")
    return (
        f"<section class={finding.severity}><h2><b>{finding.severity}</b> {escape(finding.title)}</h2>"
        f"<p>{evidence}</p>{scenes}{cure}<div>{figures}</div></section>"
    )


def _figure(example: Example, source: Source) -> str:
    try:
        picture = data_uri(draw(source, example))
        legend = depth_caption(source.read(example.frame)) if example.drawing in ("side", "farthest") else ""
    except InputError as error:  # gone since it was measured
        return f"<figure><figcaption>{escape(str(error))}</figcaption></figure>"
    caption = f"{escape(example.caption)}<br>{legend}"
    return f'<figure><img alt="{escape(example.caption)}" src="{picture}"><figcaption>{caption}</figcaption></figure>'


def _histogram(shares: Sequence[float]) -> str:
    """Bars of the depth histogram, a line at NYU's median."""
    if not shares:
        return ""
    tallest, bar = max(shares), 14
    bars = "".join(
        f'<rect x="{at * bar}" y="{120 - 110 * share / tallest:.1f}" width="{bar - 2}" '
        f'height="{110 * share / tallest:.1f}"/>'
        for at, share in enumerate(shares)
    )
    ticks = "".join(
        f'<text x="{metre / HISTOGRAM_BIN_M * bar}" y="136">{metre} m</text>'
        for metre in range(0, int(len(shares) * HISTOGRAM_BIN_M), 2)
    )
    nyu = 2.5 / HISTOGRAM_BIN_M * bar
    mark = f'<line x1="{nyu}" x2="{nyu}" y1="0" y2="120"/><text x="{nyu + 4}" y="10">NYU median</text>'
    return f'<svg viewBox="0 0 {len(shares) * bar} 140">{bars}{mark}{ticks}</svg>'


def _row(scene: str, frames: Sequence[FrameFacts]) -> SceneRow:
    units = [facts.get(UnitFacts) for facts in frames]
    images = [facts.get(ImageFacts) for facts in frames]
    cameras = [facts.camera for facts in frames if facts.camera is not None]
    found = registration(frames)
    height, width = frames[0].image_size

    def median(values: Sequence[float]) -> float:
        return round(float(np.median(values)), 3)

    return SceneRow(
        scene=scene,
        frames=len(frames),
        width=width,
        height=height,
        fov_deg=median([camera.fov_deg for camera in cameras]) if cameras else None,
        near_m=median([u.near_m for u in units]),
        median_m=median([u.median_m for u in units]),
        far_m=median([u.far_m for u in units]),
        holes=median([facts.get(HoleFacts).share for facts in frames]),
        noise=None if (rustle := noise(frames)) is None else round(rustle, 4),
        brightness=median([image.brightness for image in images]),
        sharpness=median([image.sharpness for image in images]),
        offset=(found.x, found.y) if found is not None and found.is_certain else None,
    )


def _cells(row: SceneRow) -> list[str]:
    return [
        row.scene,
        str(row.frames),
        f"{row.width}x{row.height}",
        "" if row.fov_deg is None else f"{row.fov_deg:.0f}",
        f"{row.near_m:.2f}",
        f"{row.median_m:.2f}",
        f"{row.far_m:.2f}",
        f"{row.holes:.0%}",
        "" if row.noise is None else f"{row.noise:.1%}",
        f"{row.brightness:.0f}",
        f"{row.sharpness:.2f}",
        "" if row.offset is None else f"{row.offset[0]:+d},{row.offset[1]:+d}",
    ]


def _counted(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in counts(findings).items())


def _where(finding: Finding) -> str:
    more = f" and {len(finding.scenes) - 12} more" if len(finding.scenes) > 12 else ""
    return f"in {', '.join(finding.scenes[:12])}{more}" if finding.scenes else ""


def _plain(finding: Finding) -> dict[str, object]:
    examples = [
        {"frame": e.frame.identity, "caption": e.caption, "partner": e.partner.identity if e.partner else None}
        for e in finding.examples
    ]
    return {**asdict(finding), "scenes": list(finding.scenes), "examples": examples}


_COLUMNS = (
    "scene", "frames", "size", "fov", "2 % [m]", "median [m]", "98 % [m]", "holes", "noise", "bright", "sharp",
    "fit [px]",
)  # fmt: skip
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;color:#222}
section{border-left:6px solid #999;padding:.2em 1em;margin:1.2em 0;background:#f7f7f7}
.error{border-color:#c22}.warning{border-color:#e8a200}h2{font-size:1.1em}h2 b{text-transform:uppercase;font-size:.8em}
.where,figcaption{color:#555;font-size:.85em}.cure{font-style:italic}figure{
display:inline-block;margin:.4em .8em .4em 0}
img{max-width:480px}table{border-collapse:collapse;font-size:.85em}td,th{padding:.15em .6em;text-align:right}
td:first-child,th:first-child{text-align:left}tr:nth-child(even){background:#f2f2f2}
svg{width:100%;max-height:220px}rect{fill:#4a7ab5}line{stroke:#c22}text{font-size:10px}
"""
