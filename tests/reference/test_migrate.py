"""MIGRATE between two real servers: what the one that is asked answers and keeps is the text's."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from redlark.reference import Model, World
from redlark.reference.resp import Decoder, Frame, encode_request

SERVERS = {
    "redis:6.2": "redis-6.2",
    "redis:7.0": "redis-7.0",
    "redis:8.2": "redis-8.2",
    "valkey:8.1": "valkey-8.1",
    "valkey:9.1": "valkey-9.1",
}


class Wire:
    """A connection, and the worlds that its replies leave possible."""

    def __init__(self, port: int, profile: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.decoder, self.model = Decoder(), Model.load(profile)
        self.worlds: tuple[World, ...] = self.model.connect(self.model.start(), 0)

    def ask(self, *words: bytes) -> Frame:
        """The reply to a request, which the text allows."""
        sent = int(time.time() * 1000)
        self.socket.sendall(encode_request(words))
        frames: list[Frame] = []
        while not frames:
            frames = self.decoder.feed(self.socket.recv(1 << 16))
        self.worlds = self.model.allows(self.worlds, 0, words, (sent, int(time.time() * 1000)), frames[0])
        assert self.worlds, f"{words} is answered {frames[0]!r}"
        return frames[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVERS)
def test_keys_that_move(name: str, start_server: Any) -> None:
    """Keys that were taken are gone, those that were refused are there, and the copy is the value that it was."""
    one, other = start_server(name), start_server(name, requirepass="secret")
    with ExitStack() as opened:
        source = Wire(one.port, SERVERS[name])
        opened.callback(source.socket.close)
        target = opened.enter_context(socket.create_connection(("127.0.0.1", other.port), 20))
        target.sendall(encode_request((b"AUTH", b"secret")))
        assert target.recv(100) == b"+OK\r\n"
        to = (b"MIGRATE", b"127.0.0.1", b"%d" % other.port)
        source.ask(b"RPUSH", b"l", b"a", b"b")
        source.ask(b"SET", b"k", b"v")
        assert source.ask(*to, b"l", b"0", b"1000").is_error  # no password
        assert source.ask(b"EXISTS", b"l").value == 1
        assert source.ask(*to, b"l", b"0", b"1000", b"COPY", b"AUTH", b"secret").value == b"OK"
        assert source.ask(b"EXISTS", b"l").value == 1
        assert source.ask(*to, b"l", b"0", b"1000", b"AUTH2", b"default", b"secret").is_error  # it is there
        assert source.ask(b"EXISTS", b"l").value == 1
        moved = source.ask(*to, b"", b"0", b"1000", b"REPLACE", b"AUTH", b"secret", b"KEYS", b"l", b"nokey", b"k")
        assert moved.value == b"OK"
        assert source.ask(b"EXISTS", b"l", b"k").value == 0
        assert source.ask(*to, b"l", b"0", b"1000", b"AUTH", b"secret").value == b"NOKEY"
        target.sendall(encode_request((b"LRANGE", b"l", b"0", b"-1")))
        assert target.recv(100) == b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"
