"""The payload of a DUMP: an object, the version of the format in two bytes, a checksum in eight."""

from __future__ import annotations

from typing import Final

from redlark.server.interfaces import Value
from redlark.server.rdb.objects import read, write
from redlark.server.rdb.reading import Reader
from redlark.server.rdb.writing import Writer
from redlark.server.types import Limits, Types

VERSION: Final = 12  # of Redis 8.2: what is written is of this one, and none later is read
FOOTER: Final = 10


def dump(value: Value, types: Types) -> bytes:
    """A value as a payload."""
    writer = Writer(types)
    write(writer, value)
    writer.number(VERSION, 2)
    writer.number(types.crc64(writer.data), 8)
    return bytes(writer.data)


def is_whole(payload: bytes, types: Types) -> bool:
    """Is it a payload of a version that can be read, as it was written?"""
    if len(payload) < FOOTER or int.from_bytes(payload[-10:-8], "little") > VERSION:
        return False
    return types.crc64(payload[:-8]) == int.from_bytes(payload[-8:], "little")


def restore(payload: bytes, types: Types, limits: Limits) -> Value:
    """The value of a payload that is whole.  Raises BadFormat.

    What stands behind the value does not matter, and a text may reach into the footer, as with Redis.
    """
    return read(Reader(payload, types, limits))
