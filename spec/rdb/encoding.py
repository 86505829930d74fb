"""One legal form of each object: the plain one, which every version reads."""

from __future__ import annotations

import struct

from redlark.spec.rdb.streams import written_stream
from redlark.spec.rdb.values import Loaded


def length(number: int) -> bytes:
    """A length, in as few bytes as it needs."""
    if number < 1 << 6:
        return bytes([number])
    if number < 1 << 14:
        return bytes([0x40 | number >> 8, number & 0xFF])
    if number < 1 << 32:
        return b"\x80" + number.to_bytes(4, "big")
    return b"\x81" + number.to_bytes(8, "big")


def string(text: bytes) -> bytes:
    """A string as it is."""
    return length(len(text)) + text


def encode(loaded: Loaded, version: int, product: str = "redis") -> bytes:
    """An object for a file of this version, decodable by `objects.decode`; its form is not kept.

    A hash whose fields have deadlines takes version 12 of Redis, or 80 of Valkey.
    """
    kind, value = loaded.kind, loaded.value
    if kind == "string":
        return b"\x00" + string(value)
    if kind in ("list", "set"):
        return (b"\x01" if kind == "list" else b"\x02") + length(len(value)) + b"".join(map(string, value))
    if kind == "zset":
        return b"\x05" + length(len(value)) + b"".join(string(member) + struct.pack("<d", s) for member, s in value)
    if kind == "hash":
        return _hash(value, product)
    stream = 1 if version < 10 else 2 if version < 11 else 3
    return bytes([{1: 15, 2: 19, 3: 21}[stream]]) + written_stream(value, stream, length, string)


def _hash(rows: tuple[tuple[bytes, bytes, int | None], ...], product: str) -> bytes:
    deadlines = [deadline for _, _, deadline in rows if deadline is not None]
    if not deadlines:
        return b"\x04" + length(len(rows)) + b"".join(string(field) + string(value) for field, value, _ in rows)
    if product == "valkey":
        never = (-1).to_bytes(8, "little", signed=True)
        body = [string(f) + string(v) + (never if d is None else d.to_bytes(8, "little")) for f, v, d in rows]
        return b"\x16" + length(len(rows)) + b"".join(body)
    soonest = min(deadlines)
    body = [length(0 if d is None else d - soonest + 1) + string(f) + string(v) for f, v, d in rows]
    return b"\x18" + soonest.to_bytes(8, "little") + length(len(rows)) + b"".join(body)
