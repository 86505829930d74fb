"""HyperLogLog against the servers of this machine: the very bytes, and the count, after each of many additions."""

from collections.abc import Iterator

import pytest

from redlark.conformance.targets.servers import find_servers, start
from redlark.spec.primitives.hyperloglog import (
    hll_empty,
    hll_estimate,
    hll_raise,
    hll_union,
    hll_with_count,
)
from tests.campaign import Rounds

from .sketches import LIMIT, added, elements, registers
from .test_real_servers import Client


@pytest.fixture(scope="module", params=find_servers(), ids=lambda server: server.name)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of each server in turn, started for this module alone."""
    with start(request.param) as running:
        client = Client(request.param, running.port)
        yield client
        client.close()


def counted(data: bytes) -> int:
    """The count of a string that is whole."""
    return hll_estimate(registers(data))


def test_bytes_and_counts(client: Client, rounds: Rounds) -> None:
    """Whatever is added, GET shows the bytes of the primitives and PFCOUNT their estimate, sparse and dense."""
    for source in rounds(3):
        data, size = hll_empty(), source.choice((10, 40, 3_000) if rounds.many else (10, 40))
        client((b"FLUSHALL",), (b"PFADD", b"h"))
        for _ in range(20):
            some = elements(source, size)
            data = added(some, begin=data)
            assert client((b"PFADD", b"h", *some), (b"GET", b"h"))[1] == data
            data = hll_with_count(data, counted(data))
            assert client((b"PFCOUNT", b"h"), (b"GET", b"h")) == [counted(data), data]


def test_unions(client: Client, rounds: Rounds) -> None:
    """PFMERGE leaves the bytes of the primitives, PFCOUNT of several keys counts the union."""
    for source in rounds(4):
        several = [elements(source, source.choice((3, 100, 800, 3_000)), 9) for _ in range(3)]
        requests = [(b"PFADD", b"h%d" % number, *some) for number, some in enumerate(several)]
        replies = client(
            (b"FLUSHALL",), *requests, (b"PFCOUNT", b"h0", b"h1", b"h2"), (b"PFMERGE", b"u", b"h0", b"h1", b"h2")
        )
        sketches = [added(some) for some in several]
        union = hll_union(tuple(registers(sketch) for sketch in sketches))
        assert replies[4] == hll_estimate(union)
        if all(sketch[4] == 1 for sketch in sketches):
            assert client((b"GET", b"u"))[0] == hll_raise(hll_empty(), union, LIMIT, True)
        assert client((b"PFCOUNT", b"u"))[0] == hll_estimate(union)
