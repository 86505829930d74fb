"""Payloads of DUMP: which ones are a value, and which value one is.

What must live here: the way between the model's values and those of ``redlark.spec.rdb``. A server may write a value in
any of several forms, so DUMP's reply is a `Predicate`: any payload of its version that is the value, and nothing else.
What must not: which versions and types a server takes, and how it then keeps a value; that is the text's.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Mapping
from typing import Any

from attrs import asdict, evolve
from immutables import Map

from redlark.reference import fields
from redlark.reference.functions import of_run, pure
from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.streams import Consumer, Group, Node, Pending, Stream, entries
from redlark.reference.values import ErrorReply, SortedSet, Span, type_of
from redlark.reference.world import Run
from redlark.spec import rdb

STREAMS = {15: 1, 19: 2, 21: 3}  # types of streams, and what they tell more and more of
FIRST_TIMED = 22  # of the types of hashes whose fields may have deadlines
Row = tuple[bytes, bytes, int | None]


Read = tuple[Any, bytes, tuple[Any, ...], tuple[Any, ...], bool]


@pure
def loaded(payload: bytes, last_type: int, product: bytes) -> Read | None:
    """The value of a payload, how it was written, its elements in order, its fields' deadlines, and if it can have any.

    Absent where the payload is none of the types up to the last one that a server knows.
    """
    if payload[0] > last_type:
        return None
    try:
        found, _ = rdb.decode(payload, product.decode())
    except rdb.BadFormat:
        return None
    form, order = found.form.encode(), found.value
    if found.kind == "hash":
        deadlines = tuple((field, deadline) for field, _, deadline in order if deadline is not None)
        return Map({field: value for field, value, _ in order}), form, order, deadlines, payload[0] >= FIRST_TIMED
    if found.kind == "stream":
        return _stream_of(found.value, STREAMS[payload[0]]), form, (), (), False
    value = frozenset(order) if found.kind == "set" else SortedSet(Map(order)) if found.kind == "zset" else order
    return value, form, order, (), False


@of_run
def dumped(run: Run, key: bytes, version: int, product: bytes) -> Predicate:
    """Any payload of this version that is what a key holds."""
    number, name = run.selected, product.decode()
    entry = run.databases[number][key]
    value, deadlines = entry.value, entry.fields or Map()
    late = frozenset(field for field in deadlines if fields.is_late(run, number, key, field))

    def holds(frame: Frame) -> bool:
        payload = frame.value
        if frame.kind != b"$" or payload is None or rdb.unsealed(payload) != version:
            return False
        try:
            found, end = rdb.decode(payload, name, may_be_empty=True)
        except rdb.BadFormat:
            return False
        return end == len(payload) - 10 and _is(found, payload[0], value, deadlines, late)

    example = rdb.sealed(rdb.encode(_written(value, deadlines), version, name), version)
    return Predicate(f"a payload of version {version} that is this {type_of(value)}", holds, example)


def _is(found: rdb.Loaded, kind: int, value: Any, deadlines: Map[bytes, Any], late: frozenset[bytes]) -> bool:
    """Whether a decoded object is a value; fields that are late may be left out."""
    if found.kind != type_of(value):
        return False
    if found.kind == "set":
        return bool(frozenset(found.value) == value)
    if found.kind == "zset":
        return {member: _bits(score) for member, score in found.value} == {m: _bits(s) for m, s in value}
    if found.kind == "hash":
        return _is_hash(found.value, value, deadlines, late)
    if found.kind == "stream":
        return _is_stream(found.value, value, STREAMS[kind])
    return bool(found.value == value)


def _bits(score: float) -> bytes:
    """A double bit by bit: -0 is not 0 where a server keeps the sign."""
    return struct.pack(">d", score)


def _is_hash(rows: tuple[Row, ...], value: Any, deadlines: Map[bytes, Any], late: frozenset[bytes]) -> bool:
    shown = {field: (text, deadline) for field, text, deadline in rows}
    if any(field not in shown and field not in late for field in value) or any(f not in value for f in shown):
        return False
    return all(
        text == value[field] and (deadline is None if field not in deadlines else _within(deadline, deadlines[field]))
        for field, (text, deadline) in shown.items()
    )


def _within(time: int | None, bounds: Any) -> bool:
    """Whether a time is one that the model thinks possible."""
    if time is None or bounds is None:
        return time is bounds
    if isinstance(bounds, int):
        return time == bounds
    low, high = (bounds.lo, bounds.hi) if hasattr(bounds, "lo") else bounds
    return bool(low <= time <= high)


# ---- another server's ---------------------------------------------------------------------------------------------


@pure
def sublists(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], ...]:
    """A list without some of its elements, in every way that there is: the list should be short."""
    sizes = range(len(values) + 1)
    return tuple(itertools.chain.from_iterable(itertools.combinations(values, size) for size in sizes))


@pure
def refused_by_target() -> Predicate:
    """The error of another server, told on in this one's words."""
    start = b"-ERR Target instance replied with error: "
    example = ErrorReply(start[1:] + b"BUSYKEY Target key name already exists.")
    return Predicate("an error that the other server gave", lambda frame: bool(frame.raw.startswith(start)), example)


# ---- streams -----------------------------------------------------------------------------------------------------


def _is_stream(found: rdb.StreamValue, stream: Stream, told: int) -> bool:
    if (found.entries, found.last_id) != (entries(stream), stream.last_id):
        return False
    if told > 1 and (found.max_deleted, found.added) != (stream.max_deleted, stream.added):
        return False
    return found.groups.keys() == set(stream.groups) and all(
        _is_group(group, stream.groups[name], told) for name, group in found.groups.items()
    )


def _is_group(found: rdb.Group, group: Group, told: int) -> bool:
    return (
        found.last_id == group.last_id
        and (told < 2 or found.read == group.read)
        and found.consumers.keys() == set(group.consumers)
        and found.pending.keys() == set(group.pending)
        and all(_is_consumer(one, group.consumers[name], told) for name, one in found.consumers.items())
        and all(
            (one.consumer, one.count) == (group.pending[id_].consumer, group.pending[id_].count)
            and _within(one.time, group.pending[id_].time)
            for id_, one in found.pending.items()
        )
    )


def _is_consumer(found: rdb.Consumer, consumer: Consumer, told: int) -> bool:
    return _within(found.seen, consumer.seen) and (told < 3 or _within(found.active, consumer.active))


def _stream_of(value: rdb.StreamValue, told: int) -> Stream:
    """The model's stream; what an old type does not tell is worked out as servers do that read it."""
    nodes = tuple(Node(**asdict(node, recurse=False)) for node in value.nodes)
    stream = Stream(nodes, value.last_id, value.max_deleted or 0, value.length if value.added is None else value.added)
    return evolve(stream, groups=Map({name: _group_of(group, value, told) for name, group in value.groups.items()}))


def _group_of(group: rdb.Group, value: rdb.StreamValue, told: int) -> Group:
    consumers = {
        name: Consumer(_at(one.seen), _at(one.seen if told < 3 else one.active))
        for name, one in group.consumers.items()
    }
    pending = {id_: Pending(one.consumer, _at(one.time), one.count) for id_, one in group.pending.items()}
    read = group.read if told > 1 else _position(group.last_id, value)
    return Group(group.last_id, read, Map(consumers), Map(pending))


def _at(time: int | None) -> Span | None:
    return None if time is None else Span(time, time)


def _position(id_: int, value: rdb.StreamValue) -> int | None:
    """How many entries lie up to an id of a stream that has lost none, where its ends tell."""
    if not value.entries:
        return 0
    if id_ >= value.last_id:
        return len(value.entries) if id_ == value.last_id else None
    first = value.entries[0][0]
    return 0 if id_ < first else 1 if id_ == first else None


def _written(value: Any, deadlines: Mapping[bytes, Any]) -> rdb.Loaded:
    """A value as it is written, times that are uncertain at their soonest."""
    kind = type_of(value)
    if kind == "hash":
        rows = (
            (field, text, None if field not in deadlines else _soonest(deadlines[field]))
            for field, text in value.items()
        )
        return rdb.Loaded("hash", tuple(rows))
    if kind == "stream":
        return rdb.Loaded("stream", _written_stream(value))
    return rdb.Loaded(kind, value if kind in ("string", "list") else tuple(sorted(value) if kind == "set" else value))


def _soonest(bounds: Any) -> int:
    if isinstance(bounds, int):
        return bounds
    return int(bounds.lo if hasattr(bounds, "lo") else bounds[0])


def _written_stream(stream: Stream) -> rdb.StreamValue:
    nodes = tuple(rdb.Node(n.first, n.last, n.count, n.size, n.fields, n.entries) for n in stream.nodes)
    groups = {name: _written_group(group) for name, group in stream.groups.items()}
    written = entries(stream)
    first = written[0][0] if written else 0
    return rdb.StreamValue(nodes, len(written), stream.last_id, first, stream.max_deleted, stream.added, groups)


def _written_group(group: Group) -> rdb.Group:
    consumers = {
        name: rdb.Consumer(_soonest(one.seen), None if one.active is None else _soonest(one.active))
        for name, one in group.consumers.items()
    }
    pending = {id_: rdb.Pending(one.consumer, _soonest(one.time), one.count) for id_, one in group.pending.items()}
    return rdb.Group(group.last_id, group.read, consumers, pending)
