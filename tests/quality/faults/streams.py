"""Faults of streams and their groups."""

from __future__ import annotations

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, instead, number, with_word, without

STREAM = "stream"


def group(request: Request, name: bytes) -> bool:
    """Whether a request is this subcommand of XGROUP or XINFO."""
    return len(request) > 1 and request[1].upper() == name


asks("XADD ignores NOMKSTREAM", STREAM, "XADD", lambda asked: without(asked, b"NOMKSTREAM"))
asks(
    "XRANGE takes in an open bound",
    STREAM,
    "XRANGE XREVRANGE",
    lambda asked: (*asked[:2], *(part.removeprefix(b"(") for part in asked[2:])),
)
asks("XRANGE ignores COUNT", STREAM, "XRANGE", lambda asked: without(asked, b"COUNT", 1))
asks(
    "XREVRANGE goes up",
    STREAM,
    "XREVRANGE",
    lambda asked: (b"XRANGE", asked[1], asked[3], asked[2], *asked[4:]) if len(asked) > 3 else None,
)
asks(
    "XTRIM MAXLEN keeps one more",
    STREAM,
    "XTRIM",
    lambda asked: (
        with_word(asked, len(asked) - 1, lambda n: n + 1) if len(asked) == 4 and asked[2].upper() == b"MAXLEN" else None
    ),
)
asks("XTRIM MINID means MAXLEN", STREAM, "XTRIM", lambda asked: instead(asked, b"MINID", b"MAXLEN"))
asks(
    "XGROUP CREATE makes a stream unasked",
    STREAM,
    "XGROUP",
    lambda asked: (*asked, b"MKSTREAM") if len(asked) == 5 and group(asked, b"CREATE") else None,
)
asks("XDEL takes only the first entry", STREAM, "XDEL", lambda asked: asked[:3])
asks("XACK takes only the first entry", STREAM, "XACK", lambda asked: asked[:4])
asks(
    "XPENDING ignores the consumer",
    STREAM,
    "XPENDING",
    lambda asked: asked[:6] if len(asked) == 7 and asked[3].upper() != b"IDLE" else None,
)
asks("XPENDING ignores IDLE", STREAM, "XPENDING", lambda asked: without(asked, b"IDLE", 1))
asks("XCLAIM ignores FORCE", STREAM, "XCLAIM", lambda asked: without(asked, b"FORCE"))
asks("XCLAIM ignores JUSTID", STREAM, "XCLAIM", lambda asked: without(asked, b"JUSTID"))
asks("XCLAIM ignores RETRYCOUNT", STREAM, "XCLAIM", lambda asked: without(asked, b"RETRYCOUNT", 1))
asks("XAUTOCLAIM ignores COUNT", STREAM, "XAUTOCLAIM", lambda asked: without(asked, b"COUNT", 1))
asks("XSETID ignores ENTRIESADDED", STREAM, "XSETID", lambda asked: without(asked, b"ENTRIESADDED", 1))
answers("XLEN counts one too many", STREAM, "XLEN", lambda raw, _: number(raw, lambda n: n and n + 1))
answers("XDEL counts what was not there", STREAM, "XDEL", lambda raw, asked: b":%d\r\n" % (len(asked) - 2))
answers("XACK counts what was not pending", STREAM, "XACK", lambda raw, asked: b":%d\r\n" % (len(asked) - 3))
answers("XRANGE leaves the last one out", STREAM, "XRANGE", lambda raw, _: elements(raw, lambda parts: parts[:-1]))
answers(
    "XGROUP DESTROY always says 1", STREAM, "XGROUP", lambda raw, asked: b":1\r\n" if group(asked, b"DESTROY") else None
)
answers(
    "XGROUP CREATECONSUMER always says 1",
    STREAM,
    "XGROUP",
    lambda raw, asked: b":1\r\n" if group(asked, b"CREATECONSUMER") else None,
)
answers(
    "XGROUP DELCONSUMER forgets to count",
    STREAM,
    "XGROUP",
    lambda raw, asked: b":0\r\n" if group(asked, b"DELCONSUMER") else None,
)
answers("XTRIM tells what is left", STREAM, "XTRIM", lambda raw, _: number(raw, lambda n: n + 1))
answers(
    "a group that is there is told otherwise",
    STREAM,
    "XGROUP",
    lambda raw, _: b"-ERR Consumer Group name already exists\r\n" if raw.startswith(b"-BUSYGROUP") else None,
    errors=True,
)
answers(
    "a group that is not there is told otherwise",
    STREAM,
    "XACK XPENDING XCLAIM XGROUP",
    lambda raw, _: b"-ERR no such group\r\n" if raw.startswith(b"-NOGROUP") else None,
    errors=True,
)
answers(
    "an ID too small is told otherwise",
    STREAM,
    "XADD",
    lambda raw, _: (
        b"-ERR Invalid stream ID specified as stream command argument\r\n" if b"equal or smaller" in raw else None
    ),
    errors=True,
)
answers(
    "XPENDING of none is empty",
    STREAM,
    "XPENDING",
    lambda raw, _: b"*0\r\n" if raw.startswith(b"*4\r\n:0\r\n") else None,
)


@fault("XADD takes 0-0", STREAM)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    return b"$3\r\n0-0\r\n" if called(request, b"XADD") and b"must be greater than 0-0" in raw else raw


@fault("XDEL of the last entry deletes the stream", STREAM)
def _(link: Link, request: Request) -> bytes:
    raw = link.ask(*request)
    if (
        called(request, b"XDEL")
        and len(request) > 2
        and raw not in (b":0\r\n", b"+QUEUED\r\n")
        and link.ask(b"XLEN", request[1]) == b":0\r\n"
    ):
        link.ask(b"DEL", request[1])
    return raw
