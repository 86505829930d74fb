"""HyperLogLog as Redis keeps it in a string: the hash, the two encodings, the estimate.

What lives here: bytes to registers and back, one element more, the number that registers stand for. Commands say when a
cached count is trusted and what a broken string is answered with.

The string: a head of 16 bytes (``HYLL``, the encoding, three unused, a cached count of 64 bits whose highest bit says
that it is out of date), then 16384 registers. Dense: six bits each, the lowest bits of a byte first. Sparse: runs, of
zeros (``00nnnnnn``: n+1 registers, ``01nnnnnn nnnnnnnn``: likewise) and of one value (``1vvvvvnn``: v+1, n+1 times).
Registers pass between the functions as a text of 16384 bytes.

Source of all: P. Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm"
(2007); O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284, 2017); antirez,
"Redis new data structure: the HyperLogLog" (2014); the bytes observed with every server.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from redlark.spec.primitives import primitive

REGISTERS = 16384
INDEX_BITS = 14
VALUE_BITS = 64 - INDEX_BITS
HEAD = 16
DENSE_SIZE = HEAD + REGISTERS * 6 // 8
SEED = 0xADC83B19
_MASK = 2**64 - 1
_STALE = 1 << 63
_RAISED = re.compile(rb"[^\0]").finditer


@primitive("murmur64(text, int) -> int")
def murmur64(data: bytes, seed: int) -> int:
    """MurmurHash64A of a text.

    >>> hex(murmur64(b"", 0)), hex(murmur64(b"hello", 0))
    ('0x0', '0x1e68d17c457bf117')

    Source: A. Appleby, MurmurHash2 (public domain), the variant for 64-bit machines.
    """
    factor = 0xC6A4A7935BD1E995
    value = (seed ^ len(data) * factor) & _MASK
    whole = len(data) & ~7
    for place in range(0, whole, 8):
        word = int.from_bytes(data[place : place + 8], "little") * factor & _MASK
        word = (word ^ word >> 47) * factor & _MASK
        value = (value ^ word) * factor & _MASK
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], "little")) * factor & _MASK
    value = (value ^ value >> 47) * factor & _MASK
    return value ^ value >> 47


def _pattern(element: bytes) -> tuple[int, int]:
    """The register of an element, and the place of the first 1 among the bits of its hash that are left."""
    hashed = murmur64(element, SEED)
    rest = hashed >> INDEX_BITS | 1 << VALUE_BITS
    return hashed & (REGISTERS - 1), (rest & -rest).bit_length()


# ---- the string ----------------------------------------------------------------------------------------------------


@primitive("hll-empty() -> text")
def hll_empty() -> bytes:
    """A string that nothing was added to: one run of zeros, its count out of date.

    >>> hll_empty()
    b'HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x80\\x7f\\xff'

    Source: see the module.
    """
    return b"HYLL\1\0\0\0" + _STALE.to_bytes(8, "little") + b"\x7f\xff"


@primitive("hll-kind(text) -> text?")
def hll_kind(data: bytes) -> bytes | None:
    """How a string keeps its registers, dense or sparse; absent where it is no HyperLogLog by its head and length.

    >>> hll_kind(hll_empty()), hll_kind(b"HYLL"), hll_kind(b"HYLL\\0" + bytes(12299))
    (b'sparse', None, b'dense')

    Source: see the module.
    """
    if len(data) < HEAD or data[:4] != b"HYLL" or data[4] > 1:
        return None
    if data[4] == 1:
        return b"sparse"
    return b"dense" if len(data) == DENSE_SIZE else None


@primitive("hll-cached(text) -> int?")
def hll_cached(data: bytes) -> int | None:
    """The count in the head; absent where it is out of date.

    >>> hll_cached(hll_empty()), hll_cached(hll_with_count(hll_empty(), 7))
    (None, 7)

    Source: see the module.
    """
    count = int.from_bytes(data[8:HEAD], "little")
    return None if count & _STALE else count


@primitive("hll-with-count(text, int) -> text")
def hll_with_count(data: bytes, count: int) -> bytes:
    """The string with a count in its head.

    Source: see the module.
    """
    return data[:8] + count.to_bytes(8, "little") + data[HEAD:]


@primitive("hll-stale(text) -> text")
def hll_stale(data: bytes) -> bytes:
    """The string with its count marked as out of date; the other bits of the count stay.

    >>> hll_cached(hll_stale(hll_with_count(hll_empty(), 7)))

    Source: see the module.
    """
    return data[:15] + bytes((data[15] | 0x80,)) + data[HEAD:]


# ---- registers -----------------------------------------------------------------------------------------------------


def _runs(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The runs of a sparse string: where one stands, its own length, how many registers it covers, their value."""
    place, end = HEAD, len(data)
    while place < end:
        byte = data[place]
        if byte & 0x80:
            yield place, 1, (byte & 3) + 1, (byte >> 2 & 31) + 1
            place += 1
        elif byte & 0x40:
            second = data[place + 1] if place + 1 < end else 0
            yield place, 2, ((byte & 0x3F) << 8 | second) + 1, 0
            place += 2
        else:
            yield place, 1, byte + 1, 0
            place += 1


@primitive("hll-registers(text, bool) -> text?")
def hll_registers(data: bytes, strict: bool) -> bytes | None:
    """The registers of a string; absent where its runs do not cover exactly 16384 of them.

    Not strict: a run of a value that goes too far is where the reading stops, and what was read may be enough.

    >>> hll_registers(hll_empty(), True) == bytes(16384)
    True

    Source: see the module; what is not strict, observed with redis 6.2.14.
    """
    return _registers(data[HEAD:], data[4] == 0, strict)


@lru_cache(maxsize=64)
def _registers(body: bytes, dense: bool, strict: bool) -> bytes | None:
    if dense:
        found = bytearray()
        for place in range(0, len(body), 3):
            word = int.from_bytes(body[place : place + 3], "little")
            found += bytes((word & 63, word >> 6 & 63, word >> 12 & 63, word >> 18))
        return bytes(found)
    parts: list[bytes] = []
    covered = 0
    for _, _, count, value in _runs(bytes(HEAD) + body):
        if covered + count > REGISTERS:
            if strict or not value:
                return None
            break
        parts.append(bytes((value,)) * count)
        covered += count
    return b"".join(parts) if covered == REGISTERS else None


@primitive("hll-union(list of text) -> text")
def hll_union(registers: tuple[bytes, ...]) -> bytes:
    """The registers of what was added to any of several: each the largest of its place.

    >>> set(hll_union((bytes(16384), b"\\5" * 16384)))
    {5}

    Source: see the module.
    """
    first, *others = registers or (bytes(REGISTERS),)
    for other in others:
        if other != first:
            first = bytes(map(max, first, other))
    return first


@primitive("hll-estimate(text) -> int")
def hll_estimate(registers: bytes) -> int:
    """How many different elements registers stand for, by Ertl's improved estimator.

    >>> hll_estimate(bytes(16384)), hll_estimate(b"\\1" * 16384)
    (0, 23637)

    Source: O. Ertl, arXiv:1702.01284, algorithm 6, with the arithmetic of C doubles (no fused multiply-add).
    """
    counts, counted = [0] * (VALUE_BITS + 2), 0
    for value in range(VALUE_BITS + 2):
        counts[value] = registers.count(value)
        counted += counts[value]
        if counted == REGISTERS:
            break
    z = REGISTERS * _tau((REGISTERS - counts[VALUE_BITS + 1]) / REGISTERS)
    for value in range(VALUE_BITS, 0, -1):
        z = (z + counts[value]) * 0.5
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    estimate = 0.721347520444481703680 * REGISTERS * REGISTERS / z
    whole = math.floor(estimate)
    return whole + (estimate - whole >= 0.5)


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1.0 - x, -1.0
    while z != before:
        x = math.sqrt(x)
        before = z
        y *= 0.5
        z -= (1.0 - x) ** 2 * y
    return z / 3.0


# ---- changing it ---------------------------------------------------------------------------------------------------


@primitive("hll-dense(text, bool) -> text?")
def hll_dense(data: bytes, strict: bool) -> bytes | None:
    """The string in the dense encoding, its count as it was; absent where its runs are broken.

    Source: see the module.
    """
    if data[4] == 0:
        return data
    registers = hll_registers(data, strict)
    return None if registers is None else _packed(data, registers)


def _packed(data: bytes, registers: bytes) -> bytes:
    body = bytearray()
    for place in range(0, REGISTERS, 4):
        a, b, c, d = registers[place : place + 4]
        body += (a | b << 6 | c << 12 | d << 18).to_bytes(3, "little")
    return data[:4] + b"\0" + data[5:HEAD] + bytes(body)


@primitive("hll-add(text, text, int, bool) -> text?")
def hll_add(data: bytes, element: bytes, limit: int, strict: bool) -> bytes | None:
    """The string with one element more, the same where it tells nothing new; absent where its runs are broken.

    A sparse string that would grow beyond so many bytes becomes dense, and so does one whose value is above 32.

    >>> hll_add(hll_empty(), b"a", 3000, True)[16:]
    b'q\\xa6\\x84NW'

    Source: see the module.
    """
    register, value = _pattern(element)
    changed = _raised(data, register, value, limit, strict)
    return changed if changed is None or changed is data else hll_stale(changed)


@primitive("hll-raise(text, text, int, bool) -> text?")
def hll_raise(data: bytes, registers: bytes, limit: int, strict: bool) -> bytes | None:
    """The string with each register raised to at least what is told; absent where it must become dense and is broken.

    Source: see the module.
    """
    if data[4] == 0:
        old = hll_registers(data, strict)
        assert old is not None
        return _packed(data, hll_union((old, registers)))
    for found in _RAISED(registers):
        changed = _raised(data, found.start(), found[0][0], limit, strict)
        data = data if changed is None else changed
        if data[4] == 0:
            return hll_raise(data, registers, limit, strict)
    return data


def _raised(data: bytes, register: int, value: int, limit: int, strict: bool) -> bytes | None:
    """The string with one register raised."""
    if data[4] == 0:
        return _raised_dense(data, register, value)
    if value > 32:
        return _promoted(data, register, value, strict)
    first, place, before, end = 0, HEAD, HEAD, len(data)
    while True:  # as `_runs` goes, but every element comes through here
        if place >= end:
            return None
        byte = data[place]
        if byte >= 0x80:
            size, count = 1, (byte & 3) + 1
        elif byte < 0x40:
            size, count = 1, byte + 1
        else:
            size, count = 2, ((byte & 0x3F) << 8 | (data[place + 1] if place + 1 < end else 0)) + 1
        if register < first + count:
            break
        first, before, place = first + count, place, place + size
    old = (byte >> 2 & 31) + 1 if byte >= 0x80 else 0
    if old >= value:
        return data
    last = first + count - 1
    runs = _run(old, register - first) + _run(value, 1) + _run(old, last - register)
    if len(runs) > size and len(data) + len(runs) - size > limit:
        return _promoted(data, register, value, strict)
    end = len(data) + len(runs) - size
    return _joined((data[:place] + runs + data[place + size :])[:end], before)


def _run(value: int, count: int) -> bytes:
    """One run of so many registers of a value."""
    if count == 0:
        return b""
    if value:
        return bytes((0x80 | value - 1 << 2 | count - 1,))
    return bytes((count - 1,)) if count <= 64 else (0x4000 | count - 1).to_bytes(2, "big")


def _joined(data: bytes, place: int) -> bytes:
    """Neighbouring runs of one value made one where that fits: five steps from a place on, as servers look."""
    changed = bytearray(data)
    for _ in range(5):
        if place >= len(changed):
            break
        here = changed[place]
        if not here & 0x80:
            place += 2 if here & 0x40 else 1
            continue
        if place + 1 < len(changed) and changed[place + 1] & 0xFC == here & 0xFC:
            count = (here & 3) + (changed[place + 1] & 3) + 2
            if count <= 4:
                changed[place : place + 2] = bytes((here & 0xFC | count - 1,))
                continue
        place += 1
    return bytes(changed)


def _promoted(data: bytes, register: int, value: int, strict: bool) -> bytes | None:
    dense = hll_dense(data, strict)
    return None if dense is None else _raised_dense(dense, register, value)


def _raised_dense(data: bytes, register: int, value: int) -> bytes:
    byte, shift = HEAD + register * 6 // 8, register * 6 % 8
    pair = int.from_bytes(data[byte : byte + 2], "little")
    if (pair >> shift & 63) >= value:
        return data
    changed = pair & ~(63 << shift) | value << shift
    width = min(2, len(data) - byte)
    return data[:byte] + (changed & (1 << 8 * width) - 1).to_bytes(width, "little") + data[byte + 2 :]


@primitive("hll-told(text) -> text")
def hll_told(data: bytes) -> bytes:
    """The runs of a sparse string in PFDEBUG's words.

    >>> hll_told(hll_empty())
    b'Z:16384'

    Source: observed with every server.
    """
    words = []
    for _, size, count, value in _runs(data):
        words.append(f"v:{value},{count}" if value else f"{'zZ'[size - 1]}:{count}")
    return " ".join(words).encode()
