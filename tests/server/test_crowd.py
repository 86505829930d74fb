"""Many connections at once: ten thousand that say nothing, a thousand that work."""

from __future__ import annotations

import resource
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from redlark.server import Server, cores

IDLE, BUSY, ROUNDS = 10_000, 1_000, 20
NEEDED = IDLE + BUSY + 200


@pytest.fixture(params=cores.available(), scope="module")
def crowded(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server in a process of its own, whose limit of open files it raises itself."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < NEEDED:
        pytest.skip(f"this machine allows {hard} open files, {NEEDED} are needed")
    with Server("--maxclients", str(NEEDED), core=request.param, process=True) as server:
        yield server


def test_ten_thousand_idle_and_a_thousand_busy(crowded: Server) -> None:
    """The idle keep their connections, the busy get every reply in order, and a newcomer is served at once."""
    done = subprocess.run(
        [sys.executable, __file__, str(crowded.port)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["idle", str(IDLE), "busy", str(BUSY * ROUNDS), "counted", str(BUSY * ROUNDS)]


def crowd(port: int) -> None:
    """The clients, in a process that may open as many files."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (NEEDED, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    idle = []
    for number in range(IDLE):
        idle.append(socket.create_connection(("127.0.0.1", port), timeout=30))
        if number % 1000 == 0:
            assert ask(idle[-1], b"PING\r\n") == b"+PONG\r\n"
    replies = work(port)
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as late:
        assert ask(late, b"PING\r\n") == b"+PONG\r\n"
        assert time.monotonic() - started < 10
        total = ask(late, b"GET n\r\n").split(b"\r\n")[1]
    for connection in idle:
        connection.sendall(b"PING\r\n")
    answered = sum(connection.recv(64) == b"+PONG\r\n" for connection in idle)
    print("idle", answered, "busy", replies, "counted", total.decode())


def ask(connection: socket.socket, request: bytes) -> bytes:
    connection.sendall(request)
    return connection.recv(4096)


def work(port: int) -> int:
    """Each busy client sends its next request when it has the reply to the one before; how many replies came."""
    selector = selectors.DefaultSelector()
    left: dict[socket.socket, int] = {}
    for _ in range(BUSY):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        left[connection] = ROUNDS
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(b"INCR n\r\n")
    replies = 0
    while left:
        ready = selector.select(30)
        assert ready, f"{len(left)} clients wait for a reply that does not come"
        for key, _ in ready:
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            reply = connection.recv(64)
            assert reply.startswith(b":"), reply
            assert reply.endswith(b"\r\n"), reply
            replies += 1
            left[connection] -= 1
            if left[connection]:
                connection.sendall(b"INCR n\r\n")
            else:
                selector.unregister(connection)
                connection.close()
                del left[connection]
    return replies


if __name__ == "__main__":
    crowd(int(sys.argv[1]))
