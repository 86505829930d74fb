"""The judge: holds a live server to the text, one history after another, each from an empty server to an empty server.

What must live here: the connections, which stay from one history to the next, and how a server is emptied. How one
history is run and judged is ``attempt.py``'s, for those in which clients meet ``company.py``'s.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from attrs import field, mutable

from redlark.conformance.drawing import clustered, parameters
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History
from redlark.conformance.judging.attempt import Attempt, command_of
from redlark.conformance.judging.company import Company
from redlark.conformance.judging.connection import Connection
from redlark.conformance.judging.divergence import PING, Divergence
from redlark.conformance.targets import profiles
from redlark.conformance.targets.target import TIMEOUT, Target, parse_address, prepare
from redlark.reference import Model, Worlds

if TYPE_CHECKING:
    from redlark.conformance.report import Finding


SHORTENING = 30.0  # seconds
PARTING = 1.0  # seconds that a server has to close what was left


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """The collector of cycles looks seldom: worlds have none, and its looks cost a sixth of the judge's time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@mutable
class Judge:
    """Runs histories on one target, with one model; keeps connections from one history to the next.

    `Judge.at` makes one from an address. It is a context manager, which closes the connections; `requests` counts what
    was sent and judged, `asked` that by command, `most_worlds` is the most that was possible at once.
    """

    model: Model
    target: Target
    loose: bool = False
    timeout: float = 5.0
    requests: int = 0
    most_worlds: int = 1
    last: bool = False  # what a history does to the server matters no more
    given_up: int = 0  # histories that could not be followed to their end
    asked: Counter[str] = field(factory=Counter)
    words: Mapping[str, frozenset[bytes]] = field(factory=dict)  # the options of each command that are to be counted
    options: Counter[tuple[str, bytes]] = field(factory=Counter)  # requests of a command that held such a word
    _connections: dict[int, Connection] = field(factory=dict, init=False)
    _beginnings: dict[tuple[int, ...], Worlds] = field(factory=dict, init=False)
    _names: dict[tuple[bytes, ...], str] = field(factory=dict, init=False)
    resettable: bool = field(default=True, init=False)
    _flushed: bool = field(default=True, init=False)  # else the next history must begin with that
    latest: Attempt | None = field(default=None, init=False)

    @classmethod
    def at(
        cls,
        address: str,
        *,
        profile: str | None = None,
        loose: bool = False,
        destructive: bool = False,
        timeout: float = TIMEOUT,
    ) -> Judge:
        """A judge of the server at redis://..., rediss://... or unix:///..., which is flushed.

        `profile` is that of INFO where it is None; `loose` compares errors by their first word alone; `timeout` is how
        many seconds a reply may take. Raises `CannotRun` where nobody is there, where there is no such profile, and
        where the server holds data, unless `destructive` is said.
        """
        target = prepare(parse_address(address), destructive=destructive, timeout=timeout)
        model = profiles.model_of(profiles.choose(target.info, profile).profile, target)
        return cls(model, target, loose=loose, timeout=timeout)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def shortest(self, history: History, *, setup: str | None = None, seconds: float = SHORTENING) -> Finding | None:
        """Run a history; where it diverges, the shortest one found within that time that does, as a report tells it.

        `setup` is told with it. Raises `CannotRun` if nobody is there.
        """
        from redlark.conformance.judging.shrink import Shrinker
        from redlark.conformance.report import Finding  # which knows crowds, who know judges

        found = self.run(history)
        if found is None:
            return None
        shrinker = Shrinker(self.run, found, seconds=seconds)
        return Finding(shrinker.shrink(), shrinker.reproduced, history.size, setup)

    def run(self, history: History) -> Divergence | None:
        """Run one history from empty to empty; the first divergence ends it. Raises `CannotRun` if nobody is there."""
        if not self._flushed:
            self._flush_late()
        kind = Company if history.social else Attempt
        attempt = kind(self, history, watched=not self.target.signed_in)
        self.latest = attempt
        try:
            attempt.begin()
            found = attempt.run()
        except BaseException:
            self.close()
            if history.configured:  # what it has set is not to stay
                with contextlib.suppress(CannotRun, Lost):
                    self.flush()
            raise
        if self.target.config.get("cluster-enabled") == "yes" and not self.last and clustered.changes(history):
            clustered.serve_all(self.target)
        if found or history.lasting or self.last or not self.resettable or not self.target.signed_in:
            self.part()
        if found and not self.last:
            self.abandon()
        return found

    def abandon(self) -> None:
        """Empty the server behind a history that did not come to its end: now, or else before the next one."""
        self._flushed = False
        with contextlib.suppress(CannotRun, Lost):  # perhaps it was the server's end; else the next run says so
            self.flush()

    def named(self, request: tuple[bytes, ...]) -> str:
        """The full name of the command that a request means; looked up once for each way to write it."""
        written = request[:2]
        name = self._names.get(written)
        if name is None:
            if len(self._names) > 10_000:
                self._names.clear()
            name = self._names[written] = command_of(request, self.model.commands)
        return name

    def count(self, request: tuple[bytes, ...]) -> None:
        """Counts a request that was sent, by its command and the options among its words."""
        self.requests += 1
        name = self.named(request)
        self.asked[name] += 1
        words = self.words.get(name)
        if words:
            for word in words.intersection(map(bytes.upper, request[1:])):
                self.options[name, word] += 1

    def uncount(self) -> None:
        """Forgets what was counted command by command."""
        self.asked.clear()
        self.options.clear()

    @property
    def forgetting(self) -> list[tuple[bytes, ...]]:
        """The requests that make the server forget the code that it was given."""
        return [(name.encode(), b"FLUSH") for name in ("SCRIPT", "FUNCTION") if f"{name}|FLUSH" in self.model.commands]

    def putting_back(self, history: History) -> list[tuple[bytes, ...]]:
        """The requests that give the parameters back their values which a history may have changed."""
        names, config = history.configured, self.target.config
        return [
            (b"CONFIG", b"SET", name, config[name.decode("latin-1")].encode())
            for name in names
            if name in parameters.VALUES and name.decode("latin-1") in config and name not in parameters.FIXED
        ]

    def flush(self) -> None:
        """Empty the server over a connection of its own. Raises `CannotRun` or `Lost`.

        Connections are parted from before that: who waited there is not woken by FLUSHALL. PING comes first for the
        sake of those that were closed at once, behind an interruption or a reply that did not come.
        """
        changed = self.putting_back(self.latest.history) if self.latest is not None else []
        with self.target.address.enter(self.timeout) as connection:
            for request in (PING, (b"FLUSHALL",), *self.forgetting, *changed):
                connection.ask(*request)
        self._flushed = True

    def _flush_late(self) -> None:
        """Empty a server that was too busy to be emptied behind what diverged. Raises `CannotRun`."""
        try:
            self.flush()
        except Lost as lost:
            raise CannotRun(f"{self.target.address.text}: {lost.what} as it was to be emptied") from None

    def part(self) -> None:
        """Close every connection once the server has closed it, and forgotten who was there.

        An end may be slower than a beginning: on a busy machine a new connection was served, and the old one's
        patterns were still counted. A server has `PARTING` seconds for all of them.
        """
        self.part_from(tuple(self._connections))

    def part_from(self, clients: Iterable[int]) -> None:
        """The same of the connections of some clients, of those that are there."""
        connections = [self._connections.pop(client) for client in clients if client in self._connections]
        for connection in connections:
            connection.leave()
        deadline = time.monotonic() + PARTING
        for connection in connections:
            connection.seen_off(deadline)
            connection.close()

    def close(self) -> None:
        """Close every connection at once; the next history opens its own."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def connection(self, client: int) -> Connection:
        """The connection of this client, opened if it is not."""
        connection = self._connections.get(client)
        if connection is None:
            connection = self._connections[client] = self.target.address.open(self.timeout)
        return connection

    def connected(self, client: int) -> bool:
        return client in self._connections

    def drop(self, client: int) -> None:
        connection = self._connections.pop(client, None)
        if connection:
            connection.close()

    def worlds(self, clients: tuple[int, ...]) -> Worlds:
        """An empty server to which these clients have connected, in the order in which they did."""
        order = tuple(client for client in self._connections if client in clients)
        worlds = self._beginnings.get(order)
        if worlds is None:
            worlds = self.model.start(databases=self.target.databases, config=self.target.config)
            for client in order:
                worlds = self.model.connect(worlds, client)
            self._beginnings[order] = worlds
        return worlds
