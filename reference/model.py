"""The model: the text of one profile, run.

Theory of operation. ``allows`` takes the worlds that are still possible, one request, the interval in which it ran
and the reply that was observed; it runs the request in every world, once for each way its choices may have gone, and
keeps the worlds whose reply is the observed one. None left is a divergence. The model does no I/O and has no clock.
What must not live here: anything about a command by name (that is the text) or about sockets (``tcp.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from typing import Any

from attrs import evolve, frozen
from immutables import Map

import redlark.reference.commands
import redlark.reference.debugging
import redlark.reference.delays
import redlark.reference.figures
import redlark.reference.geo
import redlark.reference.parameters
import redlark.reference.payloads
import redlark.reference.scripts
import redlark.reference.sorting
import redlark.reference.state
import redlark.reference.streams
import redlark.reference.zsets  # noqa: F401 - these register the functions of the notation
from redlark.reference import counting, logs, tracking, watching
from redlark.reference.blocks import Compiled, compile_command
from redlark.reference.expressions import expression
from redlark.reference.functions import arity_holds
from redlark.reference.owing import MAX_WORLDS, Interval, Owing, Request, Worlds, first_of, in_exec, pushes_of, torn
from redlark.reference.replies import describe, encode, matches
from redlark.reference.resp import Frame
from redlark.reference.resp import frame as decode
from redlark.reference.scope import Definitions, Scope
from redlark.reference.values import (
    FOREVER,
    NO_REPLY,
    PARKED,
    READ,
    Dead,
    Entry,
    ErrorReply,
    Owed,
    Place,
    Several,
    Spoken,
    Waiting,
    type_of,
)
from redlark.reference.waking import already, cleared, expire, unheard, wake
from redlark.reference.world import Run, World
from redlark.spec import syntax as s
from redlark.spec.derivation import exists
from redlark.spec.loader import specification
from redlark.spec.profiles import PROFILES, Profile, profile
from redlark.spec.references import IMPLIED, Users, trees

_NOT_ASKED = ("DISPATCH/run", *tracking.BY_ITSELF)
MAX_RUNS = 20_000  # ways that one request may go; more is an error of the text


class Observed(Frame):
    """An observed reply; ``Observed(raw=b"+OK\\r\\n")`` decodes it only where the model leaves freedom."""

    __slots__ = ()

    def __new__(cls, raw: bytes) -> Any:
        """The frame that these bytes are."""
        return decode(raw)


@frozen
class Allowed:
    """One reply that the model would have allowed, the rule that gives it, and the reply in redis-cli's words."""

    rule: str
    reply: str


class Model(Owing):
    """One profile of the text, compiled; see the module for what it does."""

    def __init__(
        self,
        text: s.Specification,
        chosen: Profile,
        lacking: frozenset[str] = frozenset(),
        compiled: Mapping[str, Compiled] = {},
    ) -> None:
        self.text, self.profile = text, chosen
        self.definitions = Definitions.of(text, chosen)
        blocks = {b.name: b for b in text.commands if exists(b, chosen)}
        self.lacking = {name: blocks.pop(name) for name in sorted(lacking.intersection(blocks))}
        self.definitions.commands = self.commands = {}
        for name, block in blocks.items():
            self.commands[name] = compiled.get(name) or compile_command(
                block, self.definitions, {**blocks, **self.lacking}
            )
        self._by_words: dict[bytes, Compiled] = {
            n.encode(): c for n, c in self.commands.items() if n not in tracking.HIDDEN
        }
        self.by_key: dict[bytes, Compiled] = {c.key: c for c in self._by_words.values()}
        self._containers = {n.encode() for n, c in self.commands.items() if c.container}
        self.hidden = {n: self.commands.pop(n) for n in tracking.HIDDEN if n in self.commands}
        self._dispatch, self._delivery = self.hidden.get("DISPATCH"), self.hidden.get("DELIVERY")
        self.called = self.hidden.get("CALLED")  # what a command meets that a script calls
        self.shared = tuple(self.hidden.values())
        self._encodings = self._compile_encodings()
        self._by_arity = self.definition("subcommand-by-arity")
        self.gone_at_deadline = self.definition("gone-at-deadline")
        self.moment_per_command = self.definition("moment-per-command")
        self.waits_anew = self.definition("waits-anew")
        self.own_pushes_follow = self.definition("own-pushes-follow")
        self.flush_takes_long = self.definition("flush-takes-long")
        self.holds_too_many = self.condition("holds-too-many")
        self.answers_first = self.condition("answers-first")
        self.reached: Counter[str] = Counter()
        self.reached_in: dict[int, Counter[str]] = {2: Counter(), 3: Counter()}

    @classmethod
    def load(
        cls, name: str = "redis-8.2", text: s.Specification | None = None, lacking: frozenset[str] = frozenset()
    ) -> Model:
        """The model of a profile by its name; of Redlark's own text (compiled once a process) or another one.

        ``lacking`` names commands that this server does not have: to the model they are unknown commands.
        """
        return _own(name, lacking) if text is None else cls(text, profile(name), lacking)

    def variant(self, text: s.Specification) -> Model:
        """The model of another text that has most of its trees in common with this one's, in the same profile.

        A block that is the same tree, and names nothing that is another tree, is not compiled again.
        """
        before = dict(trees(self.text))
        changed = {name for name, tree in trees(text) if before.pop(name, None) is not tree} | before.keys()
        if not IMPLIED.isdisjoint(changed):
            return Model(text, self.profile)
        kept = {
            name: one
            for name, one in {**self.commands, **self.hidden}.items()
            if ("command", name) not in changed and changed.isdisjoint(self.users.reached[name])
        }
        return Model(text, self.profile, compiled=kept)

    @cached_property
    def users(self) -> Users:
        """Which block of this text names what."""
        return Users(self.text, {b.name: b for b in self.text.commands if exists(b, self.profile)})

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """The full names of all rules of this profile."""
        common = tuple(rule for name, c in self.hidden.items() if name != "DELIVERY" for rule in c.rules)
        return (*common, *(rule for command in self.commands.values() for rule in command.rules))

    # ---- worlds ----------------------------------------------------------------------------------------------

    def start(self, *, databases: int = 16, config: dict[str, str] | None = None, now: int = 0) -> Worlds:
        """An empty server to which nobody is connected; ``config`` as CONFIG SET would have it."""
        settings = Map({k.encode(): x.encode() for k, x in (config or {}).items()})
        bare = World((Map(),) * databases, Map(), Map({"config": settings}), Map(), now)
        return (evolve(bare, server=bare.server.update(self._fields("server", bare))),)

    def connect(self, worlds: Worlds, client: int) -> Worlds:
        """A new connection, called by any whole number."""
        return tuple(evolve(w, sessions=w.sessions.set(client, Map(self._fields("session", w)))) for w in worlds)

    def disconnect(self, worlds: Worlds, client: int, lingers: bool = False) -> Worlds:
        """A connection is gone; what it watched, queued and waited for is forgotten.

        One that `lingers` is closed, and may still be told of to who is served in the same turn: its session is left.
        """
        return tuple(
            evolve(
                w,
                sessions=w.sessions if lingers else w.sessions.delete(client),
                parked=tuple(one for one in w.parked if one.client != client),
                outbox=tuple(one for one in w.outbox if one.client != client),
            )
            if client in w.sessions
            else w
            for w in worlds
        )

    def _fields(self, name: str, world: World | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {"selected": 0} if name == "session" else {}
        found.update((field, value([world])) for field, value in self._beginnings[name])
        return found

    @cached_property
    def _beginnings(self) -> dict[str, list[tuple[str, Callable[..., Any]]]]:
        """The fields of the server and of a connection, each with what gives its value at the beginning."""
        found: dict[str, list[tuple[str, Callable[..., Any]]]] = {"server": [], "session": []}
        for state in self.text.states:
            for field, value, guard in state.fields:
                if self.profile.holds(guard):
                    found.setdefault(state.name, []).append((field, expression(value, Scope(self.definitions))))
        return found

    def definition(self, name: str) -> Any:
        """The value of a definition without parameters that depends on no state; None where the text has none."""
        return self.condition(name)(None)

    def condition(self, name: str) -> Callable[..., Any]:
        """What tells the value of a definition, given its parameters, in a run; None where there is none."""
        found = self.definitions.defines.get(name)
        scope = Scope(self.definitions)
        for parameter in () if found is None else found.parameters:
            scope.slot(parameter)
        value = None if found is None else expression(found.value, scope)
        return lambda run, *given: None if value is None else value([run, *given, *[None] * 64])

    # ---- judging ---------------------------------------------------------------------------------------------

    def allows(
        self, worlds: Worlds, client: int, request: Request, interval: Interval, observed: Frame | None
    ) -> Worlds:
        """The worlds that are still possible after this reply to this request; none is a divergence.

        ``interval`` is the Unix time in milliseconds before sending and after receiving. ``observed`` is None
        where the reply was not seen.
        """
        found: list[World] = []
        for world in worlds:
            for run, reply in self._runs(world, client, request, interval, observed):
                if reply is PARKED and observed is not None:  # it has waited to the end: nothing came meanwhile
                    reply = self._waited(run)
                rest: tuple[Owed, ...] = ()
                if type(reply) is Several:
                    reply, rest = first_of(reply, client, run.session["resp"])
                if observed is not None and not self._agrees(run, reply, observed):
                    continue
                if rest:
                    run.outbox = (*rest, *run.outbox)
                if run.delay and observed is not None and interval[1] - interval[0] < run.delay:
                    continue
                self._keep(run, found)
        return self._some(found) if len(found) > MAX_WORLDS else tuple(found)

    def _waited(self, run: Run) -> Any:
        assert run.waiting is not None
        run.parked, run.delay = run.parked[:-1], run.waiting.delay or FOREVER
        if run.server.get("logs"):
            logs.log(run, run.request, run.waiting.late, logs.WAITED)
        return run.waiting.late

    def _agrees(self, run: Run, reply: Any, observed: Frame) -> bool:
        if reply is NO_REPLY:
            return False
        return matches(reply, observed, run.session["resp"])

    def expected(self, worlds: Worlds, client: int, request: Request, interval: Interval) -> tuple[Allowed, ...]:
        """The replies that would have been allowed, at most eight, each with its rule."""
        found: dict[Allowed, None] = {}
        for world in worlds:
            for run, reply in self._runs(world, client, request, interval, None):
                rule = next((r for r in reversed(run.reached) if not r.startswith(_NOT_ASKED)), "?")
                found[Allowed(rule, describe(reply, run.session["resp"]))] = None
                if len(found) >= 8:
                    return tuple(found)
        return tuple(found)

    def silent(self, worlds: Worlds, client: int, request: Request) -> bool:
        """Whether no reply will come: the connection asked for silence (CLIENT REPLY), or is closed (SHUTDOWN)."""
        modes = {w.sessions[client].get("reply-mode", b"on") for w in worlds}
        if modes == {b"on"} and request[0].upper() not in (b"CLIENT", b"SHUTDOWN"):
            return False
        world = worlds[0]
        replies = [reply for _, reply in self._runs(world, client, request, (world.now, world.now), None)]
        return bool(replies) and replies[0] is NO_REPLY

    def closes(self, worlds: Worlds, client: int) -> bool:
        """Whether the server has closed this connection."""
        return all(bool(w.sessions[client].get("closed", False)) for w in worlds)

    def perform(self, world: World, client: int, request: Request, now: int) -> tuple[World, bytes]:
        """Runs a request as a server would: one world, one reply, the first way of every choice.

        What it owes to others is in the world's outbox (`deliver`); a client that is left waiting gets no bytes yet.
        """
        for run, reply in self._runs(world, client, request, (now, now), None):
            after = run.finish()
            pushed = b"".join([encode_some(owed.reply, owed.resp) for owed in run.pushed])
            return after, pushed + encode_some(reply, run.session["resp"])
        raise AssertionError(f"no way to run {request!r}")

    def ways(self, world: World, client: int, request: Request, now: int) -> Iterable[tuple[Run, Any]]:
        """Every way that a request may go in a world, as a run that has ended and its reply."""
        return self._runs(world, client, request, (now, now), None)

    def tell_changes(self, run: Run) -> None:
        """Tells who tracks keys what a run has read and changed so far."""
        tracking.tell(run)

    def _expires(self, world: World, place: Place, until: int) -> Iterable[World]:
        return expire(self, world, place, until)

    def _cleared(self, world: World, until: int) -> Iterable[World]:
        return cleared(self, world, until)

    def _already(self, world: World, until: int) -> list[World]:
        return already(self, world, until)

    def _runs(
        self, world: World, client: int, request: Request, interval: Interval, observed: Frame | None
    ) -> Iterable[tuple[Run, Any]]:
        for start in self._starts(world, interval) if world.parked or tracking.tells(world) else (world,):
            audiences: dict[World, None] = {}
            crossed, unsent = False, bool(start.server.get("unsent"))
            for run, reply in self._runs_from(start, client, request, interval, observed):
                crossed = crossed or (unsent and tracking.crosses(run))
                audience = tracking.audience(run)
                if audience is not None:
                    audiences[audience] = None
                yield run, reply
            heard = [w for one in audiences for w in unheard(self, start, one, interval[1])] if audiences else ()
            for earlier in dict.fromkeys(heard) if heard else ():
                yield from self._runs_from(earlier, client, request, interval, observed)
            for earlier in tracking.partly(self, start) if crossed else ():
                yield from self._runs_from(earlier, client, request, interval, observed)

    def _runs_from(
        self, world: World, client: int, request: Request, interval: Interval, observed: Frame | None
    ) -> Iterable[tuple[Run, Any]]:
        agenda: list[tuple[int, ...]] = [()]
        count = 0
        while agenda:
            count += 1
            if count > MAX_RUNS:
                raise OverflowError(f"{request!r} may go in more than {MAX_RUNS} ways")
            run = Run(self, world, client, request, interval, observed, agenda.pop())
            try:
                reply = self._begin(run, request)
            except Dead:
                agenda.extend(run.pending)
                continue
            agenda.extend(run.pending)
            yield run, reply

    def _begin(self, run: Run, request: Request) -> Any:
        if self._dispatch is None:
            return self.execute(run, request, True)
        reply = self._dispatch.execute(run, ())
        if isinstance(reply, ErrorReply) and "DISPATCH/run" not in run.reached:
            counting.told(run, request, reply, counting.REFUSED)
        tracked = run.server.get("tracking")
        if tracked:
            tracking.answered(run, type(reply) is Waiting)
        late, run.answers_late = run.answers_late, False
        if run.signalled:
            wake(run)
        run.answers_late = late
        if late and run.server.get("logs"):
            logs.log(run, request, reply)
        if tracked:
            tracking.ended(run)
        if type(reply) is Waiting:
            run.request = request
            run.park(reply)
            return PARKED
        return self.delivered(run, reply)

    def delivered(self, run: Run, reply: Any) -> Any:
        """What becomes of a reply to the client of a run."""
        if self._delivery is None or run.session["reply-mode"] == b"on":
            return reply
        delivered = self._delivery.execute(run, (reply,))
        if delivered is NO_REPLY and type(reply) is Several:  # pushes come where replies are switched off, too
            return pushes_of(reply)
        return delivered

    def command(self, request: Request) -> Compiled | None:
        """The command that a request names: a subcommand where its container has it, else the container."""
        name = request[0].upper()
        if name in self._containers and len(request) > 1:
            found = self._by_words.get(name + b"|" + request[1].upper())
            if found is not None and (not self._by_arity or arity_holds(found.arity, len(request))):
                return found
        return None if b"|" in name else self._by_words.get(name)  # a subcommand is not called by both in one word

    def execute(self, run: Run, request: Request, dispatching: bool) -> Any:
        """``run request``: executes a request that dispatch let pass; a failed one gives back what it wrote."""
        command = self.command(request)
        if command is None:
            raise LookupError(f"dispatch let an unknown command pass: {request[0]!r}")
        observed, outer, pushed = run.observed, run.request, len(run.pushed)
        before_it, run.busy = (run.concealed, run.busy, run.delay), 0
        if not dispatching:
            run.observed = self._child(run, observed)
            run.alive -= run.written  # a deadline that lies in the past is met by the next command of an EXEC
            if self.moment_per_command:
                run.read_clock()
        before = run.snapshot()
        changes = run.changes
        run.request, run.silent_propagation, run.keeps, run.concealed = request, False, False, frozenset()
        run.told = b""
        reply = command.execute(run, () if command.container else request[command.behind :])
        if isinstance(reply, ErrorReply):
            if not run.keeps:
                run.restore(before)
        elif run.changes != changes and not run.silent_propagation:  # as received, where the text says nothing else
            run.propagated.append((run.selected, request))
        if run.server.get("tracking"):
            if b"readonly" in command.flags:
                run.happened.append((READ, request, -1))
            if run.script is None:
                tracking.tell(run)
        watching.notice(run)
        run.silent_propagation = True  # for an EXEC around it: what it ran has told its own
        if run.server.get(counting.COUNTS) is not None:
            counting.ended(run, request, reply, type(reply) is Waiting)
        if run.server.get("logs") and type(reply) is not Waiting and not run.answers_late:
            logs.log(run, request, reply, logs.WAITED if run.delay > before_it[2] and not run.busy else logs.RAN)
        run.concealed, run.busy = before_it[:2]
        if not dispatching:
            if len(run.pushed) > pushed or run.behind or type(reply) is Several:
                reply = in_exec(run, reply, pushed, observed)
            elif run.observed is not None and not matches(reply, run.observed, run.session["resp"]):
                raise Dead
            elif reply is not NO_REPLY:
                reply = Spoken(reply, run.session["resp"])
            run.observed = observed
        elif run.children >= 0 and type(reply) is tuple:
            reply = torn(reply)
        run.request = outer
        return reply

    def _child(self, run: Run, observed: Frame | None) -> Frame | None:
        """The part of an observed EXEC reply that belongs to the next queued request."""
        run.children += 1
        if observed is None:
            return None
        if not isinstance(observed.value, tuple):
            raise Dead
        child: Frame | None = observed.value[run.children] if run.children < len(observed.value) else None
        return None if child is not None and child.kind == b">" else child

    # ---- encodings -------------------------------------------------------------------------------------------

    def _compile_encodings(self) -> dict[str, list[tuple[bytes, Any]]]:
        tables: dict[str, list[tuple[bytes, Any]]] = {}
        for table in self.text.encodings:
            rows = []
            for line in table.encodings:
                if self.profile.holds(line.guard):
                    scope = Scope(self.definitions)
                    for name in ("value", "key", "timed", "kept"):
                        scope.slot(name)
                    test = None if line.condition is None else expression(line.condition, scope)
                    rows.append((line.name.encode(), test))
            tables[table.type] = rows
        return tables

    def encodings(self, run: Run, key: bytes, value: Any, old: Entry | None) -> bytes | None:
        """How a value is encoded as it is stored: the first line of its type's table whose condition holds.

        A line sees the ``value``, its ``key``, whether the key had a deadline as the value came (``timed``), and how a
        value of the same type that was there before was encoded (``kept``).
        """
        timed = old is not None and old.deadline is not None
        kept = old.encoding if old is not None and type(old.value) is type(value) else None
        for name, test in self._encodings.get(type_of(value), ()):
            if test is None or test([run, value, key, timed, kept, *[None] * 8]):
                return bytes(name)
        return None


def encode_some(reply: Any, resp: int) -> bytes:
    """A frame for a reply that has freedom: one of those that it allows."""
    from redlark.reference.replies import some

    return encode(some(reply, resp), resp)


@cache
def _own(name: str, lacking: frozenset[str]) -> Model:
    return Model(specification(), profile(name), lacking)


def profiles() -> tuple[str, ...]:
    """The names of the profiles that a model can be loaded for."""
    return tuple(PROFILES)
