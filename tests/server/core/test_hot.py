"""Hot commands against the Python commands that they shorten: the two cores give equal replies."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.members import keyspaces_hold

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

HOT = (
    b"GET SET SETEX SETNX INCR DECR INCRBY DECRBY MSET MGET DEL UNLINK EXISTS EXPIRE PEXPIRE TTL TYPE APPEND STRLEN "
    b"PING ECHO LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LLEN LINDEX LRANGE LMOVE RPOPLPUSH LSET LREM LTRIM LINSERT LPOS"
).split()
AROUND = (
    b"SORT SADD SETRANGE GETRANGE PERSIST RENAME MULTI EXEC DISCARD WATCH PSETEX INCRBYFLOAT OBJECT DBSIZE"
).split()
KEYS = [b"a", b"b", b"c", b"", b"k" * 300]
WORDS = [
    *(b"0", b"1", b"-1", b"10", b"100", b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"-0"),
    *(b"abc", b"", b" 1", b"1.5", b"x" * 41, b"x" * 70_000, b"EX", b"px", b"NX", b"XX", b"GT", b"GET", b"KEEPTTL"),
    *(b"LEFT", b"right", b"y" * 5000),
]
END = b"$3\r\nend\r\n"


def resp(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Server, Server]]:
    with Server(core="compiled") as compiled, Server(core="plain") as plain:
        yield compiled, plain


def replies(server: Server, history: list[list[bytes]], resp3: bool) -> bytes:
    """What a history gets in one pipeline, from an empty server on."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(b"FLUSHALL\r\n" + (b"HELLO 3\r\n" if resp3 else b"") + b"ECHO ready\r\n")
        got = b""
        while not got.endswith(b"$5\r\nready\r\n"):
            got += connection.recv(65536)
        stream = b"".join(resp(*request) for request in history) + resp(b"RESET") + resp(b"ECHO", b"end")
        sender = threading.Thread(target=connection.sendall, args=(stream,))
        sender.start()
        got = b""
        while not got.endswith(END):
            more = connection.recv(65536)
            assert more, "the server closed the connection"
            got += more
        sender.join()
        return got


def agree(both: tuple[Server, Server], history: list[list[bytes]], resp3: bool) -> None:
    """Both cores answer a history with the same bytes, of which the shortest beginning is shown where they do not."""
    compiled, plain = both
    got, wanted = replies(compiled, history, resp3), replies(plain, history, resp3)
    if got != wanted:
        for length in range(1, len(history) + 1):
            begun = history[:length]
            assert replies(compiled, begun, resp3) == replies(plain, begun, resp3), begun[-3:]
    assert got == wanted
    keyspaces_hold(compiled)


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    """Requests with few keys, edge values, and now and then an argument too many or too few."""
    history = []
    for _ in range(count):
        name = rng.choice(HOT if rng.random() < 0.75 else AROUND)
        words = [
            rng.choice(KEYS) if at == 0 or rng.random() < 0.3 else rng.choice(WORDS) for at in range(rng.randrange(6))
        ]
        if name in (b"MULTI", b"EXEC", b"DISCARD", b"DBSIZE"):
            words = []
        elif name == b"OBJECT":
            words = [b"ENCODING", rng.choice(KEYS)]
        elif name == b"SETRANGE":
            words = [rng.choice(KEYS), b"%d" % rng.randrange(50), rng.choice(WORDS)]
        history.append([name.lower() if rng.random() < 0.3 else name, *words])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 200), resp3=st.booleans())
def test_the_two_cores_agree(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of hot commands and others around them gets the same bytes from both cores."""
    history = draw(random.Random(seed), count)
    agree(both, history, resp3)
