"""Watching: a listening socket, a relay behind it, a recorder that takes apart what passed, and a judge.

Theory of operation. The relay passes bytes on and tells what it passed. The recorder, a thread, takes that apart,
writes the trace, and queues exchanges; the judge, another thread, holds them to the text. The relay never waits for
either. The queue is bounded: where judging cannot keep up, the recorder goes on alone until the judge has caught up,
what was not judged is counted, and judging begins anew with nothing known. `apart` makes the relay a process of its
own, so that not even Python's own lock is shared.
What must not live here: RESP (``wire.py``), and what is allowed (``observed.py``).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from attrs import field, mutable

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import profiles
from redlark.conformance.targets.target import Address, Target, meet, parse_address
from redlark.conformance.watch import forward
from redlark.conformance.watch.excused import Excuses
from redlark.conformance.watch.forward import Backlog, Event, Relay
from redlark.conformance.watch.hashing import Hashing
from redlark.conformance.watch.known import Known
from redlark.conformance.watch.observed import Finding, Happening, Observed
from redlark.conformance.watch.trace import Trace
from redlark.conformance.watch.wire import Exchange, Talk
from redlark.reference import Model

MOST_QUEUED = 50_000  # exchanges that may wait for the judge
IDLE = 2.0  # seconds without an event, after which what was owed must have come
NOT_KEPT_UP = "judging could not keep up"


@mutable(eq=False)
class Recorder:
    """Takes apart what passed: writes it down, counts it, and hands it to the judge, if there is one."""

    trace: Trace | None = None
    judge: Observed | None = None
    most: int = MOST_QUEUED
    requests: int = 0
    connections: int = 0
    asked: Counter[bytes] = field(factory=Counter)  # by first word, in small letters
    notes: dict[str, int] = field(factory=dict)  # what a reader should know, with how often
    queue: deque[tuple[str, Any]] = field(factory=deque)
    there: threading.Condition = field(factory=threading.Condition)
    opened: Callable[[], None] = lambda: None
    marks: deque[Callable[[], None]] = field(factory=deque)  # what is done once all told by now is judged
    _talks: dict[int, Talk] = field(factory=dict, init=False)
    _event: int = field(default=0, init=False)
    _behind: int = field(default=0, init=False)  # exchanges that were left out while the judge was behind; 0: it is not

    def take(self, event: Event) -> None:
        """One event of the relay."""
        self._event += 1
        kind, client = event.kind, event.connection
        if kind == forward.OPENED:
            self.connections += 1
            self._talks[client] = Talk(client, local=event.data.decode())
            self.opened()
            self._hand("happened", Happening("open", client, event.now))
            self._write(client, event.at, "open")
        elif kind == forward.MARK:
            self._mark(self.marks.popleft())
        elif kind == forward.REFUSED:
            self._note("connections that the server did not accept")
            self._write(client, event.at, "refused")
            self._lose()  # it may come back with other keys
        elif kind == forward.DROPPED:
            self._note("times when recording could not keep up, and left something out")
            self._write(client, event.at, "dropped")
            for talk in self._talks.values():
                talk.broken = True
            self._lose()
        elif kind == forward.ASKED and client in self._talks:
            self._asked(self._talks[client], event)
        elif kind == forward.TOLD and client in self._talks:
            self._told(self._talks[client], event)
        elif kind in (forward.CLIENT_ENDED, forward.SERVER_ENDED):
            self._write(client, event.at, "end", by="client" if kind == forward.CLIENT_ENDED else "server")
            if kind == forward.SERVER_ENDED and client in self._talks and self._talks[client].due:
                self._note("connections that the server ended before it had answered")
        elif kind == forward.CLOSED and self._talks.pop(client, None) is not None:
            self._hand("happened", Happening("close", client, event.now))
            self._write(client, event.at, "close")

    def _asked(self, talk: Talk, event: Event) -> None:
        broken = talk.broken
        for exchange in talk.ask(event.data, event.at, event.now, self._event):
            self.requests += 1
            self.asked[exchange.name[:64]] += 1
            if self.trace is not None:
                self.trace.asked(exchange)
            self._hand("asked", exchange)
        self._unreadable(talk, event, broken)

    def _told(self, talk: Talk, event: Event) -> None:
        broken = talk.broken
        for exchange, frame in talk.hear(event.data):
            if self.trace is not None:
                self.trace.told(talk.connection, event.at, exchange, frame)
            if exchange is None:
                if not talk.due:
                    push = Happening("push", talk.connection, event.now, frame)
                    self._hand("happened", push)
            elif exchange.due <= 0:
                exchange.until, exchange.interval = event.at, (exchange.interval[0], event.now)
                exchange.answered = self._event
                self._hand("answered", exchange)
        self._unreadable(talk, event, broken)

    def _unreadable(self, talk: Talk, event: Event, broken: bool) -> None:
        if talk.broken and not broken:
            self._note("connections that became unreadable (replication, or not RESP)")
            self._write(talk.connection, event.at, "unreadable")

    # ---- to the judge ------------------------------------------------------------------------------------------------

    def _hand(self, what: str, thing: Exchange | Happening) -> None:
        """Queue something for the judge, unless it is too far behind."""
        if self.judge is None:
            return
        if self._behind and len(self.queue) + self.judge.left < self.most // 2:
            self._note(f"exchanges that were recorded and not judged: {NOT_KEPT_UP}", self._behind)
            self.judge.unjudged[NOT_KEPT_UP] += self._behind
            self._behind = 0
            self._lose()
        if self._behind or len(self.queue) + self.judge.left > self.most:
            self._behind += what == "answered"
            self._behind = max(self._behind, 1)
            return
        with self.there:
            self.queue.append((what, thing))
            self.there.notify()

    def _lose(self) -> None:
        """Tell the judge that it has missed something."""
        if self.judge is None:
            return
        sessions = tuple(
            (c, t.resp, t.selected, bool(t.special or t.broken or t.multi is not None or t.due))
            for c, t in self._talks.items()
        )
        with self.there:
            self.queue.append(("happened", Happening("lost", sessions=sessions)))
            self.there.notify()

    def _mark(self, then: Callable[[], None]) -> None:
        """Call this once all before it has been judged."""
        with self.there:
            self.queue.append(("happened", Happening("mark", then=then)))
            self.there.notify()

    def _note(self, text: str, count: int = 1) -> None:
        self.notes[text] = self.notes.get(text, 0) + count

    def _write(self, client: int, at: int, what: str, **more: object) -> None:
        if self.trace is not None:
            self.trace.happened(client, at, what, **more)


class Watch:
    """Watches what passes between clients and a server: `with Watch("redis://host:port") as watch: ... watch.url`.

    ``findings()`` waits until all that has passed is judged and gives what the text does not allow. ``trace`` names a
    file to record in, ``redact`` hashes values in it, ``judging=False`` only records, ``apart`` makes the relay a
    process of its own. Raises `CannotRun` where the server cannot be reached, or the port is taken.
    """

    def __init__(
        self,
        upstream: str | Address,
        *,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        trace: Path | str | None = None,
        redact: bool = False,
        judging: bool = True,
        profile: str | None = None,
        apart: bool = False,
        most_queued: int = MOST_QUEUED,
    ) -> None:
        self.address = parse_address(upstream) if isinstance(upstream, str) else upstream
        if self.address.tls:
            raise CannotRun(f"{self.address.text}: watch passes on plain connections; put it behind what ends TLS")
        self.listen, self.redact, self.judging, self.apart = listen, redact, judging, apart
        self.path, self.profile, self.most = Path(trace) if trace is not None else None, profile, most_queued
        self.model: Model | None = None
        self.judge: Observed | None = None
        self.seconds = 0.0
        self.failed = ""  # a fault of ours in the judge's thread
        self._threads: list[threading.Thread] = []
        self._mark: Callable[[], None] = lambda: None
        self._stop_relay: Callable[[], None] = lambda: None
        self._ending = False

    # ---- beginning and end -------------------------------------------------------------------------------------------

    def __enter__(self) -> Watch:
        self._listener = self._listening()
        try:
            self.target: Target = meet(self.address)
            self.choice = profiles.choose(self.target.info, self.profile)
            self.model = profiles.model_of(self.choice.profile, self.target)
            self._reached = Counter(self.model.reached)
            self.excuses = Excuses.of(self.model, self.target)
            self.recorder = Recorder(self._tracing(), self._judging(), self.most, opened=self._opened)
        except BaseException:
            self._listener.close()
            raise
        self._began = time.monotonic()
        events = self._relaying()
        self._start(self._record, events)
        if self.judge is not None:
            self._start(self._judge)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection, judge what is left, and end the trace. Harmless when repeated."""
        if self._ending:
            return
        self._stop_relay()
        self._threads[0].join()
        with self.recorder.there:
            self._ending = True
            self.recorder.there.notify()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self._began
        if self.recorder.trace is not None:
            self.recorder.trace.close()

    @property
    def alive(self) -> bool:
        """Whether bytes are being passed on."""
        return bool(self._threads) and self._threads[0].is_alive()

    def _listening(self) -> socket.socket:
        host, port = self.listen
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family, backlog=512)
        except OSError as problem:
            reason = (problem.strerror or str(problem)).lower()
            raise CannotRun(f"cannot listen on {host}:{port}: {reason}") from None

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._port
        return port

    @property
    def url(self) -> str:
        """Its address, for a client."""
        return f"redis://{self.listen[0]}:{self.port}"

    def _tracing(self) -> Trace | None:
        if self.path is None:
            return None
        header = {
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "server": self.choice.server,
            "profile": self.choice.profile,
            "empty": self.excuses.empty,
            "databases": self.target.databases,
            "redacted": self.redact,
        }
        assert self.model is not None
        hashing = Hashing(self.model) if self.redact else None
        trace = Trace(self.path, header)
        if hashing is not None:
            trace.words, trace.frame = hashing.words, hashing.frame
        trace.begin()
        return trace

    def _judging(self) -> Observed | None:
        if not self.judging:
            return None
        assert self.model is not None
        known = Known(self.excuses.empty and not self.excuses.replica and not self.excuses.evicts)
        target = self.target
        self.judge = Observed(
            self.model, target.clock, known=known, databases=target.databases, config=target.config, excuse=self.excuses
        )
        return self.judge

    def _opened(self) -> None:
        self.excuses.opened += 1

    # ---- the relay ---------------------------------------------------------------------------------------------------

    def _relaying(self) -> Iterable[Event]:
        self._port = int(self._listener.getsockname()[1])
        address = self.address
        if not self.apart:
            backlog = Backlog()
            relay = Relay(self._listener, forward.connector(address.host, address.port, address.path), backlog.tell)
            thread = threading.Thread(target=relay.run, daemon=True)
            thread.start()

            def stop() -> None:
                relay.stop()
                thread.join()
                backlog.end()

            self._stop_relay = stop
            self._mark = lambda: backlog.tell(forward.stamped(forward.MARK, 0))
            return backlog
        reading, writing = os.pipe()
        where = ["--host", address.host, "--port", str(address.port)] + (
            ["--path", address.path] if address.path else []
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "redlark.conformance.watch.forward", *where,
             "--listener", str(self._listener.fileno()), "--pipe", str(writing)],
            pass_fds=(self._listener.fileno(), writing), stdin=subprocess.PIPE,
        )  # fmt: skip
        os.close(writing)
        self._listener.close()

        def end() -> None:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()

        def mark() -> None:
            assert process.stdin is not None
            process.stdin.write(b".")
            process.stdin.flush()

        self._stop_relay, self._mark = end, mark
        return forward.unpacked(lambda size: os.read(reading, size))

    # ---- threads -----------------------------------------------------------------------------------------------------

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _record(self, events: Iterable[Event]) -> None:
        for event in events:
            self.recorder.take(event)

    def _judge(self) -> None:
        judge, recorder, quiet = self.judge, self.recorder, time.monotonic()
        assert judge is not None
        while True:
            with recorder.there:
                if not recorder.queue:
                    if self._ending:
                        break
                    recorder.there.wait(0.05)
                many = list(recorder.queue)
                recorder.queue.clear()
            for what, thing in many:
                getattr(judge, what)(thing)
            quiet = time.monotonic() if many else quiet
            try:
                judge.process()
                if not many and time.monotonic() - quiet > IDLE:
                    judge.overdue()
            except Exception as problem:  # judging ends; passing on and recording go on
                self.failed = f"a fault of Redlark ended the judging: {problem!r}"
                if "REDLARK_DEBUG" in os.environ:
                    raise
                recorder.judge = None
                return
        judge.process(final=True)

    # ---- what was found ----------------------------------------------------------------------------------------------

    def settle(self, timeout: float = 30.0) -> bool:
        """Wait until all that has passed up to now is judged; False where that takes too long."""
        if self.judge is None or self._ending:
            return True
        done = threading.Event()
        self.recorder.marks.append(done.set)
        self._mark()
        return done.wait(timeout)

    def findings(self) -> tuple[Finding, ...]:
        """What the text does not allow, of all that has passed up to now."""
        self.settle()
        return tuple(self.judge.findings) if self.judge is not None else ()

    def rules(self) -> Counter[str]:
        """How often each rule of the text was used."""
        if self.model is None:
            return Counter()
        return Counter(self.model.reached) - self._reached
