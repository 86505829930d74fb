"""Bytes passed on between clients and one server, untouched, in one loop that waits for nobody.

Theory of operation. Each client gets a connection to the server of its own; what is read on one side is written to the
other, and told to a listener *before* it is written: so the order in which things are told is one in which they may
have happened, a reply before whatever a client did because of it. Nothing is taken apart here. The listener must not
block: what it cannot take it drops, and says so. Whoever does not read fills a buffer of `HIGH` bytes, and then the
other side is not read any more, as between sockets.
What must not live here: RESP, and whatever takes time. ``python -m redlark.conformance.watch.forward`` is this loop as
a process of its own, which writes what it tells to a pipe, so that judging never holds it up.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import NamedTuple

CHUNK = 1 << 16
HIGH = 1 << 20  # bytes for one side that may wait until the other is not read any more
MOST_UNTOLD = 64 << 20  # bytes that may wait for the listener until some are dropped

OPENED, ASKED, TOLD, CLIENT_ENDED, SERVER_ENDED, CLOSED, REFUSED, DROPPED, MARK = range(9)
_HEAD = struct.Struct(">BIQQI")


class Event(NamedTuple):
    """Something that happened on a connection: `at` in monotonic microseconds, `now` in Unix milliseconds."""

    kind: int
    connection: int
    at: int
    now: int
    data: bytes = b""


Tell = Callable[[Event], None]


def stamped(kind: int, connection: int, data: bytes = b"") -> Event:
    """An event of this moment."""
    return Event(kind, connection, time.monotonic_ns() // 1000, time.time_ns() // 1_000_000, data)


class _Side:
    """One end of a pair: its socket, what is still to be written to it, and whether either direction has ended."""

    __slots__ = ("connection", "ended", "is_client", "other", "ready", "shut", "sock", "watched", "writing")

    def __init__(self, sock: socket.socket, connection: int, is_client: bool) -> None:
        self.sock, self.connection, self.is_client = sock, connection, is_client
        self.writing = bytearray()
        self.ended = self.shut = False
        self.ready = is_client  # the server's side is once it is connected
        self.watched = 0
        self.other: _Side = self


class Relay:
    """The loop. `connect` opens a connection to the server without waiting; `run` returns after `stop`."""

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket], tell: Tell) -> None:
        self._listener, self._connect, self._tell = listener, connect, tell
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._count = 0
        self._sides: set[_Side] = set()
        self._asked: Callable[[], None] = lambda: None
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, None)

    def also(self, file: int, events: int, when: Callable[[], None]) -> None:
        """Call this when a descriptor is ready, too; 0 events: no more."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(file)
        if events:
            self._selector.register(file, events, when)

    def run(self) -> None:
        """Pass on until `stop`; every connection is closed then."""
        running = True
        try:
            while running:
                for key, events in self._selector.select():
                    found = key.data
                    if isinstance(found, _Side):
                        self._serve(found, events)
                    elif found is None:
                        running = False
                    else:
                        found()
        finally:
            for side in list(self._sides):
                if side.is_client:
                    self._drop(side)
            self._selector.close()
            for one in (self._listener, self._waker, self._woken):
                one.close()

    def stop(self) -> None:
        """Make `run` return; from any thread, or a signal's handler."""
        with contextlib.suppress(OSError):
            self._waker.send(b".")

    # ---- one connection ---------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it went away again, or there are too many descriptors: the next one may be luckier
        self._count += 1
        try:
            server = self._connect()
        except OSError:
            self._tell(stamped(REFUSED, self._count))
            sock.close()
            return
        one, other = _Side(sock, self._count, True), _Side(server, self._count, False)
        one.other, other.other = other, one
        for side in (one, other):
            side.sock.setblocking(False)
            with contextlib.suppress(OSError):  # a Unix socket has no such option
                side.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sides.add(side)
        self._watch(other)

    def _watch(self, side: _Side) -> None:
        """Ask the selector for what a side is waited for now."""
        events = 0
        if side.ready and not side.ended and side.other.ready and len(side.other.writing) < HIGH:
            events |= selectors.EVENT_READ
        if side.writing or not side.ready:
            events |= selectors.EVENT_WRITE
        if events == side.watched:
            return
        if not side.watched:
            self._selector.register(side.sock, events, side)
        elif not events:
            self._selector.unregister(side.sock)
        else:
            self._selector.modify(side.sock, events, side)
        side.watched = events

    def _serve(self, side: _Side, events: int) -> None:
        if side not in self._sides:
            return  # closed by an earlier event of the same round
        if not side.ready:
            self._connected(side)
            return
        if events & selectors.EVENT_WRITE:
            self._write(side)
        if events & selectors.EVENT_READ and side in self._sides:
            self._read(side)

    def _connected(self, side: _Side) -> None:
        if side.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._tell(stamped(REFUSED, side.connection))
            self._drop(side, told=True)
            return
        side.ready = True
        self._tell(stamped(OPENED, side.connection, _name(side.sock)))
        self._watch(side)
        self._watch(side.other)

    def _read(self, side: _Side) -> None:
        try:
            data = side.sock.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            if side.is_client:
                self._tell(stamped(CLIENT_ENDED, side.connection))
                self._drop(side)
                return
            data = b""  # a server that is gone: its client still gets what was read before, and a clean end
        other = side.other
        if not data:
            side.ended = True
            self._tell(stamped(CLIENT_ENDED if side.is_client else SERVER_ENDED, side.connection))
            self._finish(other)
            return
        self._tell(stamped(ASKED if side.is_client else TOLD, side.connection, data))
        if other.writing:
            other.writing += data
        else:
            try:
                done = other.sock.send(data)
            except (BlockingIOError, InterruptedError):
                done = 0
            except OSError:
                self._drop(other)
                return
            if done < len(data):
                other.writing += data[done:]
        if other.writing:
            self._watch(other)
            self._watch(side)

    def _write(self, side: _Side) -> None:
        try:
            done = side.sock.send(side.writing)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(side)
            return
        del side.writing[:done]
        if side.other.ended:
            self._finish(side)
        if side in self._sides:
            self._watch(side)
            self._watch(side.other)

    def _finish(self, side: _Side) -> None:
        """The other side sends no more: once all of it is written, this side is told so."""
        if not side.writing and not side.shut:
            side.shut = True
            with contextlib.suppress(OSError):
                side.sock.shutdown(socket.SHUT_WR)
        if side.shut and side.other.shut:
            self._drop(side)
            return
        self._watch(side)
        self._watch(side.other)

    def _drop(self, side: _Side, told: bool = False) -> None:
        """Close both ends."""
        for one in (side, side.other):
            if one.watched:
                self._selector.unregister(one.sock)
                one.watched = 0
            self._sides.discard(one)
            with contextlib.suppress(OSError):
                one.sock.close()
        if not told:
            self._tell(stamped(CLOSED, side.connection))


def _name(sock: socket.socket) -> bytes:
    """How the server sees this end, as CLIENT LIST has it."""
    name = sock.getsockname()
    return f"{name[0]}:{name[1]}".encode() if isinstance(name, tuple) else b""


def connector(host: str, port: int, path: str | None) -> Callable[[], socket.socket]:
    """What opens a connection to a server over TCP or a Unix socket (`path`), without waiting until it is there."""
    family = socket.AF_UNIX if path else socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    where = path or socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]

    def connect() -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(where)
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            raise
        return sock

    return connect


# ---- as a process of its own ----------------------------------------------------------------------------------------


class Pipe:
    """What a relay tells, written to a pipe in its own loop, without waiting; what is too much is dropped."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._waiting = bytearray()
        self._dropping = self._registered = False
        self.relay: Relay | None = None
        os.set_blocking(file, False)
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, 1 << 20)

    def tell(self, event: Event) -> None:
        """Queue an event; the loop writes it when it has nothing else to do first."""
        if len(self._waiting) > MOST_UNTOLD and event.kind in (ASKED, TOLD):
            if not self._dropping:
                self._put(stamped(DROPPED, event.connection))
            self._dropping = True
            return
        self._dropping = False
        self._put(event)

    def _put(self, event: Event) -> None:
        self._waiting += _HEAD.pack(event.kind, event.connection, event.at, event.now, len(event.data))
        self._waiting += event.data
        if not self._registered and self.relay is not None:
            self._registered = True
            self.relay.also(self._file, selectors.EVENT_WRITE, self.write)

    def write(self) -> None:
        """Write what waits, as far as the pipe takes it."""
        while self._waiting:
            try:
                done = os.write(self._file, self._waiting[:HIGH])
            except BlockingIOError:
                return
            except OSError:  # nobody reads any more: pass on without telling
                done = len(self._waiting)
            del self._waiting[:done]
        if self._registered and self.relay is not None:
            self._registered = False
            self.relay.also(self._file, 0, self.write)


class Backlog:
    """What a relay tells, in the same process: a queue whose reader may fall behind by so many bytes, and no more."""

    def __init__(self, most: int = MOST_UNTOLD) -> None:
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._most, self._put, self._got = most, 0, 0
        self._dropping = False

    def tell(self, event: Event) -> None:
        """Queue an event; dropped where the reader is too far behind."""
        if event.kind in (ASKED, TOLD):
            if self._put - self._got > self._most:
                if not self._dropping:
                    self._events.put(stamped(DROPPED, event.connection))
                self._dropping = True
                return
            self._dropping = False
            self._put += len(event.data)
        self._events.put(event)

    def end(self) -> None:
        """Nothing more will be told."""
        self._events.put(None)

    def __iter__(self) -> Iterator[Event]:
        while (event := self._events.get()) is not None:
            self._got += len(event.data)
            yield event


def unpacked(read: Callable[[int], bytes]) -> Iterator[Event]:
    """The events that stand in a pipe, until it ends; `read` gives at most so many bytes, none at the end."""
    buffer = bytearray()
    while data := read(1 << 20):
        buffer += data
        at = 0
        while len(buffer) - at >= _HEAD.size:
            kind, connection, when, now, length = _HEAD.unpack_from(buffer, at)
            end = at + _HEAD.size + length
            if end > len(buffer):
                break
            yield Event(kind, connection, when, now, bytes(buffer[at + _HEAD.size : end]))
            at = end
        del buffer[:at]


def main() -> None:
    """Relay between an inherited listening socket and a server until standard input ends."""
    parser = argparse.ArgumentParser()
    for name in ("--listener", "--pipe", "--port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", default=None)
    given = parser.parse_args()
    pipe = Pipe(given.pipe)
    relay = Relay(socket.socket(fileno=given.listener), connector(given.host, given.port, given.path), pipe.tell)
    pipe.relay = relay

    def told() -> None:
        """A byte asks for a mark, the end of the input for ours."""
        asked = os.read(sys.stdin.fileno(), 64)
        for _ in asked:
            pipe.tell(stamped(MARK, 0))
        if not asked:
            relay.stop()

    relay.also(sys.stdin.fileno(), selectors.EVENT_READ, told)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us, and ends standard input
    relay.run()
    pipe.relay = None
    os.set_blocking(given.pipe, True)
    pipe.write()


if __name__ == "__main__":
    main()
