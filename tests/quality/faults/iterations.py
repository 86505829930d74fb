"""Faults of iterations over a table that grows or shrinks meanwhile: what was there all the time is not told."""

from __future__ import annotations

from redlark.reference.resp import frame as decoded

from ..proxy import Link
from . import Handler, Request, called, fault, has, integer
from .hashes import HASH
from .sets import SET
from .sorted_sets import ZSET

SMALLEST = 16  # places of a table


def _places(held: int, places: int) -> int:
    """How many places a table of so many has now: twice as many where it was full, half where it was nearly empty."""
    while held > places:
        places *= 2
    while places > SMALLEST and held * 8 < places:
        places //= 2
    return places


def loses_across_a_rehash(scan: bytes, size: bytes) -> Handler:
    """What each call tells first is left out, once the table is not of the size that it had at the beginning."""

    def handle(link: Link, request: Request) -> bytes:
        raw = link.ask(*request)
        at = 1 if scan == b"SCAN" else 2
        if not called(request, scan) or raw[:1] != b"*" or link.in_multi or link.replies != "on":
            return raw
        key = b"".join(request[1:at])
        begun = request[at] == b"0"
        before = SMALLEST if begun else link.tables.get(key, SMALLEST)
        now = _places(integer(link.ask(size, *request[1:at])) or 0, before)
        if begun:
            link.tables[key] = now
        cursor, page = decoded(raw).value
        if begun or now == before or not page.value:
            return raw
        kept = page.value[2 if scan in (b"HSCAN", b"ZSCAN") and not has(request, b"NOVALUES") else 1 :]
        return b"*2\r\n%b*%d\r\n%b" % (cursor.raw, len(kept), b"".join(one.raw for one in kept))

    return handle


fault("SCAN loses a key across a rehash")(loses_across_a_rehash(b"SCAN", b"DBSIZE"))
fault("SSCAN loses a member across a rehash", SET)(loses_across_a_rehash(b"SSCAN", b"SCARD"))
fault("HSCAN loses a field across a rehash", HASH)(loses_across_a_rehash(b"HSCAN", b"HLEN"))
fault("ZSCAN loses a member across a rehash", ZSET)(loses_across_a_rehash(b"ZSCAN", b"ZCARD"))
