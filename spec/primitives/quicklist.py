"""How a list is kept since Redis 7.2: one listpack, or a quicklist, which is a chain of listpacks.

What lives here: the *layout* of a list, as a text: ``listpack``, or ``quicklist`` and behind it, node by node, how many
elements each has; an element too large for any listpack is a node of its own, ``plain``. A quicklist becomes a
listpack again once it has a single node of at most half the limit, so whoever wants to tell ``OBJECT ENCODING`` must
know how its nodes came about. A *limit* is the parameter ``list-max-listpack-size``: a number of elements, or, below 0,
a class of sizes. Nodes keep to the limit under which their quicklist was made (``=2``), the return to a listpack and
the departure from one to the limit that holds now. What must not live here: what a command does with the list.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from redlark.spec.primitives import primitive
from redlark.spec.primitives.listpack import listpack_size

PACKED = b"listpack"
CHAINED = b"quicklist"
SAFE = 8192  # bytes that a node counted in elements may have
CLASSES = (4096, 8192, 16384, 32768, 65536)  # bytes that a node may have, for -1, -2 ...
ESTIMATE = 8  # bytes that an element is taken to need beside its own
ENDS = 7  # bytes of a listpack's head and end: two that become one have them once

Elements = tuple[bytes, ...]


def _class(limit: int) -> int:
    return CLASSES[min(-limit, len(CLASSES)) - 1]


def _exceeds(limit: int, size: int, count: int) -> bool:
    if limit < 0:
        return size > _class(limit)
    return size > SAFE or count > max(limit, 1)


def _is_large(size: int, limit: int) -> bool:
    return size > (_class(limit) if limit < 0 else SAFE)


@define
class _Node:
    """One node of a quicklist."""

    elements: list[bytes]
    plain: bool = False

    @property
    def size(self) -> int:
        return len(self.elements[0]) if self.plain else listpack_size(tuple(self.elements))


@define
class _Chain:
    """A quicklist: its nodes, and the limit that each of them keeps to."""

    nodes: list[_Node]
    limit: int

    @classmethod
    def of(cls, layout: bytes, elements: Elements, limit: int) -> _Chain:
        """The chain of a layout that tells its limit, or has the one that holds now; a listpack is its only node."""
        if layout == PACKED:
            return cls([_Node(list(elements))] if elements else [], limit)
        chain, start = cls([], limit), 0
        for word in layout.split()[1:]:
            if word.startswith(b"="):
                chain.limit = int(word[1:])
                continue
            count = 1 if word == b"plain" else int(word)
            chain.nodes.append(_Node(list(elements[start : start + count]), word == b"plain"))
            start += count
        return chain

    @property
    def layout(self) -> bytes:
        """Its layout, its limit behind its name."""
        sizes = (b"plain" if node.plain else b"%d" % len(node.elements) for node in self.nodes)
        return b" ".join([CHAINED, b"=%d" % self.limit, *sizes])


def _accepts(node: _Node | None, size: int, limit: int) -> bool:
    if node is None or node.plain or _is_large(size, limit):
        return False
    return not _exceeds(limit, node.size + size + ESTIMATE, len(node.elements) + 1)


def _shrunk(chain: _Chain, limit: int, share: int = 2) -> bytes:
    """The layout of a quicklist that may be a listpack again: one node of at most that share of the limit."""
    if len(chain.nodes) == 1 and not chain.nodes[0].plain:
        (node,) = chain.nodes
        small = node.size <= _class(limit) // share if limit < 0 else len(node.elements) <= max(limit, 1) // share
        if small:
            return PACKED
    return chain.layout


# ---- what the text asks for ------------------------------------------------------------------------------------


@primitive("layout-name(text) -> text")
def layout_name(layout: bytes) -> bytes:
    """What OBJECT ENCODING calls a layout: its first word.

    >>> layout_name(b"quicklist 3 plain"), layout_name(b"embstr")
    (b'quicklist', b'embstr')

    Source: observed with OBJECT ENCODING of every server.
    """
    return layout.partition(b" ")[0]


@primitive("list-grown(text?, list of text, list of text, text, int, int) -> text")
def list_grown(
    layout: bytes | None, elements: Elements, added: Elements, where: bytes, bytes_added: int, limit: int
) -> bytes:
    """The layout of a list after pushing elements, one by one, at an end (``LEFT``, ``RIGHT``).

    ``bytes_added`` is what the server takes them to be as it looks whether a listpack still has room for all.

    >>> list_grown(None, (), (b"a", b"b"), b"RIGHT", 2, -2), list_grown(None, (), (b"a", b"b"), b"RIGHT", 2, 1)
    (b'listpack', b'quicklist =1 1 1')

    Source: observed with redis 8.2.3 and valkey 9.1.2; redis.conf on list-max-listpack-size.
    """
    layout = PACKED if layout is None else layout
    if layout == PACKED and not _exceeds(limit, listpack_size(elements) + bytes_added, len(elements) + len(added)):
        return PACKED
    chain = _Chain.of(layout, elements, limit)
    nodes, limit = chain.nodes, chain.limit
    end, front = (0, True) if where == b"LEFT" else (-1, False)
    for element in added:
        size = len(element)
        if _accepts(nodes[end] if nodes else None, size, limit):
            kept = nodes[end].elements
            kept.insert(0 if front else len(kept), element)
        else:
            nodes.insert(0 if front else len(nodes), _Node([element], _is_large(size, limit)))
    return chain.layout


def list_stored(elements: Elements, limit: int) -> bytes:
    """The layout of a list that was gathered in one listpack.

    >>> list_stored((b"a", b"b"), 1)
    b'quicklist =1 2'

    Source: observed with RESTORE of redis 8.2.3 and valkey 9.1.2.
    """
    if _exceeds(limit, listpack_size(elements), len(elements)):
        return _Chain.of(PACKED, elements, limit).layout
    return PACKED


@primitive("list-loaded(text, list of text, int) -> text")
def list_loaded(layout: bytes, elements: Elements, limit: int) -> bytes:
    """The layout of a list that was loaded node by node: a listpack where one holds it, up to the whole limit.

    >>> list_loaded(b"quicklist 1 1", (b"a", b"b"), 2), list_loaded(b"quicklist 2", (b"a", b"b"), 2)
    (b'quicklist =2 1 1', b'listpack')

    Source: observed with RESTORE of redis 8.2.3 and valkey 9.1.2.
    """
    if layout == PACKED:
        return list_stored(elements, limit)
    return _shrunk(_Chain.of(layout, elements, limit), limit, 1)


@primitive("list-without(text, list of text, list of int, int) -> text")
def list_without(layout: bytes, elements: Elements, gone: Iterable[int], limit: int) -> bytes:
    """The layout of a list after the elements at these places (from 0) are taken out; nodes are not merged.

    >>> list_without(b"quicklist 2 1", (b"a", b"b", b"c"), (0, 2), 2), list_without(b"quicklist 2", (b"a", b"b"), (), 2)
    (b'listpack', b'quicklist =2 2')

    Source: observed with redis 8.2.3 and valkey 9.1.2.
    """
    if layout == PACKED:
        return PACKED
    chain, away, start = _Chain.of(layout, elements, limit), frozenset(gone), 0
    for node in chain.nodes:
        count = len(node.elements)
        node.elements = [e for place, e in enumerate(node.elements, start) if place not in away]
        start += count
    chain.nodes = [node for node in chain.nodes if node.elements]
    return _shrunk(chain, limit)


@primitive("list-rotated(text, list of text, text, text, int, int) -> text")
def list_rotated(layout: bytes, elements: Elements, source: bytes, where: bytes, bytes_added: int, limit: int) -> bytes:
    """The layout of a list after the element at one end (``LEFT``, ``RIGHT``) is taken out and pushed at an end.

    >>> list_rotated(b"quicklist 2 1", (b"a", b"b", b"c"), b"RIGHT", b"LEFT", 1, 2)
    b'quicklist =2 1 2'

    Source: observed with LMOVE of redis 8.2.3 and valkey 9.1.2.
    """
    gone = 0 if source == b"LEFT" else len(elements) - 1
    left, element = elements[:gone] + elements[gone + 1 :], elements[gone]
    if layout != PACKED:
        chain = _Chain.of(layout, elements, limit)
        chain.nodes[0 if gone == 0 else -1].elements.pop(0 if gone == 0 else -1)
        chain.nodes = [node for node in chain.nodes if node.elements]
        layout = chain.layout
    grown = list_grown(layout, left, (element,), where, bytes_added, limit)
    both = (element, *left) if where == b"LEFT" else (*left, element)
    return grown if grown == PACKED else _shrunk(_Chain.of(grown, both, limit), limit)


@primitive("list-inserted(text, list of text, text, int, bool, int) -> text")
def list_inserted(
    layout: bytes, elements: Elements, element: bytes, place: int | None, after: bool, limit: int
) -> bytes:
    """The layout of a list after an element is put before or after the one at a place; absent: there was none such.

    A full node is split there, and its halves are merged with their neighbours where these have room. A listpack makes
    room before it is known whether the place exists.

    >>> list_inserted(b"quicklist 3", (b"a", b"b", b"c"), b"x", 1, True, 3)
    b'quicklist =3 2 2'

    Source: observed with LINSERT of redis 8.2.3 and valkey 9.1.2.
    """
    if layout == PACKED and not _exceeds(limit, listpack_size(elements) + len(element), len(elements) + 1):
        return PACKED
    chain = _Chain.of(layout, elements, limit)
    if place is not None:
        _insert(chain.nodes, *_find(chain.nodes, place), element, after, chain.limit)
    return chain.layout


@primitive("list-replaced(text, list of text, text, int, int) -> text")
def list_replaced(layout: bytes, elements: Elements, element: bytes, place: int, limit: int) -> bytes:
    """The layout of a list after the element at a place (from 0) is replaced; a place beyond its end replaces none.

    A listpack makes room for one element more before it is known whether the place exists.

    >>> list_replaced(b"listpack", (b"a", b"b"), b"c", 0, 2), list_replaced(b"listpack", (b"a", b"b"), b"c", 2, 2)
    (b'quicklist =2 2', b'quicklist =2 2')

    Source: observed with LSET of redis 8.2.3 and valkey 9.1.2.
    """
    if layout == PACKED and not _exceeds(limit, listpack_size(elements) + len(element), len(elements) + 1):
        return PACKED
    chain = _Chain.of(layout, elements, limit)
    if not 0 <= place < len(elements):
        return chain.layout
    _replace(chain.nodes, *_find(chain.nodes, place), element, chain.limit)
    return _shrunk(chain, limit)


# ---- the chain -------------------------------------------------------------------------------------------------


def _find(nodes: list[_Node], place: int) -> tuple[int, int]:
    """The node that has a place, and the place in it."""
    for index, node in enumerate(nodes):
        if place < len(node.elements):
            return index, place
        place -= len(node.elements)
    raise IndexError(place)


def _at(nodes: list[_Node], index: int) -> _Node | None:
    return nodes[index] if 0 <= index < len(nodes) else None


def _insert(nodes: list[_Node], index: int, offset: int, element: bytes, after: bool, limit: int) -> None:
    node, size = nodes[index], len(element)
    side = 1 if after else 0  # where a new neighbour stands, and the offset behind
    at_edge = offset == (len(node.elements) - 1 if after else 0)
    beside = _at(nodes, index + (1 if after else -1))
    if _is_large(size, limit):
        fresh = [_Node([element], True)]
        if not node.plain and not at_edge:
            fresh = [*fresh, _split(node, offset, after)] if after else [_split(node, offset, after), *fresh]
        nodes[index + side : index + side] = fresh
    elif _accepts(node, size, limit):
        node.elements.insert(offset + side, element)
    elif at_edge and _accepts(beside, size, limit) and beside is not None:
        beside.elements.insert(0 if after else len(beside.elements), element)
    elif at_edge:
        nodes.insert(index + side, _Node([element]))
    else:
        fresh_node = _split(node, offset, after)
        fresh_node.elements.insert(0 if after else len(fresh_node.elements), element)
        nodes.insert(index + side, fresh_node)
        _merge_around(nodes, node, limit)


def _split(node: _Node, offset: int, after: bool) -> _Node:
    """Takes what stands behind an offset (or, not after, before it) out of a node."""
    cut = offset + 1 if after else offset
    head, tail = node.elements[:cut], node.elements[cut:]
    node.elements, taken = (head, tail) if after else (tail, head)
    return _Node(taken)


def _merge_around(nodes: list[_Node], center: _Node, limit: int) -> None:
    """Merges the nodes on either side of one, then that one with them, where two fit into one."""
    index = next(i for i, node in enumerate(nodes) if node is center)
    if _merge(nodes, index - 2, limit):
        index -= 1
    _merge(nodes, index + 1, limit)
    if _merge(nodes, index - 1, limit):
        index -= 1
    _merge(nodes, index, limit)


def _merge(nodes: list[_Node], index: int, limit: int) -> bool:
    """Merges a node with the next one, if both exist and may."""
    one, other = _at(nodes, index), _at(nodes, index + 1)
    if one is None or other is None or one.plain or other.plain:
        return False
    if _exceeds(limit, one.size + other.size - ENDS, len(one.elements) + len(other.elements)):
        return False
    one.elements += other.elements
    del nodes[index + 1]
    return True


def _replace(nodes: list[_Node], index: int, offset: int, element: bytes, limit: int) -> None:
    node, large = nodes[index], _is_large(len(element), limit)
    if node.plain:
        nodes[index] = _Node([element], large)
        return
    if not large:
        node.elements[offset] = element
        return
    fresh = [_Node([element], True)]
    if offset != len(node.elements) - 1:
        fresh.append(_split(node, offset, True))
    nodes[index + 1 : index + 1] = fresh
    node.elements.pop()
    if not node.elements:
        del nodes[index]
    else:
        _merge_around(nodes, fresh[0], limit)
