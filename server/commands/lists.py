"""The list group, but for the commands that wait."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import attrs

from redlark.server import errors
from redlark.server.commands.common import ahead, first_there, list_at, part, pop_from, settle
from redlark.server.commands.registry import command
from redlark.server.interfaces import NULL_ARRAY, OK, CommandError, Context, Reply
from redlark.server.types import List
from redlark.server.values import INT64_MIN, integer, positive, to_integer

# ------------------------------------------------------------------------------------------------ pushing and popping


def _push(ctx: Context, key: bytes, elements: list[bytes], left: bool, moved: bool = False) -> int:
    """Push to the list of a key, or to a new one."""
    value = list_at(ctx, key)
    if value is None:
        value = ctx.server.types.List(ctx.server.config)
        value.push(elements, left, moved)
        ctx.db.put(key, value)
    else:
        value.push(elements, left, moved)
        ctx.db.modified(key)
    ctx.notify(b"lpush" if left else b"rpush", key)
    return len(value)


@command("LPUSH")
def lpush(ctx: Context, args: list[bytes]) -> Reply:
    return _push(ctx, args[1], args[2:], left=True)


@command("RPUSH")
def rpush(ctx: Context, args: list[bytes]) -> Reply:
    return _push(ctx, args[1], args[2:], left=False)


@command("LPUSHX")
def lpushx(ctx: Context, args: list[bytes]) -> Reply:
    return 0 if list_at(ctx, args[1]) is None else _push(ctx, args[1], args[2:], left=True)


@command("RPUSHX")
def rpushx(ctx: Context, args: list[bytes]) -> Reply:
    return 0 if list_at(ctx, args[1]) is None else _push(ctx, args[1], args[2:], left=False)


def pop_event(left: bool) -> bytes:
    """What is told of elements that were taken from that end."""
    return b"lpop" if left else b"rpop"


def _pop(ctx: Context, args: list[bytes], left: bool) -> Reply:
    if len(args) > 3:
        raise CommandError(errors.wrong_arity(args[0].lower()))
    count = positive(args[2]) if len(args) == 3 else None
    value = list_at(ctx, args[1])
    if value is None:
        return None if count is None else NULL_ARRAY
    if count == 0:
        return []
    popped = value.pop(count or 1, left)
    settle(ctx, args[1], value, pop_event(left))
    return popped[0] if count is None else popped


@command("LPOP")
def lpop(ctx: Context, args: list[bytes]) -> Reply:
    return _pop(ctx, args, left=True)


@command("RPOP")
def rpop(ctx: Context, args: list[bytes]) -> Reply:
    return _pop(ctx, args, left=False)


@command("LMPOP")
def lmpop(ctx: Context, args: list[bytes]) -> Reply:
    keys, left, count = pop_from(args, (b"LEFT", b"RIGHT"))
    found = first_there(ctx, keys, list_at)
    if found is None:
        return NULL_ARRAY
    key, value = found
    popped = value.pop(count, left)
    settle(ctx, key, value, pop_event(left))
    ctx.propagate(b"LPOP" if left else b"RPOP", key, b"%d" % len(popped))
    return [key, popped]


# -------------------------------------------------------------------------------------------------- from list to list


def move(ctx: Context, source: bytes, destination: bytes, from_left: bool, to_left: bool) -> Reply:
    """Move an element from an end of a list to one of another; None where there is none.  Raises WRONGTYPE."""
    value = list_at(ctx, source)
    if value is None:
        return None
    list_at(ctx, destination)  # for its WRONGTYPE
    if source == destination:
        element = value.rotate(from_left, to_left)
        ctx.db.modified(source)
        ctx.notify(b"lpush" if to_left else b"rpush", source)
        ctx.notify(pop_event(from_left), source)
        return element
    (element,) = value.pop(1, from_left)
    _push(ctx, destination, [element], to_left, moved=True)
    settle(ctx, source, value, pop_event(from_left))
    return element


def is_left(word: bytes) -> bool:
    """LEFT or RIGHT.  Raises a syntax error."""
    if word.upper() not in (b"LEFT", b"RIGHT"):
        raise errors.syntax()
    return word.upper() == b"LEFT"


@command("LMOVE")
def lmove(ctx: Context, args: list[bytes]) -> Reply:
    return move(ctx, args[1], args[2], is_left(args[3]), is_left(args[4]))


@command("RPOPLPUSH")
def rpoplpush(ctx: Context, args: list[bytes]) -> Reply:
    return move(ctx, args[1], args[2], from_left=False, to_left=True)


# ------------------------------------------------------------------------------------------------------------ looking


@command("LLEN")
def llen(ctx: Context, args: list[bytes]) -> Reply:
    return len(list_at(ctx, args[1]) or ())


@command("LINDEX")
def lindex(ctx: Context, args: list[bytes]) -> Reply:
    value = list_at(ctx, args[1])
    if value is None:
        return None
    place = _place(integer(args[2]), value)
    return value.get(place) if 0 <= place < len(value) else None


def _place(index: int, value: List) -> int:
    return index + len(value) if index < 0 else index


@command("LRANGE")
def lrange(ctx: Context, args: list[bytes]) -> Reply:
    start, end = integer(args[2]), integer(args[3])
    value = list_at(ctx, args[1])
    if value is None:
        return []
    wanted = part(start, end, len(value))
    return value.range(wanted.start, min(wanted.stop, len(value)))


@attrs.define(slots=True)
class _Search:
    """What LPOS is asked for."""

    rank: int = 1
    count: int | None = None
    most: int = 0  # elements to look at; 0: all


def _search(words: list[bytes]) -> _Search:
    search = _Search()
    rest = iter(words)
    for word in rest:
        name, text = word.upper(), next(rest, None)
        if text is None:
            raise errors.syntax()
        if name == b"RANK":
            search.rank = integer(text)
            if search.rank == INT64_MIN:
                raise CommandError(errors.NOT_SYMMETRIC)
            if search.rank == 0:
                raise CommandError(
                    b"ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                    b"or use negative to start from the end of the list"
                )
        elif name == b"COUNT":
            search.count = _natural(text, b"ERR COUNT can't be negative")
        elif name == b"MAXLEN":
            search.most = _natural(text, b"ERR MAXLEN can't be negative")
        else:
            raise errors.syntax()
    return search


def _natural(text: bytes, error: bytes) -> int:
    number = to_integer(text)
    if number is None or number < 0:
        raise CommandError(error)
    return number


def _matches(value: List, element: bytes, search: _Search) -> Iterator[int]:
    """The places that match, in the order of the search, the first of its rank."""
    backwards = search.rank < 0
    looked_at = islice(reversed(value) if backwards else value, min(search.most or len(value), len(value)))
    places = (place for place, each in enumerate(looked_at) if each == element)
    for place in islice(places, min(abs(search.rank) - 1, len(value)), None):
        yield len(value) - 1 - place if backwards else place


@command("LPOS")
def lpos(ctx: Context, args: list[bytes]) -> Reply:
    search = _search(args[3:])
    value = list_at(ctx, args[1])
    if value is None:
        return None if search.count is None else []
    found = _matches(value, args[2], search)
    if search.count is None:
        return next(found, None)
    return list(islice(found, min(search.count or len(value), len(value))))


# -------------------------------------------------------------------------------------------------- changing in place


@command("LSET")
def lset(ctx: Context, args: list[bytes]) -> Reply:
    value = list_at(ctx, args[1])
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    index = (integer(args[2]) + 2**31) % 2**32 - 2**31  # Redis keeps 32 bits of it
    if not value.set(_place(index, value), args[3]):
        raise CommandError(errors.INDEX_RANGE)
    ctx.db.modified(args[1])
    ctx.notify(b"lset", args[1])
    return OK


@command("LINSERT")
def linsert(ctx: Context, args: list[bytes]) -> Reply:
    if args[2].upper() not in (b"BEFORE", b"AFTER"):
        raise errors.syntax()
    value = list_at(ctx, args[1])
    if value is None:
        return 0
    if not value.insert(args[3], args[4], after=args[2].upper() == b"AFTER"):
        return -1
    ctx.db.modified(args[1])
    ctx.notify(b"linsert", args[1])
    return len(value)


@command("LREM")
def lrem(ctx: Context, args: list[bytes]) -> Reply:
    count = integer(args[2])
    if count == INT64_MIN:
        raise CommandError(errors.NOT_SYMMETRIC)
    value = list_at(ctx, args[1])
    gone = 0 if value is None else value.remove(args[3], count)
    if value is not None and gone:
        settle(ctx, args[1], value, b"lrem")
    return gone


@command("LTRIM")
def ltrim(ctx: Context, args: list[bytes]) -> Reply:
    start, end = integer(args[2]), integer(args[3])
    value = list_at(ctx, args[1])
    if value is None:
        return OK
    kept = part(start, end, len(value))
    if kept.start >= min(kept.stop, len(value)):
        with ahead(ctx):
            ctx.db.delete(args[1])
            ctx.notify(b"ltrim", args[1])
            ctx.notify(b"del", args[1])
    else:
        if kept.start == 0 and kept.stop >= len(value):
            ctx.propagate()
        value.trim(kept.start, min(kept.stop, len(value)))
        with ahead(ctx):
            ctx.db.modified(args[1])
            ctx.notify(b"ltrim", args[1])
    return OK
