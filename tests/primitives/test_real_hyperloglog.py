"""HyperLogLog against the servers of this machine: the very bytes, and the count, after each of many additions."""

import random
from collections.abc import Iterator

import pytest

from redlark.conformance.servers import find_servers, start
from redlark.spec.primitives.hyperloglog import (
    hll_add,
    hll_empty,
    hll_estimate,
    hll_raise,
    hll_registers,
    hll_union,
    hll_with_count,
)

from .test_real_servers import Client

LIMIT = 3000


@pytest.fixture(scope="module", params=find_servers(), ids=lambda server: server.name)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of each server in turn, started for this module alone."""
    with start(request.param) as running:
        client = Client(request.param, running.port)
        yield client
        client.close()


def grown(data: bytes, elements: list[bytes]) -> bytes:
    """The string with these elements added."""
    for element in elements:
        changed = hll_add(data, element, LIMIT, True)
        assert changed is not None
        data = changed
    return data


def counted(data: bytes) -> int:
    """The count of a string that is whole."""
    registers = hll_registers(data, True)
    assert registers is not None
    return hll_estimate(registers)


@pytest.mark.parametrize(("rounds", "size"), [(30, 40), pytest.param(60, 3_000, marks=pytest.mark.campaign)])
def test_bytes_and_counts(client: Client, rounds: int, size: int) -> None:
    """Whatever is added, GET shows the bytes of the primitives and PFCOUNT their estimate, sparse and dense."""
    source, data = random.Random(rounds), hll_empty()
    client((b"FLUSHALL",), (b"PFADD", b"h"))
    for _ in range(rounds):
        elements = [source.randbytes(source.randrange(20)) for _ in range(source.randrange(1, size))]
        data = grown(data, elements)
        assert client((b"PFADD", b"h", *elements), (b"GET", b"h"))[1] == data
        data = hll_with_count(data, counted(data))
        assert client((b"PFCOUNT", b"h"), (b"GET", b"h")) == [counted(data), data]


@pytest.mark.parametrize("size", [3, 100, 800, 3_000])
def test_unions(client: Client, size: int) -> None:
    """PFMERGE leaves the bytes of the primitives, PFCOUNT of several keys counts the union."""
    source = random.Random(size)
    several = [[source.randbytes(7) for _ in range(source.randrange(size))] for _ in range(3)]
    requests = [(b"PFADD", b"h%d" % number, *elements) for number, elements in enumerate(several)]
    replies = client(
        (b"FLUSHALL",), *requests, (b"PFCOUNT", b"h0", b"h1", b"h2"), (b"PFMERGE", b"u", b"h0", b"h1", b"h2")
    )
    sketches = [grown(hll_empty(), elements) for elements in several]
    registers = [hll_registers(sketch, True) or b"" for sketch in sketches]
    union = hll_union(tuple(registers))
    assert replies[4] == hll_estimate(union)
    if all(sketch[4] == 1 for sketch in sketches):
        assert client((b"GET", b"u"))[0] == hll_raise(hll_empty(), union, LIMIT, True)
    assert client((b"PFCOUNT", b"u"))[0] == hll_estimate(union)
