"""The model over TCP: real clients can talk to the text itself."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
import redis

from redlark.reference import Model
from redlark.reference.tcp import ModelServer


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a model that serves the text of redis-8.2."""
    with ModelServer(Model.load("redis-8.2")) as server:
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server.port
        server.stop()
        thread.join(5)
        assert not thread.is_alive()


@pytest.fixture
def connection(port: int) -> Iterator[socket.socket]:
    """A plain connection to an empty model."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as opened:
        assert said(opened, b"FLUSHALL\r\n", 5) == b"+OK\r\n"
        yield opened


def said(connection: socket.socket, wire: bytes, size: int) -> bytes:
    """What comes back, that many bytes; fewer where the connection closes."""
    connection.sendall(wire)
    got = b""
    while len(got) < size and (data := connection.recv(size - len(got))):
        got += data
    return got


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_talks_to_the_text(port: int, protocol: int) -> None:
    """A client library stores, reads, iterates, expires and runs transactions, in both protocols."""
    with redis.Redis(port=port, protocol=protocol, decode_responses=True) as client:
        client.flushall()
        assert client.set("k", "v", ex=100) is True
        assert client.get("k") == "v"
        assert 99 <= client.ttl("k") <= 100
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.rpush("k", "x")
        with client.pipeline(transaction=True) as pipe:
            pipe.set("n", 1).incr("n").mget("n", "k", "nokey")
            assert pipe.execute() == [True, 2, ["2", "v", None]]
        assert set(client.scan_iter(count=1)) == {"k", "n"}
        assert client.execute_command("CLIENT", "SETNAME", "me")
        assert client.client_getname() == "me"
        with redis.Redis(port=port, protocol=protocol) as other:
            assert other.client_id() != client.client_id()


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="there is no redis-cli here")
def test_redis_cli_talks_to_the_text(port: int) -> None:
    """redis-cli prints what the text says, for requests of its own making and for a script of them."""
    command = ["redis-cli", "-p", str(port), "--no-raw"]
    script = 'FLUSHALL\nSET k "two words"\nGET k\nINCR k\nSELECT 1\nDBSIZE\n'
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=20, check=True)
    assert [line for line in done.stdout.splitlines() if line] == [
        "OK",
        "OK",
        '"two words"',
        "(error) ERR value is not an integer or out of range",
        "OK",
        "(integer) 0",
    ]


def test_lines_may_be_typed(connection: socket.socket) -> None:
    """A line without RESP is a request too, quoted as in redis-cli, and may come in pieces."""
    assert said(connection, b'SET k "two words"\r\n', 5) == b"+OK\r\n"
    connection.sendall(b"GE")
    connection.sendall(b"T k\r")
    assert said(connection, b"\nPING\r\n", 22) == b"$9\r\ntwo words\r\n+PONG\r\n"


@pytest.mark.parametrize("wire", [b"*1\r\n:5\r\n", b"*1\r\n$-1\r\n", b"*x\r\n", b"*1\r\n$1\r\nabc\r\n", b'GET "k\r\n'])
def test_a_malformed_request_ends_its_connection_only(port: int, connection: socket.socket, wire: bytes) -> None:
    """What is no request is answered with a protocol error and the connection closes; others are served on."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as bad:
        assert said(bad, wire, 1_000).startswith(b"-ERR Protocol error: ")
    assert said(connection, b"*1\r\n$4\r\nPING\r\n", 7) == b"+PONG\r\n"


def test_quit_closes_after_its_reply(port: int, connection: socket.socket) -> None:
    """QUIT is answered, then the connection closes; CLIENT KILL closes another one."""
    assert said(connection, b"QUIT\r\nPING\r\n", 100) == b"+OK\r\n"
    with redis.Redis(port=port) as killer, socket.create_connection(("127.0.0.1", port), timeout=5) as victim:
        number = said(victim, b"CLIENT ID\r\n", 2) + victim.recv(20)
        assert killer.execute_command("CLIENT", "KILL", "ID", int(number[1:])) == 1
        assert victim.recv(1) == b""
