"""Exhaustive small worlds of clients that wait: each letter of a sequence is written by a client of its own.

After each letter the judge asks PING twice over one connection more: the server has then done all that was asked
before. So who came first is known, and what has come tells who was served, in which order, and with what; of those who
wait nothing may have come. A letter is a request, or a whole transaction, which serves only as it ends. Afterwards
CLIENT UNBLOCK frees who still waits, and the keys are deleted.
What must not live here: which sequences there are (``exhaustive.py``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import field, mutable

from redlark.conformance.errors import Lost
from redlark.conformance.judging.connection import Connection, milliseconds
from redlark.conformance.small_worlds.alphabet import KEYS, Request
from redlark.conformance.targets.target import Target
from redlark.reference import Model, Worlds
from redlark.reference.resp import encode_request

Letter = tuple[Request, ...]  # what a client writes at once
_PING = encode_request((b"PING",))


def _letters(*lines: str) -> tuple[Letter, ...]:
    """Letters as text: words behind one another, requests between semicolons; several are a transaction."""
    found: list[Letter] = []
    for line in lines:
        requests = [tuple(one.encode().split()) for one in line.split(";")]
        found.append(tuple(requests) if len(requests) == 1 else ((b"MULTI",), *requests, (b"EXEC",)))
    return tuple(found)


# What wakes those who wait, or nearly does: what makes the key, of the right type or not, what moves it there, what
# makes and unmakes it at once, both keys in either order, and what takes it away before others; and requests that wait
# otherwise than the alphabet's, or inside a transaction, where nobody waits.
FEEDERS: dict[str, tuple[Letter, ...]] = {
    "list": _letters(
        "RPUSH a x", "RPUSH a x 1", "LPUSH a x 1", "RPUSH b x", "LPUSHX a x", "LMOVE b a LEFT LEFT", "LPOP a",
        "RENAME b a", "COPY b a", "SET a 1", "ZADD a 1 x", "DEL a", "SORT b STORE a",
        "RPUSH a x; RPUSH b 1", "RPUSH b x; RPUSH a 1", "RPUSH a x; DEL a", "RPUSH a x; LPOP a; RPUSH a 1",
        "RPUSH a x; DEL a; SET a 1", "SET a 1; DEL a; RPUSH a x", "BLPOP a 0; RPUSH a x",
    ),
    "sorted-set": _letters(
        "ZADD a 1 x", "ZADD a 1 x 2 1", "ZADD b 1 x", "ZINCRBY a 1 x", "ZUNIONSTORE a 1 b", "ZPOPMIN a", "RENAME b a",
        "COPY b a", "SET a 1", "RPUSH a x", "SADD a x", "DEL a", "GEOADD a 1 1 x",
        "ZADD a 1 x; ZADD b 1 1", "ZADD b 1 x; ZADD a 1 1", "ZADD a 1 x; DEL a", "ZADD a 1 x; ZPOPMIN a; ZADD a 2 1",
        "SET a 1; DEL a; ZADD a 1 x", "BZPOPMIN a 0; ZADD a 1 x",
    ),
    "stream": _letters(
        "XADD a 1-1 x x", "XADD a 2-1 x x", "XADD b 1-1 x x", "XGROUP CREATE a g 0 MKSTREAM",
        "XGROUP CREATE a g $ MKSTREAM", "XGROUP DESTROY a g", "XGROUP SETID a g 0", "XDEL a 1-1", "XTRIM a MAXLEN 0",
        "RENAME b a", "COPY b a", "SET a 1", "DEL a",
        "XADD a 1-1 x x; XADD a 2-1 x x", "XADD a 1-1 x x; DEL a", "XADD a 1-1 x x; XGROUP CREATE a g 0",
        "XGROUP CREATE a g 0 MKSTREAM; XGROUP CREATE b g 0 MKSTREAM", "XADD b 1-1 x x; XADD a 1-1 x x",
        "XREAD BLOCK 0 STREAMS a $", "XREAD BLOCK 0 STREAMS a b 0 0", "XREADGROUP GROUP g c BLOCK 0 STREAMS a b > >",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS a 0", "XREAD BLOCK 0 STREAMS a 0; XADD a 1-1 x x",
    ),
}  # fmt: skip


@mutable
class Company:
    """Some clients, and one more that asks what has been done and frees those who wait."""

    model: Model
    target: Target
    clients: int
    timeout: float
    _connections: list[Connection] = field(factory=list, init=False)
    _ids: list[bytes] = field(factory=list, init=False)
    _beginning: Worlds = field(default=(), init=False)

    def worlds(self, sequence: Sequence[Letter]) -> Worlds:
        """The worlds that are possible after a sequence and what came of it; none where the text does not allow that.

        Raises `Lost`.
        """
        self._begin()
        worlds = self._beginning
        for client, letter in enumerate(sequence):
            worlds = self._after(worlds, client, letter)
            if not worlds:
                break
        self._end({parked.client for world in worlds for parked in world.parked})
        return worlds

    def _after(self, worlds: Worlds, client: int, letter: Letter) -> Worlds:
        """The worlds after one letter, when all have got what they are owed; nobody may get anything else."""
        connection, late = self._connections[client], self.target.clock[1]
        began = milliseconds() + self.target.clock[0]
        connection.send(b"".join([encode_request(one) for one in letter]))
        for request in letter:
            sent = began, milliseconds() + late
            if worlds and self.model.parks(request) and True in self.model.waits(worlds, client, request, sent):
                worlds = self.model.left_waiting(worlds, client, request, sent)
            elif worlds:
                frame = connection.frame()
                sent = began, connection.received + late
                worlds = self.model.answers(worlds, client, request, sent, (frame,))[0]
        deadline = time.monotonic() + self.timeout
        while True:
            self._barrier()
            for other, one in enumerate(self._connections[:-1]):
                while worlds and (came := one.leftover()) is not None:
                    worlds = self.model.arrives(worlds, other, came, milliseconds() + late)
            told = tuple(world for world in worlds if not world.outbox)
            if told or not worlds or time.monotonic() > deadline:
                return told

    def _begin(self) -> None:
        if self._connections:
            return
        worlds = self.model.start(databases=self.target.databases, config=self.target.config)
        for client in range(self.clients + 1):
            self._connections.append(self.target.address.enter(self.timeout))
            self._ids.append(b"%d" % self._connections[-1].ask(b"CLIENT", b"ID").value)
            worlds = self.model.connect(worlds, client)
        self._connections[-1].ask(b"FLUSHALL")
        self._beginning = worlds

    def _barrier(self) -> None:
        """When this returns, the server has written what it owed for all that was sent before."""
        for _ in range(2):
            self._connections[-1].send(_PING)
            self._connections[-1].frame()

    def _end(self, waiting: set[int]) -> None:
        """Free those who wait, and empty the server."""
        control = self._connections[-1]
        deadline = time.monotonic() + self.timeout
        while waiting and time.monotonic() < deadline:
            for client in sorted(waiting):
                if control.ask(b"CLIENT", b"UNBLOCK", self._ids[client]).value:
                    self._connections[client].frame()
                    waiting.discard(client)
        control.send(encode_request((b"DEL", *KEYS)) + encode_request((b"DBSIZE",)))
        if control.frame().is_error or control.frame().value != 0 or waiting:
            raise Lost("was not brought back to where it began")

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._ids.clear()
