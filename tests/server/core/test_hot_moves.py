"""RENAME, MOVE and MEMORY USAGE, ZRANGE with its options and XINFO in the compiled core: what Python's commands say."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both, replies
from tests.server.core.test_hot_members import databases

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

KEYS: Final = [b"a", b"bb", b"other:key", b"k" * 300]
MADE: Final = [
    [b"SET", b"12"],
    [b"SET", b"text", b"PXAT", b"4000000000000"],
    [b"SET", b"x" * 50],
    [b"SET", b"y" * 70_000],
    [b"RPUSH", b"a", b"b"],
    [b"RPUSH", *[b"e" * 100] * 200],
    [b"SADD", b"1"],
    [b"SADD", b"one"],
    [b"ZADD", b"1", b"m", b"-0.5", b"700", b"1e300", b"z"],
    [b"HSET", b"f", b"v"],
    [b"HSETEX", b"PXAT", b"4000000000000", b"FIELDS", b"1", b"f", b"v"],
    [b"HSETEX", b"PXAT", b"4000000000000", b"FIELDS", b"1", b"f" * 70, b"v"],
    [b"XADD", b"1-1", b"f", b"v"],
]
BOUNDS: Final = [b"-inf", b"+inf", b"0", b"1", b"(1", b"2.5", b"(7", b"-3", b"x", b"", b"9" * 20]
PLACES: Final = [b"0", b"1", b"-1", b"-5", b"3", b"100", b"-100", b"x"]


def move(rng: random.Random, count: int) -> Iterator[list[bytes]]:
    """Values that are made, then moved, under WATCH, too."""
    for _ in range(count):
        key, other = rng.choice(KEYS), rng.choice(KEYS)
        made = rng.choice(MADE)
        yield rng.choice(
            [
                [made[0], key, *made[1:]],
                [made[0], key, *made[1:]],
                [b"DEL", key],
                [b"EXPIREAT", key, rng.choice([b"4000000000", b"1"])],
                [rng.choice([b"RENAME", b"RENAMENX", b"rename"]), key, other],
                [rng.choice([b"RENAME", b"RENAMENX"]), key, other],
                [b"MOVE", key, rng.choice([b"0", b"1", b"2", b"2", b"99", b"-1", b"x"])],
                [b"SELECT", rng.choice([b"0", b"2"])],
                [b"COPY", key, other],
                [b"WATCH", key, other],
                [b"MULTI"],
                [b"EXEC"],
                [b"HEXPIREAT", key, b"4100000000", b"FIELDS", b"1", b"f"],
                [b"RENAME", key],
            ]
        )
        for word in (b"TYPE", b"PEXPIRETIME", b"DUMP"):
            yield [word, other]
        yield [b"OBJECT", b"ENCODING", other]
        yield [b"DBSIZE"]


def pick(rng: random.Random, count: int) -> Iterator[list[bytes]]:
    """Ranges of sorted sets of all forms, told and stored, over their own source, too."""
    for number in range(12):
        for key, member in (
            (b"a", b"m%d" % number),
            (b"bb", b"%d" % (number * 997)),
            (b"k", b"l" * 70 + b"%d" % number),
        ):
            yield [b"ZADD", key, rng.choice([b"1", b"-0.0", b"2.5", b"7", b"1e20"]), member]
    yield [b"SET", b"text", b"x"]
    for _ in range(count):
        key, into = (rng.choice([b"a", b"bb", b"k", b"none", b"text", b"into"]) for _ in range(2))
        words = [rng.choice(PLACES), rng.choice(PLACES)]
        if rng.random() < 0.5:
            words = [rng.choice(BOUNDS), rng.choice(BOUNDS), b"BYSCORE"]
        for option in (
            [b"REV"],
            [b"LIMIT", rng.choice(PLACES), rng.choice(PLACES)],
            [b"WITHSCORES"],
            [b"rev"],
            [b"LIMIT"],
        ):
            if rng.random() < 0.25:
                words += option
        if rng.random() < 0.5:
            yield [b"ZRANGE", key, *words]
        else:
            yield [b"ZRANGESTORE", into, key, *words]
            yield [b"ZRANGE", into, b"0", b"-1", b"WITHSCORES"]
            yield [b"OBJECT", b"ENCODING", into]


@pytest.mark.parametrize("draw", [move, pick])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 80), resp3=st.booleans())
def test_the_two_cores_agree(both: tuple[Server, Server], draw: object, seed: int, count: int, resp3: bool) -> None:
    """Whatever is moved or picked out, both cores give the same bytes."""
    assert callable(draw)
    agree(both, list(draw(random.Random(seed), count)), resp3)


@pytest.mark.parametrize("made", MADE, ids=lambda made: b" ".join(made[:2])[:20].decode())
def test_a_value_takes_what_it_took(both: tuple[Server, Server], made: list[bytes]) -> None:
    """MEMORY USAGE is the database's own figure; after RENAME and MOVE there and back all takes as much as before."""
    history = [[made[0], b"a", *made[1:]], [b"MEMORY", b"USAGE", b"a"], [b"MEMORY", b"USAGE", b"none"]]
    told = replies(both[0], history, False).split(b"\r\n")
    database = databases(both[0])[0]
    before = database.memory()
    place = 2 if made[0] == b"XADD" else 1
    assert told[place : place + 2] == [b":%d" % database.size(b"a"), b"$-1"]
    moved = [
        [b"RENAME", b"a", b"new:name"],
        [b"MOVE", b"new:name", b"1"],
        [b"SELECT", b"1"],
        [b"RENAME", b"new:name", b"a"],
    ]
    replies(both[0], [*history, *moved, [b"MOVE", b"a", b"0"], [b"MEMORY", b"USAGE", b"a", b"SAMPLES", b"5"]], False)
    assert database.memory() == before
    assert databases(both[0])[1].memory() <= databases(both[0])[2].memory()


def test_who_waits_is_served_by_a_rename(both: tuple[Server, Server]) -> None:
    """A list that gets the name, or comes to the database, for which somebody waits is popped from."""
    for server in both:
        for come in ([b"RENAME", b"ready", b"wanted"], [b"MOVE", b"wanted", b"1"]):
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as waiting:
                waiting.sendall(b"SELECT 1\r\nBLPOP wanted 0\r\n" if come[0] == b"MOVE" else b"BLPOP wanted 0\r\n")
                assert waiting.recv(5) == b"+OK\r\n" if come[0] == b"MOVE" else True
                made = b"wanted" if come[0] == b"MOVE" else b"ready"
                while b"blocked_clients:1" not in replies_kept(server, [[b"INFO", b"clients"]]):
                    pass
                replies_kept(server, [[b"RPUSH", made, b"element"], come])
                assert waiting.recv(100) == b"*2\r\n$6\r\nwanted\r\n$7\r\nelement\r\n"


def replies_kept(server: Server, history: list[list[bytes]]) -> bytes:
    """What requests get, one by one, with nothing before them."""
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for request in history:
            connection.sendall(
                b"*%d\r\n" % len(request) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in request)
            )
            got += connection.recv(1 << 16)
    return got
