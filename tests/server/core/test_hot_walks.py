"""Hot commands that walk and that write payloads against the Python commands that they shorten, on one compiled core.

The two cores' tables have no order in common, so both ways are asked of one: who has said CLIENT NO-TOUCH meets Python.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import Server, cores
from redlark.server.glob import matcher
from tests.server.conftest import Wire

pytestmark = pytest.mark.skipif("compiled" not in cores.available(), reason="there is no compiled core")

SIZES = (1, 2, 7, 9, 60, 300)
TEXTS = (b"", b"7", b"-12", b"70000", b"5000000000", b"x", b"word", b"w" * 20, b"w" * 21, b"ab" * 40, b"z" * 9000)
PATTERNS = (b"*", b"", b"m:1*", b"*1*2", b"m:??", b"[m-o]:*", b"[^m]*", b"\\m*", b"m:[", b"*\\", b"k*", b"nothing")
ADD = {b"SSCAN": b"SADD", b"HSCAN": b"HSET", b"ZSCAN": b"ZADD"}
COUNTS = (b"1", b"5", b"10", b"1000", b"0", b"x", b"9223372036854775807")
TYPES = (b"string", b"LIST", b"set", b"zset", b"hash", b"stream", b"other")
SIGNS = (b"a", b"b", b"*", b"?", b"[", b"]", b"^", b"-", b"\\")
SCORES = (b"0", b"-0.0", b"1", b"-17", b"0.1", b"1e300", b"inf", b"-inf", b"123456789012345678", b"1.5e-7", b"3e15")


def member(rng: random.Random, number: int) -> bytes:
    """Mostly of one kind, in any case different."""
    return b"%d" % number if rng.random() < 0.1 else rng.choice((b"m:%d", b"m:%d", b"n:%d")) % number


def filling(rng: random.Random) -> Iterator[list[bytes]]:
    """Requests that make keys of every type, of few elements and of many."""
    yield [b"CONFIG", b"SET", b"list-max-listpack-size", rng.choice((b"-2", b"-1", b"5"))]
    yield [b"SET", b"k:text", rng.choice(TEXTS)]
    yield [b"INCR", b"k:number"]
    numbers = [b"%d" % (number * rng.choice((1, 7, 30_000, 10**10))) for number in range(rng.choice(SIZES))]
    yield [b"SADD", b"k:numbers", *numbers]
    yield [b"SADD", b"k:SSCAN", *(member(rng, number) for number in range(rng.choice(SIZES)))]
    pairs = [(member(rng, number), rng.choice(TEXTS[:10])) for number in range(rng.choice(SIZES))]
    yield [b"HSET", b"k:HSCAN", *(word for pair in pairs for word in pair)]
    scored = [(rng.choice(SCORES), member(rng, number)) for number in range(rng.choice(SIZES))]
    yield [b"ZADD", b"k:ZSCAN", *(word for pair in scored for word in pair)]
    yield [b"RPUSH", b"k:list", *(rng.choice(TEXTS) for _ in range(rng.choice(SIZES)))]
    yield [b"XADD", b"k:stream", b"1-1", b"field", b"value"]
    yield [b"HSET", b"k:timed", b"field", b"value", b"other", b"value"]
    yield [b"HEXPIRE", b"k:timed", b"1000", b"FIELDS", b"1", b"field"]
    for number in range(rng.choice((0, 50, 500))):
        yield [b"SET", member(rng, number), b"value"]


KEYS = [b"k:" + name for name in b"text number numbers SSCAN HSCAN ZSCAN list stream timed none".split()]


def asking(rng: random.Random) -> list[bytes]:
    """One request, at times one that is refused."""
    name = rng.choice((b"SCAN", b"SSCAN", b"HSCAN", b"ZSCAN", b"DUMP", b"OBJECT", b"TYPE"))
    key = rng.choice(KEYS)
    if name == b"OBJECT":
        return [name, rng.choice((b"ENCODING", b"refcount", b"IDLETIME", b"FREQ", b"ENCODINGS")), key]
    if name in (b"DUMP", b"TYPE"):
        return [name, key]
    options = [
        *(rng.choice((b"COUNT", b"count")), rng.choice(COUNTS)),
        *(b"MATCH", rng.choice(PATTERNS)),
        *(rng.choice((b"TYPE", b"type")), rng.choice(TYPES)),
    ]
    chosen = [word for at in (0, 2, 4) if rng.random() < (0.5 if at < 4 else 0.1) for word in options[at : at + 2]]
    chosen += [b"NOVALUES"] if rng.random() < 0.2 else []
    cursor = b"%d" % rng.choice((0, 0, 1, 3, 64, 1000)) if rng.random() < 0.95 else rng.choice((b"x", b" 7", b"-1"))
    place = [] if name == b"SCAN" else [b"k:" + name if rng.random() < 0.7 else key]
    return [name.lower() if rng.random() < 0.3 else name, *place, cursor, *chosen]


@pytest.fixture(scope="module")
def ways() -> Iterator[tuple[Wire, Wire]]:
    """A connection whose requests may be hot, and one whose requests never are."""
    with Server(core="compiled") as server:
        hot, cold = Wire(server.port), Wire(server.port)
        cold("CLIENT", "NO-TOUCH", "ON")
        yield hot, cold


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), resp3=st.booleans())
def test_both_ways_tell_the_same(ways: tuple[Wire, Wire], seed: int, resp3: bool) -> None:
    """Steps of walks with any options, payloads and encodings: the same bytes, hits and misses."""
    rng = random.Random(seed)
    hot, cold = ways
    hot("FLUSHALL")
    for wire in ways:
        wire("HELLO", "3" if resp3 else "2")
    for request in filling(rng):
        hot(*request)
    asked = [asking(rng) for _ in range(40)]
    for request in asked:
        one, other, again = hot(*request), cold(*request), hot(*request)
        while one != again:  # a table has been rehashed meanwhile
            one, other, again = hot(*request), cold(*request), hot(*request)
        assert one == other, request
    counted = []
    for wire in ways:
        wire("CONFIG", "RESETSTAT")
        for request in asked:
            wire(*request)
        counted.append([line for line in wire("INFO", "stats").split(b"\r\n") if line.startswith(b"keyspace_")])
    assert counted[0] == counted[1]


def test_a_walk_lets_keys_go_whose_time_is_over(ways: tuple[Wire, Wire]) -> None:
    """SCAN tells of no key whose deadline has passed, though nobody may have removed it yet."""
    hot, _ = ways
    hot("FLUSHALL")
    for number in range(100):
        hot("SET", b"key:%d" % number, b"v", *([] if number % 2 else [b"PX", b"1"]))
    time.sleep(0.01)
    found = hot("SCAN", "0", "COUNT", "1000")
    assert found.count(b"key:") == 50
    assert b"key:0\r\n" not in found


@settings(max_examples=200)
@given(
    pattern=st.lists(st.sampled_from(SIGNS), max_size=8).map(b"".join),
    texts=st.lists(st.lists(st.sampled_from([b"a", b"b", b"c", b"]", b"-"]), max_size=5).map(b"".join), max_size=6),
)
def test_patterns_match_as_they_do_in_python(ways: tuple[Wire, Wire], pattern: bytes, texts: list[bytes]) -> None:
    """MATCH of the compiled core against redlark.server.glob."""
    hot, _ = ways
    hot("HELLO", "2")
    hot("DEL", "texts")
    hot("SADD", "texts", b"only", *texts)
    told = hot("SSCAN", "texts", "0", "MATCH", pattern).split(b"\r\n")[5:-1:2]
    assert sorted(told) == sorted(filter(matcher(pattern), {b"only", *texts}))
