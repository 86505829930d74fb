"""Work over every byte of a payload, slowly: CRC-64 and LZF.  See `types.Types` for what it promises.

LZF (M. Lehmann, LibLZF): a control byte below 32 is followed by that many literal bytes and one; any other holds,
above, the length of a copy less 2 (7: a byte more follows, to be added) and, below and in the byte behind, how far back
from here it begins, less 1.  CRC-64/Jones: D. T. Jones, "An Improved 64-bit Cyclic Redundancy Check for Protein
Sequences", 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from redlark.server.types import Collection, Limits

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
    """By LZF, if that takes at most so many bytes, and never could take more on the way; else None.

    To the byte what Redis makes of it (asked over a socket): which places are remembered (three bytes share one with
    others), how long copies are, and when it gives up, all as LibLZF does where it is told to be very fast.

    >>> compress(b"a" * 100, 16).hex(" ")
    '01 61 61 e0 57 00 00 61'
    """
    out, run = bytearray(), bytearray()  # literal bytes that wait
    seen: dict[int, int] = {}
    at = 0
    while at + 2 < len(data):
        place = _place(data, at)
        before = seen.get(place, 0)  # the first byte of all begins no copy
        seen[place] = at
        if before and at - before <= FURTHEST and data[before : before + 3] == data[at : at + 3]:
            if len(out) + (len(run) + 1 if run else 0) + 4 >= room:
                return None
            _flush(out, run)
            size, back = _common(data, before, at), at - before - 1
            if size < 9:
                out.append((size - 2) << 5 | back >> 8)
            else:
                out += bytes((7 << 5 | back >> 8, size - 9))
            out.append(back & 0xFF)
            at += size
            if at + 2 < len(data):
                seen[_place(data, at - 2)] = at - 2
                seen[_place(data, at - 1)] = at - 1
            continue
        if len(out) + 1 + len(run) >= room:
            return None
        run.append(data[at])
        at += 1
        if len(run) == LITERALS:
            _flush(out, run)
    if len(out) + 1 + len(run) + 3 > room:
        return None
    for byte in data[at:]:
        run.append(byte)
        if len(run) == LITERALS:
            _flush(out, run)
    _flush(out, run)
    return bytes(out) or None


def _place(data: bytes, at: int) -> int:
    two = data[at] << 8 | data[at + 1]
    return (two - 5 * (two << 8 | data[at + 2])) & 0xFFFF


def _common(data: bytes, before: int, at: int) -> int:
    """Bytes that two places have in common, of which three are known to be equal.

    The last two bytes of a text belong to no copy, but where it ends within the sixteen that are compared in one go.
    """
    most = min(len(data) - at - 2, LONGEST)
    if 16 < most < 19:
        most = 19
    size = 3
    while size < most and data[before + size] == data[at + size]:
        size += 1
    return size


def _flush(out: bytearray, run: bytearray) -> None:
    if run:
        out.append(len(run) - 1)
        out += run
        run.clear()


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


def dumped(value: Collection) -> bytes | None:
    """Nothing is kept here as RDB has it, so rdb writes all."""
    return None


def undumped(data: bytes, place: int, limits: Limits) -> tuple[Any, int] | None:
    """And reads all."""
    return None
