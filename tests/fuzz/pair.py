"""Both cores beside each other: the same bytes to each, and what must hold of what comes back."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator

from attrs import frozen

from redlark.reference.resp import Decoder, ProtocolError
from redlark.server import Server
from tests.fuzz import inputs

SILENCE = 60.0  # seconds without a byte: a server that hangs; COMMAND, watched by a fuzzer, takes several


class Found(AssertionError):
    """Something that must not be."""


@frozen
class Pair:
    """Two servers by their ports; the first may be of a process of its own."""

    ports: tuple[int, ...]

    @classmethod
    @contextlib.contextmanager
    def started(cls, *cores: str, process: bool = False) -> Iterator[Pair]:
        """One server for each of these cores."""
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(Server("--databases", "2", core=core, process=process)) for core in cores]
            yield cls(tuple(server.port for server in servers))

    def judge(self, data: bytes) -> None:
        """Write a fuzzer's bytes to each. Raises `Found`."""
        answers = [answered(port, data) for port in self.ports]
        for port, answer in zip(self.ports, answers, strict=True):
            emptied(port)
            if not is_resp(answer):
                raise Found(f"no RESP: {answer[:200]!r} for {inputs.written(data)[:200]!r}")
        if len(set(answers)) > 1 and inputs.is_foretold(data):
            raise Found(f"{answers[0][:300]!r} and {answers[1][:300]!r} for {inputs.written(data)[:300]!r}")


def answered(port: int, data: bytes) -> bytes:
    """All that a server says to these bytes until it closes, when nothing more can come. Raises `Found`."""
    got = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # it may have closed already
            for piece in inputs.pieces(data):
                connection.sendall(piece)
                while select.select([connection], [], [], 0)[0]:
                    some = connection.recv(1 << 16)
                    if not some:
                        return got
                    got += some
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(SILENCE)
        while True:
            try:
                some = connection.recv(1 << 16)
            except TimeoutError:
                raise Found(f"silent for {SILENCE:.0f} s after {inputs.written(data)[:200]!r}") from None
            except ConnectionError:
                return got
            if not some:
                return got
            got += some


def emptied(port: int) -> None:
    """A new connection is answered, and the next input finds nothing. Raises `Found`."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(SILENCE)
        try:
            connection.sendall(b"FLUSHALL\r\nFUNCTION FLUSH\r\nPING\r\n")
            got = b""
            while not got.endswith(b"+PONG\r\n"):
                some = connection.recv(4096)
                if not some:
                    raise Found("the server closes a new connection")
                got += some
        except TimeoutError:
            raise Found("the server does not answer PING") from None


def is_resp(answer: bytes) -> bool:
    """Whether this is a number of whole frames."""
    decoder = Decoder()
    try:
        frames = decoder.feed(answer)
    except ProtocolError:
        return False
    return sum(len(frame.raw) for frame in frames) == len(answer)
