"""MIGRATE: between servers of this kind, and to a real Redis and back; what goes wrong on the way keeps the keys."""

from __future__ import annotations

import socket

import pytest

from redlark.server import Server
from tests.conftest import Starter

from .conftest import Connect, Start, Wire
from .test_payloads import corpus, keys, shown


def test_keys_of_every_type_move(client: Wire, start_server: Starter, server: Server, wire: Connect) -> None:
    """To Redis 8.2, all in one request, and one by one from there: each is the same there, and gone here, then back."""
    other_port = start_server("redis:8.2").port
    other = wire(other_port)
    for request in corpus(3):
        client(*request)
    client("PEXPIREAT", "list:3", 2_000_000_000_000)
    names = keys(client)
    before = {name: shown(client, name) for name in names}
    assert client("MIGRATE", "127.0.0.1", other_port, "", 0, 5000, "KEYS", *names, "nokey") == b"+OK\r\n"
    assert client("DBSIZE") == b":0\r\n"
    assert {name: shown(other, name) for name in keys(other)} == before
    for name in names:
        assert other("MIGRATE", "127.0.0.1", server.port, name, 0, 5000) == b"+OK\r\n"
    assert {name: shown(client, name) for name in keys(client)} == before
    assert 0 <= int(client("PEXPIRETIME", "list:3")[1:-2]) - 2_000_000_000_000 < 5000, "a little later, by the way"


def test_what_another_server_refuses(client: Wire, start: Start, wire: Connect) -> None:
    """What is there already stays on both sides, unless it may be replaced; a password is needed where there is one."""
    port = start("--requirepass", "secret").port
    other = wire(port)
    other("AUTH", "secret")
    to = ("MIGRATE", "127.0.0.1", port)
    client("MSET", "a", 1, "b", 2, "c", 3)
    other("SET", "b", "old")
    refused = b"-ERR Target instance replied with error: "
    assert client(*to, "a", 0, 1000) == refused + b"NOAUTH Authentication required.\r\n"
    assert client(*to, "a", 0, 1000, "AUTH", "wrong").startswith(refused + b"WRONGPASS")
    assert client(*to, "a", 99, 1000, "AUTH", "secret") == refused + b"ERR DB index is out of range\r\n"
    assert client("EXISTS", "a", "b", "c") == b":3\r\n"
    last = ("AUTH2", "default", "secret", "KEYS", "a", "b", "c")
    assert client(*to, "", 0, 1000, *last) == refused + b"BUSYKEY Target key name already exists.\r\n"
    assert client("EXISTS", "a", "b", "c") == b":1\r\n"
    assert other("MGET", "a", "b", "c") == b"*3\r\n$1\r\n1\r\n$3\r\nold\r\n$1\r\n3\r\n"
    assert client(*to, "b", 0, 1000, "COPY", "REPLACE", "AUTH", "secret") == b"+OK\r\n"
    assert other("GET", "b") == client("GET", "b") == b"$1\r\n2\r\n"


@pytest.mark.parametrize(("host", "port", "error"), [
    ("127.0.0.1", "1", "writing to target instance"),
    ("127.0.0.1", "x", "writing to target instance"),
    ("no such host", "1", "connecting to the client"),
])  # fmt: skip
def test_nobody_there(client: Wire, host: str, port: str, error: str) -> None:
    """The key stays, and the error says at what it ended."""
    client("SET", "k", "v")
    assert client("MIGRATE", host, port, "k", 0, 100) == b"-IOERR error or timeout %b\r\n" % error.encode()
    assert client("GET", "k") == b"$1\r\nv\r\n"


def test_nobody_answers(server: Server, client: Wire) -> None:
    """Who takes the connection and says nothing is waited for so long; so it is with the server itself."""
    client("SET", "k", "v")
    late = b"-IOERR error or timeout reading from target instance\r\n"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert client("MIGRATE", "127.0.0.1", silent.getsockname()[1], "k", 0, 50) == late
    assert client("MIGRATE", "127.0.0.1", server.port, "k", 0, 50) == late
    assert client("GET", "k") == b"$1\r\nv\r\n"


def test_errors_in_their_order(client: Wire) -> None:
    """Options are read first, then the time, then the database, and only then it is looked for keys."""
    to = ("MIGRATE", "127.0.0.1", "1")
    assert client(*to, "k", "x", "y", "PERHAPS") == b"-ERR syntax error\r\n"
    assert client(*to, "k", "0", "0", "AUTH") == b"-ERR syntax error\r\n"
    assert client(*to, "k", "0", "0", "KEYS", "a").startswith(b"-ERR When using MIGRATE KEYS option")
    assert client(*to, "", "x", "0", "KEYS", "a") == b"-ERR value is not an integer or out of range\r\n"
    assert client(*to, "", "0", "0", "KEYS") == b"+NOKEY\r\n"
    assert client(*to, "nokey", "0", "0") == b"+NOKEY\r\n"


def test_passwords_are_not_kept(client: Wire) -> None:
    """The log of slow requests tells no user and no password of MIGRATE."""
    client("CONFIG", "SET", "slowlog-log-slower-than", 0)
    client("SLOWLOG", "RESET")
    client("MIGRATE", "127.0.0.1", 1, "nokey", 0, 100, "COPY", "AUTH2", "someone", "secret")
    told = client("SLOWLOG", "GET", 1)
    client("CONFIG", "SET", "slowlog-log-slower-than", 10000)
    assert b"nokey" in told
    assert told.count(b"(redacted)") == 2
    assert b"secret" not in told
