"""What several groups of commands share: typed lookups, deadlines from arguments, index arithmetic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from redlark.server import errors
from redlark.server.interfaces import CommandError, Context, Database
from redlark.server.values import INT64_MAX, INT64_MIN, int32, integer


@contextmanager
def unseen(db: Database) -> Iterator[None]:
    """What is written meanwhile is told to nobody who watches: it changes how a value is kept, not what it is."""
    watched, db.watched = db.watched, {}
    try:
        yield
    finally:
        db.watched = watched


def string_at(ctx: Context, key: bytes) -> bytes | None:
    """The string, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.get(key)
    if value is None or isinstance(value, bytes):
        return value
    raise errors.wrong_type()


def list_at(ctx: Context, key: bytes) -> deque[bytes] | None:
    """The list, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.get(key)
    if value is None or isinstance(value, deque):
        return value
    raise errors.wrong_type()


def set_at(ctx: Context, key: bytes) -> set[bytes] | None:
    """The set, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.get(key)
    if value is None or isinstance(value, set):
        return value
    raise errors.wrong_type()


def deadline_of(ctx: Context, text: bytes, seconds: bool, absolute: bool, name: bytes) -> int:
    """The Unix time in ms that EX, PX, EXAT or PXAT asks for: positive, and within 64 bits throughout.

    Raises CommandError for the command called name.
    """
    amount = integer(text)
    if amount <= 0:
        raise CommandError(errors.invalid_expire(name))
    return moment(ctx, amount, seconds, absolute, name)


def moment(ctx: Context, amount: int, seconds: bool, absolute: bool, name: bytes) -> int:
    """amount as a Unix time in ms.  Raises CommandError when it leaves 64 bits on the way."""
    at = amount * 1000 if seconds else amount
    if INT64_MIN <= at <= INT64_MAX and not absolute:
        at += ctx.now
    if not INT64_MIN <= at <= INT64_MAX:
        raise CommandError(errors.invalid_expire(name))
    return at


def database_index(ctx: Context, text: bytes) -> int:
    """The index of a database.  Raises CommandError."""
    index = int32(text)
    if not 0 <= index < len(ctx.server.databases):
        raise CommandError(errors.DB_RANGE)
    return index


def part(start: int, end: int, length: int) -> slice:
    """The slice from start to end (inclusive, negative from the end) of something with length items.

    >>> "abc"[part(-2, -1, 3)], "abc"[part(2, 1, 3)], "abc"[part(-9, 0, 3)]
    ('bc', '', 'a')
    """
    start = max(start + length, 0) if start < 0 else start
    end = end + length if end < 0 else end
    return slice(start, max(end + 1, start))
