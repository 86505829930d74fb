"""A HyperLogLog in the bytes that Redis keeps it in, changed in place.

A head of 16 bytes (`HYLL`, the encoding, three unused, a cached count whose highest bit says that it is out of date),
then 16384 registers: dense, six bits each, the lowest bits of a byte first; or sparse, in runs of zeros (`00nnnnnn`,
`01nnnnnn nnnnnnnn`: n + 1 registers) and of one value (`1vvvvvnn`: v + 1, n + 1 times).

Must not live here: keys, replies.  Sources: O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
(arXiv:1702.01284, 2017), algorithm 6; A. Appleby's MurmurHash64A (public domain); the bytes that Redis 8.2.3 shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

REGISTERS: Final = 16384
HEAD: Final = 16
DENSE, SPARSE = 0, 1
DENSE_SIZE: Final = HEAD + REGISTERS * 6 // 8
SPARSE_MOST: Final = 32  # the largest value of a run
VALUE_BITS: Final = 50  # bits of a hash that do not name the register
_EMPTY: Final = b"HYLL\1\0\0\0" + bytes(7) + b"\x80\x7f\xff"
_FACTOR: Final = 0xC6A4A7935BD1E995
_SEED: Final = 0xADC83B19
_64: Final = 2**64 - 1


class Corrupted(Exception):
    """The runs do not cover exactly the registers that there are."""


def place_of(element: bytes) -> tuple[int, int]:
    """The register that an element falls into, and the value that it has there."""
    size = len(element)
    value = (_SEED ^ size * _FACTOR) & _64
    whole = size & ~7
    for word in memoryview(element)[:whole].cast("Q") if whole else ():
        word = word * _FACTOR & _64
        value = (value ^ (word ^ word >> 47) * _FACTOR) * _FACTOR & _64
    if whole < size:
        value = (value ^ int.from_bytes(element[whole:], "little")) * _FACTOR & _64
    value = (value ^ value >> 47) * _FACTOR & _64
    value ^= value >> 47
    rest = value >> 14 | 1 << VALUE_BITS
    return value & (REGISTERS - 1), (rest & -rest).bit_length()


def is_sketch(data: bytes) -> bool:
    """Whether a string is a HyperLogLog by its head and its length."""
    if data[:4] != b"HYLL" or len(data) < HEAD:
        return False
    return data[4] == SPARSE or (data[4] == DENSE and len(data) == DENSE_SIZE)


class Sketch:
    """One HyperLogLog; `data` is what GET shows."""

    def __init__(self, data: bytes = _EMPTY, limit: int = 3000) -> None:
        """Over a string that `is_sketch`; a sparse one of more than limit bytes becomes dense."""
        self.data, self.limit = bytearray(data), limit

    @property
    def dense(self) -> bool:
        """Whether it is kept in the dense encoding."""
        return self.data[4] == DENSE

    # ---- the cached count --------------------------------------------------------------------------------------

    @property
    def cached(self) -> int | None:
        """The count in the head, None where it is out of date."""
        return None if self.data[15] & 0x80 else int.from_bytes(self.data[8:HEAD], "little")

    def keep(self, count: int) -> None:
        """Writes a count into the head."""
        self.data[8:HEAD] = count.to_bytes(8, "little")

    def forget(self) -> None:
        """Marks the count as out of date."""
        self.data[15] |= 0x80

    # ---- reading -----------------------------------------------------------------------------------------------

    def runs(self) -> Iterator[tuple[int, int, int, int]]:
        """The runs of a sparse one: where each stands, its own bytes, how many registers it covers, their value."""
        data, place = self.data, HEAD
        while place < len(data):
            byte = data[place]
            if byte & 0x80:
                yield place, 1, (byte & 3) + 1, (byte >> 2 & 31) + 1
                place += 1
            elif byte & 0x40:
                low = data[place + 1] if place + 1 < len(data) else 0
                yield place, 2, ((byte & 0x3F) << 8 | low) + 1, 0
                place += 2
            else:
                yield place, 1, byte + 1, 0
                place += 1

    def registers(self) -> bytes:
        """The values of all registers.  Raises Corrupted."""
        if self.dense:
            packed = int.from_bytes(self.data[HEAD:], "little")
            # Six bits become eight by halves: 98304 bits in two of 49152, those in two of 24576, and so on.
            return _spread(packed, REGISTERS).to_bytes(REGISTERS, "little")
        parts, covered = [], 0
        for _, _, count, value in self.runs():
            covered += count
            if covered > REGISTERS:
                raise Corrupted
            parts.append(bytes((value,)) * count)
        if covered != REGISTERS:
            raise Corrupted
        return b"".join(parts)

    # ---- changing ----------------------------------------------------------------------------------------------

    def add(self, element: bytes) -> bool:
        """Adds an element; whether that changed a register.  Raises Corrupted."""
        return self.raise_to(*place_of(element))

    def raise_to(self, register: int, value: int) -> bool:
        """Makes a register at least a value; whether it was less.  Raises Corrupted."""
        if self.dense:
            return self._raise_dense(register, value)
        if value > SPARSE_MOST:
            self.make_dense()
            return self._raise_dense(register, value)
        before, first, (place, size, count, old) = self._run_of(register)
        if old >= value:
            return False
        runs = _run(old, register - first) + _run(value, 1) + _run(old, first + count - 1 - register)
        grown = len(runs) - size
        if grown > 0 and len(self.data) + grown > self.limit:
            self.make_dense()
            return self._raise_dense(register, value)
        end = len(self.data) + grown
        self.data[place : place + size] = runs
        del self.data[end:]
        self._join(before)
        return True

    def _run_of(self, register: int) -> tuple[int, int, tuple[int, int, int, int]]:
        """Where the run before a register's stands, the first register of its own run, and that run."""
        before, first = HEAD, 0
        for run in self.runs():
            if register < first + run[2]:
                return before, first, run
            before, first = run[0], first + run[2]
        raise Corrupted

    def _raise_dense(self, register: int, value: int) -> bool:
        byte, shift = HEAD + register * 6 // 8, register * 6 % 8
        pair = int.from_bytes(self.data[byte : byte + 2], "little")
        if pair >> shift & 63 >= value:
            return False
        width = min(2, DENSE_SIZE - byte)
        changed = pair & ~(63 << shift) | value << shift
        self.data[byte : byte + width] = (changed & (1 << 8 * width) - 1).to_bytes(width, "little")
        return True

    def _join(self, place: int) -> None:
        """Makes neighbouring runs of one value one where that fits; Redis looks at five from here on."""
        data = self.data
        for _ in range(5):
            if place >= len(data):
                return
            here = data[place]
            if here & 0x80 and place + 1 < len(data) and data[place + 1] & 0xFC == here & 0xFC:
                count = (here & 3) + (data[place + 1] & 3) + 2
                if count <= 4:
                    data[place : place + 2] = bytes((here & 0xFC | count - 1,))
                    continue
            place += 2 if here & 0xC0 == 0x40 else 1

    def merge(self, registers: bytes) -> None:
        """Raises every register to what is told."""
        if self.dense:
            self._pack(largest((self.registers(), registers)))
            return
        for register, value in enumerate(registers):
            if value:
                self.raise_to(register, value)
                if self.dense:
                    self.merge(registers)
                    return

    def make_dense(self) -> None:
        """Keeps the registers in the dense encoding from now on.  Raises Corrupted."""
        if not self.dense:
            self._pack(self.registers())

    def _pack(self, registers: bytes) -> None:
        packed = _packed(int.from_bytes(registers, "little"), REGISTERS)
        self.data[HEAD:] = packed.to_bytes(DENSE_SIZE - HEAD, "little")
        self.data[4] = DENSE


def _spread(packed: int, count: int) -> int:
    """So many fields of six bits as fields of eight, half by half: what Python does fast is large numbers."""
    if count == 1:
        return packed
    half = count // 2
    return _spread(packed & (1 << 6 * half) - 1, half) | _spread(packed >> 6 * half, half) << 8 * half


def _packed(spread: int, count: int) -> int:
    """The reverse of _spread."""
    if count == 1:
        return spread
    half = count // 2
    return _packed(spread & (1 << 8 * half) - 1, half) | _packed(spread >> 8 * half, half) << 6 * half


def _run(value: int, count: int) -> bytes:
    """One run of so many registers of a value; nothing for none."""
    if count == 0:
        return b""
    if value:
        return bytes((0x80 | value - 1 << 2 | count - 1,))
    return bytes((count - 1,)) if count <= 64 else (0x4000 | count - 1).to_bytes(2, "big")


def largest(several: Iterable[bytes]) -> bytes:
    """The registers of what was added to any of several sketches."""
    union = bytes(REGISTERS)
    for registers in several:
        union = bytes(map(max, union, registers)) if any(union) else registers
    return union


def estimate(registers: bytes) -> int:
    """How many different elements these registers stand for (Ertl's improved estimator)."""
    counts = [registers.count(value) for value in range(VALUE_BITS + 2)]
    z = REGISTERS * _tau((REGISTERS - counts[-1]) / REGISTERS)
    for count in counts[-2:0:-1]:
        z = (z + count) * 0.5
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    found = 0.721347520444481703680 * REGISTERS * REGISTERS / z
    return math.floor(found) + (found - math.floor(found) >= 0.5)


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x, before = x * x, z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, z, before = 1.0, 1.0 - x, -1.0
    while z != before:
        x, before = math.sqrt(x), z
        y *= 0.5
        z -= (1.0 - x) ** 2 * y
    return z / 3.0
