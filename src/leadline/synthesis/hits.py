"""Where rays end."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

NOTHING = -1


@dataclass(frozen=True)
class Hits:
    """Where rays end. Where they meet nothing, `part` is NOTHING, `distance` 0, and the rest is of no meaning.

    Args:
        part: (n,) int32 number of the scene's part.
        distance: (n,) float32, in lengths of the ray's direction.
        position: (n, 3) float32 in the world.
        normal: (n, 3) float32, towards where the ray came from.
        triangle: (n,) int32.
    """

    part: NDArray
    distance: NDArray
    position: NDArray
    normal: NDArray
    triangle: NDArray

    def of(self, chosen: NDArray) -> Hits:
        """A copy of some rows."""
        return Hits(
            self.part[chosen], self.distance[chosen], self.position[chosen], self.normal[chosen], self.triangle[chosen]
        )


def dot(one: NDArray, other: NDArray) -> NDArray:
    """(n,) scalar products of (n, 3) vectors."""
    # Spelt out: a sum over an axis of three is several times slower.
    return one[:, 0] * other[:, 0] + one[:, 1] * other[:, 1] + one[:, 2] * other[:, 2]
