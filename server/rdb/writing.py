"""The units of the format, written: numbers, lengths, strings, as short as they can be."""

from __future__ import annotations

import struct
from typing import Final

from redlark.server.rdb.reading import LZF
from redlark.server.types import Types
from redlark.server.values import to_integer

_DOUBLE: Final = struct.Struct("<d")
SHORTEST: Final = 21  # bytes of a text that is worth compressing
SAVED: Final = 4  # bytes that compressing must save
LONGEST_INT32: Final = 11  # bytes of a text that may be a number of 32 bits


class Writer:
    """Bytes to which is added.  `compress` says whether strings may be."""

    __slots__ = ("compress", "data", "types")

    def __init__(self, types: Types, compress: bool = True) -> None:
        self.types = types
        self.compress = compress
        self.data = bytearray()

    def number(self, number: int, size: int, signed: bool = False) -> None:
        """A number in so many bytes, the lowest first."""
        self.data += number.to_bytes(size, "little", signed=signed)

    def double(self, number: float) -> None:
        """A double in eight bytes."""
        self.data += _DOUBLE.pack(number)

    def length(self, length: int) -> None:
        """A length in 6, 14, 32 or 64 bits."""
        if length < 1 << 6:
            self.data.append(length)
        elif length < 1 << 14:
            self.data += bytes((0x40 | length >> 8, length & 0xFF))
        elif length < 1 << 32:
            self.data += b"\x80" + length.to_bytes(4, "big")
        else:
            self.data += b"\x81" + length.to_bytes(8, "big")

    def string(self, text: bytes) -> None:
        """A string: as a number of 8, 16 or 32 bits if it is one, compressed if that saves enough, or as it is."""
        if len(text) <= LONGEST_INT32 and (number := to_integer(text)) is not None:
            for kind in range(3):
                if -(1 << (8 << kind) - 1) <= number < 1 << (8 << kind) - 1:
                    self.data.append(0xC0 | kind)
                    self.number(number, 1 << kind, signed=True)
                    return
        packed = self.types.compress(text, len(text) - SAVED) if self.compress and len(text) >= SHORTEST else None
        if packed is not None:
            self.data.append(0xC0 | LZF)
            self.length(len(packed))
        self.length(len(text))
        self.data += text if packed is None else packed
