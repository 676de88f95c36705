"""Taking turns: A B A B rather than A A B B, so that a machine that warms up or is busy slows all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from itertools import pairwise
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
Clock = Callable[[], float]
LEAST_RUNS = 3


def one_turn(action: Callable[[], object], *, seconds: float, clock: Clock = time.perf_counter) -> list[float]:
    """Run an action again and again for a while.

    The first run is not counted: the caches are full of what ran before, and threads have to wake up.

    Args:
        action: what to time.
        seconds: the turn's length; it lasts longer when that is not enough for LEAST_RUNS.
        clock: seconds.

    Returns:
        Seconds of each run that counts, at least LEAST_RUNS.
    """
    action()
    marks = [clock()]
    while len(marks) <= LEAST_RUNS or marks[-1] - marks[0] < seconds:
        action()
        marks.append(clock())
    return [after - before for before, after in pairwise(marks)]


def take_turns(
    turns: Mapping[Name, Callable[[], list[float]]], *, rounds: int, advance: Callable[[], None] = lambda: None
) -> dict[Name, list[list[float]]]:
    """Let each take one turn in every round.

    Args:
        turns: by name, what takes a turn and returns the seconds of its runs.
        rounds: how many.
        advance: called after each turn.

    Returns:
        By name, a list of seconds for each round.

    Example:
        >>> order = []
        >>> take_turns({"a": lambda: order.append("a") or [1.0], "b": lambda: order.append("b") or [2.0]}, rounds=2)
        {'a': [[1.0], [1.0]], 'b': [[2.0], [2.0]]}
        >>> order
        ['a', 'b', 'a', 'b']
    """
    taken: dict[Name, list[list[float]]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            taken[name].append(turn())
            advance()
    return taken
