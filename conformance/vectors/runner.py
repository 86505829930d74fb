"""The consumer: runs the cases of a folder against a server, from the files alone.

Theory of operation. A connection of the runner's own clears the server, tells its clock and, by a request that is
refused as it is read, that the server has done all that was asked before. A case that must not take longer than so
many milliseconds and did is run again. What must not live here: the text or the model, which a consumer in another
language has not got.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import field, frozen, mutable

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.judging.connection import Connection
from redlark.conformance.targets.target import Address, texts
from redlark.conformance.vectors.matching import Known, Pattern, holds
from redlark.reference.resp import Frame
from redlark.reference.transcript import command_line, printed

AGAIN = 6  # times that a case is run which took too long
CLOSING = 2.0  # seconds that a server has to close a connection
BARRIER = (b"ECHO",)  # refused before it is run


@frozen
class Failure:
    """A case that a server fails: in which protocol, what was said up to there, what was allowed and what came."""

    name: str
    rules: tuple[str, ...]
    protocol: int
    server: str
    transcript: tuple[str, ...]
    allowed: str
    seen: str

    def as_json(self) -> dict[str, Any]:
        """The failure as ``--json`` has it."""
        return {
            "case": self.name, "rules": list(self.rules), "protocol": self.protocol, "server": self.server,
            "transcript": list(self.transcript), "allowed": self.allowed, "seen": self.seen,
        }  # fmt: skip


class Slow(Exception):
    """A case took longer than it may, so that nothing is known."""


class Unspoken(Exception):
    """The server does not speak the protocol of a run."""


class _Wrong(Exception):
    """What came is not what the case allows."""

    def __init__(self, allowed: str, seen: str) -> None:
        super().__init__(seen)
        self.allowed, self.seen = allowed, seen


@mutable
class Runner:
    """Runs cases on one server."""

    address: Address
    clear: tuple[tuple[bytes, ...], ...]
    server: str = ""
    signed_in: bool = True
    timeout: float = 5.0
    _control: Connection | None = field(default=None, init=False)

    def run(self, case: Mapping[str, Any], protocol: int) -> Failure | None:
        """One case in one protocol; None where the server does as it says. Raises `Slow`, `Unspoken`, `CannotRun`."""
        for _ in range(AGAIN):
            try:
                one = _Run(self, case, protocol, self._begin(case))
                try:
                    one.connect()
                    return one.run()
                finally:
                    self._end(one)
            except Slow:
                continue
        raise Slow

    def _begin(self, case: Mapping[str, Any]) -> dict[bytes, bytes]:
        """Clear the server; the values of the parameters that the case changes."""
        for request in self.clear:
            self.ask(*request)
        kept: dict[bytes, bytes] = {}
        for name in case.get("restore", ()):
            told = texts(self.ask(b"CONFIG", b"GET", name.encode("latin-1")))
            kept.update(zip(told[::2], told[1::2], strict=False))
        return kept

    def _end(self, one: _Run) -> None:
        """Close the case's connections, and put back what it has changed."""
        for connection in one.connections.values():
            connection.close()
        for name, value in one.kept.items():
            self.ask(b"CONFIG", b"SET", name, value)
        self.barrier()

    def ask(self, *request: bytes) -> Frame:
        """Ask something over the runner's own connection, a new one if that is gone. Raises `CannotRun`."""
        for last in (False, True):
            try:
                if self._control is None:
                    self._control = self.address.enter(self.timeout)
                return self._control.ask(*request)
            except Lost as lost:
                self.close()
                if last:
                    raise CannotRun(f"{self.address.text}: it {lost.what} on {request[0].decode()}") from None
        raise AssertionError

    def barrier(self) -> None:
        """When this returns, the server has done all that was sent before, and written what it owes for it."""
        for _ in range(2):
            self.ask(*BARRIER)

    def close(self) -> None:
        """Close the runner's own connection."""
        if self._control is not None:
            self._control.close()
            self._control = None


@mutable
class _Run:
    """One run of one case."""

    runner: Runner
    case: Mapping[str, Any]
    protocol: int
    kept: dict[bytes, bytes]
    connections: dict[int, Connection] = field(factory=dict, init=False)
    transcript: list[str] = field(factory=list, init=False)
    replies: dict[int, Frame] = field(factory=dict, init=False)  # the last frame of each step
    known: Known = field(init=False)

    def run(self) -> Failure | None:
        began, allowed = time.monotonic(), self.case.get("within")
        try:
            for number, step in enumerate(self.case["steps"]):
                if allowed is not None:
                    allowed += step.get("pause", 0) + step.get("takes", 0)
                self._step(number, step)
            found = self._left_over()
        except _Wrong as wrong:
            found = wrong
        except Lost as lost:
            found = _Wrong("a reply", f"it {lost.what}")
        if allowed is not None and (time.monotonic() - began) * 1000 > allowed:
            raise Slow
        if found is None:
            return None
        return Failure(
            self.case["name"], tuple(self.case["rules"]), self.protocol, self.runner.server, tuple(self.transcript),
            found.allowed, found.seen,
        )  # fmt: skip

    def connect(self) -> None:
        """Open the connections in the protocol of the run. Raises `Unspoken` or `CannotRun`."""
        runner, ids = self.runner, dict[int, int]()
        for client in range(1, self.case.get("clients", 1) + 1):
            enter = runner.address.enter if runner.signed_in else runner.address.open
            self.connections[client] = enter(runner.timeout)
        try:
            for client, connection in self.connections.items():
                if self.protocol == 3 and connection.ask(b"HELLO", b"3").is_error:
                    raise Unspoken
                if '{"id":' in str(self.case["steps"]).replace("'", '"'):
                    ids[client] = connection.ask(b"CLIENT", b"ID").value
        except Lost as lost:
            raise CannotRun(f"{runner.address.text}: it {lost.what} as a case began") from None
        said = texts(runner.ask(b"TIME"))
        now = int(said[0]) * 1000 + int(said[1]) // 1000 if len(said) == 2 else time.time_ns() // 1_000_000
        self.known = Known(now, ids)

    def _step(self, number: int, step: Mapping[str, Any]) -> None:
        if "pause" in step:
            time.sleep(step["pause"] / 1000)
            return
        client = step["client"]
        connection = self.connections[client]
        if "closed" in step:
            if not connection.closed_within(CLOSING):
                raise _Wrong("the end of the connection", "the connection stays open")
            self.transcript.append(f"{self._prompt(client)}(closed)")
            return
        if "send" in step:
            request = [self._argument(one) for one in step["send"]]
            self.transcript.append(f"{self._prompt(client)}{command_line(request)}")
            connection.send(_encoded(request))
        connection.timeout = self.runner.timeout + step.get("takes", 0) / 1000
        for pattern in step["expect"]:
            frame = self._frame(connection, pattern)
            self.transcript += ([] if "send" in step else [f"{client}<"]) + printed(frame.raw).split("\n")
            self.replies[number] = frame
            if not holds(pattern, frame, self.known):
                raise _Wrong(shown(pattern), printed(frame.raw))
        if not step["expect"]:
            self.runner.barrier()
            self._nothing(client, connection)

    def _frame(self, connection: Connection, pattern: Pattern) -> Frame:
        try:
            return connection.frame()
        except Lost as lost:
            raise _Wrong(shown(pattern), f"it {lost.what}") from None

    def _prompt(self, client: int) -> str:
        return f"{client}> " if len(self.connections) > 1 else "> "

    def _argument(self, written: Any) -> bytes:
        match written:
            case str():
                return written.encode("latin-1")
            case {"clock": "ms", "plus": plus}:
                return b"%d" % (self.known.began + plus)
            case {"reply": number}:
                value = self.replies[number].value
                return value if isinstance(value, bytes) else b"%d" % value
            case {"id": client}:
                return b"%d" % self.known.ids[client]
            case {"address": client}:
                return self.connections[client].address
        raise CannotRun(f"an argument of no known form: {written!r}")

    def _left_over(self) -> _Wrong | None:
        self.runner.barrier()
        for client, connection in self.connections.items():
            try:
                self._nothing(client, connection)
            except _Wrong as wrong:
                return wrong
        return None

    def _nothing(self, client: int, connection: Connection) -> None:
        frame = connection.leftover()
        if frame is not None:
            raise _Wrong(f"nothing more for client {client}", printed(frame.raw))


def _encoded(request: Iterable[bytes]) -> bytes:
    parts = list(request)
    return b"*%d\r\n%b" % (len(parts), b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))


def shown(pattern: Pattern) -> str:
    """A pattern for a person: as redis-cli prints a frame, or in words."""
    if isinstance(pattern, str):
        return printed(pattern.encode("latin-1"))
    if "either" in pattern:
        return " or ".join(shown(one) for one in pattern["either"])
    if "any" in pattern:
        return "any reply but an error"
    if "id" in pattern:
        return f"the id of client {pattern['id']}"
    named = {"from": "from {}", "to": "to {}", "clock": "after the case began, in {}", "matches": "that matches {}"}
    words = [form.format(pattern[name]) for name, form in named.items() if name in pattern]
    for name in ("items", "unordered"):
        if name in pattern:
            order = "in any order " if name == "unordered" else ""
            words.append(f"{order}[{', '.join(shown(one) for one in pattern[name])}]")
    if "pairs" in pattern:
        words.append("in any order {" + ", ".join(": ".join(map(shown, pair)) for pair in pattern["pairs"]) + "}")
    if "each" in pattern:
        words.append(f"of {shown(pattern['each'])}")
    return " ".join([f"a frame of {pattern['kind']}", *words])


@contextlib.contextmanager
def running(runner: Runner) -> Iterator[Runner]:
    """A runner, closed afterwards."""
    try:
        yield runner
    finally:
        runner.close()
