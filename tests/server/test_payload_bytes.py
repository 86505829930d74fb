"""DUMP to the byte against redis 8.2.3: what is compressed, and which elements of a long list share a node."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance import servers
from redlark.conformance.errors import CannotRun
from redlark.server import Server, cores
from tests.server.conftest import Wire
from tests.server.core.test_hot_lists import draw

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
