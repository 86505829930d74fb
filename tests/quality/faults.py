"""Faults, seeded between the judge and Redlark's own server: each is a mistake that a real server could have.

A fault is a function of a link (one client's connection to the server behind) and a request, and gives the reply. What
it does not care about it passes on. The table is what the tests walk over; the commands are where the divergence may
show itself, since a wrong effect is seen by whatever reads it first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from .proxy import Link

Handler = Callable[[Link, tuple[bytes, ...]], bytes]
Request = tuple[bytes, ...]


@frozen
class Fault:
    """A mistake: its name, and how a server behaves that makes it."""

    name: str
    handle: Handler


FAULTS: list[Fault] = []


def fault(name: str) -> Callable[[Handler], Handler]:
    """Enter a function into the table."""

    def enter(handle: Handler) -> Handler:
        FAULTS.append(Fault(name, handle))
        return handle

    return enter


def called(request: Request, *names: bytes) -> bool:
    return bool(request) and request[0].upper() in names


def integer(raw: bytes) -> int | None:
    return int(raw[1:-2]) if raw[:1] == b":" else None


def has(request: Request, word: bytes) -> bool:
    return word in (part.upper() for part in request[3:])


# -- strings ---------------------------------------------------------------------------------------------------------


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


# -- keys and deadlines -----------------------------------------------------------------------------------------------


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


# -- transactions, connections, dispatch ------------------------------------------------------------------------------


@fault("WATCH is ignored")
def _(link: Link, request: Request) -> bytes:
    return b"+OK\r\n" if called(request, b"WATCH") and len(request) > 1 and not link.in_multi else link.ask(*request)


@fault("EXEC runs what could be queued after a mistake")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"*0\r\n" if called(request, b"EXEC") and raw.startswith(b"-EXECABORT") else raw


@fault("DISCARD runs the transaction")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"DISCARD") and len(request) == 1 and link.in_multi:
        raw = link.ask(b"EXEC")
        return b"+OK\r\n" if raw[:1] in b"*-_" else raw
    return link.ask(*request)


@fault("MULTI may be nested")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"+OK\r\n" if called(request, b"MULTI") and b"nested" in raw else raw


@fault("RESP3 gets the null of RESP2")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"$-1\r\n" if raw == b"_\r\n" else raw


@fault("SELECT takes any database")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"+OK\r\n" if called(request, b"SELECT") and raw == b"-ERR DB index is out of range\r\n" else raw


@fault("ECHO answers a simple string")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"+" + raw.split(b"\r\n", 1)[1] if called(request, b"ECHO") and raw[:1] == b"$" else raw


@fault("an unknown command is told in other words")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"-ERR no such command\r\n" if raw.startswith(b"-ERR unknown command 'no") else raw


@fault("GET takes any number of arguments")
def _(link: Link, request: Request) -> bytes:
    return link.ask(*(request[:2] if called(request, b"GET") else request))


@fault("names of commands must be in capitals")
def _(link: Link, request: Request) -> bytes:
    if request and request[0].lower() == request[0] and called(request, b"TYPE"):
        return b"-ERR unknown command 'type', with args beginning with: \r\n"
    return link.ask(*request)


@fault("an integer reply is a bulk string")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if called(request, b"INCR") and raw[:1] == b":":
        return b"$%d\r\n%b" % (len(raw) - 3, raw[1:])
    return raw


@fault("the reply to PING in a pipeline comes twice")
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return raw * 2 if called(request, b"PING") and raw == b"+PONG\r\n" else raw


@fault("TOUCH closes the connection")
def _(link: Link, request: Request) -> bytes:
    if called(request, b"TOUCH") and len(request) == 3 and not link.in_multi:
        raise ConnectionResetError
    return link.ask(*request)
