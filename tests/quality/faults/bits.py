"""Faults of bitmaps and HyperLogLogs."""

from __future__ import annotations

from ..proxy import Link
from . import Request, answers, asks, called, elements, fault, instead, number, with_word

BITMAP, SKETCH = "bitmap", "hyperloglog"


asks("SETBIT counts bits from the right", BITMAP, "SETBIT", lambda asked: with_word(asked, 2, lambda n: n ^ 7))
asks("GETBIT counts bits from the right", BITMAP, "GETBIT", lambda asked: with_word(asked, 2, lambda n: n ^ 7))
asks("BITCOUNT takes bits for bytes", BITMAP, "BITCOUNT", lambda asked: instead(asked, b"BIT", b"BYTE"))
asks("BITCOUNT ignores its range", BITMAP, "BITCOUNT", lambda asked: asked[:2] if len(asked) == 4 else None)
asks("BITPOS takes bits for bytes", BITMAP, "BITPOS", lambda asked: instead(asked, b"BIT", b"BYTE"))
asks(
    "BITOP AND means OR",
    BITMAP,
    "BITOP",
    lambda asked: (asked[0], b"OR", *asked[2:]) if asked[1:2] == (b"AND",) else None,
)
asks(
    "BITOP XOR means OR",
    BITMAP,
    "BITOP",
    lambda asked: (asked[0], b"OR", *asked[2:]) if asked[1:2] == (b"XOR",) else None,
)
asks("BITFIELD SAT wraps around", BITMAP, "BITFIELD", lambda asked: instead(asked, b"SAT", b"WRAP"))
asks("BITFIELD FAIL wraps around", BITMAP, "BITFIELD", lambda asked: instead(asked, b"FAIL", b"WRAP"))
asks("BITFIELD_RO writes", BITMAP, "BITFIELD_RO", lambda asked: (b"BITFIELD", *asked[1:]))
asks(
    "BITFIELD # counts bits",
    BITMAP,
    "BITFIELD BITFIELD_RO",
    lambda asked: (*asked[:2], *(part.removeprefix(b"#") for part in asked[2:])),
)
answers("SETBIT tells the new bit", BITMAP, "SETBIT", lambda raw, asked: b":%b\r\n" % asked[3])
answers("BITCOUNT counts one too many", BITMAP, "BITCOUNT", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "BITPOS finds a zero behind the end nowhere",
    BITMAP,
    "BITPOS",
    lambda raw, asked: b":-1\r\n" if asked[2] == b"0" and len(asked) == 3 else None,
)
answers("BITOP tells one byte less", BITMAP, "BITOP", lambda raw, _: number(raw, lambda n: max(n - 1, 0)))
answers(
    "BITFIELD tells signed as unsigned",
    BITMAP,
    "BITFIELD",
    lambda raw, _: elements(raw, lambda parts: [number(p, abs) or p for p in parts]),
)

asks("PFCOUNT counts only the first", SKETCH, "PFCOUNT", lambda asked: asked[:2])
asks("PFADD adds only the first", SKETCH, "PFADD", lambda asked: asked[:3])
asks("PFMERGE merges only the first", SKETCH, "PFMERGE", lambda asked: asked[:3])
answers("PFADD always says 1", SKETCH, "PFADD", lambda raw, _: b":1\r\n")
answers("PFCOUNT counts one too many", SKETCH, "PFCOUNT", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "what is no sketch is told as a wrong type",
    SKETCH,
    "PFCOUNT PFADD PFMERGE",
    lambda raw, _: (
        b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n" if b"HyperLogLog" in raw else None
    ),
    errors=True,
)


@fault("PFMERGE forgets what was there", SKETCH)
def _(link: Link, request: Request) -> bytes:
    if called(request, b"PFMERGE") and len(request) > 2 and request[1] not in request[2:] and not link.in_multi:
        link.ask(b"DEL", request[1])
    return link.ask(*request)


@fault("SETBIT to 0 makes no key", BITMAP)
def _(link: Link, request: Request) -> bytes:
    ignored = called(request, b"SETBIT") and request[3:] == (b"0",) and request[2].isdigit() and len(request[2]) < 9
    if ignored and not link.in_multi and link.ask(b"EXISTS", request[1]) == b":0\r\n":
        return b":0\r\n"
    return link.ask(*request)
