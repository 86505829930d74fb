"""The domains of choices among numbers, sets and lists: what a reply shows of a member, and which there are.

What must live here: domains over plain values. Those that know of the state, of streams or of places stand beside what
they are about. Where nothing was observed ``all`` offers members, and ``whole`` tells whether they are all there are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from redlark.reference.replies import Predicate


class Numbers:
    """``low .. high`` as a domain: the whole numbers between two bounds, both included; high None: no bound."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int | None) -> None:
        self.low, self.high = low, high

    def __contains__(self, number: Any) -> bool:
        return isinstance(number, int) and self.low <= number and (self.high is None or number <= self.high)

    def __iter__(self) -> Any:
        return itertools.count(self.low) if self.high is None else iter(range(self.low, self.high + 1))

    def candidates(self, leaves: list[Any]) -> Any:
        """The numbers that a reply shows, printed ones too; all where they are few."""
        if self.high is not None and self.high - self.low < 4:
            return self.all(4)
        numbers = (int(leaf) if isinstance(leaf, bytes) and leaf.isdigit() else leaf for leaf in leaves)
        return dict.fromkeys(n for n in numbers if n in self)

    def all(self, bound: int) -> Any:
        """Every number, at most bound and one more; where they do not end, what stands for any of them in a reply."""
        if self.high is None:
            return [Predicate(f"(integer) {self.low} or more", lambda frame: frame.value in self, self.low)]
        return range(self.low, min(self.high, self.low + bound) + 1)

    def whole(self, found: Sequence[Any]) -> bool:
        """Always: what stands for any of them accepts them all."""
        return True


FEW = 12  # lists that may be drawn, if they are so few, are all tried where nothing shows which one was
SOME = 64  # members of a domain of lists or sets that are tried where no reply shows which


class Subsets:
    """The subsets of a set that have a given number of members."""

    def __init__(self, members: frozenset[bytes], count: int) -> None:
        self.members, self.count = members, count

    def candidates(self, leaves: list[Any]) -> Iterable[frozenset[bytes]]:
        """The members that the reply shows, if they are as many as they should be."""
        found = frozenset(leaf for leaf in leaves if leaf in self.members)
        if len(found) == self.count:
            yield found

    def all(self, bound: int) -> Iterable[frozenset[bytes]]:
        """Every subset; some of them where they are more than worlds would be kept."""
        combinations = map(frozenset, itertools.combinations(sorted(self.members), self.count))
        return list(itertools.islice(combinations, min(bound, SOME)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no subset was left out."""
        return len(found) < SOME


class Unshown:
    """What so many of some elements may be, of which no reply tells: every selection, if they are few.

    Where they are many the first elements stand for all, as if a server took them in this order.
    """

    def __init__(self, elements: tuple[Any, ...], count: int) -> None:
        self.elements, self.count = elements, count

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Any, ...]]:
        """The same as where nothing is observed."""
        return self.all(FEW)

    def all(self, bound: int) -> Iterable[tuple[Any, ...]]:
        """Each selection, in the order of the elements."""
        every = itertools.combinations(self.elements, self.count)
        return list(itertools.islice(every, FEW if math.comb(len(self.elements), self.count) <= FEW else 1))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no selection was left out."""
        return len(found) == math.comb(len(self.elements), self.count)


class Samples:
    """The lists of a given length whose elements are members of a set, repeats allowed."""

    def __init__(self, members: frozenset[bytes], count: int) -> None:
        self.members, self.count = members, count

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[bytes, ...]]:
        """The members that the reply shows, in its order, if they are as many as they should be."""
        found = tuple(leaf for leaf in leaves if leaf in self.members)
        if len(found) == self.count:
            yield found

    def all(self, bound: int) -> Iterable[tuple[bytes, ...]]:
        """Some such lists: the first member again and again, all in turn."""
        members = sorted(self.members)
        if not members or self.count > SOME:
            return [] if self.count and not members else [(members[0],) * self.count]
        return list(itertools.islice(itertools.product(members, repeat=self.count), min(bound, SOME)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no list was left out."""
        return self.count <= SOME and len(self.members) ** self.count == len(found)


class Draws:
    """The lists of a given length whose elements stand in another list, none drawn twice unless that is allowed.

    The elements are texts, or pairs of texts: a field and its value.
    """

    def __init__(self, members: tuple[Any, ...], count: int, different: bool) -> None:
        self.members, self.count, self.different = members, count, different

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Any, ...]]:
        """What the reply shows, if it is drawn so."""
        pairs = bool(self.members) and isinstance(self.members[0], tuple)
        found = tuple(zip(leaves[::2], leaves[1::2], strict=False)) if pairs else tuple(leaves)
        if len(found) == self.count and (not self.different or len(set(found)) == len(found)):
            members = frozenset(self.members)
            if all(member in members for member in found):
                yield found

    def all(self, bound: int) -> Iterable[tuple[Any, ...]]:
        """The first members, and those again where that is allowed; of a few different ones, every list."""
        if self._are_few:
            return list(itertools.permutations(self.members, self.count))
        count = min(self.count, bound)
        return [tuple(itertools.islice(itertools.cycle(self.members), count))]

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no list was left out."""
        return len(set(self.members)) < 2 or self._are_few

    @property
    def _are_few(self) -> bool:
        return self.different and math.perm(len(self.members), self.count) <= FEW
