"""What goes when memory is full: `maxmemory-policy`.

Theory of operation. A database gives samples of its keys with ranks (`interfaces.Database.sample`). The best of what
was sampled stay in a pool from one eviction to the next, so that a key goes that is among the best of many samples, not
of five. No request evicts for longer than `maxmemory-eviction-tenacity` allows: the rest goes later, between requests,
and meanwhile whatever takes memory may run. Must live here: the policies, how much has to go, and how long that may
take. Must not: how a key remembers when it was used (the cores).
Source: https://redis.io/docs/latest/develop/reference/eviction/
"""

from __future__ import annotations

import random
import time
from bisect import insort
from itertools import count
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.notifications import EVICTED
from redlark.server.timers import Timer

if TYPE_CHECKING:
    from redlark.server.interfaces import Database
    from redlark.server.state import State

LEAST_RECENT, LEAST_FREQUENT, ENDS_SOONEST, ANY = range(4)
ORDERS: Final = {"lru": LEAST_RECENT, "lfu": LEAST_FREQUENT, "ttl": ENDS_SOONEST, "random": ANY}
POOL: Final = 16  # keys that are remembered
FIRST_COUNT, MOST_COUNT = 5, 255  # of a key that is new, and at most
SAMPLE_STEPS: Final = 4096
GENTLE_NS: Final = (
    50_000  # a request may evict for so long times the tenacity, up to 10; from there on 15 % more a step
)
STEADY, RUTHLESS = 10, 100
BETWEEN_LOOKS: Final = 16  # keys that go between two looks at the clock


def patience(tenacity: int) -> int | None:
    """For how many ns a request may evict; None: as long as it takes.

    >>> patience(0), patience(10), patience(11), patience(100)
    (0, 500000, 575000, None)
    """
    if tenacity >= RUTHLESS:
        return None
    return int(GENTLE_NS * min(tenacity, STEADY) * 1.15 ** max(0, tenacity - STEADY))


def counted(count: int, log_factor: int) -> int:
    """A key's counter after one more use: it grows by chance, the less likely the higher it is."""
    above = max(0, count - FIRST_COUNT)
    return count + (count < MOST_COUNT and random.random() * (above * log_factor + 1) < 1)


@attrs.define(slots=True, eq=False)
class Eviction:
    """Makes room in one server."""

    server: State
    evicted: int = 0  # keys, since the server started or CONFIG RESETSTAT
    _over_ns: int = 0  # for how long memory was above its limit, up to when it was last below it
    _over_since: int | None = None  # on the steady clock, ns
    _later: Timer | None = None  # what has to go still
    _timed: bool = False
    _order: int | None = None  # None: nothing goes
    _pool: list[tuple[int, int, int, bytes]] = attrs.Factory(list)  # rank, chance, database, key; the best last

    @property
    def counts_uses(self) -> bool:
        """Whether keys keep how often they are used, not when."""
        return self._order == LEAST_FREQUENT

    def configure(self) -> None:
        """`maxmemory-policy` or what belongs to it has changed."""
        config = self.server.config
        kind, _, order = config.maxmemory_policy.decode().partition("-")
        self._timed, self._order = kind == "volatile", ORDERS.get(order)
        self._pool.clear()
        if not config.maxmemory:
            self._fits()
        for database in self.server.databases:
            database.count_uses(self.counts_uses, config.lfu_log_factor, config.lfu_decay_time)

    def has_room(self) -> bool:
        """Whether memory is below its limit, or comes to be: what can go goes, for as long as a request may take.

        While nothing may change, during CLIENT PAUSE or in a script that takes long, nothing goes, nor is it missed.
        """
        server = self.server
        over = server.used_memory() - server.config.maxmemory
        if over <= 0:
            self._fits()
            return True
        if server.pause.is_on or server.busy is not None:
            return True
        began = time.perf_counter_ns()
        fits = self._make_room(over, began, patience(server.config.maxmemory_eviction_tenacity))
        server.observer.delayed(b"eviction-cycle", time.perf_counter_ns() - began)
        if fits and self._later is None:
            self._fits()
        elif self._over_since is None:
            self._over_since = began
        return fits

    def _make_room(self, over: int, began: int, most: int | None) -> bool:
        """Evict until nothing is over, or later again once the time is."""
        for number in count(1):
            found = None if self._order is None else self._choose()
            if found is None:
                return False
            database, key = found
            before = database.memory()
            self._evict(database, key)
            over -= before - database.memory()
            if over <= 0:
                return True
            if most is not None and number % BETWEEN_LOOKS == 0 and time.perf_counter_ns() - began >= most:
                if self._later is None:
                    self._later = self.server.timers.at(self.server.now + 1, self._go_on)
                return True
        raise AssertionError  # `count` has no end

    def _go_on(self) -> None:
        self._later = None
        if self.server.memory_limited:
            self.has_room()

    def _fits(self) -> None:
        if self._over_since is not None:
            self._over_ns += time.perf_counter_ns() - self._over_since
            self._over_since = None

    def exceeded(self) -> tuple[int, int]:
        """For how many ms memory was above its limit: in all, and this time (0: it is not)."""
        now_ns = 0 if self._over_since is None else time.perf_counter_ns() - self._over_since
        return (self._over_ns + now_ns) // 1_000_000, now_ns // 1_000_000

    def forget(self) -> None:
        """CONFIG RESETSTAT."""
        self.evicted = self._over_ns = 0
        self._over_since = None

    def _evict(self, database: Database, key: bytes) -> None:
        began = time.perf_counter_ns()
        deleted = database.delete(key)
        self.server.observer.delayed(b"evict-del", time.perf_counter_ns() - began)
        if deleted:  # else it has expired just now
            self.evicted += 1
            self.server.propagation.tell(database.index, [b"DEL", key])
            self.server.events.tell(database, EVICTED, key)

    def _choose(self) -> tuple[Database, bytes] | None:
        """The best of what was sampled so far and what is sampled now; None where there is nothing left to go."""
        databases = self.server.databases
        for database in databases:
            if len(database):
                found = database.sample(self.server.config.maxmemory_samples, self._timed, self._order or 0)
                for rank, key in found:
                    if len(self._pool) < POOL or rank > self._pool[0][0]:
                        insort(self._pool, (rank, random.getrandbits(32), database.index, key))
                del self._pool[: len(self._pool) - POOL]
        while self._pool:
            *_, index, key = self._pool.pop()
            if databases[index].exists(key) and (not self._timed or databases[index].deadline(key) >= 0):
                self._forget(index, key)
                return databases[index], key
        return None

    def _forget(self, index: int, key: bytes) -> None:
        """A key that was sampled twice stands in the pool twice."""
        self._pool = [one for one in self._pool if one[2:] != (index, key)]
