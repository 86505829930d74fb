"""One object: a byte that says its type, and what that type has behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from redlark.spec.primitives.doubles import parse_double_by_strtod
from redlark.spec.rdb.cursor import BadFormat, Cursor
from redlark.spec.rdb.packed import intset, listpack, ziplist, zipmap
from redlark.spec.rdb.streams import stream
from redlark.spec.rdb.values import Loaded

Reader = Callable[[Cursor], Loaded]
NEVER = -1  # a field's deadline, where it has none


def decode(data: bytes, product: str = "redis", place: int = 0, *, may_be_empty: bool = False) -> tuple[Loaded, int]:
    """The object that begins at a place, and the place behind it; `BadFormat` where there is none.

    ``product`` matters for the one type, 22, that Redis and Valkey have each taken for their own. No server takes an
    empty collection, but Valkey 9.1 tells of one: a copied hash whose fields have all expired.
    """
    cursor = Cursor(data, place)
    kind = cursor.byte()
    reader = _hash_2 if kind == 22 and product == "valkey" else TYPES.get(kind)
    if reader is None:
        raise BadFormat(f"no object is of type {kind}")
    found = reader(cursor)
    if found.kind not in ("string", "stream") and not (found.value or may_be_empty):
        raise BadFormat(f"an empty {found.kind}")
    return found, cursor.place


def _pairs(items: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    if len(items) % 2:
        raise BadFormat("something without its other half")
    return list(zip(items[::2], items[1::2], strict=True))


def _distinct(values: list[Any]) -> None:
    if len(set(values)) != len(values):
        raise BadFormat("the same twice")


# ---- lists -------------------------------------------------------------------------------------------------------


def _list(cursor: Cursor) -> Loaded:
    return Loaded("list", tuple(cursor.string() for _ in range(cursor.length())))


def _quicklist(cursor: Cursor) -> Loaded:
    nodes = [ziplist(cursor.string()) for _ in range(cursor.length())]
    return _of_nodes([(node, str(len(node))) for node in nodes if node])


def _quicklist_2(cursor: Cursor) -> Loaded:
    nodes = []
    for _ in range(cursor.length()):
        container, data = cursor.length(), cursor.string()
        if container not in (1, 2):
            raise BadFormat(f"no node of a list is of kind {container}")
        node = (data,) if container == 1 else listpack(data)
        nodes.append((node, "plain" if container == 1 else str(len(node))))
    return _of_nodes([node for node in nodes if node[0]])


def _of_nodes(nodes: list[tuple[tuple[bytes, ...], str]]) -> Loaded:
    elements = tuple(element for node, _ in nodes for element in node)
    return Loaded("list", elements, " ".join(["quicklist", *(said for _, said in nodes)]))


# ---- sets --------------------------------------------------------------------------------------------------------


def _set(cursor: Cursor) -> Loaded:
    return _of_members([cursor.string() for _ in range(cursor.length())], "plain")


def _of_members(members: list[bytes], form: str) -> Loaded:
    _distinct(members)
    return Loaded("set", tuple(members), form)


# ---- sorted sets -------------------------------------------------------------------------------------------------


def _zset(cursor: Cursor) -> Loaded:
    return _of_scores([(cursor.string(), _old_double(cursor)) for _ in range(cursor.length())], "plain")


def _zset_2(cursor: Cursor) -> Loaded:
    return _of_scores([(cursor.string(), cursor.double()) for _ in range(cursor.length())], "plain")


def _old_double(cursor: Cursor) -> float:
    """A double as text, before version 8; three lengths that no text has say what is no number, or beyond all."""
    size = cursor.byte()
    if size > 252:
        return {253: math.nan, 254: math.inf, 255: -math.inf}[size]
    return _score(cursor.take(size))


def _score(text: bytes) -> float:
    number = parse_double_by_strtod(text)
    if number is None:
        raise BadFormat(f"{text!r} is no score")
    return number


def _packed_zset(items: tuple[bytes, ...]) -> Loaded:
    return _of_scores([(member, _score(text)) for member, text in _pairs(items)], "packed")


def _of_scores(pairs: list[tuple[bytes, float]], form: str) -> Loaded:
    _distinct([member for member, _ in pairs])
    if any(math.isnan(score) for _, score in pairs):
        raise BadFormat("a score that is no number")
    return Loaded("zset", tuple(pairs), form)


# ---- hashes ------------------------------------------------------------------------------------------------------


def _hash(cursor: Cursor) -> Loaded:
    return _of_fields([(cursor.string(), cursor.string(), None) for _ in range(cursor.length())], "plain")


def _packed_hash(items: tuple[bytes, ...], form: str = "packed") -> Loaded:
    return _of_fields([(field, value, None) for field, value in _pairs(items)], form)


def _hash_metadata(cursor: Cursor, *, relative: bool = True) -> Loaded:
    """A hash whose fields have deadlines (Redis 7.4): each as its distance from the soonest one, plus 1; 0 is none."""
    soonest = cursor.number(8) if relative else 0
    found: list[tuple[bytes, bytes, int | None]] = []
    for _ in range(cursor.length()):
        deadline = cursor.length()
        field, value = cursor.string(), cursor.string()
        found.append((field, value, deadline + soonest - relative if deadline else None))
    return _of_fields(found, "plain")


def _hash_listpack_ex(cursor: Cursor, *, told: bool = True) -> Loaded:
    """The same, packed: fields, values and deadlines in turn; 0 is none."""
    if told:
        cursor.number(8)
    items = listpack(cursor.string())
    if len(items) % 3:
        raise BadFormat("a field without its value or its deadline")
    rows = zip(items[::3], items[1::3], items[2::3], strict=True)
    return _of_fields([(field, value, int(deadline) or None) for field, value, deadline in rows], "packed")


def _hash_2(cursor: Cursor) -> Loaded:
    """A hash whose fields have deadlines (Valkey 9)."""
    found: list[tuple[bytes, bytes, int | None]] = []
    for _ in range(cursor.length()):
        field, value, deadline = cursor.string(), cursor.string(), cursor.number(8, signed=True)
        found.append((field, value, None if deadline == NEVER else deadline))
    return _of_fields(found, "plain")


def _of_fields(rows: list[tuple[bytes, bytes, int | None]], form: str) -> Loaded:
    _distinct([field for field, _, _ in rows])
    return Loaded("hash", tuple(rows), form)


TYPES: dict[int, Reader] = {
    0: lambda cursor: Loaded("string", cursor.string()),
    1: _list,
    2: _set,
    3: _zset,
    4: _hash,
    5: _zset_2,
    9: lambda cursor: _packed_hash(zipmap(cursor.string()), "zipmap"),
    10: lambda cursor: Loaded("list", ziplist(cursor.string()), "packed"),
    11: lambda cursor: _of_members(list(intset(cursor.string())), "intset"),
    12: lambda cursor: _packed_zset(ziplist(cursor.string())),
    13: lambda cursor: _packed_hash(ziplist(cursor.string())),
    14: _quicklist,
    15: lambda cursor: Loaded("stream", stream(cursor, 1)),
    16: lambda cursor: _packed_hash(listpack(cursor.string())),
    17: lambda cursor: _packed_zset(listpack(cursor.string())),
    18: _quicklist_2,
    19: lambda cursor: Loaded("stream", stream(cursor, 2)),
    20: lambda cursor: _of_members(list(listpack(cursor.string())), "packed"),
    21: lambda cursor: Loaded("stream", stream(cursor, 3)),
    22: lambda cursor: _hash_metadata(cursor, relative=False),
    23: lambda cursor: _hash_listpack_ex(cursor, told=False),
    24: _hash_metadata,
    25: _hash_listpack_ex,
}
