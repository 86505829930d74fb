"""Hot commands on several sets and sorted sets against the Python commands that they shorten."""

from __future__ import annotations

import random
import re
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both, replies
from tests.server.core.test_hot_members import check, frames

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

SETS: Final = [b"s", b"t", b"u", b"v"]
ZSETS: Final = [b"y", b"z"]
ODD: Final = [b"none", b"string", b"h", b"l"]
TEXTS: Final = [
    *(b"1", b"2", b"-3", b"40000", b"5000000000", b"9223372036854775807", b"-9223372036854775808", b"-0", b"1.5", b""),
    *(b"a", b"b", b"c", b"x" * 64, b"y" * 65, b"z" * 300, b"9223372036854775808", b"100", b"12345"),
    *(b"%d" % number for number in range(3, 60)),
    *(b"element:%012d" % number for number in range(60)),
]
SCORES: Final = [*(b"0 -0 1 -1 2.5 3 0.1 inf -inf 1e17 -2.25 1000000".split()), b"nan", b"0x10", b"1e400"]
WEIGHTS: Final = [*SCORES, b"2", b"0", b"-1", b"x", b""]
LIMITS: Final = [
    *(b"set-max-intset-entries", b"set-max-listpack-entries", b"set-max-listpack-value"),
    *(b"zset-max-listpack-entries", b"zset-max-listpack-value"),
]
SET_ALGEBRA: Final = b"SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE SINTERCARD".split()
ZSET_ALGEBRA: Final = b"ZUNION ZINTER ZDIFF ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZINTERCARD".split()


def _some(rng: random.Random, of: list[bytes]) -> list[bytes]:
    """Some of a stretch, so that collections have much in common, and now and then many."""
    start = rng.randrange(len(of))
    return rng.sample(of[start:] + of[:start], rng.choice([1, 1, 2, 3, 12, 30, 60]))


def _limit(rng: random.Random) -> list[bytes]:
    if rng.random() < 0.5:
        return []
    words = [rng.choice([b"LIMIT", b"limit"]), rng.choice([b"0", b"1", b"2", b"30", b"-1", b"x", b"01"])]
    return words * (2 if rng.random() < 0.1 else 1) if rng.random() < 0.95 else words[:1]


def _count(rng: random.Random, keys: list[bytes]) -> bytes:
    return b"%d" % len(keys) if rng.random() < 0.95 else rng.choice([b"0", b"-1", b"99", b"x", b"1"])


def _keys(rng: random.Random, usual: list[bytes]) -> list[bytes]:
    """Of one to a dozen collections, the same one twice sometimes, and things that are none."""
    keys = [rng.choice(usual) for _ in range(rng.choice([1, 2, 2, 2, 3, 4, 12]))]
    if rng.random() < 0.15:
        keys[rng.randrange(len(keys))] = rng.choice(ODD)
    return keys


def _on_sets(rng: random.Random) -> list[bytes]:
    name = rng.choice(SET_ALGEBRA)
    keys = _keys(rng, SETS)
    if name == b"SINTERCARD":
        return [name, _count(rng, keys), *keys, *_limit(rng)]
    return [name, rng.choice(SETS + ODD[:2]), *keys] if name.endswith(b"STORE") else [name, *keys]


def _on_zsets(rng: random.Random) -> list[bytes]:
    name = rng.choice(ZSET_ALGEBRA)
    keys = _keys(rng, ZSETS + SETS[:2])
    words = [_count(rng, keys), *keys]
    if name == b"ZINTERCARD":
        return [name, *words, *_limit(rng)]
    if b"DIFF" not in name or rng.random() < 0.1:
        for _ in range(rng.choice([0, 0, 1, 2])):
            if rng.random() < 0.5:
                words += [b"WEIGHTS", *(rng.choice(WEIGHTS[: rng.choice([12, 20])]) for _ in keys)]
            else:
                words += [rng.choice([b"AGGREGATE", b"aggregate"]), rng.choice([b"SUM", b"min", b"Max", b"other"])]
    if name.endswith(b"STORE"):
        return [name, rng.choice(ZSETS + ODD[:2]), *words]
    return [name, *words, *([b"WITHSCORES"] if rng.random() < 0.6 else [])]


def _around(rng: random.Random, on_zsets: bool) -> list[bytes]:
    """What fills, empties and looks at the collections."""
    name = rng.choice(b"ADD ADD ADD ADD ADD REM DEL OBJECT LIMIT SET EXPIRE PUSH".split())
    key = rng.choice(ZSETS if on_zsets and rng.random() < 0.6 else SETS)
    if name == b"ADD":
        if key in SETS:
            return [b"SADD", key, *_some(rng, TEXTS)]
        scores = SCORES[:12] if rng.random() < 0.5 else [b"1", b"2"]
        return [b"ZADD", key, *(word for member in _some(rng, TEXTS) for word in (rng.choice(scores), member))]
    return {
        b"REM": [b"SREM" if key in SETS else b"ZREM", key, *_some(rng, TEXTS)],
        b"DEL": [b"DEL", key],
        b"OBJECT": [b"OBJECT", b"ENCODING", key],
        b"LIMIT": [b"CONFIG", b"SET", rng.choice(LIMITS), rng.choice([b"0", b"1", b"3", b"30", b"128", b"512"])],
        b"SET": [b"SET", b"string", b"text"],
        b"EXPIRE": [b"EXPIRE", key, b"1000"],
        b"PUSH": [b"LPUSH", b"l", b"a"],
    }[name]


def draw(rng: random.Random, count: int, on_zsets: bool) -> list[list[bytes]]:
    """Algebra, what it left behind, and what comes between."""
    history = [[b"CONFIG", b"SET", *(word for name in LIMITS for word in (name, rng.choice([b"2", b"64", b"512"])))]]
    for _ in range(count):
        if rng.random() < 0.5:
            history.append(_around(rng, on_zsets))
            continue
        request = (_on_zsets if on_zsets else _on_sets)(rng)
        history.append([request[0].lower(), *request[1:]] if rng.random() < 0.3 else request)
        if request[0].endswith(b"STORE"):
            left = request[1]
            history += [[b"OBJECT", b"ENCODING", left], [b"TTL", left]]
            history.append([b"ZRANGE", left, b"0", b"-1", b"WITHSCORES"] if on_zsets else [b"SMEMBERS", left])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 100), resp3=st.booleans())
def test_the_two_cores_agree_on_several_sets(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """What several sets have, have in common or alone is the same, told, counted and stored, but for its order."""
    history = draw(random.Random(seed), count, on_zsets=False)
    compiled, plain = both
    got, wanted = (list(frames(replies(server, history, resp3))) for server in (compiled, plain))
    for at, request in enumerate(history):
        assert got[at] == wanted[at], (at, request)
    assert got == wanted
    check(compiled)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 100), resp3=st.booleans())
def test_the_two_cores_agree_on_several_sorted_sets(
    both: tuple[Server, Server], seed: int, count: int, resp3: bool
) -> None:
    """The same of sorted sets and sets, to the byte."""
    history = [request for request in draw(random.Random(seed), count, on_zsets=True) if request[0] != b"SMEMBERS"]
    agree(both, history, resp3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), on_zsets=st.booleans())
def test_what_is_looked_up_is_a_hit_or_a_miss_alike(both: tuple[Server, Server], seed: int, on_zsets: bool) -> None:
    """Both cores count as many keys that were there and that were not."""
    history = [[b"CONFIG", b"RESETSTAT"], *draw(random.Random(seed), 60, on_zsets), [b"INFO", b"stats"]]
    told = [re.findall(rb"keyspace_(?:hits|misses):\d+", replies(server, history, False)) for server in both]
    assert len(told[0]) == 2
    assert told[0] == told[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=10)
@given(
    sizes=st.lists(st.sampled_from([0, 5, 40, 700, 3000]), min_size=1, max_size=4),
    names=st.permutations([name for name in SET_ALGEBRA + ZSET_ALGEBRA if name.endswith(b"STORE")]),
    numbers=st.booleans(),
)
def test_large_collections_agree(
    both: tuple[Server, Server], sizes: list[int], names: list[bytes], numbers: bool
) -> None:
    """Sets that are tables, which grow and shrink while they are filled, are put together alike."""
    history = [[b"CONFIG", b"SET", *(word for name in LIMITS for word in (name, b"128"))]]
    keys = [b"k%d" % at for at in range(len(sizes))]
    for at, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        members = [b"%s%d" % (b"" if numbers else b"m", at * 30 + number) for number in range(size)]
        for start in range(0, size, 100):
            some = members[start : start + 100]
            if at % 2:
                some = [word for member in some for word in (b"%d" % (len(member) * at), member)]
            history.append([b"ZADD" if at % 2 else b"SADD", key, *some])
    for name in names:
        some = keys if name.startswith(b"Z") else keys[::2]
        history.append([name, b"dest", *([b"%d" % len(some)] if name.startswith(b"Z") else []), *some])
        history += [[b"OBJECT", b"ENCODING", b"dest"], [b"DEBUG", b"DIGEST-VALUE", b"dest"]]
    agree(both, history, resp3=False)
