"""The units of the format, read: bytes, numbers, lengths, strings."""

from __future__ import annotations

import struct
from typing import Final

from redlark.server.types import Limits, Types

_DOUBLE: Final = struct.Struct("<d")
INT8, INT16, INT32, LZF = 0, 1, 2, 3  # how a string is encoded that does not stand there as it is


class BadFormat(ValueError):
    """The bytes are not what they should be."""


class Reader:
    """A place in some bytes; what is read moves it, and raises `BadFormat` where they end or are none of the kind.

    `types` and `limits` are those of the values that are made of what is read.
    """

    __slots__ = ("data", "limits", "place", "types")

    def __init__(self, data: bytes, types: Types, limits: Limits, place: int = 0) -> None:
        self.data = data
        self.types = types
        self.limits = limits
        self.place = place

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self.place + count
        if end > len(self.data):
            raise BadFormat(f"{count} bytes at {self.place} of {len(self.data)}")
        taken = self.data[self.place : end]
        self.place = end
        return taken

    def byte(self) -> int:
        """One byte."""
        if self.place >= len(self.data):
            raise BadFormat(f"a byte at {self.place}")
        self.place += 1
        return self.data[self.place - 1]

    def number(self, size: int, signed: bool = False) -> int:
        """A number of so many bytes, the lowest first."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def double(self) -> float:
        """A double in eight bytes."""
        found: float = _DOUBLE.unpack(self.take(8))[0]
        return found

    def _mark(self) -> tuple[int, bool]:
        """A length, or, True, the number of an encoding that stands in its place."""
        first = self.byte()
        kind = first >> 6
        if kind == 0:
            return first, False
        if kind == 1:
            return (first & 0x3F) << 8 | self.byte(), False
        if kind == 3:
            return first & 0x3F, True
        if first in (0x80, 0x81):
            return int.from_bytes(self.take(4 if first == 0x80 else 8), "big"), False
        raise BadFormat(f"no length begins with {first:#x}")

    def length(self) -> int:
        """A length in 6, 14, 32 or 64 bits."""
        length, encoded = self._mark()
        if encoded:
            raise BadFormat("an encoding where a length should be")
        return length

    def string(self) -> bytes:
        """A string: as it is, as a number of 8, 16 or 32 bits, or compressed."""
        length, encoded = self._mark()
        if not encoded:
            return self.take(length)
        if length <= INT32:
            return b"%d" % self.number(1 << length, signed=True)
        if length != LZF:
            raise BadFormat(f"no string has encoding {length}")
        packed, size = self.length(), self.length()
        text = self.types.expand(self.take(packed), size)
        if text is None:
            raise BadFormat("what does not expand to what it says")
        return text
