"""A study's results: a line for each variant with the spread over its seeds, and all trials as CSV."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from leadline.atomic import atomic_write
from leadline.metrics import Metrics
from leadline.studies.trial import Trial

SHOWN = {
    "val_rel": "rel",
    "val_rms": "rms [m]",
    "val_delta1": "delta1",
    "val_flatness": "flatness",
    "images_per_s": "images/s",
}
"""Columns of the log that the table has, by what they are called there."""


def as_markdown(trials: Sequence[Trial], *, about: str, constant: Metrics | None) -> str:
    """The table: means after the last epoch, the sample's standard deviation where there are several seeds.

    Args:
        trials: of the study, done or not.
        about: the study's question.
        constant: what the constant prediction scores; None when nothing was trained yet.
    """
    lines = [
        f"{about}.",
        "",
        f"| variant | seeds | {' | '.join(SHOWN.values())} | ended |",
        f"|---|---:|{'---:|' * len(SHOWN)}---|",
    ]
    for name, own in _by_variant(trials).items():
        rows = [row for trial in own if (row := trial.last_row) is not None]
        figures = [_spread([row[column] for row in rows]) for column in SHOWN]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(figures)} | {_ending(own)} |")
    if constant is not None:
        figures = [f"{value:.3f}" for value in (constant.rel, constant.rms, constant.delta1)]
        lines.append(f"| constant prediction | | {' | '.join(figures)} | | | |")
    return "\n".join([*lines, ""])


def write_csv(path: Path, trials: Sequence[Trial]) -> None:
    """A line for each trial that is done.

    Raises:
        OutputError: no space or no permission.
    """
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "change", "seed", *SHOWN, "step", "seconds", "diverged"])
        for trial in trials:
            row: Mapping[str, float] = trial.last_row or {}
            if trial.is_done:
                figures = [row.get(column, "") for column in (*SHOWN, "step", "seconds")]
                writer.writerow(
                    [trial.variant.name, trial.variant.change, trial.seed, *figures, trial.divergence or ""]
                )


def _by_variant(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.variant.name, []).append(trial)
    return found


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    form = "{:.1f}" if max(values) >= 10 else "{:.3f}"
    mean = form.format(statistics.fmean(values))
    return mean if len(values) == 1 else f"{mean} ± {form.format(statistics.stdev(values))}"


def _ending(trials: Sequence[Trial]) -> str:
    diverged = [trial.divergence for trial in trials if trial.divergence is not None]
    waiting = sum(not trial.is_done for trial in trials)
    parts = [f"{len(diverged)} diverged: {diverged[0].split('. ')[0]}"] if diverged else []
    parts += [f"{waiting} to be trained"] if waiting else []
    return "; ".join(parts) or "done"
