"""Faults of hashes and of their fields' deadlines."""

from __future__ import annotations

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, integer, number, text, with_word, without

HASH = "hash"


asks("HSETNX overwrites", HASH, "HSETNX", lambda asked: (b"HSET", *asked[1:]) if len(asked) == 4 else None)
asks("HDEL takes only the first field", HASH, "HDEL", lambda asked: asked[:3])
asks("HSET sets only the first pair", HASH, "HSET", lambda asked: asked[:4] if len(asked) % 2 == 0 else None)
asks("HINCRBY takes away", HASH, "HINCRBY", lambda asked: with_word(asked, 3, lambda n: -n))
asks(
    "HGETDEL leaves the fields",
    HASH,
    "HGETDEL",
    lambda asked: (
        (b"HMGET", asked[1], *asked[4:])
        if len(asked) > 4 and asked[3] == b"1" and len(asked) == 5 and asked[2].upper() == b"FIELDS"
        else None
    ),
)
asks("HRANDFIELD below 0 draws no field twice", HASH, "HRANDFIELD", lambda asked: with_word(asked, 2, abs))
asks("HRANDFIELD ignores WITHVALUES", HASH, "HRANDFIELD", lambda asked: without(asked, b"WITHVALUES"))
asks("HEXPIRE ignores NX", HASH, "HEXPIRE HPEXPIRE", lambda asked: without(asked, b"NX"))
asks("HEXPIRE ignores XX", HASH, "HEXPIRE HPEXPIRE", lambda asked: without(asked, b"XX"))
asks("HEXPIRE takes milliseconds", HASH, "HEXPIRE", lambda asked: (b"HPEXPIRE", *asked[1:]))
asks("HSETEX ignores FNX", HASH, "HSETEX", lambda asked: without(asked, b"FNX"))
asks("HSETEX drops KEEPTTL", HASH, "HSETEX", lambda asked: without(asked, b"KEEPTTL"))
asks("HGETEX ignores PERSIST", HASH, "HGETEX", lambda asked: without(asked, b"PERSIST"))
asks("HSCAN tells values with NOVALUES", HASH, "HSCAN", lambda asked: without(asked, b"NOVALUES"))
answers("HSET counts what was there", HASH, "HSET", lambda raw, asked: b":%d\r\n" % (len(asked) // 2 - 1))
answers("HDEL counts what was not there", HASH, "HDEL", lambda raw, asked: b":%d\r\n" % (len(asked) - 2))
answers(
    "HGET of nothing is an empty string",
    HASH,
    "HGET",
    lambda raw, _: b"$0\r\n\r\n" if raw in (b"_\r\n", b"$-1\r\n") else None,
)
answers("HMGET answers the wrong way round", HASH, "HMGET", lambda raw, _: elements(raw, lambda parts: parts[::-1]))
answers("HLEN counts one too many", HASH, "HLEN", lambda raw, _: number(raw, lambda n: n and n + 1))
answers("HSTRLEN counts one too many", HASH, "HSTRLEN", lambda raw, _: number(raw, lambda n: n and n + 1))
answers("HKEYS leaves one out", HASH, "HKEYS", lambda raw, _: elements(raw, lambda parts: parts[1:]))
answers("HVALS tells one twice", HASH, "HVALS", lambda raw, _: elements(raw, lambda parts: [*parts, parts[0]]))
answers(
    "HGETALL is an array in RESP3",
    HASH,
    "HGETALL",
    lambda raw, _: (
        b"*%d%b" % (2 * int(raw[1 : raw.index(b"\r")]), raw[raw.index(b"\r") :]) if raw[:1] == b"%" else None
    ),
)
answers("HEXISTS finds what is not there", HASH, "HEXISTS", lambda raw, _: b":1\r\n")
answers(
    "HTTL is ten seconds off",
    HASH,
    "HTTL",
    lambda raw, _: elements(raw, lambda parts: [number(p, lambda n: n + 10 if n > 0 else n) or p for p in parts]),
)
answers(
    "HPERSIST of a field without deadline says 1",
    HASH,
    "HPERSIST",
    lambda raw, _: elements(raw, lambda parts: [b":1\r\n" if p == b":-1\r\n" else p for p in parts]),
)
answers(
    "HEXPIRE of no field says 0",
    HASH,
    "HEXPIRE HPEXPIRE",
    lambda raw, _: elements(raw, lambda parts: [b":0\r\n" if p == b":-2\r\n" else p for p in parts]),
)
answers(
    "HINCRBYFLOAT always has decimals",
    HASH,
    "HINCRBYFLOAT",
    lambda raw, _: text(raw, lambda t: t if b"." in t else t + b".0"),
)
answers(
    "HINCRBY of a text is told otherwise",
    HASH,
    "HINCRBY",
    lambda raw, _: b"-ERR value is not an integer or out of range\r\n" if b"hash value" in raw else None,
    errors=True,
)


@fault("HSET keeps a field's deadline", HASH)
def _(link: Link, request: Request) -> bytes:
    if not called(request, b"HSET") or len(request) != 4 or link.in_multi:
        return link.ask(*request)
    held = link.ask(b"HPEXPIRETIME", request[1], b"FIELDS", b"1", request[2])
    raw = link.ask(*request)
    if held.startswith(b"*1\r\n:") and (integer(held[4:]) or 0) > 0:
        link.ask(b"HPEXPIREAT", request[1], held[5:-2], b"FIELDS", b"1", request[2])
    return raw


@fault("HEXPIRE in the past keeps the field", HASH)
def _(link: Link, request: Request) -> bytes:
    if called(request, b"HEXPIRE", b"HPEXPIRE") and len(request) == 6 and request[2] == b"0":
        raw = link.ask(b"HEXISTS", request[1], request[5])
        return raw if raw[:1] != b":" else b"*1\r\n:2\r\n" if raw == b":1\r\n" else b"*1\r\n:-2\r\n"
    return link.ask(*request)


@fault("the last field leaves an empty hash", HASH)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"HDEL") and (integer(raw) or 0) > 0 and link.ask(b"EXISTS", request[1]) == b":0\r\n":
        link.ask(b"HSET", request[1], b"", b"")
    return raw
