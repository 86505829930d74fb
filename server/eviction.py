"""What goes when memory is full: `maxmemory-policy`.

Theory of operation. A database gives samples of its keys with ranks (`interfaces.Database.sample`). The best of what
was sampled stay in a pool from one eviction to the next, so that a key goes that is among the best of many samples, not
of five. Must live here: the policies, how much has to go. Must not: how a key remembers when it was used (the cores).
Source: https://redis.io/docs/latest/develop/reference/eviction/
"""

from __future__ import annotations

import random
from bisect import insort
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.notifications import EVICTED

if TYPE_CHECKING:
    from redlark.server.interfaces import Database
    from redlark.server.state import State

LEAST_RECENT, LEAST_FREQUENT, ENDS_SOONEST, ANY = range(4)
ORDERS: Final = {"lru": LEAST_RECENT, "lfu": LEAST_FREQUENT, "ttl": ENDS_SOONEST, "random": ANY}
POOL: Final = 16  # keys that are remembered
FIRST_COUNT, MOST_COUNT = 5, 255  # of a key that is new, and at most
SAMPLE_STEPS: Final = 4096


def counted(count: int, log_factor: int) -> int:
    """A key's counter after one more use: it grows by chance, the less likely the higher it is."""
    above = max(0, count - FIRST_COUNT)
    return count + (count < MOST_COUNT and random.random() * (above * log_factor + 1) < 1)


@attrs.define(slots=True, eq=False)
class Eviction:
    """Makes room in one server."""

    server: State
    evicted: int = 0  # keys, since the server started or CONFIG RESETSTAT
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
        for database in self.server.databases:
            database.count_uses(self.counts_uses, config.lfu_log_factor, config.lfu_decay_time)

    def has_room(self) -> bool:
        """Whether memory is below its limit, once what can go has gone."""
        server = self.server
        over = server.used_memory() - server.config.maxmemory
        while over > 0 and self._order is not None:
            found = self._choose()
            if found is None:
                break
            database, key = found
            before = database.memory()
            self._evict(database, key)
            over -= before - database.memory()
        return over <= 0

    def _evict(self, database: Database, key: bytes) -> None:
        if database.delete(key):  # else it has expired just now
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
