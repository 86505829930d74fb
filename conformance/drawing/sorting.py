"""What SORT is asked about: texts that are numbers to one server and none to another, and weights beside them."""

from __future__ import annotations

import random

from redlark.conformance.history import Request, request

NUMBERS = (
    b"1", b"2", b"3", b"10", b"1", b"2", b"3", b"01", b"1.0", b"1.5", b"-1", b"-0", b"0", b"+2", b".5", b"3.",
    b"9007199254740993", b"9007199254740992", b"1e3", b"k1", b"k2", b"a",
)  # fmt: skip
ODD = (
    b"", b" 1", b"1 ", b"\v2", b"0x10", b"0x1p-3", b"inf", b"-Infinity", b"nan", b"1e400", b"-1e400", b"1e-400",
    b"5e-324", b"2.2250738585072011e-308", b"2.2250738585072014e-308", b"0x1p-1074", b"1\x002", b"\x00", b"1x",
    b"a\x00b", b"a\x00a", b"b", b"0e400", b"1e5000", b"123456789012345678901",
)  # fmt: skip
BY = (
    b"k*",
    b"*",
    b"nosort",
    b"k*->f1",
    b"k*",
    b"k*->f2",
    b"*->f1",
    b"w*",
    b"#",
    b"k*->",
    b"",
    b"k\x00*",
    b"x->*",
    b"k*\x00",
)
GET = (
    b"#", b"k*", b"*", b"k*->f1", b"*->f2", b"nosuch", b"#x", b"#\x00x", b"k*->f\x00\xff\r\n", b"k*->f1\x00", b"##",
    b"", b"*->", b"k*->\x00f", b"k*->f1->f2", b"#*",
)  # fmt: skip


def by(rng: random.Random) -> bytes:
    """A pattern for BY."""
    return rng.choice(BY)


def get(rng: random.Random) -> bytes:
    """A pattern for GET."""
    return rng.choice(GET)


def number(rng: random.Random) -> bytes:
    """A text that may be a number."""
    return rng.choice(NUMBERS if rng.random() < 0.85 else ODD)


def set_up(key: bytes, rng: random.Random) -> tuple[Request, ...]:
    """A key gets a list, a set or a sorted set; weights beside it."""
    few = rng.random() < 0.6
    elements = [
        rng.choice((b"1", b"2", b"3", b"4")) if few else number(rng) for _ in range(rng.choice((2, 3, 4, 5, 8)))
    ]
    if rng.random() < 0.1:
        elements.append(b"x" * 65)
    word = rng.choice(("RPUSH", "RPUSH", "SADD", "ZADD"))
    scored = [part for one in elements for part in (rng.choice((b"1", b"2", b"0")), one)]
    made = [request("DEL", key), request(word, key, *(scored if word == "ZADD" else elements))]
    for place in rng.sample((b"k1", b"k2", b"k3", b"k4"), rng.randrange(4)):
        if place == key:
            continue
        weight = rng.choice((b"1", b"2", b"1", b"x", number(rng)))
        hashed = rng.random() < 0.5
        made.append(request("DEL", place))
        made.append(request("HSET", place, "f1", weight, "f2", "v") if hashed else request("SET", place, weight))
    if rng.random() < 0.3:
        made.append(request("INCRBYFLOAT", "k1", "1e5000"))  # the C library will say that a number is out of range
    return tuple(made)
