"""Functions over sorted sets: what the text asks of a collection of members with scores.

What must live here: ``@pure`` functions of values, and the domains of choices over sorted sets. What must not: keys,
options, errors, the encoding of a key (the text's), and arithmetic of Redis's own (primitives).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from immutables import Map

from redlark.reference.functions import pure
from redlark.reference.values import SortedSet

Pair = tuple[bytes, float]
Flags = Sequence[bool]


@pure
def with_score(collection: SortedSet | None, member: bytes, score: float) -> SortedSet:
    """The sorted set in which a member has this score; an absent one counts as empty."""
    return (SortedSet() if collection is None else collection).set(member, score)


@pure
def zset_of(pairs: Iterable[Pair]) -> SortedSet:
    """The sorted set of these pairs of member and score; of equal members the last one counts."""
    return SortedSet(Map({member: float(score) for member, score in pairs}))


@pure
def members(collection: SortedSet) -> tuple[bytes, ...]:
    """The members in their order."""
    return tuple(member for member, _ in collection)


@pure
def reversed_(values: Iterable[Any]) -> tuple[Any, ...]:
    """The elements from the last to the first."""
    return tuple(values)[::-1]


@pure
def rank_in(values: Sequence[Any], value: Any) -> int | None:
    """Where a value stands in a list, counted from 0; absent where it does not."""
    return values.index(value) if value in values else None


# ---- walks by name -------------------------------------------------------------------------------------------


class Runs(tuple[tuple[int, int], ...]):
    """Runs to choose from: each is tried, however many they are, for none can be told from a reply by itself."""

    __slots__ = ()

    def candidates(self, _: object) -> Runs:
        """All of them."""
        return self

    def all(self, most: int) -> tuple[tuple[int, int], ...]:
        """The first of them."""
        return self[:most]

    def whole(self, found: Sequence[object]) -> bool:
        """Whether these are all."""
        return len(found) == len(self)


@pure
def runs(starts: Flags, stays: Flags, offset: int, packed: bool, leaps: bool) -> Runs:
    """Where a walk along a list may begin and end (that place excluded), element by element.

    It begins at the first element that may start it, unless that one is beyond the end; passes over ``offset`` more;
    and goes on while elements let it stay. There is none unless the last element may start it and the first one stays.
    Where the flags are not in order, a skip list (not ``packed``) may begin wherever an element that may start follows
    one that may not: its towers are random. One that ``leaps`` asks only of the element behind the offset, not of the
    first one, whether it is beyond the end.
    """
    if not starts or not starts[-1] or not stays[0]:
        return Runs(((0, 0),))
    leap = offset if leaps and not packed else 0
    return Runs(dict.fromkeys(_run(begin, stays, offset, leap) for begin in _edges(starts, packed)))


@pure
def runs_from_anywhere(stays: Flags) -> Runs:
    """The runs that begin at any element that stays; and none."""
    return Runs(((0, 0), *((begin, _end(begin, stays)) for begin in range(len(stays)) if stays[begin])))


def _edges(starts: Flags, packed: bool) -> list[int]:
    edges = [place for place in range(len(starts)) if starts[place] and (place == 0 or not starts[place - 1])]
    return edges[:1] if packed else edges


def _run(begin: int, stays: Flags, offset: int, leap: int) -> tuple[int, int]:
    if offset < 0 or begin + leap >= len(stays) or not stays[begin + leap]:
        return (0, 0)
    begin += offset
    return (begin, _end(begin, stays)) if begin < len(stays) else (0, 0)


def _end(begin: int, stays: Flags) -> int:
    return next((place for place in range(begin, len(stays)) if not stays[place]), len(stays))


@pure
def removals(starts: Flags, stays: Flags) -> Runs:
    """The runs that a skip list removes: as :func:`runs`, without a look at either end first; perhaps none."""
    edges = _edges(starts, False)
    found = [(begin, _end(begin, stays)) for begin in edges]
    return Runs(dict.fromkeys(found if starts and starts[-1] else [*found, (0, 0)]))


@pure
def run_counts(up: Flags, down: Flags) -> tuple[int, ...]:
    """How many elements a skip list counts between its first one that is up and its last one that is down.

    It takes the difference of their ranks, whichever stands first.
    """
    if not up or not up[-1] or not down[0]:
        return (0,)
    size, found = len(up), []
    for begin in _edges(up, False):
        if not down[begin]:
            found.append(0)
            continue
        for behind in _edges(down[::-1], False):
            last = size - 1 - behind
            found.append(last - begin + 1 if up[last] else size - begin)
    return tuple(dict.fromkeys(found))


# ---- several together ------------------------------------------------------------------------------------------


def _scores(collection: Any) -> dict[bytes, float]:
    """Members and scores of a sorted set, of a set (each has 1), of nothing."""
    if collection is None:
        return {}
    return dict(collection.scores) if isinstance(collection, SortedSet) else dict.fromkeys(collection, 1.0)


def _aggregate(kind: bytes, one: float, other: float) -> float:
    if kind == b"MIN":
        return other if other < one else one
    if kind == b"MAX":
        return other if other > one else one
    return _number(one + other)


def _number(score: float) -> float:
    return 0.0 if math.isnan(score) else score


def _by_size(inputs: Sequence[Any], weights: Sequence[float]) -> list[tuple[dict[bytes, float], float]]:
    """The inputs with their weights, small ones first, as servers go through them: sums of doubles depend on it."""
    pairs = [(_scores(each), weight) for each, weight in zip(inputs, weights, strict=True)]
    return sorted(pairs, key=lambda pair: len(pair[0]))


@pure
def united(inputs: Sequence[Any], weights: Sequence[float], kind: bytes) -> SortedSet:
    """The union: scores times weights, several of one member put together by SUM, MIN or MAX; NaN counts as 0."""
    found: dict[bytes, float] = {}
    for scores, weight in _by_size(inputs, weights):
        for member, score in scores.items():
            value = _number(weight * score)
            found[member] = _aggregate(kind, found[member], value) if member in found else value
    return SortedSet(Map(found))


@pure
def intersected(inputs: Sequence[Any], weights: Sequence[float], kind: bytes) -> SortedSet:
    """The intersection, scores as in :func:`united`, but NaN is 0 only for the smallest input and for sums."""
    (first, weight), *others = _by_size(inputs, weights)
    found: dict[bytes, float] = {}
    for member, score in first.items():
        if all(member in scores for scores, _ in others):
            value = _number(weight * score)
            for scores, factor in others:
                value = _aggregate(kind, value, scores[member] * factor)
            found[member] = value
    return SortedSet(Map(found))


@pure
def less(inputs: Sequence[Any]) -> SortedSet:
    """What the first input has and no other one, with its scores there."""
    first, *others = map(_scores, inputs)
    return SortedSet(Map({m: score for m, score in first.items() if not any(m in scores for scores in others)}))
