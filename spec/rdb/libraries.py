"""Libraries of functions, as FUNCTION DUMP writes them: an opcode and a string for each."""

from __future__ import annotations

from collections.abc import Iterable

from redlark.spec.rdb.cursor import BadFormat, Cursor
from redlark.spec.rdb.encoding import string
from redlark.spec.rdb.payload import FOOTER

LIBRARY, OLD_LIBRARY = 0xF5, 0xF6
Record = tuple[bytes, bytes]


def libraries_in(payload: bytes) -> tuple[Record, ...]:
    r"""The libraries of a payload, each as ``code`` and its text; what cannot be read ends it, named by its kind.

    One that release candidates of 7.0 wrote is ``old``, with the text that it would have today; of one ``broke-off``
    the part is told that cannot be read. A string may reach into the footer.

    >>> footer = bytes(10)
    >>> libraries_in(b"\xf5\x01a\xf5\x02bc" + footer), libraries_in(b"\xf5\x03a" + footer)
    (((b'code', b'a'), (b'code', b'bc')), ((b'code', b'a\x00\x00'),))
    >>> libraries_in(b"\xf5\x01a\x00" + footer), libraries_in(b"\xf5\x2fa" + footer)
    (((b'code', b'a'), (b'other', b'')), ((b'broken', b''),))
    >>> libraries_in(b"\xf6\x01m\x03LUA\x00\x01x" + footer), libraries_in(b"\xf6\x01m\x3fLUA" + footer)
    (((b'old', b'#!LUA name=m\nx'),), ((b'broke-off', b'engine name'),))

    Source: the snapshot's format, as FUNCTION DUMP of redis 7.0.15 and 8.2.3 shows it, and FUNCTION RESTORE of 7.0.15.
    """
    found: list[Record] = []
    cursor = Cursor(payload)
    readable = True
    while readable and cursor.place < len(payload) - FOOTER:
        kind = cursor.byte()
        record = _old(cursor) if kind == OLD_LIBRARY else _library(cursor) if kind == LIBRARY else (b"other", b"")
        found.append(record)
        readable = record[0] in (b"code", b"old")
    return tuple(found)


def _library(cursor: Cursor) -> Record:
    try:
        return b"code", cursor.string()
    except BadFormat:
        return b"broken", b""


def _old(cursor: Cursor) -> Record:
    """A library in the form of release candidates: a name, an engine, perhaps a description (dropped), and code."""
    part = b"library name"
    try:
        name = cursor.string()
        part = b"engine name"
        engine = cursor.string()
        part = b"library description indicator"
        described, _ = cursor.mark()
        if described:
            part = b"library description"
            cursor.string()
        part = b"library blob"
        code = cursor.string()
    except BadFormat:
        return b"broke-off", part
    engine, name, code = (one.partition(b"\0")[0] for one in (engine, name, code))
    return b"old", b"#!" + engine + b" name=" + name + b"\n" + code


def libraries_packed(codes: Iterable[bytes]) -> bytes:
    """The body of a payload that holds these libraries, none of them compressed."""
    return b"".join(bytes([LIBRARY]) + string(code) for code in codes)
