"""What an object in an RDB file is, before anybody keeps it: its kind, its elements in the order written, its form."""

from __future__ import annotations

from typing import Any

from attrs import frozen

Entry = tuple[int, tuple[bytes, ...]]  # an id of 128 bits; fields and values in turn


@frozen
class Loaded:
    """A decoded object.

    ``kind`` is the Redis type. ``value`` is: of a string bytes; of a list or set its elements in order; of a hash
    ``(field, value, deadline or None)`` in order; of a sorted set ``(member, score)`` in order; a `StreamValue`.
    ``form`` says how it was written: ``plain``, ``intset``, ``packed``, ``zipmap``, or for a list that was written node
    by node ``quicklist`` and each node's number of elements, ``plain`` for an element that is a node of its own.
    """

    kind: str
    value: Any
    form: str = "plain"


@frozen
class Node:
    """Some entries of a stream that were written together.

    The first id it was made for; the last id and the number of entries, deleted ones among them; its size in bytes; the
    fields that its entries share; what is left of its entries.
    """

    first: int
    last: int
    count: int
    size: int
    fields: tuple[bytes, ...]
    entries: tuple[Entry, ...]


@frozen
class Pending:
    """An entry that a consumer got and did not acknowledge; the time is in Unix milliseconds."""

    consumer: bytes
    time: int
    count: int


@frozen
class Consumer:
    """When a consumer was last seen, and last got something (None: never, or not written)."""

    seen: int
    active: int | None = None


@frozen
class Group:
    """A group of a stream; ``read`` is None where it is unknown or not written."""

    last_id: int
    read: int | None
    consumers: dict[bytes, Consumer]
    pending: dict[int, Pending]


@frozen
class StreamValue:
    """A stream; what older types do not write is None."""

    nodes: tuple[Node, ...]
    length: int
    last_id: int
    first_id: int | None
    max_deleted: int | None
    added: int | None
    groups: dict[bytes, Group]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries, oldest first."""
        return tuple(entry for node in self.nodes for entry in node.entries)
