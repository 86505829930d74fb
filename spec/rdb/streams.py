"""Streams: nodes of entries, which are listpacks of differences, and groups with what is pending."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from redlark.spec.rdb.cursor import BadFormat, Cursor
from redlark.spec.rdb.packed import listpack, written_listpack
from redlark.spec.rdb.values import Consumer, Entry, Group, Node, Pending, StreamValue

UNKNOWN = (1 << 64) - 1  # of a group's entries read
_Writer = Callable[[int], bytes]
_StringWriter = Callable[[bytes], bytes]
DELETED, SAME_FIELDS = 1, 2  # flags of an entry


def stream(cursor: Cursor, version: int) -> StreamValue:
    """A stream as type 15, 19 or 21 (versions 1, 2, 3) has it.

    Version 2 tells of the first id, of deleted ones and how many there ever were; 3 when consumers were active.
    """
    nodes = tuple(_node(cursor.string(), cursor.string()) for _ in range(cursor.length()))
    length, last_id = cursor.length(), _id(cursor)
    first_id = max_deleted = added = None
    if version > 1:
        first_id, max_deleted, added = _id(cursor), _id(cursor), cursor.length()
    groups = {}
    for _ in range(cursor.length()):
        name = cursor.string()
        groups[name] = _group(cursor, version)
    if length != sum(len(node.entries) for node in nodes):
        raise BadFormat("a stream of another length than it says")
    return StreamValue(nodes, length, last_id, first_id, max_deleted, added, groups)


def _id(cursor: Cursor) -> int:
    ms = cursor.length()
    return ms << 64 | cursor.length()


def _raw_id(cursor: Cursor) -> int:
    return int.from_bytes(cursor.take(16), "big")


def _node(head: bytes, data: bytes) -> Node:
    if len(head) != 16:
        raise BadFormat("the id of a node has 16 bytes")
    first = int.from_bytes(head, "big")
    words = iter(listpack(data))
    try:
        left, deleted, width = (int(next(words)) for _ in range(3))
        fields = tuple(next(words) for _ in range(width))
        next(words)
        entries, last = [], first
        for _ in range(left + deleted):
            flags, id_, items = _entry(words, first, fields)
            last = id_
            if not flags & DELETED:
                entries.append((id_, items))
    except (StopIteration, RuntimeError, ValueError) as error:
        raise BadFormat("a node of a stream that ends early") from error
    if len(entries) != left:
        raise BadFormat("a node with another number of entries than it says")
    return Node(first, last, left + deleted, len(data), fields, tuple(entries))


def _entry(words: Iterator[bytes], first: int, shared: tuple[bytes, ...]) -> tuple[int, int, tuple[bytes, ...]]:
    flags, ms, seq = int(next(words)), int(next(words)), int(next(words))
    id_ = ((first >> 64) + ms & UNKNOWN) << 64 | (first & UNKNOWN) + seq & UNKNOWN
    if flags & SAME_FIELDS:
        items = tuple(chain.from_iterable([(field, next(words)) for field in shared]))
    else:
        items = tuple([next(words) for _ in range(2 * int(next(words)))])
    next(words)
    return flags, id_, items


def _group(cursor: Cursor, version: int) -> Group:
    last_id, read = _id(cursor), None
    if version > 1:
        read = cursor.length()
    waiting = {}
    for _ in range(cursor.length()):
        id_ = _raw_id(cursor)
        waiting[id_] = (cursor.number(8, signed=True), cursor.length())
    consumers, pending = {}, {}
    for _ in range(cursor.length()):
        name, seen = cursor.string(), cursor.number(8, signed=True)
        active = cursor.number(8, signed=True) if version > 2 else None
        consumers[name] = Consumer(seen, None if active == -1 else active)
        for _ in range(cursor.length()):
            id_ = _raw_id(cursor)
            if id_ not in waiting:
                raise BadFormat("a consumer has what the group has not")
            pending[id_] = Pending(name, *waiting[id_])
    if len(pending) != len(waiting):
        raise BadFormat("something is pending with nobody")
    return Group(last_id, None if read == UNKNOWN else read, consumers, pending)


# ---- written -----------------------------------------------------------------------------------------------------


def written_stream(value: StreamValue, version: int, length: _Writer, string: _StringWriter) -> bytes:
    """A stream as type 15, 19 or 21 (versions 1, 2, 3) has it; each node's entries spelled out, deleted ones gone."""
    out = [length(len(value.nodes))]
    for node in value.nodes:
        out += [string(node.first.to_bytes(16, "big")), string(_written_node(node))]
    out += [length(value.length), _written_id(value.last_id, length)]
    if version > 1:
        out += [_written_id(number or 0, length) for number in (value.first_id, value.max_deleted)]
        out.append(length(value.length if value.added is None else value.added))
    out.append(length(len(value.groups)))
    for name, group in value.groups.items():
        out += [string(name), _written_group(group, version, length, string)]
    return b"".join(out)


def _written_id(number: int, length: _Writer) -> bytes:
    return length(number >> 64) + length(number & UNKNOWN)


def _written_node(node: Node) -> bytes:
    words: list[bytes | int] = [len(node.entries), 0, len(node.fields), *node.fields, 0]
    for entry in node.entries:
        words += _written_entry(entry, node)
    return written_listpack(words)


def _written_entry(entry: Entry, node: Node) -> list[bytes | int]:
    id_, items = entry
    away = [_signed((id_ >> 64) - (node.first >> 64)), _signed((id_ & UNKNOWN) - (node.first & UNKNOWN))]
    if items[::2] == node.fields:
        return [SAME_FIELDS, *away, *items[1::2], len(node.fields) + 3]
    return [0, *away, len(items) // 2, *items, len(items) + 4]


def _signed(number: int) -> int:
    """A difference as 64 bits with a sign have it, from which the reader comes round to the id."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _written_group(group: Group, version: int, length: _Writer, string: _StringWriter) -> bytes:
    out = [_written_id(group.last_id, length)]
    if version > 1:
        out.append(length(UNKNOWN if group.read is None else group.read))
    out.append(length(len(group.pending)))
    for id_, one in sorted(group.pending.items()):
        out += [id_.to_bytes(16, "big"), one.time.to_bytes(8, "little", signed=True), length(one.count)]
    out.append(length(len(group.consumers)))
    for name, consumer in group.consumers.items():
        out += [string(name), consumer.seen.to_bytes(8, "little", signed=True)]
        if version > 2:
            active = -1 if consumer.active is None else consumer.active
            out.append(active.to_bytes(8, "little", signed=True))
        own = sorted(id_ for id_, one in group.pending.items() if one.consumer == name)
        out += [length(len(own)), *(id_.to_bytes(16, "big") for id_ in own)]
    return b"".join(out)
