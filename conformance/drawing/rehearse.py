"""Rehearsals: histories run by the model alone, on a clock of their own, to learn which rules they reach.

What is drawn is steered by rehearsals and never by what a server did: a seed draws the same histories however slow the
server is and wherever a deadline happens to fall. And since the model is quick, it can try what a server need not see:
`pursue` finds, for a rule that is still unreached, a history that reaches it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice

from attrs import evolve, field, frozen, mutable

from redlark.conformance.history import SCANS, ClientAddress, ClientId, Cursor, Dumped, History, Learnt, Request, Step
from redlark.reference import Model, World
from redlark.reference.model import encode_some
from redlark.reference.resp import frame
from redlark.reference.values import Uncertain

BEGIN = 1_700_000_000_000  # Unix time in milliseconds at which every rehearsal begins
STEPS_A_MILLISECOND = 4
PATIENCE = 1_000  # milliseconds that a rehearsal waits for the end of somebody's waiting


@frozen
class Told:
    """What the model said to one client at one moment, what it would tell replicas, and the notifications of keys.

    A frame that came unasked has an empty request.
    """

    client: int
    request: tuple[bytes, ...]
    reply: bytes
    propagated: tuple[object, ...] = ()
    events: tuple[object, ...] = ()
    rules: tuple[str, ...] = ()


@mutable
class Rehearsal:
    """The model as a stage, and how often each rule was reached on it."""

    model: Model
    config: Mapping[str, str] = field(factory=dict)
    signed_in: bool = True
    reached: Counter[str] = field(factory=Counter)
    pace: int = STEPS_A_MILLISECOND
    databases: int = 16
    _empty: World = field(init=False)

    @_empty.default
    def _start(self) -> World:
        return self.model.start(databases=self.databases, config=dict(self.config), now=BEGIN)[0]

    def run(self, history: History) -> None:
        """Rehearse one history, from empty."""
        self.reached.update(self.rules(history))

    def rules(self, history: History) -> list[str]:
        """The rules that one history reaches, each as often as it does."""
        stage = self.begin(history.protocol)
        for step in history.steps:
            stage.go(step)
        return stage.reached

    def told(self, history: History, luck: int = 0) -> list[Told]:
        """What the model says in one history, frame by frame; `luck` is which way requests go that may go so many."""
        stage = evolve(self.begin(history.protocol), told=[], luck=luck)
        for step in history.steps:
            stage.go(step)
        return stage.told or []

    def begin(self, protocol: int) -> Stage:
        """An empty server to which nobody is connected yet."""
        return Stage(self, protocol, self._empty)


@mutable
class Stage:
    """A history so far: a world, a clock, and what replies have told. Worlds are values, so a copy costs little."""

    rehearsal: Rehearsal
    protocol: int
    world: World
    now: int = BEGIN
    steps: int = 0
    reached: list[str] = field(factory=list)
    cursors: dict[int, bytes] = field(factory=dict)
    payload: bytes | None = None
    backlog: dict[int, list[Request]] = field(factory=dict)
    told: list[Told] | None = None  # what was said, if that is wanted
    luck: int = 0  # which way of those that a request may go is taken, where there are so many

    def copy(self) -> Stage:
        """The same place, from which another history goes on; what was reached on the way here is not its own."""
        backlog = {client: list(asked) for client, asked in self.backlog.items()}
        return evolve(self, reached=[], cursors=dict(self.cursors), backlog=backlog)

    def go(self, step: Step) -> None:
        """Perform one step."""
        self.now += step.wait + (not self.steps % self.rehearsal.pace)
        self.steps += 1
        if not step.requests:
            self._await(step.client)
        for request in step.requests:
            self._perform(step.client, request)
        if self.world.parked or self.world.outbox or self.world.server.get("unsent"):
            self._settle()

    def _await(self, client: int) -> None:
        """A client gets what it waits for: its time passes."""
        parked = self.world.waits(client)
        if parked is not None and parked.deadline is not None and parked.deadline[1] < self.now + PATIENCE:
            self.now = max(self.now, parked.deadline[1])

    def _settle(self) -> None:
        """What is owed is delivered; who waits no longer goes on with what it has asked meanwhile."""
        self._deliver()
        for client in list(self.backlog):
            while self.backlog.get(client) and not self.world.waits(client):
                self._perform(client, self.backlog[client].pop(0))
                self._deliver()

    def _deliver(self) -> None:
        self.world, frames = self.rehearsal.model.deliver(self.world, self.now)
        if self.world.noted:
            self.reached += self.world.noted
            self.world = evolve(self.world, noted=())
        if self.told is not None:
            self.told += [Told(client, (), frame) for client, frame in frames]

    def _perform(self, client: int, asked: Request) -> None:
        if client not in self.world.sessions:
            self._connect(client)
        if self.world.parked and self.world.waits(client):
            self.backlog.setdefault(client, []).append(asked)
            return
        request = asked.resolve(self.now, lambda symbol: self._known(client, symbol))
        reply = self._ask(client, request, heard=True)
        if request[0].lower() in SCANS and reply.startswith(b"*2"):
            self.cursors[client] = frame(reply).value[0].value
        if request[0].lower() == b"dump" and reply[:1] == b"$" and reply != b"$-1\r\n":
            self.payload = frame(reply).value
        if self.rehearsal.model.closes((self.world,), client):
            (self.world,) = self.rehearsal.model.disconnect((self.world,), client)

    def _connect(self, client: int) -> None:
        (world,) = self.rehearsal.model.connect((self.world,), client)
        session = world.sessions[client].set("id", _id(client))  # the text recognises ids and gives none
        self.world = evolve(world, sessions=world.sessions.set(client, session))
        password = self.rehearsal.config.get("requirepass")
        if password and self.rehearsal.signed_in:
            self._ask(client, (b"AUTH", password.encode()))
        if self.protocol == 3:
            self._ask(client, (b"HELLO", b"3"))

    def _ask(self, client: int, request: tuple[bytes, ...], heard: bool = False) -> bytes:
        ways = self.rehearsal.model.ways(self.world, client, request, self.now)
        run, reply = next(iter(ways)) if not self.luck else [*islice(ways, self.luck + 1)][-1]
        self.reached += (*run.world.noted, *run.reached)
        after = run.finish()
        self.world = evolve(after, noted=()) if after.noted else after
        frame = encode_some(reply, run.session["resp"])
        if heard and self.told is not None:
            propagated = tuple((number, tuple(map(_word, words))) for number, words in run.propagated)
            told = Told(client, request, frame, propagated, tuple(run.events), tuple(run.reached))
            self.told.append(told)
        return frame

    def _known(self, client: int, symbol: Learnt) -> bytes:
        match symbol:
            case Cursor():
                return self.cursors.get(client, b"0")
            case Dumped():
                return symbol.of(self.payload)
            case ClientId(other):
                return b"%d" % _id(other)
            case ClientAddress(other):
                return b"127.0.0.1:%d" % (50_000 + other)


def _id(client: int) -> int:
    """The id of a client's connection."""
    return client + 1


def _word(word: object) -> object:
    """A word that is propagated, as a text; of a time that is not known to the millisecond, its earliest."""
    known = word.lo if isinstance(word, Uncertain) else word
    return b"%d" % known if type(known) is int else known
