"""Eviction: what a key remembers of its use, what is sampled, and what goes when memory is full."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from redlark.server import Server, cores, eviction
from redlark.server.observing import Observer
from redlark.server.parameters import PARAMETERS
from redlark.server.pausing import Pause
from redlark.server.timers import Timers
from tests.waiting import soon

from .conftest import Connect, Start
from .test_configuring import redis

DAY = 86_400_000
NAMES = st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=40, unique=True)
POLICIES = PARAMETERS["maxmemory-policy"].words


def keyspace(core: str, *, frequent: bool = False, decay: int = 1) -> tuple[Any, SimpleNamespace]:
    """An empty database, and its clock."""
    clock = SimpleNamespace(now=20_000 * DAY)
    database = cores.choose(core).Database(0, clock)
    database.count_uses(frequent, 10, decay)
    return database, clock


def whole_sample(database: Any, order: int, *, timed: bool = False) -> dict[bytes, int]:
    """Each key's rank, once every key has been looked at."""
    found: dict[bytes, int] = {}
    for _ in range(200):
        found |= {key: rank for rank, key in database.sample(5, timed, order)}
    return found


@given(names=NAMES, data=st.data())
def test_who_was_used_last_ranks_lowest(core: str, names: list[bytes], data: st.DataObject) -> None:
    """Ranks are in the order of the last use, and every key is sampled in the end."""
    database, clock = keyspace(core)
    for name in names:
        database.put(name, b"v")
        clock.now += 10
    uses = data.draw(st.lists(st.sampled_from(names)))
    for name in uses:
        clock.now += 10
        assert database.get(name) == b"v"
    order = sorted(names, key=lambda name: (name in uses, len(uses) - uses[::-1].index(name) if name in uses else 0))
    unused = [name for name in names if name not in uses]
    ranks = whole_sample(database, eviction.LEAST_RECENT)
    assert ranks.keys() == set(names)
    expected = unused + [name for name in order if name in uses]
    assert [ranks[name] for name in expected] == sorted(ranks.values(), reverse=True)


@given(names=NAMES, data=st.data())
def test_only_what_has_a_deadline_is_sampled(core: str, names: list[bytes], data: st.DataObject) -> None:
    """A volatile policy sees the keys with a deadline, the nearest end first."""
    database, clock = keyspace(core)
    timed = data.draw(st.dictionaries(st.sampled_from(names), st.integers(1, 10**6)))
    for name in names:
        database.put(name, b"v")
        if name in timed:
            database.set_deadline(name, clock.now + timed[name])
    ranks = whole_sample(database, eviction.ENDS_SOONEST, timed=True)
    assert ranks.keys() == timed.keys()
    assert all(ranks[a] >= ranks[b] for a in timed for b in timed if timed[a] <= timed[b])


@given(uses=st.integers(0, 400), minutes=st.integers(0, 300), decay=st.integers(0, 3))
def test_a_counter_grows_and_decays(core: str, uses: int, minutes: int, decay: int) -> None:
    """A counter begins at 5, grows by one at most a use, falls by one for every so many minutes; 0 minutes: never."""
    database, clock = keyspace(core, frequent=True, decay=decay)
    database.put(b"k", b"v")
    assert database.frequency(b"k") == eviction.FIRST_COUNT
    for _ in range(uses):
        database.get(b"k")
    grown = database.frequency(b"k")
    assert eviction.FIRST_COUNT + min(uses, 1) <= grown <= eviction.FIRST_COUNT + uses
    clock.now += minutes * 60_000
    assert database.frequency(b"k") == max(0, grown - (minutes // decay if decay else 0))


def test_a_counter_is_logarithmic(core: str) -> None:
    """With a factor of 10, 100 uses give about 10 and 100,000 about 140 (Redis documents 10 and 142)."""
    counts = []
    database, _ = keyspace(core, frequent=True)  # one: its random numbers go on from key to key
    for uses, keys in ((100, 20), (100_000, 3)):
        found = []
        for number in range(keys):
            key = b"%d:%d" % (uses, number)
            database.put(key, b"v")
            for _ in range(uses):
                database.get(key)
            found.append(database.frequency(key))
        counts.append(sum(found) / len(found))
    assert 7 < counts[0] < 13
    assert 120 < counts[1] < 165


@pytest.mark.parametrize("order", ["lru", "lfu"])
def test_what_is_used_stays(core: str, order: str) -> None:
    """Of a thousand keys of which one in ten is used half must go: nearly all that are used stay."""
    database, clock = keyspace(core, frequent=order == "lfu")
    for number in range(1000):
        database.put(b"%d" % number, b"v")
    clock.now += 1000
    used = {b"%d" % number for number in range(0, 1000, 10)}
    for name in used:
        for _ in range(5):
            database.get(name)
    told: list[bytes] = []
    config = SimpleNamespace(
        maxmemory=500, maxmemory_policy=f"allkeys-{order}".encode(), maxmemory_samples=5, lfu_log_factor=10,
        lfu_decay_time=1, maxmemory_eviction_tenacity=eviction.RUTHLESS,
    )  # fmt: skip
    events = SimpleNamespace(tell=lambda database, event, key: told.append(key))
    propagated: list[tuple[int, list[bytes]]] = []
    propagation = SimpleNamespace(tell=lambda index, request: propagated.append((index, request)))
    server: Any = SimpleNamespace(
        config=config, databases=[Counting(database)], events=events, propagation=propagation,
        used_memory=lambda: len(database), pause=Pause(Timers()), busy=None, observer=Observer(),
    )  # fmt: skip
    evicting = eviction.Eviction(server)
    evicting.configure()
    assert evicting.has_room()
    assert len(database) == 500 == evicting.evicted == len(told)
    assert propagated == [(0, [b"DEL", key]) for key in told]
    assert len(used.intersection(told)) <= 10


class Counting:
    """A database in which a key takes one byte."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def memory(self) -> int:
        return len(self._database)

    def __len__(self) -> int:
        return len(self._database)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


@pytest.mark.parametrize("policy", POLICIES)
def test_memory_stays_below_its_limit(start: Start, wire: Connect, policy: str) -> None:
    """Under every policy: below the limit while something may go, OOM once nothing may, and reading goes on."""
    server = start("--notify-keyspace-events", "Ee")
    client, listener = wire(server.port), wire(server.port)
    for number in range(200):
        client("SET", f"lasting:{number}", "x" * 100)
    listener("SUBSCRIBE", "__keyevent@0__:evicted")
    used = memory(client, "used_memory")
    limit = used + 30_000
    assert client("CONFIG", "SET", "maxmemory", limit, "maxmemory-policy", policy) == b"+OK\r\n"
    refused = 0
    for number in range(600):
        reply = client("SET", f"{number}", "y" * 100, *(("EX", 1000 + number) if number % 2 else ()))
        refused += reply.startswith(b"-OOM")
        assert reply == b"+OK\r\n" or reply == b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    evicted = memory(client, "evicted_keys", "stats")
    lasting = [client("EXISTS", f"lasting:{number}") for number in range(200)]
    if policy == "noeviction":
        assert (refused > 0, evicted) == (True, 0)
    else:
        assert evicted > 0
    if policy.startswith("allkeys"):
        assert refused == 0
    if policy.startswith("volatile") or policy == "noeviction":
        assert all(reply == b":1\r\n" for reply in lasting)
    buffers = memory(client, "mem_clients_normal")
    # a table that has doubled is over until the next write
    assert memory(client, "used_memory") <= limit + 4096 + buffers
    for _ in range(evicted):  # each was told, of a key that we had set
        name = client_key(listener.frame())
        assert name.isdigit() or name.startswith(b"lasting:")


def memory(client: Any, name: str, section: str = "memory") -> int:
    """A figure of INFO."""
    text = client("INFO", section)
    return int(next(line.split(b":")[1] for line in text.split(b"\r\n") if line.startswith(name.encode() + b":")))


def client_key(frame: bytes) -> bytes:
    """The key that a message of an evicted key tells."""
    return frame.split(b"\r\n")[-2]


def test_the_counter_is_told_under_lfu_alone(start: Start, wire: Connect) -> None:
    """OBJECT FREQ under an LFU policy, OBJECT IDLETIME under the others."""
    client = wire(start().port)
    client("SET", "k", "v")
    assert client("OBJECT", "IDLETIME", "k") == b":0\r\n"
    assert client("OBJECT", "FREQ", "k").startswith(b"-ERR An LFU maxmemory policy is not selected")
    client("CONFIG", "SET", "maxmemory-policy", "volatile-lfu")
    client("SET", "new", "v")
    assert client("OBJECT", "FREQ", "new") == b":5\r\n"
    client("GET", "new")
    assert client("OBJECT", "FREQ", "new") == b":6\r\n"
    assert client("OBJECT", "IDLETIME", "k").startswith(b"-ERR An LFU maxmemory policy is selected")
    assert client("OBJECT", "FREQ", "none") == b"$-1\r\n"
    payload = client("DUMP", "k").split(b"\r\n", 1)[1][:-2]
    assert client("RESTORE", "k", 0, payload, "REPLACE", "FREQ", 77) == b"+OK\r\n"
    assert client("OBJECT", "FREQ", "k") == b":77\r\n"
    assert client("RESTORE", "k", 0, payload, "REPLACE", "IDLETIME", 99) == b"+OK\r\n"
    assert client("OBJECT", "FREQ", "k") == b":5\r\n"
    client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert client("RESTORE", "k", 0, payload, "REPLACE", "IDLETIME", 99) == b"+OK\r\n"
    assert client("OBJECT", "IDLETIME", "k") in (b":99\r\n", b":100\r\n")


MANY = 20_000


def crowded(start: Start, wire: Connect, tenacity: int) -> Any:
    """A client of a server in which far more is held than from now on it may."""
    client = wire(start("--enable-debug-command", "yes").port)
    client("DEBUG", "POPULATE", MANY, "k", 100)
    told = client("CONFIG", "SET", "maxmemory-eviction-tenacity", tenacity, "maxmemory-policy", "allkeys-random")
    assert told == b"+OK\r\n"
    return client


def left(client: Any) -> int:
    """How many keys there are."""
    return int(client("DBSIZE")[1:])


@pytest.mark.parametrize("tenacity", [0, 10, 100])
def test_no_request_evicts_for_long(start: Start, wire: Connect, tenacity: int) -> None:
    """A lower limit does not keep one request until all is gone: the rest goes by itself, unless it is told not to."""
    client = crowded(start, wire, tenacity)
    limit = memory(client, "used_memory") // 4
    client("MULTI")  # in which nothing goes by itself between the three
    for request in (("CONFIG", "SET", "maxmemory", limit), ("GET", "none"), ("DBSIZE",)):
        client(*request)
    kept = int(client("EXEC").split(b":")[-1])
    client("SET", "new", "v")
    at_once = kept - left(client) > MANY // 3  # 15,000 or so have to go
    assert at_once == (tenacity == 100)
    until = time.monotonic() + 20
    while memory(client, "used_memory") > limit + memory(client, "mem_clients_normal"):
        assert time.monotonic() < until
    told = client("INFO", "stats")
    total, now = (int(figure) for figure in re.findall(rb"eviction_exceeded_time:(\d+)", told))
    assert total >= now
    assert total > 0 or tenacity == 100
    while memory(client, "current_eviction_exceeded_time", "stats"):
        assert time.monotonic() < until
    client("CONFIG", "RESETSTAT")
    assert memory(client, "total_eviction_exceeded_time", "stats") == 0


def test_nothing_goes_while_nothing_may_change(start: Start, wire: Connect) -> None:
    """During CLIENT PAUSE nothing is evicted, and memory that is short is no error."""
    client = crowded(start, wire, 100)
    client("CLIENT", "PAUSE", 60_000, "WRITE")
    client("CONFIG", "SET", "maxmemory", memory(client, "used_memory") // 4)
    for _ in range(3):
        client("GET", "none")
        time.sleep(0.11)  # cron has its turn
    assert left(client) == MANY
    client("CLIENT", "UNPAUSE")
    client("SET", "new", "v")
    assert left(client) < MANY // 2
    client("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1)
    soon(lambda: memory(client, "current_eviction_exceeded_time", "stats") > 0)
    assert client("SET", "new", "v").startswith(b"-OOM")
    client("CONFIG", "SET", "maxmemory", 0)
    assert memory(client, "current_eviction_exceeded_time", "stats") == 0


def test_evictions_that_take_long_are_told(start: Start, wire: Connect) -> None:
    """LATENCY knows for how long an eviction has kept everybody."""
    client = crowded(start, wire, 100)
    client("CONFIG", "SET", "latency-monitor-threshold", 1, "maxmemory", memory(client, "used_memory") // 4)
    client("SET", "new", "v")
    assert b"eviction-cycle" in client("LATENCY", "LATEST")


def test_a_deletion_that_takes_long_is_told_by_redis_name(wire: Connect) -> None:
    """LATENCY calls it evict-del, as 8.2.3 does (its document says eviction-del)."""
    some = "local t = {} for j = 1, 500 do t[j] = 'm' .. i * 500 + j end"
    fill = f"for i = 1, 400 do {some} redis.call('SADD', 's', unpack(t)) end"
    with Server(core="plain") as running, redis("") as (real, _):  # whose objects go at once
        for client in (wire(running.port), real):
            client("CONFIG", "SET", "lazyfree-lazy-eviction", "no", "maxmemory-policy", "allkeys-random")
            client("EVAL", fill, 0)
            client("CONFIG", "SET", "latency-monitor-threshold", 1, "maxmemory", 1)
            client("SET", "new", "v")
            soon(lambda client=client: client("EXISTS", "s") == b":0\r\n")
            kinds = set(re.findall(rb"ev[a-z-]+", client("LATENCY", "LATEST")))
            assert kinds == {b"evict-del", b"eviction-cycle"}
