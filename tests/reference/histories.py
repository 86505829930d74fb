"""Histories for the laws: requests of the product's own generator, asked of a model by a clock that is held here.

What must live here: how a call is drawn and how a walk over worlds goes. Calls are prepared in a pool and Hypothesis
draws which follow each other (docs/decisions tell why); equal profiles have equal pools. No law, no command's meaning.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from attrs import define, evolve, field, frozen
from hypothesis import strategies as st

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.history import ClientId, Cursor, Dumped, Request
from redlark.reference import Model, World
from redlark.reference.replies import describe
from redlark.reference.values import Dead, Entry
from redlark.reference.world import Run

BEGIN = 1_700_000_000_000  # Unix milliseconds at which every walk begins
GAPS = (0, 0, 0, 0, 0, 1, 2, 5, 40, 1_500)  # milliseconds between two calls: deadlines drawn are near or far
POOL = 4_000
MAKERS = {
    "SET": 8.0,
    "MSET": 3.0,
    "RPUSH": 3.0,
    "SADD": 3.0,
    "ZADD": 5.0,
    "HSET": 3.0,
    "GEOADD": 3.0,
    "APPEND": 2.0,
    "PEXPIRE": 3.0,
    "EXPIRE": 2.0,
    "HPEXPIRE": 2.0,
    "HSETEX": 2.0,
}

Value = tuple[Any, ...]
Shown = tuple[dict[bytes, Value], ...]


@frozen(eq=False)  # compared as they are: Hypothesis hashes the whole pool
class Call:
    """A request of a client, some milliseconds after the call before; ``way`` picks among what may then happen."""

    client: int
    request: Request
    gap: int
    way: int


@cache
def pool(profile: str) -> tuple[Call, ...]:
    """Calls of every command that a profile has, those that fill a database more often; the shortest first."""
    model = Model.load(profile)
    grammars = {n: grammar(c.block, model.profile) for n, c in model.commands.items()}
    generator = Generator({n: one for n, one in grammars.items() if not one.never_sent})
    weights = [MAKERS.get(name, 1.0) for name in generator.names]
    rng = random.Random(profile)
    names = rng.choices(generator.names, weights, k=POOL)
    requests = [generator.request(name, rng) for name in names] + [generator.unknown(rng) for _ in range(POOL // 100)]
    requests = [request for request in requests if request.parts]
    calls = [Call(rng.choice((0, 0, 1)), one, rng.choice(GAPS), rng.randrange(8)) for one in requests]
    return tuple(sorted(calls, key=lambda call: sum(len(p) if isinstance(p, bytes) else 8 for p in call.request.parts)))


@cache
def calls(profile: str, least: int, most: int) -> st.SearchStrategy[list[Call]]:
    """Lists of calls of a profile's pool."""
    return st.lists(st.sampled_from(pool(profile)), min_size=least, max_size=most)


@define
class Walk:
    """A walk of one world through calls: each takes one of the ways that it may go, at a moment that is known."""

    model: Model
    clients: tuple[int, ...] = (0, 1)
    now: int = BEGIN
    world: World = field(init=False)
    given: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        (self.world,) = self.model.start(now=self.now)
        for client in self.clients:
            self.connect(client)

    def connect(self, client: int) -> None:
        """A new connection, which this walk as a server gives an id of its own."""
        (world,) = self.model.connect((self.world,), client)
        self.given += 1
        session = world.sessions[client].set("id", self.given)
        self.world = evolve(world, sessions=world.sessions.set(client, session))

    def request(self, call: Call) -> tuple[bytes, ...]:
        """The request as it is sent: moments near now, the cursor of an iteration, a connection's id or address."""
        return call.request.resolve(self.now, self._known)

    def _known(self, symbol: object) -> bytes:
        if isinstance(symbol, Dumped):
            return symbol.of(None)
        if isinstance(symbol, ClientId):
            return b"%d" % (symbol.client + 1)
        iterations = self.world.server.get("iterations") or {}
        return (
            next((b"%d" % number for _, number in iterations), b"0") if isinstance(symbol, Cursor) else b"127.0.0.1:1"
        )

    def ways(self, client: int, request: tuple[bytes, ...]) -> list[tuple[Run, Any, World]]:
        """Every way that a request may go now: the run, its reply and the world behind it."""
        return list(ways(self.model, self.world, client, request, self.now))

    def ask(self, call: Call) -> tuple[tuple[bytes, ...], Run, Any, World]:
        """Makes a call, on a new connection where the old one was closed: request, run, reply and the world before."""
        self.now += call.gap
        if self.world.sessions[call.client].get("closed"):
            self.connect(call.client)
        before, request = self.world, self.request(call)
        possible = self.ways(call.client, request)
        run, reply, self.world = possible[call.way % len(possible)]
        if self.world.parked or self.world.outbox:  # nobody waits here: its time is over at once
            for parked in self.world.parked:
                (self.world,) = self.model.disconnect((self.world,), parked.client)
                self.connect(parked.client)
            self.world = evolve(self.world, outbox=())
        return request, run, reply, before


def ways(
    model: Model, world: World, client: int, request: tuple[bytes, ...], now: int
) -> Iterator[tuple[Run, Any, World]]:
    """The ways of a request that do not contradict themselves."""
    for run, reply in model.ways(world, client, request, now):
        try:
            after = run.finish()
        except Dead:
            continue
        yield run, reply, after


def told(run: Run, reply: Any) -> str:
    """A reply in words, in the protocol that the connection then speaks."""
    return describe(reply, run.session["resp"])


def live(world: World, now: int) -> Shown:
    """What the databases hold, values and deadlines; what is at its deadline may be gone, so it counts as such."""
    return tuple({key: _value(entry, now) for key, entry in db.items() if _lives(entry, now)} for db in world.databases)


def _value(entry: Entry, now: int) -> Value:
    if entry.fields is None:
        return entry.value, entry.deadline
    living = {f: x for f, x in entry.value.items() if not is_over(entry, f, now)}
    return living, entry.deadline, {f: entry.fields[f] for f in living if f in entry.fields}


def _lives(entry: Entry, now: int) -> bool:
    if entry.deadline is not None and entry.deadline[1] <= now:
        return False
    return entry.fields is None or not all(is_over(entry, field, now) for field in entry.value)


def is_over(entry: Entry, field: bytes, now: int) -> bool:
    """Whether a field of a hash has a deadline of its own that may have come."""
    return entry.fields is not None and field in entry.fields and bool(entry.fields[field][0] <= now)
