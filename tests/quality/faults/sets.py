"""Faults of sets."""

from __future__ import annotations

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, integer, number, with_word, without

SET = "set"


asks("SMOVE only copies", SET, "SMOVE", lambda asked: (b"SADD", *asked[2:]) if len(asked) == 4 else None)
asks("SINTERCARD ignores LIMIT", SET, "SINTERCARD", lambda asked: without(asked, b"LIMIT", 1))
asks("SRANDMEMBER below 0 draws no member twice", SET, "SRANDMEMBER", lambda asked: with_word(asked, 2, abs))
asks("SPOP leaves the members", SET, "SPOP", lambda asked: (b"SRANDMEMBER", *asked[1:]))
asks("SPOP takes one too many", SET, "SPOP", lambda asked: with_word(asked, 2, lambda n: n + 1))
asks("SDIFF takes the first from the second", SET, "SDIFF", lambda asked: (asked[0], *asked[:0:-1]))
asks("SINTER is a union", SET, "SINTER", lambda asked: (b"SUNION", *asked[1:]))
asks(
    "SUNIONSTORE keeps what was there", SET, "SUNIONSTORE", lambda asked: (*asked, asked[1]) if len(asked) > 2 else None
)
asks(
    "SINTERSTORE takes in its destination",
    SET,
    "SINTERSTORE",
    lambda asked: (*asked, asked[1]) if len(asked) > 2 else None,
)
asks("SREM takes only the first member", SET, "SREM", lambda asked: asked[:3])
asks("SADD adds only the first member", SET, "SADD", lambda asked: asked[:3])
answers("SADD counts what was there", SET, "SADD", lambda raw, asked: b":%d\r\n" % (len(asked) - 2))
answers("SREM counts what was not there", SET, "SREM", lambda raw, asked: b":%d\r\n" % (len(asked) - 2))
answers("SISMEMBER finds what is not there", SET, "SISMEMBER", lambda raw, _: b":1\r\n")
answers("SCARD counts one too many", SET, "SCARD", lambda raw, _: number(raw, lambda n: n and n + 1))
answers("SMISMEMBER answers the wrong way round", SET, "SMISMEMBER", lambda raw, _: elements(raw, lambda p: p[::-1]))
answers("SMEMBERS leaves one out", SET, "SMEMBERS", lambda raw, _: elements(raw, lambda parts: parts[1:]))
answers("SMEMBERS tells one twice", SET, "SMEMBERS", lambda raw, _: elements(raw, lambda parts: [*parts, parts[0]]))
answers("SUNION is an array in RESP3", SET, "SUNION", lambda raw, _: b"*" + raw[1:] if raw[:1] == b"~" else None)
answers(
    "SPOP of nothing is an empty string",
    SET,
    "SPOP",
    lambda raw, _: b"$0\r\n\r\n" if raw in (b"_\r\n", b"$-1\r\n") else None,
)
answers("SINTERSTORE tells one too many", SET, "SINTERSTORE", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "SINTERCARD 0 keys is told otherwise",
    SET,
    "SINTERCARD",
    lambda raw, _: b"-ERR syntax error\r\n" if b"numkeys" in raw else None,
    errors=True,
)


@fault("SDIFFSTORE of nothing keeps the destination", SET)
def _(link: Link, request: Request) -> bytes:
    stores = called(request, b"SDIFFSTORE") and len(request) > 2 and not link.in_multi
    if stores and link.ask(b"SDIFF", *request[2:]) in (b"*0\r\n", b"~0\r\n"):
        return b":0\r\n"
    return link.ask(*request)


@fault("SSCAN leaves one member out", SET)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"SSCAN") and raw.startswith(b"*2\r\n"):
        cursor, rest = raw[4:].split(b"\r\n", 2)[:2], raw[4:].split(b"\r\n", 2)[2]
        fewer = elements(rest, lambda parts: parts[1:])
        return raw if fewer is None else b"*2\r\n" + b"\r\n".join(cursor) + b"\r\n" + fewer
    return raw


@fault("SMOVE onto itself removes the member", SET)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"SMOVE") and len(request) == 4 and request[1] == request[2] and integer(raw) == 1:
        link.ask(b"SREM", *request[2:])
    return raw
