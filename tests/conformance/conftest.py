"""Servers for these tests: scripted ones of a few lines, and the real ones of this machine where there are any."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redlark.conformance.targets import servers as machine
from redlark.reference.resp import Decoder

Answer = Callable[[tuple[bytes, ...]], bytes | None]


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                for frame in decoder.feed(data):
                    reply = self.server.answer(tuple(part.value for part in frame.value))
                    if reply is None:
                        return
                    self.request.sendall(reply)


class Scripted(socketserver.ThreadingTCPServer):
    """A TCP server whose replies a function gives; None closes the connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}"


INFO = b"# Server\r\nredis_version:8.2.3\r\n"


def polite(request: tuple[bytes, ...]) -> bytes | None:
    """What an empty, willing server says to the questions that come before a run."""
    match request[0].upper():
        case b"PING":
            return b"+PONG\r\n"
        case b"FLUSHALL":
            return b"+OK\r\n"
        case b"INFO":
            return b"$%d\r\n%b\r\n" % (len(INFO), INFO)
        case b"DBSIZE":
            return b":0\r\n"
        case b"CONFIG":
            return b"*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"
        case b"TIME":
            return b"*2\r\n$1\r\n0\r\n$1\r\n0\r\n"
    return b"-ERR unknown command\r\n"


@pytest.fixture(autouse=True)
def nothing_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Failing examples of one test are not run by another."""
    monkeypatch.setenv("REDLARK_SAVED", str(tmp_path / ".redlark"))


@pytest.fixture
def scripted() -> Iterator[Callable[[Answer], Scripted]]:
    """Starts scripted servers and stops them."""
    started: list[Scripted] = []

    def start(answer: Answer) -> Scripted:
        server = Scripted(answer)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="session")
def real_server() -> machine.Server:
    """The newest real server of this machine."""
    found = [server for server in machine.find_servers() if server.product == "redis"]
    if not found:
        pytest.skip("no redis-server on this machine")
    return found[0]


@pytest.fixture
def real(real_server: machine.Server) -> Iterator[machine.Running]:
    """A real server, fresh."""
    with machine.running(real_server) as running:
        yield running
