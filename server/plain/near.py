"""Which members of a sorted set lie in an area.  See `types.Types.near`."""

from __future__ import annotations

from redlark.server import geo
from redlark.server.types import Near, SortedSet


def _rank(source: SortedSet, edge: float) -> int:
    """The rank of the first member whose score is an edge, or beyond it."""
    return source.first(lambda score, member: score >= edge)


def near(source: SortedSet, area: geo.Area, most: int | None, /) -> list[Near]:
    """All of them, or the first so many."""
    found: list[Near] = []
    for cell in area.cells():
        start, stop = (_rank(source, edge) for edge in cell.scores)
        for member, score in source.range(start, max(start, stop)):
            there = geo.place(score)
            if area.holds(there):
                found.append((geo.distance(area.centre, there), member, score, there))
                if len(found) == most:
                    return found
    return found
