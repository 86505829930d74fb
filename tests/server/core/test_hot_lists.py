"""Hot commands on lists against the Python commands that they shorten: the two cores give equal replies."""

from __future__ import annotations

import random
import socket
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both, replies, resp

__all__ = ["both"]  # the fixture

KEYS = [b"l", b"m", b"m", b"n", b"s"]
ELEMENTS = [b"a", b"b", b"", b"7", b"-300", b"123456789", b"9" * 18, b"x" * 70, b"y" * 1500, b"z" * 9000]
PLACES = [b"0", b"1", b"2", b"-1", b"-2", b"5", b"100", b"-100", b"9223372036854775807", b"-9223372036854775808", b"x"]
COUNTS = [b"0", b"1", b"2", b"3", b"50", b"-1", b"9223372036854775807", b"x"]
ENDS = [b"LEFT", b"RIGHT", b"left", b"right", b"Left", b"lef"]
SCRIPT = b"return {redis.call('LPUSH', KEYS[1], '1', 'v'), redis.call('LRANGE', KEYS[1], 0, 3)}"
SIZES = [b"-2", b"-1", b"1", b"2", b"3", b"20", b"128"]


def words_of(rng: random.Random, name: bytes) -> list[bytes]:
    """What stands behind the name and the key, mostly as it should be."""
    some = rng.choice
    elements = [some(ELEMENTS) for _ in range(some((1, 1, 1, 2, 3, 40)))]
    return {
        b"LPUSH": elements,
        b"RPUSH": elements,
        b"LPUSHX": elements,
        b"RPUSHX": elements,
        b"LPOP": [some(COUNTS)] if rng.random() < 0.4 else [],
        b"RPOP": [some(COUNTS)] if rng.random() < 0.4 else [],
        b"LLEN": [],
        b"LINDEX": [some(PLACES)],
        b"LRANGE": [some(PLACES), some(PLACES)],
        b"LMOVE": [some(KEYS), some(ENDS), some(ENDS)],
        b"RPOPLPUSH": [some(KEYS)],
        b"LSET": [some(PLACES), some(ELEMENTS)],
        b"LINSERT": [some([b"BEFORE", b"after", b"AFTER", b"x"]), some(ELEMENTS), some(ELEMENTS)],
        b"LREM": [some(COUNTS), some(ELEMENTS)],
        b"LTRIM": [some(PLACES), some(PLACES)],
        b"LPOS": [some(ELEMENTS)],
    }[name]


HOT = (
    b"LPUSH LPUSH LPUSH RPUSH RPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LINDEX LRANGE LMOVE LMOVE RPOPLPUSH "
    b"LSET LINSERT LREM LTRIM LPOS"
).split()


def around(rng: random.Random) -> list[bytes]:
    """What only Python answers, and what puts others than lists there."""
    some, key = rng.choice, rng.choice(KEYS)
    return some(
        [
            [b"DEL", key],
            [b"SET", b"s", some(ELEMENTS)],
            [b"SET", key, b"12"],
            [b"INCR", key],
            [b"GET", key],
            [b"SADD", b"n", b"member"],
            [b"OBJECT", b"ENCODING", key],
            [b"CONFIG", b"SET", b"list-max-listpack-size", some(SIZES)],
            [b"LPOS", key, some(ELEMENTS), b"COUNT", b"0"],
            [b"SORT", key, b"ALPHA", b"STORE", some(KEYS)],
            [b"RENAME", key, some(KEYS)],
            [b"COPY", key, some(KEYS), b"REPLACE"],
            [b"DUMP", key],
            [b"RESTORE", some(KEYS), b"0", b"no payload"],
            [b"BLPOP", key, some(KEYS), b"0.001"],
            [b"EXPIRE", key, b"1000"],
            [b"PERSIST", key],
            [b"TYPE", key],
            [b"WATCH", key],
            [b"MULTI"],
            [b"EXEC"],
            [
                b"EVAL",
                b"return {redis.call('LPUSH', KEYS[1], '1', 'v'), redis.call('LRANGE', KEYS[1], 0, 3)}",
                b"1",
                key,
            ],
        ]
    )


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    """A history on few keys."""
    history = []
    for _ in range(count):
        name = rng.choice(HOT)
        hot = [name.lower() if rng.random() < 0.3 else name, rng.choice(KEYS), *words_of(rng, name)]
        history.append(hot if rng.random() < 0.7 else around(rng))
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), resp3=st.booleans())
def test_lists_of_the_two_cores_agree(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of hot commands on lists and others around them gets the same bytes from both; every entry is sound."""
    history = [[b"CONFIG", b"SET", b"list-max-listpack-size", b"-2"], *draw(random.Random(seed), count)]
    agree(both, history, resp3)


def test_a_short_list_takes_its_elements(both: tuple[Server, Server]) -> None:
    """A list of ten is one listpack and no object besides, also once Python has looked at it or changed it."""
    compiled, _ = both
    replies(compiled, [], False)
    running: Any = compiled._running
    database = running.state.databases[0]
    empty = database.memory()
    history = [[b"RPUSH", b"k:%d" % number, *(b"%d" % number * 3 for _ in range(10))] for number in range(1000)]
    replies(compiled, history, False)
    full = database.memory() - empty
    assert full < 1000 * (10 * 8 + 70)
    look = [[b"LPOS", b"k:%d" % number, b"x", b"COUNT", b"0"] for number in range(1000)]
    change = [[b"SORT", b"k:%d" % number, b"STORE", b"k:%d" % number] for number in range(1000)]
    assert resp(b"end")[4:] in replies_on(compiled, look + change + [[b"COPY", b"k:5", b"k:6", b"REPLACE"]])
    database.check()
    assert database.memory() - empty == full


def replies_on(server: Server, history: list[list[bytes]]) -> bytes:
    """What a history gets, on what is there."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"".join(resp(*request) for request in history) + resp(b"ECHO", b"end"))
        got = b""
        while not got.endswith(b"$3\r\nend\r\n"):
            got += connection.recv(65536)
        return got
