"""Choices over places: members in the order of their distance, where equal ones may come in any order.

What must live here: domains over what a search has found. What must not: distances and cells (primitives), options (the
text's).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redlark.reference.domains import SOME
from redlark.reference.functions import pure

Found = tuple[Any, ...]  # a member first, its distance last


class Nearest:
    """The first so many members by distance, or by the opposite; those equally far in any order."""

    def __init__(self, found: Sequence[Found], descending: bool, count: int | None, width: int) -> None:
        self.found = sorted(found, key=lambda each: each[-1], reverse=descending)
        self.count, self.width = len(found) if count is None else min(count, len(found)), width
        self.distances = [each[-1] for each in self.found[: self.count]]

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Found, ...]]:
        """What the reply shows, where each member takes `width` texts and numbers; all where it shows none of it."""
        if not self.width:
            return self.all(SOME)
        shown = leaves[:: self.width]
        known = {each[0]: each for each in self.found}
        picked = tuple(known[name] for name in shown if name in known)
        fits = len(set(shown)) == len(picked) == len(shown) and [each[-1] for each in picked] == self.distances
        return [picked] if fits else []

    def all(self, bound: int) -> Iterable[tuple[Found, ...]]:
        """The ways to choose among those equally far at the end, the others in one order."""
        return list(itertools.islice(self._ways(), min(bound, SOME)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether all are differently far, so that nothing is left to choose."""
        return len({each[-1] for each in self.found}) == len(self.found)

    def _ways(self) -> Iterator[tuple[Found, ...]]:
        if not self.count:
            yield ()
            return
        farthest = self.distances[-1]
        sure = [each for each in self.found[: self.count] if each[-1] != farthest]
        equal = [each for each in self.found if each[-1] == farthest]
        for chosen in itertools.combinations(equal, self.count - len(sure)):
            yield (*sure, *chosen)


@pure
def nearest(found: Sequence[Found], descending: bool, count: int | None, width: int) -> Nearest:
    """The first `count` of some lists by their last element; all where it is absent."""
    return Nearest(found, descending, count, width)


class ByChance:
    """Some of what could be found, in any order: where a server looks is its own affair."""

    def __init__(self, found: Sequence[Found], width: int) -> None:
        self.found, self.width = tuple(found), width

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Found, ...]]:
        """What the reply shows, where each member takes `width` texts and numbers; some ways where it shows none."""
        if not self.width:
            return self.all(SOME)
        known = {each[0]: each for each in self.found}
        return [tuple(known[name] for name in dict.fromkeys(leaves[:: self.width]) if name in known)]

    def all(self, bound: int) -> Iterable[tuple[Found, ...]]:
        """All of it, none, and what lies between."""
        sizes = range(len(self.found), -1, -1)
        ways = itertools.chain.from_iterable(itertools.combinations(self.found, size) for size in sizes)
        return list(itertools.islice(ways, min(bound, SOME)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no way was left out."""
        return len(self.found) < 2


@pure
def found_by_chance(found: Sequence[Found], width: int) -> ByChance:
    """Some of these lists, in any order; in a reply each is `width` texts and numbers."""
    return ByChance(found, width)
