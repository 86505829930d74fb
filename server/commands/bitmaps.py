"""The bitmap group: strings read and written bit by bit, the highest bit of each byte first.

Bits are worked on as Python's whole numbers, which C handles a word at a time; positions are those of Redis.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_, xor
from typing import Final

import attrs

from redlark.server import errors
from redlark.server.commands.common import store_over, string_at, unseen
from redlark.server.commands.registry import command
from redlark.server.interfaces import RAW, CommandError, Context, Reply
from redlark.server.values import integer, to_integer

BIT_OFFSET: Final = b"ERR bit offset is not an integer or out of range"
NOT_A_BIT: Final = b"ERR bit is not an integer or out of range"
FIELD_TYPE: Final = b"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."


# ---- single bits ---------------------------------------------------------------------------------------------------


@command("SETBIT")
def setbit(ctx: Context, args: list[bytes]) -> Reply:
    key = args[1]
    position = _position(ctx, args[2])
    bit = integer(args[3], NOT_A_BIT)
    if bit not in (0, 1):
        raise CommandError(NOT_A_BIT)
    old = string_at(ctx, key)
    data = bytearray(old or b"")
    byte, mask = position >> 3, 0x80 >> (position & 7)
    if byte >= len(data):
        data.extend(bytes(byte + 1 - len(data)))
    was = int(data[byte] & mask != 0)
    if was != bit:
        data[byte] ^= mask
    _store(ctx, key, data, changed=was != bit or old is None or len(data) > len(old))
    return was


def _store(ctx: Context, key: bytes, data: bytearray, changed: bool) -> None:
    """Puts a bitmap; one that has not changed is put all the same, without a word, since it is "raw" from then on."""
    if changed:
        ctx.db.put(key, bytes(data), keep_ttl=True, form=RAW)
        ctx.notify(b"setbit", key)
    else:
        with unseen(ctx.db):
            ctx.db.put(key, bytes(data), keep_ttl=True, form=RAW)


@command("GETBIT")
def getbit(ctx: Context, args: list[bytes]) -> Reply:
    position = _position(ctx, args[2])
    data = string_at(ctx, args[1]) or b""
    byte = position >> 3
    return data[byte] >> (7 - (position & 7)) & 1 if byte < len(data) else 0


def _position(ctx: Context, text: bytes, width: int = 0) -> int:
    """A bit's position from its argument; `#n`, where fields have a width, counts in those.  Raises CommandError.

    As in Redis the multiplication is one of 64 bits: a number large enough comes round again.
    """
    counted = width > 0 and text[:1] == b"#"
    number = integer(text[1:] if counted else text, BIT_OFFSET)
    if counted:
        number = (number * width + 2**63) % 2**64 - 2**63
    if not 0 <= number < 8 * ctx.server.config.proto_max_bulk_len:
        raise CommandError(BIT_OFFSET)
    return number


# ---- ranges --------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class _Range:
    """The start and the end of a range as they were given; None: not given."""

    start: int | None = None
    end: int | None = None
    bits: bool = False  # they count bits, not bytes

    @classmethod
    def of(cls, words: list[bytes], end_optional: bool) -> _Range:
        """Reads `start end [BYTE | BIT]`.  Raises CommandError, numbers first."""
        if not words:
            return cls()
        if len(words) > 3 or (len(words) == 1 and not end_optional):
            raise errors.syntax()
        start = integer(words[0])
        if not end_optional:
            integer(words[1])  # which BITPOS reads after the unit
        if len(words) == 3 and words[2].upper() not in (b"BYTE", b"BIT"):
            raise errors.syntax()
        end = integer(words[1]) if len(words) > 1 else None
        return cls(start, end, len(words) == 3 and words[2].upper() == b"BIT")

    def within(self, size: int) -> tuple[int, int]:
        """The first and the last bit of it in a string of that many bytes; the last is smaller where it is empty."""
        length = 8 * size if self.bits else size
        first = _from_end(self.start or 0, length)
        last = min(_from_end(-1 if self.end is None else self.end, length), length - 1)
        return (first, last) if self.bits else (8 * first, 8 * last + 7)


def _from_end(position: int, length: int) -> int:
    return max(position + length, 0) if position < 0 else position


def _between(data: bytes, first: int, last: int) -> int:
    """The bits from one position to another, both included, as one number."""
    if first > last:
        return 0
    number = int.from_bytes(data[first >> 3 : (last >> 3) + 1], "big") >> (7 - (last & 7))
    return number & (1 << (last - first + 1)) - 1


@command("BITCOUNT")
def bitcount(ctx: Context, args: list[bytes]) -> Reply:
    wanted = _Range.of(args[2:], end_optional=False)
    data = string_at(ctx, args[1])
    if data is None:
        return 0
    if wanted.start is not None and wanted.end is not None and 0 > wanted.start > wanted.end:
        return 0
    return _between(data, *wanted.within(len(data))).bit_count()


@command("BITPOS")
def bitpos(ctx: Context, args: list[bytes]) -> Reply:
    bit = integer(args[2])
    if bit not in (0, 1):
        raise CommandError(b"ERR The bit argument must be 1 or 0.")
    wanted = _Range.of(args[3:], end_optional=True)
    data = string_at(ctx, args[1])
    if data is None:
        return -bit
    first, last = wanted.within(len(data))
    if first > last:
        return -1
    width = last - first + 1
    number = _between(data, first, last) ^ (0 if bit else (1 << width) - 1)
    if number:
        return first + width - number.bit_length()
    return 8 * len(data) if not bit and wanted.end is None else -1  # zeros follow behind the end


# ---- whole strings -------------------------------------------------------------------------------------------------

_OPERATIONS: Final = frozenset((b"AND", b"OR", b"XOR", b"NOT", b"DIFF", b"DIFF1", b"ANDOR", b"ONE"))


@command("BITOP")
def bitop(ctx: Context, args: list[bytes]) -> Reply:
    operation, target = args[1].upper(), args[2]
    if operation not in _OPERATIONS:
        raise errors.syntax()
    if operation == b"NOT" and len(args) > 4:
        raise CommandError(b"ERR BITOP NOT must be called with a single source key.")
    if operation in (b"DIFF", b"DIFF1", b"ANDOR") and len(args) == 4:
        raise CommandError(b"ERR BITOP %b must be called with at least two source keys." % operation)
    texts = [string_at(ctx, key) or b"" for key in args[3:]]
    size = max(map(len, texts))
    first, *others = (int.from_bytes(text.ljust(size, b"\0"), "big") for text in texts)
    result = _combined(operation, first, others, 8 * size).to_bytes(size, "big")
    store_over(ctx, target, result, b"set", form=RAW)
    return size


def _combined(operation: bytes, first: int, others: list[int], bits: int) -> int:
    """What an operation gives for numbers of so many bits."""
    match operation:
        case b"AND":
            return reduce(and_, others, first)
        case b"OR":
            return reduce(or_, others, first)
        case b"XOR":
            return reduce(xor, others, first)
        case b"NOT":
            return first ^ (1 << bits) - 1
        case b"DIFF":
            return first & ~reduce(or_, others, 0)
        case b"DIFF1":
            return reduce(or_, others, 0) & ~first
        case b"ANDOR":
            return first & reduce(or_, others, 0)
    once, twice = first, 0  # ONE
    for other in others:
        twice |= once & other
        once = (once | other) & ~twice
    return once


# ---- fields --------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class _Operation:
    """One operation of a BITFIELD: what it does with which field."""

    word: bytes  # GET, SET, INCRBY
    signed: bool
    width: int
    place: int
    amount: int = 0
    overflow: bytes = b"WRAP"

    def read(self, data: bytes | bytearray) -> int:
        """The number in the field; what lies behind the end is zero."""
        stop = (self.place + self.width + 7) >> 3
        held = bytes(data[self.place >> 3 : stop]).ljust(stop - (self.place >> 3), b"\0")
        number = int.from_bytes(held, "big") >> (8 * stop - self.place - self.width) & (1 << self.width) - 1
        return number - (1 << self.width) if self.signed and number >> (self.width - 1) else number

    def write(self, data: bytearray, number: int) -> None:
        """Puts a number into the field, which lies within the data."""
        first, stop = self.place >> 3, (self.place + self.width + 7) >> 3
        shift = 8 * stop - self.place - self.width
        mask = (1 << self.width) - 1 << shift
        held = int.from_bytes(data[first:stop], "big")
        data[first:stop] = (held & ~mask | number << shift & mask).to_bytes(stop - first, "big")

    def outcome(self, old: int) -> int | None:
        """The number that the field is to have; None where it does not fit and is not made to."""
        number = self.amount if self.word == b"SET" else old + self.amount
        if self.word == b"SET" and not self.signed and number < 0:
            number += 2**64  # it is taken as 64 bits without a sign
        low, high = (-(1 << self.width - 1), (1 << self.width - 1) - 1) if self.signed else (0, (1 << self.width) - 1)
        if low <= number <= high:
            return number
        if self.overflow == b"FAIL":
            return None
        if self.overflow == b"SAT":
            far = self.word == b"SET" and self.signed and number < high - (2**63 - 1)  # Redis's room leaves 64 bits
            return high if far else min(max(number, low), high)
        return (number - low) % (1 << self.width) + low


def _operations(ctx: Context, words: list[bytes]) -> list[_Operation]:
    """The operations of a BITFIELD, left to right.  Raises CommandError."""
    found: list[_Operation] = []
    overflow, place = b"WRAP", 0
    while place < len(words):
        word = words[place].upper()
        if word == b"OVERFLOW" and place + 1 < len(words):
            overflow = words[place + 1].upper()
            if overflow not in (b"WRAP", b"SAT", b"FAIL"):
                raise CommandError(b"ERR Invalid OVERFLOW type specified")
            place += 2
            continue
        needed = {b"GET": 3, b"SET": 4, b"INCRBY": 4}.get(word)
        if needed is None or place + needed > len(words):
            raise errors.syntax()
        signed, width = _field_type(words[place + 1])
        at = _position(ctx, words[place + 2], width)
        amount = integer(words[place + 3]) if needed == 4 else 0
        found.append(_Operation(word, signed, width, at, amount, overflow))
        place += needed
    return found


def _field_type(text: bytes) -> tuple[bool, int]:
    """Whether a field has a sign, and its width: i1 to i64, u1 to u63.  Raises CommandError."""
    signed, width = text[:1] == b"i", to_integer(text[1:])
    if text[:1] not in (b"i", b"u") or width is None or not 0 < width <= (64 if signed else 63):
        raise CommandError(FIELD_TYPE)
    return signed, width


@command("BITFIELD")
def bitfield(ctx: Context, args: list[bytes]) -> Reply:
    key, operations = args[1], _operations(ctx, args[2:])
    writes = [one for one in operations if one.word != b"GET"]
    old = _peeked(ctx, key) if writes else string_at(ctx, key)
    if not writes:
        return [one.read(old or b"") for one in operations]
    needed = (max(one.place + one.width for one in writes) + 7) >> 3
    data = bytearray((old or b"").ljust(needed, b"\0"))
    grown, changed = old is None or len(old) < needed, False
    replies: list[Reply] = []
    for one in operations:
        was = one.read(data)
        if one.word == b"GET":
            replies.append(was)
            continue
        new = one.outcome(was)
        if new is None:
            replies.append(None)
            continue
        one.write(data, new)
        replies.append(was if one.word == b"SET" else new)
        changed = changed or grown or new != was
    _store(ctx, key, data, changed)  # a string that only grew, for a write that failed, is no change
    return replies


def _peeked(ctx: Context, key: bytes) -> bytes | None:
    """The string that is to be changed: it is no hit.  Raises WRONGTYPE."""
    held = ctx.db.peek(key)
    if held is not None and not isinstance(held, bytes):
        raise errors.wrong_type()
    return held


@command("BITFIELD_RO")
def bitfield_ro(ctx: Context, args: list[bytes]) -> Reply:
    operations = _operations(ctx, args[2:])
    if any(one.word != b"GET" for one in operations):
        raise CommandError(b"ERR BITFIELD_RO only supports the GET subcommand")
    data = string_at(ctx, args[1]) or b""
    return [one.read(data) for one in operations]
