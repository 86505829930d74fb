"""Hot commands on sets and hashes against the Python commands that they shorten: two cores, equal replies."""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import END, both, replies, resp

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

KEYS: Final = [b"s", b"h", b"t", b"string"]
TEXTS: Final = [
    *(b"1", b"2", b"-3", b"40000", b"5000000000", b"9223372036854775807", b"-9223372036854775808", b"-0", b"1.5", b""),
    *(b"a", b"b", b"c", b"x" * 64, b"y" * 65, b"z" * 300, b"9223372036854775808"),
]
SETS: Final = b"SADD SREM SISMEMBER SMISMEMBER SCARD SMEMBERS".split()
HASHES: Final = (
    b"HSET HMSET HSETNX HINCRBY HINCRBYFLOAT HDEL HGET HMGET HEXISTS HSTRLEN HLEN HKEYS HVALS HGETALL".split()
)
LONELY: Final = b"SPOP SRANDMEMBER".split()  # of a set that has one member or none
FIELDS: Final = b"HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPEXPIRETIME HEXPIRETIME".split()
TIMED: Final = b"HPERSIST HGETEX HGETEX HSETEX HSETEX HGETDEL".split()
AROUND: Final = b"MULTI EXEC WATCH DEL TYPE OBJECT CONFIG COPY RENAME EXPIRE SUNIONSTORE SET HRANDFIELD".split()
MOMENTS: Final = [
    *([b"EX", b"%d" % 10**9], [b"PX", b"%d" % 10**12], [b"EXAT", b"4000000000"], [b"PXAT", b"4000000000000"]),
    *([b"pxat", b"4001000000000"], [b"PXAT", b"1"], [b"PXAT", b"0"], [b"EX", b"-1"], [b"EX", b"x"], [b"EX"]),
    *([b"PXAT", b"70368744177663"], [b"PXAT", b"70368744177664"], [b"EXAT", b"70368744178"]),
    *([b"KEEPTTL"], [b"PERSIST"]),
]
LIMITS: Final = [
    *(b"set-max-intset-entries", b"set-max-listpack-entries", b"set-max-listpack-value"),
    *(b"hash-max-listpack-entries", b"hash-max-listpack-value"),
]


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    """Requests with few keys and edge values, and now and then a wrong number of arguments."""
    history = []
    for _ in range(count):
        name = rng.choice(rng.choice([SETS, SETS, HASHES, HASHES, HASHES, FIELDS, TIMED, LONELY, AROUND]))
        key = b"s" if name in SETS else b"h"
        key = key if rng.random() < 0.8 else rng.choice(KEYS)
        texts = [rng.choice(TEXTS) for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 3, 4, 12]))]
        if name in (b"SMEMBERS", b"SCARD", b"HLEN", b"HGETALL", b"HKEYS", b"HVALS", b"DEL", b"TYPE", b"WATCH"):
            texts = texts[:1] if rng.random() < 0.05 else []
        words = [key, *texts]
        if name in (b"MULTI", b"EXEC"):
            words = []
        elif name in LONELY:
            words = [b"one", b"x"] if rng.random() < 0.05 else [b"one"]
            history.append([b"SADD", b"one", b"only"] if rng.random() < 0.95 else [b"SET", b"one", b"text"])
        elif name == b"OBJECT":
            words = [b"ENCODING", key]
        elif name == b"CONFIG":
            words = [b"SET", rng.choice(LIMITS), rng.choice([b"0", b"1", b"3", b"128"])]
        elif name in (b"COPY", b"RENAME"):
            words = [rng.choice(KEYS), rng.choice(KEYS)]
        elif name in FIELDS:
            fields = [rng.choice(TEXTS) for _ in range(rng.choice([1, 1, 2, 5]))]
            count = b"%d" % (len(fields) + (rng.random() < 0.05))
            at = [b"4000000000"] if name == b"HEXPIREAT" else [b"400%d00000000" % rng.randrange(3)]
            at = [] if name.endswith(b"TIME") else at if name in (b"HEXPIREAT", b"HPEXPIREAT") else [b"%d" % 10**12]
            at = (
                at
                if rng.random() < 0.9
                else at and [rng.choice([b"-1", b"x", b"9" * 19, b"70368744177663", b"70368744177"])]
            )
            condition = [rng.choice([b"NX", b"xx", b"GT", b"lt"])] if at and rng.random() < 0.3 else []
            words = [key, *at, *condition, b"fields", count, *fields]
        elif name in TIMED:
            fields = [rng.choice(TEXTS) for _ in range(rng.choice([1, 1, 2, 5]))]
            count = b"%d" % (len(fields) + (rng.random() < 0.05))
            wanted = rng.choice(MOMENTS[:5] * 3 + MOMENTS) if name[-2:] == b"EX" and rng.random() < 0.8 else []
            if name == b"HSETEX":
                fields = [word for field in fields for word in (field, rng.choice(TEXTS))]
                wanted = [*([rng.choice([b"FNX", b"fxx"])] if rng.random() < 0.3 else []), *wanted]
            words = [key, *wanted, b"FIELDS", count, *fields]
        elif name == b"HRANDFIELD":
            words = [b"lone"]
            history.append([b"HSET", b"lone", b"field", b"v"])
        elif name == b"EXPIRE":
            words = [key, b"1000"]
        elif name == b"SUNIONSTORE":
            words = [b"s", b"s", b"t"]
        elif name == b"SET":
            words = [b"string", b"text"]
        elif name == b"HINCRBY" and rng.random() < 0.7:
            words = [key, rng.choice(TEXTS[:12]), rng.choice(TEXTS[:8])]
        history.append([name.lower() if rng.random() < 0.3 else name, *words])
    return history


def frames(raw: bytes) -> Iterator[object]:
    """Raw frames, one after another: those of sets and maps, and arrays, without their order."""
    at = 0

    def one() -> object:
        nonlocal at
        end = raw.index(b"\r\n", at)
        line, at = raw[at:end], end + 2
        kind, rest = line[:1], line[1:]
        if kind in b"$=" and rest != b"-1":
            text, at = raw[at : at + int(rest)], at + int(rest) + 2
            return text
        if kind in b"*~%" and rest != b"-1":
            return line, sorted((one() for _ in range(int(rest) * (2 if kind == b"%" else 1))), key=repr)
        return line

    while at < len(raw):
        yield one()


def databases(server: Server) -> list[Any]:
    """Those of a server in a thread, which is idle."""
    assert server._running is not None
    return list(server._running.state.databases)


def check(server: Server) -> None:
    """Assert every invariant of its keyspaces."""
    for database in databases(server):
        database.check()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), resp3=st.booleans())
def test_the_two_cores_agree(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of commands on sets and hashes gets the same replies from both cores, but for the order of members."""
    rng = random.Random(seed)
    usual = [[b"CONFIG", b"SET", *(word for name in LIMITS for word in (name, rng.choice([b"2", b"64", b"512"])))]]
    history = usual + draw(rng, count)
    compiled, plain = both
    got, wanted = (list(frames(replies(server, history, resp3))) for server in (compiled, plain))
    for at, request in enumerate(history):
        if request[0].upper().endswith(b"EXPIRETIME"):  # deadlines that were set by each one's clock
            got[at], wanted[at] = (re.sub(rb"\d{4,7}\b", b"", repr(one).encode()) for one in (got[at], wanted[at]))
        assert got[at] == wanted[at], (at, request)
    assert got == wanted
    check(compiled)


@given(sizes=st.lists(st.integers(0, 700), min_size=1, max_size=3), text=st.booleans(), seed=st.integers(0, 2**32))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
def test_all_that_was_added_is_popped_once(
    both: tuple[Server, Server], sizes: list[int], text: bool, seed: int
) -> None:
    """SPOP gives every member of a set of any form once, and the key is gone with the last."""
    members = [b"%s%d" % (b"m" if text else b"", number) for number in range(sum(sizes))]
    random.Random(seed).shuffle(members)
    history: list[list[bytes]] = [[b"SADD", b"s", member] for member in members]
    history += [[b"SRANDMEMBER", b"s"], *([b"SPOP", b"s"] for _ in members), [b"EXISTS", b"s"], [b"SPOP", b"s"]]
    got = list(frames(replies(both[0], history, False)))[: len(history)]
    assert got[len(members)] in members or not members
    assert sorted(map(repr, got[len(members) + 1 : -2])) == sorted(map(repr, members))
    assert got[-2:] == [b":0", b"$-1"]


@given(
    total=st.integers(0, 700), counts=st.lists(st.integers(0, 400), max_size=6), text=st.booleans(), resp3=st.booleans()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_several_are_popped_once(
    both: tuple[Server, Server], total: int, counts: list[int], text: bool, resp3: bool
) -> None:
    """SPOP with counts gives different members, of which none is there any more; both cores count and keep the same."""
    members = [b"%s%d" % (b"m" if text else b"", number) for number in range(total)]
    history: list[list[bytes]] = [[b"CONFIG", b"RESETSTAT"], [b"CONFIG", b"SET", *LIMITS[0:1], b"64"]]
    history += [[b"SADD", b"s", *members[at : at + 50]] for at in range(0, total, 50)]
    rounds = [
        request for count in counts for request in ([b"SPOP", b"s", b"%d" % count], [b"OBJECT", b"ENCODING", b"s"])
    ]
    history += [*rounds, [b"SMEMBERS", b"s"], [b"INFO", b"stats"]]
    told = []
    for server in both:
        got: list[Any] = list(frames(replies(server, history, resp3)))[: len(history)]
        popped = [member for _, some in got[-2 - len(rounds) : -2 : 2] for member in some]
        assert sorted([*popped, *got[-2][1]]) == sorted(members)
        sizes = [len(some) for _, some in got[-2 - len(rounds) : -2 : 2]]
        kinds = got[-1 - len(rounds) : -2 : 2]
        told.append((sizes, kinds, re.findall(rb"keyspace_\w+:\d+", repr(got[-1]).encode())))
    assert told[0] == told[1]
    check(both[0])


@pytest.mark.parametrize("key", [b"numbers", b"words", b"hash", b"timed"])
def test_a_small_collection_has_an_object_for_one_command_only(both: tuple[Server, Server], key: bytes) -> None:
    """What commands of Python have looked at, changed and stored takes as much as before."""
    make = [[b"SADD", b"numbers", b"1", b"2"], [b"SADD", b"words", b"a", b"b"], [b"HSET", b"hash", b"f", b"v"]]
    make += [[b"HSETEX", b"timed", b"EX", b"1000", b"FIELDS", b"1", b"f", b"v"]]
    look = [
        [b"OBJECT", b"ENCODING", key],
        [b"DUMP", key],
        [b"TYPE", key],
        [b"MEMORY", b"USAGE", key],
    ]
    move = [[b"RENAME", key, b"key"], [b"COPY", b"key", key], [b"DEL", b"key"]]
    taken = []
    for history in (
        make,
        make + look,
        make + move,
        make + look * 300 + move,
        [[b"MULTI"], *make, *look, *move, [b"EXEC"]],
    ):
        found = []
        with socket.create_connection(("127.0.0.1", both[0].port), timeout=60) as connection:
            connection.sendall(b"".join(resp(*request) for request in [[b"FLUSHALL"], *history, [b"ECHO", b"end"]]))
            while not b"".join(found).endswith(END):
                found.append(connection.recv(1 << 16))
        assert b"\r\n-" not in b"".join(found)
        taken.append(databases(both[0])[0].memory())
        check(both[0])
    assert len(set(taken)) == 1


def test_a_deadline_takes_little(both: tuple[Server, Server]) -> None:
    """A small hash takes at most 25 bytes more with a field's deadline than without one (Redis 8.2.3: 34)."""
    taken = []
    for words in ([b"HSET"], [b"HSETEX", b"EX", b"1000", b"FIELDS", b"1"]):
        history = [[words[0], b"h:%05d" % number, *words[1:], b"field", b"value"] for number in range(5_000)]
        replies(both[0], history, False)
        taken.append(databases(both[0])[0].memory() / len(history))
        check(both[0])
    assert taken[0] < taken[1] <= taken[0] + 25


def test_what_is_left_of_a_deadline(both: tuple[Server, Server]) -> None:
    """HTTL and HPTTL tell of each field in turn, the first rounded up, as the Python commands do."""
    for server in both:
        deadline = int(time.time() * 1000) + 100_500
        raw = replies(
            server,
            [
                [b"HSET", b"h", b"a", b"1", b"b", b"2"],
                [b"HPEXPIREAT", b"h", b"%d" % deadline, b"FIELDS", b"2", b"a", b"c"],
                [b"HPTTL", b"h", b"FIELDS", b"3", b"a", b"b", b"c"],
                [b"HTTL", b"h", b"FIELDS", b"2", b"b", b"a"],
                [b"HTTL", b"none", b"FIELDS", b"1", b"b"],
                [b"HTTL", b"h", b"FIELDS", b"2", b"b"],
            ],
            False,
        )
        lines = raw.split(b"\r\n")
        assert lines[1:5] == [b"*2", b":1", b":-2", b"*3"]
        assert 40_000 < int(lines[5][1:]) <= 100_500
        assert lines[6:10] == [b":-1", b":-2", b"*2", b":-1"]
        assert 40 < int(lines[10][1:]) <= 101
        assert lines[11:13] == [b"*1", b":-2"]
        assert lines[13].startswith(b"-ERR The `numfields`")
        check(server)
