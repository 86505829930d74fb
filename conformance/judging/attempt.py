"""One run of one history on a live server, each reply judged by the model.

A history begins on an empty server with connections as good as new, and ends with RESET and FLUSHALL, whose own replies
show whether a frame came too many. Each request is judged with the raw frame that answered it and the interval in which
the server must have executed it; no possible world left is a divergence, and so are silence, a connection closed
unasked or kept open, and bytes that are not RESP.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen, mutable

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import SCANS, ClientAddress, ClientId, Cursor, Dumped, History, Learnt, Request, Step
from redlark.conformance.judging.connection import Connection, milliseconds
from redlark.conformance.judging.divergence import PING, RESET, Divergence, Exchange
from redlark.reference import Allowed, Observed, Worlds
from redlark.reference.model import encode_some
from redlark.reference.resp import Frame, encode_request
from redlark.reference.transcript import command_line, printed
from redlark.reference.values import NO_REPLY, PARKED

if TYPE_CHECKING:
    from redlark.conformance.judging.judge import Judge

DEBUG = "REDLARK_DEBUG" in os.environ  # a fault of the model as a traceback
CLOSING = 1.0  # seconds that a server has to close a connection that it must close
UNSEEN = 0.002  # what nothing answers gets this long before someone else asks for its effect
PERHAPS_CLOSING = 0.01  # and one that it may close; what comes later is found when the connection is used


@frozen
class Sent:
    """A write whose replies are still to be read, and when it began, by the server's clock."""

    client: int
    requests: list[tuple[bytes, ...]]
    at: int
    number: int  # steps that had begun with it; 0 for a greeting


@mutable
class Arrived:
    """The replies to one write, each with the moment at which it was here; and what ended them too early."""

    sent: Sent
    frames: list[tuple[Frame, int]] = field(factory=list)
    lost: Lost | None = None


_CLOSING = frozenset((b"quit", b"client", b"exec", b"shutdown"))


class Unheard(Exception):
    """What was asked may have gone more ways than can be followed: in silence, or in an order that nothing shows."""


@mutable
class Attempt:
    """One run of one history."""

    judge: Judge
    history: History
    watched: bool  # whether connections may have closed or fallen silent
    worlds: Worlds = ()
    exchanges: list[Exchange] = field(factory=list)
    cursors: dict[int, bytes] = field(factory=dict)
    payload: bytes | None = None  # of the latest DUMP
    ids: dict[int, bytes] = field(factory=dict)
    greeted: int = 0
    begun: int = 0  # steps of the history
    reached: tuple[int, int] = (0, 0)  # by what is judged: steps that had begun, requests of the last of them
    waiting: tuple[int, tuple[bytes, ...]] = (0, RESET)
    leaving: dict[int, list[tuple[bytes, ...]]] = field(factory=dict)  # what was sent at the end, and not read yet

    # -- the beginning and the end of a history ---------------------------------------------------------------

    def begin(self) -> None:
        """Open what is not open, sign in, and switch to the history's protocol; all of it judged like the rest."""
        judge, clients = self.judge, self.history.clients
        for client in clients:
            judge.connection(client)
        self.worlds = judge.worlds(clients)

    def _greeting(self) -> list[Step]:
        """Sign in, switch to the history's protocol."""
        auth, protocol = self.judge.target.greeting, self.history.protocol
        first = ([Request(auth)] if auth else []) + ([Request((b"HELLO", b"3"))] if protocol == 3 else [])
        if len(self.history.clients) > 1 and (self.watched or self.history.mentions_clients):
            first.append(Request(PING))  # CLIENT LIST of one tells of the others: all must have been accepted
        return [Step(client, tuple(first)) for client in self.history.clients] if first else []

    def run(self) -> Divergence | None:
        self.judge.model.left_out = False
        try:
            found = self._go() or self._settle()
            if found and self.judge.model.left_out:  # the world that the server is in may be among them
                raise Unheard
            return found
        except Lost as lost:
            client, request = self.waiting
            if lost.what.startswith("closed") and self._is_signed_out(client):
                self._leave()
                return None
            self.exchanges.append(Exchange(client, request, None))
            return self._divergence(client, request, None, lost.what)
        except Unheard:
            self._leave()
            return None
        except CannotRun:
            raise
        except Exception as problem:
            if DEBUG:
                raise
            said = f"the model failed on {command_line(self.waiting[1])} ({problem!r}): a fault of Redlark"
            raise CannotRun(said) from problem

    def _leave(self) -> None:
        """Nobody can tell what comes next: the history ends without a verdict."""
        self.judge.part_from(self.history.clients)
        self.judge.abandon()
        self.judge.given_up += 1

    def _is_signed_out(self, client: int) -> bool:
        """Whether a server may close a connection with what it has not sent yet: a finding about Redis since 7.0.

        One that is not signed in may have 1,024 bytes waiting, and RESET in a pipeline signs out who has more.
        """
        profile, (begun, _) = self.judge.model.profile, self.reached
        if self.judge.target.signed_in or profile.product != "redis" or profile.version < (7, 0):
            return False
        mine = (step.requests for step in self.history.steps[:begun] if step.client == client)
        words = (one.parts[0] for requests in mine if len(requests) > 1 for one in requests if one.parts)
        return any(isinstance(word, bytes) and word.upper() == b"RESET" for word in words)

    def _go(self) -> Divergence | None:
        """Greet on all connections at once, and run every step; each reply is judged.

        A step that waits for nothing is sent as soon as the replies to what was sent before it are here; those are
        judged while the server is at work on it.
        """
        sent = [self._send(step) for step in self._greeting()]
        self.greeted = sum(len(one.requests) for one in sent)
        for number, step in enumerate(self.history.steps, 1):
            self.watched = self.watched or step.watched
            if self._at_once(step):
                arrived, self.begun = [self._read(one) for one in sent], number
                unsent: Lost | None = None
                try:
                    sent = [] if any(one.lost for one in arrived) else [self._send(step)]
                except Lost as lost:
                    unsent = lost
                found = self._heard(arrived)
                if unsent and not found:
                    self.reached = (number, len(step.requests))
                    raise unsent
            else:
                found = self._receive_all(sent)
                if not found:
                    self.begun, self.reached = number, (number, len(step.requests))
                    found = self._step(step)
                sent = []
            if found:
                return found
        if not self._at_once(None):
            return self._receive_all(sent)
        arrived = [self._read(one) for one in sent]
        if not any(one.lost for one in arrived):
            self._take_leave()
        return self._heard(arrived)

    def _receive_all(self, sent: list[Sent]) -> Divergence | None:
        return next((found for one in sent if (found := self._receive(one))), None)

    def _at_once(self, step: Step | None) -> bool:
        """Whether a step (None: the end) may be sent before the replies to what was sent before have been judged."""
        return not (self.watched or (step is not None and (step.wait or step.learns)))

    def _take_leave(self) -> None:
        """RESET every connection, FLUSHALL: all are sent before any is read, one wait instead of several."""
        judge = self.judge
        auth = judge.target.address.auth
        forgetting = judge.forgetting if self.history.keeps_code else []
        putting_back = judge.putting_back(self.history)
        tail: list[tuple[bytes, ...]] = [*([auth] if auth else []), (b"FLUSHALL",), *forgetting, *putting_back]
        clients = [c for c in self.history.clients if judge.connected(c) and not self._silent(c, RESET)]
        self.leaving = {client: [RESET, *(tail if client == clients[0] else ())] for client in clients}
        for client, requests in self.leaving.items():
            with contextlib.suppress(Lost):
                judge.connection(client).send(b"".join([encode_request(request) for request in requests]))

    def _settle(self) -> Divergence | None:
        """Take leave, where that is still to be done, and see that each connection answers exactly that."""
        judge, steps = self.judge, self.history.steps
        self.reached = (len(steps), len(steps[-1].requests) if steps else 0)
        if judge.last:
            return None
        if not self.leaving:
            self._take_leave()
        flushed = False
        for number, (client, requests) in enumerate(self.leaving.items()):
            try:
                found = self._finish(client, requests)
            except Lost:
                if self._may_be_gone(client):
                    continue
                raise
            if found:
                return found
            flushed = flushed or number == 0
        if not flushed:
            judge.flush()
        return None

    def _finish(self, client: int, requests: list[tuple[bytes, ...]]) -> Divergence | None:
        """See that nothing but the replies to a connection's last requests comes."""
        for request in requests:
            self.waiting = (client, request)
            raw = self.judge.connection(client).frame().raw
            if request is RESET and raw.startswith((b"-ERR unknown command", b"-NOAUTH")):
                self.judge.resettable = False
            elif raw[:1] == b"-" or (request is RESET and raw != b"+RESET\r\n"):
                seen = f"after the last request, {request[0].decode()} was answered {printed(raw)}"
                return self._divergence(client, request, None, seen)
        return None

    # -- steps --------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> Divergence | None:
        if step.wait:
            time.sleep(step.wait / 1000)
        return self._receive(self._send(step))

    def _send(self, step: Step) -> Sent:
        """Write a step; what was lost with a connection that CLIENT KILL may have closed is not waited for."""
        client, judge = step.client, self.judge
        connection = judge.connection(client) if judge.connected(client) else self._reconnect(client)
        now = milliseconds()
        sent = [one.fixed or self._resolved(client, one, now) for one in step.requests]
        try:
            connection.send(b"".join([wire for _, wire in sent]))
        except Lost:
            if not self._may_be_gone(client):
                raise
            sent = []
        return Sent(client, [request for request, _ in sent], now + judge.target.clock[0], self.begun)

    def _read(self, sent: Sent) -> Arrived:
        """Read the replies to one write, where no connection can have closed or fallen silent."""
        connection, late = self.judge.connection(sent.client), self.judge.target.clock[1]
        arrived = Arrived(sent)
        try:
            for _ in sent.requests:
                frame = connection.frame()
                arrived.frames.append((frame, connection.received + late))
        except Lost as lost:
            arrived.lost = lost
        return arrived

    def _heard(self, arrived: Iterable[Arrived]) -> Divergence | None:
        """Judge replies that were read. Raises the `Lost` that one of them ended with."""
        for one in arrived:
            client = one.sent.client
            for place, (request, (frame, until)) in enumerate(zip(one.sent.requests, one.frames, strict=False), 1):
                self.reached = (one.sent.number, place)
                self._count(client, request)
                found = self._judge(client, request, (one.sent.at, until), frame)
                if found:
                    return found
            if one.lost:
                self.reached = (one.sent.number, len(one.frames) + 1)
                self._count(client, one.sent.requests[len(one.frames)])
                raise one.lost
        return None

    def _count(self, client: int, request: tuple[bytes, ...]) -> None:
        self.judge.count(request)
        self.waiting = (client, request)

    def _receive(self, sent: Sent) -> Divergence | None:
        """Read and judge the replies to one write."""
        if not self.watched:
            return self._heard([self._read(sent)])
        client, judge, late = sent.client, self.judge, self.judge.target.clock[1]
        for place, request in enumerate(sent.requests, 1):
            self.reached = (sent.number, place)
            self._count(client, request)
            if self._silent(client, request):
                unseen = milliseconds() + late + round(judge.timeout * 1000)  # nothing shows that it is done already
                frame, interval = None, (sent.at, unseen)
            else:
                connection = judge.connection(client)
                try:
                    frame = connection.frame()
                except Lost:
                    if self._may_be_gone(client):
                        break
                    raise
                interval = (sent.at, connection.received + late)
            found = self._judge(client, request, interval, frame) if frame else self._unheard(client, request, interval)
            if found:
                return found
            if self._closes(request) and (found := self._closings(client, request)):
                return found
            if not judge.connected(client):
                return None  # what stood behind in the pipeline went down with the connection
        if sent.requests and frame is None:
            time.sleep(UNSEEN)
        return None

    def _unheard(self, client: int, request: tuple[bytes, ...], interval: tuple[int, int]) -> Divergence | None:
        """Judge what has no reply: an id made of the time (XADD) is then any of thousands."""
        try:
            return self._judge(client, request, interval, None)
        except OverflowError as many:
            raise Unheard from many

    def _closes(self, request: tuple[bytes, ...]) -> bool:
        """Whether a connection may be closed after this request."""
        return not self.judge.target.signed_in or request[0].lower() in _CLOSING

    def _resolved(self, client: int, request: Request, now: int) -> tuple[tuple[bytes, ...], bytes]:
        def known(symbol: Learnt) -> bytes:
            match symbol:
                case Cursor():
                    return self.cursors.get(client, b"0")
                case Dumped():
                    return symbol.of(self.payload)
                case ClientId(other):
                    return self.ids.get(other, b"0")
                case ClientAddress(other) if other in self.history.clients and self.judge.connected(other):
                    return self.judge.connection(other).address
            return b"0.0.0.0:0"

        parts = request.resolve(now, known)
        return parts, encode_request(parts)

    def _judge(
        self, client: int, request: tuple[bytes, ...], interval: tuple[int, int], frame: Frame | None
    ) -> Divergence | None:
        judge, model = self.judge, self.judge.model
        after = model.allows(self.worlds, client, request, interval, frame)
        self.exchanges.append(Exchange(client, request, frame, interval))
        if not after and frame is not None:
            likes = self._alike(client, request, interval, frame)
            after = next((w for one in likes if (w := model.allows(self.worlds, client, request, interval, one))), ())
        if not after:
            return self._divergence(client, request, frame, None, interval)
        self.worlds = after
        if len(after) > judge.most_worlds:
            judge.most_worlds = len(after)
        if frame is not None and request:
            self._learn(client, request, frame)
        return None

    def _alike(
        self, client: int, request: tuple[bytes, ...], interval: tuple[int, int], frame: Frame
    ) -> Iterator[Observed]:
        """At the loose level, where an error counts by its first word: what the text would have given in its place.

        That holds for the errors inside EXEC's array, too.
        """
        model = self.judge.model
        loose = self.judge.loose and (frame.is_error or isinstance(frame.value, tuple))
        for world in self.worlds if loose else ():
            for run, reply in model.ways(world, client, request, interval[1]):
                if reply is NO_REPLY or reply is PARKED:
                    continue
                raw = encode_some(reply, run.session["resp"])
                if loosely_alike(frame, Observed(raw)):
                    yield Observed(raw)

    def _learn(self, client: int, request: tuple[bytes, ...], frame: Frame) -> None:
        """Keep what later requests of the history refer to: a cursor, a connection's id."""
        name = request[0].lower()
        if name in SCANS and frame.kind == b"*" and frame.value and isinstance(frame.value[0].value, bytes):
            self.cursors[client] = frame.value[0].value
        elif name == b"dump" and frame.kind == b"$" and frame.value is not None:
            self.payload = frame.value
        elif name == b"client" and frame.kind == b":" and len(request) == 2 and request[1].lower() == b"id":
            self.ids[client] = b"%d" % frame.value

    # -- connections that close or fall silent -------------------------------------------------------------------

    def _silent(self, client: int, request: tuple[bytes, ...]) -> bool:
        return bool(self.watched and self.judge.model.silent(self.worlds, client, request))

    def _closings(self, client: int, request: tuple[bytes, ...]) -> Divergence | None:
        """See that the server closes the connections that it must close, after QUIT or CLIENT KILL.

        Where it may close one or not (a filter that the model cannot decide), what it does decides.
        """
        judge = self.judge
        for other in [c for c in self.history.clients if judge.connected(c)]:
            closed = self._where_closed(other)
            if not closed:
                continue
            sure = len(closed) == len(self.worlds)
            if judge.connection(other).closed_within(CLOSING if sure else PERHAPS_CLOSING):
                self._gone(other, closed)
            elif sure:
                return self._divergence(client, request, None, f"client {other + 1}'s connection stays open")
        return None

    def _where_closed(self, client: int) -> Worlds:
        """The worlds in which the server has closed this client's connection."""
        if not self.watched:
            return ()
        return tuple(world for world in self.worlds if self.judge.model.closes((world,), client))

    def _may_be_gone(self, client: int) -> bool:
        """Whether a connection that is lost may have been closed, or made deaf, by a CLIENT KILL; then it was."""
        deaf = tuple(w for w in self.worlds if client in w.sessions and w.sessions[client].get("reply-mode") == b"gone")
        lost = (*self._where_closed(client), *deaf)
        if lost:
            self._gone(client, lost)
        return bool(lost)

    def _gone(self, client: int, closed: Worlds) -> None:
        """The connection is closed: only the worlds in which it is remain."""
        self.judge.drop(client)
        self.worlds = self._without(closed, client)

    def _without(self, worlds: Worlds, client: int) -> Worlds:
        return self.judge.model.disconnect(worlds, client)

    def _reconnect(self, client: int) -> Connection:
        connection = self.judge.connection(client)
        self.worlds = self.judge.model.connect(self.worlds, client)
        self.cursors.pop(client, None)
        auth = self.judge.target.greeting
        if auth:
            self._step(Step(client, (Request(auth),)))
        return connection

    # -- findings ---------------------------------------------------------------------------------------------------

    def _divergence(
        self,
        client: int,
        request: tuple[bytes, ...],
        frame: Frame | None,
        seen: str | None,
        interval: tuple[int, int] | None = None,
    ) -> Divergence:
        model = self.judge.model
        now = milliseconds()
        try:
            expected = model.expected(self.worlds, client, request, interval or (now, now)) if seen is None else ()
        except Exception as problem:  # the divergence stands, whatever the model can say of itself
            expected = (Allowed("?", f"(the model could not say what: {problem})"),)
        return Divergence(
            command=command_of(request, {**model.commands, **model.lacking}),
            rules=tuple(dict.fromkeys(allowed.rule for allowed in expected)),
            allowed=tuple(dict.fromkeys(allowed.reply for allowed in expected)),
            seen=seen if seen is not None else printed(frame.raw) if frame else "nothing",
            raw=frame.raw if frame else b"",
            exchanges=tuple(self.exchanges),
            asked=len(self.exchanges) - self.greeted,
            history=self.history,
            reached=self.reached,
        )


def loosely_alike(one: Frame, other: Frame) -> bool:
    """Whether two replies are the same, but for what errors say behind their first word.

    >>> loosely_alike(Observed(b"*1\\r\\n-ERR a\\r\\n"), Observed(b"*1\\r\\n-ERR b c\\r\\n"))
    True
    """
    if one.is_error and other.is_error:
        return one.raw.split()[0] == other.raw.split()[0]
    if isinstance(one.value, tuple) and isinstance(other.value, tuple) and one.kind == other.kind:
        return len(one.value) == len(other.value) and all(map(loosely_alike, one.value, other.value))
    return bool(one.kind == other.kind and one.value == other.value)


def command_of(request: tuple[bytes, ...], commands: Mapping[str, object]) -> str:
    """The full name of the command that a request means, or its first word as it stands.

    >>> command_of((b"client", b"id"), {"CLIENT|ID": None}), command_of((b"nosuch",), {})
    ('CLIENT|ID', 'NOSUCH')
    """
    words = [part.decode("latin-1").upper() for part in request[:2]]
    full = "|".join(words)
    return full if full in commands else words[0] if words else ""
