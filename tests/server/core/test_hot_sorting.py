"""SORT in the core against the Python command that it shortens: two cores, equal replies."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

NUMBERS: Final = [
    *(b"%d" % number for number in range(-5, 60)),
    *(b"9223372036854775807", b"9223372036854775806", b"1.5", b"1.50", b"-0", b"0.0", b"+3", b"1e2", b"inf", b"-inf"),
]
ODD: Final = [b"", b"x", b"0x10", b"1e400", b"nan", b" 1", b"2\0x", b"1" * 70, b"z" * 9000]
TEXTS: Final = [b"a", b"b", b"B", b"ab", b"a\0c", b"a\0b", b"\xff", b"", b"10", b"9", b"x" * 70, b"y" * 9000]
PLACES: Final = [b"0", b"1", b"5", b"100", b"-1", b"-9223372036854775808", b"9223372036854775807", b"x"]
OPTIONS: Final = [[b"ASC"], [b"DESC"], [b"desc"], [b"ALPHA"], [b"alpha"]]
PATTERNS: Final = [
    *(b"v*", b"*", b"w*", b"v*->", b"h*->f", b"h*->g", b"w*->f", b"h*->f\0x", b"none*", b"#", b"list*", b"timed*->f"),
    *(b"nosort", b"", b"\0*", b"v*\0tail", b"->*", b"v**"),
]
AROUND: Final = [
    [b"MSET", *(word for number in range(-5, 30) for word in (b"v%d" % number, b"%d" % (number * 37 % 11)))],
    [b"MSET", b"v1", b"1.5", b"v2", b"text", b"va", b"-7", b"v1->", b"3", b"string", b"text", b"v2\0tail", b"9"],
    [b"MSET", b"v2", b"2", b"v3", b"", b"w1", b"a\0b", b"w2", b"a\0a", b"w3", b"b", b"w4", b"a"],
    *([b"HSET", b"h%d" % number, b"f", b"%d" % (number * 7 % 5), b"g", b"x" * number] for number in range(9)),
    [b"HSET", b"h3", b"f\0x", b"1", b"f", b"17", b"long", b"y" * 100],
    [b"HSET", b"timed1", b"f", b"1"],
    [b"HEXPIRE", b"timed1", b"1000", b"FIELDS", b"1", b"f"],
    [b"DEL", b"v1", b"h1"],
    [b"CONFIG", b"SET", b"list-max-listpack-size", b"-2"],
    [b"CONFIG", b"SET", b"list-max-listpack-size", b"3"],
]


def _options(rng: random.Random, ties: bool) -> list[bytes]:
    """Of what only looks: mostly what is usual.  ties: what is the same may come in any order."""
    options = [[b"ALPHA"]] if rng.random() < 0.3 else []
    options += rng.choices(OPTIONS, k=rng.choice([0, 0, 1, 2]))
    if rng.random() < 0.3:
        options.append([rng.choice([b"LIMIT", b"limit"]), rng.choice(PLACES), rng.choice(PLACES)])
    for _ in range(0 if ties else rng.choice([0, 0, 1, 1, 2])):
        options.append([rng.choice([b"BY", b"by"]), rng.choice(PATTERNS)])
    for _ in range(rng.choice([0, 0, 0, 1, 2, 10])):
        options.append([rng.choice([b"GET", b"get"]), rng.choice(PATTERNS)])
    if rng.random() < 0.3:
        options.append([rng.choice([b"STORE", b"store"]), rng.choice([b"dest", b"dest", b"list0"])])
    if rng.random() < 0.05:
        options.append(rng.choice([[b"LIMIT"], [b"other"], [b"GET"], [b"STORE"], [b"GET" if ties else b"BY"]]))
    rng.shuffle(options)
    return [word for words in options for word in words]


def _elements(rng: random.Random, of_texts: bool) -> list[bytes]:
    some = TEXTS if of_texts else NUMBERS
    elements = rng.choices(some, k=rng.choice([1, 2, 5, 30, 200]))
    if rng.random() < 0.1:
        elements[rng.randrange(len(elements))] = rng.choice(ODD)
    return elements


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    """Lists, sets and sorted sets of each form, sorted by all that can be asked for, and what patterns point at."""
    history = rng.sample(AROUND, len(AROUND))
    for _ in range(count):
        kind = rng.choice([b"list", b"list", b"set", b"zset"])
        key = b"%b%d" % (kind, rng.randrange(2))
        if rng.random() < 0.35:
            elements = _elements(rng, rng.random() < 0.4)
            if kind == b"set":  # of members that are the same up to a NUL none comes first
                elements = [element.replace(b"\0", b"-") for element in elements]
            if rng.random() < 0.7:
                history.append([b"DEL", key])
            if kind == b"zset":
                elements = [word for text in elements for word in (b"%d" % rng.randrange(5), text)]
            history.append([{b"list": b"RPUSH", b"set": b"SADD", b"zset": b"ZADD"}[kind], key, *elements])
            continue
        if rng.random() < 0.1:
            history.append(rng.choice(AROUND))
        if rng.random() < 0.05:
            key = rng.choice([b"none", b"string"])
        name = rng.choice([b"SORT", b"SORT", b"sort", b"SORT_RO"]) if rng.random() < 0.98 else b"SORT\x7fRO"
        history.append([name, key, *_options(rng, kind == b"set")])
        looked = rng.choice([key, b"dest"])
        history += [[b"OBJECT", b"ENCODING", looked], [b"LRANGE", b"dest", b"0", b"-1"]]
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60), resp3=st.booleans())
def test_the_two_cores_agree_on_sorting(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """Elements come in the same order from both cores, numbers and texts, all or part of them."""
    agree(both, draw(random.Random(seed), count), resp3)
