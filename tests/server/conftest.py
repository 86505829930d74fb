"""Servers for the tests of this folder: each core of this installation, and Redis 8.2.3 where it is there."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from redlark.server import Server, cores


class Wire:
    """A connection that speaks bytes: what is sent is what the test says, and replies are raw frames."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._buffer = b""

    def send(self, *args: str | bytes | int) -> None:
        """A request as an array of bulk strings."""
        words = [word if isinstance(word, bytes) else str(word).encode("latin-1") for word in args]
        self.raw(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def __call__(self, *args: str | bytes | int) -> bytes:
        """Send a request; the raw frame that comes back."""
        self.send(*args)
        return self.frame()

    def frame(self) -> bytes:
        """The next raw frame; EOFError when the server closes."""
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind in b"$=!" and rest != b"-1":
            return line + b"\r\n" + self._exactly(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"\r\n" + b"".join(self.frame() for _ in range(count))
        return line + b"\r\n"

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        got, self._buffer = self._buffer, b""
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                return got
            if not data:
                return got
            got += data

    def until_quiet(self, seconds: float = 0.05) -> bytes:
        """All that comes before nothing has come for so long; b"<closed>" behind it when the server closed."""
        got, self._buffer = self._buffer, b""
        self.socket.settimeout(seconds)
        try:
            while data := self.socket.recv(1 << 16):
                got += data
            return got + b"<closed>"
        except TimeoutError:
            return got
        except ConnectionError:
            return got + b"<closed>"

    def close(self) -> None:
        self.socket.close()

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError
        self._buffer += data


Connect = Callable[..., Wire]
Start = Callable[..., Server]


@pytest.fixture(params=cores.available(), scope="session")
def core(request: pytest.FixtureRequest) -> str:
    """Each core of this installation."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def server(core: str) -> Iterator[Server]:
    """A server of the module, in a thread; tests clean up by `flush`."""
    with Server(core=core) as running:
        yield running


@pytest.fixture
def start(core: str) -> Iterator[Start]:
    """Start a server of one's own: `start("--maxclients", "3")`."""
    with ExitStack() as started:
        yield lambda *arguments, **more: started.enter_context(Server(*arguments, core=core, **more))


@pytest.fixture
def wire() -> Iterator[Connect]:
    """Connect to a port: `wire(server.port)`; closed at the test's end."""
    with ExitStack() as opened:

        def connect(port: int, timeout: float = 10.0) -> Wire:
            connection = Wire(port, timeout)
            opened.callback(connection.close)
            return connection

        yield connect


@pytest.fixture
def client(server: Server, wire: Connect) -> Wire:
    """A connection to the module's server, which is empty."""
    connection = wire(server.port)
    connection("FLUSHALL")
    return connection


@pytest.fixture(scope="session")
def real_port() -> Iterator[int]:
    """The port of a real Redis 8.2.3; skips where there is none."""
    from redlark.conformance.errors import CannotRun
    from redlark.conformance.targets import servers

    try:
        program = servers.pick("redis:8.2", servers.find_servers())
    except CannotRun as none:
        pytest.skip(str(none))
    with servers.running(program) as real:
        yield real.port
