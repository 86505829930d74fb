"""One object: a byte that says its type, and what that type has behind it; and the value that is made of it.

How a value is kept that another server has written follows Redis 8.2: what was packed stays so while it is few enough,
however long its elements are; what was not is packed if the limits allow it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from redlark.server import doubles
from redlark.server.interfaces import Value
from redlark.server.rdb.packed import intset, listpack, written_intset, written_listpack, ziplist, zipmap
from redlark.server.rdb.reading import BadFormat, Reader
from redlark.server.rdb.streams import read_stream, write_stream
from redlark.server.rdb.writing import Writer
from redlark.server.types import Hash, List, Packed, Scored, Set, SortedSet
from redlark.server.values import to_integer

STRING, PLAIN_SET, PLAIN_HASH, PLAIN_ZSET = 0, 2, 4, 5
INTSET, PACKED_HASH, PACKED_ZSET, QUICKLIST, PACKED_SET, STREAM = 11, 16, 17, 18, 20, 21
TIMED_HASH, PACKED_TIMED_HASH = 24, 25  # whose fields may have deadlines
LATEST: Final = 2**48 - 1  # that a field's deadline can be, in ms
NEVER: Final = 2**46 - 1  # in the place of the soonest deadline where there is none
ALONE, TOGETHER = 1, 2  # a node of a list: an element by itself, a listpack
_NO_SCORE: Final = {253: math.nan, 254: math.inf, 255: -math.inf}  # lengths that no text of a score has


def read(reader: Reader) -> Value:
    """The value that begins where a reader is.  Raises BadFormat, also where a collection is empty."""
    found = reader.types.undumped(reader.data, reader.place, reader.limits)
    if found is not None:
        kept: Value = found[0]
        reader.place = found[1]
        return kept
    kind = reader.byte()
    if kind not in READERS:
        raise BadFormat(f"no object is of type {kind}")
    value = READERS[kind](reader)
    if not isinstance(value, bytes) and value.kind != b"stream" and not value:
        raise BadFormat("an empty collection")
    return value


def _distinct(names: Sequence[bytes]) -> None:
    if len(set(names)) != len(names):
        raise BadFormat("the same twice")


def _halves(items: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    if len(items) % 2:
        raise BadFormat("something without its other half")
    return items[::2], items[1::2]


# ---- lists -------------------------------------------------------------------------------------------------------


def _list_of(reader: Reader, nodes: Iterable[Packed]) -> List:
    value = reader.types.List(reader.limits)
    value.load([node for node in nodes if node[0]])
    return value


def _list(reader: Reader) -> Value:
    """Element by element, as if they were pushed to a list of nodes."""
    grown = _list_of(reader, ())
    grown.push([reader.string() for _ in range(reader.length())], left=False)
    return _list_of(reader, grown.packed())


def _list_ziplist(reader: Reader) -> Value:
    return _list_of(reader, [(ziplist(reader.string()), False)])


def _quicklist(reader: Reader) -> Value:
    return _list_of(reader, [(ziplist(reader.string()), False) for _ in range(reader.length())])


def _quicklist_2(reader: Reader) -> Value:
    return _list_of(reader, [_list_node(reader) for _ in range(reader.length())])


def _list_node(reader: Reader) -> Packed:
    container, data = reader.length(), reader.string()
    if container not in (ALONE, TOGETHER):
        raise BadFormat(f"no node of a list is of kind {container}")
    return ((data,), True) if container == ALONE else (listpack(data), False)


# ---- sets --------------------------------------------------------------------------------------------------------


def _set(reader: Reader) -> Value:
    members = [reader.string() for _ in range(reader.length())]
    if len(members) > reader.limits.set_max_intset_entries:
        return _set_of(reader, members, b"hashtable")
    _distinct(members)
    value = reader.types.Set(reader.limits)
    value.add(members)
    return value


def _set_of(reader: Reader, members: Sequence[bytes], encoding: bytes) -> Set:
    _distinct(members)
    value = reader.types.Set(reader.limits)
    value.load(members, encoding)
    return value


# ---- sorted sets -------------------------------------------------------------------------------------------------


def _zset_of(reader: Reader, scores: Sequence[Scored], packed: bool) -> SortedSet:
    _distinct([member for member, _ in scores])
    if any(math.isnan(score) for _, score in scores):
        raise BadFormat("a score that is no number")
    value = reader.types.SortedSet(reader.limits)
    if packed:
        value.load(scores)
    else:
        value.gather(scores)
    return value


def _zset(reader: Reader) -> Value:
    return _zset_of(reader, [(reader.string(), _old_double(reader)) for _ in range(reader.length())], packed=False)


def _zset_2(reader: Reader) -> Value:
    return _zset_of(reader, [(reader.string(), reader.double()) for _ in range(reader.length())], packed=False)


def _old_double(reader: Reader) -> float:
    size = reader.byte()
    return _NO_SCORE[size] if size in _NO_SCORE else _score(reader.take(size))


def _score(text: bytes) -> float:
    number = doubles.read_bound(text)
    if number is None:
        raise BadFormat("a score that is no number")
    return number


def _packed_zset(reader: Reader, items: Sequence[bytes]) -> Value:
    members, scores = _halves(items)
    return _zset_of(reader, list(zip(members, map(_score, scores), strict=True)), packed=True)


# ---- hashes ------------------------------------------------------------------------------------------------------


def _hash_of(reader: Reader, items: Sequence[bytes], packed: bool) -> Hash:
    fields, values = _halves(items)
    _distinct(fields)
    value = reader.types.Hash(reader.limits)
    if packed:
        value.load(fields, values)
    else:
        value.set(fields, values)
    return value


def _timed_hash(reader: Reader, before: int) -> Value:
    """A field's deadline is how far behind a moment just before the soonest; 0 is none."""
    rows = [(reader.length(), reader.string(), reader.string()) for _ in range(reader.length())]
    value = _hash_of(reader, [text for _, *pair in rows for text in pair], packed=False)
    return _with_deadlines(value, [(field, before + ahead) for ahead, field, _ in rows if ahead])


def _packed_timed_hash(reader: Reader) -> Value:
    """Fields, values and deadlines in turn; 0 is none."""
    items = listpack(reader.string())
    ends = [to_integer(text) for text in items[2::3]]
    if len(items) % 3 or None in ends:
        raise BadFormat("a field without its value or its deadline")
    value = _hash_of(reader, [text for place, text in enumerate(items) if place % 3 < 2], packed=True)
    return _with_deadlines(value, [(field, at) for field, at in zip(items[::3], ends, strict=True) if at])


def _with_deadlines(value: Hash, ends: Sequence[tuple[bytes, int]]) -> Hash:
    value.be_timed()
    for field, at in ends:
        if not 0 < at <= LATEST:
            raise BadFormat("a deadline that no field can have")
        value.set_deadline(field, at)
    return value


READERS: Final[dict[int, Callable[[Reader], Value]]] = {
    STRING: Reader.string,
    1: _list,
    PLAIN_SET: _set,
    3: _zset,
    PLAIN_HASH: lambda reader: _hash_of(reader, [reader.string() for _ in range(2 * reader.length())], packed=False),
    PLAIN_ZSET: _zset_2,
    9: lambda reader: _hash_of(reader, zipmap(reader.string()), packed=False),
    10: _list_ziplist,
    INTSET: lambda reader: _set_of(reader, intset(reader.string()), b"intset"),
    12: lambda reader: _packed_zset(reader, ziplist(reader.string())),
    13: lambda reader: _hash_of(reader, ziplist(reader.string()), packed=True),
    14: _quicklist,
    15: lambda reader: read_stream(reader, 1),
    PACKED_HASH: lambda reader: _hash_of(reader, listpack(reader.string()), packed=True),
    PACKED_ZSET: lambda reader: _packed_zset(reader, listpack(reader.string())),
    QUICKLIST: _quicklist_2,
    19: lambda reader: read_stream(reader, 2),
    PACKED_SET: lambda reader: _set_of(reader, listpack(reader.string()), b"listpack"),
    STREAM: lambda reader: read_stream(reader, 3),
    22: lambda reader: _timed_hash(reader, 0),  # 22 and 23 came before the release of Redis 7.4
    23: _packed_timed_hash,
    TIMED_HASH: lambda reader: _timed_hash(reader, reader.number(8) - 1),
    PACKED_TIMED_HASH: lambda reader: (reader.number(8), _packed_timed_hash(reader))[1],  # behind the soonest
}


# ---- written -----------------------------------------------------------------------------------------------------


def write(writer: Writer, value: Value) -> None:
    """A value as Redis 8.2 writes what it keeps in the same encoding."""
    if isinstance(value, bytes):
        writer.data.append(STRING)
        writer.string(value)
    elif writer.compress and (told := writer.types.dumped(value)) is not None:
        writer.data += told
    elif value.kind == b"list":
        _write_list(writer, value)
    elif value.kind == b"set":
        _write_set(writer, value)
    elif value.kind == b"hash":
        _write_hash(writer, value)
    elif value.kind == b"zset":
        _write_zset(writer, value)
    else:
        writer.data.append(STREAM)
        write_stream(writer, value)


def _write_list(writer: Writer, value: List) -> None:
    nodes = list(value.packed())
    writer.data.append(QUICKLIST)
    writer.length(len(nodes))
    for elements, alone in nodes:
        writer.length(ALONE if alone else TOGETHER)
        writer.string(elements[0] if alone else written_listpack(elements))


def _write_set(writer: Writer, value: Set) -> None:
    if value.encoding == b"hashtable":
        _write_plain(writer, PLAIN_SET, len(value), value)
    else:
        packs = value.encoding == b"listpack"
        writer.data.append(PACKED_SET if packs else INTSET)
        writer.string(written_listpack(value) if packs else written_intset(value))


def _write_plain(writer: Writer, kind: int, count: int, texts: Iterable[bytes]) -> None:
    writer.data.append(kind)
    writer.length(count)
    for text in texts:
        writer.string(text)


def _write_hash(writer: Writer, value: Hash) -> None:
    items = chain.from_iterable(value.items())
    if value.encoding == b"listpack":
        writer.data.append(PACKED_HASH)
        writer.string(written_listpack(items))
    elif value.encoding == b"listpackex":
        _write_packed_timed(writer, value)
    elif value.ends is None:
        _write_plain(writer, PLAIN_HASH, len(value), items)
    else:
        writer.data.append(TIMED_HASH)
        writer.number(value.ends, 8)
        writer.length(len(value))
        for field, text in value.items():
            at = value.deadline(field)
            writer.length(0 if at is None else at - value.ends + 1)
            writer.string(field)
            writer.string(text)


def _write_packed_timed(writer: Writer, value: Hash) -> None:
    """The fields that end first stand first, those that do not at the end, as Redis keeps them."""
    rows = [(value.deadline(field) or 0, field, text) for field, text in value.items()]
    rows.sort(key=lambda row: row[0] or NEVER)
    writer.data.append(PACKED_TIMED_HASH)
    writer.number(value.ends or NEVER, 8)
    writer.string(written_listpack(text for at, field, value_ in rows for text in (field, value_, b"%d" % at)))


def _write_zset(writer: Writer, value: SortedSet) -> None:
    scores = value.range(0, len(value))
    if value.encoding == b"listpack":
        writer.data.append(PACKED_ZSET)
        writer.string(written_listpack(chain.from_iterable((member, doubles.show(score)) for member, score in scores)))
        return
    writer.data.append(PLAIN_ZSET)
    writer.length(len(scores))
    for member, score in reversed(scores):  # as Redis does, so that each is put before those that are there
        writer.string(member)
        writer.double(score)
