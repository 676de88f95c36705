"""Which pictures and depth maps of two streams were taken together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def associate(first: Sequence[float], second: Sequence[float], *, within: float) -> list[tuple[int, int]]:
    """Pairs of nearest times, each time in one pair at most, the closest pairs chosen first.

    That is what `associate.py` of the TUM RGB-D benchmark's tools does (there `within` is 20 ms).

    Args:
        first: times of one stream, in any order.
        second: times of the other, in the same unit.
        within: differences from here on are no pair.

    Returns:
        (index in first, index in second), in the order of `first`.

    Example:
        The second time of the first stream is closest to 0.11, so that the first has to go without:

        >>> associate([0.10, 0.11], [0.111], within=0.02)
        [(1, 0)]
    """
    order = sorted(range(len(second)), key=lambda index: second[index])
    times = [second[index] for index in order]
    near = []
    for index, time in enumerate(first):
        places = range(bisect_left(times, time - within), bisect_right(times, time + within))
        near += [(abs(time - times[place]), index, order[place]) for place in places]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for difference, index, other in sorted(near):
        if difference < within and index not in pairs and other not in taken:
            pairs[index] = other
            taken.add(other)
    return sorted(pairs.items())
