"""Groups of consumers of a stream: how far each has come, and what its consumers have not acknowledged.

The same for both cores.  What is pending is kept by id in the group, and once more with the consumer that has it.

Must not live here: replies, and what a delivery means for the entries (`plain.stream`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from sortedcontainers import SortedDict


@attrs.define(slots=True, eq=False)
class Pending:
    """An entry that was delivered and not acknowledged: to whom, when last (Unix time in ms), how often."""

    consumer: bytes
    time: int
    count: int


@attrs.define(slots=True, eq=False)
class Consumer:
    """When a consumer was last heard of, when it last got something (-1: never; both in ms), what it has pending."""

    seen: int
    active: int = -1
    pending: Any = attrs.Factory(SortedDict)


@attrs.define(slots=True, eq=False)
class Group:
    """A group: the last id that it delivered, and how many entries of the stream that makes (None: unknown)."""

    last_id: int
    read: int | None = None
    consumers: dict[bytes, Consumer] = attrs.Factory(dict)
    pending: Any = attrs.Factory(SortedDict)

    def between(self, low: int, high: int, consumer: bytes | None = None) -> Iterator[tuple[int, Pending]]:
        """What is pending with ids from low to high, of one consumer or of all, oldest first.  O(log n + k)."""
        if consumer is None:
            held = self.pending
        elif consumer in self.consumers:
            held = self.consumers[consumer].pending
        else:
            return
        for id_ in held.irange(low, high):
            yield id_, held[id_]

    def give(self, id_: int, consumer: bytes, time: int, count: int) -> None:
        """An entry is pending for a consumer of the group, and for nobody else.  O(log n)."""
        self.take(id_)
        self.pending[id_] = self.consumers[consumer].pending[id_] = Pending(consumer, time, count)

    def take(self, id_: int) -> bool:
        """An entry is pending no longer; whether it was.  O(log n)."""
        found = self.pending.pop(id_, None)
        if found is None:
            return False
        del self.consumers[found.consumer].pending[id_]
        return True

    def drop(self, name: bytes) -> int:
        """A consumer goes with what it has pending; how much that was."""
        held = list(self.consumers[name].pending)
        for id_ in held:
            del self.pending[id_]
        del self.consumers[name]
        return len(held)

    def copy(self) -> Group:
        """A group of its own with the same content."""
        other = Group(self.last_id, self.read)
        for name, consumer in self.consumers.items():
            other.consumers[name] = Consumer(consumer.seen, consumer.active)
        for id_, held in self.pending.items():
            other.give(id_, held.consumer, held.time, held.count)
        return other

    def check(self) -> None:
        """Assert that both records of what is pending are of the same."""
        mine = {id_: held for consumer in self.consumers.values() for id_, held in consumer.pending.items()}
        assert len(mine) == len(self.pending) == sum(len(one.pending) for one in self.consumers.values())
        assert all(mine[id_] is held for id_, held in self.pending.items())
        assert all(held.consumer in self.consumers for held in self.pending.values())
