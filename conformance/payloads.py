"""Payloads for RESTORE: some that were made here, and changes to one that a server's DUMP has told.

Those made here are of every type and version; of what is broken on purpose only what servers are known to refuse: with
a right checksum, a payload that is broken deeper down may end a server.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from redlark.spec import rdb
from redlark.spec.rdb.encoding import length, string
from redlark.spec.rdb.packed import written_intset, written_listpack

FAR = 33_177_117_420_000  # Unix milliseconds
LONG = b"x" * 70

WHOLE = "whole"
CHANGES: dict[str, Callable[[bytes, int], bytes]] = {
    WHOLE: lambda payload, place: payload,
    "flip": lambda payload, place: _flipped(payload, place),
    "cut": lambda payload, place: payload[: place % (len(payload) + 1)],
    "longer": lambda payload, place: payload + b"x",
    "of another version": lambda payload, place: rdb.sealed(payload[:-10], place % 90),
    "longer, sealed": lambda payload, place: rdb.sealed(payload[:-10] + b"xyz", 9),
}


def _flipped(payload: bytes, place: int) -> bytes:
    at = place % len(payload) if payload else 0
    return payload[:at] + bytes([payload[at] ^ (1 << place % 8)]) + payload[at + 1 :] if payload else payload


def _strings(*texts: bytes) -> bytes:
    return length(len(texts)) + b"".join(map(string, texts))


def _scores(*pairs: tuple[bytes, float]) -> bytes:
    return length(len(pairs)) + b"".join(string(member) + struct.pack("<d", score) for member, score in pairs)


def _stream(version: int) -> bytes:
    """A stream with a group, of which one consumer has an entry pending."""
    ids = [number << 64 | number for number in (1, 2, 3)]
    entries = tuple((id_, (b"f", b"%d" % number)) for number, id_ in enumerate(ids))
    node = rdb.Node(ids[0], ids[-1], 3, 0, (b"f",), entries)
    when = 1_700_000_000_000
    consumers = {b"alice": rdb.Consumer(when, when + 1), b"bob": rdb.Consumer(when, None)}
    pending = {ids[0]: rdb.Pending(b"alice", when + 1, 2)}
    groups = {
        b"g": rdb.Group(ids[0], 1, consumers, pending),
        b"h": rdb.Group(0, 0, {}, {}),
        b"nosuch": rdb.Group(ids[1], None, {}, {}),
    }
    value = rdb.StreamValue((node,), 3, ids[-1], ids[0], 0, 3, groups)
    return rdb.encode(rdb.Loaded("stream", value), version)


def _fields(version: int, product: str) -> bytes:
    rows = ((b"f1", b"v", FAR), (b"f2", b"w", None), (b"f3", b"x", FAR + 1))
    return rdb.encode(rdb.Loaded("hash", rows), version, product)


_LETTERS = (b"a", b"b", b"c", b"d")
BODIES: tuple[bytes, ...] = (
    b"\x00" + string(b"hello"),
    b"\x00" + string(b"10"),
    b"\x00" + string(b""),
    b"\x00" + string(b"x" * 44),
    b"\x00" + string(b"x" * 45),
    b"\x00" + string(b"y" * 200),
    b"\x00\xc0\xfb",
    b"\x00\xc1\x10\x27",
    b"\x00\xc2\x70\x11\x01\x00",
    b"\x00\xc3\x09\x40\x64\x01aa\xe0\x57\x00\x01aa",  # 100 times a
    b"\x00\x80\x00\x00\x00\x05hello",
    b"\x01" + _strings(b"a", b"1", b"b"),
    b"\x01" + _strings(*_LETTERS),
    b"\x01" + _strings(b"a", b"z" * 9000),
    b"\x02" + _strings(b"1", b"2", b"3"),
    b"\x02" + _strings(b"1", b"2", b"3", b"4", b"5", b"6"),
    b"\x02" + _strings(b"1", b"a", b"3"),
    b"\x02" + _strings(*_LETTERS),
    b"\x02" + _strings(b"a", LONG),
    b"\x03\x02" + string(b"a") + b"\x031.5" + string(b"b") + b"\xfe",
    b"\x04" + length(3) + _strings(b"f1", b"v", b"f2", b"10", b"f3", b"")[1:],
    b"\x04" + length(4) + _strings(b"f1", b"v", b"f2", b"10", b"f3", b"", b"f4", b"1")[1:],
    b"\x04" + length(1) + _strings(b"f1", LONG)[1:],
    b"\x05" + _scores((b"a", 1.0), (b"b", 2.5), (b"c", -0.0)),
    b"\x05" + _scores((b"a", 1.0), (b"b", float("inf")), (b"c", 0.1), (b"d", -1e100)),
    b"\x05" + _scores((LONG, -0.0), (b"b", 1.0)),
    b"\x09" + string(b"\x02\x01a\x01\x001\x01b\x01\x002\xff"),
    b"\x0b" + string(written_intset([1, 2, 3])),
    b"\x0b" + string(written_intset([-70000, 2, 3, 4, 5, 6])),
    b"\x0d" + string(bytes.fromhex("16000000 13000000 0400 00 01 66 03 01 76 03 01 67 03 f2 ff")),
    b"\x0c" + string(bytes.fromhex("1c000000 16000000 0400 00 01 62 03 04 2d696e66 06 01 61 03 03 312e35 ff")),
    b"\x0e\x01" + string(bytes.fromhex("0e000000 0a000000 0100 00 01 61 ff")),
    b"\x0e\x02" + 2 * string(bytes.fromhex("0e000000 0a000000 0100 00 01 61 ff")),
    b"\x10" + string(written_listpack([b"f1", b"v", b"f2", b"10"])),
    b"\x10" + string(written_listpack([b"f1", LONG, b"f2", b"1", b"f3", b"2", b"f4", b"3"])),
    b"\x11" + string(written_listpack([b"b", b"-inf", b"a", b"0", b"c", b"1.5"])),
    b"\x11" + string(written_listpack([b"b", b"-1", b"a", b"0", b"c", b"1", LONG, b"2"])),
    b"\x12\x02\x02" + string(written_listpack([b"a", b"b"])) + b"\x02" + string(written_listpack([b"c", b"1"])),
    b"\x12\x01\x02" + string(written_listpack(_LETTERS)),
    b"\x12\x02\x02" + string(written_listpack([b"a"])) + b"\x01" + string(b"z" * 9000),
    b"\x14" + string(written_listpack([b"a", b"1", b"b"])),
    b"\x14" + string(written_listpack([*_LETTERS, LONG])),
    *(_stream(version) for version in (9, 10, 11)),
    _fields(12, "redis"),
    b"\x19" + FAR.to_bytes(8, "little") + string(written_listpack([b"f1", b"v", FAR, b"f2", b"w", 0])),
)  # fmt: skip
BROKEN: tuple[bytes, ...] = (
    b"",
    b"\x07" + string(b"hello"),
    b"\x08\x01a",
    b"\xff" + string(b"hello"),
    b"\x00\x82" + string(b"hello"),
    b"\x00\xc4\x05",
    b"\x00\x7f\xff",
    b"\x01\x00",
    b"\x02\x00",
    b"\x02" + _strings(b"a", b"a"),
    b"\x03\x00",
    b"\x04\x00",
    b"\x05" + _scores((b"a", 1.0), (b"a", 1.0)),
    b"\x0e\x00",
    b"\x12\x01\x03" + string(b"abc"),
)
VERSIONS = (9, 9, 9, 9, 10, 11, 11, 12, 80, 1, 0, 13, 79, 81, 65535)


def made(rng: random.Random) -> bytes:
    """A payload that was made here."""
    roll = rng.random()
    if roll < 0.04:
        return rdb.sealed(_fields(80, "valkey"), 80)
    body = rng.choice(BODIES if roll < 0.88 else BROKEN)
    payload = rdb.sealed(body, rng.choice(VERSIONS))
    change = WHOLE if rng.random() < 0.93 else rng.choice(("flip", "cut", "longer"))
    return CHANGES[change](payload, rng.randrange(999))


FIRST = rdb.sealed(BODIES[0], 9)  # what stands for a DUMP that there has not been
