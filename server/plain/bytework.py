"""Work over every byte of a payload, slowly: CRC-64 and LZF.  See `types.Types` for what it promises.

LZF (M. Lehmann, LibLZF): a control byte below 32 is followed by that many literal bytes and one; any other holds,
above, the length of a copy less 2 (7: a byte more follows, to be added) and, below and in the byte behind, how far back
from here it begins, less 1.  CRC-64/Jones: D. T. Jones, "An Improved 64-bit Cyclic Redundancy Check for Protein
Sequences", 2002.
"""

from __future__ import annotations

from typing import Final

JONES: Final = 0x95AC9329AC4BC9B5  # 0xad93d23594c935a9 with its bits turned round
FURTHEST: Final = 8192  # bytes back that a copy may begin
LONGEST: Final = 264  # bytes of a copy, which three bytes make
LITERALS: Final = 32  # bytes of one run


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (JONES if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE: Final = _table()


def crc64(data: bytes | bytearray | memoryview, start: int = 0) -> int:
    """The checksum of bytes, going on from that of those before them.

    >>> hex(crc64(b"123456789"))
    '0xe9c6d914c4b8d9ca'
    """
    crc, table = start, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def compress(data: bytes, room: int) -> bytes | None:
    """By LZF, if that takes at most so many bytes; else None.

    >>> compress(b"a" * 100, 10).hex(" ")
    '00 61 e0 5a 00'
    """
    out = bytearray()
    seen: dict[bytes, int] = {}
    at = start = 0
    while at + 3 <= len(data):
        three = data[at : at + 3]
        before = seen.get(three)
        seen[three] = at
        if before is None or at - before > FURTHEST:
            at += 1
            continue
        _literals(out, data[start:at])
        size, most = 3, min(len(data) - at, LONGEST)
        while size < most and data[before + size] == data[at + size]:
            size += 1
        back = at - before - 1
        if size - 2 < 7:
            out.append((size - 2) << 5 | back >> 8)
        else:
            out += bytes((7 << 5 | back >> 8, size - 2 - 7))
        out.append(back & 0xFF)
        at = start = at + size
        if len(out) > room:
            return None
    _literals(out, data[start:])
    return bytes(out) if len(out) <= room else None


def _literals(out: bytearray, data: bytes) -> None:
    for start in range(0, len(data), LITERALS):
        run = data[start : start + LITERALS]
        out.append(len(run) - 1)
        out += run


def expand(data: bytes, size: int) -> bytes | None:
    """What LZF has made these bytes of, which were so many; None where that cannot be.

    >>> expand(bytes.fromhex("00 61 e0 5a 00"), 100) == b"a" * 100, expand(b"\\x20\\x00", 3)
    (True, None)
    """
    out = bytearray()
    at = 0
    try:
        while at < len(data) and len(out) <= size:
            control = data[at]
            at += 1
            if control < 32:
                if at + control >= len(data):
                    return None
                out += data[at : at + control + 1]
                at += control + 1
                continue
            count = control >> 5
            if count == 7:
                count += data[at]
                at += 1
            back = ((control & 31) << 8 | data[at]) + 1
            at += 1
            if back > len(out):
                return None
            copied = out[-back:][: count + 2]
            out += (copied * ((count + 2) // len(copied) + 1))[: count + 2]
    except IndexError:
        return None
    return bytes(out) if len(out) == size else None
