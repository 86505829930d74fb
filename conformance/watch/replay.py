"""Replaying: what a trace recorded, asked of another server, with what would break there.

Theory of operation. The lines of a trace are gone through in their order. A request is sent once every frame before it
has come, as it had when it was recorded: that keeps what one client did because of another's reply. Nothing else is
waited for, pauses least of all (`pace` keeps them). What the server chooses and its clients say again (ids of stream
entries and connections, cursors) is put in the place of what was recorded. What comes is judged like anything that is
watched, by the text of the target's version; and by that of the recorded one, so that a difference which their guards
explain is known as such. Differences are found by comparing each reply with the recorded one; time and chance make
many, and the text allows those.
What must not live here: how it is told (``replay_cli.py``), and what a difference means (``differing.py``).
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from attrs import field, mutable

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets.target import Address, Target
from redlark.conformance.watch import forward
from redlark.conformance.watch.differing import Replayed
from redlark.conformance.watch.excused import Excuses
from redlark.conformance.watch.forward import Event
from redlark.conformance.watch.known import Known
from redlark.conformance.watch.observed import DIVERGES, Observed
from redlark.conformance.watch.trace import Line, Recording
from redlark.conformance.watch.watching import Recorder
from redlark.conformance.watch.wire import Exchange, Requests, Talk, Words
from redlark.reference import Model
from redlark.reference.resp import Frame, ProtocolError, encode_request, frame
from redlark.spec.profiles import PROFILES

AT_ONCE = 200  # events that are judged between two looks at how far it is
PUSHES = 1.0  # seconds that a push may take to come
_CURSORS = {b"scan": 1, b"sscan": 2, b"hscan": 2, b"zscan": 2}
_SKIPPED = "needs a secret that is not in the trace"


def _damaged(line: Line, what: str, number: int) -> str:
    return f"the trace is damaged: connection {line.connection}, {what} {number}: not RESP: {line.data[:40]!r}"


@mutable(eq=False)
class _Bench:
    """A judge, fed with what the replay does; it judges at the end, for clients would wait for it."""

    judge: Observed
    recorder: Recorder = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.recorder = Recorder(judge=self.judge, most=1 << 30)

    def take(self, event: Event) -> None:
        self.recorder.take(event)
        while self.recorder.queue:
            what, thing = self.recorder.queue.popleft()
            getattr(self.judge, what)(thing)


@mutable(eq=False)
class _Link:
    """A connection to the target, in the place of a recorded one."""

    sock: socket.socket
    talk: Talk
    sent: list[Replayed | None] = field(factory=list)  # what was recorded of each request that was sent
    pushes: int = 0
    gone: bool = False


@mutable(eq=False)
class Replay:
    """One replay of a recording on a target; `run` gives each request with what was recorded and what came."""

    recording: Recording
    target: Target
    model: Model
    source: Model | None  # of the recorded version, where it is another one
    excuses: Excuses
    timeout: float = 5.0
    pace: bool = False
    progress: Callable[[str, int, int], None] = lambda what, done, of: None  # called as it goes: `sent` or `judged`
    notes: dict[str, int] = field(factory=dict)
    replayed: list[Replayed] = field(factory=list)
    _links: dict[int, _Link] = field(factory=dict, init=False)
    _asked: dict[tuple[int, int], Replayed] = field(factory=dict, init=False)
    _pushed: dict[int, int] = field(factory=dict, init=False)
    _names: dict[tuple[bytes, bytes], bytes] = field(factory=dict, init=False)  # what the target chose otherwise
    _multi: dict[int, bool] = field(factory=dict, init=False)  # of who is in MULTI: whether something was left out
    _event: int = field(default=0, init=False)
    _benches: list[_Bench] = field(factory=list, init=False)
    _found: dict[tuple[int, int], Replayed] = field(factory=dict, init=False)

    def run(self) -> list[Replayed]:
        """Replay it all; interrupted, judge what was sent until then."""
        self._benches = [_Bench(self._judge(self.model, True))]
        if self.source is not None:
            self._benches.append(_Bench(self._judge(self.source, False)))
        self._prepare()
        began, first = time.monotonic(), next((line.at for line in self.recording.lines), 0)
        lines, at = self.recording.lines, 0
        try:
            while at < len(lines):
                line = lines[at]
                if self.pace:
                    self._look(began + (line.at - first) / 1e6 - time.monotonic(), lambda: False)
                if line.ask:
                    many = [line]
                    while at + len(many) < len(lines) and self._is_together(line, lines[at + len(many)]):
                        many.append(lines[at + len(many)])
                    self._send(many)
                    at += len(many)
                    continue
                self._follow(line)
                at += 1
                self.progress("sent", at, len(lines))
            self._look(0.05, lambda: False)
        except KeyboardInterrupt:
            self._note(f"interrupted: {len(self.replayed):,} of {len(self._asked):,} recorded requests were sent")
            for one in self.replayed:
                if one.exchange is None or one.exchange.due > 0:
                    one.skipped = "interrupted before its reply"
        finally:
            for client in list(self._links):
                self._close(client)
        self._judge_all()
        self._missing()
        return self.replayed

    def _judge_all(self) -> None:
        of, most = sum(bench.judge.left for bench in self._benches), 0
        for bench in self._benches:
            most += bench.judge.left
            while bench.judge.left:
                bench.judge.process(final=True, most=AT_ONCE)
                self.progress("judged", most - bench.judge.left, of)
            bench.judge.overdue()

    @property
    def recorded(self) -> list[Replayed]:
        """Every request of the recording, those that were not sent too."""
        return list(self._asked.values())

    def _judge(self, model: Model, ours: bool) -> Observed:
        target = self.target
        excuse: Any = self.excuses if ours else (lambda one, frame: "")
        judge = Observed(
            model, target.clock, known=Known(self.excuses.empty), databases=target.databases, config=target.config,
            excuse=excuse,
        )  # fmt: skip

        def decided(one: Exchange, reason: str) -> None:
            found = self._found.get(one.id)
            if found is None:
                return
            if ours:
                found.verdict = reason
            else:
                found.before = reason
            if found.differs and one.answered and reason in ("", DIVERGES):
                rules = [allowed.rule for allowed in judge.expected(one)]
                found.rules = tuple(dict.fromkeys((*found.rules, *rules)))
                if ours:
                    found.allowed = tuple(allowed.reply for allowed in judge.expected(one))

        judge.decided = decided
        return judge

    def _prepare(self) -> None:
        """What was recorded of each request: its words, and the frames of its reply. Raises `CannotRun`."""
        readers: dict[int, Requests] = {}
        for line in self.recording.lines:
            if line.ask:
                found = list(readers.setdefault(line.connection, Requests()).feed(line.data))
                if len(found) != 1:
                    raise CannotRun(_damaged(line, "request", line.ask))
                words = found[0][0]
                self._asked[line.connection, line.ask] = Replayed(line.connection, line.ask, words, secret=line.secret)
            elif line.reply and (line.connection, line.reply) in self._asked:
                try:
                    self._asked[line.connection, line.reply].recorded.append(frame(line.data))
                except ProtocolError:
                    raise CannotRun(_damaged(line, "reply", line.reply)) from None
        hashed = bool(self.recording.header.get("redacted"))
        for one in self._asked.values():
            one.hashed = hashed

    @staticmethod
    def _is_together(one: Line, other: Line) -> bool:
        return bool(other.ask) and (other.connection, other.at) == (one.connection, one.at)

    # ---- sending -----------------------------------------------------------------------------------------------------

    def _send(self, many: list[Line]) -> None:
        client = many[0].connection
        link = self._links.get(client)
        if link is None or link.gone:
            for line in many:
                self._asked[client, line.ask].skipped = (
                    "its connection was not there" if link is None else "closed before"
                )
            return
        wire = b""
        for line in many:
            recorded = self._asked[client, line.ask]
            words = self._words(client, recorded)
            if words is None:
                continue
            self.replayed.append(recorded)
            link.sent.append(recorded)
            wire += line.data if words == recorded.words else encode_request(words)
        if wire:
            self._write(client, link, wire)

    def _write(self, client: int, link: _Link, wire: bytes) -> None:
        event = forward.stamped(forward.ASKED, client, wire)
        for exchange in link.talk.ask(wire, event.at, event.now, 0):
            recorded = link.sent[exchange.number - 1]
            if recorded is not None:
                recorded.exchange = exchange
                self._found[exchange.id] = recorded
        left = self._push(link, memoryview(wire))
        self._tell(event)
        while left and not link.gone:
            self._read([client], 0.05)
            left = self._push(link, left)

    @staticmethod
    def _push(link: _Link, left: memoryview) -> memoryview:
        """Send what goes; what is left."""
        try:
            return left[link.sock.send(left) :]
        except BlockingIOError:
            return left
        except OSError:
            link.gone = True
            return left

    def _words(self, client: int, recorded: Replayed) -> Words | None:
        """What is sent for a recorded request; None where it is left out."""
        words = recorded.words
        name = words[0].lower() if words else b""
        if name == b"multi":
            self._multi[client] = False
        command = self.model.command(words) if words else None
        reason = ""
        if recorded.secret:
            signed = self._signed(words)
            if signed is not None:
                recorded.compared = False
                return signed
            reason = _SKIPPED
        elif command is not None and "never-sent" in command.facts and name != b"monitor":
            reason = f"not sent: {command.facts['never-sent'][0]}"
        if reason or not words:
            recorded.skipped = reason or "unreadable"
            if client in self._multi:
                self._multi[client] = True
            return None
        if name in (b"exec", b"discard"):
            recorded.compared = not self._multi.pop(client, False)
        return self._renamed(name, words)

    def _signed(self, words: Words) -> Words | None:
        """AUTH and HELLO with the target's own password; HELLO without, where it has none."""
        address, name = self.target.address, words[0].lower()
        who = (address.username or "default").encode()
        if name == b"auth" and address.password is not None:
            return (b"AUTH", who, address.password.encode())
        if name == b"hello":
            at = next(place for place, word in enumerate(words) if word.lower() == b"auth")
            sign = () if address.password is None else (b"AUTH", who, address.password.encode())
            return (*words[:at], *sign, *words[at + 3 :])
        return None

    def _renamed(self, name: bytes, words: Words) -> Words:
        if not self._names:
            return words
        if name.startswith(b"x"):
            return tuple(self._names.get((b"x", word), word) for word in words)
        if name in _CURSORS and len(words) > _CURSORS[name]:
            at = _CURSORS[name]
            return (*words[:at], self._names.get((b"cursor", words[at]), words[at]), *words[at + 1 :])
        if name == b"client":
            return tuple(self._names.get((b"client", word), word) for word in words)
        return words

    def _learn(self, recorded: Replayed, exchange: Exchange) -> None:
        """What the target chose in the place of what was chosen when it was recorded."""
        if not recorded.recorded or not exchange.frames:
            return
        then, now, name = recorded.recorded[0], exchange.frames[0], exchange.name
        pairs: Iterable[tuple[bytes, Frame, Frame]] = ()
        if name == b"xadd":
            pairs = [(b"x", then, now)]
        elif name in _CURSORS and then.value and now.value and isinstance(then.value, tuple):
            pairs = [(b"cursor", then.value[0], now.value[0])]
        elif name == b"client" and exchange.words[1:2] and exchange.words[1].lower() == b"id":
            pairs = [(b"client", then, now)]
        for kind, old, new in pairs:
            if old.kind == new.kind and old.value is not None and new.value is not None and old.value != new.value:
                self._names[kind, _text(old)] = _text(new)

    # ---- following ---------------------------------------------------------------------------------------------------

    def _follow(self, line: Line) -> None:
        client = line.connection
        if line.event == "open":
            self._open(client)
        elif line.event == "end" and client in self._links and not self._links[client].gone:
            with contextlib.suppress(OSError):
                self._links[client].sock.shutdown(socket.SHUT_WR)
        elif line.event == "close":
            self._close(client)
        elif line.push:
            self._pushed[client] = self._pushed.get(client, 0) + 1
            link = self._links.get(client)
            if link is not None:
                self._look(PUSHES, lambda: link.pushes >= self._pushed[client] or link.gone)
        elif line.reply and (client, line.reply) in self._asked:
            self._await(client, self._asked[client, line.reply])
        elif line.event in ("dropped", "unreadable"):
            self._note(f"the recording has gaps ({line.event}): what is behind them may not be as it was")

    def _await(self, client: int, recorded: Replayed) -> None:
        link, exchange = self._links.get(client), recorded.exchange
        if link is None or exchange is None or recorded.skipped:
            return
        self._look(self.timeout, lambda: exchange.due <= 0 or link.gone)
        if exchange.due > 0:  # nobody could tell what is whose reply any more
            recorded.silent = link.gone = True

    def _look(self, seconds: float, done: Any) -> None:
        """Read whatever comes until something holds, or for so long."""
        end = time.monotonic() + seconds
        while not done():
            left = end - time.monotonic()
            self._read([c for c, link in self._links.items() if not link.gone], max(0.0, min(left, 0.05)))
            if left <= 0:
                return

    def _read(self, clients: list[int], seconds: float) -> None:
        socks = {self._links[client].sock: client for client in clients}
        if not socks:
            time.sleep(seconds)
            return
        for sock in select.select(list(socks), [], [], seconds)[0]:
            client = socks[sock]
            link = self._links[client]
            try:
                data = sock.recv(forward.CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                link.gone = True
                continue
            event = forward.stamped(forward.TOLD, client, data)
            for exchange, _ in link.talk.hear(data):
                if exchange is None:
                    link.pushes += 1
                elif exchange.due <= 0:
                    recorded = link.sent[exchange.number - 1]
                    if recorded is not None:
                        self._learn(recorded, exchange)
            self._tell(event)

    def _tell(self, event: Event) -> None:
        for bench in self._benches:
            bench.take(event)

    def _open(self, client: int) -> None:
        try:
            sock = _connected(self.target.address, self.timeout)
        except OSError as problem:
            self._note(f"connections that the target did not accept: {(problem.strerror or '').lower()}")
            return
        self.excuses.opened += 1
        self._links[client] = _Link(sock, Talk(client))
        self._tell(forward.stamped(forward.OPENED, client))
        auth = self.target.address.auth
        if auth is not None:
            self._links[client].sent.append(None)
            self._write(client, self._links[client], encode_request(auth))
            self._look(self.timeout, lambda: not self._links[client].talk.due or self._links[client].gone)

    def _close(self, client: int) -> None:
        link = self._links.pop(client, None)
        if link is not None:
            link.sock.close()
            self._tell(forward.stamped(forward.CLOSED, client))

    def _missing(self) -> None:
        """What was answered when it was recorded, and is not here."""
        for recorded in self.replayed:
            exchange = recorded.exchange
            if recorded.recorded and exchange is not None and not exchange.frames:
                recorded.silent = True

    def _note(self, text: str) -> None:
        self.notes[text] = self.notes.get(text, 0) + 1


def _connected(address: Address, timeout: float) -> socket.socket:
    if address.path:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(address.path)
    else:
        sock = socket.create_connection((address.host, address.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


def _text(one: Frame) -> bytes:
    return one.value if isinstance(one.value, bytes) else b"%d" % one.value


def of(recording: Recording, target: Target, model: Model, **more: Any) -> Replay:
    """A replay on a target. Raises `CannotRun`."""
    profile = recording.header.get("profile", "")
    source = Model.load(profile) if profile in PROFILES and profile != model.profile.name else None
    return Replay(recording, target, model, source, Excuses.of(model, target), **more)
