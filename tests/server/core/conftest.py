"""The compiled core by itself: a keyspace with a clock that the test holds, and a loop with a handful of commands."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

HOT = {
    "get": 2, "set": -3, "setex": 4, "setnx": 3, "incr": 2, "decr": 2, "incrby": 3, "decrby": 3, "mset": -3, "mget": -2,
    "del": -2, "unlink": -2, "exists": -2, "expire": -3, "pexpire": -3, "ttl": 2, "pttl": 2, "type": 2, "append": 3,
    "strlen": 2, "ping": -1, "echo": 2,
}  # fmt: skip


class Clock:
    """What a database reads the time from."""

    def __init__(self) -> None:
        self.now = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> Any:
    return core.Database(0, clock)


class Running:
    """A loop in a thread; `commands` beyond the hot ones are what the tests add."""

    def __init__(self) -> None:
        from redlark.server.config import Config
        from redlark.server.interfaces import Command, CommandError, Context
        from redlark.server.scripting import Scripting
        from redlark.server.state import State

        def cold(ctx: Context, args: list[bytes]) -> Any:
            raise CommandError(b"ERR not in the core: " + args[0].lower())

        def args(ctx: Context, args: list[bytes]) -> Any:
            return args[1:]

        self.state = State(Config(port=0), "compiled", core)
        self.state.scripting = Scripting(self.state)
        self.state.databases = [core.Database(index, self.state) for index in range(2)]
        for name, arity in HOT.items():
            self.state.commands[name.upper().encode()] = Command(name.encode(), cold, arity, frozenset())
        self.state.commands[b"ARGS"] = Command(b"args", args, -1, frozenset())
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.address = self.listener.getsockname()
        self.loop = core.Loop(self.state, [self.listener])
        self.thread = threading.Thread(target=self.loop.run, daemon=True)
        self.thread.start()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def client_of(self, connection: socket.socket) -> Any:
        """The server's side of a connection."""
        host, port = connection.getsockname()
        name = f"{host}:{port}"
        while True:
            for client in list(self.loop.clients.values()):
                if client.addr == name.encode():
                    return client

    def stop(self) -> None:
        self.loop.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.listener.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    server = Running()
    yield server
    server.stop()


def request(*words: bytes) -> bytes:
    """A request as RESP."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


@pytest.fixture(scope="session")
def resp() -> SimpleNamespace:
    return SimpleNamespace(request=request)
