"""What arguments of bitmaps are made of, by their type: offsets, field types, bits.

Offsets are small, or wrong: a large one that is right would make a server (and the model) allocate up to 512 MB.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from redlark.conformance.history import Part

_OFFSETS = tuple(b"%d" % n for n in (0, 1, 7, 8, 15, 3, 16, 23, 5, 100, 64, 1000))
_BAD_OFFSETS = (b"-1", b"4294967296", b"9223372036854775807", b"9223372036854775808", b"abc", b"", b"1.5", b"01", b"#1")
# Multiplied by a width of eight bits these come round to 0 and to 8; by any other width they are out of range.
_ROUND = (b"#2305843009213693952", b"#2305843009213693953")
_BAD_COUNTED = (b"#-1", b"#", b"#x", b"#9223372036854775807", b"#01")
_FIELDS = (
    b"u8",
    b"i8",
    b"u4",
    b"i5",
    b"u1",
    b"i1",
    b"u16",
    b"i16",
    b"u2",
    b"u32",
    b"i32",
    b"u63",
    b"i64",
    b"i63",
    b"u7",
)
_BAD_FIELDS = (b"u64", b"i65", b"u0", b"i0", b"u", b"i", b"x8", b"U8", b"u08", b"u-8", b"", b"8")


def _offset(rng: random.Random) -> Part:
    return rng.choice(_OFFSETS) if rng.random() < 0.88 else rng.choice(_BAD_OFFSETS)


def _field_offset(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.35:
        return b"#%d" % rng.choice((0, 1, 2, 3, 10))
    if roll < 0.4:
        return rng.choice(_ROUND)
    return rng.choice(_BAD_COUNTED) if roll < 0.44 else _offset(rng)


def _field(rng: random.Random) -> Part:
    return rng.choice(_FIELDS) if rng.random() < 0.9 else rng.choice(_BAD_FIELDS)


def _bit(rng: random.Random) -> Part:
    return rng.choice((b"1", b"0")) if rng.random() < 0.9 else rng.choice((b"2", b"-1", b"abc", b"", b"01"))


BY_TYPE: dict[str, Callable[[random.Random], Part]] = {
    "bit-offset": _offset,
    "field-offset": _field_offset,
    "field-type": _field,
    "bit": _bit,
}


# ---- HyperLogLogs ------------------------------------------------------------------------------------------------

_HEAD = b"HYLL\x01\x00\x00\x00" + bytes(7)
_RUNS = (
    b"\x7f\xff",  # nothing was added
    b"\x7f\xfe\x80", b"\x7f\xfe\x00", b"\x3f\x7f\xbf", b"\x83\x80\x87\x7f\xf9", b"\xff\x7f\xfb",  # whole
    b"\x7f\xff\x80", b"\x7f\xff\x00", b"\x7f\xff\x7f\xff", b"", b"\x00", b"\x7f\xfe", b"\xfe\xff",  # broken
)  # fmt: skip
SKETCHES = (
    *(_HEAD + cached + runs for cached in (b"\x80", b"\x00") for runs in _RUNS),
    *(b"HYLL" + kind + bytes(10) + b"\x80\x7f\xff" for kind in (b"\x01", b"\x02\x00")),
    b"HYLL" + bytes(11) + b"\x80" + bytes(12288),
    b"HYLL" + bytes(11) + b"\x80" + b"\xc3\x0c\xff" * 4096,
    b"HYLL" + bytes(11) + b"\x80" + bytes(12287),
    b"HYLL\x01", b"hyll" + bytes(14),
)  # fmt: skip


def _question(rng: random.Random) -> Part:
    asked = (b"ENCODING",) * 3 + (b"DECODE",) * 6 + (b"TODENSE",) * 3 + (b"encoding", b"nosuch", b"")
    return b"GETREG" if rng.random() < 0.03 else rng.choice(asked)


BY_TYPE["sketch-question"] = _question
