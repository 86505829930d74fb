"""Sight: a witness run on the two real servers, and what each of them said.

A difference is `seen` where each server does what its own profile allows, and the two have answered differently in a
way that the other profile does not allow: a difference that chance or the clock could make is none. For what replies do
not tell, a connection that follows the server as a replica does (SYNC), or one that is told of every change of a key,
stands beside. What must not live here: the search for histories (`witness.py`), how it is told (`outcome.py`).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from attrs import evolve, field, frozen, mutable

from redlark.conformance.differences.witness import LUCK, STANDING, Witness
from redlark.conformance.drawing import clustered
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History
from redlark.conformance.judging.connection import Connection, dial, milliseconds
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.servers import Server
from redlark.conformance.targets.target import at, parse_address, prepare
from redlark.reference import Model
from redlark.reference.resp import Decoder, Frame, encode_request
from redlark.spec.profiles import recognise

Words = tuple[bytes, ...]
_MARK = b"redlark-mark"
_ASIDE = (b"PING", b"REPLCONF", b"SELECT")
_CLASSES = (
    b"EAoc",
    b"EA",
)  # of events, as many as a server has; that a key is new (`n`) is told of too often to compare


@frozen
class Said:
    """One exchange with a real server; a frame that came unasked has an empty request, a reply may be due later."""

    client: int
    request: Words
    reply: bytes | None
    when: tuple[int, int] | None = None  # by the server's clock, in milliseconds


@frozen
class Sight:
    """What one server did in a history: the exchanges, and what it told its replicas or those who wait for events."""

    server: str
    said: tuple[Said, ...]
    told: tuple[Words, ...] = ()
    problem: str = ""  # why this server did otherwise than its profile says
    when: tuple[int, int] = (0, 0)


@frozen
class Outcome:
    """Whether a difference was seen; if not, why not."""

    seen: bool
    reason: str = ""
    witness: Witness | None = None
    sights: tuple[Sight, ...] = ()


@mutable
class Stage:
    """The real servers of two profiles, started when they are needed, for each configuration."""

    profiles: tuple[str, str]
    servers: tuple[Server | None, Server | None] = field(init=False)
    _judges: dict[tuple[int, tuple[tuple[str, str], ...]], Judge] = field(factory=dict, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)

    @servers.default
    def _find(self) -> tuple[Server | None, Server | None]:
        found = machine.find_servers()
        first, second = (
            next((one for one in found if recognise(one.product, one.version).name == profile), None)
            for profile in self.profiles
        )
        return first, second

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        for judge in self._judges.values():
            judge.close()
        self._stack.close()

    def outcome(
        self,
        witness: Witness | None,
        why: str = "no history was found that shows it",
        without: Model | None = None,
    ) -> Outcome:
        """What the two servers did with a witness, and whether that shows the difference.

        `why` is the reason if there is no witness. Where one of the two lacks a command on the way, the other one must
        answer what `without` (its model but for the difference) does not allow.
        """
        for profile, server in zip(self.profiles, self.servers, strict=True):
            if server is None:
                return Outcome(False, f"no server of {profile} is on this machine", witness)
        if witness is None:
            return Outcome(False, why)
        try:
            first, second = (self._look(side, witness) for side in (0, 1))
        except (CannotRun, Lost, OSError) as problem:
            return Outcome(False, f"the servers could not be asked: {problem}", witness)
        sights = (first, second)
        for sight in sights:
            if sight.problem:
                return Outcome(
                    False, f"{sight.server} did otherwise than the text says: {sight.problem}", witness, sights
                )
        if witness.channel != "reply" and witness.lacking and without is not None:
            side = 1 if witness.lacking.startswith(f"{self.profiles[0]} ") else 0
            model = self._judge(side, witness.config).model
            told = _comparable(sights[side].told, witness)
            if not any(told == told_by(model, witness, luck) for luck in LUCK):
                return Outcome(False, f"{sights[side].server} told otherwise than the text says", witness, sights)
            why = "without it the same would be told" if told in [told_by(without, witness, n) for n in LUCK] else ""
            return Outcome(not why, why, witness, sights)
        if witness.channel != "reply":
            same = [[_timeless(words) for words in sight.told if words[:1] != (b"EXEC",)] for sight in sights]
            if witness.late:
                same = [told[-1:] for told in same]
            why = "" if same[0] != same[1] else "both servers told the same"
            return Outcome(not why, why, witness, sights)
        said = [[(one.client, one.request, one.reply) for one in sight.said] for sight in sights]
        if said[0] == said[1]:
            return Outcome(False, "both servers answered the same", witness, sights)
        if not witness.history.social and self._allows(1, first, witness) and self._allows(0, second, witness):
            return Outcome(False, "either profile allows what both servers answered", witness, sights)
        if witness.lacking and without is not None:
            side = 1 if witness.lacking.startswith(f"{self.profiles[0]} ") else 0
            if self._allows(side, sights[side], witness, without):
                return Outcome(False, "without it the same answers would be allowed", witness, sights)
        return Outcome(True, "", witness, sights)

    # ---- one server ----------------------------------------------------------------------------------------------

    def _look(self, side: int, witness: Witness) -> Sight:
        judge = self._judge(side, witness.config)
        server = self.servers[side]
        assert server is not None
        host, port = judge.target.address.host, judge.target.address.port
        begin = milliseconds()
        with contextlib.ExitStack() as opened:
            follower = None
            if witness.channel == "propagated":
                follower = opened.enter_context(Follower.of(host, port))
            elif witness.channel == "events":
                follower = opened.enter_context(Listener.of(host, port))
            found = judge.run(witness.history)
            told = follower.told() if follower is not None else ()
        _put_back(judge, witness.history)
        attempt = judge.latest
        assert attempt is not None
        said = tuple(
            Said(one.client, one.request, one.reply.raw if one.reply is not None else None, one.when)
            for one in attempt.exchanges[attempt.greeted :]
        )
        problem = f"{found.seen} (allowed: {', '.join(found.allowed[:3])})" if found else ""
        return Sight(server.name, said, told, problem, (begin, milliseconds()))

    def _judge(self, side: int, config: Mapping[str, str]) -> Judge:
        key = (side, tuple(sorted(config.items())))
        if key not in self._judges:
            server = self.servers[side]
            assert server is not None
            settings = {name: value for name, value in config.items() if self._has(side, name)}
            started = self._stack.enter_context(machine.running(server, {**settings, "repl-diskless-sync": "no"}))
            address = at(parse_address(started.url), started.host, started.port, server.name)
            address = evolve(address, password=config.get("requirepass"))
            target = prepare(address, destructive=True)
            target = evolve(target, config={**target.config, **config}, signed_in="requirepass" not in config)
            if config.get("cluster-enabled") == "yes":
                clustered.serve_all(target)
            self._judges[key] = Judge(Model.load(self.profiles[side]), target)
        return self._judges[key]

    def _has(self, side: int, name: str) -> bool:
        """Whether servers of a profile have a parameter."""
        model = Model.load(self.profiles[side])
        return any(name in one.names and model.profile.holds(one.guard) for one in model.text.parameters)

    def _allows(self, side: int, sight: Sight, witness: Witness, model: Model | None = None) -> bool:
        """Whether a profile (or another model) allows what a server answered."""
        judge = self._judge(side, witness.config)
        model = model or judge.model
        worlds = model.start(databases=judge.target.databases, config=judge.target.config)
        for client in witness.history.clients:
            worlds = model.connect(worlds, client)
            for request in _greeting(judge, witness.history):
                worlds = model.allows(worlds, client, request, sight.when, None)
        for one in sight.said:
            frame = _frame(one.reply)
            worlds = model.allows(worlds, one.client, one.request, one.when or sight.when, frame)
            if not worlds:
                return False
        return True


def _put_back(judge: Judge, history: History) -> None:
    """Parameters that a history has changed get their values back; refusals do not matter."""
    names = [name for name in history.configured if name.decode("latin-1") in judge.target.config]
    if names:
        connection = judge.target.address.open()
        for name in names:
            connection.send(encode_request((b"CONFIG", b"SET", name, judge.target.config[name.decode()].encode())))
            connection.frame()
        connection.close()


def _greeting(judge: Judge, history: History) -> list[Words]:
    auth = judge.target.greeting
    return ([auth] if auth else []) + ([(b"HELLO", b"3")] if history.protocol == 3 else [])


def told_by(model: Model, witness: Witness, luck: int) -> list[Words]:
    """What a model tells replicas, or those who hear of events, in a history."""
    rehearsal = Rehearsal(model, {"databases": "16", **witness.config}, pace=STANDING)
    said = rehearsal.told(witness.history, luck)
    found: list[Words] = []
    for one in said:
        for entry in one.events if witness.channel == "events" else one.propagated:
            assert isinstance(entry, tuple)
            found.append(entry[1:] if witness.channel == "events" else entry[1])
    return _comparable(found, witness)


def _comparable(told: Sequence[Words], witness: Witness) -> list[Words]:
    return [
        _timeless(words) for words in told if witness.channel == "events" or words[:1] not in ((b"EXEC",), (b"MULTI",))
    ]


def _frame(raw: bytes | None) -> Frame | None:
    if raw is None:
        return None
    (frame,) = Decoder().feed(raw)
    return frame


def _timeless(words: Words) -> Words:
    """Words whose long numbers, which are times, are all the same."""
    return tuple(b"(time)" if len(word) >= 12 and word.isdigit() else word for word in words)


# ---- connections that stand beside -------------------------------------------------------------------------------


@mutable
class Beside:
    """A connection that hears what others do, and one to make it hear a mark."""

    connection: Connection
    marker: Connection

    @classmethod
    @contextlib.contextmanager
    def of(cls, host: str, port: int) -> Iterator[Beside]:
        """Open both, and begin to hear."""
        with contextlib.ExitStack() as opened:
            connections = [dial(host, port, timeout=10.0) for _ in range(2)]
            for each in connections:
                opened.callback(each.close)
            beside = cls(*connections)
            beside.begin()
            yield beside

    def begin(self) -> None:
        """Begin to hear."""
        raise AssertionError

    def _next(self) -> Words:
        value = self.connection.frame().value
        return tuple(child.value for child in value) if isinstance(value, tuple) else ()

    def told(self) -> tuple[Words, ...]:
        """What was heard up to now."""
        raise AssertionError

    def mark(self) -> None:
        """Say something that is heard behind all that was said before."""
        self.marker.send(encode_request((b"PUBLISH", _MARK, _MARK)))
        self.marker.frame()


class Follower(Beside):
    """A connection that the server takes for a replica: it gets every command that changes something."""

    def begin(self) -> None:
        """Ask for a snapshot, and read it away."""
        sock: socket.socket = self.connection._sock
        self.connection.send(b"SYNC\r\n")
        line = b"\n"
        while not line.strip():  # line breaks come while it waits
            line = _line(sock)
        size = int(line.strip()[1:])
        while size:
            size -= len(sock.recv(size))

    def told(self) -> tuple[Words, ...]:
        """The commands."""
        self.mark()
        found: list[Words] = []
        while True:
            words = self._next()
            if words[:1] == (b"PUBLISH",) and _MARK in words:
                return tuple(found[:-1] if found[-1:] == [(b"FLUSHALL",)] else found)  # the judge's own
            if words and words[0].upper() not in _ASIDE:
                found.append(words)


class Listener(Beside):
    """A connection that subscribes to the notifications of keys."""

    def begin(self) -> None:
        """Switch them on, and subscribe."""
        for classes in _CLASSES:
            self.marker.send(encode_request((b"CONFIG", b"SET", b"notify-keyspace-events", classes)))
            if self.marker.frame().raw == b"+OK\r\n":
                break
        for words in ((b"PSUBSCRIBE", b"__keyevent@*"), (b"SUBSCRIBE", _MARK)):
            self.connection.send(encode_request(words))
            self.connection.frame()

    def told(self) -> tuple[Words, ...]:
        """The events, each with its key."""
        self.mark()
        found: list[Words] = []
        while True:
            words = self._next()
            if words[-1:] == (_MARK,):
                break
            found.append((words[2].partition(b":")[2], words[3]))
        self.marker.send(encode_request((b"CONFIG", b"SET", b"notify-keyspace-events", b"")))
        self.marker.frame()
        return tuple(found)


def _line(sock: socket.socket) -> bytes:
    """Bytes up to a line break, one by one so that nothing behind it is read."""
    got = b""
    while not got.endswith(b"\n"):
        got += sock.recv(1)
    return got
