"""Numbers in the configuration, beside Redis 8.2.3: which texts are one, which are within limits, what is then told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.server import Server
from redlark.server.parameters import PARAMETERS
from tests.server.conftest import Connect, Wire

# Where one listens, and how many there may be, which hangs on the process's limit of open files;
# what is raised to two turns of a rate that Redis takes over only at its next turn, up to a second after `hz` was set.
LEFT_OUT = {"maxclients", "port", "tls-port", "watchdog-period"}
NUMBERS = [
    name
    for name, row in PARAMETERS.items()
    if row.kind in ("int", "natural", "memory") and not row.fixed and name not in LEFT_OUT
]
TEXTS = (
    *("abc", "", "kb", " 1", "+1", "01", "-1", "-7", "64kb", "1k", "2mb", "0", "128", "-2147483649"),
    *("2147483648", "9223372036854775807", "9223372036854775808", "99999999999999999999"),
)


@pytest.fixture(scope="module")
def tight() -> Iterator[Server]:
    """A server whose limits are changed, and which is used for nothing else."""
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def both(tight: Server, real_port: int) -> Iterator[tuple[Wire, Wire]]:
    """A connection to Redis and one to ours."""
    real, ours = Wire(real_port), Wire(tight.port)
    before = [real("CONFIG", "GET", name) for name in NUMBERS]
    for name in NUMBERS:  # other tests share the real server
        real("CONFIG", "SET", name, ours("CONFIG", "GET", name).split(b"\r\n")[4])
    yield real, ours
    for name, setting in zip(NUMBERS, before, strict=True):
        real("CONFIG", "SET", name, setting.split(b"\r\n")[4])
    real.close()
    ours.close()


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_limits_are_those_of_redis(both: tuple[Wire, Wire], name: str) -> None:
    """CONFIG SET takes and refuses the same texts for a number, with the same words, and CONFIG GET tells the same."""
    real, ours = both
    for text in TEXTS:
        assert ours("CONFIG", "SET", name, text) == real("CONFIG", "SET", name, text), text
        assert ours("CONFIG", "GET", name) == real("CONFIG", "GET", name), text


def test_a_number_is_set_once(tight: Server, real_port: int, wire: Connect) -> None:
    """A parameter and another name of it in one CONFIG SET are told of as Redis tells of them."""
    request = ("CONFIG", "SET", "zset-max-listpack-entries", "100", "zset-max-ziplist-entries", "101")
    real, ours = wire(real_port), wire(tight.port)
    assert ours(*request) == real(*request)
    names = ("zset-max-listpack-entries", "zset-max-ziplist-entries")
    assert [ours("CONFIG", "GET", name) for name in names] == [real("CONFIG", "GET", name) for name in names]
    real("CONFIG", "SET", "zset-max-listpack-entries", "128")
