"""The event loop of the plain core, over `selectors`: accept, read, execute, send.  Its duties: `interfaces.Loop`."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import time
import traceback

from redlark.server import dispatch, errors, sockets
from redlark.server.interfaces import Client as AnyClient
from redlark.server.interfaces import CommandError
from redlark.server.plain.client import BUFFER, Client
from redlark.server.plain.codec import ProtocolError
from redlark.server.state import State, milliseconds
from redlark.server.usage import Stats

CHUNK = 16 * 1024  # read from a client at once; others wait while it is executed
NO_DESCRIPTORS_PAUSE = 100  # ms for which nothing is accepted when the process has no descriptor left


class Loop:
    """One thread, all connections."""

    def __init__(self, server: State, listeners: list[socket.socket]) -> None:
        self.server = server
        self.stats = Stats()
        self.clients: dict[int, AnyClient] = {}
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._stopping = False
        self.largest, self._slept_ns = (0, 0), 0
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._input: list[Client] = []  # may have requests to execute, though nothing new has arrived
        self._output: dict[int, Client] = {}  # have something to send, or are to be closed
        server.loop = self
        self.listen(listeners)

    # ------------------------------------------------------------------------------------------------------ public

    def run(self) -> None:
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        next_cron, began = milliseconds(), time.perf_counter_ns()
        try:
            while not self._stopping:
                now = self.server.now = milliseconds()
                if now >= next_cron:
                    self.server.cron()
                    self._watch_limits()
                    next_cron = now + 1000 // self.server.config.hz
                self.server.timers.run(now)
                self._rest()
                self._slept_ns = 0
                self._wait(next_cron)
                self._rest()
                self.stats.turns += 1
                ended = time.perf_counter_ns()
                self.stats.busy_ns += ended - began - self._slept_ns
                began = ended
        finally:
            self._end()

    def listen(self, listeners: list[socket.socket], /) -> None:
        for listener in self._listeners:
            with contextlib.suppress(KeyError):  # it may be pausing
                self._selector.unregister(listener)
        self._listeners = list(listeners)
        for listener in self._listeners:
            self._listen_again(listener)

    def stop(self) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):  # the pipe is full of wake-ups, or the loop has ended
            os.write(self._wake_write, b".")

    def configure(self) -> None:
        for client in self.clients.values():
            assert isinstance(client, Client)
            client.parser.longest_bulk = self.server.config.proto_max_bulk_len

    def has_input(self, client: Client) -> None:
        """Execute what the client has sent already, once those are done of whom something has come."""
        self._input.append(client)

    def has_output(self, client: Client) -> None:
        """Send, or close, at the end of this round."""
        self._output[client.id] = client

    def script_calls(self, lua: bytes, /) -> None:
        """None: every call of a script is Python's."""

    def serve_others(self, client: AnyClient, /) -> bool:
        now = self.server.now
        self._serve(0.0, client)
        self.server.now = now  # a request has one moment
        return not self._stopping

    def lazy(self) -> tuple[int, int]:
        return 0, 0  # objects of Python go at once

    def usage(self) -> dict[bytes, tuple[int, int, dict[int, int]]]:
        return {}  # everything runs in Python

    def forget_usage(self) -> None:
        pass

    def client_memory(self) -> int:
        clients = [client for client in self.clients.values() if isinstance(client, Client)]
        sizes = [client.sizes() for client in clients]
        read = max((one.qbuf + one.qbuf_free for one in sizes), default=0)
        self.largest = read, max((one.omem for one in sizes), default=0)
        return sum(client.memory() for client in clients)

    def overflowed(self, client: Client) -> None:
        """More waits for a client than its class allows."""
        self.stats.output_overflows += 1
        self.server.overflowed(client)
        client.output.clear()
        client.close()

    def _watch_limits(self) -> None:
        """Who lets more wait than a soft limit, and for how long."""
        for client in list(self.clients.values()):
            if isinstance(client, Client) and client.output:
                client.check_output()

    # ------------------------------------------------------------------------------------------------------- rounds

    def _wait(self, next_cron: int) -> None:
        now = milliseconds()
        until = next_cron
        timer = self.server.timers.next()
        if timer is not None:
            until = min(until, timer)
        self._serve(max(0, until - now) / 1000, None)

    def _serve(self, timeout: float, aside: AnyClient | None) -> None:
        """What has come within so many seconds, but from one client."""
        began = time.perf_counter_ns()
        ready = self._selector.select(timeout)
        self._slept_ns += time.perf_counter_ns() - began
        for key, events in ready:
            if key.data is None:
                os.read(self._wake_read, 4096)
            elif key.data is aside:
                continue
            elif isinstance(key.data, Client):
                if events & selectors.EVENT_READ:
                    self._read(key.data)
                if events & selectors.EVENT_WRITE:
                    self.has_output(key.data)
            else:
                self._accept(key.data)
        self._settle()

    def _rest(self) -> None:
        """Serve who goes on, and do what was put off until nobody else was to be served (`Tracker.rest`)."""
        while self._input:
            self._work()
        self.server.tracking.rest(self.server.config.tracking_table_max_keys)
        self._settle()

    def _work(self) -> None:
        waiting, self._input = self._input, []
        for client in waiting:
            if not client.closed:
                dispatch.go_on_with(client.context)
            self._execute(client)

    def _settle(self) -> None:
        """Send what there is to send and close what is to be closed."""
        while self._output:
            for client in list(self._output.values()):
                del self._output[client.id]
                if not client.closed:
                    self._send(client)
                if client.closed or (client.closing and not client.output):
                    self._drop(client)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self.server.config.max_new_connections_per_cycle):
            try:
                connection, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as problem:
                if problem.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                self._selector.unregister(listener)
                self.server.timers.at(milliseconds() + NO_DESCRIPTORS_PAUSE, lambda: self._listen_again(listener))
                return
            connection.setblocking(False)
            if len(self.clients) >= self.server.config.maxclients:
                with contextlib.suppress(OSError):
                    connection.send(b"-" + errors.MAX_CLIENTS + b"\r\n")
                connection.close()
                self.stats.rejected += 1
                continue
            self._admit(connection)

    def _listen_again(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._selector.register(listener, selectors.EVENT_READ, listener)

    def _admit(self, connection: socket.socket) -> None:
        client = Client(self, connection, milliseconds())
        try:
            client.addr, client.laddr, client.unix = sockets.addresses(connection)
        except OSError:  # gone already
            connection.close()
            return
        if not client.unix:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.server.config.tcp_keepalive:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.stats.connections += 1
        self.server.connected(client)
        self.clients[client.id] = client
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _read(self, client: Client) -> None:
        try:
            data = client.connection.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            client.close()
            return
        client.last_active = self.server.now = milliseconds()
        client.net_in += len(data)
        self.stats.net_in += len(data)
        self.stats.reads += 1
        if client.closing or client.closed:
            return
        client.parser.feed(data)
        self._execute(client)
        if len(client.parser) > self.server.config.client_query_buffer_limit:
            self.stats.query_overflows += 1
            client.close()

    def _execute(self, client: Client) -> None:
        """Run every complete request that the client has sent."""
        parser = client.parser
        try:
            while not (client.closed or client.closing or client.parked):
                parser.authenticated = client.authenticated
                request = parser.request()
                if request is None:
                    break
                if request:
                    self._process(client, request)
                if len(client.output) > BUFFER:
                    client.check_output()
        except ProtocolError as problem:
            self.server.failed(problem.line)
            client.reply(CommandError(problem.line))
            client.close(after_reply=True)
        if client.output:
            self.has_output(client)

    def _process(self, client: Client, request: list[bytes]) -> None:
        """A defect in a command costs its client an error, not everybody the server."""
        try:
            dispatch.process(client.context, request)
        except Exception:
            traceback.print_exc()
            client.reply(CommandError(errors.INTERNAL))

    def _send(self, client: Client) -> None:
        client.check_output()
        while client.output:
            try:
                sent = client.connection.send(client.output)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                client.closed = True
                return
            client.net_out += sent
            self.stats.net_out += sent
            self.stats.writes += 1
            del client.output[:sent]
        if client.waits_for_room != bool(client.output):
            client.waits_for_room = bool(client.output)
            self.stats.output_grown += client.waits_for_room
            self.stats.output_shrunk += not client.waits_for_room
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.waits_for_room else 0)
            self._selector.modify(client.connection, events, client)

    def _drop(self, client: Client) -> None:
        if self.clients.pop(client.id, None) is not None:
            client.closed = True
            self._selector.unregister(client.connection)
            client.connection.close()
            self.server.disconnected(client)
            client.output.clear()  # the object itself waits for a collector of cycles
            client.parser.forget()

    def _end(self) -> None:
        for client in list(self.clients.values()):
            assert isinstance(client, Client)
            self._send(client)
            self._drop(client)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
