"""The search spread over processes of this machine: `redlark conform --workers N`.

Theory of operation. The units of the search stand in a queue; N hands each take one, start a process for it with
servers of its own, and pass on what it tells. A process that ends without an outcome has died: that is said, what it
had started is stopped, and its unit is done again from the beginning. Outcomes are merged unit by unit, so nothing
counts twice. Ctrl-C asks the processes for what they have so far; those that have not begun to judge are killed.
What must not live here: what a unit is (``unit.py``), how outcomes are added up (``merging.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import field, mutable

from redlark.conformance.display import Live
from redlark.conformance.errors import CannotRun
from redlark.conformance.memory.recall import Memory
from redlark.conformance.options import Options
from redlark.conformance.report import TargetReport
from redlark.conformance.spread import merging
from redlark.conformance.spread.merging import Outcome
from redlark.conformance.spread.state import Kept
from redlark.conformance.spread.unit import Unit, units_of
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import Choice
from redlark.conformance.told import Spread, ToldFinding

ATTEMPTS = 3  # at one unit
PATIENCE = 25.0  # seconds in which processes must tell what they have, once they are interrupted
PROGRAM = (sys.executable, "-m", "redlark.conformance.spread.unit_process")

Event = dict[str, Any]


class Died(Exception):
    """A process ended without an outcome; the message is its last words."""


@mutable(eq=False)
class Attempt:
    """One process at one unit, in a folder of its own, where its servers keep their files too."""

    unit: Unit
    process: subprocess.Popen[str] = field(init=False)
    folder: Path = field(init=False)
    begun: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redlark-unit-"))
        with (self.folder / "errors").open("w") as errors:
            self.process = subprocess.Popen(
                PROGRAM,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "TMPDIR": str(self.folder)},
                start_new_session=True,  # Ctrl-C is for us; we pass it on
            )

    def events(self) -> Iterator[Event]:
        """What it tells, up to its outcome. Raises `Died`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it has died already: that is seen below
                self.process.stdin.write(json.dumps(self.unit.as_json()) + "\n")
                self.process.stdin.flush()
            for line in self.process.stdout:
                if not line.endswith("\n"):
                    break
                event: Event = json.loads(line)
                self.begun = True
                yield event
                if event["event"] == "outcome":
                    return
            raise Died(self._last_words())
        finally:
            self.end()

    def interrupt(self) -> None:
        """Ask it for what it has. One that still reads the text has nothing, and would hear us seconds later."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT if self.begun else signal.SIGKILL)

    def end(self) -> None:
        """See that the process and all that it has started are gone, and their files. Harmless when repeated."""
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in _at_home_in(self.folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _last_words(self) -> str:
        status = self.process.wait()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        said = (self.folder / "errors").read_text(errors="replace").strip().split("\n")[-1]
        return f"{how}: {said}" if said else how


def _at_home_in(folder: Path) -> list[int]:
    """The processes that work in a folder: servers that a process which was killed could not stop any more."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):  # where there is no /proc, there are none to be found
        with contextlib.suppress(OSError):
            if Path(os.readlink(entry / "cwd")).is_relative_to(folder):
                found.append(int(entry.name))
    return found


@mutable
class Search:
    """A search in units: what was told so far, and what it comes to. `Live` shows it like a campaign."""

    name: str
    options: Options
    live: Live
    engine: str = "processes"
    memory: Memory = field(factory=Memory)
    units: list[Unit] = field(init=False)
    choice: Choice = field(init=False)
    rules: Sequence[str] = field(default=(), init=False)
    outcomes: dict[str, Outcome] = field(factory=dict, init=False)
    notes: list[str] = field(factory=list, init=False)
    again: int = field(default=0, init=False)
    exhaustive: None = field(default=None, init=False)
    _requests: dict[str, int] = field(factory=dict, init=False)
    _reached: set[str] = field(factory=set, init=False)
    _faults: dict[tuple[Any, ...], Mapping[str, Any]] = field(factory=dict, init=False)
    _started: float = field(factory=time.monotonic, init=False)
    _phases: set[str] = field(factory=set, init=False)
    _kept: Kept | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        paths = (self.memory.baseline, self.memory.saved)
        self.units = units_of(
            self.name, self.options, *(None if path is None else str(path.resolve()) for path in paths)
        )
        if self.options.state:
            self._go_on(Kept.of(self.options.state, self.units))

    def _go_on(self, kept: Kept) -> None:
        """Take what was kept, and keep what comes. Raises `CannotRun`."""
        outcomes, seconds = kept.read()
        try:
            for outcome in outcomes:
                self.take(outcome)
            merging.report_of(outcomes, self.options, seconds, Spread("", 0, 0, 0, 0))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise CannotRun(f"{kept.path}: not the state of a run ({problem!r}); remove it") from None
        self._kept, self._started = kept, self._started - seconds
        self._keep()
        if outcomes:
            said = f"{len(outcomes)} of {len(self.units)} units, {self.requests:,} requests in {seconds:.0f} s before"
            self.live.phase(f"goes on from {kept.path}: {said}")

    def _keep(self) -> None:
        if self._kept is not None:
            self._kept.write(self.outcomes.values(), self.seconds)

    @property
    def left(self) -> list[Unit]:
        """The units that are still to be done."""
        return [unit for unit in self.units if unit.key not in self.outcomes]

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self._started

    @property
    def requests(self) -> int:
        """What all units have sent and judged; what a process that died had done is not in it."""
        return sum(self._requests.values())

    @property
    def found(self) -> int:
        """How many faults were found."""
        return len(self._faults)

    def reached(self, rule: str) -> int:
        """Whether a unit has reached a rule."""
        return int(rule in self._reached)

    def hear(self, unit: str, event: Event) -> None:
        """What a unit tells."""
        match event["event"]:
            case "begun" if not self.rules:
                self.choice = Choice(event["profile"], event["server"], event["why"])
                self.name, self.rules = event["name"], event["rules"]
                self.live.begin(self)
            case "phase" if event["text"] not in self._phases:
                self._phases.add(event["text"])
                self.live.phase(event["text"])
            case "tick":
                self._requests[unit] = event["requests"]
                self._reached.update(event["reached"])
                self.live.tick(self)
            case "found":
                told = event["finding"]
                if merging.fault(told) not in self._faults:
                    self._faults[merging.fault(told)] = told
                    self.live.found(ToldFinding(told["command"], told))
            case "died":
                self._died(unit, event["words"], event["given_up"])
            case "outcome":
                self.take(event["outcome"])

    def has(self, outcome: Outcome) -> bool:
        """Whether an outcome is here already."""
        return not self.outcomes.keys().isdisjoint(outcome["units"])

    def take(self, outcome: Outcome) -> None:
        """The outcome of a unit. Raises ValueError for one that is here already, or was not asked for."""
        (key,) = outcome["units"]
        if key in self.outcomes or key not in {unit.key for unit in self.units}:
            raise ValueError(f"{key}: counted twice, or not asked for")
        self.outcomes[key] = outcome
        self._requests[key] = outcome["requests"]
        self._reached.update(rule for rules in outcome["reached_in"].values() for rule, count in rules.items() if count)
        for verdict in outcome["commands"].values():
            self._faults |= {merging.fault(told): told for told in verdict["findings"]}
        self._keep()

    def _died(self, unit: str, words: str, given_up: bool) -> None:
        """A worker has died; unless the unit is given up, it is done again, and what was told of it is void."""
        self._requests.pop(unit, None)
        what = f"and is given up after {ATTEMPTS} attempts" if given_up else "and is done again"
        self.again += not given_up
        note = f"the worker of unit {unit} died ({words}), {what}"
        self.notes.append(note)
        self.live.note(note)

    def report(self, *, interrupted: bool) -> TargetReport:
        """What it has come to. Raises `CannotRun` or KeyboardInterrupt where nothing was judged."""
        self._keep()
        spread = Spread(self.engine, self.options.workers, len(self.units), len(self.outcomes), self.again)
        report = merging.report_of(self.outcomes.values(), self.options, self.seconds, spread)
        report.notes += self.notes
        if not report.verdicts:
            if interrupted:
                raise KeyboardInterrupt
            raise CannotRun("; ".join(report.notes) or f"{self.name}: no unit of work was done")
        if interrupted:
            report.ended = "interrupted"
        elif len(self.outcomes) < len(self.units):
            report.ended = "lost"
        return report


def spreads(name: str, options: Options) -> bool:
    """Whether several processes search. On a server that is given each history would empty it for the others."""
    return machine.is_server_name(name) and (options.workers != 1 or options.engine is not None)


def why_alone(options: Options) -> list[str]:
    """What is to be said where several processes were asked for and one has searched."""
    asked = options.workers != 1 or options.engine is not None
    return ["a server that is given is one, and each history empties it: one process searched"] if asked else []


def run(name: str, options: Options, live: Live, memory: Memory | None = None) -> TargetReport:
    """Judge a target that `spreads`, with processes here or on a cluster. Raises `CannotRun`."""
    memory = memory or Memory()
    if options.exhaustive:
        raise CannotRun("--exhaustive goes through its sequences in one process: leave --workers and --engine out")
    if options.engine and memory.baseline:
        raise CannotRun("--baseline is a file of this machine, where a cluster does not search: leave --engine out")
    if options.engine:
        try:
            from redlark.conformance.spread import dask_engine
        except ImportError as missing:
            raise CannotRun(f"--engine needs the extra redlark[dask], which is not installed ({missing})") from None
        return dask_engine.run(name, options, live)
    search = Search(name, options, live, memory=memory)
    with live:
        interrupted = _Hands(search).run()
    return search.report(interrupted=interrupted)


@mutable
class _Hands:
    """Those who take units from the queue; the main thread hears what they pass on."""

    search: Search
    left: queue.SimpleQueue[Unit] = field(factory=queue.SimpleQueue, init=False)
    heard: queue.SimpleQueue[tuple[str, Event]] = field(factory=queue.SimpleQueue, init=False)
    outcomes: list[Outcome] = field(factory=list, init=False)  # an interrupt can make what was heard be forgotten
    attempts: set[Attempt] = field(factory=set, init=False)
    stopping: bool = field(default=False, init=False)
    threads: list[threading.Thread] = field(factory=list, init=False)

    def run(self) -> bool:
        """Do all units; whether that was interrupted."""
        left = self.search.left
        for unit in left:
            self.left.put(unit)
        for _ in range(min(self.search.options.workers, len(left))):
            self.threads.append(threading.Thread(target=self._work, daemon=True))
            self.threads[-1].start()
        try:
            self._wait()
        except CannotRun:  # what comes cannot be kept
            self.stopping = True
            raise
        finally:
            for attempt in tuple(self.attempts):
                attempt.process.kill()
            for thread in self.threads:
                thread.join(10)
        for outcome in self.outcomes:
            if not self.search.has(outcome):
                self.search.take(outcome)
        return self.stopping

    def _wait(self) -> None:
        """Hear them until all is done, or was stopped and has taken too long."""
        deadline = 1e18
        while time.monotonic() < deadline:
            try:
                if self._hear():
                    break
            except KeyboardInterrupt:
                if self.stopping:  # a second one: nobody wants to wait
                    break
                self.stopping, deadline = True, time.monotonic() + PATIENCE
                self.search.live.interrupts = ()  # that is known now
                for attempt in tuple(self.attempts):
                    attempt.interrupt()

    def _hear(self) -> bool:
        """Hear what was passed on; whether there is nothing more to come."""
        alive = any(thread.is_alive() for thread in self.threads)  # asked before, so that nothing is missed
        with contextlib.suppress(queue.Empty):
            while True:
                self.search.hear(*self.heard.get(timeout=0.1))
        if self.search.live.interrupts:
            raise KeyboardInterrupt
        return not alive

    def _work(self) -> None:
        """Do units until there is none."""
        with contextlib.suppress(queue.Empty):
            while not self.stopping:
                self._do(self.left.get_nowait())

    def _do(self, unit: Unit) -> None:
        for number in range(1, ATTEMPTS + 1):
            attempt = Attempt(unit)
            self.attempts.add(attempt)
            if self.stopping:
                attempt.interrupt()
            try:
                for event in attempt.events():
                    if event["event"] == "outcome":
                        self.outcomes.append(event["outcome"])
                    self.heard.put((unit.key, event))
                return
            except Died as died:
                if self.stopping:
                    return
                event = {"event": "died", "words": str(died), "given_up": number == ATTEMPTS}
                self.heard.put((unit.key, event))
            finally:
                self.attempts.discard(attempt)
