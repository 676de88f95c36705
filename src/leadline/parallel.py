"""Work side by side in threads, with the results in the order of the work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """The results of `work`, done in threads, in the order of the items.

    Unlike a pool's own `map` it takes items as they are needed: at most twice as many as there are workers are in work
    or wait to be fetched, so that memory stays bounded however many there are.

    Args:
        work: called in several threads at once; what it raises is raised here, and then nothing new is begun.
        items: any number of them.
        workers: threads.

    Example:
        >>> list(in_order(len, ["a", "bc", ""], workers=2))
        [1, 2, 0]
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when whoever takes the results stops early
        pool.shutdown(cancel_futures=True)
