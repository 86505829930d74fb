"""The payload of DUMP: an object, the version of the format in 2 bytes, and a checksum in 8."""

from __future__ import annotations

from redlark.spec.primitives.slots import crc64

FOOTER = 10


def sealed(body: bytes, version: int) -> bytes:
    """A payload: what DUMP replies with for an object written so.

    >>> sealed(b"\\0\\x05hello", 9).hex(" ")
    '00 05 68 65 6c 6c 6f 09 00 b3 80 8e ba 31 b2 43 bb'

    Source: observed with DUMP of redis 6.2.14; redis.io, DUMP.
    """
    data = body + version.to_bytes(2, "little")
    return data + crc64(data).to_bytes(8, "little")


def unsealed(payload: bytes) -> int | None:
    """The version of a payload; None where it is too short or its checksum is wrong."""
    if len(payload) < FOOTER or crc64(payload[:-8]) != int.from_bytes(payload[-8:], "little"):
        return None
    return int.from_bytes(payload[-10:-8], "little")
