"""A connection of the plain core: its parser, its output, and the state that commands see (`interfaces.Client`)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from redlark.server import dispatch
from redlark.server.interfaces import REPLY_OFF, REPLY_ON, REPLY_SKIP, Context, Reply, Sizes
from redlark.server.plain.codec import Parser, encode

if TYPE_CHECKING:
    from redlark.server.interfaces import Database
    from redlark.server.plain.loop import Loop

BYTES = 1536  # a connection's objects, about
BUFFER = 16 * 1024  # what CLIENT LIST calls rbs


class Client:
    """See `interfaces.Client`.  The loop reads, parses and sends; this class holds."""

    def __init__(self, loop: Loop, connection: socket.socket, now: int) -> None:
        self.loop = loop
        self.connection = connection
        self.parser = Parser(loop.server.config.proto_max_bulk_len)
        self.output = bytearray()
        self.waits_for_room = False  # the selector watches for writing
        self.closed = False  # to be dropped: nothing of it runs any more
        self.closing = False  # to be dropped once the output is sent
        self.soft_since = 0  # ms; since then more waits than the soft limit allows
        self.id = 0
        self.fd = connection.fileno()
        self.addr, self.laddr, self.unix = b"", b"", False
        self.context: Context
        self.db: Database
        self.created = self.last_active = now
        self.last_command = self.name = self.lib_name = self.lib_ver = b""
        self.user = b"default"
        self.authenticated = True
        self.resp = 2
        self.queue: list[list[bytes]] | None = None
        self.queue_failed = False
        self.watching: list[tuple[Database, bytes]] = []
        self.touched = False
        self.reply_mode = REPLY_ON
        self.no_evict = self.no_touch = self.parked = self.subscribed = self.tracks = False
        self.net_in = self.net_out = self.commands = 0

    def reply(self, value: Reply, /) -> None:
        if not (self.closing or self.reply_mode in (REPLY_OFF, REPLY_SKIP)):
            self.output += encode(value, self.resp)

    def write(self, raw: bytes, /) -> None:
        if not (self.closing or self.reply_mode in (REPLY_OFF, REPLY_SKIP)):
            self.output += raw

    def deliver(self, frame: bytes, /) -> None:
        if not (self.closing or self.closed):
            self.output += frame
            self.loop.has_output(self)
            self.check_output()

    def check_output(self) -> None:
        """How much waits, against the limits of this client's class."""
        limit = self.loop.server.config.client_output_buffer_limit[2 if self.subscribed else 0]
        waiting, now = len(self.output), self.loop.server.now
        if self.closed:
            return
        if limit.soft and waiting >= limit.soft:
            self.soft_since = self.soft_since or now
        else:
            self.soft_since = 0
        late = self.soft_since and now - self.soft_since > limit.seconds * 1000
        if late or (limit.hard and waiting >= limit.hard):
            self.loop.overflowed(self)

    def memory(self) -> int:
        """Bytes that it takes, but for what it has queued."""
        return len(self.parser) + len(self.output) + BYTES

    def push(self, value: Reply, /) -> None:
        self.reply(value)
        self.loop.has_output(self)

    def run(self, request: list[bytes], /) -> None:
        dispatch.call(self.context, request)

    def resume(self) -> None:
        self.loop.has_input(self)

    def close(self, after_reply: bool = False) -> None:
        if after_reply:
            self.closing = True
        else:
            self.closed = True
        self.loop.has_output(self)

    @property
    def owes(self) -> bool:
        return bool(self.output)

    def sizes(self) -> Sizes:
        queued = sum(len(word) for request in self.queue or () for word in request)
        return Sizes(
            qbuf=len(self.parser),
            multi_mem=queued,
            rbs=BUFFER,
            rbp=min(len(self.output), BUFFER),
            omem=len(self.output),
            tot_mem=self.memory() + queued,
        )
