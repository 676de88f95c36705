"""What was measured, as a table for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from leadline.benchmark.contest import Contest, Result, Timing


def as_json(contest: Contest) -> dict[str, Any]:
    """The whole contest in plain values; bytes are bytes, and times are milliseconds."""
    return {
        "limits": [
            {"threads": threads, "gmacs_per_s": round(macs_per_s / 1e9, 2)}
            for threads, macs_per_s in contest.limits.items()
        ],
        "results": [_result_as_json(result) for result in contest.results],
    }


def _result_as_json(result: Result) -> dict[str, Any]:
    return {
        "model": result.contender.name,
        "threads": result.contender.threads,
        **result.facts,
        "file_bytes": result.file_bytes,
        "peak_memory_bytes": result.peak_memory_bytes,
        "macs": result.macs,
        "timings": {
            action: {
                **asdict(timing.latency),
                "ratio": asdict(timing.ratio),
                "times_limit": timing.times_limit,
            }
            for action, timing in result.timings.items()
        },
    }


def print_tables(contest: Contest, machine: Mapping[str, Any]) -> None:
    """A row for each action of each contender, below the machine's description."""
    console = Console(width=None if Console().is_terminal else 160)
    console.print(*_about(machine), sep="\n", highlight=False, markup=False)
    table = Table()
    for column in ("model", "backend", "threads", "input", "what", "median ms", "p95 ms", "per s", "ratio",
                   "times limit", "memory MB", "file MB"):  # fmt: skip
        left = column in ("model", "backend", "what")
        table.add_column(column, justify="left" if left else "right", overflow="fold")
    for result in contest.results:
        for index, (action, timing) in enumerate(result.timings.items()):
            table.add_row(*_named(result, index), action, *_timed(timing), *_weighed(result, index))
        table.add_section()
    console.print(table)
    for threads, macs_per_s in contest.limits.items():
        console.print(
            f"limit: {macs_per_s / 1e9:.1f} GMACs a second in float32 with {_threads(threads)}, by a matrix product",
            highlight=False,
        )


def _about(machine: Mapping[str, Any]) -> list[str]:
    memory = machine["memory_bytes"]
    parts = [
        f"{machine['cpu']}, {machine['cores']} cores",
        f"instructions {' '.join(machine['instructions']) or 'unknown'}",
        f"governor {machine['governor'] or 'unknown'}",
        f"{memory / 2**30:.0f} GiB" if memory else "memory unknown",
        machine["system"],
    ]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = ["; ".join(parts), f"Python {machine['python']}, {versions}"]
    if machine["load"] is not None and machine["load"] > 0.3 * (machine["cores"] or 1):
        lines.append(f"other work was running before this began (load {machine['load']}): the figures may be too high")
    return lines


def _named(result: Result, index: int) -> list[str]:
    if index:
        return ["", "", "", ""]
    facts = result.facts
    threads = result.contender.threads
    count = "all" if threads is None else str(threads)
    return [result.contender.name, facts.get("backend", ""), count, facts.get("input", "")]


def _timed(timing: Timing) -> list[str]:
    limit = "" if timing.times_limit is None else f"{timing.times_limit:.2f}"
    return [
        f"{timing.latency.median_ms:.2f}",
        f"{timing.latency.p95_ms:.2f}",
        f"{timing.latency.per_s:.1f}",
        f"{timing.ratio.median:.2f} ({timing.ratio.low:.2f} to {timing.ratio.high:.2f})",
        limit,
    ]


def _weighed(result: Result, index: int) -> list[str]:
    weights = (result.peak_memory_bytes, result.file_bytes)
    return ["" if weight is None or index else f"{weight / 1e6:.1f}" for weight in weights]


def _threads(threads: int | None) -> str:
    return "all threads" if threads is None else f"{threads} thread{'s' if threads > 1 else ''}"
