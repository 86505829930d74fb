"""One connection to a server under test: bytes out, frames in, each with the moment at which it was complete.

Plain blocking sockets: a history is sequential, and a reply that does not come within `timeout` is a finding, not a
nuisance. The codec is the judge's own (`redlark.reference.resp`), never that of a server.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections import deque

from redlark.conformance.errors import Lost
from redlark.reference.resp import Decoder, Frame, ProtocolError, encode_request

CHUNK = 1 << 16


def milliseconds() -> int:
    """The wall clock in whole milliseconds, as Redis counts them."""
    return time.time_ns() // 1_000_000


class Connection:
    """A socket, the frames that arrived on it and were not read yet, and the time of the last arrival."""

    __slots__ = ("_decoder", "_frames", "_plain", "_sock", "received", "timeout")

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        sock.settimeout(timeout)
        self._sock = sock
        self._plain = not isinstance(sock, ssl.SSLSocket)  # its descriptor never blocks, as it has a timeout
        self._decoder = Decoder()
        self._frames: deque[Frame] = deque()
        self.timeout = timeout
        self.received = 0

    @property
    def address(self) -> bytes:
        """Our end, as the server names it in CLIENT LIST."""
        name = self._sock.getsockname()
        return b"%s:%d" % (name[0].encode(), name[1]) if isinstance(name, tuple) else b"%s:0" % str(name).encode()

    def send(self, data: bytes) -> None:
        """Write all of it; `Lost` when the server closed the connection or does not read."""
        try:
            done = self._write(data)
            if done < len(data):
                self._sock.sendall(data[done:])
        except TimeoutError:
            raise Lost(f"does not read: it left our request in the socket for {self.timeout:g} s") from None
        except OSError as problem:
            raise Lost(f"closed the connection ({_reason(problem)})") from None

    def frame(self) -> Frame:
        """The next frame; `received` is then the time at which its last byte was here. `Lost` when none comes."""
        frames = self._frames
        while not frames:
            self._read()
        return frames.popleft()

    def ask(self, *request: bytes) -> Frame:
        """One request, and the frame that comes next. Raises `Lost`."""
        self.send(encode_request(request))
        return self.frame()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        """One read: what it completes is added to the frames."""
        try:
            data = self._here()
            if data is None:
                data = self._sock.recv(CHUNK)
        except TimeoutError:
            raise Lost(f"gave no reply within {self.timeout:g} s") from None
        except OSError as problem:
            raise Lost(f"closed the connection ({_reason(problem)})") from None
        self.received = milliseconds()
        if not data:
            raise Lost("closed the connection")
        try:
            self._frames.extend(self._decoder.feed(data))
        except ProtocolError as problem:
            raise Lost(f"sent what is not RESP: {problem}") from None

    def _here(self) -> bytes | None:
        """What is here already, b"" at the end of the connection; None where that would take a wait, or TLS.

        A socket with a timeout asks whether it may read before it does; its descriptor answers at once.
        """
        if not self._plain:
            return None
        try:
            return os.read(self._sock.fileno(), CHUNK)
        except BlockingIOError:
            return None

    def _write(self, data: bytes) -> int:
        """How many bytes could be written at once."""
        if not self._plain:
            return 0
        try:
            return os.write(self._sock.fileno(), data)
        except BlockingIOError:
            return 0

    def fileno(self) -> int:
        """The socket's descriptor, for `select`."""
        return self._sock.fileno()

    def arrived(self) -> list[Frame]:
        """The frames that one read completes, perhaps none. `Lost` when the connection has ended."""
        self._read()
        came = list(self._frames)
        self._frames.clear()
        return came

    def closed_within(self, seconds: float) -> bool:
        """Whether the server closes this connection within that time, without another byte."""
        if self._frames:
            return False
        self._sock.settimeout(seconds)
        try:
            return self._sock.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True
        finally:
            with contextlib.suppress(OSError):
                self._sock.settimeout(self.timeout)

    def has_come(self) -> bool:
        """Whether a frame is here that was not read yet."""
        frame = self.leftover()
        if frame is not None:
            self.put_back(frame)
        return frame is not None

    def ready(self) -> tuple[Frame, ...]:
        """All frames that are here, still to be read."""
        frame = self.leftover()
        if frame is not None:
            self.put_back(frame)
        return tuple(self._frames)

    def put_back(self, frame: Frame) -> None:
        """A frame that was read is to be read again."""
        self._frames.appendleft(frame)

    def leftover(self) -> Frame | None:
        """A frame that is already here although nothing was asked any more; None is as it should be."""
        if not self._frames:
            try:
                data = self._here() if self._plain else self._without_wait()
                if data:
                    self.received = milliseconds()
                    self._frames.extend(self._decoder.feed(data))
            except (OSError, ProtocolError):
                pass
        return self._frames.popleft() if self._frames else None

    def _without_wait(self) -> bytes:
        self._sock.setblocking(False)
        try:
            return self._sock.recv(CHUNK)
        finally:
            with contextlib.suppress(OSError):
                self._sock.settimeout(self.timeout)

    def leave(self) -> None:
        """Say that nothing more will be asked."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def seen_off(self, deadline: float) -> None:
        """Wait, until that monotonic time, for the server to close what we have left; what still comes is not kept."""
        with contextlib.suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(CHUNK):
                    break

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.close()


def _reason(problem: OSError) -> str:
    return (problem.strerror or str(problem) or type(problem).__name__).lower()


def dial(
    host: str, port: int, *, path: str | None = None, context: ssl.SSLContext | None = None, timeout: float = 5.0
) -> Connection:
    """Open a connection over TCP, TLS (with `context`) or a Unix socket (`path`). Raises OSError or ssl.SSLError."""
    if path is not None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except BaseException:
            sock.close()
            raise
    else:
        sock = socket.create_connection((host, port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            try:
                sock = context.wrap_socket(sock, server_hostname=host)
            except BaseException:
                sock.close()
                raise
    return Connection(sock, timeout)
