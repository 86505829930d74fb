"""What several groups of commands share: typed lookups, deadlines from arguments, index arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Final, TypeVar

from redlark.server import errors
from redlark.server.interfaces import FRESH, CommandError, Context, Database, Reply, Value
from redlark.server.notifications import OVERWRITTEN, TYPE_CHANGED
from redlark.server.types import Hash, List, Set, SortedSet, Stream
from redlark.server.values import INT64_MAX, INT64_MIN, int32, integer, to_integer

T = TypeVar("T")

# What takes elements out, and tells so ahead of the change; hdel, srem and the ranges of sorted sets do not.
AHEAD: Final = frozenset((b"lpop", b"rpop", b"lrem", b"spop", b"zrem", b"zpopmin", b"zpopmax"))


@contextmanager
def unseen(db: Database) -> Iterator[None]:
    """What is written meanwhile is told to nobody who watches or waits: it is no change to them."""
    watched, db.watched = db.watched, {}
    awaited, db.awaited = db.awaited, {}
    tracker, db.tracker = db.tracker, None
    try:
        yield
    finally:
        db.watched, db.awaited, db.tracker = watched, awaited, tracker


def string_at(ctx: Context, key: bytes) -> bytes | None:
    """The string, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.look(key)
    if value is None or isinstance(value, bytes):
        return value
    raise errors.wrong_type()


def list_at(ctx: Context, key: bytes) -> List | None:
    """The list, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.look(key)
    if value is None:
        return None
    if isinstance(value, bytes) or value.kind != b"list":
        raise errors.wrong_type()
    return value


def set_at(ctx: Context, key: bytes) -> Set | None:
    """The set, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.look(key)
    if value is None:
        return None
    if isinstance(value, bytes) or value.kind != b"set":
        raise errors.wrong_type()
    return value


def hash_at(ctx: Context, key: bytes) -> Hash | None:
    """The hash, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.get(key)
    if value is None:
        return None
    if isinstance(value, bytes) or value.kind != b"hash":
        raise errors.wrong_type()
    return value


def zset_at(ctx: Context, key: bytes) -> SortedSet | None:
    """The sorted set, or None when absent.  Raises WRONGTYPE."""
    value = ctx.db.look(key)
    if value is None:
        return None
    if isinstance(value, bytes) or value.kind != b"zset":
        raise errors.wrong_type()
    return value


def stream_at(ctx: Context, key: bytes) -> Stream | None:
    """The stream, or None when absent.  Raises WRONGTYPE."""
    return as_stream(ctx.db.look(key))


def as_stream(value: Value | None) -> Stream | None:
    """What was looked up, as a stream.  Raises WRONGTYPE."""
    if value is None:
        return None
    if isinstance(value, bytes) or value.kind != b"stream":
        raise errors.wrong_type()
    return value


def settle(ctx: Context, key: bytes, value: List | Set | Hash | SortedSet, event: bytes) -> None:
    """Elements of a value were taken out in place, which is told as event: what is empty goes."""
    with ahead(ctx) if event in AHEAD else nullcontext():
        if value:
            ctx.db.modified(key)
            ctx.notify(event, key)
        else:
            ctx.db.delete(key)
            ctx.notify(event, key)
            ctx.notify(b"del", key)


@contextmanager
def ahead(ctx: Context, database: Database | None = None) -> Iterator[None]:
    """Events of what happens meanwhile are told ahead of it: who tracks keys hears of their changes at the end.

    That a key has expired is told at once.
    """
    where = ctx.db if database is None else database
    tracker, changed = where.tracker, list[tuple[bytes, bool]]()
    if tracker is None or not ctx.server.events.classes or ctx.server.propagation.on:
        yield
        return
    where.tracker = lambda key, expired: tracker(key, True) if expired else changed.append((key, False))
    try:
        yield
    finally:
        where.tracker = tracker
        for one in changed:
            tracker(*one)


@contextmanager
def writing_over(ctx: Context, key: bytes, database: Database | None = None) -> Iterator[None]:
    """A value is stored meanwhile, whatever is there; at the end it is told if something was, and of another type."""
    if not ctx.server.events.classes:
        yield
        return
    where = ctx.db if database is None else database  # an empty one is false
    before = where.kind(key)
    try:
        yield
    finally:
        if before is not None and where.kind(key) is not None:
            ctx.notify(OVERWRITTEN, key, where)
            if where.kind(key) != before:
                ctx.notify(TYPE_CHANGED, key, where)


def store_over(ctx: Context, key: bytes, value: Value, event: bytes, form: int = FRESH) -> None:
    """Store what a command has made under a key, whatever is there; an empty collection or string means to delete."""
    if value:
        with ahead(ctx), writing_over(ctx, key):
            ctx.db.put(key, value, form=form)
        ctx.notify(event, key)
    elif bury(ctx, key) or ctx.db.delete(key):
        ctx.notify(b"del", key)


def bury(ctx: Context, key: bytes) -> bool:
    """A key whose time is over, and that is still there, goes as if it were not over; was there one?"""
    database, count = ctx.db, len(ctx.db)
    teller, database.teller = database.teller, None
    database.exists(key)
    database.teller = teller
    gone = count - len(database)
    database.expired -= gone
    return gone > 0


def counted_keys(args: list[bytes], place: int, too_few: bytes = errors.SYNTAX) -> tuple[list[bytes], list[bytes]]:
    """The keys behind their number, which stands at a place, and what stands behind them.  Raises CommandError."""
    number = to_integer(args[place])
    if number is None or number < 1:
        raise CommandError(b"ERR numkeys should be greater than 0")
    if number >= len(args) - place:
        raise CommandError(too_few)
    return args[place + 1 : place + 1 + number], args[place + 1 + number :]


def first_there(
    ctx: Context, keys: list[bytes], value_at: Callable[[Context, bytes], T | None]
) -> tuple[bytes, T] | None:
    """The first key that is there, with what it holds.  Raises WRONGTYPE.

    A hash whose fields have all expired is there until it is asked for what it holds.
    """
    for key in keys:
        if ctx.db.exists(key) and (value := value_at(ctx, key)) is not None:
            return key, value
    return None


def pop_from(args: list[bytes], ends: tuple[bytes, bytes]) -> tuple[list[bytes], bool, int]:
    """What LMPOP and ZMPOP want: keys, whether from the first of the two ends, how many.  Raises CommandError."""
    keys, rest = counted_keys(args, 1)
    if not rest or rest[0].upper() not in ends:
        raise errors.syntax()
    count = 1
    if len(rest) > 1:
        if len(rest) < 3 or rest[1].upper() != b"COUNT":
            raise errors.syntax()
        given = to_integer(rest[2])
        if given is None or given < 1:
            raise CommandError(b"ERR count should be greater than 0")
        if len(rest) > 3:
            raise errors.syntax()
        count = given
    return keys, rest[0].upper() == ends[0], count


def sample_size(text: bytes) -> int:
    """How many random members: so many different ones, or, below 0, so many draws.  Raises CommandError."""
    count = integer(text)
    if count == INT64_MIN:
        raise CommandError(errors.NOT_SYMMETRIC)
    return count


def has_word(words: list[bytes], wanted: bytes) -> bool:
    """Is the one word there that may stand at the end?  Raises a syntax error at any other."""
    if len(words) > 1 or (words and words[0].upper() != wanted):
        raise errors.syntax()
    return bool(words)


def sample_of_pairs(args: list[bytes], word: bytes) -> tuple[int | None, bool]:
    """What HRANDFIELD and ZRANDMEMBER are asked for: a count, if any, and whether values too.  Raises CommandError."""
    count = sample_size(args[2]) if len(args) > 2 else None
    wanted = has_word(args[3:], word)
    if wanted and count is not None and abs(count) > INT64_MAX // 2:  # the length of the reply must have 64 bits
        raise CommandError(errors.OUT_OF_RANGE)
    return count, wanted


def random_members(value: Set | Hash | SortedSet, count: int) -> list[bytes]:
    """As many as `sample_size` has read."""
    return value.draw(-count) if count < 0 else value.sample(count)


def pairs(ctx: Context, items: Iterable[tuple[Reply, Reply]]) -> list[Reply]:
    """Pairs as they are told: each by itself in RESP3, one behind the other in RESP2."""
    if ctx.client.resp == 3:
        return list(items)
    return list(chain.from_iterable(items))


def deadline_of(ctx: Context, text: bytes, seconds: bool, absolute: bool, name: bytes) -> int:
    """The Unix time in ms that EX, PX, EXAT or PXAT asks for: positive, and within 64 bits throughout.

    Raises CommandError for the command called name.
    """
    amount = integer(text)
    if amount <= 0:
        raise CommandError(errors.invalid_expire(name))
    return moment(ctx, amount, seconds, absolute, name)


def set_deadline(ctx: Context, key: bytes, at: int, conditions: Iterable[bytes] = ()) -> None:
    """Give a key a deadline (ms), as conditions asked for; one that has come means that it goes at once."""
    if at <= ctx.now:
        ctx.db.delete(key)
        ctx.notify(b"del", key)
        ctx.propagate(b"DEL", key)
    else:
        ctx.db.set_deadline(key, at)
        ctx.notify(b"expire", key)
        ctx.propagate(b"PEXPIREAT", key, b"%d" % at, *conditions)


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
