"""The model over TCP, so that redis-cli can talk to the text itself: one thread, one client at a time in turn.

What must live here: sockets and the clock, which the model has not. It answers with the first way of every choice.
"""

from __future__ import annotations

import selectors
import socket
import time

from attrs import evolve

from redlark.reference.model import Model
from redlark.reference.resp import Decoder, ProtocolError


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
        self._decoders: dict[socket.socket, tuple[int, Decoder]] = {}
        self._next = 1
        self._running = True

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self) -> None:
        """Serves until :meth:`stop`."""
        while self._running:
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]

    def stop(self) -> None:
        """Makes :meth:`serve` return; may be called from another thread or a signal handler."""
        self._running = False

    def close(self) -> None:
        """Closes every socket."""
        for connection in list(self._decoders):
            self._drop(connection)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ)
        self._decoders[connection] = (self._next, Decoder())
        (world,) = self.model.connect((self.world,), self._next)
        session = world.sessions[self._next].set("id", self._next)  # the text recognises ids and gives none
        self.world = evolve(world, sessions=world.sessions.set(self._next, session))
        self._next += 1

    def _drop(self, connection: socket.socket) -> None:
        client, _ = self._decoders.pop(connection)
        self._selector.unregister(connection)
        connection.close()
        (self.world,) = self.model.disconnect((self.world,), client)

    def _read(self, connection: socket.socket) -> None:
        if connection not in self._decoders:
            return
        client, decoder = self._decoders[connection]
        try:
            data = connection.recv(1 << 16)
            if not data:
                self._drop(connection)
                return
            connection.sendall(b"".join(self._answers(client, decoder, data)))
        except ProtocolError as error:
            connection.sendall(b"-ERR Protocol error: %b\r\n" % str(error).encode())
            self._drop(connection)
            return
        except OSError:
            self._drop(connection)
            return
        self._drop_closed()

    def _answers(self, client: int, decoder: Decoder, data: bytes) -> list[bytes]:
        replies = []
        for request in _requests(decoder, data):
            if not request or self.model.closes((self.world,), client):
                continue
            self.world, reply = self.model.perform(self.world, client, request, time.time_ns() // 1_000_000)
            replies.append(reply)
        return replies

    def _drop_closed(self) -> None:
        for connection, (client, _) in list(self._decoders.items()):
            if self.model.closes((self.world,), client):
                self._drop(connection)


def _requests(decoder: Decoder, data: bytes) -> list[tuple[bytes, ...]]:
    """The requests that these bytes complete; one that is not an array is an inline command."""
    if not decoder.pending and not data.startswith(b"*"):
        return [tuple(line.split()) for line in data.splitlines()]
    return [tuple(child.value for child in frame.value) for frame in decoder.feed(data)]
