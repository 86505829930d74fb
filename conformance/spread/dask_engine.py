"""The search spread over a Dask cluster: `redlark conform --engine dask://host:port`, with the extra `redlark[dask]`.

Theory of operation. Each unit of work is one task of the cluster, which starts the process that ``workers.py`` would
start here, and returns its outcome; on the way it tells of progress as events of the scheduler. Where a worker of the
cluster dies, the scheduler gives its tasks to another one, and they begin anew: the outcome of a task is its unit's,
whoever did it, and is taken once. An event of the cluster asks all tasks for what they have (Ctrl-C).
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from attrs import evolve, field, mutable
from distributed import Client, Future, get_client, get_worker
from distributed import Event as Flag

from redlark.conformance.display import Live
from redlark.conformance.errors import CannotRun
from redlark.conformance.options import Options
from redlark.conformance.report import TargetReport
from redlark.conformance.spread.merging import Outcome
from redlark.conformance.spread.unit import Unit
from redlark.conformance.spread.workers import ATTEMPTS, PATIENCE, Attempt, Event, Search

CONNECTING = 10.0  # seconds for the scheduler to answer, and for a first worker to be there
DESERTED = 60.0  # seconds without any worker, after which the search ends


def do(told: dict[str, Any], topic: str) -> Outcome | None:
    """A task of the cluster: one unit. None where it was stopped before it began. Raises `Died`."""
    worker, name = get_worker(), uuid.uuid4().hex
    flag = Flag(topic, client=get_client())
    if flag.is_set():
        return None
    unit, ended = Unit.from_json(told), threading.Event()

    def tell(event: Event) -> None:
        worker.log_event(topic, {"unit": unit.key, "attempt": name, **event})

    tell({"event": "taken", "by": worker.address, "pid": os.getpid()})
    attempt = Attempt(unit)

    def stop_when_told() -> None:
        while not ended.is_set():
            if flag.wait(timeout=1):
                attempt.interrupt()
                return

    watcher = threading.Thread(target=stop_when_told, daemon=True)
    watcher.start()
    outcome: Outcome | None = None
    try:
        for event in attempt.events():
            if event["event"] == "outcome":
                outcome = event["outcome"]
            else:
                tell(event)
    finally:
        ended.set()
        watcher.join()
    return outcome


@contextlib.contextmanager
def _cluster(url: str) -> Iterator[Client]:
    """A connection to the scheduler. Raises `CannotRun`."""
    scheme, _, place = url.partition("://")
    if scheme != "dask" or not place:
        raise CannotRun(f"--engine {url}: give dask://host:port, the address of a Dask scheduler")
    try:
        client = Client(f"tcp://{place}", timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise CannotRun(f"{url}: no Dask scheduler answers there ({str(problem).splitlines()[0]})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECTING)
        except TimeoutError:
            raise CannotRun(f"{url}: the cluster has no worker") from None
        yield client


def run(name: str, options: Options, live: Live) -> TargetReport:
    """Judge a target with a cluster's workers. Raises `CannotRun`."""
    assert options.engine is not None
    with _cluster(options.engine) as client:
        count = options.workers or len(client.nthreads())
        search = Search(name, evolve(options, workers=count), live, "dask")
        with live:
            interrupted = _Tasks(search, client).run()
    return search.report(interrupted=interrupted)


@mutable
class _Tasks:
    """The units as tasks, and what is heard of them."""

    search: Search
    client: Client
    topic: str = field(factory=lambda: f"redlark-{uuid.uuid4().hex}", init=False)
    heard: queue.SimpleQueue[Event] = field(factory=queue.SimpleQueue, init=False)
    left: dict[str, Future[Outcome | None]] = field(factory=dict, init=False)
    attempts: dict[str, tuple[str, str]] = field(factory=dict, init=False)  # of each unit the latest, and where
    _deserted: float | None = field(default=None, init=False)

    def run(self) -> bool:
        """Do all units; whether that was interrupted."""
        flag = Flag(self.topic, client=self.client)
        self.client.subscribe_topic(self.topic, lambda event: self.heard.put(event[1]))
        for unit in self.search.left:
            key = f"{self.topic}, {unit.key}"
            self.left[unit.key] = self.client.submit(
                do, unit.as_json(), self.topic, key=key, retries=ATTEMPTS - 1, pure=False
            )
        stopping, deadline = False, 1e18
        try:
            while self.left and time.monotonic() < deadline and not self._is_deserted():
                try:
                    self._hear()
                    self._gather()
                except KeyboardInterrupt:
                    if stopping:
                        break
                    stopping, deadline = True, time.monotonic() + PATIENCE
                    self.search.live.interrupts = ()
                    flag.set()
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone
                flag.set()
                self.client.unsubscribe_topic(self.topic)
                self.client.cancel(list(self.left.values()))
        return stopping

    def _hear(self) -> None:
        """What tasks tell, for a moment. Of attempts that are not the latest one of their unit nothing is heard."""
        with contextlib.suppress(queue.Empty):
            while True:
                told = dict(self.heard.get(timeout=0.2))
                unit, attempt = told.pop("unit"), told.pop("attempt")
                if told["event"] == "taken":
                    before = self.attempts.get(unit)
                    self.attempts[unit] = attempt, told["by"]
                    if before is not None:
                        self.search.hear(unit, {"event": "died", "words": f"at {before[1]}", "given_up": False})
                    self.search.hear(unit, told)
                elif self.attempts.get(unit, ("", ""))[0] == attempt and unit in self.left:
                    self.search.hear(unit, told)
        if self.search.live.interrupts:
            raise KeyboardInterrupt

    def _gather(self) -> None:
        """Take the outcomes of tasks that are done."""
        for unit, future in tuple(self.left.items()):
            if not future.done():
                continue
            if future.status == "finished":
                outcome = future.result()
                if outcome is not None and not self.search.has(outcome):
                    self.search.hear(unit, {"event": "outcome", "outcome": outcome})
            else:
                problem = future.exception() if future.status == "error" else "the cluster has dropped it"
                self.search.hear(unit, {"event": "died", "words": str(problem), "given_up": True})
            del self.left[unit]

    def _is_deserted(self) -> bool:
        """Whether the cluster has had no worker for so long that none is waited for any more."""
        if self.client.scheduler_info()["workers"]:
            self._deserted = None
            return False
        self._deserted = self._deserted or time.monotonic()
        if time.monotonic() - self._deserted < DESERTED:
            return False
        self.search.notes.append(f"the cluster has had no worker for {DESERTED:g} s")
        return True
