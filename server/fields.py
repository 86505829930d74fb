"""Fields of hashes that have deadlines of their own: which keys hold such hashes, and how what is past goes.

A database keeps an `Ending` beside its keys, and tells it of each hash that is put, changed or gone.  Whoever gets a
hash of which a field has expired gets it without (`met`, called by the databases' `get`); what nobody asks for goes in
its own time (`cycle`, called by cron).  So no command ever sees a field that is past.

Must live here: when fields go.  Must not: how a hash keeps them (`types.Hash`), which commands set deadlines.
"""

from __future__ import annotations

import heapq
import time
from typing import Final

import attrs

from redlark.server.interfaces import Database
from redlark.server.notifications import DELETED, HASH_EXPIRED
from redlark.server.propagation import Told
from redlark.server.types import Hash

AT_ONCE: Final = 1000  # fields of one hash that one step of the cycle takes out
FOREVER: Final = 2**63 - 1


@attrs.define(slots=True, eq=False)
class Ending:
    """The keys of one database whose hashes have fields with deadlines."""

    keys: dict[bytes, int] = attrs.Factory(dict)  # and the earliest of these deadlines, in ms
    gone: int = 0  # fields that have expired since the server started
    _heap: list[tuple[int, bytes]] = attrs.Factory(list)  # of what `keys` says, or has said

    def __len__(self) -> int:
        return len(self.keys)

    def note(self, key: bytes, value: Hash) -> None:
        """The hash of a key is another one, or has changed."""
        at = value.ends
        if at is None:
            self.keys.pop(key, None)
        elif self.keys.get(key) != at:
            self.keys[key] = at
            heapq.heappush(self._heap, (at, key))
            if len(self._heap) > 2 * len(self.keys) + 64:
                self._heap = [(at, key) for key, at in self.keys.items()]
                heapq.heapify(self._heap)

    def forget(self, key: bytes) -> None:
        """The key holds no such hash any more, if it did."""
        self.keys.pop(key, None)

    def clear(self) -> None:
        """All keys are gone."""
        self.keys.clear()
        self._heap.clear()

    def first(self, now: int) -> bytes | None:
        """The key whose field expired first, if any has."""
        heap = self._heap
        while heap and heap[0][0] < now:
            at, key = heap[0]
            if self.keys.get(key) == at:
                return key
            heapq.heappop(heap)
        return None


def met(database: Database, key: bytes, value: Hash, now: int, most: int = FOREVER) -> bool:
    """Take what is past out of the hash of a key; is there anything left?"""
    tracker = database.tracker
    told = tracker if isinstance(tracker, Told) else None
    if told is not None:
        past = [field for field in value if (at := value.deadline(field)) is not None and at < now]
        changes = told.server.propagation.changes
    gone = value.end(now, most)
    database.ending.gone += gone
    if gone and database.teller is not None:  # before anybody is told that the key has changed
        database.teller(database, HASH_EXPIRED, key)
        if not value:
            database.teller(database, DELETED, key)
    database.tracker = None  # who tracks is told once, and that nobody's request has done this
    try:
        if value:
            database.modified(key)
        else:
            database.delete(key)
    finally:
        database.tracker = tracker
    if told is not None:
        told.ended(key, [field for field in past if field not in value], changes)
    elif tracker is not None:
        tracker(key, True)
    return bool(value)


def cycle(database: Database, now: int, budget_us: int) -> None:
    """Take out what is past and nobody asks for, for so long at most (but at least from one hash)."""
    until = time.monotonic_ns() + budget_us * 1000
    while (key := database.first_ending(now)) is not None:
        value = database.peek(key)  # or None: the key's own deadline has come first, and then it is forgotten
        if value is not None and not isinstance(value, bytes) and value.kind == b"hash":
            met(database, key, value, now, AT_ONCE)
        if time.monotonic_ns() > until:
            return
