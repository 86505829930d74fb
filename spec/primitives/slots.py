"""Checksums of keys and files: the hash slot of a key, and the CRC-64 of snapshots and DUMP payloads.

What lives here: two published checksums and the rule for hash tags. Cluster commands say what a slot is good for.
"""

from __future__ import annotations

from binascii import crc_hqx

from redlark.spec.primitives import primitive

SLOTS = 16384


@primitive("crc16(text) -> int")
def crc16(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected.

    >>> hex(crc16(b"123456789"))
    '0x31c3'

    Source: the Redis Cluster specification, appendix A.
    """
    return crc_hqx(data, 0)


@primitive("key-slot(text) -> int")
def key_slot(key: bytes) -> int:
    """The hash slot of a key: its CRC-16 modulo 16384, taken of the hash tag alone where there is one.

    The tag is what stands between the first ``{`` and the first ``}`` after it, unless that is nothing.

    >>> key_slot(b"user:{42}:name") == key_slot(b"42")
    True

    Source: the Redis Cluster specification, "Hash tags".
    """
    _, brace, rest = key.partition(b"{")
    tag, closing, _ = rest.partition(b"}")
    return crc16(tag if brace and closing and tag else key) % SLOTS


@primitive("pattern-slot(text) -> int?")
def pattern_slot(pattern: bytes) -> int | None:
    """The hash slot of every key that a glob pattern matches; None where they may lie in several.

    What decides is read from the left: a sign of a pattern before a hash tag has ended leaves the slot open.

    >>> pattern_slot(b"{l}*") == key_slot(b"l"), pattern_slot(b"k") == key_slot(b"k"), pattern_slot(b"*{l}")
    (True, True, None)

    Source: observed with SORT's BY and GET, redis 8.2.3 and valkey 8.1.8.
    """
    certain = next((place for place, byte in enumerate(pattern) if byte in b"*?[\\"), len(pattern))
    begin = pattern.find(b"{", 0, certain)
    end = pattern.find(b"}", begin + 2, certain) if begin >= 0 else -1
    if end >= 0:
        return key_slot(pattern[begin : end + 1])
    return key_slot(pattern) if certain == len(pattern) else None


def _crc64_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x95AC9329AC4BC9B5 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC64 = _crc64_table()


@primitive("crc64(text) -> int")
def crc64(data: bytes) -> int:
    """CRC-64/Jones: polynomial 0xad93d23594c935a9, reflected, initial value 0.

    >>> hex(crc64(b"123456789"))
    '0xe9c6d914c4b8d9ca'

    Source: D. T. Jones, "An Improved 64-bit Cyclic Redundancy Check for Protein Sequences" (2002).
    """
    crc = 0
    for byte in data:
        crc = _CRC64[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc
