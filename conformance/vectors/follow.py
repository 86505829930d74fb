"""From a history to a case: what the text allows at each step, as patterns; or the reason why it cannot be said.

Theory of operation. The model runs each request in every world that is possible and in every way that it may go, with
nothing observed. The frames that each client gets by it are compared: where all ways agree there is one pattern, where
a few differ in single frames any of these, else the history has no case. A rule counts as reached where every way
reaches it. The clock: a case may begin at any time and take as long as it likes, or where something hangs on that, so
many milliseconds. Each history is run twice, at two times of day and with other ids; what differs by just that is said
relative to them. What must not live here: which histories are worth it (``gather``), or a server.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from attrs import evolve, field, frozen, mutable

from redlark.conformance import encoded
from redlark.conformance.history import (
    SCANS,
    ClientAddress,
    ClientId,
    Cursor,
    Dumped,
    History,
    Moment,
    Part,
    Request,
    Step,
)
from redlark.conformance.vectors import patterns
from redlark.conformance.vectors.patterns import BEGIN, Pattern, Undescribed
from redlark.reference import Model, World, tracking
from redlark.reference.model import encode_some
from redlark.reference.owing import first_of
from redlark.reference.resp import frame
from redlark.reference.values import NO_REPLY, PARKED, Owed, Parked
from redlark.reference.world import Run

WAYS = 40  # ways that a request may go, and worlds that are possible: more is no case
AT_LEISURE = 3_600_000  # milliseconds: what does not hang on them hangs on no clock
BRISKLY, BETWEEN_PAUSES = 1_000, 150  # milliseconds that a case may take beside its pauses, where that matters
LONGEST = 2_000  # milliseconds that a case waits in one place
SHIFT = 86_400_000 * 37  # between the two times of day


@frozen
class Case:
    """What a server is asked, step by step as the files have it, and what it must answer."""

    steps: tuple[dict[str, Any], ...]
    protocol: int
    clients: int
    within: int | None  # milliseconds that it may take, beside its pauses
    rules: frozenset[str]
    looseness: int
    history: History = field(eq=False)


@frozen
class Setting:
    """The server that a case is for: its configuration beside the defaults, and whether connections have signed in."""

    config: Mapping[str, str] = field(factory=dict)
    signed_in: bool = True

    @property
    def databases(self) -> int:
        return 1 if self.config.get("cluster-enabled") == "yes" else 16


def decide(model: Model, history: History, setting: Setting) -> Case:
    """The case that a history is. Raises `Undescribed` with the reason where it is none."""
    history = _plain(history)
    brisk = BETWEEN_PAUSES if any(step.wait for step in history.steps) else BRISKLY
    try:
        first = _Follow(model, history, setting, brisk, BEGIN, 1000).run()
        other = _Follow(model, history, setting, brisk, BEGIN + SHIFT, 7000).run()
        fitted = [_fitted(*pair) for pair in zip(first.steps, other.steps, strict=True)]
    except (OverflowError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as problem:
        raise Undescribed(f"the model cannot follow it: {problem}") from problem
    within = None if _is_timeless(model, history, setting, first) else brisk
    loose = sum(patterns.looseness(step.get("expect", [])) for step in fitted)
    clients = len(history.clients)
    return Case(tuple(fitted), history.protocol, clients, within, frozenset(first.rules), loose, history)


def _is_timeless(model: Model, history: History, setting: Setting, brisk: _Follow) -> bool:
    """Whether the same is allowed however long it takes."""
    try:
        slow = _Follow(model, history, setting, AT_LEISURE, BEGIN, 1000).run()
    except (Undescribed, OverflowError):
        return False
    return slow.steps == brisk.steps and slow.rules == brisk.rules


def _plain(history: History) -> History:
    """The same history, one request a step, its clients numbered from 1."""
    numbers = {client: number for number, client in enumerate(history.clients, 1)}
    steps: list[Step] = []
    for step in history.steps:
        requests: list[tuple[Request, ...]] = [(one,) for one in step.requests] or [()]
        for place, one in enumerate(requests):
            parts = tuple(_renumbered(each, numbers) for each in one)
            steps.append(Step(numbers[step.client], parts, step.wait if not place else 0))
    return evolve(history, steps=tuple(steps))


def _renumbered(one: Request, numbers: Mapping[int, int]) -> Request:
    if one.fixed is not None:
        return one
    parts: list[Part] = []
    for part in one.parts:
        if isinstance(part, (ClientId, ClientAddress)):
            if part.client not in numbers:
                raise Undescribed("it names a connection that takes no part")
            part = evolve(part, client=numbers[part.client])
        parts.append(part)
    return Request(tuple(parts))


def _fitted(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A step as two runs have it in common."""
    ids = {client: (1000 + client, 7000 + client) for client in range(1, 10)}
    if "expect" not in first:
        return first
    return first | {"expect": patterns.fitted(first["expect"], second["expect"], SHIFT, ids)}


Frames = tuple[tuple[int, tuple[str, ...]], ...]  # of each client that gets any, its own first: patterns as JSON


@mutable
class _Follow:
    """One run of a history on the model, all ways at once."""

    model: Model
    history: History
    setting: Setting
    slack: int
    base: int
    first_id: int
    steps: list[dict[str, Any]] = field(factory=list, init=False)
    rules: set[str] = field(factory=set, init=False)
    worlds: tuple[World, ...] = field(default=(), init=False)
    waited: int = field(default=0, init=False)
    payload: tuple[int, bytes] | None = field(default=None, init=False)  # of the latest DUMP: its step, its bytes
    scanned: set[int] = field(factory=set, init=False)  # who has iterated

    @property
    def interval(self) -> tuple[int, int]:
        begin = self.base + self.waited
        return begin, begin + self.slack

    def run(self) -> _Follow:
        self._begin()
        for step in self.history.steps:
            if step.wait:
                self._pause(step.wait + BETWEEN_PAUSES)
            if step.requests:
                self._ask(step.client, step.requests[0])
            else:
                self._await(step.client)
        for client in self.history.clients:  # what will end soon is seen to end
            if all(self._ends_soon(world.waits(client)) for world in self.worlds):
                self._await(client)
        return self

    def _ends_soon(self, parked: Parked | None) -> bool:
        return parked is not None and parked.deadline is not None and parked.deadline[1] <= self.interval[1] + LONGEST

    # ---- the beginning ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        model, setting = self.model, self.setting
        config = {"databases": "16", **setting.config}
        worlds = model.start(databases=setting.databases, config=config, now=self.base)
        for client in self.history.clients:
            worlds = model.connect(worlds, client)
        (world,) = worlds
        for client in self.history.clients:
            session = world.sessions[client].set("id", self.first_id + client)
            world = evolve(world, sessions=world.sessions.set(client, session))
        for client in self.history.clients:
            password = setting.config.get("requirepass")
            for request in (
                *([(b"AUTH", password.encode())] if password and setting.signed_in else []),
                *([(b"HELLO", b"3")] if self.history.protocol == 3 else []),
            ):
                world, said = model.perform(world, client, request, self.base)
                if said.startswith(b"-"):
                    raise Undescribed("connections cannot speak this protocol there")
        self.worlds = (evolve(world, noted=()),)

    def _pause(self, milliseconds: int) -> None:
        if milliseconds > LONGEST:
            raise Undescribed("it takes long")
        self.steps.append({"pause": milliseconds})
        self.waited += milliseconds

    # ---- requests --------------------------------------------------------------------------------------------------

    def _ask(self, client: int, asked: Request) -> None:
        request = asked.resolve(self.base + self.waited, lambda learnt: self._known(client, learnt))
        written = [self._written(client, part) for part in asked.parts]
        if not request:
            raise Undescribed("it asks for nothing")
        found: dict[Frames, None] = {}
        after: dict[World, None] = {}
        sure: set[str] | None = None
        delay, payload = 0, None
        for world in self.worlds:
            if client not in world.sessions:
                raise Undescribed("it asks on a connection that was closed")
            if world.waits(client):
                raise Undescribed("it asks while it waits")
            for run, reply in islice(self.model._runs(world, client, request, self.interval, None), WAYS + 1):
                if run.partial:
                    raise Undescribed("the server chooses among more than can be listed")
                delay = max(delay, run.delay)
                said, behind = self._said(run, reply, client)
                reached = {*run.world.noted, *run.reached, *behind.noted}
                sure = reached if sure is None else sure & reached
                found[said] = None
                after[evolve(behind, noted=())] = None
                if len(after) > WAYS or len(found) > WAYS:
                    raise Undescribed("it may go in too many ways")
                payload = self._payload(request, reply, run)
        if delay > LONGEST:
            raise Undescribed("it takes long")
        if not after:
            raise Undescribed("there is no way to go on")
        if payload is not None:
            self.payload = len(self.steps), payload
        step: dict[str, Any] = {"client": client, "send": written}
        self._tell(step, client, list(found))
        if delay:
            step["takes"] = delay
            self.waited += delay
        if request[0].lower() in SCANS:
            self.scanned.add(client)
        self.rules |= sure or set()
        self.worlds = self._without_closed(tuple(after))

    def _payload(self, request: tuple[bytes, ...], reply: Any, run: Run) -> bytes | None:
        if request[0].lower() != b"dump" or reply is None or reply in (NO_REPLY, PARKED):
            return None
        said = frame(encode_some(reply, run.session["resp"]))
        return said.value if said.kind == b"$" else None

    def _said(self, run: Run, reply: Any, client: int) -> tuple[Frames, World]:
        """What each client gets by one way of a request, and the world behind it."""
        resp = run.session["resp"]
        own = list(run.pushed)
        rest: tuple[Owed, ...] = ()
        if reply is PARKED:
            run.pushed = ()
        elif reply is not NO_REPLY:
            reply, rest = first_of(reply, client, resp)
            own.append(Owed(client, reply, resp))
        world = run.finish()
        outbox = (*own, *rest, *world.outbox)
        world = tracking.rested(self.model, evolve(world, outbox=()))
        return self._frames((*outbox, *world.outbox), client), evolve(world, outbox=())

    def _frames(self, owed: Sequence[Owed], client: int) -> Frames:
        clients = sorted({one.client for one in owed}, key=lambda each: (each != client, each))
        return tuple((each, _in_order([one for one in owed if one.client == each])) for each in clients)

    def _tell(self, step: dict[str, Any], client: int, found: Sequence[Frames]) -> None:
        """Adds a step, with what its client gets, and then what others get."""
        merged = _merged(found)
        self.steps.append(step | {"expect": merged.pop(client, [])})
        self.steps += [{"client": other, "expect": expected} for other, expected in merged.items()]

    def _without_closed(self, worlds: tuple[World, ...]) -> tuple[World, ...]:
        """The worlds without the connections that the server has closed, which is a step of its own."""
        for client in self.history.clients:
            closed = {bool(w.sessions[client].get("closed", False)) for w in worlds if client in w.sessions}
            if len(closed) > 1:
                raise Undescribed("a connection may be closed, or not")
            if closed == {True}:
                self.steps.append({"client": client, "closed": True})
                worlds = self.model.disconnect(worlds, client)
        return worlds

    # ---- waiting ---------------------------------------------------------------------------------------------------

    def _await(self, client: int) -> None:
        """What a client gets when its waiting ends by itself."""
        parked = [world.waits(client) for world in self.worlds]
        if not any(parked):
            return
        ends = [one.deadline for one in parked if one is not None and one.deadline is not None]
        if len(ends) < len(self.worlds) or max(end[1] for end in ends) > self.interval[1] + LONGEST:
            raise Undescribed("it is not sure that it waits no longer, or it waits long")
        found: dict[Frames, None] = {}
        after: dict[World, None] = {}
        for world, one in zip(self.worlds, parked, strict=True):
            assert one is not None
            late = self.model._late(world, one)
            late = tracking.rested(self.model, late)
            found[self._frames(late.outbox, client)] = None
            after[evolve(late, outbox=(), noted=())] = None
        takes = max(end[0] for end in ends) - self.base - self.waited
        takes = max(takes, 0)
        self._tell({"client": client, "takes": takes}, client, list(found))
        self.waited += takes
        self.worlds = tuple(after)

    # ---- symbols ---------------------------------------------------------------------------------------------------

    def _known(self, client: int, learnt: Any) -> bytes:
        match learnt:
            case Cursor():
                if client in self.scanned:
                    raise Undescribed("an iteration goes the server's way")
                return b"0"
            case Dumped():
                if self.payload is not None and learnt != Dumped():
                    raise Undescribed("it changes what the server has dumped")
                return learnt.of(None if self.payload is None else self.payload[1])
            case ClientId(other):
                return b"%d" % (self.first_id + other)
            case ClientAddress(other):
                return b"127.0.0.1:%d" % (self.first_id * 5 + other)
        raise Undescribed(f"a symbol of no form: {learnt!r}")

    def _written(self, client: int, part: Part) -> Any:
        match part:
            case Moment(seconds=True):
                raise Undescribed("it names a second of the clock")
            case Moment(offset=offset):
                part = Moment(offset + self.waited)
            case Dumped() if self.payload is not None:
                return {"reply": self.payload[0]}
            case Cursor() | Dumped():
                part = self._known(client, part)
        return encoded.as_json(part)


def _in_order(owed: Sequence[Owed]) -> tuple[str, ...]:
    """The patterns of frames that come in this order. Raises `Undescribed` where they may come in another."""
    for place, one in enumerate(owed[1:], 1):
        before = owed[:place]
        if one.bag is not None and any(other.bag == one.bag and other.reply != one.reply for other in before):
            raise Undescribed("frames may come in any order")
        early = one.about is not None and all(
            other.about is not None and other.about != one.about and (one.early or other.early) for other in before
        )
        if early:
            raise Undescribed("what is told may come in another order")
    return tuple(patterns.canonical(patterns.of(one.reply, one.resp)) for one in owed)


def _merged(found: Sequence[Frames]) -> dict[int, list[Pattern]]:
    """What each client gets, whichever way it goes. Raises `Undescribed` where ways differ in more than replies."""
    shapes = {tuple((client, len(frames)) for client, frames in one) for one in found}
    if len(shapes) > 1:
        raise Undescribed("who gets frames, and how many, hangs on what the server chooses")
    merged: dict[int, list[Pattern]] = {}
    for place, (client, frames) in enumerate(found[0]):
        columns: Iterable[Iterable[str]] = zip(*(one[place][1] for one in found), strict=True)
        merged[client] = [patterns.either([json.loads(text) for text in dict.fromkeys(column)]) for column in columns]
        assert len(merged[client]) == len(frames)
    return merged
