"""Concurrent histories: several clients that ask at once, and what each of them saw, in real time.

A program says what each client sends; a run sends it, never waiting for one client before the next one's turn, and
notes for every request the event before which it was not sent and the one after which its reply was there. Whether
that could have happened one request at a time is ``linearize``'s to say. The server decides the interleaving: a program
is reproducible from its seed, a history is not.

Who waits (BLPOP and its kin) may wait for ever. When nothing comes any more, and nobody has anything to send, one more
client frees those who wait by CLIENT UNBLOCK, one after another: operations of the history like the others, which tell
that they were waiting then, and that nothing had served them.
"""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable, Sequence

from attrs import evolve, field, frozen, mutable

from redlark.conformance.crowds.linearize import Operation
from redlark.conformance.drawing.scenarios import Pool
from redlark.conformance.errors import Lost
from redlark.conformance.history import Request, request
from redlark.conformance.judging.connection import Connection, milliseconds
from redlark.conformance.targets.target import Target
from redlark.reference.resp import Frame, encode_request

CLIENTS = 8
WRITES = (2, 6)  # of each client
KEYS = (b"k1", b"k2")
GROUPS = frozenset(
    ("string", "list", "set", "hash", "sorted-set", "stream", "bitmap", "hyperloglog", "geo", "generic", "transactions")
)
# What is never drawn: it waits, closes, or tells of other clients or of all databases.
PATIENCE = 0.01  # seconds in which nothing comes, before one who waits is freed
WAITING_SHARE = 0.4  # of the programs in which clients wait for each other
UNFIT = frozenset(("WAIT", "WAITAOF", "SCAN", "MIGRATE", "MOVE", "SORT", "RANDOMKEY", "KEYS", "DUMP", "RESTORE"))

Write = tuple[Request, ...]  # what one client sends at once


Kind = Callable[[Pool, random.Random], list[Write]]


@frozen
class Program:
    """What each client sends, write by write, and what is sent before by one of them alone."""

    writes: tuple[tuple[Write, ...], ...]
    before: Write = ()

    @property
    def size(self) -> int:
        """How many requests it holds."""
        return len(self.before) + sum(len(write) for client in self.writes for write in client)


# ---- programs ------------------------------------------------------------------------------------------------


def draw(pool: Pool, rng: random.Random, clients: int = CLIENTS) -> Program:
    """A program for so many clients that meet at few keys."""
    before = tuple(_near(one) for one in pool.requests(rng.randrange(4), rng) if not _waits(one))
    kinds: list[Kind] = [_any, _any, _transfer, _reader, _counter, _pipeline]
    if rng.random() < WAITING_SHARE and pool.has("BLPOP", "XGROUP|CREATE"):
        kinds = [_waiter, _waiter, _feeder, _feeder, _any, _transfer]
        before = (*before, request("XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"))
    writes = []
    for _ in range(clients):
        kind = rng.choice(kinds)
        mine: list[Write] = []
        while len(mine) < rng.randint(*WRITES):
            mine += kind(pool, rng)
        writes.append(tuple(tuple(_near(one) for one in write) for write in mine))
    return Program(tuple(writes), before)


def _near(one: Request) -> Request:
    """The same request with its keys among two."""
    far = {b"k3": KEYS[0], b"k4": KEYS[1], b"{tag}5": KEYS[0]}
    parts = tuple(far.get(part, part) if isinstance(part, bytes) else part for part in one.parts)
    return Request(parts)


def _any(pool: Pool, rng: random.Random) -> list[Write]:
    return [pool.requests(1, rng)]


def _pipeline(pool: Pool, rng: random.Random) -> list[Write]:
    return [pool.requests(rng.randint(2, 4), rng)]


def _transfer(pool: Pool, rng: random.Random) -> list[Write]:
    """A transaction over both keys: who looks at both sees all of it or nothing."""
    one, other = rng.sample(KEYS, 2)
    changes = rng.choice(
        (
            (request("INCR", one), request("INCR", other)),
            (request("SET", one, b"%d" % rng.randrange(90)), request("SET", other, b"%d" % rng.randrange(90))),
            (request("APPEND", one, "x"), request("APPEND", other, "x"), request("MGET", one, other)),
            pool.requests(2, rng),
        )
    )
    return [(request("MULTI"), *changes, request("EXEC"))]


def _reader(pool: Pool, rng: random.Random) -> list[Write]:
    return [(rng.choice((request("MGET", *KEYS), request("GET", KEYS[0]), request("EXISTS", *KEYS))),)]


def _counter(pool: Pool, rng: random.Random) -> list[Write]:
    """Check and set: the transaction counts only if nobody else wrote meanwhile."""
    key = rng.choice(KEYS)
    return [
        (request("WATCH", key), request("GET", key)),
        (request("MULTI"), request("SET", key, b"%d" % rng.randrange(90)), request("EXEC")),
    ]


# ---- who waits, and who feeds them ---------------------------------------------------------------------------

_LISTS, _SORTED = (b"l", b"m"), (b"y", b"z")
_SOON = ("0", "0", "0", "0", "0.01", "0.02", "0.03")


def _waits(one: Request) -> bool:
    name = one.parts[0]
    return isinstance(name, bytes) and name.upper() in (
        b"BLPOP", b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZPOPMIN", b"BZPOPMAX", b"BZMPOP",
        b"XREAD", b"XREADGROUP",
    )  # fmt: skip


def _waiter(pool: Pool, rng: random.Random) -> list[Write]:
    """One who waits for a list, a sorted set or a stream, now and then with another request behind it."""
    soon, side, end = rng.choice(_SOON), rng.choice(("LEFT", "RIGHT")), rng.choice(("LEFT", "RIGHT"))
    lists, ordered = rng.sample(_LISTS, rng.randint(1, 2)), rng.sample(_SORTED, rng.randint(1, 2))
    one, other = rng.sample(_LISTS, 2)
    milliseconds = f"{1000 * float(soon):.0f}"
    ways: dict[str, tuple[str | bytes, ...]] = {
        "BLPOP": (*lists, soon),
        "BRPOP": (*lists, soon),
        "BLMOVE": (one, rng.choice((one, other)), side, end, soon),
        "BRPOPLPUSH": (one, rng.choice((one, other)), soon),
        "BLMPOP": (soon, str(len(lists)), *lists, side, "COUNT", "2"),
        "BZPOPMIN": (*ordered, soon),
        "BZPOPMAX": (*ordered, soon),
        "BZMPOP": (soon, str(len(ordered)), *ordered, rng.choice(("MIN", "MAX"))),
        "XREAD": ("BLOCK", milliseconds, "STREAMS", "s", rng.choice(("$", "0-3"))),
        "XREADGROUP": ("GROUP", "g", rng.choice(("c", "d")), "COUNT", "1", "BLOCK", milliseconds, "STREAMS", "s", ">"),
    }
    name = rng.choice([name for name in ways if pool.has(name)])
    waiting = request(name, *ways[name])
    return [(waiting, *pool.requests(1, rng)) if rng.random() < 0.15 else (waiting,)]


def _feeder(pool: Pool, rng: random.Random) -> list[Write]:
    """Something for those who wait, several in a transaction now and then, or a look at what is left."""
    one, other = rng.sample(_LISTS, 2)
    high, low = rng.sample(_SORTED, 2)
    some = [b"e%d" % rng.randrange(90) for _ in range(rng.randint(1, 3))]
    ways = (
        (request("RPUSH", one, *some),),
        (request("LPUSH", one, *some),),
        (request("RPUSH", one, *some), request("RPUSH", other, *some)),
        (request("ZADD", high, "1", *some[:1], "2", "last"),),
        (request("ZADD", high, "1", *some[:1]), request("ZADD", low, "2", *some[:1])),
        (request("XADD", "s", "*", "f", *some[:1]),),
        (request("XADD", "s", "*", "f", *some[:1]), request("XADD", "s", "*", "f", "2")),
        (request("RENAME", one, other),),
        (request("LPOP", one), request("LRANGE", other, "0", "-1")),
        (request("LMOVE", one, other, "LEFT", "RIGHT"),),
        (request("ZRANGE", high, "0", "-1"), request("LLEN", one)),
        (request("RPUSH", one, *some), request("DEL", one)),
    )
    chosen = rng.choice(ways)
    return [(request("MULTI"), *chosen, request("EXEC"))] if rng.random() < 0.3 else [chosen]


# ---- runs ----------------------------------------------------------------------------------------------------


@mutable
class Runner:
    """Runs programs on one target over connections that it keeps."""

    target: Target
    timeout: float = 5.0
    parks: Callable[[tuple[bytes, ...]], bool] = lambda _: False  # whether a request may leave its client waiting
    ids: list[Frame] = field(factory=list, init=False)  # what CLIENT ID told each connection, once there are any
    _connections: list[Connection] = field(factory=list, init=False)

    def run(self, program: Program, rng: random.Random) -> list[Operation]:
        """What the clients saw, in the order of the events. Raises `Lost` when a reply does not come."""
        try:
            self._ready(len(program.writes) + 1)
            return _Running(self, program, rng).run()
        except BaseException:
            self.close()
            raise

    def _ready(self, clients: int) -> None:
        """So many connections as good as new, on an empty server."""
        while len(self._connections) < clients:
            self._connections.append(self.target.address.enter(self.timeout))
            self.ids.append(self._connections[-1].ask(b"CLIENT", b"ID"))
        for connection in self._connections[:clients]:
            connection.ask(b"DISCARD")  # a reduced program may have lost its EXEC
            connection.ask(b"UNWATCH")
        self.empty()

    def empty(self) -> None:
        """Delete everything, once there is a connection."""
        for connection in self._connections[:1]:
            connection.ask(b"FLUSHALL")

    def connections(self, clients: int) -> list[Connection]:
        """The first so many connections."""
        return self._connections[:clients]

    def close(self) -> None:
        """Close every connection."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self.ids.clear()


@mutable
class _Running:
    """One run of one program."""

    runner: Runner
    program: Program
    rng: random.Random
    events: int = field(default=0, init=False)
    owed: dict[int, list[Operation]] = field(factory=dict, init=False)
    seen: list[Operation] = field(factory=list, init=False)

    def run(self) -> list[Operation]:
        clients = len(self.program.writes)
        connections = self.runner.connections(clients + 1)
        for one in self.program.before:
            self._send(0, connections[0], (one,))
            self._await({0: connections[0]})
        left = [list(client) for client in self.program.writes]
        idle = set(range(clients))
        waiting: dict[int, Connection] = {}
        while any(left) or waiting:
            sending = [client for client in idle if left[client]]
            self.rng.shuffle(sending)
            for client in sending:
                if waiting and self.rng.random() < 0.2:
                    continue  # it starts a little later than the others
                self._send(client, connections[client], left[client].pop(0))
                idle.discard(client)
                waiting[client] = connections[client]
            for client in self._await(waiting):
                waiting.pop(client, None)
                idle.add(client)
        return sorted(self.seen, key=lambda one: one.invoked)

    def _event(self) -> int:
        self.events += 1
        return self.events

    def _send(self, client: int, connection: Connection, write: Write) -> None:
        now = milliseconds()
        asked = [one.resolve(now, lambda _: b"0") for one in write]
        at = self._event()
        began = now + self.runner.target.clock[0]
        self.owed[client] = [Operation(client, one, None, at, at, (began, began)) for one in asked]
        connection.send(b"".join([encode_request(one) for one in asked]))

    def _await(self, waiting: dict[int, Connection]) -> list[int]:
        """Read what has come, or free one who waits when nothing comes; gives who is owed nothing more."""
        deadline = time.monotonic() + self.runner.timeout
        while True:
            parked = [client for client in waiting if self.runner.parks(self.owed[client][0].request)]
            patience = PATIENCE if parked else self.runner.timeout
            ready, _, _ = select.select(list(waiting.values()), [], [], patience)
            free = []
            for client, connection in waiting.items():
                if connection in ready:
                    self._read(client, connection)
                    if not self.owed[client]:
                        free.append(client)
            if free:
                return free
            if ready:
                deadline = time.monotonic() + self.runner.timeout
            elif time.monotonic() > deadline:
                raise Lost(f"gave no reply within {self.runner.timeout:g} s")
            if parked and not ready:
                self._free(self.rng.choice(parked))

    def _free(self, client: int) -> None:
        """End the waiting of a client, if it still waits then."""
        last = len(self.program.writes)
        connection = self.runner.connections(last + 1)[last]
        self._send(last, connection, (request("CLIENT", "UNBLOCK", b"%d" % self.runner.ids[client].value),))
        while self.owed[last]:
            self._read(last, connection)

    def _read(self, client: int, connection: Connection) -> None:
        frames = connection.arrived()
        at = self._event()
        for frame in frames:
            if not self.owed[client]:
                raise Lost("sent a reply to no request")
            one = self.owed[client].pop(0)
            until = connection.received + self.runner.target.clock[1]
            self.seen.append(evolve(one, reply=frame, returned=at, interval=(one.interval[0], until)))


def fit(pool: Pool, groups: dict[str, str]) -> Pool:
    """The pool less what has no place in a concurrent history; `groups` has the group of each command."""
    kept = [
        (name, weight)
        for name, weight in zip(pool.names, pool.weights, strict=True)
        if groups.get(name) in GROUPS and name not in UNFIT and not name.startswith("OBJECT")
    ]
    return evolve(pool, names=tuple(name for name, _ in kept), weights=tuple(weight for _, weight in kept))


def without(program: Program, client: int, write: int | None = None, place: int | None = None) -> Program:
    """The program less a client's writes, one of them, or one request of it."""
    writes: list[Sequence[Write]] = list(program.writes)
    if write is None:
        writes[client] = ()
    elif place is None:
        writes[client] = [*writes[client][:write], *writes[client][write + 1 :]]
    else:
        old = writes[client][write]
        new = (*old[:place], *old[place + 1 :])
        writes[client] = [*writes[client][:write], *([new] if new else []), *writes[client][write + 1 :]]
    return evolve(program, writes=tuple(tuple(mine) for mine in writes))
