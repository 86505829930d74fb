"""Hot commands on strings against the Python commands, which the plain core runs: replies, values and forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import Server, cores
from tests.server.conftest import Wire

pytestmark = pytest.mark.skipif("compiled" not in cores.available(), reason="there is no compiled core")

KEYS = st.sampled_from((b"k", b"m", b"l"))
TEXTS = st.sampled_from(
    (b"", b"v", b"12", b"-7", b"1.5", b"-0.10", b".5", b"9" * 25, b"1e3", b"0x10", b"x" * 44, b"y" * 300, b"007")
)
NUMBERS = st.sampled_from((b"0", b"1", b"-1", b"2", b"-3", b"7", b"8", b"100", b"-100", b"x", b"9223372036854775807"))
OPTION = st.sampled_from(
    (
        (b"NX",),
        (b"xx",),
        (b"GET",),
        (b"KEEPTTL",),
        (b"EX", b"100"),
        (b"px", b"90000"),
        (b"EX", b"0"),
        (b"EX",),
        (b"no",),
    )
)
OPTIONS = st.lists(OPTION, max_size=3).map(lambda words: tuple(word for option in words for word in option))

TYPES = st.sampled_from((b"u1", b"u8", b"i5", b"u63", b"i64", b"u64", b"i0", b"x8", b"u"))
BIT_PLACES = st.sampled_from(
    (b"0", b"3", b"7", b"8", b"100", b"#0", b"#2", b"#1000", b"-1", b"#", b"9223372036854775807")
)
AMOUNTS = st.sampled_from((b"0", b"1", b"-1", b"200", b"-9223372036854775808", b"9223372036854775807", b"x"))
FIELD = st.one_of(
    st.tuples(st.just(b"GET"), TYPES, BIT_PLACES),
    st.tuples(st.sampled_from((b"SET", b"INCRBY", b"incrby")), TYPES, BIT_PLACES, AMOUNTS),
    st.tuples(st.just(b"OVERFLOW"), st.sampled_from((b"WRAP", b"sat", b"FAIL", b"other"))),
    st.sampled_from(((b"GET", b"u8"), (b"OVERFLOW",), (b"other",))),
)
GOOD = st.tuples(
    st.sampled_from((b"SET", b"INCRBY")),
    st.one_of(st.integers(1, 63).map(b"u%d".__mod__), st.integers(1, 64).map(b"i%d".__mod__)),
    st.integers(0, 200).map(b"%d".__mod__),
    st.integers(-(2**63), 2**63 - 1).map(b"%d".__mod__),
)
OVERFLOWS = st.sampled_from(((), (b"OVERFLOW", b"SAT"), (b"OVERFLOW", b"FAIL"), (b"OVERFLOW", b"WRAP")))
FIELDS = st.one_of(
    st.lists(FIELD, max_size=4).map(lambda words: tuple(word for field in words for word in field)),
    st.lists(st.tuples(OVERFLOWS, GOOD), min_size=1, max_size=4).map(
        lambda rows: tuple(word for overflow, field in rows for word in overflow + field)
    ),
)


def asked(*parts: st.SearchStrategy[bytes] | bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    """Requests of these words."""
    return st.tuples(*(st.just(part) if isinstance(part, bytes) else part for part in parts))


REQUESTS = st.one_of(
    st.tuples(asked(b"SET", KEYS, TEXTS), OPTIONS).map(lambda both: both[0] + both[1]),
    st.tuples(asked(b"GETEX", KEYS), st.sampled_from(((), (b"PERSIST",), (b"EX", b"100"), (b"PX", b"0")))).map(
        lambda both: both[0] + both[1]
    ),
    asked(b"GETSET", KEYS, TEXTS),
    asked(b"GETDEL", KEYS),
    asked(b"GETRANGE", KEYS, NUMBERS, NUMBERS),
    asked(b"SETRANGE", KEYS, NUMBERS, TEXTS),
    asked(b"GETBIT", KEYS, NUMBERS),
    asked(b"SETBIT", KEYS, NUMBERS, st.sampled_from((b"0", b"1", b"2"))),
    asked(b"BITCOUNT", KEYS),
    asked(b"BITCOUNT", KEYS, NUMBERS, NUMBERS),
    asked(b"BITCOUNT", KEYS, NUMBERS, NUMBERS, st.sampled_from((b"BIT", b"byte", b"bit", b"other"))),
    st.tuples(asked(st.sampled_from((b"BITFIELD", b"BITFIELD_RO")), KEYS), FIELDS).map(lambda both: both[0] + both[1]),
    st.tuples(asked(b"BITFIELD", KEYS), FIELDS).map(lambda both: both[0] + both[1]),
    asked(b"INCR", KEYS),
    asked(b"DUMP", KEYS),
    asked(b"OBJECT", st.sampled_from((b"ENCODING", b"refcount", b"IDLETIME", b"FREQ", b"other")), KEYS),
    asked(b"object", b"encoding"),
    asked(b"OBJECT|ENCODING", KEYS),
    asked(b"OBJECT"),
    asked(b"INCRBYFLOAT", KEYS, TEXTS),
    asked(b"PFADD", KEYS, TEXTS),
    asked(b"PFADD", KEYS, TEXTS, NUMBERS),
    asked(b"PFCOUNT", KEYS),
    asked(b"PFDEBUG", b"TODENSE", KEYS),
    asked(b"PFMERGE", KEYS, KEYS),
    asked(st.sampled_from((b"RENAME", b"RENAMENX")), KEYS, KEYS),
    asked(b"MOVE", KEYS, st.sampled_from((b"0", b"1", b"15", b"16", b"-1", b"x"))),
    asked(b"COPY", KEYS, KEYS),
    asked(b"EXPIREAT", KEYS, st.just(b"4000000000")),
    asked(b"APPEND", KEYS, TEXTS),
    asked(b"PERSIST", KEYS),
    asked(b"RPUSH", st.just(b"l"), TEXTS),
    asked(b"PUBLISH", KEYS, TEXTS),
    asked(b"RANDOMKEY"),
)
AFTER = [(word, key) for key in (b"k", b"m", b"l") for word in (b"TYPE", b"GET", b"TTL", b"OBJECT ENCODING", b"DUMP")]


@pytest.fixture(scope="module")
def both() -> Iterator[list[Wire]]:
    """A connection to each core."""
    with Server(core="compiled") as one, Server(core="plain") as other:
        yield [Wire(one.port), Wire(other.port)]


@settings(max_examples=300)
@given(requests=st.lists(REQUESTS, max_size=12))
def test_hot_commands_do_what_python_s_do(both: list[Wire], requests: list[tuple[bytes, ...]]) -> None:
    """Replies, then what every key holds, how, and for how long; and how often keys were found."""
    said = []
    for wire in both:
        wire("FLUSHALL")
        wire("CONFIG", "RESETSTAT")
        replies = [wire(*request) for request in requests if request != (b"RANDOMKEY",)]
        hits = [line for line in wire("INFO", "stats").split(b"\r\n") if line.startswith(b"keyspace_")]
        after = [wire(*word.split(), key) for word, key in AFTER]
        keys = {wire("RANDOMKEY") for _ in range(3)}
        said.append((replies, hits, after, bool(keys)))
    assert said[0] == said[1]


@settings(max_examples=20)
@given(elements=st.lists(st.binary(max_size=20), max_size=300), dense=st.booleans(), limit=st.integers(0, 900))
def test_sketches_come_to_the_same(both: list[Wire], elements: list[bytes], dense: bool, limit: int) -> None:
    """Every byte of a sketch after many elements, some of them again, whichever core adds them, in all encodings."""
    said = []
    for wire in both:
        wire("CONFIG", "SET", "hll-sparse-max-bytes", b"%d" % (limit if limit < 600 else 3000))
        wire("DEL", "s")
        if dense:
            wire("PFADD", "s", "first")
            wire("PFDEBUG", "TODENSE", "s")
        said.append([*(wire("PFADD", "s", one, b"again") for one in elements), wire("GET", "s"), wire("PFCOUNT", "s")])
    assert said[0] == said[1]


@settings(max_examples=40)
@given(
    sketches=st.lists(st.tuples(st.integers(0, 4000), st.booleans(), st.none() | st.integers(18, 12304)), max_size=4),
    there=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_merged_sketches_come_to_the_same(
    both: list[Wire], sketches: list[tuple[int, bool, int | None]], there: bool, seed: int
) -> None:
    """Every byte of what sketches are merged to, whichever core does it: sparse, dense and corrupted ones."""
    said = []
    names = [b"s%d" % number for number in range(len(sketches))]
    for wire in both:
        wire("FLUSHALL")
        wire("CONFIG", "SET", "hll-sparse-max-bytes", 3000)
        for name, (count, dense, cut) in zip(names, sketches, strict=True):
            wire("PFADD", name, *(b"%b-%d" % (name[-1 + seed % 2 :], number * (seed + 1)) for number in range(count)))
            if dense:
                wire("PFDEBUG", "TODENSE", name)
            if cut is not None and len(sketches) > 2:
                wire("SETRANGE", name, cut % (40 + 8 * count), b"\x41")
        into = names[:1] if there and names else [b"new"]
        said.append([wire("PFMERGE", *into, *names), wire("GET", into[0]), wire("PFCOUNT", into[0])])
    assert said[0] == said[1]
