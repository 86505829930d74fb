"""DUMP to the byte against redis 8.2.3: what is compressed, and which elements of a long list share a node."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers
from redlark.server import Server, cores
from tests.server.conftest import Wire
from tests.server.core.test_hot_lists import draw
from tests.server.test_payloads import bulk

LEFT_OUT = (b"RESTORE", b"BLPOP", b"EVAL", b"WATCH", b"MULTI", b"EXEC")  # what changes no list here
RUNS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from((1, 2, 3, 17, 18, 19, 20, 21, 263, 264, 265, 300))))


@pytest.fixture(scope="module")
def all_three() -> Iterator[list[Wire]]:
    """A connection to the real one, and to each core that there is."""
    try:
        program = servers.pick("redis:8.2", servers.find_servers())
    except CannotRun as none:
        pytest.skip(str(none))
    ours = [Server(core=name) for name in cores.available()]
    with servers.start(program) as real:
        for one in ours:
            one.__enter__()
        yield [Wire(real.port, 60), *(Wire(one.port, 60) for one in ours)]
        for one in ours:
            one.__exit__(None, None, None)


def same(wires: list[Wire], *request: bytes) -> None:
    """All give one reply."""
    assert len({wire(*request) for wire in wires}) == 1, request[:3]


@settings(deadline=None)
@given(runs=RUNS, words=st.lists(st.binary(min_size=1, max_size=12), max_size=4), seed=st.integers(0, 2**32))
def test_texts_are_compressed_alike(
    all_three: list[Wire], runs: list[tuple[int, int]], words: list[bytes], seed: int
) -> None:
    """Runs of few bytes, and words again and again: the same copies, and the same texts that are left as they are."""
    rng = random.Random(seed)
    text = b"".join(bytes((97 + byte,)) * size for byte, size in runs)
    text += b"".join(rng.choice(words) for _ in range(rng.choice((1, 5, 50, 500))) if words)
    for value in (text, text[: rng.randrange(len(text) + 1)] + text):
        for wire in all_three:
            wire("SET", "text", value)
        same(all_three, b"DUMP", b"text")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_long_lists_have_the_same_nodes(all_three: list[Wire], seed: int) -> None:
    """After any history of changes every list has the bytes that it has in Redis, under limits of all kinds."""
    for wire in all_three:
        wire("FLUSHALL")
        wire("CONFIG", "SET", "list-max-listpack-size", "-2")
    for request in draw(random.Random(seed), 60):
        if request[0] not in LEFT_OUT:
            same(all_three, *request)
    for key in (b"l", b"m", b"n", b"s"):
        same(all_three, b"DUMP", key)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_streams_have_the_same_nodes(all_three: list[Wire], seed: int) -> None:
    """Entries with the fields of their node or others, at any difference of ids, and groups in whatever order."""
    rng = random.Random(seed)
    for wire in all_three:
        wire("FLUSHALL")
        wire("CONFIG", "SET", "stream-node-max-entries", "7", "stream-node-max-bytes", "900")
    at, fields = 0, (b"f", b"g", b"12", b"-300", b"", b"f" * 70)
    for _ in range(rng.choice((1, 5, 40, 120))):
        at += rng.choice((1, 1, 1, 100, 5000, 2**40))
        pairs = (
            [rng.choice(fields) for _ in range(2 * rng.choice((1, 1, 2, 5)))] if rng.random() < 0.4 else [b"f", b"v"]
        )
        same(all_three, b"XADD", b"x", b"%d-%d" % (at, rng.choice((0, 1, 2**63))), *pairs)
    for name in rng.sample((b"z", b"a", b"m", b"10", b"long name " * 3), rng.randrange(5)):
        same(all_three, b"XGROUP", b"CREATE", b"x", name, rng.choice((b"0", b"$", b"5-1")))
    same(all_three, b"XTRIM", b"x", b"MAXLEN", b"~", b"20")
    dumped_and_restored(all_three, b"x")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_small_collections_have_the_same_bytes(all_three: list[Wire], seed: int) -> None:
    """Hashes, with deadlines of fields too, sets and sorted sets: what is packed is copied as it is, there and back."""
    rng = random.Random(seed)
    for wire in all_three:
        wire("FLUSHALL")
    texts = [rng.choice((b"%d" % rng.randrange(-(2**40), 2**40), rng.randbytes(rng.randrange(60)))) for _ in range(80)]
    fields = list(dict.fromkeys(texts))[: rng.choice((1, 3, 20, 80))]
    for name in (b"hash", b"timed"):
        same(all_three, b"HSET", name, *(text for field in fields for text in (field, rng.choice(texts))))
    for at, field in enumerate(rng.sample(fields, rng.randrange(len(fields) + 1))):
        ends = b"%d" % (2**42 + 3000 * (at ^ 21) + rng.randrange(3000))
        same(all_three, b"HPEXPIREAT", b"timed", ends, b"FIELDS", b"1", field)
    same(all_three, b"SADD", b"set", b"text", *fields)
    same(all_three, b"SADD", b"numbers", *(b"%d" % rng.randrange(-(2 ** rng.choice((9, 20, 50))), 300) for _ in fields))
    scores = (b"0", b"-0", b"1.5", b"3", b"1e300", b"-inf", b"0.1", b"-7")
    same(all_three, b"ZADD", b"zset", *(text for field in fields for text in (rng.choice(scores), field)))
    for key in (b"hash", b"numbers", b"zset"):
        dumped_and_restored(all_three, key)
    if "compiled" in cores.available():  # in a plain set the order of members is Python's
        dumped_and_restored([all_three[0], all_three[1 + cores.available().index("compiled")]], b"set")
    real, *ours = (bulk(wire("DUMP", "timed")) for wire in all_three)
    assert len({payload[0:1] + payload[9:-10] for payload in (real, *ours)}) == 1
    assert len(set(ours)) == 1  # between stands the soonest deadline, of which Redis keeps an estimate
    dumped_and_restored(all_three[1:], b"timed")
    same(all_three, b"RESTORE", b"timed", b"0", ours[0], b"REPLACE")
    same(all_three, b"HGETALL", b"timed")


def dumped_and_restored(wires: list[Wire], key: bytes) -> None:
    """All tell the same of a key, take it again, and tell the same of what they took."""
    same(wires, b"DUMP", key)
    same(wires, b"RESTORE", b"again", b"0", bulk(wires[0]("DUMP", key)), b"REPLACE")
    same(wires, b"DUMP", b"again")
    same(wires, b"OBJECT", b"ENCODING", b"again")
