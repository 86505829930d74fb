"""A test's traffic held to the text: a watch between its clients and its server, and what to say where it breaks it.

What must live here: how a test's server gets a proxy, and how a divergence of its traffic is made short. How traffic is
judged is ``watch/``'s, and how a history is made short is the judge's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit

import pytest
from attrs import evolve

from redlark.conformance.display import finding_block
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History, Request, Step
from redlark.conformance.judging.judge import Judge
from redlark.conformance.pytest_targets import RedisLike
from redlark.conformance.watch import Finding, Watch
from redlark.conformance.watch.told import block
from redlark.conformance.watch.trace import Line, read
from redlark.conformance.watch.wire import Requests

SHORTENED = 5  # divergences of a test that are made short
SECONDS = 10.0  # in which one is


class Judged:
    """A server that a test uses through a proxy; `like` is what the test is given.

    `profile` is what the server is held to, None for what INFO tells; `protocol` is what clients of `client()` speak,
    unless they say otherwise.
    """

    def __init__(self, server: RedisLike, *, profile: str | None = None, protocol: int | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="redlark-judged-")
        self._trace = Path(self._folder.name) / "trace"
        self._shortest: dict[History, str] = {}
        self.server = server
        self.watch = Watch(server.url, profile=profile, trace=self._trace)
        self._options = {} if protocol is None else {"protocol": protocol}

    def __enter__(self) -> Judged:
        try:
            self.watch.__enter__()
        except CannotRun as problem:
            self._folder.cleanup()
            pytest.fail(f"redlark_judged: {problem}", pytrace=False)
        there = urlsplit(self.watch.url)
        user, at, _ = urlsplit(self.server.url).netloc.rpartition("@")
        url = urlunsplit(("redis", f"{user}{at}{there.netloc}", "", "", ""))
        self.like = evolve(
            self.server, url=url, host=self.watch.listen[0], port=self.watch.port, path="", options=self._options
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.like.close()
        self.watch.stop()
        self._folder.cleanup()

    def complaint(self) -> str:
        """What the text does not allow of all that has passed so far, for a reader; empty where it allows it all."""
        found = self.watch.findings()
        if self.watch.failed:
            return f"the traffic could not be judged: {self.watch.failed}"
        if not found:
            return ""
        lines = read(self._trace).lines
        told = list(dict.fromkeys(self._told(lines, one, found) for one in found))  # many become the same when short
        profile = self.watch.choice.profile
        return "\n".join([f"the traffic of {self.server.name} breaks the text of {profile}:", *told])

    def _told(self, lines: Sequence[Line], found: Finding, all_found: Iterable[Finding]) -> str:
        """A divergence as the shortest transcript that shows it again, or as it was seen, where nothing does."""
        others = {one.words for one in all_found if one.command != found.command}  # which would end the history first
        history = history_of((line for line in lines if not others.intersection(_words(line.data))), found.at)
        if history not in self._shortest:
            self._shortest[history] = self._shorter(history) if len(self._shortest) < SHORTENED else ""
        if self._shortest[history]:
            return self._shortest[history]
        note = "as it was seen; sent again in that order, the requests did not show it, or there was no time for that"
        return f"{block(found).plain}\n  note     {note}"

    def _shorter(self, history: History) -> str:
        try:
            with Judge.at(self.server.url, profile=self.watch.choice.profile, destructive=True) as judge:
                again = judge.shortest(history, seconds=SECONDS)
        except (CannotRun, Lost):
            return ""
        return finding_block(again).plain if again is not None and again.reproduced else ""


def history_of(lines: Iterable[Line], until: int) -> History:
    """The requests of a trace up to a moment, in microseconds, as a history: each connection is a client.

    What a client sent before it had a reply to what it sent before travels in one write.
    """
    writes: list[tuple[int, list[Request]]] = []
    under_way: dict[int, list[Request]] = {}  # of each connection, what it wrote and has no reply to
    clients: dict[int, int] = {}
    for line in lines:
        if line.reply:
            under_way.pop(line.connection, None)
        if not line.ask or line.at > until:
            continue
        client = clients.setdefault(line.connection, len(clients))
        asked = [Request(words) for words in _words(line.data)]
        if line.connection in under_way and writes[-1][1] is under_way[line.connection]:
            writes[-1][1].extend(asked)
        else:
            writes.append((client, asked))
            under_way[line.connection] = asked
    return History(tuple(Step(client, tuple(asked)) for client, asked in writes))


def _words(data: bytes) -> Iterator[tuple[bytes, ...]]:
    return (words for words, _ in Requests().feed(data))
