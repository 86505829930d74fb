"""Integers as texts: the two spellings that Redis reads, and what fits into 64 bits.

What lives here: reading and writing of integers, and tests for their bounds. Commands say what they do with a number
that does not fit. Python's integers have no bounds, so nothing here wraps by accident.
"""

from __future__ import annotations

import re

from redlark.spec.primitives import primitive

MIN_INT = -(2**63)
MAX_INT = 2**63 - 1
MAX_UNSIGNED = 2**64 - 1

_CANONICAL = re.compile(rb"0|-?[1-9][0-9]{0,18}").fullmatch
# What the C library's strtoull reads, spaces before and sign included, up to the first NUL, as C strings end there.
_C_UNSIGNED = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)").fullmatch


@primitive("parse-int(text) -> int?")
def parse_int(text: bytes) -> int | None:
    """The integer that a text spells in the one canonical way, if it fits into 64 bits with a sign.

    No leading zero, plus, space or ``-0``: exactly the texts that `print_int` writes. Every integer argument of a
    command and every integer stored in a string is read so.

    >>> parse_int(b"-12"), parse_int(b"+12"), parse_int(b"012"), parse_int(b"9223372036854775808")
    (-12, None, None, None)

    Source: redis.io, INCR ("a string that can be represented as integer", 64 bit signed); observed with every server.
    """
    if _CANONICAL(text) is None:
        return None
    number = int(text)
    return number if MIN_INT <= number <= MAX_INT else None


@primitive("print-int(int) -> text")
def print_int(number: int) -> bytes:
    """The canonical decimal spelling."""
    return b"%d" % number


@primitive("fits-int(int) -> bool")
def fits_int(number: int) -> bool:
    """Whether a number fits into 64 bits with a sign; a sum that does not is an overflow."""
    return MIN_INT <= number <= MAX_INT


def _c_unsigned(text: bytes) -> int | None:
    """strtoull in base 10 over the whole of a C string: a minus sign wraps around, and overflow fails."""
    found = _C_UNSIGNED(text)
    if found is None:
        return None
    digits = found[2].lstrip(b"0") or b"0"
    if len(digits) > 20 or (number := int(digits)) > MAX_UNSIGNED:
        return None
    return -number % 2**64 if found[1] == b"-" else number


@primitive("parse-unsigned(text) -> int?")
def parse_unsigned(text: bytes) -> int | None:
    """A cursor, as Redis 7.4 and later and Valkey read it: 0 to 2**64 - 1.

    A canonical negative integer fails. What is not a canonical integer is left to the C library's strtoull, which takes
    spaces and a plus before, and lets a minus wrap around: ``-01`` is 2**64 - 1, though ``-1`` fails.

    >>> parse_unsigned(b" 7"), parse_unsigned(b"-1"), parse_unsigned(b"-01"), parse_unsigned(b"")
    (7, None, 18446744073709551615, None)

    Source: C17 7.22.1.4 (strtoull); observed with SCAN on redis 8.2.3, valkey 8.1.8 and 9.1.2, of which the last alone
    looks for the canonical integer in the whole text, not up to its NUL: it takes ``-1`` with a NUL behind.
    """
    text = text.partition(b"\0")[0]
    number = parse_int(text)
    if number is not None:
        return number if number >= 0 else None
    return _c_unsigned(text)


@primitive("parse-unsigned-by-strtoul(text) -> int?")
def parse_unsigned_by_strtoul(text: bytes) -> int | None:
    """A cursor, as Redis before 7.4 reads it: strtoul, but no space before; the empty text is 0, and -1 is 2**64 - 1.

    >>> parse_unsigned_by_strtoul(b" 7"), parse_unsigned_by_strtoul(b"-1"), parse_unsigned_by_strtoul(b"")
    (None, 18446744073709551615, 0)

    Source: C17 7.22.1.4 (strtoul); observed with SCAN on redis 6.2.14 and 7.0.15.
    """
    text = text.partition(b"\0")[0]
    if not text:
        return 0
    return None if text[:1].isspace() else _c_unsigned(text)


_DECIMAL = re.compile(rb"[ \t-\r]*([+-]?[0-9]+)").fullmatch
_MEMORY = re.compile(rb"([0-9]*)(|b|k|kb|m|mb|g|gb)", re.IGNORECASE).fullmatch
_UNITS = {b"": 1, b"b": 1, b"k": 1000, b"kb": 1024, b"m": 1000**2, b"mb": 1024**2, b"g": 1000**3, b"gb": 1024**3}


@primitive("parse-memory(text, int) -> int?")
def parse_memory(text: bytes, most: int) -> int | None:
    """The bytes that an amount of memory spells: digits, perhaps none, and perhaps a unit in any case.

    Digits stand for ``most`` where they would be more. What is too much only with its unit wraps around, in 64 bits.

    >>> parse_memory(b"1kb", 99), parse_memory(b"2K", 99), parse_memory(b"gb", 99), parse_memory(b"100", 99)
    (1024, 2000, 0, 99)
    >>> parse_memory(b"1 k", 99), parse_memory(b"-1", 99), parse_memory(b"18014398509481985kb", 2**64 - 1)
    (None, None, 1024)

    Source: the comments of redis.conf ("1k => 1000 bytes, 1kb => 1024 bytes ... units are case insensitive"); observed
    with redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2.
    """
    found = _MEMORY(text.split(b"\0", 1)[0])
    if found is None or len(found[1]) > 127:
        return None
    return min(int(found[1] or b"0"), most) * _UNITS[found[2].lower()] % 2**64


@primitive("parse-by-strtoll(text) -> int?")
def parse_by_strtoll(text: bytes) -> int | None:
    """The number that C reads from a text, all of which must belong to it: what stands before it may be white space.

    Nothing at all is 0; what does not fit into 64 bits is the nearest number that does.

    >>> parse_by_strtoll(b"\\t+07"), parse_by_strtoll(b""), parse_by_strtoll(b"-9223372036854775809")
    (7, 0, -9223372036854775808)
    >>> parse_by_strtoll(b" "), parse_by_strtoll(b"1 "), parse_by_strtoll(b"0x1")
    (None, None, None)

    Source: C17 7.22.1.4; observed with CONFIG SET save of redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2.
    """
    if not text:
        return 0
    found = _DECIMAL(text)
    return None if found is None else max(-(2**63), min(int(found[1]), 2**63 - 1))
