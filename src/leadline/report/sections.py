"""The figures of a report as HTML tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from leadline.benchmark.contest import Contest
from leadline.evaluation.compare import compare
from leadline.evaluation.intervals import Interval
from leadline.evaluation.shape import RANGES_M
from leadline.evaluation.tables import intervals, shape_means
from leadline.metrics import Metrics
from leadline.recipes import as_plain
from leadline.report.measured import Measured
from leadline.report.plots import Line, bar_chart, line_chart
from leadline.report.run import Run

SHOWN = ("rel", "rms", "log10", "delta1", "delta2", "delta3")
CURVES = {
    "val_rel": "rel on the frames that judge",
    "val_rms": "rms [m]",
    "val_delta1": "delta 1",
    "learning_rate": "learning rate",
    "images_per_s": "images a second",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that scrolls inside the page where that is too narrow; the first column is text, the others figures."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=scrolls><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def overview(runs: Sequence[Run]) -> str:
    """What each run was, a column each."""
    facts: dict[str, list[str]] = {
        "network": [run.recipe.model.encoder for run in runs],
        "input": [f"{run.recipe.data.height}x{run.recipe.data.width}" for run in runs],
        "depth code": [run.recipe.model.codec for run in runs],
        "frames that teach": [f"{len(run.split.train):,}" for run in runs],
        "frames that judge": [f"{len(run.split.validation):,}, {_judged(run)}" for run in runs],
        "data": [_fingerprints(run) for run in runs],
        "split": [run.split.digest for run in runs],
        "steps": [_last(run, "step", "{:,.0f}") for run in runs],
        "batch": [str(run.recipe.optim.batch_size) for run in runs],
        "training time": [_last(run, "seconds", "{:,.0f} s") for run in runs],
        "images a second": [_last(run, "images_per_s", "{:.1f}") for run in runs],
        "seed": [str(run.recipe.run.seed) for run in runs],
    }
    return table(["", *(run.name for run in runs)], [[name, *cells] for name, cells in facts.items()])


def curves(runs: Sequence[Run]) -> str:
    """Loss and metrics over epochs, the runs in one plot."""
    losses = [
        Line(f"{run.name}, {name}", run.column(f"{kind}_loss"), (2 * place + turn) % 8)
        for place, run in enumerate(runs)
        for turn, (kind, name) in enumerate((("train", "learning"), ("val", "judged")))
    ]
    plots = [line_chart("loss", losses, x_title="epoch", from_zero=True)]
    for column, title in CURVES.items():
        lines = [Line(run.name, run.column(column), 2 * place % 8) for place, run in enumerate(runs)]
        plots.append(line_chart(title, lines, x_title="epoch", from_zero=column != "val_rel"))
    return f"<div class=plots>{''.join(plots)}</div>"


def metrics_table(group: Sequence[Measured]) -> str:
    """Means over rooms with their intervals, the protocol's own number, and the constant beside them."""
    rows = []
    for one in group:
        result = one.evaluation
        found = intervals(result, "over_rooms")
        rows.append([one.run.name, *(_figure(getattr(result.over_rooms()[0], m), found[m]) for m in SHOWN)])
        if result.protocol.average != "rooms":
            rows.append([f"{one.run.name}, by the protocol", *_plain(result.own()[0])])
    constants = {f"constant {one.evaluation.constant_m:.2f} m": one.evaluation.over_rooms()[1] for one in group}
    return table(["mean over rooms", *SHOWN], [*rows, *([name, *_plain(c)] for name, c in constants.items())])


def differences_table(group: Sequence[Measured]) -> str:
    """Each further run against the first: differences with intervals, and p; nothing for a single run."""
    rows = []
    for other in group[1:]:
        for measure, found in compare(group[0].evaluation, other.evaluation).items():
            if measure in ("rel", "rms", "delta1"):
                span = "" if found.interval is None else f"{found.interval[0]:+.3f} to {found.interval[1]:+.3f}"
                name = f"{other.run.name} minus {group[0].run.name}"
                rows.append([name, measure, f"{found.difference:+.3f}", span, f"{found.p_value:.4f}"])
    return table(["difference of means over rooms", "measure", "", "95 %", "p"], rows) if rows else ""


def shape_table(group: Sequence[Measured]) -> str:
    """Edges, flying pixels, near obstacles."""
    names = {"boundary_f1": "F1 of depth edges", "flying": "flying pixels", "near_recall": "nearer than 1.5 m found"}
    means = [shape_means(one.evaluation) for one in group]
    rows = [
        [said, *("" if m[name].mean is None else f"{m[name].mean:.3f}" for m in means)] for name, said in names.items()
    ]
    return table(["mean over frames", *(one.run.name for one in group)], rows)


def scenes_table(group: Sequence[Measured]) -> str:
    """A line for each scene: rel of the runs and of the constant; the constant is marked where it is better."""
    scenes = [one.evaluation.by_scene() for one in group]
    rows = []
    for scene, (count, _, constant) in scenes[0].items():
        models = [by_scene[scene][1] for by_scene in scenes]
        rel = [f"{model.rel:.3f}" + (" *" if model.rel > constant.rel else "") for model in models]
        rows.append([scene, str(count), *rel, f"{constant.rel:.3f}", *(f"{model.rms:.3f}" for model in models)])
    names = [one.run.name for one in group]
    head = [
        "scene",
        "frames",
        *(f"rel {name}" for name in names),
        "rel constant",
        *(f"rms {name} [m]" for name in names),
    ]
    return table(head, rows) + "<p>* worse than the constant.</p>"


def ranges(group: Sequence[Measured]) -> str:
    """Error by measured depth, all pixels pooled: bars and the figures."""
    labels = [
        f"{near_m:g}-{far_m:g} m" if far_m < float("inf") else f"> {near_m:g} m" for near_m, far_m in pairwise(RANGES_M)
    ]
    found = [[metrics for _, _, metrics in one.evaluation.by_range()] for one in group]
    known = [at for at in range(len(labels)) if any(of_one[at] for of_one in found)]
    lines = [
        Line(one.run.name, [(float(x), m.rel) for x, at in enumerate(known) if (m := of_one[at])], 2 * place % 8)
        for place, (one, of_one) in enumerate(zip(group, found, strict=True))
    ]
    rows = []
    for at in known:
        cells = [(f"{m.rel:.3f}", f"{m.rms:.3f}") if (m := of_one[at]) else ("", "") for of_one in found]
        pixels = max(m.pixels for of_one in found if (m := of_one[at]))
        rows.append([labels[at], f"{pixels:,}", *(cell for pair in cells for cell in pair)])
    head = ["measured depth", "pixels", *(f"{m} {one.run.name}" for one in group for m in ("rel", "rms"))]
    plot = bar_chart("rel by measured depth", [labels[at] for at in known], lines)
    return f"<div class=plots>{plot}</div>{table(head, rows)}"


def speed_table(contest: Contest, names: Sequence[str]) -> str:
    """Latency, memory and size of the models, which took turns."""
    rows = []
    for name, result in zip(names, contest.results, strict=True):
        memory = "" if result.peak_memory_bytes is None else f"{result.peak_memory_bytes / 1e6:,.0f}"
        size = "" if result.file_bytes is None else f"{result.file_bytes / 1e6:.1f}"
        macs = "" if result.macs is None else f"{result.macs / 1e9:.2f}"
        latency = {action: timing.latency for action, timing in result.timings.items()}
        times = [f"{latency[a].median_ms:.1f} ({latency[a].p95_ms:.1f})" for a in ("network", "predict")]
        rows.append([name, *times, macs, memory, size])
    head = ["model", "network ms (p95)", "a 480x640 photograph ms (p95)", "GMACs", "peak memory MB", "file MB"]
    return table(head, rows)


def recipe_differences(runs: Sequence[Run]) -> str:
    """The fields that the runs' recipes do not share, long values in several lines; nothing for a single run."""
    recipes = [_flat(as_plain(run.recipe)) for run in runs]
    keys = [key for key in recipes[0] if len({str(recipe.get(key)) for recipe in recipes}) > 1]
    rows = [[key, *(str(recipe.get(key)) for recipe in recipes)] for key in keys]
    return f"<div class=wraps>{table(['field', *(run.name for run in runs)], rows)}</div>" if rows else ""


def _flat(recipe: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {f"{part}.{key}": value for part, fields in recipe.items() for key, value in fields.items()}


def _judged(run: Run) -> str:
    return {"room": "rooms left out", "frame": "of rooms that teach", "official": "official test", "same": "the same"}[
        "room" if run.split.rule.scenes is not None else run.split.rule.by
    ]


def _fingerprints(run: Run) -> str:
    return ", ".join(str(source.get("fingerprint")) for source in run.sources) or "unknown"


def _last(run: Run, column: str, form: str) -> str:
    return form.format(run.rows[-1][column]) if run.rows else ""


def _plain(metrics: Metrics) -> list[str]:
    return [f"{getattr(metrics, name):.3f}" for name in SHOWN]


def _figure(value: float, interval: Interval | None) -> str:
    return f"{value:.3f}" + ("" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})")
