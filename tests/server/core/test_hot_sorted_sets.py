"""Hot commands on sorted sets against the Python commands that they shorten: the two cores give equal replies."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both, replies

__all__ = ["both"]  # the fixture

KEYS = [b"z", b"y", b"l", b"s"]
MEMBERS = [*(b"%d" % number for number in range(-3, 9)), b"", b"a", b"b", b"A", b"0", b"01", b"m" * 70, b"9" * 19]
SCORES = [
    *(b"0", b"-0", b"1", b"-1", b"1.5", b"+2", b".5", b"5.", b"0.1", b"1e3", b"1E-3", b"-inf", b"inf", b"+Inf", b"3"),
    *(b"0.30000000000000004", b"1.7976931348623157e308", b"5e-324", b"123456789012345678", b"1e400", b"1e-400"),
    *(b"infinity", b"nan", b"0x10", b"", b" 1", b"1 ", b"1e", b".", b"--1", b"1.2.3", b"abc", b"2.5000000000000000000"),
    *(b"0.000012345", b"1234567.125", b"99999999999999999999", b"4611686018427387905", b"-0.0000000000000000000"),
]
BOUNDS = [*SCORES, b"(1", b"(0", b"(-inf", b"(+inf", b"(", b"(1.5", b"(abc"]
NAMES = [b"-", b"+", b"-", b"+", *(sign + name for name in MEMBERS for sign in (b"[", b"(")), b"a", b"", b"[zz"]
PLACES = [b"0", b"1", b"2", b"-1", b"-2", b"5", b"100", b"-100", b"9223372036854775807", b"-9223372036854775808", b"x"]
COUNTS = [b"0", b"1", b"2", b"10", b"-1", b"9223372036854775807", b"x"]
OPTIONS = [b"WITHSCORES", b"withscores", b"REV", b"BYSCORE", b"BYLEX", b"LIMIT", b"WITHSCORE", b"0", b"1", b"-1", b"2"]

ADDITIONS = [b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"incr", b"xx", b"ch"]


def words_of(rng: random.Random, name: bytes) -> list[bytes]:
    """What stands behind the name and the key, mostly as it should be."""
    some = rng.choice
    pairs = [word for _ in range(some((1, 1, 1, 2, 3, 40))) for word in (some(SCORES[:11] + SCORES), some(MEMBERS))]
    options = [some(OPTIONS) for _ in range(some((0, 0, 1, 1, 2, 3, 4)))]
    alone = rng.random() < 0.3
    limit = [b"limit", some(PLACES), some(COUNTS)] if rng.random() < 0.3 else []
    return {
        b"ZADD": [some(ADDITIONS) for _ in range(some((0, 0, 0, 1, 1, 2, 3)))] + (pairs[:2] if alone else pairs),
        b"ZINCRBY": pairs[:2],
        b"ZREM": [some(MEMBERS) for _ in range(some((1, 1, 2, 5)))],
        b"ZPOPMIN": [some(COUNTS)] if rng.random() < 0.4 else [],
        b"ZPOPMAX": [some(COUNTS)] if rng.random() < 0.4 else [],
        b"ZCARD": [],
        b"ZSCORE": [some(MEMBERS)],
        b"ZMSCORE": [some(MEMBERS), some(MEMBERS)],
        b"ZRANK": [some(MEMBERS), *options[:1]],
        b"ZREVRANK": [some(MEMBERS), *options[:1]],
        b"ZCOUNT": [some(BOUNDS), some(BOUNDS)],
        b"ZLEXCOUNT": [some(NAMES), some(NAMES)],
        b"ZRANGEBYLEX": [some(NAMES), some(NAMES), *limit, *options[:1]],
        b"ZREVRANGEBYLEX": [some(NAMES), some(NAMES), *limit],
        b"ZRANGE": [some(PLACES), some(PLACES), *options],
        b"ZREVRANGE": [some(PLACES), some(PLACES), *options],
        b"ZRANGEBYSCORE": [some(BOUNDS), some(BOUNDS), *limit, *options[:2]],
        b"ZREVRANGEBYSCORE": [some(BOUNDS), some(BOUNDS), *limit, *options[:2]],
    }[name]


HOT = (
    b"ZADD ZADD ZADD ZADD ZINCRBY ZREM ZPOPMIN ZPOPMAX ZCARD ZSCORE ZMSCORE ZRANK ZREVRANK ZCOUNT ZRANGE ZREVRANGE "
    b"ZRANGEBYSCORE ZREVRANGEBYSCORE ZLEXCOUNT ZRANGEBYLEX ZREVRANGEBYLEX"
).split()
AROUND = [
    [b"DEL", b"z"],
    [b"SET", b"s", b"text"],
    [b"LPUSH", b"l", b"element"],
    [b"OBJECT", b"ENCODING", b"z"],
    [b"OBJECT", b"ENCODING", b"y"],
    [b"EXISTS", b"z", b"y"],
    [b"ZUNIONSTORE", b"y", b"2", b"z", b"y"],
    [b"CONFIG", b"SET", b"zset-max-listpack-entries", b"3"],
    [b"CONFIG", b"SET", b"zset-max-listpack-entries", b"0"],
    [b"CONFIG", b"SET", b"zset-max-listpack-value", b"1"],
    [b"CONFIG", b"SET", b"zset-max-listpack-entries", b"128", b"zset-max-listpack-value", b"64"],
    [b"MULTI"],
    [b"EXEC"],
    [b"WATCH", b"z"],
    [b"ZADD", b"z", *(word for number in range(400) for word in (b"%d" % (number % 7), b"n:%d" % number))],
    [b"ZREMRANGEBYRANK", b"z", b"10", b"-1"],
    [b"RESTORE", b"y", b"0", b"no payload"],
    [b"EXPIRE", b"z", b"1000"],
    [b"TYPE", b"z"],
    [b"DBSIZE"],
]


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    history = [[b"CONFIG", b"SET", b"zset-max-listpack-entries", b"128", b"zset-max-listpack-value", b"64"]]
    for _ in range(count):
        if rng.random() < 0.15:
            history.append(rng.choice(AROUND))
            continue
        name = rng.choice(HOT)
        words = words_of(rng, name)
        if rng.random() < 0.03:
            words = words[:-1] if words and rng.random() < 0.5 else [*words, rng.choice(OPTIONS)]
        key = rng.choice(KEYS[:2] * 9 + KEYS)
        if b"LEX" in name and rng.random() < 0.5:  # else there may be several scores: it counts where a search arrives
            history.append([b"ZUNIONSTORE", key, b"1", key, b"WEIGHTS", b"0"])
        history.append([name.lower() if rng.random() < 0.3 else name, key, *words])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), resp3=st.booleans())
def test_the_two_cores_agree_on_sorted_sets(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of hot commands and others around them gets the same bytes from both cores."""
    history = draw(random.Random(seed), count)
    agree(both, history, resp3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_scores_are_read_alike(both: tuple[Server, Server], scores: list[float], rng: random.Random) -> None:
    """However a number is written, both cores read the same one."""
    history = []
    for number, score in enumerate(scores):
        forms = [repr(score), f"{score:.17g}", f"{score:.6f}", f"{score:g}", f"{score:.20e}", repr(round(score, 3))]
        history += [
            [b"ZADD", b"z", rng.choice(forms)[:200].encode(), b"%d" % number],
            [b"ZSCORE", b"z", b"%d" % number],
        ]
    compiled, plain = both
    assert replies(compiled, history, False) == replies(plain, history, False)
