"""Hot commands on streams against the Python commands that they shorten: the two cores give equal replies."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both

__all__ = ["both"]  # the fixture

KEYS = [b"x", b"y", b"s"]
FAR_AHEAD = b"99999999999999-3"  # behind it `*` does not hang on the time
IDS = [
    *(b"%d-%d" % (ms, seq) for ms in range(4) for seq in range(3)),
    *(b"0", b"1", b"2", b"3", b"5-*", b"1-*", b"-", b"+", b"$", b"(1-1", b"(2", b"abc", b"", b"1-", b"-1", b"1-1-1"),
    *(
        b"01-02",
        b" 1-1",
        b"18446744073709551615",
        b"18446744073709551615-18446744073709551615",
        b"9223372036854775808-1",
    ),
]
FIELDS = [b"f", b"g", b"", b"12", b"-7", b"long field " * 9]
VALUES = [*FIELDS, b"v", b"9223372036854775807", b"w" * 5000]
COUNTS = [b"1", b"2", b"100", b"0", b"-1", b"x", b"9223372036854775807"]
SETTINGS = [
    *([b"ENTRIESADDED", count] for count in (*COUNTS, b"5")),
    *([b"maxdeletedid", id_] for id_ in (b"0-0", b"1-1", b"2-0", b"9-9", b"x")),
    [b"OTHER", b"1"],
]
LENGTHS = [b"0", b"1", b"5", b"100", b"-1", b"x"]
AROUND = [
    [b"DEL", b"x"],
    [b"SET", b"s", b"text"],
    [b"CONFIG", b"SET", b"stream-node-max-entries", b"3"],
    [b"CONFIG", b"SET", b"stream-node-max-entries", b"100", b"stream-node-max-bytes", b"4096"],
    [b"CONFIG", b"SET", b"stream-node-max-bytes", b"100"],
    [b"XADD", b"x", FAR_AHEAD, b"f", b"v"],
    [b"XINFO", b"STREAM", b"x"],
    [b"XINFO", b"STREAM", b"y"],
    [b"XINFO", b"GROUPS", b"x"],
    [b"XTRIM", b"x", b"MINID", b"2-1"],
    [b"XGROUP", b"CREATE", b"x", b"g", b"0"],
    [b"XREADGROUP", b"GROUP", b"g", b"c", b"COUNT", b"2", b"STREAMS", b"x", b">"],
    [b"COPY", b"x", b"y", b"REPLACE"],
    [b"OBJECT", b"ENCODING", b"x"],
    [b"MULTI"],
    [b"EXEC"],
    [b"WATCH", b"x"],
]


def words_of(rng: random.Random, name: bytes, key: bytes) -> list[bytes]:
    some = rng.choice
    pairs = [word for _ in range(some((1, 1, 1, 2, 3, 40))) for word in (some(FIELDS), some(VALUES))]
    cut = [b"MAXLEN", *some(([], [b"~"], [b"="])), some(LENGTHS)] if rng.random() < 0.2 else []
    new = b"%d-%d" % (rng.randrange(6), rng.randrange(9)) if rng.random() < 0.7 else some(IDS)
    count = [b"count", some(COUNTS)] if rng.random() < 0.4 else []
    return {
        b"XADD": [key, *cut, new, *pairs],
        b"XDEL": [key, *(some(IDS[:12] + IDS) for _ in range(some((1, 1, 3))))],
        b"XLEN": [key],
        b"XSETID": [key, some(IDS), *(word for _ in range(some((0, 0, 1, 2))) for word in some(SETTINGS))],
        b"XRANGE": [key, some(IDS), some([b"+", *IDS]), *count],
        b"XREVRANGE": [key, some([b"+", *IDS]), some(IDS), *count],
        b"XREAD": [*count, b"STREAMS", key, *([some(KEYS)] if rng.random() < 0.1 else []), some(IDS)],
    }[name]


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    history = [[b"CONFIG", b"SET", b"stream-node-max-entries", b"100", b"stream-node-max-bytes", b"4096"]]
    ahead = False
    for _ in range(count):
        if rng.random() < 0.15:
            history.append(rng.choice(AROUND))
            continue
        name = rng.choice([b"XADD", b"XADD", b"XADD", b"XDEL", b"XLEN", b"XSETID", b"XRANGE", b"XREVRANGE", b"XREAD"])
        words = words_of(rng, name, rng.choice(KEYS[:2] * 9 + KEYS))
        if rng.random() < 0.03:
            words = words[:-1] if rng.random() < 0.5 else [*words, rng.choice(VALUES)]
        history.append([name.lower() if rng.random() < 0.3 else name, *words])
        if ahead := ahead or rng.random() < 0.02:
            history += [[b"XADD", b"z", FAR_AHEAD, b"f", b"v"], [b"XADD", b"z", b"*", b"f", b"v"]]
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), resp3=st.booleans())
def test_the_two_cores_agree_on_streams(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of hot commands and others around them gets the same bytes from both cores."""
    history = draw(random.Random(seed), count)
    agree(both, history, resp3)
