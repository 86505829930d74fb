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
OPTIONS: Final = [
    *([b"ASC"], [b"DESC"], [b"desc"], [b"ALPHA"], [b"alpha"], [b"BY", b"nosort"], [b"GET", b"#"], [b"GET", b"v*"]),
    *([b"STORE", b"dest"], [b"BY", b"v*"], [b"LIMIT"], [b"other"]),
]


def _elements(rng: random.Random, of_texts: bool) -> list[bytes]:
    some = TEXTS if of_texts else NUMBERS
    elements = rng.choices(some, k=rng.choice([1, 2, 5, 30, 200]))
    if rng.random() < 0.1:
        elements[rng.randrange(len(elements))] = rng.choice(ODD)
    return elements


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    """Lists, sets and sorted sets of each form, sorted by all that can be asked for, mostly by what is usual."""
    history = [[b"MSET", b"v1", b"3", b"v2", b"1", b"v3", b"2", b"string", b"text"]]
    for _ in range(count):
        kind = rng.choice([b"list", b"list", b"set", b"zset"])
        key = b"%b%d" % (kind, rng.randrange(2))
        if rng.random() < 0.4:
            elements = _elements(rng, rng.random() < 0.4)
            if kind == b"set":  # of members that are the same up to a NUL none comes first
                elements = [element.replace(b"\0", b"-") for element in elements]
            if rng.random() < 0.7:
                history.append([b"DEL", key])
            if kind == b"zset":
                elements = [word for text in elements for word in (b"%d" % rng.randrange(5), text)]
            history.append([{b"list": b"RPUSH", b"set": b"SADD", b"zset": b"ZADD"}[kind], key, *elements])
            continue
        options = [[b"ALPHA"]] if rng.random() < 0.3 else []
        options += rng.choices(OPTIONS[:5], k=rng.choice([0, 0, 1, 2]))
        if rng.random() < 0.3:
            options.append([rng.choice([b"LIMIT", b"limit"]), rng.choice(PLACES), rng.choice(PLACES)])
        if rng.random() < 0.1 and kind != b"set":
            options.append(rng.choice(OPTIONS))
        rng.shuffle(options)
        if rng.random() < 0.05:
            key = rng.choice([b"none", b"string"])
        history.append(
            [rng.choice([b"SORT", b"sort", b"SORT_RO"]), key, *(word for words in options for word in words)]
        )
        history.append([b"OBJECT", b"ENCODING", key])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60), resp3=st.booleans())
def test_the_two_cores_agree_on_sorting(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """Elements come in the same order from both cores, numbers and texts, all or part of them."""
    agree(both, draw(random.Random(seed), count), resp3)
