"""A proxy that speaks RESP: a place between the judge and a server where a fault can sit."""

from __future__ import annotations

import contextlib
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
            if link.server in ready:  # nothing was asked: the server closes
                return
            data = self.request.recv(1 << 16)
            if not data:
                return
            replies = []
            try:
                for frame in decoder.feed(data):
                    replies.append(self.server.handler(link, tuple(part.value for part in frame.value)))
            finally:
                self.request.sendall(b"".join(replies))


Pusher = Callable[[Frame], bytes]  # what becomes of a frame on its way to the client


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    behind: tuple[str, int]
    handler: Handler
    pusher: Pusher


@contextlib.contextmanager
def proxy(host: str, port: int, handler: Handler) -> Iterator[str]:
    """The address of a proxy to a server; stopped at the end."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behind, server.handler = (host, port), handler
        yield from _serving(server)


def _serving(server: _Server) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()


# ---- a proxy for what is pushed -------------------------------------------------------------------------------------


class _Tap(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError), socket.create_connection(self.server.behind) as behind:
            for one in (self.request, behind):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                for ready in select.select([self.request, behind], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is self.request:
                        behind.sendall(data)
                    else:
                        self.request.sendall(b"".join(map(self.server.pusher, decoder.feed(data))))


@contextlib.contextmanager
def tap(host: str, port: int, pusher: Pusher) -> Iterator[str]:
    """The address of a proxy that passes frames on as they come, pushes too, through a function; stopped at the end."""
    with _Server(("127.0.0.1", 0), _Tap) as server:
        server.behind, server.pusher = (host, port), pusher
        yield from _serving(server)
