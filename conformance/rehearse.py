"""Rehearsals: histories run by the model alone, on a clock of their own, to learn which rules they reach.

What is drawn is steered by rehearsals and never by what a server did: a seed draws the same histories however slow the
server is and wherever a deadline happens to fall. And since the model is quick, it can try what a server need not see:
`pursue` finds, for a rule that is still unreached, a history that reaches it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from attrs import field, frozen, mutable

from redlark.conformance import company_draw, functions, sorting, streaming, values
from redlark.conformance.draw import ALONE, HELPERS, Pool, at_key, on_one_key
from redlark.conformance.history import SCANS, ClientAddress, ClientId, Cursor, History, Request, steps_of
from redlark.reference import Model, World
from redlark.reference.model import encode_some
from redlark.reference.resp import frame
from redlark.reference.values import Uncertain

BEGIN = 1_700_000_000_000  # Unix time in milliseconds at which every rehearsal begins
STEPS_A_MILLISECOND = 4
PATIENCE = 1_000  # milliseconds that a rehearsal waits for the end of somebody's waiting
TRIES = 25  # for each command, in each round
CALLING = {"CALLED": "EVAL"}  # what runs the block of no command
ENOUGH = 3  # histories for one command, in one round


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

    def run(self, history: History) -> None:
        """Rehearse one history, from empty."""
        self.reached.update(self.rules(history))

    def rules(self, history: History) -> list[str]:
        """The rules that one history reaches, each as often as it does."""
        return _Stage(self, history).run()

    def told(self, history: History) -> list[Told]:
        """What the model says in one history, frame by frame."""
        stage = _Stage(self, history)
        stage.run()
        return stage.told


@mutable
class _Stage:
    """One history on the stage: a world, a clock, and what replies have told."""

    rehearsal: Rehearsal
    history: History
    world: World = field(init=False)
    now: int = BEGIN
    reached: list[str] = field(factory=list, init=False)
    cursors: dict[int, bytes] = field(factory=dict, init=False)
    backlog: dict[int, list[Request]] = field(factory=dict, init=False)
    told: list[Told] = field(factory=list, init=False)

    @world.default
    def _empty(self) -> World:
        return self.rehearsal.model.start(config=dict(self.rehearsal.config), now=BEGIN)[0]

    def run(self) -> list[str]:
        for number, step in enumerate(self.history.steps):
            self.now += step.wait + (not number % STEPS_A_MILLISECOND)
            if not step.requests:
                self._await(step.client)
            for request in step.requests:
                self._perform(step.client, request)
            if self.world.parked or self.world.outbox:
                self._settle()
        return self.reached

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
        if self.rehearsal.model.closes((self.world,), client):
            (self.world,) = self.rehearsal.model.disconnect((self.world,), client)

    def _connect(self, client: int) -> None:
        (self.world,) = self.rehearsal.model.connect((self.world,), client)
        password = self.rehearsal.config.get("requirepass")
        if password and self.rehearsal.signed_in:
            self._ask(client, (b"AUTH", password.encode()))
        if self.history.protocol == 3:
            self._ask(client, (b"HELLO", b"3"))

    def _ask(self, client: int, request: tuple[bytes, ...], heard: bool = False) -> bytes:
        run, reply = next(iter(self.rehearsal.model.ways(self.world, client, request, self.now)))
        self.reached += run.reached
        self.world = run.finish()
        frame = encode_some(reply, run.session["resp"])
        if heard:
            propagated = tuple((number, tuple(map(_word, words))) for number, words in run.propagated)
            told = Told(client, request, frame, propagated, tuple(run.events), tuple(run.reached))
            self.told.append(told)
        return frame

    def _known(self, client: int, symbol: Cursor | ClientId | ClientAddress) -> bytes:
        match symbol:
            case Cursor():
                return self.cursors.get(client, b"0")
            case ClientId(other):
                return b"%d" % other
            case ClientAddress(other):
                return b"127.0.0.1:%d" % (50_000 + other)


def _word(word: object) -> object:
    """A word that is propagated; of a time that is not known to the millisecond, its earliest."""
    return word.lo if isinstance(word, Uncertain) else word


def pursue(
    pool: Pool,
    rehearsal: Rehearsal,
    wanting: Mapping[str, frozenset[str]],
    rng: random.Random,
    protocols: Sequence[int],
) -> list[History]:
    """Histories that reach rules which no rehearsal has reached; `wanting` has them by command.

    Each is a few writes to few keys and requests of that command; most are tried in vain, and only the model knows.
    """
    found: list[History] = []
    for name, rules in wanting.items():
        name = CALLING.get(name, name)
        if name not in pool.names or name == "CLIENT|REPLY":  # silence must end with its step: `draw` sees to that
            continue
        left, kept = set(rules), 0
        for _ in range(TRIES):
            history = attempt(pool, name, rng, rng.choice(protocols))
            reached = left.intersection(rehearsal.rules(history))
            if reached:
                found.append(history)
                left -= reached
                kept += 1
            if not left or kept >= ENOUGH:
                break
    return found


def attempt(pool: Pool, name: str, rng: random.Random, protocol: int) -> History:
    """A short history around one command: it may reach any of its rules."""
    if name not in company_draw.COMPANY:
        return History(steps_of(0, _attempt(pool, name, rng)), protocol)
    several = company_draw.scenarios(pool, rng.randrange(1, 5), rng)
    return company_draw.history([*several, steps_of(0, _attempt(pool, name, rng))], protocol)


def _attempt(pool: Pool, name: str, rng: random.Random) -> list[Request]:
    """A few writes, then requests of one command."""
    helpers = [helper for helper in HELPERS if pool.has(helper)]
    writes = [pool.of(rng.choice(helpers), rng) for _ in range(rng.randrange(4)) if helpers]
    if pool.generator.commands[name].group == "stream" and rng.random() < 0.7:
        writes = list(streaming.set_up(rng, key := rng.choice(values.KEYS)))
        edge = [streaming.about(key, rng, (name,))] if rng.random() < 0.5 else []
        return [*writes, *edge, *(on_one_key(pool.of(name, rng), key) for _ in range(rng.choice((1, 2, 3))))]
    if name.startswith("SORT"):
        key = values.key(rng)
        made = sorting.set_up(key, rng)
        return [*made, *(at_key(pool.of(name, rng), key, rng) for _ in range(3))]
    if "FUNCTION|LOAD" in pool.generator.commands and name.startswith(("FCALL", "FUNCTION")) and rng.random() < 0.7:
        writes += functions.set_up(rng)
    asked = [pool.of(name, rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    if rng.random() < 0.5:
        key = rng.choice(values.KEYS)
        writes, asked = ([on_one_key(one, key) for one in requests] for requests in (writes, asked))
    if name not in ALONE and pool.has("MULTI", "EXEC") and rng.random() < 0.1:
        asked = [Request((b"MULTI",)), *asked, Request((b"EXEC",))]
    return [*writes, *asked]
