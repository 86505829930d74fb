"""SORT and SORT_RO: elements in the order of numbers or texts, their own ones or those of keys named after them."""

from __future__ import annotations

from functools import partial

import attrs

from redlark.server import doubles, errors
from redlark.server.commands.common import store_over
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.types import List, Set, SortedSet
from redlark.server.values import integer, until_nul

NOT_NUMBERS = b"ERR One or more scores can't be converted into double"


@attrs.define(slots=True)
class _Asked:
    """What stands behind the key; of what is repeated the last counts, but every GET."""

    by: bytes | None = None
    unsorted: bool = False  # a BY, any of them, that names no key
    start: int = 0
    count: int = -1  # below 0: all
    gets: list[bytes] = attrs.Factory(list)
    descending: bool = False
    texts: bool = False
    destination: bytes | None = None


def _read(words: list[bytes], may_store: bool) -> _Asked:
    """Raises CommandError."""
    asked = _Asked()
    rest = iter(words)
    left = len(words)
    for word in rest:
        name, left = word.upper(), left - 1
        if name in (b"ASC", b"DESC"):
            asked.descending = name == b"DESC"
        elif name == b"ALPHA":
            asked.texts = True
        elif name == b"LIMIT" and left >= 2:
            asked.start, asked.count = max(integer(next(rest)), 0), integer(next(rest))
            left -= 2
        elif left and (name in (b"BY", b"GET") or (name == b"STORE" and may_store)):
            _take(asked, name, next(rest))
            left -= 1
        else:
            raise errors.syntax()
    return asked


def _take(asked: _Asked, name: bytes, text: bytes) -> None:
    if name == b"GET":
        asked.gets.append(text)
    elif name == b"STORE":
        asked.destination = text
    else:
        asked.by = text
        asked.unsorted |= b"*" not in until_nul(text)


# ---- what patterns point at ----------------------------------------------------------------------------------------


def _referred(ctx: Context, pattern: bytes, element: bytes) -> bytes | None:
    """The element itself, a string, or a field of a hash; None where there is none.

    The element takes the place of the first star.  Behind it, the first arrow that something follows begins a field.
    """
    text = until_nul(pattern)
    if text == b"#":
        return element
    star = text.find(b"*")
    if star < 0:
        return None
    arrow = text.find(b"->", star + 1)
    if arrow < 0 or arrow + 2 >= len(text):
        value = ctx.db.look(pattern[:star] + element + pattern[star + 1 :])
        return value if isinstance(value, bytes) else None
    value = ctx.db.get(pattern[:star] + element + pattern[star + 1 : arrow])
    if value is None or isinstance(value, bytes) or value.kind != b"hash":
        return None
    return value.get(pattern[arrow + 2 :])


# ---- order ---------------------------------------------------------------------------------------------------------


def _elements(value: List | Set | SortedSet | None) -> list[bytes]:
    if value is None:
        return []
    if value.kind == b"zset":
        return [member for member, _ in value.range(0, len(value))]
    return list(value)


def _number(weight: bytes | None) -> float:
    """A weight that is missing counts as 0.  Raises CommandError."""
    number = 0.0 if weight is None else doubles.read_bound(weight)
    if number is None:
        raise CommandError(NOT_NUMBERS)
    return number


def _ordered(ctx: Context, asked: _Asked, elements: list[bytes]) -> list[bytes]:
    """Equal numbers are told apart by their elements; texts count up to a NUL, unless the result is stored."""
    by = None if asked.unsorted else asked.by
    weights = elements if by is None else [_referred(ctx, by, element) for element in elements]
    if not (asked.texts or asked.unsorted):
        numbers = map(_number, weights)
        return [element for _, element in sorted(zip(numbers, elements, strict=True), reverse=asked.descending)]
    shown = (lambda text: text) if asked.destination is not None else until_nul
    keys = [(weight is not None, shown(weight or b"")) for weight in weights]
    places = sorted(range(len(elements)), key=keys.__getitem__, reverse=asked.descending)
    return [elements[place] for place in places]


def _rows(ctx: Context, asked: _Asked, key: bytes) -> list[bytes | None]:
    """What is told of each element in turn.  Raises CommandError."""
    value = ctx.db.look(key)
    if isinstance(value, bytes) or (value is not None and value.kind not in (b"list", b"set", b"zset")):
        raise errors.wrong_type()
    assert value is None or value.kind in (b"list", b"set", b"zset")
    if value is not None and value.kind == b"zset":
        value.unpack()  # Redis sorts no listpack, and keeps what it has made of one
    elements = _elements(value)
    is_set = value is not None and value.kind == b"set"
    fixed = asked.destination is not None or ctx.server.scripting.running is not None
    if not asked.unsorted or (is_set and fixed):  # what is stored, or told to a script, has one order
        elements = _ordered(ctx, asked, elements)
    elif asked.descending:
        elements.reverse()
    end = len(elements) if asked.count < 0 else asked.start + asked.count
    told: list[bytes | None] = list(elements[asked.start : end])
    if asked.gets:
        told = [_referred(ctx, pattern, element) for element in elements[asked.start : end] for pattern in asked.gets]
    return told


def _sort(may_store: bool, ctx: Context, args: list[bytes]) -> Reply:
    asked = _read(args[2:], may_store)
    rows = _rows(ctx, asked, args[1])
    if asked.destination is None:
        return rows
    result = ctx.server.types.List(ctx.server.config)
    result.gather([row or b"" for row in rows])
    store_over(ctx, asked.destination, result, b"sortstore")
    return len(rows)


command("SORT")(partial(_sort, True))
command("SORT_RO")(partial(_sort, False))
