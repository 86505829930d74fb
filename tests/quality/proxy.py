"""A proxy that speaks RESP: a place between the judge and a server where a fault can sit."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator

from redlark.reference.resp import Decoder, Frame, encode_request

Handler = Callable[["Link", tuple[bytes, ...]], bytes]


class Link:
    """One client's connection to the server behind: asks it on the client's behalf."""

    def __init__(self, host: str, port: int) -> None:
        self.server = socket.create_connection((host, port), timeout=10)
        self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder = Decoder()
        self.in_multi = False
        self.replies = "on"
        self.tables: dict[bytes, int] = {}  # what a fault remembers of keys: how many places their tables had

    def ask(self, *request: bytes) -> bytes:
        """Send a request and give its raw reply; nothing when CLIENT REPLY has asked for silence."""
        self.server.sendall(encode_request(request))
        if not self._due(request):
            return b""
        frames = []
        while not frames:
            data = self.server.recv(1 << 16)
            if not data:
                raise ConnectionResetError
            frames = self.decoder.feed(data)
        raw = b"".join(frame.raw for frame in frames)
        self._note(request, raw)
        return raw

    def told(self) -> bytes:
        """The frames that have come unasked; nothing when the server closes."""
        frames: list[Frame] = []
        while not frames:
            data = self.server.recv(1 << 16)
            if not data:
                return b""
            frames = self.decoder.feed(data)
        return b"".join(frame.raw for frame in frames)

    def _due(self, request: tuple[bytes, ...]) -> bool:
        words = [part.upper() for part in request]
        if words[:2] == [b"CLIENT", b"REPLY"] and len(words) == 3 and not self.in_multi:
            if words[2] == b"ON":
                self.replies = "on"
                return True
            if words[2] in (b"OFF", b"SKIP"):
                self.replies = "off" if words[2] == b"OFF" or self.replies == "off" else "skip"
                return False
        if words == [b"RESET"] and self.replies == "off":
            self.replies = "on"
        if self.replies == "skip":
            self.replies = "on"
            return False
        return self.replies == "on"

    def _note(self, request: tuple[bytes, ...], raw: bytes) -> None:
        name = request[0].upper() if request else b""
        if name == b"MULTI" and raw == b"+OK\r\n":
            self.in_multi = True
        elif name in (b"EXEC", b"DISCARD", b"RESET") and (raw[:1] != b"-" or raw.startswith(b"-EXECABORT")):
            self.in_multi = False


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            link = Link(*self.server.behind)
            with link.server:
                self.pass_on(link)

    def pass_on(self, link: Link) -> None:
        decoder = Decoder()
        while True:
            ready, _, _ = select.select([self.request, link.server], [], [])
            if link.server in ready:  # nothing was asked: the server closes, or tells of something
                told = link.told()
                if not told:
                    return
                self.request.sendall(told)
                continue
            data = self.request.recv(1 << 16)
            if not data:
                return
            replies = []
            try:
                for frame in decoder.feed(data):
                    replies.append(self.server.handler(link, tuple(part.value for part in frame.value)))
            finally:
                self.request.sendall(b"".join(replies))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    behind: tuple[str, int]
    handler: Handler


@contextlib.contextmanager
def proxy(host: str, port: int, handler: Handler) -> Iterator[str]:
    """The address of a proxy to a server; stopped at the end."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behind, server.handler = (host, port), handler
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


# ---- a proxy for what is pushed -------------------------------------------------------------------------------------

Pusher = Callable[[Frame], bytes]  # what becomes of a frame on its way to the client


class Tap:
    """Passes frames on between clients and a server, in one thread: in the order in which the server wrote them.

    A judge asks on one connection whether all has been done, and then looks whether something has come on another. So
    whatever the server has written before an answer must be passed on before it: all that can be read is read first,
    and the answer to whoever has asked last is passed on last.
    """

    def __init__(self, host: str, port: int, pusher: Pusher, fair: bool) -> None:
        self.behind, self.pusher, self.fair = (host, port), pusher, fair
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.waker, self.ended = socket.socketpair()
        self.servers: dict[socket.socket, socket.socket] = {}  # of each client's connection the one to the server
        self.clients: dict[socket.socket, socket.socket] = {}
        self.decoders: dict[socket.socket, Decoder] = {}
        self.latest: socket.socket | None = None
        self.waiting: dict[socket.socket, bytes] = {}  # requests that may wait, and have had no reply yet

    def serve(self) -> None:
        """Pass on until `ended` is readable."""
        while True:
            ready = select.select([self.listener, self.ended, *self.servers, *self.clients], [], [])[0]
            if self.ended in ready:
                break
            if self.listener in ready:
                self._open()
            for client in [one for one in ready if one in self.servers]:
                self._forward(client)
            self._pass_on()
        for one in (self.listener, self.ended, self.waker, *self.servers, *self.clients):
            one.close()

    def _open(self) -> None:
        client, server = self.listener.accept()[0], socket.create_connection(self.behind)
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.servers[client], self.clients[server], self.decoders[server] = server, client, Decoder()

    def _forward(self, client: socket.socket) -> None:
        if client not in self.servers:  # closed meanwhile
            return
        server = self.servers[client]
        data = _received(client)
        if data:
            self.latest = server
            self.waiting.pop(server, None)
            if re.match(rb"\*\d+\r\n\$\d+\r\nB\w*POP\w*\r\n", data, re.IGNORECASE):
                self.waiting[server] = data
            with contextlib.suppress(OSError):
                server.sendall(data)
        else:
            self._close(server)

    def _pass_on(self) -> None:
        """Read what there is until there is no more, then pass it on."""
        read: dict[socket.socket, list[bytes]] = {}
        while ready := select.select([one for one in self.clients if read.get(one, [b"-"])[-1]], [], [], 0)[0]:
            for server in ready:
                read.setdefault(server, []).append(_received(server))
        for server in sorted(read, key=lambda one: one is self.latest):
            frames = self.decoders[server].feed(b"".join(read[server]))
            if frames and (asked := self.waiting.pop(server, None)) and not self.fair and frames[0].value is not None:
                self._exchange(server, [one for one, other in self.waiting.items() if other == asked])
            with contextlib.suppress(OSError):
                self.clients[server].sendall(b"".join(map(self.pusher, frames)))
            if not read[server][-1]:
                self._close(server)

    def _exchange(self, server: socket.socket, others: list[socket.socket]) -> None:
        """Give the connection of who is served to who has asked the same last, and the other way round."""
        if not others:
            return
        later = others[-1]
        self.clients[server], self.clients[later] = self.clients[later], self.clients[server]
        for one in (server, later):
            self.servers[self.clients[one]] = one

    def _close(self, server: socket.socket) -> None:
        client = self.clients.pop(server)
        self.waiting.pop(server, None)
        del self.servers[client], self.decoders[server]
        client.close()
        server.close()


def _received(one: socket.socket) -> bytes:
    """What can be read; nothing where the other side has closed."""
    try:
        return one.recv(1 << 16)
    except OSError:
        return b""


@contextlib.contextmanager
def tap(host: str, port: int, pusher: Pusher, *, fair: bool = True, kind: type[Tap] = Tap) -> Iterator[str]:
    """The address of a proxy that passes frames on as they come, pushes too, through a function; stopped at the end.

    `fair=False`: of those who wait with the same request who came last is served first. `kind`: one that does more.
    """
    one = kind(host, port, pusher, fair)
    thread = threading.Thread(target=one.serve, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{one.listener.getsockname()[1]}"
    finally:
        one.waker.send(b".")
        thread.join()
