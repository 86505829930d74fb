"""Faults of keys and deadlines."""

from __future__ import annotations

import re

from ..proxy import Link
from . import Request, called, fault, has, integer


@fault("TTL is ten seconds off")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    left = integer(raw)
    return b":%d\r\n" % (left + 10) if called(request, b"TTL") and left is not None and left > 0 else raw


@fault("PTTL tells seconds")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    left = integer(raw)
    return b":%d\r\n" % (left // 1000) if called(request, b"PTTL") and left is not None and left > 1000 else raw


@fault("EXPIRE GT means LT")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"EXPIRE", b"PEXPIRE") and has(request, b"GT"):
        request = (*request[:3], *(b"LT" if part.upper() == b"GT" else part for part in request[3:]))
    return link.ask(*request)


@fault("EXPIRE in the past keeps the key")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"EXPIRE") and len(request) == 3 and re.fullmatch(rb"-\d{1,5}|0", request[2]):
        return link.ask(b"EXISTS", request[1])
    return link.ask(*request)


@fault("PERSIST always says 1")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b":1\r\n" if called(request, b"PERSIST") and raw == b":0\r\n" else raw


@fault("DEL counts a key twice")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"DEL") and len(request) > 2 and len(set(request)) < len(request) and raw == b":1\r\n":
        return b":2\r\n"
    return raw


@fault("EXISTS counts a key once")
def _(link: Link, request: Request) -> bytes:
    return link.ask(*((request[0], *dict.fromkeys(request[1:])) if called(request, b"EXISTS") else request))


@fault("RENAME loses the deadline")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"RENAME") and raw == b"+OK\r\n" and not link.in_multi:
        link.ask(b"PERSIST", request[2])
    return raw


@fault("COPY does not copy the deadline")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"COPY") and raw == b":1\r\n" and len(request) == 3:
        link.ask(b"PERSIST", request[2])
    return raw


@fault("MOVE overwrites")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if (
        called(request, b"MOVE")
        and raw == b":0\r\n"
        and request[2] == b"1"
        and link.ask(b"EXISTS", request[1]) == b":1\r\n"
    ):
        link.ask(b"DEL", request[1])
        return b":1\r\n"
    return raw


@fault("TYPE calls a list a string")
def _(link: Link, request: Request) -> bytes:
    return link.ask(*request).replace(b"+list", b"+string") if called(request, b"TYPE") else link.ask(*request)


@fault("SCAN leaves one key out")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"SCAN") and (
        match := re.match(rb"(\*2\r\n\$\d+\r\n\d+\r\n)\*(\d+)\r\n\$\d+\r\n[^\r]*\r\n", raw)
    ):
        return match[1] + b"*%d\r\n" % (int(match[2]) - 1) + raw[match.end() :]
    return raw


@fault("KEYS does not know [^x]")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"KEYS") and len(request) == 2:
        request = (request[0], request[1].replace(b"[^", b"["))
    return link.ask(*request)


@fault("DBSIZE counts all databases")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"SWAPDB", b"DBSIZE") and len(request) == 1 and integer(raw) is not None:
        return b":%d\r\n" % (integer(raw) + 1)  # type: ignore[operator]
    return raw


@fault("OBJECT ENCODING has no embstr")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"$3\r\nraw\r\n" if called(request, b"OBJECT") and raw == b"$6\r\nembstr\r\n" else raw
