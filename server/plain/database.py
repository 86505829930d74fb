"""A keyspace in plain Python; see `interfaces.Database` for what each method promises.

Values and deadlines are in dicts, the order for SCAN in an `Index`, and the deadlines once more in a heap, so that
active expiry finds the past ones without looking at the others.  The heap may be out of date; the dict decides.
"""

from __future__ import annotations

import heapq
import random
import time
from typing import TYPE_CHECKING

from redlark.server import eviction, fields
from redlark.server.interfaces import FRESH, NO_DEADLINE, RAW, Client, Value
from redlark.server.notifications import EXPIRED, MISSED, NEW
from redlark.server.plain.index import Index
from redlark.server.values import kind_of, settle
from redlark.server.watching import changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from redlark.server import interfaces
    from redlark.server.blocking import Wait
    from redlark.server.state import State

OVERHEAD = 250  # bytes that a key takes besides itself and its value, about


class Entry:
    """A value with what is known of it."""

    __slots__ = ("access", "count", "form", "size", "value")

    def __init__(self, value: Value, form: int, access: int, size: int) -> None:
        self.value = value
        self.form = form
        self.access = access
        self.count = eviction.FIRST_COUNT  # how often it was used, of late; kept under an LFU policy
        self.size = size


class Database:
    """See `interfaces.Database`."""

    def __init__(self, index: int, clock: State) -> None:
        self.index = index
        self.expired = 0
        self.changes = 0
        self.watched: dict[bytes, list[Client]] = {}
        self.awaited: dict[bytes, dict[Wait, None]] = {}
        self.came: list[interfaces.Came] = []
        self.teller: Callable[[interfaces.Database, bytes, bytes], None] | None = None
        self.ending = fields.Ending()
        self.misses = False
        self.counts = self.found = self.missed = 0
        self.tracker: Callable[[bytes, bool], None] | None = None
        self.touching = True
        self._uses: tuple[int, int] | None = None
        self._sampled = 0
        self._clock = clock
        self._entries: dict[bytes, Entry] = {}
        self._deadlines: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []
        self._order = Index()
        self._memory = 0

    # ---------------------------------------------------------------------------------------------------- reading

    def _live(self, key: bytes) -> Entry | None:
        deadline = self._deadlines.get(key)
        if deadline is not None and deadline < self._clock.now:
            self._expire(key)
            return None
        return self._entries.get(key)

    def get(self, key: bytes, /) -> Value | None:
        value = self.look(key)
        if value is not None and self.ending.keys.get(key, fields.FOREVER) < self._clock.now:
            assert not isinstance(value, bytes)
            assert value.kind == b"hash"
            if not fields.met(self, key, value, self._clock.now):
                return None
        return value

    def look(self, key: bytes, /) -> Value | None:
        entry = self._live(key)
        if self.counts:
            self._count_look(entry is not None)
        if entry is None:
            if self.misses and self.teller is not None:
                self.teller(self, MISSED, key)
            return None
        if self.touching:
            self._used(entry)
        return entry.value

    def peek(self, key: bytes, /) -> Value | None:
        entry = self._live(key)
        return None if entry is None else entry.value

    def exists(self, key: bytes, /) -> bool:
        there = self._live(key) is not None
        if self.counts > 1:
            self._count_look(there)
        return there

    def _count_look(self, there: bool) -> None:
        self.found += there
        self.missed += not there

    def kind(self, key: bytes, /) -> bytes | None:
        entry = self._live(key)
        return None if entry is None else kind_of(entry.value)

    def form(self, key: bytes, /) -> int:
        entry = self._live(key)
        return FRESH if entry is None else entry.form

    def deadline(self, key: bytes, /) -> int:
        return NO_DEADLINE if self._live(key) is None else self._deadlines.get(key, NO_DEADLINE)

    def idle(self, key: bytes, /) -> int:
        entry = self._live(key)
        return 0 if entry is None else max(0, self._clock.now - entry.access) // 1000

    def set_idle(self, key: bytes, seconds: int, /) -> None:
        entry = self._live(key)
        if entry is not None and self._uses is None:
            entry.access = self._clock.now - 1000 * seconds

    def set_frequency(self, key: bytes, count: int, /) -> None:
        entry = self._live(key)
        if entry is not None and self._uses is not None:
            entry.count = count

    def count_uses(self, frequent: bool, log_factor: int, decay: int, /) -> None:
        self._uses = (log_factor, decay) if frequent else None

    def frequency(self, key: bytes, /) -> int:
        entry = self._live(key)
        return 0 if entry is None else self._count(entry)

    def sample(self, count: int, timed: bool, order: int, /) -> list[tuple[int, bytes]]:
        names: list[bytes] = []
        for _ in range(eviction.SAMPLE_STEPS if self._entries else 0):
            self._sampled, found = self._order.walk(self._sampled, count)
            names += [name for name in found if not timed or name in self._deadlines]
            if len(names) >= count:
                break
        return [(self._rank(name, order), name) for name in names]

    def _rank(self, key: bytes, order: int) -> int:
        entry = self._entries[key]
        if order == eviction.LEAST_RECENT:
            return self._clock.now - entry.access
        if order == eviction.LEAST_FREQUENT:
            return eviction.MOST_COUNT - self._count(entry)
        return -self._deadlines.get(key, 2**63) if order == eviction.ENDS_SOONEST else random.getrandbits(62)

    def _count(self, entry: Entry) -> int:
        """The counter as it has decayed until now."""
        decay = self._uses[1] if self._uses else 0
        return max(0, entry.count - (self._clock.now - entry.access) // 60_000 // decay) if decay else entry.count

    def _used(self, entry: Entry) -> None:
        if self._uses is not None:
            entry.count = eviction.counted(self._count(entry), self._uses[0])
        entry.access = self._clock.now

    def __len__(self) -> int:
        return len(self._entries)

    def expires_count(self) -> int:
        return len(self._deadlines)

    def size(self, key: bytes, /) -> int | None:
        entry = self._live(key)
        return None if entry is None else entry.size

    def memory(self) -> int:
        return self._memory

    def overhead(self) -> tuple[int, int, bool]:
        return 0, 0, False  # of what Python's own table takes nothing is counted

    def sizes(self) -> list[list[int]]:
        counts = {kind: [0] * 64 for kind in (b"string", b"list", b"set", b"zset", b"hash", b"stream")}
        for entry in self._entries.values():
            kind = b"string" if isinstance(entry.value, bytes) else entry.value.kind
            counts[kind][len(entry.value).bit_length()] += 1
        del counts[b"stream"]
        return list(counts.values())

    # ---------------------------------------------------------------------------------------------------- writing

    def put(self, key: bytes, value: Value, keep_ttl: bool = False, form: int = FRESH) -> None:
        entry = self._live(key)
        if not keep_ttl:
            self._deadlines.pop(key, None)
        form = settle(form, key, value, key in self._deadlines)
        is_new = entry is None
        if entry is None:
            entry = self._entries[key] = Entry(value, form, self._clock.now, 0)
            self._order.add(key)
            if key in self.awaited and not isinstance(value, bytes):
                self.came.append((self, key, True))
        else:
            self._note_loss(key)
            entry.value, entry.form = value, form
            self._used(entry)
        self._note_fields(key, value)
        self._weigh(key, entry)
        if is_new and self.teller is not None:
            self.teller(self, NEW, key)
        self._touch(key)

    def delete(self, key: bytes, /) -> bool:
        if self._live(key) is None:
            return False
        self._drop(key)
        self._touch(key)
        return True

    def set_deadline(self, key: bytes, at: int, /) -> None:
        entry = self._live(key)
        if entry is None:
            return
        if at == NO_DEADLINE:
            self._deadlines.pop(key, None)
        else:
            self._deadlines[key] = at
            entry.form = settle(entry.form, key, entry.value, True)
            heapq.heappush(self._heap, (at, key))
            if len(self._heap) > 2 * len(self._deadlines) + 64:
                self._heap = [(deadline, name) for name, deadline in self._deadlines.items()]
                heapq.heapify(self._heap)
        self._touch(key)

    def modified(self, key: bytes, /) -> None:
        entry = self._live(key)
        if entry is not None:
            self._used(entry)
            self._weigh(key, entry)
            self._note_fields(key, entry.value)
        self._touch(key)

    def _note_fields(self, key: bytes, value: Value) -> None:
        """Keep `ending`."""
        if not isinstance(value, bytes) and value.kind == b"hash" and value.timed:
            self.ending.note(key, value)
        elif self.ending.keys:
            self.ending.forget(key)

    def first_ending(self, now: int, /) -> bytes | None:
        return self.ending.first(now)

    def flush(self) -> int:
        count = len(self._entries)
        self.changes += count
        for key in [key for key in self.watched if key in self._entries]:
            for client in self.watched[key]:  # who still counts as watching
                client.touched = True
        for key in [key for key in self.awaited if key in self._entries]:
            self._note_loss(key)
        self._entries, self._deadlines, self._heap, self._order = {}, {}, [], Index()
        self._memory = 0
        self.ending.clear()
        return count

    def swap(self, other: interfaces.Database, /) -> None:
        assert isinstance(other, Database)
        for name in ("_entries", "_deadlines", "_heap", "_order", "_memory", "ending"):
            mine, its = getattr(self, name), getattr(other, name)
            setattr(self, name, its)
            setattr(other, name, mine)

    def _note_loss(self, key: bytes) -> None:
        """The value of a key goes, or another comes in its place: who waits for any change is to know."""
        if key in self.awaited:
            self.came.append((self, key, False))

    def _drop(self, key: bytes) -> None:
        self._note_loss(key)
        self._memory -= self._entries.pop(key).size
        self._deadlines.pop(key, None)
        self._order.remove(key)
        self.ending.forget(key)

    def _expire(self, key: bytes) -> None:
        self._drop(key)
        self.expired += 1
        if self.teller is not None:
            self.teller(self, EXPIRED, key)  # before anybody is told that it has changed
        self._touch(key, expired=True)

    def _touch(self, key: bytes, expired: bool = False) -> None:
        self.changes += not expired
        if self.watched:
            self._mark(key)
        if self.tracker is not None:
            self.tracker(key, expired)

    def _mark(self, key: bytes) -> None:
        if key in self.watched:
            changed(self.watched[key])

    def _weigh(self, key: bytes, entry: Entry) -> None:
        """Keep the total."""
        value = entry.value
        size = len(key) + OVERHEAD
        size += len(value) if isinstance(value, bytes) else value.memory()
        self._memory += size - entry.size
        entry.size = size

    # --------------------------------------------------------------------------------------------- the whole keyspace

    def scan(self, cursor: int, count: int, /) -> tuple[int, list[bytes]]:
        return self._order.walk(cursor, count)

    def random_key(self) -> bytes | None:
        while self._entries:
            key = self._order.choose()
            if self._live(key) is not None:
                return key
        return None

    def keys(self) -> list[bytes]:
        now = self._clock.now
        past = {key for key, deadline in self._deadlines.items() if deadline < now}
        return [key for key in self._entries if key not in past]

    def expire_cycle(self, budget_us: int, stale: int = 10, /) -> tuple[int, int]:
        now, timed = self._clock.now, len(self._deadlines)
        end = time.monotonic_ns() + budget_us * 1000
        gone = 0
        while self._heap and self._heap[0][0] < now:
            deadline, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                self._expire(key)
                gone += 1
            if time.monotonic_ns() > end:
                break
        return gone, timed

    def check(self) -> None:
        self._order.check()
        assert len(self._order) == len(self._entries)
        assert set(self._deadlines) <= set(self._entries)
        assert {(deadline, key) for key, deadline in self._deadlines.items()} <= set(self._heap)
        assert self._memory == sum(entry.size for entry in self._entries.values())
        ends = {key: getattr(entry.value, "ends", None) for key, entry in self._entries.items()}
        assert self.ending.keys == {key: at for key, at in ends.items() if at is not None}
        for entry in self._entries.values():
            assert entry.value or isinstance(entry.value, bytes), "an empty collection is never kept"
            assert entry.form in (FRESH, RAW) or isinstance(entry.value, bytes)
