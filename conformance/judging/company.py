"""Histories in which one client's request sends frames to others, or to its own client later.

Theory of operation. A client may be parked, and frames may come on any connection: the replies of those who waited and
are woken, or who waited too long, messages, invalidations. After each step the judge asks something over a connection
of its own: what the server has done is then written. Whatever has come must be owed, in order on each
connection; what is owed in every possible world must come. What a parked client sends is done when it waits no longer:
it stays in that client's backlog. What must not live here: what is owed, and in which order (the model's to say).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from itertools import combinations

from attrs import evolve, field, mutable

from redlark.conformance.errors import Lost
from redlark.conformance.history import Step
from redlark.conformance.judging.attempt import PERHAPS_CLOSING, Attempt, Unheard
from redlark.conformance.judging.connection import Connection, milliseconds
from redlark.conformance.judging.divergence import Divergence, Exchange
from redlark.reference import World, Worlds
from redlark.reference.owing import key_deadline
from redlark.reference.resp import Frame, encode_request
from redlark.reference.transcript import printed

PAUSE = 0.0005  # seconds between two looks at connections on which something must come
ENDS_SOON = 60  # milliseconds that are waited, at the end of a history, for those whose waiting ends by then
OK = b"+OK\r\n"
READ_AT_ONCE = 16_000  # bytes, at least, that a server reads of one client before it looks at others
_OF_SEVERAL = frozenset((b"exec", b"unsubscribe", b"punsubscribe", b"sunsubscribe"))  # replies of several frames
_ASKED = encode_request((b"ECHO",))  # refused before it is run, so that it is in no log of what was slow


@mutable
class Company(Attempt):
    """One run of one history of which each step may be felt by every client."""

    backlog: dict[int, deque[tuple[tuple[bytes, ...], int]]] = field(factory=dict)
    freed: deque[int] = field(factory=deque)
    # Those who are answered when what others ask is done, each with its request:
    paused: deque[tuple[int, tuple[bytes, ...]]] = field(factory=deque)
    _lingering: set[int] = field(factory=set)  # closed in this step, and perhaps still there for what it did before
    _control: Connection | None = None
    _questioned: bool = False  # whether the server was asked already what tells that it has written all

    # -- steps -------------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> Divergence | None:
        self.reached = (self.begun, 0)
        while self._lingering:
            if not self.judge.connected(client := self._lingering.pop()):
                self.worlds = self.judge.model.disconnect(self.worlds, client)
        if step.wait:
            time.sleep(step.wait / 1000)
        found = self._overdue()
        if found:
            return found
        if not step.requests:
            return self._await(step.client)
        if self._read_apart(step):
            raise Unheard
        self.reached = (self.begun, len(step.requests))
        sent = self._send(step)
        self.reached = (self.begun, len(step.requests))  # again: on the way it may have signed in
        waiting = self.backlog.setdefault(sent.client, deque())
        waiting.extend((request, sent.at) for request in sent.requests)
        found = self._work(sent.client)
        answered = not (waiting or self.watched or self._parked(sent.client))
        found = found or self._gather(answered=answered)
        if not found and waiting and any(end <= self._now() + ENDS_SOON for end in self._ends(step.client)):
            found = self._await(
                step.client
            )  # or nobody could tell what is done first: its backlog, or another's request
        return found

    def _read_apart(self, step: Step) -> bool:
        """Whether a server reads this write in parts, and may do between them what others have still to be asked.

        Nothing but a broadcast shows that it has: of what was changed before and behind, some come together then.
        """
        if len(step.requests) < 2 or not any(self.backlog[other] for other in self.backlog if other != step.client):
            return False
        return sum(len(part) for one in step.requests for part in one.parts if isinstance(part, bytes)) > READ_AT_ONCE

    def _at_once(self, step: Step | None) -> bool:
        """Never: what a step does to others is seen before the next one."""
        return False

    def _paused(self, client: int) -> bool:
        return any(one == client for one, _ in self.paused)

    def _parked(self, client: int) -> bool:
        return any(world.waits(client) for world in self.worlds)

    def _work(self, client: int) -> Divergence | None:
        """Judge what a client has asked, until it is parked or has asked no more."""
        waiting, judge = self.backlog[client], self.judge
        while waiting and not self._parked(client) and not self._paused(client):
            if not judge.connected(client):
                waiting.clear()
                break
            request, at = waiting.popleft()
            self._count(client, request)
            if self._crossed(client) or (_kills(request) and self._answered_unread(client)):
                raise Unheard
            found = self._ask(client, request, at)
            if found:
                return found
            if self.watched and self._closes(request) and (found := self._closings(client, request)):
                return found
        return None

    def _begun(self, client: int, request: tuple[bytes, ...], at: int) -> bool:
        """Whether a request takes long, and others who wait, or have still to be asked, are served before its reply."""
        if not self.judge.model.flush_takes_long or request[0].lower() not in (b"flushall", b"flushdb"):
            return False
        waiting = {parked.client for world in self.worlds for parked in world.parked}
        if not (waiting | {one for one, backlog in self.backlog.items() if backlog}) - {client}:
            return False
        begun = self.judge.model.begun(self.worlds, client, request, (at, self._now()))
        if begun:
            self.worlds = begun
            self.paused.append((client, request))
        return bool(begun)

    def _go_on(self, client: int, request: tuple[bytes, ...]) -> Divergence | None:
        """Read what came up to the reply of a request that took long; then what else its client has asked is done."""
        self.worlds = self.judge.model.done(self.worlds, client)
        while True:
            frame = self.judge.connection(client).frame()
            after = self.judge.model.arrives(self.worlds, client, frame, self._now())
            if not after:
                self._tell(client, (frame,))
                return self._unasked(client, frame)
            self.worlds = after
            if frame.raw == OK:
                break
            self._tell(client, (frame,))
        self.exchanges.append(Exchange(client, request, frame))
        return self._work(client)

    def _crossed(self, client: int) -> bool:
        """Whether another one, who asked more, waits no longer by itself: nothing shows which came first."""
        now, due = self._now(), set[int]()
        for world in self.worlds:
            for parked in world.parked:
                if parked.client != client and self.backlog.get(parked.client):
                    ends = [parked.deadline, *(key_deadline(world, place) for place in parked.places)]
                    due |= {parked.client for end in ends if end is not None and end[0] <= now}
        if due:
            self._barrier()
        return any(self.judge.connected(one) and self.judge.connection(one).has_come() for one in due)

    def _answered_unread(self, client: int) -> bool:
        """Whether another one, who asked more, waits no longer, was not told, and is closed: perhaps it was served."""
        answered = {one for world in self.worlds for one in _answered(world)} - {client}
        unread = [one for one in answered if self.backlog.get(one) and self.judge.connected(one)]
        connections = [self.judge.connection(one) for one in unread if not self._has_come(one)]
        return any(connection.closed_within(PERHAPS_CLOSING) for connection in connections)

    def _ask(self, client: int, request: tuple[bytes, ...], at: int) -> Divergence | None:
        """Read the frames up to a request's reply, and judge them; of one that parks there is none."""
        judge, model = self.judge, self.judge.model
        if self.watched and self._silent(client, request):
            return self._unheard(client, request, (at, self._now()))
        if model.parks(request):
            sure = model.waits(self.worlds, client, request, (at, self._now())) == {True}
            if sure or not (judge.connection(client).has_come() or self._has_come(client)):
                self._barrier()
                ways = model.waits(self.worlds, client, request, (at, self._now()))  # it may have run later than that
                if ways == {True} or (True in ways and not judge.connection(client).has_come()):
                    self._leave_waiting(client, request, at)
                    return None
        if self._begun(client, request, at):
            return None
        frames: tuple[Frame, ...] = ()
        while True:
            known = not frames or not model.parks(request) or self._has_come(client)
            if not known and self._has_waited(client, request, at, frames):
                self._leave_waiting(client, request, at)
                return None
            try:
                frames += (judge.connection(client).frame(),)
            except Lost:
                if self._may_be_gone(client):
                    return None
                if self._cut_off():
                    raise Unheard from None
                raise
            if not self.backlog.get(client):
                self._question()  # it is answered while this is judged
            interval = (at, judge.connection(client).received + judge.target.clock[1])
            behind = judge.connection(client).ready() if request[0].lower() in _OF_SEVERAL else ()
            worlds, more = model.answers(
                self.worlds, client, request, interval, frames, behind, lambda: self._come_to_others(client)
            )
            if worlds:
                if model.parks(request) and _hangs_on_time(self.worlds):  # it may have waited, and then got the same
                    waited = self._if_waited(client, request, at, frames)
                    worlds = tuple(dict.fromkeys((*worlds, *waited)))
                break
            for one in self._alike(client, request, interval, frames[-1]) if not more else ():
                worlds, _ = model.answers(self.worlds, client, request, interval, (*frames[:-1], one))
                if worlds:
                    break
            if worlds:
                break
            if not more and self._has_waited(client, request, at, frames):
                self._leave_waiting(client, request, at)
                return None
            if not more:
                if not model.own_pushes_follow and _is_broken(frames[-1]):
                    raise Unheard  # what comes next is no longer where it belongs
                self._tell(client, frames[:-1])
                self.exchanges.append(Exchange(client, request, frames[-1]))
                return self._divergence(client, request, frames[-1], None, interval)
        self._tell(client, frames[:-1])
        self.exchanges.append(Exchange(client, request, frames[-1]))
        self._learn(client, request, frames[-1])
        self.worlds = worlds
        judge.most_worlds = max(judge.most_worlds, len(worlds))
        return None

    def _come_to_others(self, client: int) -> dict[int, tuple[Frame, ...]]:
        """What has come to those who have asked for nothing that is still to be judged."""
        self._barrier()
        others = [one for one in self.history.clients if one != client and self.judge.connected(one)]
        return {one: self.judge.connection(one).ready() for one in others if not self.backlog.get(one)}

    def _leave_waiting(self, client: int, request: tuple[bytes, ...], at: int) -> None:
        self.worlds = self.judge.model.left_waiting(self.worlds, client, request, (at, self._now()))
        self.exchanges.append(Exchange(client, request, None))

    def _has_waited(self, client: int, request: tuple[bytes, ...], at: int, frames: tuple[Frame, ...]) -> bool:
        """Whether these frames came to a client that a request had left waiting; they are then to be read again."""
        worlds = self._if_waited(client, request, at, frames) if self.judge.model.parks(request) else ()
        for frame in reversed(frames) if worlds else ():
            self.judge.connection(client).put_back(frame)
        return bool(worlds)

    def _if_waited(self, client: int, request: tuple[bytes, ...], at: int, frames: tuple[Frame, ...]) -> Worlds:
        """The worlds in which these frames came to a client that a request had left waiting."""
        worlds = self.judge.model.left_waiting(self.worlds, client, request, (at, self._now()))
        for frame in frames:
            worlds = self.judge.model.arrives(worlds, client, frame, self._now())
        return worlds

    def _tell(self, client: int, frames: Iterable[Frame]) -> None:
        self.exchanges += [Exchange(client, (), frame) for frame in frames]

    def _has_come(self, client: int) -> bool:
        """Whether a frame is there, once the server has done all that was asked."""
        self._barrier()
        return self.judge.connection(client).has_come()

    def _gone(self, client: int, closed: Worlds) -> None:
        """What a connection had still to be asked is gone with it: the next one answers only for itself."""
        super()._gone(client, closed)
        self.backlog.get(client, deque()).clear()

    def _without(self, worlds: Worlds, client: int) -> Worlds:
        """Whoever the step woke was served before the connection went: what it listened to is still known to them."""
        if not any(backlog for other, backlog in self.backlog.items() if other != client):
            return super()._without(worlds, client)
        self._lingering.add(client)
        return self.judge.model.disconnect(worlds, client, lingers=True)

    # -- what comes unasked ------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return milliseconds() + self.judge.target.clock[1]

    def _barrier(self, *, answered: bool = False) -> None:
        """When this returns, the server has written what it owed for all that was sent before.

        What was answered already has been done by a turn of the server's loop that ends before the next question is
        read; what was not, may be done by the same turn as the question, behind it: that takes a second one.
        """
        for _ in range(1 if answered else 2 + self._questioned):
            if not self._questioned:
                self._question()
            self._answer()

    def _question(self) -> None:
        """Ask what the server answers once it has written what it owes by now."""
        self._answer()
        try:
            self._control = self._control or self.judge.target.address.open(self.judge.timeout)
            self._control.send(_ASKED)
            self._questioned = True
        except Lost:  # a CLIENT KILL met it
            self._control = None

    def _answer(self) -> None:
        """Wait for the answer, if that was asked."""
        if self._control and self._questioned:
            try:
                self._control.frame()
            except Lost:
                self._control = None
        self._questioned = False

    def _gather(self, *, answered: bool = False) -> Divergence | None:
        """Read what has come on any connection: each frame must be owed, and what is owed must come."""
        self._barrier(answered=answered)
        deadline = time.monotonic() + self.judge.timeout
        while True:
            found, any_came = self._collect()
            if found:
                return found
            owing = [world for world in self.worlds if self.judge.model.owes(world)]
            if any_came:
                continue
            if len(owing) < len(self.worlds) or not owing:
                done = tuple(world for world in self.worlds if world not in owing) if owing else self.worlds
                self.worlds = self.judge.model.rested(done)
                return None
            if time.monotonic() > deadline:
                self.worlds = self.judge.model.rested(self.worlds)
                return self._missing(self.worlds[0].outbox[0].client)
            time.sleep(PAUSE)

    def _missing(self, client: int) -> Divergence:
        owed = self.worlds[0].owed(client)
        said = self.judge.model.spoken(owed[0]) if owed else "a frame"
        self.exchanges.append(Exchange(client, (), None))
        seen = f"client {client + 1} did not get what it was owed: {said}"
        return self._divergence(*self.waiting, None, seen)

    def _collect(self) -> tuple[Divergence | None, bool]:
        """Judge a frame of each connection, if one is there; then what those ask who wait no longer.

        A frame that nobody owes yet may be owed once another one has been read, or a backlog been judged. Backlogs are
        done in the order in which their clients' waiting ended, each to its end, and before anything is read of those
        who have none, or wait on: what servers put off (broadcasts) they may tell of such a backlog's changes, too.
        """
        any_came, strange, found = False, -1, None
        if len(self.worlds) > 1 and self._in_either_order():
            raise Unheard
        for client in self._in_turn():
            if (self.freed or self.paused) and not self.backlog.get(client):
                break
            if not self.judge.connected(client) or self._paused(client):
                continue
            if self.freed and all(world.waits(client) for world in self.worlds):
                continue
            connection = self.judge.connection(client)
            frame = connection.leftover()
            if frame is None:
                continue
            after = self.judge.model.arrives(self.worlds, client, frame, self._now())
            if after:
                self._tell(client, (frame,))
                self.worlds, any_came = after, True
                if self.backlog.get(client) and client not in self.freed:
                    self.freed.append(client)
            elif not self.judge.model.own_pushes_follow and _is_broken(frame):
                raise Unheard
            else:
                connection.put_back(frame)
                strange = client
        for client in [] if any_came or self.freed else self._freed_in_silence():
            self.freed.append(client)
        if self.freed:
            any_came = True
            found = self._work(self.freed.popleft())
        elif self.paused and not any_came:
            any_came = True
            found = self._go_on(*self.paused.popleft())
        if found:
            return found, True
        if strange >= 0 and not any_came:
            frame = self.judge.connection(strange).frame()
            self._tell(strange, (frame,))
            return self._unasked(strange, frame), True
        return None, any_came

    def _freed_in_silence(self) -> list[int]:
        """Those with a backlog who wait no longer, and are told nothing: CLIENT REPLY has asked for that."""
        waiting = [client for client, backlog in self.backlog.items() if backlog and not self._paused(client)]
        return [c for c in waiting if not any(w.waits(c) or c in _answered(w) for w in self.worlds)]

    def _in_turn(self) -> list[int]:
        """The clients, those with a backlog first; of both kinds in the order of replies, pushes and coming to wait."""
        world = self.worlds[0]
        owed, waiting = [one.client for one in world.outbox], [one.client for one in world.parked]
        clients = dict.fromkeys((*_answered(world), *owed, *waiting, *self.history.clients))
        return sorted(clients, key=lambda client: not self.backlog.get(client))

    def _in_either_order(self) -> bool:
        """Whether of two with a backlog either may have been freed first: whose was done first, nothing shows."""
        waiting = {client for client, backlog in self.backlog.items() if backlog}
        if len(waiting) < 2:
            return False
        orders = [[c for c in _answered(world) if c in waiting] for world in self.worlds]
        pairs = {pair for order in orders for pair in combinations(order, 2)}
        return any((second, first) in pairs for first, second in pairs)

    def _cut_off(self) -> bool:
        """Whether somebody was killed by what stands in a backlog: what it was owed is lost, and nothing shows when.

        A server closes such a connection at once, with all that it had not written yet.
        """
        asked = [request for backlog in self.backlog.values() for request, _ in backlog]
        if not any(map(_kills, asked)):
            return False
        judge = self.judge
        clients = [client for client in self.history.clients if judge.connected(client)]
        return any(judge.connection(client).closed_within(PERHAPS_CLOSING) for client in clients)

    def _unasked(self, client: int, frame: Frame) -> Divergence:
        if self._cut_off():
            raise Unheard
        owed = self.worlds[0].owed(client)
        said = f"client {client + 1} got what nobody owed it"
        if owed:
            said = f"client {client + 1}, which was owed {self.judge.model.spoken(owed[0])}, got"
        found = self._divergence(*self.waiting, None, f"{said}: {printed(frame.raw)}")
        return evolve(found, raw=frame.raw)

    def _ends(self, client: int | None = None) -> list[int]:
        """The moments from which on somebody, or this one, may have waited long enough."""
        waiting = [parked for world in self.worlds for parked in world.parked if client in (None, parked.client)]
        return [parked.deadline[0] for parked in waiting if parked.deadline is not None]

    def _overdue(self) -> Divergence | None:
        """Those whose waiting is over must be told so before anything else is asked."""
        while any(end <= self._now() for end in self._ends()):
            found = self._until_told()
            if found:
                return found
        return None

    def _until_told(self) -> Divergence | None:
        """Wait until somebody gets a frame."""
        timed = {parked.client for world in self.worlds for parked in world.parked if parked.deadline is not None}
        if any(world.sessions[client].get("reply-mode") != b"on" for world in self.worlds for client in timed):
            raise Unheard  # nothing shows when it waits no longer
        deadline = time.monotonic() + self.judge.timeout
        while time.monotonic() < deadline:
            self._barrier()
            found, any_came = self._collect()
            if found:
                return found
            if any_came:
                return self._gather()
            time.sleep(PAUSE)
        late = next(p.client for world in self.worlds for p in world.parked if p.deadline is not None)
        self.exchanges.append(Exchange(late, (), None))
        return self._divergence(*self.waiting, None, f"client {late + 1} waits on, although its time is over")

    def _await(self, client: int) -> Divergence | None:
        """Wait for what a client gets when its waiting ends by itself."""
        ends = self._ends(client)
        if ends and max(ends) - self._now() < 1000 * self.judge.timeout:
            time.sleep(max(0, max(ends) - self._now()) / 1000)
            return self._overdue()
        return self._gather()

    # -- the end ---------------------------------------------------------------------------------------------------

    def _settle(self) -> Divergence | None:
        """See that nothing is owed and nothing more comes; the connections are then closed, those of who waits too."""
        while ends := [end for end in self._ends() if end <= self._now() + ENDS_SOON]:
            time.sleep(max(0, min(ends) - self._now()) / 1000)
            if found := self._overdue():
                return found
        found = self._gather()
        if self._control:
            self._control.close()
        self.judge.part()
        if not found:
            self.judge.flush()
        return found


def _kills(request: tuple[bytes, ...]) -> bool:
    return request[0].lower() == b"client" and b"kill" in map(bytes.lower, request)


def _answered(world: World) -> list[int]:
    """Those who are owed a reply, which ends their waiting, in order."""
    return list(dict.fromkeys(o.client for o in world.outbox if getattr(o.reply, "kind", None) != "push"))


def _hangs_on_time(worlds: Worlds) -> bool:
    """Whether anything that is stored has a deadline."""
    return any(e.deadline or e.fields for world in worlds[:1] for one in world.databases for e in one.values())


def _is_broken(frame: Frame) -> bool:
    """Whether a push stands in the middle of a reply, as Redis up to 7.0 has it (docs/findings.md)."""
    return isinstance(frame.value, tuple) and any(one.kind == b">" or _is_broken(one) for one in frame.value)
