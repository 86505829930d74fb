"""Hot commands that take something out, that would wait, and on deadlines: two cores, equal replies."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both

__all__ = ["both"]  # the fixture

KEYS = [b"l", b"l", b"m", b"z", b"z", b"y", b"x", b"s", b"none"]
NUMBERS = [b"0", b"1", b"2", b"5", b"100", b"-1", b"-3", b"x", b"1.5"]
SCORES = [b"-inf", b"+inf", b"(1", b"2", b"(3", b"4", b"x", b"nan"]
MOMENTS = [
    b"4000000000",
    b"4000000000000",
    b"4100000000",
    b"4100000000000",
    b"9223372036854775807",
    b"0",
    b"-5",
    b"1.5",
]
AT = b"EXPIREAT PEXPIREAT".split()
OUT = b"LMPOP ZMPOP BLPOP BRPOP BZPOPMIN BZPOPMAX BLMPOP BZMPOP BLMOVE BRPOPLPUSH".split()
OUT += b"ZREMRANGEBYSCORE ZREMRANGEBYRANK".split()
OTHERS = (
    b"PSETEX TOUCH EXPIRETIME PEXPIRETIME XTRIM XADD RPUSH ZADD SET DEL PERSIST OBJECT LRANGE ZRANGE MULTI EXEC".split()
)


def waiting(rng: random.Random, name: bytes) -> list[list[bytes]]:
    """What would wait for ever is asked where it need not: something is there, of whatever type."""
    some = rng.choice
    key = some([b"l", b"m"]) if b"L" in name else some([b"z", b"y"])
    fill = [b"RPUSH", key, b"a"] if b"L" in name else [b"ZADD", key, b"1", b"a"]
    time = some([b"0", b"1", b"0", b"x", b"-1", b"0.5"])
    if name in (b"BLMOVE", b"BRPOPLPUSH"):
        ends = [some([b"LEFT", b"right", b"up"]), some([b"LEFT", b"right"])] if name == b"BLMOVE" else []
        return [fill, [name, key, some(KEYS), *ends, time]]
    if name in (b"BLMPOP", b"BZMPOP"):
        keys = [some([b"none", key]), key]
        end = some([b"LEFT", b"right"] if name == b"BLMPOP" else [b"min", b"MAX"])
        count = [b"COUNT", some(NUMBERS)] if rng.random() < 0.4 else []
        return [fill, [name, time, b"2", *keys, end, *count]]
    return [fill, [name, *([b"none"] if rng.random() < 0.3 else []), key, time]]


def words_of(rng: random.Random, name: bytes) -> list[bytes]:
    some = rng.choice
    key = some(KEYS)
    if name in (b"LMPOP", b"ZMPOP"):
        keys = [some(KEYS) for _ in range(some((1, 1, 2)))]
        end = some([b"LEFT", b"right", b"x"] if name == b"LMPOP" else [b"min", b"MAX", b"x"])
        count = [b"count", some(NUMBERS)] if rng.random() < 0.4 else []
        return [some([b"%d" % len(keys)] * 9 + NUMBERS), *keys, end, *count]
    return {
        b"ZREMRANGEBYSCORE": [key, some(SCORES), some(SCORES)],
        b"ZREMRANGEBYRANK": [key, some(NUMBERS), some(NUMBERS)],
        b"PSETEX": [b"own", some([b"100000000", b"0", b"-1", b"x"]), b"value"],
        b"TOUCH": [some(KEYS) for _ in range(some((1, 3)))],
        b"XTRIM": [some([b"x", key]), b"MAXLEN", *some(([], [b"~"], [b"="])), some(NUMBERS)],
        b"XADD": [b"x", b"*" if rng.random() < 0.1 else b"9-*", b"f", b"v"],
        b"RPUSH": [some([b"l", b"m"]), *(b"%d" % rng.randrange(99) for _ in range(some((1, 3, 200))))],
        b"ZADD": [some([b"z", b"y"]), *(b"%d" % rng.randrange(6) for _ in range(some((2, 6, 12))))],
        b"SET": [some([b"s", b"l", b"z"]), b"text"],
        b"OBJECT": [b"ENCODING", key],
        b"LRANGE": [some([b"l", b"m"]), b"0", b"-1"],
        b"ZRANGE": [some([b"z", b"y"]), b"0", b"-1", b"WITHSCORES"],
        b"MULTI": [],
        b"EXEC": [],
    }.get(name, [key])


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    history = [[b"CONFIG", b"SET", b"zset-max-listpack-entries", rng.choice([b"3", b"128"])]]
    inside = False
    for _ in range(count):
        name = rng.choice(rng.choice([AT, OUT, OUT, OTHERS]))
        if name[:1] == b"B":
            history += [] if inside else [[b"DEL", *KEYS], *waiting(rng, name)]
        elif name in AT:
            condition = [rng.choice([b"NX", b"xx", b"GT", b"lt", b"yy"])] if rng.random() < 0.5 else []
            history.append([name, rng.choice(KEYS), rng.choice(MOMENTS), *condition])
        else:
            inside = name == b"MULTI" or (inside and name != b"EXEC")
            history.append([name, *words_of(rng, name)])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 100), resp3=st.booleans())
def test_the_two_cores_agree_on_ends(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of such commands and others around them gets the same bytes from both cores."""
    history = [one for one in draw(random.Random(seed), count) if one[0] != b"XADD" or one[2] != b"*"]
    agree(both, history, resp3)
