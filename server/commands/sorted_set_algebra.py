"""The sorted set group: unions, intersections and differences of several sorted sets and sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import attrs

from redlark.server import doubles, errors
from redlark.server.commands.common import pairs, store_over
from redlark.server.commands.registry import command
from redlark.server.commands.set_algebra import read_limit
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.types import Scored, Set, SortedSet
from redlark.server.values import integer

Input = SortedSet | Set | None


@attrs.define(slots=True)
class _Request:
    """What is to be put together, and how."""

    inputs: list[Input]
    weights: list[float]
    aggregate: bytes = b"SUM"
    with_scores: bool = False


def _read_inputs(ctx: Context, args: list[bytes], place: int) -> tuple[list[Input], list[bytes]]:
    """The values of the keys behind their number, and the words behind them.  Raises CommandError."""
    number = integer(args[place])
    if number < 1:
        raise CommandError(b"ERR at least 1 input key is needed for '%b' command" % args[0].lower())
    if number >= len(args) - place:
        raise errors.syntax()
    inputs: list[Input] = []
    for key in args[place + 1 : place + 1 + number]:
        value = ctx.db.look(key)
        if value is None or (not isinstance(value, bytes) and (value.kind == b"set" or value.kind == b"zset")):
            inputs.append(value)
        else:
            raise errors.wrong_type()
    return inputs, args[place + 1 + number :]


def _read(ctx: Context, args: list[bytes], place: int, allowed: frozenset[bytes]) -> _Request:
    """Raises CommandError."""
    inputs, words = _read_inputs(ctx, args, place)
    request = _Request(inputs, [1.0] * len(inputs))
    while words:
        name = words[0].upper()
        taken = len(inputs) + 1 if name == b"WEIGHTS" else 2 if name == b"AGGREGATE" else 1
        if name not in allowed or len(words) < taken:
            raise errors.syntax()
        if name == b"WEIGHTS":
            request.weights = list(map(_weight, words[1:taken]))
        elif name == b"AGGREGATE":
            request.aggregate = words[1].upper()
            if request.aggregate not in (b"SUM", b"MIN", b"MAX"):
                raise errors.syntax()
        else:
            request.with_scores = True
        words = words[taken:]
    return request


def _weight(text: bytes) -> float:
    weight = doubles.read(text)
    if weight is None:
        raise CommandError(b"ERR weight value is not a float")
    return weight


# --------------------------------------------------------------------------------------------------- putting together


def _number(score: float) -> float:
    """Infinity times nought, and what opposite infinities make, count as 0."""
    return 0.0 if math.isnan(score) else score


def _aggregated(kind: bytes, one: float, other: float) -> float:
    if kind == b"SUM":
        return _number(one + other)
    if kind == b"MIN":
        return other if other < one else one
    return other if other > one else one


def _scores(value: Input) -> Iterator[Scored]:
    """Members with scores; those of a set have 1."""
    if value is not None:
        if value.kind == b"set":
            yield from ((member, 1.0) for member in value)
        else:
            yield from value.range(0, len(value))


def _score_in(value: Input, member: bytes) -> float | None:
    if value is None:
        return None
    if value.kind == b"set":
        return 1.0 if member in value else None
    return value.score(member)


def _by_size(request: _Request) -> list[tuple[Input, float]]:
    """The inputs with their weights, small ones first: sums of doubles depend on the order."""
    return sorted(zip(request.inputs, request.weights, strict=True), key=lambda pair: len(pair[0] or ()))


def _union(request: _Request) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    for value, weight in _by_size(request):
        for member, score in _scores(value):
            weighted = _number(weight * score)
            old = found.get(member)
            found[member] = weighted if old is None else _aggregated(request.aggregate, old, weighted)
    return found


def _intersection(request: _Request) -> dict[bytes, float]:
    (smallest, weight), *others = _by_size(request)
    found: dict[bytes, float] = {}
    for member, score in _scores(smallest):
        total = _number(weight * score)
        for value, factor in others:
            other = _score_in(value, member)
            if other is None:
                break
            total = _aggregated(request.aggregate, total, factor * other)
        else:
            found[member] = total
    return found


def _difference(request: _Request) -> dict[bytes, float]:
    first, *others = request.inputs
    there = [value for value in others if value is not None]
    return {member: score for member, score in _scores(first) if not any(member in value for value in there)}


# ----------------------------------------------------------------------------------------------------------- commands


def _ordered(scores: dict[bytes, float]) -> Iterable[Scored]:
    return sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))


def _commands(name: str, work: Callable[[_Request], dict[bytes, float]], options: frozenset[bytes]) -> None:
    """A command that tells the result, and one that stores it."""
    event = b"%bstore" % name.lower().encode()

    def tell(ctx: Context, args: list[bytes]) -> Reply:
        request = _read(ctx, args, 1, options | {b"WITHSCORES"})
        found = _ordered(work(request))
        return pairs(ctx, found) if request.with_scores else [member for member, _ in found]

    def store_(ctx: Context, args: list[bytes]) -> Reply:
        result = ctx.server.types.SortedSet(ctx.server.config)
        result.gather(work(_read(ctx, args, 2, options)).items())
        store_over(ctx, args[1], result, event)
        return len(result)

    command(name)(tell)
    command(f"{name}STORE")(store_)


_COMBINED = frozenset((b"WEIGHTS", b"AGGREGATE"))
_commands("ZUNION", _union, _COMBINED)
_commands("ZINTER", _intersection, _COMBINED)
_commands("ZDIFF", _difference, frozenset())


@command("ZINTERCARD")
def zintercard(ctx: Context, args: list[bytes]) -> Reply:
    inputs, words = _read_inputs(ctx, args, 1)
    limit = read_limit(words)
    smallest, *others = sorted(inputs, key=lambda value: len(value or ()))
    found = 0
    for member in smallest or ():
        if all(value is not None and member in value for value in others):
            found += 1
            if found == limit:
                break
    return found
