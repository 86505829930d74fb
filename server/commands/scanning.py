"""Walks in steps: how SCAN reads its arguments, and SSCAN, HSCAN and ZSCAN, which walk over the members of one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from redlark.server import doubles, errors
from redlark.server.commands.common import hash_at, set_at, zset_at
from redlark.server.commands.registry import command
from redlark.server.glob import matcher
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.types import Hash, Set, SortedSet
from redlark.server.values import integer, unsigned

SCAN_COUNT: Final = 10
LONGEST_SCAN: Final = 2**31 - 1  # more is not asked for at once


@attrs.define(slots=True)
class Options:
    """What stands behind the cursor."""

    matches: Callable[[bytes], bool] = attrs.field(default=lambda key: True)
    count: int = SCAN_COUNT
    kind: bytes | None = None
    no_values: bool = False


def read_cursor(text: bytes) -> int:
    """A cursor.  Raises CommandError."""
    cursor = unsigned(text)
    if cursor is None:
        raise CommandError(errors.BAD_CURSOR)
    return cursor


def read_options(words: list[bytes], more: frozenset[bytes] = frozenset()) -> Options:
    """MATCH and COUNT, and of TYPE and NOVALUES the one in more.  Raises CommandError."""
    options = Options()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name == b"NOVALUES":
            if name not in more:
                raise CommandError(b"ERR NOVALUES option can only be used in HSCAN")
            options.no_values = True
            continue
        value = next(rest, None)
        if value is None or name not in {b"COUNT", b"MATCH", *more}:
            raise errors.syntax()
        if name == b"COUNT":
            options.count = integer(value)
            if options.count < 1:
                raise errors.syntax()
        elif name == b"MATCH":
            options.matches = matcher(value)
        else:
            options.kind = value.lower()
    return options


def _step(value: Set | Hash | SortedSet, cursor: int, options: Options) -> tuple[bytes, list[bytes]]:
    after, found = value.scan(cursor, min(options.count, LONGEST_SCAN))
    return b"%d" % after, list(filter(options.matches, found))


@command("SSCAN")
def sscan(ctx: Context, args: list[bytes]) -> Reply:
    cursor = read_cursor(args[2])
    value = set_at(ctx, args[1])
    return [b"0", []] if value is None else _step(value, cursor, read_options(args[3:]))


@command("HSCAN")
def hscan(ctx: Context, args: list[bytes]) -> Reply:
    cursor = read_cursor(args[2])
    value = hash_at(ctx, args[1])
    if value is None:
        return [b"0", []]
    options = read_options(args[3:], frozenset((b"NOVALUES",)))
    after, found = _step(value, cursor, options)
    if options.no_values:
        return [after, found]
    return [after, [text for field in found for text in (field, value.get(field))]]


@command("ZSCAN")
def zscan(ctx: Context, args: list[bytes]) -> Reply:
    """A score is told as it is stored: by a skip list with all its 17 digits."""
    cursor = read_cursor(args[2])
    value = zset_at(ctx, args[1])
    if value is None:
        return [b"0", []]
    after, found = _step(value, cursor, read_options(args[3:]))
    packed = value.encoding == b"listpack"
    told: list[Reply] = []
    for member in found:
        score = value.score(member)
        assert score is not None
        told += (member, doubles.show(score) if packed else b"%.17g" % score)
    return [after, told]
