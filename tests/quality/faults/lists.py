"""Faults of lists."""

from __future__ import annotations

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, instead, number, with_word, without

LIST = "list"
WRONG_TYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


asks("LPUSH pushes at the right", LIST, "LPUSH", lambda asked: (b"RPUSH", *asked[1:]))
asks("RPUSHX makes a list", LIST, "RPUSHX", lambda asked: (b"RPUSH", *asked[1:]) if len(asked) > 2 else None)
asks("LPUSH pushes several elements the wrong way round", LIST, "LPUSH", lambda asked: (*asked[:2], *asked[:1:-1]))
asks("RPOP takes from the left", LIST, "RPOP", lambda asked: (b"LPOP", *asked[1:]))
asks("LINDEX does not count from the end", LIST, "LINDEX", lambda asked: with_word(asked, 2, abs))
asks("LRANGE begins one late", LIST, "LRANGE", lambda asked: with_word(asked, 2, lambda n: n + 1 if n >= 0 else n))
asks("LTRIM keeps one more", LIST, "LTRIM", lambda asked: with_word(asked, 3, lambda n: n + 1 if n >= 0 else n))
asks("LREM from the end removes from the head", LIST, "LREM", lambda asked: with_word(asked, 2, abs))
asks("LREM of no count removes one", LIST, "LREM", lambda asked: with_word(asked, 2, lambda n: n or 1))
asks("LSET does not count from the end", LIST, "LSET", lambda asked: with_word(asked, 2, abs))
asks("LINSERT BEFORE means AFTER", LIST, "LINSERT", lambda asked: instead(asked, b"BEFORE", b"AFTER"))
asks("LPOS ignores RANK", LIST, "LPOS", lambda asked: without(asked, b"RANK", 1))
asks("LPOS COUNT 0 finds one", LIST, "LPOS", lambda asked: instead(asked, b"0", b"1") if b"COUNT" in asked else None)
asks("LPOS ignores MAXLEN", LIST, "LPOS", lambda asked: without(asked, b"MAXLEN", 1))
asks(
    "LMOVE takes from the other end",
    LIST,
    "LMOVE",
    lambda asked: (*asked[:3], OTHER.get(asked[3].upper(), asked[3]), *asked[4:]) if len(asked) == 5 else None,
)
asks("LMPOP takes one too many", LIST, "LMPOP", lambda asked: with_word(asked, len(asked) - 1, lambda n: n + 1))
answers("LLEN counts one too many", LIST, "LLEN", lambda raw, _: number(raw, lambda n: n and n + 1))
answers("RPUSH tells how many were pushed", LIST, "RPUSH", lambda raw, asked: b":%d\r\n" % (len(asked) - 2))
answers("LINSERT without the pivot answers 0", LIST, "LINSERT", lambda raw, _: b":0\r\n" if raw == b":-1\r\n" else None)
answers("LPOP 0 answers nil", LIST, "LPOP RPOP", lambda raw, _: b"*-1\r\n" if raw == b"*0\r\n" else None)
answers("LRANGE leaves the last one out", LIST, "LRANGE", lambda raw, _: elements(raw, lambda parts: parts[:-1]))
answers(
    "LSET beyond the end finds no key",
    LIST,
    "LSET",
    lambda raw, _: b"-ERR no such key\r\n" if b"out of range" in raw else None,
    errors=True,
)

OTHER = {b"LEFT": b"RIGHT", b"RIGHT": b"LEFT"}


@fault("LPUSH overwrites another type", LIST)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"LPUSH") and raw == WRONG_TYPE:
        link.ask(b"DEL", request[1])
        return link.ask(*request)
    return raw


@fault("LLEN of another type is 0", LIST)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b":0\r\n" if called(request, b"LLEN") and raw == WRONG_TYPE else raw


@fault("RPOPLPUSH leaves the element where it was", LIST)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"RPOPLPUSH") and raw[:2] not in (b"$-", b"_\r", b"-E", b"-W", b"+Q"):
        link.ask(b"RPUSH", request[1], raw.split(b"\r\n", 1)[1][:-2])
    return raw
