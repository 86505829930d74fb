"""Clients that come and go as they like: half requests, garbage, resets, kills; nothing of them stays."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import time

from redlark.server import Server

from .conftest import Connect, Start

SECONDS = 1.5
REQUESTS = [
    b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n" * 20,
    b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$50000\r\n" + b"x" * 50_000 + b"\r\n",
    b"*3\r\n$3\r\nSET\r\n$1000\r\nxx",
    b"*x\r\n",
    b'ECHO "unbalanced\r\n',
    b"WATCH a b c\r\nMULTI\r\nGET a\r\n",
    b"WAIT 1 0\r\nPING\r\n",
    b"CLIENT REPLY OFF\r\nQUIT\r\n",
    b"CLIENT LIST\r\n",
    b"QUIT\r\n",
]
KILL = b"CLIENT KILL TYPE normal\r\n"
RESET = struct.pack("ii", 1, 0)  # linger: on, for no time


def storm(port: int, rng: random.Random) -> int:
    """Connections that do anything, for a while; how many there were."""
    open_ones: list[socket.socket] = []
    count = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if len(open_ones) < 50 or rng.random() < 0.4:
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            one.setblocking(False)
            open_ones.append(one)
            count += 1
        one = rng.choice(open_ones)
        request = KILL if rng.random() < 0.01 else rng.choice(REQUESTS)
        with contextlib.suppress(OSError):
            one.send(request[: rng.choice([len(request), rng.randrange(1, len(request) + 1)])])
            if rng.random() < 0.3:
                one.recv(1 << 16)
        if rng.random() < 0.4 or len(open_ones) > 200:
            one = open_ones.pop(rng.randrange(len(open_ones)))
            if rng.random() < 0.5:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()
    for one in open_ones:
        one.close()
    return count


def test_nothing_stays_of_clients_that_are_gone(start: Start, wire: Connect) -> None:
    """After a storm the server has one client, nobody who waits or watches, and its descriptors back."""
    server: Server = start(process=True)
    folder = f"/proc/{server.pid}/fd"
    witness = wire(server.port)
    witness("PING")
    before = len(os.listdir(folder))
    witness.close()
    assert storm(server.port, random.Random(1)) > 100
    end = time.monotonic() + 20
    told = b""
    while b"connected_clients:1\r\n" not in told:
        assert time.monotonic() < end, told
        time.sleep(0.05)
        with contextlib.suppress(EOFError, ConnectionError):  # a kill of the storm may come late
            last = wire(server.port)
            told = last("INFO", "clients")
            if b"connected_clients:1\r\n" not in told:
                last.close()
    for line in (b"blocked_clients:0", b"watching_clients:0", b"total_watched_keys:0"):
        assert line + b"\r\n" in told
    assert len(os.listdir(folder)) == before
