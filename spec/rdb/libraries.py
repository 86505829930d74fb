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

    A string may reach into the footer.

    >>> footer = bytes(10)
    >>> libraries_in(b"\xf5\x01a\xf5\x02bc" + footer), libraries_in(b"\xf5\x03a" + footer)
    (((b'code', b'a'), (b'code', b'bc')), ((b'code', b'a\x00\x00'),))
    >>> libraries_in(b"\xf5\x01a\x00" + footer), libraries_in(b"\xf6" + footer), libraries_in(b"\xf5\x2fa" + footer)
    (((b'code', b'a'), (b'other', b'')), ((b'old', b'library blob'),), ((b'broken', b''),))

    Source: the snapshot's format, as FUNCTION DUMP of redis 7.0.15 and 8.2.3 shows it.
    """
    found: list[Record] = []
    cursor = Cursor(payload)
    while cursor.place < len(payload) - FOOTER:
        kind = cursor.byte()
        if kind != LIBRARY:
            found.append((b"old", _unread(cursor)) if kind == OLD_LIBRARY else (b"other", b""))
            break
        try:
            found.append((b"code", cursor.string()))
        except BadFormat:
            found.append((b"broken", b""))
            break
    return tuple(found)


def _unread(cursor: Cursor) -> bytes:
    """What of a library as release candidates of 7.0 wrote it cannot be read."""
    part = b"library name"
    try:
        cursor.string()
        part = b"engine name"
        cursor.string()
    except BadFormat:
        return part
    return b"library blob"


def libraries_packed(codes: Iterable[bytes]) -> bytes:
    """The body of a payload that holds these libraries, none of them compressed."""
    return b"".join(bytes([LIBRARY]) + string(code) for code in codes)
