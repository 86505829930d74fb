"""Faults of sorted sets."""

from __future__ import annotations

import re

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, instead, number, text, with_word, without

ZSET = "sorted-set"
OPEN = re.compile(rb"\((-?[\d.]+)")


def closed(request: Request) -> Request | None:
    """Bounds that exclude as if they included."""
    other = tuple(OPEN.sub(rb"\1", part) if OPEN.fullmatch(part) else part for part in request)
    return None if other == request else other


asks("ZADD ignores NX", ZSET, "ZADD", lambda asked: without(asked, b"NX"))
asks("ZADD ignores XX", ZSET, "ZADD", lambda asked: without(asked, b"XX"))
asks("ZADD GT means LT", ZSET, "ZADD", lambda asked: instead(asked, b"GT", b"LT"))
asks("ZADD CH counts only what is new", ZSET, "ZADD", lambda asked: without(asked, b"CH"))
asks("ZREM takes only the first member", ZSET, "ZREM", lambda asked: asked[:3])
asks("ZRANGE begins one late", ZSET, "ZRANGE", lambda asked: with_word(asked, 2, lambda n: n + 1 if n >= 0 else n))
asks("ZRANGE ignores REV", ZSET, "ZRANGE", lambda asked: without(asked, b"REV"))
asks("ZRANGE ignores WITHSCORES", ZSET, "ZRANGE", lambda asked: without(asked, b"WITHSCORES"))
asks("ZRANGEBYSCORE takes in an open bound", ZSET, "ZRANGEBYSCORE", closed)
asks("ZCOUNT takes in an open bound", ZSET, "ZCOUNT", closed)
asks("ZRANGEBYSCORE ignores LIMIT", ZSET, "ZRANGEBYSCORE", lambda asked: without(asked, b"LIMIT", 2))
asks("ZREVRANGE goes up", ZSET, "ZREVRANGE", lambda asked: (b"ZRANGE", *asked[1:]))
asks("ZREVRANK counts from below", ZSET, "ZREVRANK", lambda asked: (b"ZRANK", *asked[1:]))
asks("ZRANK ignores WITHSCORE", ZSET, "ZRANK", lambda asked: without(asked, b"WITHSCORE"))
asks("ZPOPMIN pops the highest", ZSET, "ZPOPMIN", lambda asked: (b"ZPOPMAX", *asked[1:]))
asks("ZMPOP MIN means MAX", ZSET, "ZMPOP", lambda asked: instead(asked, b"MIN", b"MAX"))
asks("ZUNION ignores WEIGHTS", ZSET, "ZUNION ZUNIONSTORE", lambda asked: weightless(asked))
asks("ZUNION ignores AGGREGATE", ZSET, "ZUNION ZUNIONSTORE", lambda asked: without(asked, b"AGGREGATE", 1))
asks("ZINTER is a union", ZSET, "ZINTER", lambda asked: (b"ZUNION", *asked[1:]))
asks("ZINTERCARD ignores LIMIT", ZSET, "ZINTERCARD", lambda asked: without(asked, b"LIMIT", 1))
asks(
    "ZREMRANGEBYRANK takes one more",
    ZSET,
    "ZREMRANGEBYRANK",
    lambda asked: with_word(asked, 3, lambda n: n + 1 if n >= 0 else n),
)
asks("ZREMRANGEBYSCORE takes in an open bound", ZSET, "ZREMRANGEBYSCORE", closed)
asks("ZRANDMEMBER below 0 draws no member twice", ZSET, "ZRANDMEMBER", lambda asked: with_word(asked, 2, abs))
asks(
    "ZLEXCOUNT takes in an open bound",
    ZSET,
    "ZLEXCOUNT",
    lambda asked: (*asked[:2], *(b"[" + part[1:] if part[:1] == b"(" else part for part in asked[2:])),
)
asks(
    "ZINCRBY sets",
    ZSET,
    "ZINCRBY",
    lambda asked: (b"ZADD", asked[1], b"XX", b"INCR", *asked[2:]) if len(asked) == 4 else None,
)
answers("ZCARD counts one too many", ZSET, "ZCARD", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "ZSCORE prints decimals",
    ZSET,
    "ZSCORE",
    lambda raw, _: (
        text(raw, lambda t: t + b".0" if t.isdigit() else t)
        or (raw[:-2] + b".0\r\n" if re.fullmatch(rb",\d+\r\n", raw) else None)
    ),
)
answers(
    "ZSCORE is a string in RESP3",
    ZSET,
    "ZSCORE",
    lambda raw, _: b"$%d\r\n%b" % (len(raw) - 3, raw[1:]) if raw[:1] == b"," else None,
)
answers(
    "ZMSCORE of nothing is 0",
    ZSET,
    "ZMSCORE",
    lambda raw, _: elements(raw, lambda parts: [b"$1\r\n0\r\n" if p in (b"_\r\n", b"$-1\r\n") else p for p in parts]),
)
answers(
    "ZADD counts what was there",
    ZSET,
    "ZADD",
    lambda raw, asked: b":%d\r\n" % (len(asked) // 2 - 1) if raw[:1] == b":" and len(asked) % 2 == 0 else None,
)
answers("ZRANK counts from 1", ZSET, "ZRANK", lambda raw, _: number(raw, lambda n: n + 1))
answers("ZDIFF leaves one out", ZSET, "ZDIFF", lambda raw, _: elements(raw, lambda parts: parts[1:]))
answers("ZRANGESTORE tells one too many", ZSET, "ZRANGESTORE", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "infinity is spelled out",
    ZSET,
    "ZSCORE ZINCRBY ZADD",
    lambda raw, _: (
        raw.replace(b",inf\r\n", b",Infinity\r\n")
        if raw[:1] == b","
        else b"$8\r\nInfinity\r\n"
        if raw == b"$3\r\ninf\r\n"
        else None
    ),
)
answers(
    "a score that is no number is told otherwise",
    ZSET,
    "ZADD ZINCRBY",
    lambda raw, _: b"-ERR value is not a valid float or out of range\r\n" if b"not a valid float" in raw else None,
    errors=True,
)
answers(
    "GT and NX together are told otherwise",
    ZSET,
    "ZADD",
    lambda raw, _: b"-ERR syntax error\r\n" if b"GT, LT" in raw else None,
    errors=True,
)


def weightless(request: Request) -> Request | None:
    """The request without its weights, as many as there are keys."""
    place = 2 if called(request, b"ZUNIONSTORE") else 1
    if len(request) <= place or not request[place].isdigit():
        return None
    return without(request, b"WEIGHTS", int(request[place]))


@fault("ZADD overwrites another type", ZSET)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"ZADD") and raw.startswith(b"-WRONGTYPE"):
        link.ask(b"DEL", request[1])
        return link.ask(*request)
    return raw
