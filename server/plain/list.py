"""A list as Redis keeps one: packed in one listpack, or a chain of them, a quicklist.  See `types.List`.

The nodes are kept as Redis has them, since OBJECT ENCODING tells of them: a quicklist is packed again once a single
node of at most half the limit is left, so that which elements share a node matters.  It is a good structure besides: an
end is reached at once, a place in the middle by counting nodes, and no change moves more than a node's elements.

A limit (`list-max-listpack-size`) is a number of elements, or, below 0, a class of sizes.  Nodes keep to the one that
held when their quicklist was made; when that is packed again is decided by the one that holds now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final, Literal

from redlark.server.types import Limits, Packed
from redlark.server.values import to_integer

SAFE: Final = 8192  # bytes that a node counted in elements may have
CLASSES: Final = (4096, 8192, 16384, 32768, 65536)  # bytes that a node may have, for -1, -2 ...
ESTIMATE: Final = 8  # bytes that an element is taken to need beside its own
ENDS: Final = 7  # bytes of a listpack's head and end

ELEMENT: Final = 41  # bytes that Python needs for an element beside its own
NODE: Final = 200  # and for a node


def entry_size(element: bytes) -> int:
    """Bytes of an element in a listpack: its header, itself, and its length written backwards.

    >>> entry_size(b"100"), entry_size(b"a"), entry_size(b"x" * 64)
    (2, 3, 67)
    """
    number = to_integer(element)
    if number is None:
        size = len(element) + (1 if len(element) < 64 else 2 if len(element) < 4096 else 5)
    elif 0 <= number < 128:
        size = 1
    else:
        bits = (number if number >= 0 else ~number).bit_length() + 1
        size = next(size for limit, size in ((13, 2), (16, 3), (24, 4), (32, 5), (64, 9)) if bits <= limit)
    return size + (1 if size < 128 else 2 if size < 16383 else 3 if size < 2097151 else 4)


class Node:
    """A listpack, or, `plain`, one element that is too large for any."""

    __slots__ = ("elements", "plain", "size")

    def __init__(self, elements: list[bytes], plain: bool = False) -> None:
        self.elements = elements
        self.plain = plain
        self.size = ENDS + sum(map(entry_size, elements))

    def put(self, place: int, element: bytes) -> None:
        """Insert there."""
        self.elements.insert(place, element)
        self.size += entry_size(element)

    def cut(self, start: int, stop: int) -> list[bytes]:
        """Take out what stands from start up to stop."""
        gone = self.elements[start:stop]
        del self.elements[start:stop]
        self.size -= sum(map(entry_size, gone))
        return gone


def _class(limit: int) -> int:
    """Bytes that a node may have, where the limit is a class."""
    return CLASSES[min(-limit, len(CLASSES)) - 1]


def _exceeds(limit: int, size: int, count: int) -> bool:
    """Is so much, so many, too much for a listpack?"""
    return size > _class(limit) if limit < 0 else size > SAFE or count > max(limit, 1)


class List:
    """See `types.List`.  A packed list has one node, always; a quicklist has no empty one."""

    __slots__ = ("_bytes", "_count", "_limit", "_limits", "_nodes", "_packed")

    kind: Literal[b"list"] = b"list"

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes: deque[Node] = deque((Node([]),))
        self._packed = True
        self._limit = 0  # that the nodes of a quicklist keep to
        self._count = 0
        self._bytes = 0

    # ---- looking ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(node.elements for node in self._nodes)

    def __reversed__(self) -> Iterator[bytes]:
        return chain.from_iterable(reversed(node.elements) for node in reversed(self._nodes))

    @property
    def encoding(self) -> bytes:
        return b"listpack" if self._packed else b"quicklist"

    def memory(self) -> int:
        return NODE * (1 + len(self._nodes)) + ELEMENT * self._count + self._bytes

    def get(self, place: int) -> bytes:
        index, offset = self._find(place)
        return self._nodes[index].elements[offset]

    def range(self, start: int, stop: int) -> list[bytes]:
        if start >= stop:
            return []
        index, offset = self._find(start)
        told = self._nodes[index].elements[offset : offset + stop - start]
        for node in islice(self._nodes, index + 1, None):
            if len(told) >= stop - start:
                break
            told += node.elements[: stop - start - len(told)]
        return told

    def _find(self, place: int) -> tuple[int, int]:
        """The node that has a place, and the place in it; counted from the nearer end."""
        if place * 2 <= self._count:
            for index, node in enumerate(self._nodes):
                if place < len(node.elements):
                    return index, place
                place -= len(node.elements)
        place -= self._count
        for index, node in enumerate(reversed(self._nodes), 1):
            place += len(node.elements)
            if place >= 0:
                return len(self._nodes) - index, place
        raise IndexError

    # ---- at the ends --------------------------------------------------------------------------------------------

    def push(self, elements: Sequence[bytes], left: bool, moved: bool = False) -> None:
        size = sum(map(len, elements))
        numbers = sum(len(element) for element in elements if to_integer(element) is not None) if moved else 0
        self._make_room(size - numbers, len(elements))
        for element in elements:
            self._push(element, left)
        self._bytes += size
        self._count += len(elements)

    def _make_room(self, size: int, count: int) -> None:
        """A listpack becomes a quicklist, its only node, where so much more would be too much."""
        limit = self._limits.list_max_listpack_size
        if self._packed and _exceeds(limit, self._nodes[0].size + size, self._count + count):
            self._packed, self._limit = False, limit
            if not self._count:
                self._nodes.clear()

    def _push(self, element: bytes, left: bool) -> None:
        node = self._nodes[0 if left else -1] if self._nodes else None
        if node is not None and (self._packed or self._accepts(node, len(element))):
            node.put(0 if left else len(node.elements), element)
        elif left:
            self._nodes.appendleft(self._alone(element))
        else:
            self._nodes.append(self._alone(element))

    def pop(self, count: int, left: bool) -> list[bytes]:
        gone = self._cut_left(count) if left else self._cut_right(count)
        self._shrink()
        return gone

    def _cut_left(self, count: int) -> list[bytes]:
        gone: list[bytes] = []
        while self._nodes and len(gone) < count:
            node = self._nodes[0]
            gone += node.cut(0, count - len(gone))
            if not self._drop_empty(0):
                break
        self._forget(gone)
        return gone

    def _cut_right(self, count: int) -> list[bytes]:
        gone: list[bytes] = []
        while self._nodes and len(gone) < count:
            node = self._nodes[-1]
            gone += reversed(node.cut(max(len(node.elements) - (count - len(gone)), 0), len(node.elements)))
            if not self._drop_empty(-1):
                break
        self._forget(gone)
        return gone

    def _drop_empty(self, index: int) -> bool:
        """Remove a node of a quicklist if it is empty."""
        if self._packed or self._nodes[index].elements:
            return False
        del self._nodes[index]
        return True

    def _forget(self, gone: Sequence[bytes]) -> None:
        self._count -= len(gone)
        self._bytes -= sum(map(len, gone))

    def rotate(self, from_left: bool, to_left: bool) -> bytes:
        (element,) = self._cut_left(1) if from_left else self._cut_right(1)
        self.push((element,), to_left, moved=True)
        self._shrink()
        return element

    def trim(self, start: int, stop: int) -> None:
        self._cut_right(self._count - stop)
        self._cut_left(start)
        self._shrink()

    # ---- in the middle ------------------------------------------------------------------------------------------

    def set(self, place: int, element: bytes) -> bool:
        self._make_room(len(element), 1)
        if not 0 <= place < self._count:
            return False
        index, offset = self._find(place)
        node = self._nodes[index]
        self._bytes += len(element) - len(node.elements[offset])
        if node.plain:  # what is shorter may join the node behind
            self._insert(index, 0, element, after=True)
            del self._nodes[index]
        elif self._packed or not self._is_large(len(element)):
            node.cut(offset, offset + 1)
            node.put(offset, element)
        else:
            self._set_large(index, offset, element)
        self._shrink()
        return True

    def _set_large(self, index: int, offset: int, element: bytes) -> None:
        """Replace by what needs a node of its own: the node is split there."""
        node, fresh = self._nodes[index], self._alone(element)
        behind = node.cut(offset + 1, len(node.elements))
        node.cut(offset, offset + 1)
        self._nodes.insert(index + 1, fresh)
        if behind:
            self._nodes.insert(index + 2, Node(behind))
        if not self._drop_empty(index):
            self._merge_around(fresh)

    def insert(self, pivot: bytes, element: bytes, after: bool) -> bool:
        self._make_room(len(element), 1)
        for index, node in enumerate(self._nodes):
            if pivot in node.elements:
                offset = node.elements.index(pivot)
                if self._packed:
                    node.put(offset + after, element)
                else:
                    self._insert(index, offset, element, after)
                self._count += 1
                self._bytes += len(element)
                return True
        return False

    def _insert(self, index: int, offset: int, element: bytes, after: bool) -> None:
        """Put an element of a quicklist beside the one at an offset of a node."""
        node, size = self._nodes[index], len(element)
        at_edge = offset == (len(node.elements) - 1 if after else 0)
        beside = index + 1 if after else index - 1
        if self._is_large(size):
            if not node.plain and not at_edge:
                self._split(index, offset, after)
                self._nodes.insert(index + 1, self._alone(element))
            else:
                self._nodes.insert(index + after, self._alone(element))
        elif self._accepts(node, size):
            node.put(offset + after, element)
        elif at_edge and 0 <= beside < len(self._nodes) and self._accepts(self._nodes[beside], size):
            self._nodes[beside].put(0 if after else len(self._nodes[beside].elements), element)
        elif at_edge:
            self._nodes.insert(index + after, self._alone(element))
        else:
            fresh = self._split(index, offset, after)
            fresh.put(0 if after else len(fresh.elements), element)
            self._merge_around(node)

    def _split(self, index: int, offset: int, after: bool) -> Node:
        """What stands behind an offset of a node (or, not after, before it) becomes a node; that one."""
        node = self._nodes[index]
        fresh = Node(node.cut(offset + 1, len(node.elements)) if after else node.cut(0, offset))
        self._nodes.insert(index + after, fresh)
        return fresh

    def _merge_around(self, center: Node) -> None:
        """Merge the nodes on either side of one, then that one with them, where two fit into one."""
        index = next(index for index, node in enumerate(self._nodes) if node is center)
        index -= self._merge(index - 2)
        self._merge(index + 1)
        index -= self._merge(index - 1)
        self._merge(index)

    def _merge(self, index: int) -> bool:
        """Merge a node with the next one, if both are there and may."""
        if not 0 <= index < len(self._nodes) - 1:
            return False
        one, other = self._nodes[index], self._nodes[index + 1]
        if one.plain or other.plain:
            return False
        if _exceeds(self._limit, one.size + other.size - ENDS, len(one.elements) + len(other.elements)):
            return False
        one.elements += other.elements
        one.size += other.size - ENDS
        del self._nodes[index + 1]
        return True

    def remove(self, element: bytes, count: int) -> int:
        left = abs(count) or self._count
        nodes = reversed(self._nodes) if count < 0 else iter(self._nodes)
        gone = 0
        for node in nodes:
            if element in node.elements:
                gone += _remove(node, element, left - gone, count < 0)
                if gone == left:
                    break
        if gone:
            self._forget([element] * gone)
            if not self._packed:
                self._nodes = deque(node for node in self._nodes if node.elements)
            self._shrink()
        return gone

    # ---- limits -------------------------------------------------------------------------------------------------

    def _is_large(self, size: int) -> bool:
        return size > (_class(self._limit) if self._limit < 0 else SAFE)

    def _accepts(self, node: Node, size: int) -> bool:
        if node.plain or self._is_large(size):
            return False
        return not _exceeds(self._limit, node.size + size + ESTIMATE, len(node.elements) + 1)

    def _alone(self, element: bytes) -> Node:
        return Node([element], self._is_large(len(element)))

    def _shrink(self, share: int = 2) -> None:
        """A quicklist becomes a listpack again once one node of at most that share of the limit holds it."""
        if not self._packed and len(self._nodes) == 1 and not self._nodes[0].plain:
            limit, node = self._limits.list_max_listpack_size, self._nodes[0]
            size = node.size if limit < 0 else self._count
            self._packed = size <= (_class(limit) if limit < 0 else max(limit, 1)) // share

    def gather(self, elements: Sequence[bytes]) -> None:
        self._fill([])
        self._packed = False
        for element in elements:
            self._push(element, left=False)
        self._count, self._bytes = len(elements), sum(map(len, elements))
        if not elements:
            self._nodes.append(Node([]))
        if len(self._nodes) == 1:
            self._packed = not _exceeds(self._limit, self._nodes[0].size, self._count)

    def packed(self) -> Iterator[Packed]:
        return ((node.elements, node.plain) for node in self._nodes)

    def load(self, nodes: Sequence[Packed]) -> None:
        self._fill([Node(list(elements), plain) for elements, plain in nodes])
        self._packed = False
        self._shrink(1)

    def _fill(self, nodes: list[Node]) -> None:
        self._nodes, self._limit = deque(nodes), self._limits.list_max_listpack_size
        self._count = sum(len(node.elements) for node in nodes)
        self._bytes = sum(map(len, self))

    # ---- as a whole ---------------------------------------------------------------------------------------------

    def copy(self) -> List:
        other = List(self._limits)
        other._nodes = deque(Node(list(node.elements), node.plain) for node in self._nodes)
        other._packed, other._limit, other._count, other._bytes = self._packed, self._limit, self._count, self._bytes
        return other

    def check(self) -> None:
        assert self._count == sum(len(node.elements) for node in self._nodes)
        assert self._bytes == sum(map(len, self))
        for node in self._nodes:
            assert node.size == ENDS + sum(map(entry_size, node.elements))
            assert node.elements or self._packed
            assert len(node.elements) == 1 or not node.plain
        assert len(self._nodes) == 1 or not self._packed


def _remove(node: Node, element: bytes, most: int, from_end: bool) -> int:
    """Take out at most so many of an element; how many went."""
    places = [place for place, each in enumerate(node.elements) if each == element]
    gone = places[-most:] if from_end else places[:most]
    for place in reversed(gone):
        node.cut(place, place + 1)
    return len(gone)
