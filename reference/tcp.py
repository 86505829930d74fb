"""The model over TCP, so that redis-cli can talk to the text itself: one thread, one client at a time in turn.

What must live here: sockets and the clock, which the model has not. It answers with the first way of every choice.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time

from attrs import evolve

from redlark.reference.model import Model
from redlark.reference.resp import Decoder, Frame, ProtocolError
from redlark.reference.transcript import split


class ModelServer:
    """Serves a model on a loopback port; ``port`` 0 takes a free one. Close it, or use it as a context manager."""

    def __init__(
        self, model: Model, host: str = "127.0.0.1", port: int = 0, *, config: dict[str, str] | None = None
    ) -> None:
        self.model = model
        (self.world,) = model.start(config=config)
        self._listener = socket.create_server((host, port))
        self.host, self.port = self._listener.getsockname()[:2]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._clients: dict[socket.socket, tuple[int, _Requests]] = {}
        self._next = 1
        self._running = True

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self) -> None:
        """Serves until :meth:`stop`."""
        while self._running:
            ready = self._selector.select(0.01 if self.world.parked else 0.1)
            if self.world.parked:
                self._deliver()
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Makes :meth:`serve` return; may be called from another thread or a signal handler."""
        self._running = False

    def close(self) -> None:
        """Closes every socket."""
        for connection in list(self._clients):
            self._drop(connection)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ)
        self._clients[connection] = (self._next, _Requests())
        (world,) = self.model.connect((self.world,), self._next)
        session = world.sessions[self._next].set("id", self._next)  # the text recognises ids and gives none
        self.world = evolve(world, sessions=world.sessions.set(self._next, session))
        self._next += 1

    def _drop(self, connection: socket.socket) -> None:
        client, _ = self._clients.pop(connection)
        self._selector.unregister(connection)
        connection.close()
        (self.world,) = self.model.disconnect((self.world,), client)

    def _read(self, connection: socket.socket) -> None:
        if connection not in self._clients:
            return
        _, requests = self._clients[connection]
        try:
            data = connection.recv(1 << 16)
            if not data:
                self._drop(connection)
                return
            requests.asked += [request for request in requests.feed(data) if request]
            self._answer(connection)
        except ProtocolError as error:
            with contextlib.suppress(OSError):
                connection.sendall(b"-ERR Protocol error: %b\r\n" % str(error).encode())
            self._drop(connection)
            return
        except OSError:
            self._drop(connection)
            return
        self._drop_closed()

    def _answer(self, connection: socket.socket) -> None:
        """Does what a client has asked, until it waits; then others get what they are owed."""
        client, requests = self._clients[connection]
        while requests.asked and not self.world.waits(client) and not self.model.closes((self.world,), client):
            request = requests.asked.pop(0)
            self.world, reply = self.model.perform(self.world, client, request, _milliseconds())
            connection.sendall(reply)
            if self.world.outbox:
                self._deliver()

    def _deliver(self) -> None:
        """Sends what is owed to anybody; who waits no longer goes on with what it has asked meanwhile."""
        self.world, frames = self.model.deliver(self.world, _milliseconds())
        where = {client: connection for connection, (client, _) in self._clients.items()}
        for client, frame in frames:
            with contextlib.suppress(OSError):
                where[client].sendall(frame)
        for client in dict.fromkeys(client for client, _ in frames):
            if self._clients[where[client]][1].asked and not self.world.waits(client):
                self._answer(where[client])

    def _drop_closed(self) -> None:
        for connection, (client, _) in list(self._clients.items()):
            if self.model.closes((self.world,), client):
                self._drop(connection)


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class _Requests:
    """Collects what a client sends: arrays of bulk strings, or lines as a person types them into a plain connection."""

    def __init__(self) -> None:
        self._decoder, self._line = Decoder(), b""
        self.asked: list[tuple[bytes, ...]] = []

    def feed(self, data: bytes) -> list[tuple[bytes, ...]]:
        """The requests that these bytes complete; raises :class:`ProtocolError`."""
        if self._line or not (self._decoder.pending or data.startswith(b"*")):
            *lines, self._line = (self._line + data).split(b"\n")
            return [_typed(line) for line in lines]
        return [_words(frame) for frame in self._decoder.feed(data)]


def _typed(line: bytes) -> tuple[bytes, ...]:
    try:
        return split(line.decode())
    except ValueError:
        raise ProtocolError("unbalanced quotes in request") from None


def _words(frame: Frame) -> tuple[bytes, ...]:
    if frame.kind != b"*" or any(word.kind != b"$" or word.value is None for word in frame.value or ()):
        raise ProtocolError("expected an array of bulk strings")
    return tuple(word.value for word in frame.value or ())
