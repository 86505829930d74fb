"""RESTORE in the core against the Python command that it shortens: the two cores give equal replies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server, cores
from redlark.server.config import Config
from redlark.server.rdb import dump
from redlark.spec import rdb
from tests.server.core.test_hot import agree, both

__all__ = ["both"]  # the fixture

KEYS = (b"a", b"b", b"c")
TTLS = (b"0", b"0", b"0", b"0", b"00", b"-1", b"100000", b"x", b"9223372036854775807")
OPTIONS: Sequence[list[bytes]] = (
    [], [b"REPLACE"], [b"replace"], [b"REPLACE"], [b"ABSTTL"], [b"REPLACE", b"ABSTTL"], [b"REPLACED"],
    [b"IDLETIME", b"9"], [b"FREQ", b"3"], [b"REPLACE", b"REPLACE"],
)  # fmt: skip
AROUND = (
    [b"DEL", b"a"], [b"SET", b"b", b"12"], [b"PEXPIRE", b"b", b"100000"], [b"SET", b"b", b"v", b"PXAT", b"1"],
    [b"MULTI"], [b"EXEC"], [b"WATCH", b"a"], [b"XREADGROUP", b"GROUP", b"g", b"c", b"STREAMS", b"a", b">"],
    [b"FLUSHALL"],
    [b"CONFIG", b"SET", b"hash-max-listpack-entries", b"2"], [b"CONFIG", b"SET", b"hash-max-listpack-entries", b"128"],
    [b"CONFIG", b"SET", b"notify-keyspace-events", b"KEA"], [b"CONFIG", b"SET", b"notify-keyspace-events", b""],
)  # fmt: skip
ASKED = ([b"TYPE"], [b"OBJECT", b"ENCODING"], [b"EXISTS"], [b"TTL"], [b"DEBUG", b"DIGEST-VALUE"], [b"COPY"])


def payloads() -> list[bytes]:
    """Of every type, of few elements and of many, and texts that are none."""
    types, config = cores.choose("plain"), Config()
    found = [b"", b"12", b"text " * 20]
    for count in (1, 3, 200):
        texts = [b"%d" % number if number % 3 else b"word %d" % number for number in range(count)]
        numbers = [b"%d" % number for number in range(count)]
        filled = SimpleNamespace(set=types.Set(config), numbers=types.Set(config), hash=types.Hash(config))
        filled.set.add(texts)
        filled.numbers.add(numbers)
        filled.hash.set(texts, numbers)
        timed, zset, stream = filled.hash.copy(), types.SortedSet(config), types.Stream(config)
        timed.be_timed()
        timed.set_deadline(texts[0], 2**42)
        items = types.List(config)
        items.push(texts, False)
        for number, text in enumerate(texts):
            zset.put(text, number / 2)
            stream.append(number + 1 << 64, (b"f", text))
        stream.groups[b"g"] = types.Group(2 << 64, None)
        found += [dump(value, types) for value in (filled.set, filled.numbers, filled.hash, timed, zset, items, stream)]
    return [rdb.sealed(b"\0" + rdb.encoding.string(one), 11) if at < 3 else one for at, one in enumerate(found)]


PAYLOADS = payloads()


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    history = [
        [b"CONFIG", b"SET", b"hash-max-listpack-entries", b"128", b"notify-keyspace-events", b""],
    ]
    for _ in range(count):
        kind, key = rng.random(), rng.choice(KEYS)
        if kind < 0.5:
            payload = bytearray(rng.choice(PAYLOADS))
            if rng.random() < 0.2:
                payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
                if rng.random() < 0.7:
                    payload = bytearray(rdb.sealed(bytes(payload[:-10]), rng.choice((9, 12, 13))))
            words = [key, rng.choice(TTLS), bytes(payload), *rng.choice(OPTIONS)]
            history.append([rng.choice((b"RESTORE", b"restore")), *words[: rng.choice((5, 5, 5, 3)) + 1]])
        elif kind < 0.7:
            history.append(rng.choice(AROUND))
        else:
            asked = rng.choice(ASKED)
            history.append([*asked, key, *([rng.choice(KEYS)] if asked == [b"COPY"] else [])])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 100), resp3=st.booleans())
def test_the_two_cores_agree_on_restore(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """Good payloads and broken ones, over what is there or not: the same bytes, and the same values then."""
    agree(both, draw(random.Random(seed), count), resp3)
