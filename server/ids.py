"""Ids of stream entries: numbers of 128 bits, milliseconds above a sequence, and how arguments spell them."""

from __future__ import annotations

from typing import Final

from redlark.server.interfaces import CommandError
from redlark.server.values import unsigned, until_nul

MAX_ID: Final = 2**128 - 1
SEQUENCE: Final = 2**64 - 1
_LONGEST: Final = 127  # bytes; what is longer is no id

BAD_ID: Final = b"ERR Invalid stream ID specified as stream command argument"
BAD_START: Final = b"ERR invalid start ID for the interval"
BAD_END: Final = b"ERR invalid end ID for the interval"


def shown(id_: int) -> bytes:
    """An id as it is told.

    >>> shown(5 << 64 | 3)
    b'5-3'
    """
    return b"%d-%d" % (id_ >> 64, id_ & SEQUENCE)


def parse(text: bytes, missing: int = 0) -> int | None:
    """A whole id, or milliseconds with a sequence to go with them; None where it is none.

    >>> parse(b"0-5"), parse(b"1") == 2**64, parse(b"-"), parse(b"1-*")
    (5, True, None, None)
    """
    if len(text) > _LONGEST:
        return None
    first, dash, second = until_nul(text).partition(b"-")
    milliseconds, sequence = unsigned(first), unsigned(second) if dash else missing
    return None if milliseconds is None or sequence is None else milliseconds << 64 | sequence


def strict(text: bytes) -> int:
    """An id.  Raises CommandError."""
    found = parse(text)
    if found is None:
        raise CommandError(BAD_ID)
    return found


def end(text: bytes, missing: int) -> int:
    """An end of a range: `-` and `+` are the smallest and the greatest.  Raises CommandError."""
    sign = until_nul(text) if len(text) <= _LONGEST else b""
    if sign in (b"-", b"+"):
        return 0 if sign == b"-" else MAX_ID
    found = parse(text, missing)
    if found is None:
        raise CommandError(BAD_ID)
    return found


def _open(text: bytes) -> bool:
    return len(text) > 1 and text[:1] == b"("


def _behind(text: bytes, missing: int) -> int:
    """The id behind an opening bracket, which is no sign."""
    found = None if until_nul(text[1:]) in (b"-", b"+") else parse(text[1:], missing)
    if found is None:
        raise CommandError(BAD_ID)
    return found


def low(text: bytes) -> int:
    """The first id of a range, "(5-3" leaves 5-3 out.  Raises CommandError."""
    if not _open(text):
        return end(text, 0)
    found = _behind(text, 0)
    if found == MAX_ID:
        raise CommandError(BAD_START)
    return found + 1


def high(text: bytes) -> int:
    """The last id of a range.  Raises CommandError."""
    if not _open(text):
        return end(text, SEQUENCE)
    found = _behind(text, SEQUENCE)
    if found == 0:
        raise CommandError(BAD_END)
    return found - 1
