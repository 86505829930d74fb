"""Libraries of functions as FUNCTION DUMP has them: of each an opcode and its code; then the footer of a DUMP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redlark.server.rdb.payload import FOOTER, VERSION
from redlark.server.rdb.reading import BadFormat, Reader
from redlark.server.rdb.writing import Writer
from redlark.server.types import Limits, Types

LIBRARY, OLD_LIBRARY = 0xF5, 0xF6


class BadLibrary(ValueError):
    """A payload holds what cannot be loaded; its text says what."""


def dump_libraries(sources: Iterable[bytes], types: Types) -> bytes:
    """The code of libraries as a payload."""
    writer = Writer(types)
    for source in sources:
        writer.data.append(LIBRARY)
        writer.string(source)
    writer.number(VERSION, 2)
    writer.number(types.crc64(writer.data), 8)
    return bytes(writer.data)


def libraries_of(payload: bytes, types: Types, limits: Limits) -> Iterator[bytes]:
    """The code of each library of a payload that is whole; raises BadLibrary where it comes to what is none.

    A string may reach into the footer, as with Redis.
    """
    reader = Reader(payload, types, limits)
    while reader.place < len(payload) - FOOTER:
        kind = reader.byte()
        if kind == OLD_LIBRARY:
            raise BadLibrary("Pre-GA function format not supported")
        if kind != LIBRARY:
            raise BadLibrary("given type is not a function")
        try:
            yield reader.string()
        except BadFormat:
            raise BadLibrary("Failed loading library payload") from None
