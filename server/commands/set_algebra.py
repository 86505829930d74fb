"""The set group: unions, intersections and differences of several sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from redlark.server import errors
from redlark.server.commands.common import counted_keys, set_at, store_over
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Function, Reply, SetReply
from redlark.server.types import Set
from redlark.server.values import to_integer

Sets = list[Set | None]


def _common(sets: Sets) -> Iterator[bytes]:
    """What all have, found by a walk over the smallest."""
    there = [each for each in sets if each is not None]
    if len(there) == len(sets):
        first, *others = sorted(there, key=len)
        for member in first:
            if all(member in each for each in others):
                yield member


def _union(sets: Sets) -> Iterator[bytes]:
    return iter({member for each in sets if each is not None for member in each})


def _difference(sets: Sets) -> Iterator[bytes]:
    first, *others = sets
    there = [each for each in others if each is not None]
    for member in first or ():
        if not any(member in each for each in there):
            yield member


# What a result that is stored becomes depends on how Redis comes by it.


def _fill_common(result: Set, sets: Sets) -> None:
    """It begins as the smallest set is kept."""
    smallest = min(sets, key=lambda each: len(each or ()))
    result.gather(_common(sets), integers=smallest is not None and smallest.encoding == b"intset")


def _fill_union(result: Set, sets: Sets) -> None:
    result.gather(_union(sets))


def _fill_difference(result: Set, sets: Sets) -> None:
    """Where the others are small, all of the first is gathered, and then they are taken out."""
    first, *others = sets
    if len(sets) * len(first or ()) // 2 <= sum(len(each or ()) for each in sets):
        result.gather(_difference(sets))
    else:
        result.gather(first or ())
        for each in others:
            result.remove(each or ())


def _commands(name: str, work: Callable[[Sets], Iterator[bytes]], fill: Callable[[Set, Sets], None]) -> None:
    """A command that tells the result, and one that stores it."""
    event = b"%bstore" % name.lower().encode()

    def tell(ctx: Context, args: list[bytes]) -> Reply:
        return SetReply(list(work([set_at(ctx, key) for key in args[1:]])))

    def store(ctx: Context, args: list[bytes]) -> Reply:
        result = ctx.server.types.Set(ctx.server.config)
        fill(result, [set_at(ctx, key) for key in args[2:]])
        store_over(ctx, args[1], result, event)
        return len(result)

    functions: tuple[tuple[str, Function], ...] = ((name, tell), (f"{name}STORE", store))
    for full_name, function in functions:
        command(full_name)(function)


_commands("SINTER", _common, _fill_common)
_commands("SUNION", _union, _fill_union)
_commands("SDIFF", _difference, _fill_difference)


@command("SINTERCARD")
def sintercard(ctx: Context, args: list[bytes]) -> Reply:
    keys, rest = counted_keys(args, 1, b"ERR Number of keys can't be greater than number of args")
    limit = read_limit(rest)
    found = _common([set_at(ctx, key) for key in keys])
    return sum(1 for _ in islice(found, limit or None))


def read_limit(words: list[bytes]) -> int:
    """LIMIT, at which counting stops; 0: nowhere.  Raises CommandError."""
    limit = 0
    for place in range(0, len(words), 2):
        if words[place].upper() != b"LIMIT" or place + 1 == len(words):
            raise errors.syntax()
        given = to_integer(words[place + 1])
        if given is None or given < 0:
            raise CommandError(b"ERR LIMIT can't be negative")
        limit = given
    return limit
