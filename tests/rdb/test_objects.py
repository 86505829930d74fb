"""Objects of RDB files: what is written is read again, what real servers wrote is read, what is broken is refused."""

from __future__ import annotations

import contextlib
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.rdb import (
    BadFormat,
    Consumer,
    Group,
    Loaded,
    Node,
    Pending,
    StreamValue,
    decode,
    encode,
    sealed,
    unsealed,
)
from redlark.spec.rdb.cursor import Cursor, decompressed
from redlark.spec.rdb.encoding import length
from redlark.spec.rdb.packed import intset, listpack, written_intset, written_listpack, ziplist, zipmap

TEXTS = st.one_of(st.binary(max_size=80), st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n))
TIMES = st.integers(1, 2**45)
IDS = st.integers(1, 2**128 - 1)


def hashes() -> st.SearchStrategy[Loaded]:
    """Hashes, some of whose fields have deadlines."""
    rows = st.tuples(TEXTS, TEXTS, st.none() | TIMES)
    found = st.lists(rows, min_size=1, max_size=6, unique_by=lambda row: row[0]).map(tuple)
    return found.map(lambda value: Loaded("hash", value))


@st.composite
def streams(draw: st.DrawFn) -> Loaded:
    """Streams with one or two nodes and a group."""
    ids = sorted(draw(st.sets(IDS, max_size=6)))
    shared = (b"f", b"g")
    items = st.sampled_from([(b"f", b"1", b"g", b"x"), (b"h", b"7"), ()])
    entries = [(id_, draw(items)) for id_ in ids]
    parts = [part for part in (entries[: len(ids) // 2], entries[len(ids) // 2 :]) if part]
    nodes = tuple(Node(part[0][0], part[-1][0], len(part), 0, shared, tuple(part)) for part in parts)
    consumers = {b"al": Consumer(draw(TIMES), draw(st.none() | TIMES)), b"bo": Consumer(draw(TIMES))}
    pending = {
        id_: Pending(draw(st.sampled_from(sorted(consumers))), draw(TIMES), draw(st.integers(0, 9))) for id_ in ids
    }
    group = Group(draw(IDS), draw(st.none() | st.integers(0, 100)), consumers, pending)
    last = draw(IDS)
    value = StreamValue(nodes, len(ids), last, ids[0] if ids else 0, draw(IDS), draw(st.integers(0, 99)), {b"g": group})
    return Loaded("stream", value)


def plain(kind: str, elements: st.SearchStrategy[Any], **options: Any) -> st.SearchStrategy[Loaded]:
    """Collections of one kind."""
    found = st.lists(elements, min_size=1, max_size=8, **options).map(tuple)
    return found.map(lambda value: Loaded(kind, value))


VALUES = st.one_of(
    TEXTS.map(lambda text: Loaded("string", text)),
    plain("list", TEXTS),
    plain("set", TEXTS, unique=True),
    plain("zset", st.tuples(TEXTS, st.floats(allow_nan=False)), unique_by=lambda pair: pair[0]),
    hashes(),
    streams(),
)


def unsized(loaded: Loaded) -> Loaded:
    """A stream without the sizes of its nodes, which depend on how they are written."""
    if loaded.kind != "stream":
        return loaded
    value = loaded.value
    nodes = tuple(Node(n.first, n.last, n.count, 0, n.fields, n.entries) for n in value.nodes)
    return Loaded(
        "stream",
        StreamValue(
            nodes, *(getattr(value, f) for f in ("length", "last_id", "first_id", "max_deleted", "added", "groups"))
        ),
    )


@given(VALUES, st.sampled_from([(11, "redis"), (12, "redis"), (80, "valkey")]), st.binary(max_size=9))
def test_what_is_written_is_read_again(loaded: Loaded, version: tuple[int, str], behind: bytes) -> None:
    """Encoding and decoding give the same value, and the place behind it."""
    data = encode(loaded, *version)
    found, place = decode(data + behind, version[1])
    assert unsized(found) == loaded
    assert place == len(data)


@given(VALUES, st.data())
def test_what_is_cut_short_is_refused(loaded: Loaded, data: st.DataObject) -> None:
    """No beginning of an object is an object: reading it says so, and raises nothing else."""
    written = encode(loaded, 12)
    short = written[: data.draw(st.integers(0, len(written) - 1))]
    with pytest.raises(BadFormat):
        decode(short)


@given(VALUES, st.integers(0, 2**31), st.integers(0, 255))
def test_a_changed_byte_never_breaks_the_reader(loaded: Loaded, place: int, byte: int) -> None:
    """A wrong byte gives another value or `BadFormat`, never another exception."""
    data = bytearray(encode(loaded, 12))
    data[place % len(data)] = byte
    with contextlib.suppress(BadFormat):
        decode(bytes(data))


@given(st.lists(TEXTS | st.integers(100, 5000).map(lambda n: b"x" * n), max_size=20))
def test_listpacks(elements: list[bytes]) -> None:
    """A listpack gives back what was put in."""
    assert listpack(written_listpack(elements)) == tuple(elements)


def test_a_listpack_can_be_read_from_its_end() -> None:
    """The length of an element stands behind it, lowest bits last, as redis 8.2.3 has it for 200 and 20,000 bytes."""
    assert written_listpack([b"x" * 200])[-3:] == bytes.fromhex("01 ca ff")
    assert written_listpack([b"x" * 20_000])[-4:] == bytes.fromhex("01 9c a5 ff")
    assert written_listpack([b"x" * 16_378])[-4:] == bytes.fromhex("00 ff ff ff")


@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_intsets(members: set[int]) -> None:
    """A set of integers gives back its members, smallest first."""
    assert intset(written_intset(members)) == tuple(b"%d" % n for n in sorted(members))


@given(st.integers(0, 2**64 - 1))
def test_lengths(number: int) -> None:
    """A length takes the form that it needs, and is read again."""
    assert Cursor(length(number)).length() == number


@given(VALUES, st.integers(1, 80), st.integers(0, 2**31), st.integers(1, 255))
def test_a_payload_is_sealed(loaded: Loaded, version: int, place: int, flip: int) -> None:
    """The footer tells the version; any byte that is changed breaks the seal."""
    payload = sealed(encode(loaded, version), version)
    assert unsealed(payload) == version
    broken = bytearray(payload)
    broken[place % len(payload)] ^= flip
    assert unsealed(bytes(broken)) is None
    assert unsealed(payload[:9]) is None


# The bodies of DUMPs (without their footers), and what was put in.
WRITTEN = [
    ("00 c2 90eefeff", Loaded("string", b"-70000")),
    ("00 c3 09 4064 01 6161 e0 57 00 01 6161", Loaded("string", b"a" * 100)),
    (  # a quicklist of redis 6.2.14
        "0e 02 0e 0e000000 0a000000 0100 00 01 61 ff 0f 0f000000 0a000000 0100 00 02 6263 ff",
        Loaded("list", (b"a", b"bc"), "quicklist 1 1"),
    ),
    ("12 02 02 0a 0a000000 0100 8161 02 ff 01 01 62", Loaded("list", (b"a", b"b"), "quicklist 1 plain")),
    ("0b 14 04000000 03000000 01000000 02000000 70110100", Loaded("set", (b"1", b"2", b"70000"), "intset")),
    ("14 0d 0d000000 0200 8161 02 8162 02 ff", Loaded("set", (b"a", b"b"), "packed")),
    ("0c 1c 1c000000 16000000 0400 00 01 62 03 04 2d696e66 06 01 61 03 03 312e35 ff",
     Loaded("zset", ((b"b", -math.inf), (b"a", 1.5)), "packed")),
    ("11 18 18000000 0400 8162 02 842d696e66 05 8161 02 83312e35 04 ff",
     Loaded("zset", ((b"b", -math.inf), (b"a", 1.5)), "packed")),
    ("03 02 01 61 ff 01 62 03 312e35", Loaded("zset", ((b"a", -math.inf), (b"b", 1.5)))),
    ("0d 16 16000000 13000000 0400 00 01 66 03 01 76 03 01 67 03 f2 ff",
     Loaded("hash", ((b"f", b"v", None), (b"g", b"1", None)), "packed")),
    # fields with deadlines: redis 8.2.3 packed and as a table, valkey 9.1.2
    ("19 bb3afe12a2010000 1f 1f000000 0600 8166 02 8176 02 f4bb3afe12a2010000 09 8167 02 8177 02 00 01 ff",
     Loaded("hash", ((b"f", b"v", 1795614980795), (b"g", b"w", None)), "packed")),
    ("18 bb3afe12a2010000 02 01 01 66 01 76 00 01 67 01 77",
     Loaded("hash", ((b"f", b"v", 1795614980795), (b"g", b"w", None)))),
]  # fmt: skip


@pytest.mark.parametrize(("hexadecimal", "value"), WRITTEN)
def test_what_servers_wrote(hexadecimal: str, value: Loaded) -> None:
    """Bodies of DUMPs of real servers."""
    body = bytes.fromhex(hexadecimal)
    assert decode(body) == (value, len(body))


def test_a_type_that_two_products_took() -> None:
    """Type 22 is a hash with deadlines of valkey 9.1.2; to Redis it is one of its own, from before a release."""
    body = bytes.fromhex("16 02 01 66 01 76 c53afe12a2010000 01 67 01 77 ffffffffffffffff")
    value = Loaded("hash", ((b"f", b"v", 1795614980805), (b"g", b"w", None)))
    assert decode(body, "valkey") == (value, len(body))


def test_old_packed_forms() -> None:
    """A ziplist with every kind of element, and a zipmap."""
    body = bytes.fromhex(
        "00 01 61 03 fe 7f 03 c0 ff7f 04 f0 ffff7f 05 d0 ffffff7f 06 e0 ffffffffffffff7f 0a f1 02 fd 02 4040"
    )
    data = body + b"x" * 64 + b"\xff"
    size = (len(data) + 10).to_bytes(4, "little")
    numbers = [127, 2**15 - 1, 2**23 - 1, 2**31 - 1, 2**63 - 1, 0, 12]
    found = ziplist(size + bytes(4) + (9).to_bytes(2, "little") + data)
    assert found == (b"a", *(b"%d" % n for n in numbers), b"x" * 64)
    assert zipmap(bytes.fromhex("02 01 61 01 00 62 02 6162 02 01 6162 00 ff")) == (b"a", b"b", b"ab", b"ab")


def test_lzf_copies_overlap() -> None:
    """A copy may run into what it is copying, and may not begin before the beginning."""
    assert decompressed(b"\x00a\xe0\x01\x00", 11) == b"a" * 11
    with pytest.raises(BadFormat):
        decompressed(b"\x00a\x20\x05", 4)


@pytest.mark.parametrize("seed", range(3))
def test_noise(seed: int) -> None:
    """Random bytes are refused, or are some value."""
    rng = random.Random(seed)
    for _ in range(2_000):
        with contextlib.suppress(BadFormat):
            decode(rng.randbytes(rng.randrange(40)))
