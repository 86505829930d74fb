"""A stream: entries in nodes, in the order of their ids.  See `types.Stream`.

A node is what Redis packs into one listpack: approximate trimming takes whole ones, and XINFO counts them.  It knows
its first id, the last that it ever had, how many entries were ever put into it, the fields that most of them share, and
how many bytes Redis would need for it.  Ids are numbers of 128 bits: milliseconds above the sequence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import attrs

from redlark.server.types import Group, Limits, StreamNode
from redlark.server.values import to_integer

LARGEST_NODE: Final = 1 << 30  # bytes, whatever the configuration says
ENTRY_BYTES: Final = 120  # what Python needs for an entry beside its texts
_INTEGERS: Final = ((13, 2), (16, 3), (24, 4), (32, 5), (64, 9))  # bits of a number in a listpack, its bytes

Items = tuple[bytes, ...]  # fields and values in turn
Entry = tuple[int, Items]


@attrs.define(slots=True, eq=False)
class Node:
    """Some entries, oldest first; `last` and `count` are of all that were put in, deleted ones too."""

    first: int
    last: int
    count: int
    size: int
    fields: Items
    entries: dict[int, Items]


class Stream:
    """See `types.Stream`."""

    __slots__ = ("_bytes", "_count", "_firsts", "_limits", "_nodes", "added", "groups", "last_id", "max_deleted")

    kind: Literal[b"stream"] = b"stream"
    encoding: Final = b"stream"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes: list[Node] = []
        self._firsts: list[int] = []  # of the nodes: where an id is looked for
        self._count = 0
        self._bytes = 0
        self.last_id = self.max_deleted = self.added = 0
        self.groups: dict[bytes, Group] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def nodes(self) -> int:
        return len(self._nodes)

    def memory(self) -> int:
        groups = sum(group.memory() for group in self.groups.values())
        return 400 + self._bytes + ENTRY_BYTES * self._count + groups

    # ---- reading -----------------------------------------------------------------------------------------------

    def get(self, id_: int) -> Items | None:
        at = bisect_right(self._firsts, id_) - 1
        return self._nodes[at].entries.get(id_) if at >= 0 else None

    def between(self, low: int, high: int, newest_first: bool = False) -> Iterator[Entry]:
        if newest_first:
            for at in range(bisect_right(self._firsts, high) - 1, -1, -1):
                node = self._nodes[at]
                if node.last < low:
                    return
                for id_ in reversed(node.entries):
                    if low <= id_ <= high:
                        yield id_, node.entries[id_]
            return
        for at in range(max(bisect_right(self._firsts, low) - 1, 0), len(self._nodes)):
            node = self._nodes[at]
            if node.first > high:
                return
            for id_, items in node.entries.items():
                if low <= id_ <= high:
                    yield id_, items

    def first(self) -> Entry | None:
        return next((entry for node in self._nodes for entry in node.entries.items()), None)

    def last(self) -> Entry | None:
        return next((entry for node in reversed(self._nodes) for entry in reversed(node.entries.items())), None)

    # ---- changes -----------------------------------------------------------------------------------------------

    def append(self, id_: int, items: Items) -> None:
        node = self._nodes[-1] if self._nodes else None
        if node is None or self._is_full(node, items):
            fields = items[::2]
            node = Node(id_, id_, 0, _head_size(fields), fields, {})
            self._nodes.append(node)
            self._firsts.append(id_)
        node.size += _size_in(node, id_, items)
        node.last = self.last_id = id_
        node.count += 1
        node.entries[id_] = items
        self.added += 1
        self._count += 1
        self._bytes += sum(map(len, items))

    def _is_full(self, node: Node, items: Items) -> bool:
        most, most_bytes = self._limits.stream_node_max_entries, self._limits.stream_node_max_bytes
        room = most_bytes if 0 < most_bytes <= LARGEST_NODE else LARGEST_NODE
        return node.size + sum(map(len, items)) >= room or 0 < most <= node.count

    def remove(self, ids: Iterable[int]) -> int:
        gone = 0
        for id_ in ids:
            at = bisect_right(self._firsts, id_) - 1
            if at < 0:
                continue
            items = self._nodes[at].entries.pop(id_, None)
            if items is not None:
                gone += 1
                self._forget(items)
                if not self._nodes[at].entries:
                    del self._nodes[at], self._firsts[at]
        return gone

    def _forget(self, items: Items) -> None:
        self._count -= 1
        self._bytes -= sum(map(len, items))

    def trim(self, longest: int | None, least: int, whole: bool, limit: int) -> int:
        before, nodes = self._count, 0
        for node in self._nodes:
            size = len(node.entries)
            if longest is not None and self._count <= longest:
                break
            if limit and before - self._count + size > limit:
                break
            if not (self._count - size >= longest if longest is not None else node.last < least):
                if not whole:
                    self._cut(node, self._count - longest if longest is not None else None, least)
                break
            nodes += 1
            for items in node.entries.values():
                self._forget(items)
        del self._nodes[:nodes], self._firsts[:nodes]
        return before - self._count

    def _cut(self, node: Node, count: int | None, least: int) -> None:
        """Takes the oldest of a node that stays, even emptied: so many, or those below an id."""
        for id_ in list(node.entries):
            if count == 0 if count is not None else id_ >= least:
                return
            self._forget(node.entries.pop(id_))
            if count is not None:
                count -= 1

    def packed(self) -> Iterator[StreamNode]:
        for node in self._nodes:
            yield StreamNode(node.first, node.last, node.count, node.size, node.fields, list(node.entries.items()))

    def load(self, nodes: Sequence[StreamNode]) -> None:
        self._nodes = [
            Node(node.first, node.last, node.total, node.size, node.fields, dict(node.entries)) for node in nodes
        ]
        self._firsts = [node.first for node in nodes]
        self._count = sum(len(node.entries) for node in nodes)
        self._bytes = sum(len(text) for node in nodes for _, items in node.entries for text in items)

    def copy(self) -> Stream:
        other = Stream(self._limits)
        other._nodes = [attrs.evolve(node, entries=node.entries.copy()) for node in self._nodes]
        other._firsts = self._firsts.copy()
        other._count, other._bytes = self._count, self._bytes
        other.last_id, other.max_deleted, other.added = self.last_id, self.max_deleted, self.added
        other.groups = {name: group.copy() for name, group in self.groups.items()}
        return other

    def check(self) -> None:
        ids = [id_ for node in self._nodes for id_ in node.entries]
        assert ids == sorted(set(ids))
        assert self._firsts == [node.first for node in self._nodes]
        assert self._count == len(ids) <= self.added
        assert all(id_ <= self.last_id for id_ in ids)
        texts = [text for node in self._nodes for items in node.entries.values() for text in items]
        assert self._bytes == sum(map(len, texts))
        for node in self._nodes:
            assert all(node.first <= id_ <= node.last for id_ in node.entries)
            assert len(node.entries) <= node.count
        for group in self.groups.values():
            group.check()


# ---- the bytes of a listpack --------------------------------------------------------------------------------------


def _integer_size(number: int) -> int:
    """The bytes that a number takes, its length written backwards among them; what has no 64 bits with a sign wraps."""
    number = (number + 2**63) % 2**64 - 2**63
    if 0 <= number < 128:
        return 2
    bits = (number if number >= 0 else ~number).bit_length() + 1
    return next(size for limit, size in _INTEGERS if bits <= limit) + 1


def _text_size(text: bytes) -> int:
    number = to_integer(text)
    if number is not None:
        return _integer_size(number)
    size = len(text)
    body = size + (1 if size < 64 else 2 if size < 4096 else 5)
    return body + (1 if body < 128 else 2 if body < 16383 else 3 if body < 2097151 else 4)


def _head_size(fields: Items) -> int:
    """A node without entries: the listpack's own bytes, two counts, the shared fields, their number and an end."""
    return 7 + 2 * 3 + _integer_size(len(fields)) + sum(map(_text_size, fields))


def _size_in(node: Node, id_: int, items: Items) -> int:
    """An entry in a node: flags, the id as a difference, fields unless they are the shared ones, values, a count."""
    mine, values = items[::2], items[1::2]
    same = mine == node.fields
    low = 2**64 - 1
    size = 2 + _integer_size((id_ >> 64) - (node.first >> 64)) + _integer_size((id_ & low) - (node.first & low))
    size += sum(map(_text_size, values))
    count = len(values) + 3
    if not same:
        size += _integer_size(len(mine)) + sum(map(_text_size, mine))
        count += len(mine) + 1
    return size + _integer_size(count)
