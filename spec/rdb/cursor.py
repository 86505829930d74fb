"""Reading RDB's own units from bytes: numbers, lengths, strings."""

from __future__ import annotations

import struct


class BadFormat(ValueError):
    """The bytes are not what they should be."""


class Cursor:
    """A place in some bytes; every read moves it, and raises `BadFormat` where the bytes end."""

    __slots__ = ("data", "place")

    def __init__(self, data: bytes, place: int = 0) -> None:
        self.data, self.place = data, place

    def take(self, count: int) -> bytes:
        """The next so many bytes."""
        end = self.place + count
        if count < 0 or end > len(self.data):
            raise BadFormat(f"{count} bytes at {self.place} of {len(self.data)}")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def number(self, size: int, *, signed: bool = False) -> int:
        """The next bytes as a little-endian number."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def double(self) -> float:
        """The next eight bytes as a double."""
        found: float = struct.unpack("<d", self.take(8))[0]
        return found

    def length(self) -> int:
        """A length: in 6, 14, 32 or 64 bits."""
        length, special = self.mark()
        if special:
            raise BadFormat("an encoding where a length should be")
        return length

    def string(self) -> bytes:
        """A string: as it is, as a number of 8, 16 or 32 bits, or compressed."""
        length, special = self.mark()
        if not special:
            return self.take(length)
        if length < 3:
            return b"%d" % self.number(1 << length, signed=True)
        if length == 3:
            packed, size = self.length(), self.length()
            return decompressed(self.take(packed), size)
        raise BadFormat(f"no encoding {length} of a string")

    def mark(self) -> tuple[int, bool]:
        """A length, or the number of an encoding that stands in its place; and whether it is that."""
        first = self.byte()
        kind = first >> 6
        if kind == 0:
            return first, False
        if kind == 1:
            return (first & 0x3F) << 8 | self.byte(), False
        if kind == 3:
            return first & 0x3F, True
        if first == 0x80:
            return int.from_bytes(self.take(4), "big"), False
        if first == 0x81:
            return int.from_bytes(self.take(8), "big"), False
        raise BadFormat(f"no length begins with {first:#x}")


def decompressed(data: bytes, size: int) -> bytes:
    """What LZF made these bytes of: runs of literal bytes, and copies of what came before.

    >>> decompressed(bytes.fromhex("01 6161 e0 01 00 01 6161"), 14)
    b'aaaaaaaaaaaaaa'

    Source: M. Lehmann, LibLZF (lzf_d.c describes the format).
    """
    cursor, out = Cursor(data), bytearray()
    while cursor.place < len(data):
        control = cursor.byte()
        if control < 32:
            out += cursor.take(control + 1)
            continue
        count = control >> 5
        if count == 7:
            count += cursor.byte()
        start = len(out) - ((control & 31) << 8 | cursor.byte()) - 1
        if start < 0:
            raise BadFormat("a copy from before the beginning")
        for place in range(start, start + count + 2):
            out.append(out[place])
    if len(out) != size:
        raise BadFormat(f"{len(out)} bytes came out, {size} were announced")
    return bytes(out)
