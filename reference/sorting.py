"""Functions of SORT: what is sorted, what ties, and the pages that may be cut out of what ties in any order.

What must live here: ``@pure`` functions of values and the domain of SORT's choice. What must not: which elements and
weights are compared, and as what; that is the text's.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redlark.reference.domains import SOME
from redlark.reference.functions import pure
from redlark.reference.values import SortedSet

Group = tuple[bytes, ...]


@pure
def sort_elements(value: Any) -> Group:
    """The elements of a list, the members of a sorted set in their order, those of a set in any; none of nothing."""
    if value is None:
        return ()
    if isinstance(value, SortedSet):
        return tuple(member for member, _ in value)
    return tuple(sorted(value)) if isinstance(value, frozenset) else value


@pure
def tied_groups(elements: Sequence[bytes], keys: Sequence[Any], descending: bool) -> tuple[Group, ...]:
    """The elements sorted by their keys, those whose keys are equal in one group."""
    pairs = sorted(zip(keys, elements, strict=True), key=lambda pair: pair[0], reverse=descending)
    groups = itertools.groupby(pairs, key=lambda pair: pair[0])
    return tuple(tuple(element for _, element in group) for _, group in groups)


class Arrangements:
    """The stretches from ``start`` up to ``end`` of a list whose groups each stand in any order.

    ``rows`` is what a reply shows of each element, in the order of the groups.
    """

    def __init__(self, groups: Sequence[Group], start: int, end: int, rows: Sequence[tuple[Any, ...]]) -> None:
        self.counts: list[tuple[Group, int]] = []
        position, flat = 0, list(zip(itertools.chain.from_iterable(groups), rows, strict=True))
        self.rows: list[list[tuple[bytes, tuple[Any, ...]]]] = []
        for group in groups:
            first, last = max(position, start), min(position + len(group), end)
            if first < last:
                self.counts.append((group, last - first))
                self.rows.append(flat[position : position + len(group)])
            position += len(group)

    def candidates(self, leaves: list[Any]) -> Iterable[Group]:
        """The stretch that a reply shows row by row; all where the reply is something else."""
        if all(len(group) == 1 for group, _ in self.counts):
            return [self._first()]
        width = len(self.rows[0][0][1])
        if len(leaves) != width * sum(count for _, count in self.counts) or leaves[:1] == [width]:
            return self.all(SOME)
        shown = iter(zip(*[iter(leaves)] * width, strict=True))
        found: list[bytes] = []
        for (_, count), rows in zip(self.counts, self.rows, strict=True):
            left = list(rows)
            for row in itertools.islice(shown, count):
                one = next((pair for pair in left if pair[1] == row), None)
                if one is None:
                    return []
                left.remove(one)
                found.append(one[0])
        return list(dict.fromkeys(itertools.islice(self._alike(found), SOME)))

    def _alike(self, found: Sequence[bytes]) -> Iterator[Group]:
        """The stretches that look like one: where a group is cut, any of those that look alike may have been taken."""
        parts: list[list[Group]] = []
        place = 0
        for (group, count), rows in zip(self.counts, self.rows, strict=True):
            taken = tuple(found[place : place + count])
            parts.append([taken] if count == len(group) else [*itertools.islice(_exchanged(taken, rows), SOME)])
            place += count
        return (tuple(itertools.chain.from_iterable(each)) for each in _product(parts))

    def all(self, bound: int) -> Iterable[Group]:
        """The stretches, each once; some of them where they are more than worlds would be kept."""
        return list(itertools.islice(dict.fromkeys(itertools.islice(self._every(), 8 * SOME)), min(bound, SOME)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no stretch was left out."""
        return len(found) < SOME

    def _first(self) -> Group:
        return tuple(itertools.chain.from_iterable(group[:count] for group, count in self.counts))

    def _every(self) -> Iterator[Group]:
        orders = [itertools.permutations(group, count) for group, count in self.counts]
        return (tuple(itertools.chain.from_iterable(each)) for each in _product(orders))


def _exchanged(taken: Group, rows: Sequence[tuple[bytes, tuple[Any, ...]]]) -> Iterator[Group]:
    """What may stand for some elements of a group: as many of those that have the same row, row by row."""
    shown = dict(rows)
    alike = {row: [element for element, other in rows if other == row] for row in shown.values()}
    counts = Counter(shown[element] for element in taken)
    for chosen in _product([itertools.combinations(alike[row], count) for row, count in counts.items()]):
        left = {row: iter(elements) for row, elements in zip(counts, chosen, strict=True)}
        yield tuple(next(left[shown[element]]) for element in taken)


def _product(iterables: Sequence[Iterable[Any]]) -> Iterator[tuple[Any, ...]]:
    """The product of iterables that may be long, the later ones going round first; only what is asked for is kept."""
    if not iterables:
        yield ()
        return
    *before, last = iterables
    kept = list(itertools.islice(last, 8 * SOME))
    for head in _product(before):
        for each in kept:
            yield (*head, each)


@pure
def arrangements(groups: Sequence[Group], start: int, end: int, rows: Sequence[tuple[Any, ...]]) -> Arrangements:
    """The stretches from one place up to another of a list whose groups each stand in any order."""
    return Arrangements(groups, start, end, rows)
