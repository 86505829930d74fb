"""Faults of strings."""

from __future__ import annotations

import re

from ..proxy import Link
from . import Request, called, fault, has


@fault("SET ignores NX")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"SET") and has(request, b"NX"):
        request = (*request[:3], *(part for part in request[3:] if part.upper() != b"NX"))
    return link.ask(*request)


@fault("SET ignores XX")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"SET") and has(request, b"XX"):
        request = (*request[:3], *(part for part in request[3:] if part.upper() != b"XX"))
    return link.ask(*request)


@fault("SET keeps the deadline")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"SET") and len(request) == 3:
        request = (*request, b"KEEPTTL")
    return link.ask(*request)


@fault("SET KEEPTTL drops the deadline")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"SET") and has(request, b"KEEPTTL") and len(request) == 4:
        request = request[:3]
    return link.ask(*request)


@fault("SET with an unknown option tells about arity")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"SET") and raw == b"-ERR syntax error\r\n":
        return b"-ERR wrong number of arguments for 'set' command\r\n"
    return raw


@fault("INCR wraps around instead of overflowing")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"INCR", b"INCRBY") and b"overflow" in raw and len(request) > 1:
        link.ask(b"SET", request[1], b"-9223372036854775808", b"KEEPTTL")
        return b":-9223372036854775808\r\n"
    return raw


@fault("INCRBY reads numbers as strtoll does")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"INCRBY") and raw.startswith(b"-ERR value is not") and len(request) == 3:
        match = re.match(rb"\s*([+-]?\d{1,18})", request[2])
        return link.ask(b"INCRBY", request[1], b"%d" % int(match[1])) if match else raw
    return raw


@fault("DECRBY adds")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"DECRBY"):
        request = (b"INCRBY", *request[1:])
    return link.ask(*request).replace(b"'incrby'", b"'decrby'")


@fault("APPEND tells the length of what was appended")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b":%d\r\n" % len(request[2]) if called(request, b"APPEND") and raw[:1] == b":" else raw


@fault("GETRANGE leaves out the last byte")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"GETRANGE") and raw[:1] == b"$" and raw != b"$0\r\n\r\n":
        text = raw.split(b"\r\n", 1)[1][:-3]
        return b"$%d\r\n%b\r\n" % (len(text), text)
    return raw


@fault("SETRANGE pads with spaces")
def _(link: Link, request: Request) -> bytes:
    if (
        called(request, b"SETRANGE")
        and len(request) == 4
        and request[2] == b"3"
        and link.ask(b"EXISTS", request[1]) == b":0\r\n"
    ):
        link.ask(b"SET", request[1], b"   " + request[3])
        return b":%d\r\n" % (3 + len(request[3]))
    return link.ask(*request)


@fault("MSETNX sets what it can")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"MSETNX") and raw == b":0\r\n":
        for key, value in zip(request[1::2], request[2::2], strict=True):
            link.ask(b"SET", key, value, b"NX")
    return raw


@fault("MGET fails on a key of another type")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"MGET") and any(
        link.ask(b"TYPE", key) not in (b"+string\r\n", b"+none\r\n") for key in request[1:]
    ):
        return b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
    return link.ask(*request)


@fault("STRLEN counts one for an absent key")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b":1\r\n" if called(request, b"STRLEN") and raw == b":0\r\n" else raw


@fault("GETDEL leaves the key")
def _(link: Link, request: Request) -> bytes:
    return link.ask(*((b"GET", *request[1:]) if called(request, b"GETDEL") and len(request) == 2 else request))


@fault("INCRBYFLOAT prints an exponent")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"INCRBYFLOAT") and raw[:1] == b"$" and len(raw) > 15:
        text = b"%.6e" % float(raw.split(b"\r\n")[1])
        return b"$%d\r\n%b\r\n" % (len(text), text)
    return raw
