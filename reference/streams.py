"""Streams: entries in nodes, groups of consumers, and what each consumer still owes an acknowledgement for.

Theory of operation. An id is a number of 128 bits (``spec/primitives/streams.py``). A stream keeps its entries in
nodes, as servers do, because approximate trimming takes whole nodes and XINFO counts them: a node knows its first id,
the last id that it ever had, how many entries were ever put into it, the fields that most share, and its size in bytes.
What is pending is kept once, by group; a consumer's own is what names it. What must live here: the value and the pure
functions over it. What must not: which command calls them, and when.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve, frozen
from immutables import Map

from redlark.reference import values
from redlark.reference.functions import pure
from redlark.reference.replies import Predicate
from redlark.reference.values import Moment, Record, kept
from redlark.spec.primitives.streams import MAX_ID, head_size, parse_id, size_in_node

Entry = tuple[int, tuple[bytes, ...]]  # an id; fields and values in turn
NONE: Map[Any, Any] = Map()
MAX_NODE = 1 << 30  # bytes that a node takes at most, whatever the configuration says


@frozen(slots=True)
class Node:
    """Some entries, oldest first; ``count`` and ``last`` are of all that were put in, deleted ones too."""

    first: int
    last: int
    count: int
    size: int
    fields: tuple[bytes, ...]
    entries: tuple[Entry, ...]


@frozen(slots=True)
class Pending(Record):
    """An entry that was delivered and not acknowledged: to whom, when last, how often."""

    consumer: bytes
    time: Any
    count: int


@frozen(slots=True)
class Consumer(Record):
    """When a consumer was last heard of, and when it last got something; ``active`` is absent where it never did."""

    seen: Any
    active: Any = None


@frozen(slots=True)
class Group(Record):
    """A group: the last id it delivered, how many entries that makes (absent: unknown), consumers, what is pending."""

    last_id: int
    read: int | None = None
    consumers: Map[bytes, Consumer] = NONE
    pending: Map[int, Pending] = NONE


@frozen(slots=True)
class Stream(Record):
    """A stream: its nodes, the last id it gave, the greatest id deleted, how many entries it ever had, its groups."""

    nodes: tuple[Node, ...] = ()
    last_id: int = 0
    max_deleted: int = 0
    added: int = 0
    groups: Map[bytes, Group] = NONE


values.TYPES[Stream] = "stream"
values.EMPTY["stream"] = None  # an empty stream is a value like others


@pure
def empty_stream() -> Stream:
    """A stream that has never held anything."""
    return Stream()


@pure
def new_group(last_id: int, read: int | None) -> Group:
    """A group without consumers that has delivered up to an id."""
    return Group(last_id, read)


@pure
def new_consumer(seen: Any, active: Any) -> Consumer:
    """A consumer that was heard of, and got something, at these times."""
    return Consumer(kept(seen), kept(active))


@pure
def new_pending(consumer: bytes, time: Any, count: int) -> Pending:
    """An entry that a consumer got at a time, for the so manieth time."""
    return Pending(consumer, kept(time), count)


# ---- entries ---------------------------------------------------------------------------------------------------


@pure
def entries(stream: Stream) -> tuple[Entry, ...]:
    """All entries, oldest first: pairs of an id and a list of fields and values."""
    return tuple([entry for node in stream.nodes for entry in node.entries])


@pure
def length(stream: Stream) -> int:
    """How many entries there are."""
    return sum(len(node.entries) for node in stream.nodes)


@pure
def first_entry(stream: Stream) -> Entry | None:
    """The oldest entry."""
    return next((node.entries[0] for node in stream.nodes if node.entries), None)


@pure
def last_entry(stream: Stream) -> Entry | None:
    """The newest entry."""
    return next((node.entries[-1] for node in reversed(stream.nodes) if node.entries), None)


@pure
def entries_between(stream: Stream, low: int, high: int, count: int | None, newest_first: bool) -> tuple[Entry, ...]:
    """The entries with ids from low to high, at most so many, from one end or the other."""
    found: list[Entry] = []
    for node in reversed(stream.nodes) if newest_first else stream.nodes:
        if node.last < low or node.first > high:
            continue
        inside = [entry for entry in node.entries if low <= entry[0] <= high]
        found += reversed(inside) if newest_first else inside
        if count is not None and len(found) >= count:
            return tuple(found[:count])
    return tuple(found)


@pure
def entry_at(stream: Stream, id_: int) -> Entry | None:
    """The entry with an id."""
    return next(iter(entries_between(stream, id_, id_, 1, False)), None)


@pure
def appended(stream: Stream, id_: int, items: tuple[bytes, ...], most: int, most_bytes: int) -> Stream:
    """The stream with one more entry, in its last node unless that has as many entries or bytes as a node may have."""
    *before, last = stream.nodes or (None,)
    added = stream.added + 1
    if last is None or _is_full(last, items, most, most_bytes):
        fields = items[::2]
        node = Node(id_, id_, 1, head_size(fields) + size_in_node(id_, id_, items, fields), fields, ((id_, items),))
        return evolve(stream, nodes=(*stream.nodes, node), last_id=id_, added=added)
    size = last.size + size_in_node(id_, last.first, items, last.fields)
    grown = Node(last.first, id_, last.count + 1, size, last.fields, (*last.entries, (id_, items)))
    return evolve(stream, nodes=(*before, grown), last_id=id_, added=added)


def _is_full(node: Node, items: tuple[bytes, ...], most: int, most_bytes: int) -> bool:
    """Whether a node takes no more; entries that were deleted count."""
    if node.size + sum(map(len, items)) >= (most_bytes if 0 < most_bytes <= MAX_NODE else MAX_NODE):
        return True
    return 0 < most <= node.count


@pure
def removed(stream: Stream, ids: Iterable[int]) -> Stream:
    """The stream without these entries; a node that loses its last one goes."""
    gone = frozenset(ids)
    nodes = []
    for node in stream.nodes:
        left = tuple([entry for entry in node.entries if entry[0] not in gone])
        if len(left) == len(node.entries):
            nodes.append(node)
        elif left:
            nodes.append(evolve(node, entries=left))
    return evolve(stream, nodes=tuple(nodes))


# ---- trimming --------------------------------------------------------------------------------------------------


@pure
def trimmed(stream: Stream, longest: int | None, least: int | None, whole: bool, limit: int) -> Stream:
    """The stream cut down to a length or to ids from one on; by ``whole`` nodes, up to ``limit`` entries (0: any)."""
    nodes, left, cut = stream.nodes, length(stream), 0
    while nodes and not (longest is not None and left <= longest):
        node = nodes[0]
        size = len(node.entries)
        if limit and cut + size > limit:
            break
        if left - size >= longest if longest is not None else node.last < (least or 0):
            nodes, left, cut = nodes[1:], left - size, cut + size
            continue
        if not whole:
            kept_ = node.entries[left - longest :] if longest is not None else _from(node.entries, least or 0)
            nodes = (evolve(node, entries=kept_), *nodes[1:])
        break
    return stream if nodes is stream.nodes else evolve(stream, nodes=nodes)


@pure
def excess(stream: Stream, longest: int | None, least: int, acked: bool) -> tuple[int, ...]:
    """The ids to cut one by one, down to a length or to ids from one on; ``acked``: those that no group has use for."""
    left = length(stream)
    found: list[int] = []
    for id_, _ in entries(stream):
        if left <= longest if longest is not None else id_ >= least:
            break
        if not (acked and is_referenced(stream, id_)):
            found.append(id_)
            left -= 1
    return tuple(found)


def _from(entries: tuple[Entry, ...], least: int) -> tuple[Entry, ...]:
    return tuple([entry for entry in entries if entry[0] >= least])


# ---- groups ----------------------------------------------------------------------------------------------------


@pure
def pending_between(group: Group, low: int, high: int) -> tuple[tuple[int, Pending], ...]:
    """What is pending with ids from low to high: pairs of an id and what is known of its delivery, oldest first."""
    return tuple([(id_, group.pending[id_]) for id_ in sorted(group.pending) if low <= id_ <= high])


@pure
def in_order(mapping: Map[Any, Any]) -> tuple[tuple[Any, Any], ...]:
    """The pairs of a map, sorted by their keys."""
    return tuple(sorted(mapping.items()))


@pure
def without_consumer(pending: Map[int, Pending], consumer: bytes) -> Map[int, Pending]:
    """What is pending for others than a consumer."""
    return Map({id_: one for id_, one in pending.items() if one.consumer != consumer})


@pure
def is_referenced(stream: Stream, id_: int) -> bool:
    """Whether some group has not delivered an entry yet, or has it pending."""
    return any(group.last_id < id_ or id_ in group.pending for group in stream.groups.values())


@pure
def unreferenced(stream: Stream, ids: Iterable[int]) -> Stream:
    """The stream with these ids pending nowhere."""
    gone = tuple(ids)
    groups = stream.groups
    for name, group in groups.items():
        pending = group.pending
        for id_ in gone:
            if id_ in pending:
                pending = pending.delete(id_)
        if pending is not group.pending:
            groups = groups.set(name, evolve(group, pending=pending))
    return stream if groups is stream.groups else evolve(stream, groups=groups)


# ---- ids from the clock ----------------------------------------------------------------------------------------


class FreshIds:
    """The ids that the clock may give next: its milliseconds, or one more than the last id where that is not less."""

    def __init__(self, last: int, now: Any) -> None:
        self.last, self.now = last, now

    def _id(self, milliseconds: int) -> int:
        return milliseconds << 64 if milliseconds > self.last >> 64 else self.last + 1

    def candidates(self, leaves: list[Any]) -> Iterable[int]:
        """The id that the reply shows."""
        possible = set(self.all(MAX_ID))
        shown = (parse_id(leaf) for leaf in leaves if isinstance(leaf, bytes))
        return dict.fromkeys(id_ for id_ in shown if id_ in possible)

    def all(self, bound: int) -> Iterable[int]:
        """Every id of the interval in which the clock lies."""
        return dict.fromkeys(map(self._id, range(self.now.lo, self.now.hi + 1)))

    def whole(self, found: Sequence[Any]) -> bool:
        """Always: every one is offered."""
        return True

    def settle(self, id_: int) -> None:
        """What the id says of the clock."""
        milliseconds = id_ >> 64
        if id_ == milliseconds << 64 and milliseconds > self.last >> 64:
            self.now.narrow(milliseconds, milliseconds)
        else:
            self.now.narrow(self.now.lo, self.last >> 64)


@pure
def fresh_ids(last: int, now: Moment) -> FreshIds:
    """The ids that the clock may give to the next entry of a stream whose last id is known."""
    return FreshIds(last, now)


@pure
def radix_nodes() -> Predicate:
    """How many nodes the tree over the nodes has: any number, it hangs on how their ids are spelled."""
    return Predicate("(integer) 1 or more", lambda frame: frame.kind == b":" and frame.value >= 1, 1)
