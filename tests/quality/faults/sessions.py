"""Faults of transactions, connections and dispatch."""

from __future__ import annotations

from ..proxy import Link
from . import Request, called, fault


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
