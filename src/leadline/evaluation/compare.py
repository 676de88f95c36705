"""Two models on the same frames: is the difference more than chance?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import fmean

from rich.console import Console
from rich.table import Table

from leadline.errors import InputError
from leadline.evaluation.evaluate import Evaluation
from leadline.evaluation.intervals import Interval, mean_interval, paired_p_value
from leadline.evaluation.tables import SHOWN


@dataclass(frozen=True)
class Difference:
    """Of one measure: means over rooms of both models, second minus first, its 95 % interval, and p."""

    first: float
    second: float
    difference: float
    interval: Interval | None
    p_value: float


def compare(first: Evaluation, second: Evaluation) -> dict[str, Difference]:
    """Differences by measure, over the frames that both evaluations measured, each room counting the same.

    Raises:
        InputError: no frame in common.
    """
    others = {score.frame.identity: score for score in second.scores}
    rooms: dict[str, list[tuple[object, object]]] = {}
    for score in first.scores:
        if score.frame.identity in others:
            pair = (score.model.metrics(), others[score.frame.identity].model.metrics())
            rooms.setdefault(score.frame.room, []).append(pair)
    if not rooms:
        raise InputError("the two evaluations have no frame in common")
    found = {}
    for name in SHOWN:
        means = [
            tuple(fmean(getattr(metrics, name) for metrics in side) for side in zip(*pairs, strict=True))
            for pairs in rooms.values()
        ]
        differences = [after - before for before, after in means]
        found[name] = Difference(
            first=fmean(before for before, _ in means),
            second=fmean(after for _, after in means),
            difference=fmean(differences),
            interval=mean_interval([[difference] for difference in differences]),
            p_value=paired_p_value(differences),
        )
    return found


def print_comparison(differences: dict[str, Difference], *, first: str, second: str, rooms: int) -> None:
    """The differences as a table."""
    count = f"{rooms} room" + "s" * (rooms != 1)
    table = Table(title=f"means over {count}; 95 %: rooms drawn anew; p: signs of the rooms' differences flipped")
    for column in ("measure", first, second, "difference", "95 %", "p"):
        table.add_column(column, justify="left" if column == "measure" else "right")
    for name, found in differences.items():
        span = "" if found.interval is None else f"{found.interval[0]:+.3f} to {found.interval[1]:+.3f}"
        table.add_row(
            name, f"{found.first:.3f}", f"{found.second:.3f}", f"{found.difference:+.3f}", span, f"{found.p_value:.4f}"
        )
    Console(width=140).print(table)


def comparison_as_json(differences: dict[str, Difference]) -> dict[str, object]:
    """The differences in plain values."""
    return {name: asdict(found) for name, found in differences.items()}
