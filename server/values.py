"""Values and arguments: the one place that knows type names, encodings, and how text is read as a number.

Must not live here: anything that looks at a database or a client.
"""

from __future__ import annotations

import re
from typing import Final

from redlark.server import errors
from redlark.server.interfaces import FRESH, RAW, CommandError, Value

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
LONGEST_INTEGER: Final = len(str(INT64_MIN))
_UNSIGNED = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)", re.ASCII)

# Redis 8.2 keeps key and short value in one allocation of 64 bytes; 8 of them go to a deadline.
EMBEDDED: Final = 41  # the longest key + value that is "embstr"
EMBEDDED_WITH_DEADLINE: Final = 33


def kind_of(value: Value) -> bytes:
    """The name that TYPE gives."""
    return b"string" if isinstance(value, bytes) else value.kind


def until_nul(text: bytes) -> bytes:
    """A text as C reads it."""
    return text.partition(b"\0")[0]


def to_integer(text: bytes) -> int | None:
    """A signed 64-bit integer in its canonical form ("-0", "01", "+1", " 1" are not), or None."""
    if len(text) > LONGEST_INTEGER:
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    return number if INT64_MIN <= number <= INT64_MAX and b"%d" % number == text else None


def integer(text: bytes, error: bytes = errors.NOT_INTEGER) -> int:
    """The same as an argument: raises error instead."""
    number = to_integer(text)
    if number is None:
        raise CommandError(error)
    return number


def int32(text: bytes) -> int:
    """An argument that Redis keeps in a C int: an index of a database."""
    number = integer(text)
    if not -(2**31) <= number < 2**31:
        raise CommandError(errors.NOT_INT32)
    return number


def positive(text: bytes) -> int:
    """A number from 0 to 2**63 - 1; anything else is one error."""
    number = to_integer(text)
    if number is None or number < 0:
        raise CommandError(errors.NOT_POSITIVE)
    return number


def unsigned(text: bytes) -> int | None:
    """A SCAN cursor, as C's strtoull reads it once the canonical reading has failed.

    >>> [unsigned(t) for t in (b"0", b" 7", b"+7", b"-1", b"7x", b"18446744073709551615", b"18446744073709551616")]
    [0, 7, 7, None, None, 18446744073709551615, None]
    """
    text = text.split(b"\0", 1)[0]
    number = to_integer(text)
    if number is not None:
        return number if number >= 0 else None
    found = _UNSIGNED.fullmatch(text)
    if not found or int(found[2]) >= 2**64:
        return None
    number = int(found[2])
    return (-number) % 2**64 if found[1] == b"-" else number


def settle(form: int, key: bytes, value: Value, has_deadline: bool) -> int:
    """The form under which a database keeps a string (see interfaces): RAW once it no longer fits, and for good."""
    limit = EMBEDDED_WITH_DEADLINE if has_deadline else EMBEDDED
    if (
        not isinstance(value, bytes)
        or len(key) + len(value) <= limit
        or (form == FRESH and to_integer(value) is not None)
    ):
        return form
    return RAW


def encoding_of(value: Value, form: int) -> bytes:
    """The name that OBJECT ENCODING gives."""
    if isinstance(value, bytes):
        if form == RAW:
            return b"raw"
        return b"int" if form == FRESH and to_integer(value) is not None else b"embstr"
    return value.encoding
