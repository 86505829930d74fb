"""Strings as arrays of bits, the highest bit of each byte first, and the fields of BITFIELD in them.

What lives here: reading, writing, counting and finding bits; integers of any width at any bit; how one that does not
fit is made to. A field's type is its width, negative where the field has a sign. Nothing knows a key or a command.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_, xor

from redlark.spec.primitives import primitive
from redlark.spec.primitives.integers import parse_int


@primitive("bit-at(text, int) -> int")
def bit_at(data: bytes, position: int) -> int:
    """The bit at a position; 0 behind the end.

    >>> [bit_at(b"\\x05", n) for n in (5, 6, 7, 8)]
    [1, 0, 1, 0]

    Source: redis.io, SETBIT and GETBIT.
    """
    byte = position >> 3
    return data[byte] >> (7 - (position & 7)) & 1 if byte < len(data) else 0


@primitive("with-bit(text, int, int) -> text")
def with_bit(data: bytes, position: int, bit: int) -> bytes:
    """The text with another bit at a position, zero bytes added to reach it.

    >>> with_bit(b"", 15, 1), with_bit(b"\\xff", 0, 0)
    (b'\\x00\\x01', b'\\x7f')

    Source: redis.io, SETBIT.
    """
    byte, mask = position >> 3, 0x80 >> (position & 7)
    grown = bytearray(data.ljust(byte + 1, b"\0"))
    grown[byte] = grown[byte] | mask if bit else grown[byte] & ~mask
    return bytes(grown)


@primitive("count-bits(text, int, int) -> int")
def count_bits(data: bytes, first: int, last: int) -> int:
    """How many bits are 1 from one position to another, both included and both within the text.

    >>> count_bits(b"foobar", 0, 47), count_bits(b"foobar", 5, 30)
    (26, 17)

    Source: redis.io, BITCOUNT, whose examples these are.
    """
    return _between(data, first, last).bit_count()


def _between(data: bytes, first: int, last: int) -> int:
    """The bits from one position to another as one number."""
    if first > last:
        return 0
    number = int.from_bytes(data[first >> 3 : (last >> 3) + 1], "big") >> (7 - (last & 7))
    return number & (1 << (last - first + 1)) - 1


@primitive("first-bit(text, int, int, int) -> int?")
def first_bit(data: bytes, bit: int, first: int, last: int) -> int | None:
    """Where the first bit of that value is, from one position to another; absent if there is none.

    >>> first_bit(b"\\xff\\xf0\\0", 0, 0, 23), first_bit(b"\\0\\xff\\xf0", 1, 16, 23), first_bit(b"\\0", 1, 0, 7)
    (12, 16, None)

    Source: redis.io, BITPOS.
    """
    if first > last:
        return None
    width = last - first + 1
    number = _between(data, first, last)
    if not bit:
        number ^= (1 << width) - 1
    return first + width - number.bit_length() if number else None


@primitive("combine-bits(text, list of text) -> text")
def combine_bits(operation: bytes, texts: tuple[bytes, ...]) -> bytes:
    """Texts combined bit by bit, shorter ones filled with zero bytes: AND, OR, XOR, NOT (of one) and those of 8.2.

    DIFF is what the first has and no other, DIFF1 what some other has and the first has not, ANDOR what the first and
    some other have, ONE what exactly one has.

    >>> combine_bits(b"NOT", (b"\\x0f",)), combine_bits(b"ONE", (b"\\x03", b"\\x06", b"\\x02"))
    (b'\\xf0', b'\\x05')

    Source: redis.io, BITOP.
    """
    size = max(map(len, texts), default=0)
    first, *others = (int.from_bytes(text.ljust(size, b"\0"), "big") for text in texts)
    some = reduce(or_, others, 0)
    if operation == b"AND":
        combined = reduce(and_, others, first)
    elif operation == b"OR":
        combined = first | some
    elif operation == b"XOR":
        combined = reduce(xor, others, first)
    elif operation == b"NOT":
        combined = first ^ (1 << 8 * size) - 1
    elif operation == b"DIFF":
        combined = first & ~some
    elif operation == b"DIFF1":
        combined = some & ~first
    elif operation == b"ANDOR":
        combined = first & some
    else:
        combined, twice = first, 0
        for other in others:
            twice |= combined & other
            combined = (combined | other) & ~twice
    return combined.to_bytes(size, "big")


# ---- fields --------------------------------------------------------------------------------------------------------


@primitive("field-type(text) -> int?")
def field_type(text: bytes) -> int | None:
    """The type of a field: ``i`` and a width of 1 to 64 bits, or ``u`` and one of 1 to 63; a sign is told by a minus.

    >>> field_type(b"u8"), field_type(b"i64"), field_type(b"u64"), field_type(b"i08"), field_type(b"I8")
    (8, -64, None, None, None)

    Source: redis.io, BITFIELD.
    """
    width = parse_int(text[1:]) or 0
    if text[:1] == b"u" and 0 < width < 64:
        return width
    return -width if text[:1] == b"i" and 0 < width <= 64 else None


@primitive("bit-offset(text, int, int) -> int?")
def bit_offset(text: bytes, width: int, limit: int) -> int | None:
    """A position among the bits of a text of at most so many bytes; absent where it is none.

    ``#n`` counts in fields of that width (0: it is not allowed), and is multiplied as 64 bits have it: a number large
    enough comes round again.

    >>> bit_offset(b"9", 8, 2), bit_offset(b"#1", 8, 2), bit_offset(b"16", 8, 2), bit_offset(b"#1", 0, 2)
    (9, 8, None, None)
    >>> bit_offset(b"#2305843009213693953", 8, 2)
    8

    Source: redis.io, BITFIELD, "Bits and positional offsets"; the overflow observed with every server.
    """
    counted = text[:1] == b"#" and width > 0
    number = parse_int(text[counted:])
    if number is None:
        return None
    if counted:
        number = (number * width + 2**63) % 2**64 - 2**63
    return number if 0 <= number < 8 * limit else None


@primitive("field-at(text, int, int) -> int")
def field_at(data: bytes, kind: int, position: int) -> int:
    """The number in a field; what lies behind the end is zero.

    >>> field_at(b"\\xff\\x01", 8, 8), field_at(b"\\xff\\x01", -4, 0), field_at(b"\\xff", 8, 4)
    (1, -1, 240)

    Source: redis.io, BITFIELD.
    """
    width, last = abs(kind), position + abs(kind) - 1
    number = _between(data[: (last >> 3) + 1].ljust((last >> 3) + 1, b"\0"), position, last)
    return number - (1 << width) if kind < 0 and number >> width - 1 else number


@primitive("with-field(text, int, int, int) -> text")
def with_field(data: bytes, kind: int, position: int, number: int) -> bytes:
    """The text with a number in a field that it fits, zero bytes added to reach the field's end.

    >>> with_field(b"", -8, 4, -2)
    b'\\x0f\\xe0'

    Source: redis.io, BITFIELD.
    """
    width = abs(kind)
    first, stop = position >> 3, (position + width + 7) >> 3
    grown = data.ljust(stop, b"\0")
    shift = 8 * stop - position - width
    mask = (1 << width) - 1 << shift
    old = int.from_bytes(grown[first:stop], "big")
    changed = old & ~mask | number << shift & mask
    return grown[:first] + changed.to_bytes(stop - first, "big") + grown[stop:]


@primitive("fit-field(int, int, text) -> int?")
def fit_field(number: int, kind: int, overflow: bytes) -> int | None:
    """A number made to fit a field: WRAP by its lowest bits, SAT as the nearest that fits; absent with FAIL.

    >>> [fit_field(130, -8, how) for how in (b"WRAP", b"SAT", b"FAIL")], fit_field(-1, 8, b"SAT")
    ([-126, 127, None], 0)

    Source: redis.io, BITFIELD, "Overflow control".
    """
    width = abs(kind)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if kind < 0 else (0, (1 << width) - 1)
    if low <= number <= high:
        return number
    if overflow == b"FAIL":
        return None
    return min(max(number, low), high) if overflow == b"SAT" else (number - low) % (1 << width) + low
