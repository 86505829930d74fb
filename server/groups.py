"""Groups of consumers of a stream: how far each has come, and what its consumers have not acknowledged.

The plain core's; the compiled one has the same in C.  What is pending is kept by id in the group, and once more with
the consumer that has it.

Must not live here: replies, and what a delivery means for the entries (`plain.stream`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs
from sortedcontainers import SortedDict, SortedSet

PENDING_BYTES: Final = 200  # what Python needs for an entry that is pending


@attrs.frozen(slots=True)
class Pending:
    """An entry that was delivered and not acknowledged: to whom, when last (Unix time in ms), how often."""

    consumer: bytes
    time: int
    count: int


@attrs.define(slots=True, eq=False)
class Consumer:
    """When a consumer was last heard of, when it last got something (-1: never; both in ms), what it has pending."""

    name: bytes
    seen: int
    active: int = -1
    ids: Any = attrs.Factory(SortedSet)

    @property
    def size(self) -> int:
        """How many entries it has pending."""
        return len(self.ids)


@attrs.define(slots=True, eq=False)
class Group:
    """A group: the last id that it delivered, and how many entries of the stream that makes (None: unknown)."""

    last_id: int
    read: int | None = None
    consumers: dict[bytes, Consumer] = attrs.Factory(dict)
    _pending: Any = attrs.Factory(SortedDict)

    @property
    def size(self) -> int:
        """How many entries are pending."""
        return len(self._pending)

    def memory(self) -> int:
        """Bytes, about."""
        return PENDING_BYTES * len(self._pending)

    def join(self, name: bytes, seen: int, active: int = -1) -> Consumer:
        """A consumer whom the group does not have joins it."""
        consumer = self.consumers[name] = Consumer(name, seen, active)
        return consumer

    def held(self, id_: int) -> Pending | None:
        """What is known of an entry that is pending.  O(1)."""
        found: Pending | None = self._pending.get(id_)
        return found

    def first(self) -> int:
        """The first id that is pending; there is one."""
        return int(self._pending.peekitem(0)[0])

    def last(self) -> int:
        """The last one."""
        return int(self._pending.peekitem(-1)[0])

    def between(self, low: int, high: int, consumer: bytes | None = None) -> Iterator[tuple[int, Pending]]:
        """What is pending with ids from low to high, of one consumer or of all, oldest first.  O(log n + k)."""
        if consumer is None:
            ids = self._pending
        elif consumer in self.consumers:
            ids = self.consumers[consumer].ids
        else:
            return
        for id_ in ids.irange(low, high):
            yield id_, self._pending[id_]

    def give(self, id_: int, consumer: bytes, time: int, count: int) -> None:
        """An entry is pending for a consumer of the group, and for nobody else.  O(log n)."""
        self.take(id_)
        self._pending[id_] = Pending(consumer, time, count)
        self.consumers[consumer].ids.add(id_)

    def take(self, id_: int) -> bool:
        """An entry is pending no longer; whether it was.  O(log n)."""
        found = self._pending.pop(id_, None)
        if found is None:
            return False
        self.consumers[found.consumer].ids.remove(id_)
        return True

    def drop(self, name: bytes) -> int:
        """A consumer goes with what it has pending; how much that was."""
        gone = self.consumers.pop(name)
        for id_ in gone.ids:
            del self._pending[id_]
        return gone.size

    def copy(self) -> Group:
        """A group of its own with the same content."""
        other = Group(self.last_id, self.read)
        for name, consumer in self.consumers.items():
            other.join(name, consumer.seen, consumer.active)
        for id_, held in self._pending.items():
            other.give(id_, held.consumer, held.time, held.count)
        return other

    def check(self) -> None:
        """Assert that both records of what is pending are of the same."""
        mine = {id_: name for name, consumer in self.consumers.items() for id_ in consumer.ids}
        assert len(mine) == len(self._pending) == sum(one.size for one in self.consumers.values())
        assert {id_: held.consumer for id_, held in self._pending.items()} == mine
        assert all(name == one.name for name, one in self.consumers.items())
