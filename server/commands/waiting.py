"""Commands that wait for a key to come to be: BLPOP and its kin on lists, BZPOPMIN and its kin on sorted sets."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import TypeVar

from redlark.server import errors, longdouble
from redlark.server.blocking import wait_for
from redlark.server.commands.common import first_there, list_at, pop_from, settle, zset_at
from redlark.server.commands.lists import is_left, move, pop_event
from redlark.server.commands.registry import command
from redlark.server.commands.sorted_sets import pop_scored
from redlark.server.interfaces import NULL_ARRAY, CommandError, Context, Function, Reply
from redlark.server.types import List, SortedSet
from redlark.server.values import INT64_MAX

T = TypeVar("T")


def _until(ctx: Context, text: bytes) -> int:
    """When a wait of so many seconds, with a fraction or not, ends (ms); 0: never.  Raises CommandError."""
    seconds = longdouble.read(text)
    if seconds is None:
        raise CommandError(b"ERR timeout is not a float or out of range")
    delay = 2**64 if seconds > 0 else -(2**64)
    if isinstance(seconds, Fraction):
        scaled = longdouble.rounded(seconds * 1000)
        delay = ceil(scaled) if isinstance(scaled, Fraction) else delay
    if delay + ctx.now > INT64_MAX:
        raise CommandError(errors.TIMEOUT_RANGE)
    if delay < 0:
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    return ctx.now + delay if delay else 0


def _serve_first(
    ctx: Context, args: list[bytes], keys: list[bytes], value_at: Callable[[Context, bytes], T | None], until: int,
    serve: Callable[[bytes, T], Reply], function: Function,
) -> Reply:  # fmt: skip
    """What the first key that is there gives; where there is none, wait for one of that kind.  Raises WRONGTYPE."""
    found = first_there(ctx, keys, value_at)
    if found is not None:
        return serve(*found)
    if ctx.executing:  # nobody waits in a transaction
        return NULL_ARRAY
    kind = b"list" if value_at is list_at else b"zset"
    return wait_for(ctx, keys, kind, until, NULL_ARRAY, lambda: function(ctx, args))


def _pop_elements(ctx: Context, key: bytes, value: List, count: int, left: bool) -> list[bytes]:
    popped = value.pop(count, left)
    settle(ctx, key, value, pop_event(left))
    return popped


def _list_popper(left: bool) -> Function:
    def pop(ctx: Context, args: list[bytes]) -> Reply:
        def serve(key: bytes, value: List) -> Reply:
            popped = _pop_elements(ctx, key, value, 1, left)
            ctx.propagate(b"LPOP" if left else b"RPOP", key)
            return [key, *popped]

        return _serve_first(ctx, args, args[1:-1], list_at, _until(ctx, args[-1]), serve, pop)

    return pop


command("BLPOP")(_list_popper(left=True))
command("BRPOP")(_list_popper(left=False))


@command("BLMPOP")
def blmpop(ctx: Context, args: list[bytes]) -> Reply:
    keys, left, count = pop_from(args[1:], (b"LEFT", b"RIGHT"))

    def serve(key: bytes, value: List) -> Reply:
        popped = _pop_elements(ctx, key, value, count, left)
        ctx.propagate(b"LPOP" if left else b"RPOP", key, b"%d" % len(popped))
        return [key, popped]

    return _serve_first(ctx, args, keys, list_at, _until(ctx, args[1]), serve, blmpop)


def _move(
    ctx: Context, args: list[bytes], from_left: bool, to_left: bool, function: Function, *told: bytes
) -> Reply:  # fmt: skip
    """told: what others are told, who do not wait."""
    until = _until(ctx, args[-1])
    if ctx.executing or ctx.db.exists(args[1]):
        moved = move(ctx, args[1], args[2], from_left, to_left)
        if moved is not None:
            ctx.propagate(*told)
        if moved is not None or ctx.executing:
            return moved
    return wait_for(ctx, [args[1]], b"list", until, NULL_ARRAY, lambda: function(ctx, args))


@command("BLMOVE")
def blmove(ctx: Context, args: list[bytes]) -> Reply:
    return _move(ctx, args, is_left(args[3]), is_left(args[4]), blmove, b"LMOVE", *args[1:5])


@command("BRPOPLPUSH")
def brpoplpush(ctx: Context, args: list[bytes]) -> Reply:
    return _move(ctx, args, False, True, brpoplpush, b"RPOPLPUSH", *args[1:3])


# -------------------------------------------------------------------------------------------------------- sorted sets


def _score_popper(lowest: bool) -> Function:
    def pop(ctx: Context, args: list[bytes]) -> Reply:
        def serve(key: bytes, value: SortedSet) -> Reply:
            ((member, score),) = pop_scored(ctx, key, value, 1, lowest)
            ctx.propagate(b"ZPOPMIN" if lowest else b"ZPOPMAX", key)
            return [key, member, score]

        return _serve_first(ctx, args, args[1:-1], zset_at, _until(ctx, args[-1]), serve, pop)

    return pop


command("BZPOPMIN")(_score_popper(lowest=True))
command("BZPOPMAX")(_score_popper(lowest=False))


@command("BZMPOP")
def bzmpop(ctx: Context, args: list[bytes]) -> Reply:
    keys, lowest, count = pop_from(args[1:], (b"MIN", b"MAX"))

    def serve(key: bytes, value: SortedSet) -> Reply:
        popped = pop_scored(ctx, key, value, count, lowest)
        ctx.propagate(b"ZPOPMIN" if lowest else b"ZPOPMAX", key, b"%d" % len(popped))
        return [key, popped]

    return _serve_first(ctx, args, keys, zset_at, _until(ctx, args[1]), serve, bzmpop)
