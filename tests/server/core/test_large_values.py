"""Large arguments, which are received where they stay: whatever pieces they come in, replies and values are right."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import Server, cores
from tests.server.core.test_hot import resp
from tests.server.members import keyspaces_hold

pytestmark = pytest.mark.skipif("compiled" not in cores.available(), reason="there is no compiled core")

KEYS = (b"a", b"b", b"k" * 300, b"")
SIZES = (3, 100, 32_767, 32_768, 40_000, 65_235, 65_535, 65_536, 70_000, 100_000, 300_000)
PIECES = (1, 10, 1_000, 16_384, 33_000, 65_536, 100_000, 1_000_000)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(core="compiled") as one:
        yield one


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def step(rng: random.Random, held: dict[bytes, bytes]) -> tuple[list[bytes], bytes]:
    """A request and its reply; `held` is what keys have."""
    key, value = rng.choice(KEYS), bytes((rng.randrange(256),)) * rng.choice(SIZES)
    name = rng.choice((b"SET", b"SET", b"SET", b"SETEX", b"APPEND", b"GET", b"MSET", b"ECHO", b"GETSET"))
    before = held.get(key)
    told = b"$-1\r\n" if before is None else bulk(before)
    if name == b"GET":
        return [name, key], told
    if name == b"ECHO":
        return [name, value], bulk(value)
    held[key] = value
    if name == b"APPEND":
        held[key] = (before or b"") + value
        return [name, key, value], b":%d\r\n" % len(held[key])
    if name == b"GETSET":
        return [name, key, value], told
    if name == b"MSET":
        held[b"other"] = value
        return [name, key, value, b"other", value], b"+OK\r\n"
    options = rng.choice(((), (), (b"EX", b"100"), (b"KEEPTTL",)))
    return ([b"SETEX", key, b"100", value] if name == b"SETEX" else [name, key, value, *options]), b"+OK\r\n"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 25))
def test_pieces_make_no_difference(server: Server, seed: int, count: int) -> None:
    """A pipeline of commands with large arguments, cut anywhere, gets the replies that it must get."""
    rng = random.Random(seed)
    held: dict[bytes, bytes] = {}
    steps = [step(rng, held) for _ in range(count)]
    stream = b"".join(resp(*request) for request, _ in steps)
    wanted = b"+OK\r\n" + b"".join(reply for _, reply in steps)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"FLUSHALL\r\n")

        def send() -> None:
            at = 0
            while at < len(stream):
                size = rng.choice(PIECES)
                connection.sendall(stream[at : at + size])
                at += size

        sender = threading.Thread(target=send)
        sender.start()
        got = b""
        while len(got) < len(wanted):
            more = connection.recv(1 << 20)
            assert more, "the server closed the connection"
            got += more
        sender.join()
    assert got == wanted
    keyspaces_hold(server)


def test_who_goes_in_the_midst_of_an_argument_leaves_nothing(server: Server) -> None:
    """A connection that ends while a large argument is coming changes no key."""
    for size in (0, 10, 50_000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(b"FLUSHALL\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n" + b"v" * size)
            assert connection.recv(100) == b"+OK\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"DBSIZE\r\n")
        assert connection.recv(100) == b":0\r\n"
