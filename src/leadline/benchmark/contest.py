"""Contenders in their processes, and the machine's limit among them, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from leadline.benchmark.arithmetic_limit import MATRIX_PRODUCT, SIZE, open_matrix_product
from leadline.benchmark.figures import Latency, Ratio, Rounds, latency, ratio
from leadline.benchmark.turns import take_turns
from leadline.benchmark.worker import Subject, Worker

NETWORK = "network"
"""The action whose multiply-adds a subject counts: from the framed picture to the network's output."""


@dataclass(frozen=True)
class Contender:
    """Who takes part.

    Args:
        name: for tables.
        open_subject: makes the subject in its own process; picklable.
        path: of the model, for its size on disk.
        threads: for one prediction; None is the runtime's choice.
    """

    name: str
    open_subject: Callable[[], Subject]
    path: Path | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Timing:
    """One action of one contender.

    Attributes:
        latency: over all rounds.
        ratio: to the same action of the first contender that has it.
        times_limit: how many times as long as the machine's arithmetic would take for the multiply-adds (in float32);
            None where they are unknown.
    """

    latency: Latency
    ratio: Ratio
    times_limit: float | None = None


@dataclass(frozen=True)
class Result:
    """What was measured of one contender.

    Attributes:
        contender: who.
        timings: by action.
        facts: of its subject.
        file_bytes: size on disk, with the weights beside it.
        peak_memory_bytes: of its whole process, the interpreter and the runtime included.
        macs: multiply-adds of NETWORK, where they are known.
    """

    contender: Contender
    timings: dict[str, Timing]
    facts: dict[str, Any] = field(default_factory=dict)
    file_bytes: int | None = None
    peak_memory_bytes: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class Contest:
    """Results in the order of the contenders, and the limit in float32 multiply-adds a second by number of threads."""

    results: list[Result]
    limits: dict[int | None, float]


def hold_contest(
    contenders: Sequence[Contender], *, rounds: int, turn_s: float, advance: Callable[[int], None] = lambda _: None
) -> Contest:
    """Measure all contenders, interleaved: in each round every action of each takes a turn, and so does the limit.

    Args:
        contenders: the first is the one that the others are compared with.
        rounds: of turns.
        turn_s: seconds of a turn.
        advance: called after each turn with the number of turns that there are in all.

    Raises:
        LeadlineError: a contender that cannot be opened, or whose process ends.
    """
    threads = list(dict.fromkeys(one.threads for one in contenders))
    with ExitStack() as running:
        workers = [running.enter_context(Worker(one.name, one.open_subject)) for one in contenders]
        limits = [running.enter_context(Worker("limit", partial(open_matrix_product, count))) for count in threads]
        turns = {
            (worker, action): partial(worker.turn, action, seconds=turn_s)
            for worker in (*workers, *limits)
            for action in worker.actions
        }
        taken = take_turns(turns, rounds=rounds, advance=lambda: advance(rounds * len(turns)))
        of_limits = {
            count: _Limit(taken[worker, MATRIX_PRODUCT], SIZE**3) for count, worker in zip(threads, limits, strict=True)
        }
        return Contest(
            [
                _result(one, worker, taken, workers, of_limits[one.threads])
                for one, worker in zip(contenders, workers, strict=True)
            ],
            {count: limit.macs / (latency(limit.rounds).median_ms / 1000) for count, limit in of_limits.items()},
        )


class _Limit(NamedTuple):
    rounds: Rounds
    macs: int


def _result(
    contender: Contender,
    worker: Worker,
    taken: Mapping[tuple[Worker, str], Rounds],
    workers: Sequence[Worker],
    limit: _Limit,
) -> Result:
    peak_memory_bytes, macs = worker.peak_memory(), worker.macs()
    timings = {}
    for action in worker.actions:
        rounds = taken[worker, action]
        first = next(other for other in workers if action in other.actions)
        times_limit = None
        if macs and action == NETWORK:
            times_limit = round(ratio(rounds, reference=limit.rounds).median * limit.macs / macs, 3)
        timings[action] = Timing(latency(rounds), ratio(rounds, reference=taken[first, action]), times_limit)
    return Result(contender, timings, worker.facts, file_bytes(contender.path), peak_memory_bytes, macs)


def file_bytes(path: Path | None) -> int | None:
    """Size on disk of a model: of all files of a folder, or of the file and of the weights that lie beside it."""
    if path is None:
        return None
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    beside = (path.with_suffix(".bin"), path.with_name(f"{path.name}.data"))
    return sum(file.stat().st_size for file in (path, *beside) if file.is_file())
