"""Streams: nodes of entries, which are listpacks of differences, and groups with what is pending.

Types 15, 19 and 21 tell more and more (`told` 1, 2, 3): the second also of the first id, of what was deleted, of how
many entries there ever were and how many of them each group has read; the third also when consumers last got something.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from redlark.server.ids import MAX_ID, SEQUENCE
from redlark.server.rdb.packed import listpack, written_listpack
from redlark.server.rdb.reading import BadFormat, Reader
from redlark.server.rdb.writing import Writer
from redlark.server.types import Entry, Group, Items, Stream, StreamNode
from redlark.server.values import INT64_MAX, to_integer

UNKNOWN: Final = 2**64 - 1  # of a group's entries read
DELETED, SAME_FIELDS = 1, 2  # flags of an entry


# ---- read --------------------------------------------------------------------------------------------------------


def read_stream(reader: Reader, told: int) -> Stream:
    """A stream as one of the types has it.  Raises BadFormat."""
    stream = reader.types.Stream(reader.limits)
    nodes = [_node(reader.string(), reader.string()) for _ in range(reader.length())]
    _in_order(nodes)
    stream.load([node for node in nodes if node.entries])
    length, stream.last_id, stream.added = reader.length(), _id(reader), len(stream)
    if told > 1:
        _id(reader)  # the first one: the entries tell
        stream.max_deleted, stream.added = _id(reader), reader.length()
    if length != len(stream) or not length <= stream.added <= INT64_MAX:
        raise BadFormat("a stream of another length than it says")
    newest = stream.last()
    if newest is not None and newest[0] > stream.last_id:
        raise BadFormat("an entry behind the last one")
    for _ in range(reader.length()):
        name, group = reader.string(), _group(reader, stream, told)
        if name in stream.groups:
            raise BadFormat("the same group twice")
        stream.groups[name] = group
    return stream


def _in_order(nodes: list[StreamNode]) -> None:
    """Raises BadFormat where an id is not above those before it."""
    last = -1
    for node in nodes:
        if node.first <= last:
            raise BadFormat("a node before the one before it")
        last = node.last


def _id(reader: Reader) -> int:
    milliseconds = reader.length()
    return milliseconds << 64 | reader.length()


def _node(head: bytes, data: bytes) -> StreamNode:
    if len(head) != 16:
        raise BadFormat("the id of a node has 16 bytes")
    first = int.from_bytes(head, "big")
    words = iter(listpack(data))
    try:
        left, deleted, width = _count(words), _count(words), _count(words)
        fields = tuple([next(words) for _ in range(width)])
        next(words)
        entries: list[Entry] = []
        last = first - 1
        for _ in range(left + deleted):
            flags, id_, items = _entry(words, first, fields)
            if id_ <= last:
                raise BadFormat("an entry before the one before it")
            last = id_
            if not flags & DELETED:
                entries.append((id_, items))
    except (StopIteration, ValueError) as error:
        raise BadFormat("a node of a stream that ends early") from error
    if len(entries) != left or next(words, None) is not None:
        raise BadFormat("a node with another number of entries than it says")
    return StreamNode(first, max(first, last), left + deleted, len(data), fields, entries)


def _number(words: Iterator[bytes]) -> int:
    number = to_integer(next(words))
    if number is None:
        raise ValueError
    return number


def _count(words: Iterator[bytes]) -> int:
    number = _number(words)
    if number < 0:
        raise ValueError
    return number


def _entry(words: Iterator[bytes], first: int, shared: Items) -> tuple[int, int, Items]:
    """Differences have 64 bits with a sign, and come round."""
    flags, milliseconds, sequence = _number(words), _number(words), _number(words)
    id_ = ((first >> 64) + milliseconds & SEQUENCE) << 64 | ((first & SEQUENCE) + sequence & SEQUENCE)
    if flags & SAME_FIELDS:
        items = tuple([text for field in shared for text in (field, next(words))])
    else:
        items = tuple([next(words) for _ in range(2 * _count(words))])
    next(words)  # how many words these were, to be walked over from the end
    return flags, id_, items


def _group(reader: Reader, stream: Stream, told: int) -> Group:
    group = reader.types.Group(_id(reader), None)
    if told > 1:
        read = reader.length()
        if INT64_MAX < read < UNKNOWN:
            raise BadFormat("more entries read than there can be")
        group.read = None if read == UNKNOWN else read
    else:
        group.read = _position(group.last_id, stream)
    waiting: dict[int, tuple[int, int]] = {}
    for _ in range(reader.length()):
        id_ = int.from_bytes(reader.take(16), "big")
        waiting[id_] = reader.number(8, signed=True), reader.length()
    for _ in range(reader.length()):
        _consumer(reader, group, waiting, told)
    if group.size != len(waiting):
        raise BadFormat("something is pending with nobody")
    return group


def _consumer(reader: Reader, group: Group, waiting: dict[int, tuple[int, int]], told: int) -> None:
    name, seen = reader.string(), reader.number(8, signed=True)
    if name in group.consumers:
        raise BadFormat("the same consumer twice")
    group.join(name, seen, reader.number(8, signed=True) if told > 2 else seen)
    for _ in range(reader.length()):
        id_ = int.from_bytes(reader.take(16), "big")
        if id_ not in waiting or group.held(id_) is not None:
            raise BadFormat("a consumer has what the group has not, or another one has")
        group.give(id_, name, *waiting[id_])


def _position(id_: int, stream: Stream) -> int | None:
    """How many entries of a stream that tells nothing of what it lost lie up to an id, where its ends tell."""
    first = stream.first()
    if first is None:
        return 0
    if id_ >= stream.last_id:
        return len(stream) if id_ == stream.last_id else None
    return 0 if id_ < first[0] else 1 if id_ == first[0] else None


# ---- written -----------------------------------------------------------------------------------------------------


def write_stream(writer: Writer, stream: Stream) -> None:
    """A stream as type 21 has it, groups and consumers in the order of names; what was deleted in a node is gone."""
    writer.length(stream.nodes)
    for node in stream.packed():
        writer.string(node.first.to_bytes(16, "big"))
        writer.string(_written_node(node))
    writer.length(len(stream))
    first = stream.first()
    for id_ in (stream.last_id, 0 if first is None else first[0], stream.max_deleted):
        _write_id(writer, id_)
    writer.length(stream.added)
    writer.length(len(stream.groups))
    for name, group in sorted(stream.groups.items()):
        writer.string(name)
        _write_group(writer, group)


def _write_id(writer: Writer, id_: int) -> None:
    writer.length(id_ >> 64)
    writer.length(id_ & SEQUENCE)


def _written_node(node: StreamNode) -> bytes:
    head: tuple[bytes | int, ...] = (len(node.entries), 0, len(node.fields), *node.fields, 0)
    return written_listpack(chain(head, *(_written_entry(entry, node) for entry in node.entries)))


def _written_entry(entry: Entry, node: StreamNode) -> tuple[bytes | int, ...]:
    id_, items = entry
    away = _signed((id_ >> 64) - (node.first >> 64)), _signed((id_ & SEQUENCE) - (node.first & SEQUENCE))
    if items[::2] == node.fields:
        return (SAME_FIELDS, *away, *items[1::2], len(node.fields) + 3)
    return (0, *away, len(items) // 2, *items, len(items) + 4)


def _signed(number: int) -> int:
    """A difference of two numbers of 64 bits, as it fits into 64 bits with a sign."""
    return (number + 2**63) % 2**64 - 2**63


def _write_group(writer: Writer, group: Group) -> None:
    _write_id(writer, group.last_id)
    writer.length(UNKNOWN if group.read is None else group.read)
    writer.length(group.size)
    for id_, held in group.between(0, MAX_ID):
        writer.data += id_.to_bytes(16, "big")
        writer.number(held.time, 8, signed=True)
        writer.length(held.count)
    writer.length(len(group.consumers))
    for name, consumer in sorted(group.consumers.items()):
        writer.string(name)
        writer.number(consumer.seen, 8, signed=True)
        writer.number(consumer.active, 8, signed=True)
        writer.length(consumer.size)
        for id_, _ in group.between(0, MAX_ID, name):
            writer.data += id_.to_bytes(16, "big")
