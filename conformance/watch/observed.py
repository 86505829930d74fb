"""Traffic judged as it passes: each reply held to what the text allows, or counted with the reason why it is not.

Theory of operation. What is asked, answered and told is fed in the order of the recorder's events, and judged a little
behind, once what was asked at the same time is answered too (``orders.py``). Never a false alarm: what cannot be judged
exactly is counted with its reason, and the keys that it may have written are unknown from then on (``known.py``); so
are those of a divergence. What must not live here: sockets and threads (``watching.py``), what a server's state excuses
(``excused.py``).
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve, field, frozen, mutable
from immutables import Map

from redlark.conformance.judging.attempt import command_of
from redlark.conformance.watch.excused import RESTARTED
from redlark.conformance.watch.known import WHOLE, Known, leaves_absent, shown_absent
from redlark.conformance.watch.orders import SCRIPTED, Configuration, Orders, distinct
from redlark.conformance.watch.scripted import chooses, keeps_to_its_keys
from redlark.conformance.watch.secrets import hidden, shown
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference import Allowed, World
from redlark.reference.resp import Frame
from redlark.reference.shapes import declared
from redlark.reference.values import ErrorReply

PATIENCE = 2_000_000  # microseconds that judging waits for the reply to what was asked at the same time
UNHURRIED = 300_000  # and to the reply of who was asked to wait, but may not have had to
LEAVING = 200  # milliseconds in which a server may not have noticed that a client is gone
DIVERGES = "diverges"
CONTEXT = 10  # exchanges that are told with a divergence
_ELSEWHERE = frozenset((b"select", b"swapdb", b"move", b"copy"))  # in a transaction: keys of other databases
_KEYLESS = frozenset(("pubsub", "connection", "transactions", "server", "scripting", "cluster"))

Excuse = Callable[[Exchange, Frame | None], str]


@frozen
class Finding:
    """What the text does not allow: who asked what and when (monotonic microseconds), what came, what might have."""

    command: str
    rules: tuple[str, ...]
    allowed: tuple[str, ...]
    seen: str
    connection: int
    at: int
    words: Words
    before: tuple[tuple[int, Words, str], ...] = ()  # exchanges about the same keys: connection, request, reply

    @property
    def signature(self) -> tuple[str, tuple[str, ...], str]:
        """Two findings with the same signature are taken for the same fault."""
        return self.command, self.rules, self.seen[:8]


@frozen
class Happening:
    """Something that is not an exchange: `open`, `close`, `push`, `mark`, `lost`."""

    kind: str
    connection: int = 0
    now: int = 0
    frame: Frame | None = None
    then: Callable[[], None] | None = None
    sessions: tuple[tuple[int, int, int, bool], ...] = ()  # of `lost`: connection, protocol, database, whether strange


@mutable(eq=False)
class Observed(Orders):
    """Judges what is fed to it, in the order of events."""

    known: Known = field(factory=lambda: Known(False))
    databases: int = 16
    config: dict[str, str] = field(factory=dict)
    excuse: Excuse = lambda exchange, frame: ""
    decided: Callable[[Exchange, str], None] = lambda exchange, reason: None  # "": allowed; else why not, or not judged
    judged: Counter[str] = field(factory=Counter)
    unjudged: Counter[str] = field(factory=Counter)  # by reason
    unjudged_of: Counter[str] = field(factory=Counter)  # by command
    findings: list[Finding] = field(factory=list)
    repeated: Counter[tuple[str, tuple[str, ...], str]] = field(factory=Counter)
    before: list[Configuration] = field(factory=list)  # the configurations before the latest reply
    _events: deque[Exchange | tuple[Exchange] | Happening] = field(factory=deque, init=False)
    _strange: set[int] = field(factory=set, init=False)
    _doomed: dict[tuple[int, int], str] = field(factory=dict, init=False)
    _leaving: dict[int, int] = field(factory=dict, init=False)
    _touched: dict[tuple[int, bytes], int] = field(factory=dict, init=False)  # when a key was last written, unjudged
    _touched_any: int = field(default=0, init=False)
    _unknown_since: int = field(default=0, init=False)
    _past: deque[Exchange] = field(factory=lambda: deque(maxlen=400), init=False)
    _shapes: dict[str, Any] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.configurations = [(world, frozenset()) for world in self._beginning()]

    def _beginning(self) -> Iterable[World]:
        return self.model.start(databases=self.databases, config=self.config, now=0)

    # ---- feeding -----------------------------------------------------------------------------------------------------

    def asked(self, exchange: Exchange) -> None:
        """A request was sent."""
        self._events.append(exchange)

    def answered(self, exchange: Exchange) -> None:
        """Its reply is here."""
        self._events.append((exchange,))

    def happened(self, happening: Happening) -> None:
        """Something else."""
        self._events.append(happening)

    @property
    def left(self) -> int:
        """How many events are still to be judged."""
        return len(self._events)

    def process(self, *, final: bool = False, most: int = sys.maxsize) -> None:
        """Judge what can be judged now, so many events at most; `final`: whatever is not answered."""
        events, until = self._events, len(self._events) - most
        while len(events) > max(0, until):
            event = events[0]
            if isinstance(event, Exchange):
                self.open.setdefault(event.connection, deque()).append(event)
                if event.silent:
                    self._skip(event, "no reply was due")
                    self._strange.add(event.connection)
            elif isinstance(event, tuple):
                if not (final or self._is_ready(event[0])):
                    return
                self._done(event[0])
            elif event.kind == "push":
                if not (final or self._is_ready(None)):
                    return
                self._pushed(event)
            else:
                self._happen(event)
            events.popleft()

    def _is_ready(self, one: Exchange | None) -> bool:
        """Whether what was asked at the same time is answered, if it will be."""
        open_ = [other for mine in self.open.values() for other in mine if other is not one and not other.answered]
        if not open_:
            return True
        now, since = time.monotonic_ns() // 1000, one.until if one is not None else 0
        for other in self.felt(open_) if one is None else self.among(one, open_):
            if now - max(since, other.at) < (UNHURRIED if self.model.parks(other.words) else PATIENCE):
                return False
        return True

    def _happen(self, event: Happening) -> None:
        client = event.connection
        if event.kind == "open":
            self.configurations = [(self.model.connect((w,), client)[0], a) for w, a in self.configurations]
        elif event.kind == "close":
            for one in list(self.open.get(client, ())):
                if all(world.waits(client) is not None for world, _ in self.configurations):
                    self.close(one)  # it may still be served as long as the server has not noticed
                else:
                    self._skip(one, "the connection ended before its reply")
            self.open.pop(client, None)
            self._leaving[client] = event.now
        elif event.kind == "lost":
            self._begin_again(event)
        if event.then is not None:
            event.then()

    def _begin_again(self, event: Happening) -> None:
        """Something was not seen: nothing is known of keys any more, of connections only what is plain."""
        self.known.forget_all()
        (world,) = self._beginning()
        self.open.clear()
        self._leaving.clear()
        for client, resp, selected, strange in event.sessions:
            (world,) = self.model.connect((world,), client)
            session = world.sessions[client].update({"resp": resp, "selected": selected, "authenticated": True})
            world = evolve(world, sessions=world.sessions.set(client, session))
            (self._strange.add if strange else self._strange.discard)(client)
        self.configurations = [(world, frozenset())]

    # ---- one reply ---------------------------------------------------------------------------------------------------

    def _done(self, one: Exchange) -> None:
        if one.id in self._doomed:
            self._skip(one, self._doomed.pop(one.id))
            return
        if not self.open.get(one.connection) or one not in self.open[one.connection]:
            return  # asked before something was lost
        reason = self._why_not(one)
        if reason:
            self._shape(one)
            self._skip(one, reason)
            return
        self._let_go(one.interval[0])
        learnt = self._learn_before(one)
        before = self.before = self.configurations
        try:
            found = self.behind(one, self.among(one, self.others(one)))
            if not found:
                found = self.behind(one, self.others(one), eager=False)
        except OverflowError:
            self._give_up(one, "too much was asked at once")
            return
        except Exception as problem:
            self._give_up(one, f"the model could not tell ({type(problem).__name__})")
            return
        if found:
            self.close(one)
            self.keep(found)
            self.judged[self._name(one.words)] += 1
            self._learn_after(one)
            self._past.append(one)
            self.decided(one, "")
            return
        for place in learnt:
            self.known.forget(place)
        self.configurations = before
        reason = self.excuse(one, one.reply)
        if not reason and any(chooses(before[0][0], words) for words in one.queue or (one.words,)):
            reason = "what a script chose by chance or by the clock"
        if not reason:
            self._find(one)
            reason = DIVERGES
        self._skip(one, reason)
        if reason == RESTARTED:
            self._forget_all(one)

    # ---- what is known -----------------------------------------------------------------------------------------------

    def _why_not(self, one: Exchange) -> str:
        """Why this cannot be judged by what the server holds; empty where it can."""
        if one.connection in self._strange:
            return "the connection did what is not followed"
        if self.known.whole or one.queued:
            return ""
        requests = one.queue or (one.words,)
        for words in requests:
            command = self.model.command(words)
            if command is None:
                continue
            name = words[0].lower()
            if name in WHOLE or (len(requests) > 1 and name in _ELSEWHERE):
                return "keys that were there before"
            for place in self._places(one.connection, words):
                if not self.known.knows(place) and not (shown_absent(one) and self._is_alone(one)):
                    return "" if self._is_refused(one) else "keys that were there before"
        return ""

    def _is_refused(self, one: Exchange) -> bool:
        """Whether the text refuses a request before it looks at what is held."""
        world = self.configurations[0][0]
        if one.queue or one.connection not in world.sessions:
            return False
        for run, reply in self.model.ways(world, one.connection, one.words, one.interval[0]):
            return isinstance(reply, ErrorReply) and "DISPATCH/run" not in run.reached
        return False

    def _places(self, client: int, words: Words) -> list[tuple[int, bytes]]:
        session = self.configurations[0][0].sessions.get(client)
        number = 0 if session is None else session["selected"]
        things = self.footprints.keys(words)
        return [(number, thing[1]) for thing in things if thing[0] == "key" and isinstance(thing[1], bytes)]

    def _is_alone(self, one: Exchange) -> bool:
        """Whether nothing that was not judged can have met its keys while it was on its way."""
        if self.config.get("notify-keyspace-events") or self.among(one, self.others(one)):
            return False
        touched = [self._touched.get(place, 0) for place in self._places(one.connection, one.words)]
        return max([*touched, self._unknown_since]) < one.asked

    def _learn_before(self, one: Exchange) -> list[tuple[int, bytes]]:
        """Keys that are shown to have been absent: they are from now on known; what the worlds had of them goes."""
        if self.known.whole or not shown_absent(one):
            return []
        learnt = [place for place in self._places(one.connection, one.words) if not self.known.knows(place)]
        for place in learnt:
            self._remove(place)
        return learnt

    def _remove(self, place: tuple[int, bytes]) -> None:
        number, key = place
        self.known.learn(place)
        for index, (world, ahead) in enumerate(self.configurations):
            if key in world.databases[number]:
                held = list(world.databases)
                held[number] = held[number].delete(key)
                self.configurations[index] = (evolve(world, databases=tuple(held)), ahead)

    def _learn_after(self, one: Exchange) -> None:
        empties = one.name == b"flushall" and not one.queued and one.reply is not None and not one.reply.is_error
        if empties and not self.known.whole and not self.others(one) and self._touched_any < one.asked:
            self.known.learn_all()

    # ---- what cannot be judged ---------------------------------------------------------------------------------------

    def _give_up(self, one: Exchange, reason: str) -> None:
        """Whatever was asked at the same time: one configuration goes on, and what it may be wrong about is unknown."""
        for other in self.among(one, self.others(one)):
            self._doomed[other.id] = reason
            for words in other.queue or (other.words,):
                self._forget(other, words)
        places = self.settle(one, self._places)
        if places is None:
            self._forget_all(one)
        for place in places or ():
            self.known.forget(place)
        self._touched |= dict.fromkeys(places or (), one.answered)
        self._skip(one, reason)

    def _skip(self, one: Exchange, reason: str) -> None:
        """Go on without judging: what it may have written is unknown."""
        self.close(one)
        self.decided(one, reason)
        name = self._name(one.words)
        if reason != DIVERGES:
            self.unjudged[reason] += 1
            self.unjudged_of[name] += 1
        for words in () if one.queued else one.queue or (one.words,):
            self._forget(one, words)
        self._touched_any = max(self._touched_any, one.answered, one.asked)
        self.configurations = distinct(
            [(self._without(one, world), ahead - {one.id}) for world, ahead in self.configurations]
        )

    def _forget(self, one: Exchange, words: Words) -> None:
        command = self.model.command(words)
        if command is None:
            if one.reply is None or not one.reply.is_error:
                self._forget_all(one)
            return
        if b"readonly" in command.flags or (one.reply is not None and one.reply.is_error and not one.queue):
            return
        name = words[0].lower()
        if name in SCRIPTED and keeps_to_its_keys(self.configurations[0][0], words):
            for place in self._places(one.connection, words):
                self.known.forget(place)
                self._touched[place] = max(one.answered, one.asked)
        elif name in (b"flushall", b"flushdb") or (name in WHOLE and name not in (b"dbsize", b"info", b"memory")):
            self._forget_all(one)
        elif self._group(command.name) not in _KEYLESS or name in (b"restore",):
            for place in self._places(one.connection, words):
                if leaves_absent(one) and self._is_alone(one):
                    self._remove(place)
                else:
                    self.known.forget(place)
                    self._touched[place] = max(one.answered, one.asked)

    def _forget_all(self, one: Exchange) -> None:
        self.known.forget_all()
        self._unknown_since = max(one.answered, one.asked)

    def _group(self, name: str) -> str:
        facts = self.footprints.told(self.model.commands[name]) if name in self.model.commands else None
        return "" if facts is None else facts.group

    def _without(self, one: Exchange, world: World) -> World:
        """A world in which a client has been answered something that is not followed."""
        client = one.connection
        session = world.sessions.get(client)
        if session is None:
            return world
        if one.name in (b"exec", b"discard", b"reset"):
            fields = {"in-multi": False, "queue": (), "dirty": False, "watched": Map()}
            world = evolve(world, sessions=world.sessions.set(client, session.update(fields)))
        elif one.name in (b"auth", b"hello") and one.reply is not None and not one.reply.is_error:
            says = one.name == b"hello" and one.words[1:2] in ((b"2",), (b"3",))
            resp = int(one.words[1]) if says else session["resp"]
            changed = session.update({"authenticated": True, "resp": resp})
            world = evolve(world, sessions=world.sessions.set(client, changed))
        if world.waits(client) is not None:
            world = evolve(world, parked=tuple(parked for parked in world.parked if parked.client != client))
        if world.outbox:
            world = evolve(world, outbox=tuple(owed for owed in world.outbox if owed.client != client))
        return world

    def _let_go(self, now: int) -> None:
        """Clients that are gone: the server has noticed, or, if that was just now, perhaps not yet."""
        for client, since in list(self._leaving.items()):
            if not any(client in world.sessions for world, _ in self.configurations):
                del self._leaving[client]
                continue
            gone = [(self.model.disconnect((w,), client)[0], a) for w, a in self.configurations]
            if now - since > LEAVING:
                del self._leaving[client]
                self.configurations = distinct(gone)
            elif any(_is_felt(world, client) for world, _ in self.configurations):
                self.configurations = distinct([*self.configurations, *gone])
            else:
                self.configurations = distinct(gone)

    # ---- what is told ------------------------------------------------------------------------------------------------

    def _pushed(self, event: Happening) -> None:
        client, frame = event.connection, event.frame
        if client in self._strange or frame is None:
            return
        self._let_go(event.now)

        def goal(world: World) -> Iterable[World]:
            return self.model.arrives((world,), client, frame, event.now + self.clock[1])

        open_ = [other for mine in self.open.values() for other in mine]
        try:
            found = self.after(None, self.felt(o for o in open_ if o.connection != client), goal)
        except OverflowError:
            found = []
        if found:
            self.keep(found)
            self.judged["(pushes)"] += 1
            return
        nobody = Exchange(client, 0, (b"(push)",), b"", 0, (event.now, event.now), 0)
        reason = self.excuse(nobody, frame) or ("" if self.known.whole else "keys that were there before")
        if reason:
            self.unjudged[reason] += 1
        else:
            owed = self.configurations[0][0].owed(client)
            said = tuple(self.model.spoken(one) for one in owed[:1])
            self._add(Finding("(push)", (), said, shown(None, frame), client, 0, ()))
        self.configurations = [(self._without(nobody, w), a) for w, a in self.configurations]

    def overdue(self) -> None:
        """Say what was owed to somebody and has not come, now that nothing has happened for a while."""
        if self._events or self.open or not self.known.whole:
            return
        for client in {owed.client for owed in self.configurations[0][0].outbox} - self._strange - set(self._leaving):
            if all(world.owed(client) for world, _ in self.configurations):
                owed = self.configurations[0][0].owed(client)[0]
                nobody = Exchange(client, 0, (b"(push)",), b"", 0, (0, 0), 0)
                reason = self.excuse(nobody, None)
                if reason:
                    self.unjudged[reason] += 1
                else:
                    self._add(Finding("(push)", (), (self.model.spoken(owed),), "nothing", client, 0, ()))
                self.configurations = [(self._without(nobody, w), a) for w, a in self.configurations]

    def _shape(self, one: Exchange) -> None:
        """Hold a reply to the types that its command declares, which needs no state."""
        command, reply = self.model.command(one.words), one.reply
        if command is None or reply is None or reply.is_error or one.queue or one.connection in self._strange:
            return
        types = command.facts.get("returns", ())
        if one.queued or one.name in (b"exec",) or not types:
            return
        if command.name not in self._shapes:
            self._shapes[command.name] = declared(types, self.model.profile)
        predicate = self._shapes[command.name][one.resp == 3]
        if not predicate.holds(reply) and not self.excuse(one, reply):
            self._add(
                Finding(command.name, (), (predicate.describe,), shown(one, reply), one.connection, one.at, one.words)
            )

    def expected(self, one: Exchange) -> list[Allowed]:
        """What would have been allowed as the latest reply."""
        found: list[Allowed] = []
        for world, _ in self.before[:4]:
            if one.connection in world.sessions:
                found += self.model.expected((world,), one.connection, one.words, self.interval(one))
        return list(dict.fromkeys(found))

    def _find(self, one: Exchange) -> None:
        expected = self.expected(one)
        mine = self.things(one)
        about = [old for old in self._past if old.connection == one.connection or not mine.isdisjoint(self.things(old))]
        self._add(
            Finding(
                self._name(one.words),
                tuple(dict.fromkeys(allowed.rule for allowed in expected)),
                tuple(dict.fromkeys(hidden(allowed.reply) for allowed in expected)),
                "\n".join([*(shown(None, f) for f in one.before), *(shown(one, f) for f in one.frames)]) or "nothing",
                one.connection,
                one.at,
                one.words,
                tuple((old.connection, old.words, shown(old, old.frames[0])) for old in about[-CONTEXT:] if old.frames),
            )
        )

    def _add(self, finding: Finding) -> None:
        self.repeated[finding.signature] += 1
        if self.repeated[finding.signature] <= 3:
            self.findings.append(finding)

    def _name(self, words: Words) -> str:
        return command_of(words, {**self.model.commands, **self.model.lacking}) if words else "(push)"


def _is_felt(world: World, client: int) -> bool:
    """Whether others may notice that a connection is there."""
    if (session := world.sessions.get(client)) is None:
        return False
    listens = session["channels"] or session["patterns"] or session.get("shards") or session.get("tracking")
    return bool(listens) or world.waits(client) is not None
