"""Exhaustive small worlds: every sequence of up to three requests of a small alphabet, each from an empty server.

A request that leaves the empty server empty (a read, a refusal, DEL of nothing) is followed by each other one, but by
no longer sequence: that would be a shorter one again. Those sequences are counted as implied.

A unit of work is what begins with one request; all sequences that share all but their last request travel in one write,
each behind what empties the server, and asks whether it is. The model judges what is new: where the replies before the
last one are the bytes that they were in the sequence before, so are the worlds. Groups with commands that wait have
sequences of a second kind, each request by a client of its own (``served.py``). A sequence that diverges is run again
alone, shrunk and told like any other. Finished units are kept in a file, if one is named, and an interrupted run goes
on behind them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, mutable

from redlark.conformance.drawing.generate import Grammar, walk
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History, Step, steps_of
from redlark.conformance.history import Request as Asked
from redlark.conformance.judging.connection import Connection, milliseconds
from redlark.conformance.memory.state_file import read_file, write_file
from redlark.conformance.small_worlds import served
from redlark.conformance.small_worlds.alphabet import KEYS, Request, alphabet
from redlark.conformance.targets.target import Target
from redlark.reference import Model, Worlds
from redlark.reference.resp import Frame, encode_request
from redlark.spec import syntax

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign

Letter = served.Letter
GROUPS = (
    "string", "list", "hash", "set", "sorted-set", "stream", "bitmap", "hyperloglog", "geo", "generic", "transactions",
)  # fmt: skip
# One request of another type, so that sequences meet WRONGTYPE; one that deletes, so that they meet what is gone.
STRANGERS: dict[str, tuple[Request, ...]] = {
    "string": ((b"RPUSH", b"a", b"x"), (b"DEL", b"a")),
    "generic": ((b"SET", b"a", b"1"), (b"RPUSH", b"a", b"x", b"1"), (b"SADD", b"b", b"1", b"2")),
    "transactions": (
        (b"SET", b"a", b"1"),
        (b"GET", b"a"),
        (b"INCR", b"b"),
        (b"LPOP", b"a"),
        (b"DEL", b"a"),
        (b"NOSUCH",),
    ),
    "*": ((b"SET", b"a", b"1"), (b"DEL", b"a")),
}
# They stop a pipeline, as do those that park their client; or test the server itself, half a second long; or need what
# only DUMP gives.
UNFIT = frozenset(("MIGRATE", "WAIT", "WAITAOF", "PFSELFTEST", "RESTORE", "RESTORE-ASKING"))
FLUSH = (b"FLUSHALL",)
# Before each sequence, with DBSIZE. FLUSHALL costs Redis 8 a turn of another thread, which would be most of a run; only
# where keys go to other databases it is needed.
EMPTYING: dict[str, tuple[Request, ...]] = {
    "generic": (FLUSH,),
    "transactions": ((b"DISCARD",), (b"UNWATCH",), (b"DEL", *KEYS)),
    "*": ((b"DEL", *KEYS),),
}
SIZE = (b"DBSIZE",)
NO_KEYS = b":0\r\n"


@mutable
class Progress:
    """How far one group is: its alphabet, the units that are done, and how many sequences were judged."""

    group: str
    alphabet: tuple[Letter, ...]
    length: int
    together: bool = False  # whether each letter is another client's
    done: set[int] = field(factory=set)
    sequences: int = 0
    suspects: list[Sequence[Letter]] = field(factory=list)  # those whose replies the text did not allow
    idle: set[int] = field(factory=set)  # requests that leave the empty server empty; known when the first unit is done

    @property
    def total(self) -> int:
        """How many sequences there are."""
        return sum(len(self.alphabet) ** length for length in range(1, self.length + 1))

    @property
    def implied(self) -> int:
        """How many sequences begin with an idle request and are shorter ones behind it, those of two aside."""
        longer: int = sum(len(self.alphabet) ** length for length in range(2, self.length))
        return len(self.idle) * longer

    @property
    def key(self) -> str:
        """What a saved state must share to be gone on with."""
        digest = hashlib.sha256(repr((self.group, self.length, self.alphabet, "idle")).encode())
        return digest.hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The progress as the report and the saved state have it."""
        return {
            "group": self.group,
            "requests": len(self.alphabet),
            "length": self.length,
            "sequences": self.sequences,
            "implied": self.implied,
            "total": self.total,
            "complete": len(self.done) == len(self.alphabet),
        }


@mutable
class Exhaustive:
    """Every sequence over the alphabets of some groups, on one target."""

    model: Model
    target: Target
    suspect: Callable[[History], None]  # told of a sequence whose replies the text does not allow
    length: int = 3
    timeout: float = 5.0
    state: Path | None = None
    groups: list[Progress] = field(factory=list, init=False)
    requests: int = field(default=0, init=False)
    _connection: Connection | None = field(default=None, init=False)
    _served: served.Company | None = field(default=None, init=False)
    _empty: Worlds = field(default=(), init=False)
    _runs: dict[str, Any] = field(factory=dict, init=False)  # what else the file holds: how far other runs are
    _saved: dict[str, dict[str, Any]] = field(factory=dict, init=False)  # of other targets, lengths and texts too

    def plan(self, grammars: Sequence[Grammar], wanted: frozenset[str]) -> None:
        """Lay out the groups; those of the data types where none is wanted. Goes on from the saved state."""
        for group in sorted(wanted) or GROUPS:
            fit = [
                one
                for one in sorted(grammars, key=lambda one: one.name)
                if one.group == group and one.name not in UNFIT
            ]
            if fit:
                strangers = STRANGERS.get(group, STRANGERS["*"])
                letters = alphabet(fit, strangers)
                self.groups.append(
                    Progress(group, tuple((one,) for one in letters if not self._may_park(one)), self.length)
                )
                if group in served.FEEDERS and "CLIENT|UNBLOCK" in self.model.commands:
                    waiting = tuple((one,) for one in letters if self._may_park(one))
                    both = (*waiting, *served.FEEDERS[group])
                    self.groups.append(Progress(f"{group}, who waits", both, self.length, together=True))
        self._load()

    def _may_park(self, request: Request) -> bool:
        """Whether a request may leave its client waiting: of XREAD, only with BLOCK."""
        command = self.model.command(request)
        if command is None or not command.parks:
            return False
        words = {part.word for part in walk(command.block.syntax) if isinstance(part, syntax.Token)}
        return "BLOCK" not in words or b"BLOCK" in request

    def run(self, over: Callable[[], bool], tick: Callable[[], None]) -> None:
        """Judge unit after unit until all are done, or it is over."""
        self._empty = self.model.start(databases=self.target.databases, config=self.target.config)
        self._empty = self.model.connect(self._empty, 0)
        try:
            for progress in self.groups:
                for sequence in progress.suspects:  # of a run that was interrupted
                    self.suspect(_history(sequence, progress.together))
                for unit in range(len(progress.alphabet)):
                    if unit in progress.done:
                        continue
                    for prefix in self._prefixes(progress, unit):
                        if over():
                            return
                        self._judge(progress, prefix)
                        tick()
                    progress.done.add(unit)
                    self._save()
        finally:
            self._close()

    def _prefixes(self, progress: Progress, unit: int) -> Iterator[tuple[Letter, ...]]:
        """What every request is put behind: nothing (in the first unit), the unit's request, that and another."""
        first = progress.alphabet[unit]
        if unit == 0:
            yield ()
        if progress.length > 1:
            yield (first,)
        if progress.length > 2 and unit not in progress.idle:
            yield from ((first, second) for second in progress.alphabet)

    # ---- one write -------------------------------------------------------------------------------------------

    def _judge(self, progress: Progress, prefix: tuple[Letter, ...]) -> None:
        """Judge a prefix with every letter behind it."""
        if not progress.together:
            self._judge_write(progress, prefix)
            return
        for number, last in enumerate(progress.alphabet):
            sequence = (*prefix, last)
            try:
                worlds = self._company.worlds(sequence)
            except Lost:
                self._close()
                worlds = ()
            self.requests += sum(map(len, sequence))
            if not worlds:
                self._suspect(progress, sequence)
            elif not prefix and not any(world.parked for world in worlds) and self._is_idle(worlds):
                progress.idle.add(number)
            progress.sequences += 1

    def _judge_write(self, progress: Progress, letters: tuple[Letter, ...]) -> None:
        """Send a prefix with every request behind it, and judge the replies."""
        prefix = tuple(request for letter in letters for request in letter)
        every = [request for letter in progress.alphabet for request in letter]
        emptying = EMPTYING.get(progress.group, EMPTYING["*"])
        head = b"".join([encode_request(one) for one in (*emptying, SIZE, *prefix)])
        width = len(emptying) + len(prefix) + 2
        wire = b"".join([head + encode_request(last) for last in every])
        try:
            connection = self._open()
            began = milliseconds() + self.target.clock[0]
            connection.send(wire)
            frames = [connection.frame() for _ in range(width * len(every))]
        except Lost:
            self._close()
            for letter in progress.alphabet:  # which one it was, each alone will tell
                self._suspect(progress, (*letters, letter))
            progress.sequences += len(every)
            return
        interval = (began, connection.received + self.target.clock[1])
        self.requests += len(frames)
        seen: tuple[bytes, ...] = ()
        worlds: Worlds = ()
        for number, last in enumerate(every):
            replies = frames[number * width + len(emptying) : (number + 1) * width]  # from the number of keys on
            before = tuple(frame.raw for frame in replies[:-1])
            if before != seen:
                seen, worlds = before, self._worlds(prefix, replies, interval)
            after = self.model.allows(worlds, 0, last, interval, replies[-1]) if worlds else ()
            if not after:
                self._suspect(progress, (*letters, (last,)))
            elif not prefix and self._is_idle(after):
                progress.idle.add(number)
            progress.sequences += 1

    def _worlds(self, prefix: tuple[Request, ...], replies: Sequence[Frame], interval: tuple[int, int]) -> Worlds:
        worlds = self._empty if replies[0].raw == NO_KEYS else ()
        for request, reply in zip(prefix, replies[1:], strict=False):
            worlds = self.model.allows(worlds, 0, request, interval, reply)
        return worlds

    def _is_idle(self, worlds: Worlds) -> bool:
        """Whether the server is certainly as it was before: no key, no field of its own or of the client changed."""
        before = self._empty[0]
        return all(
            not any(world.databases) and (world.server, world.sessions) == (before.server, before.sessions)
            for world in worlds
        )

    def _suspect(self, progress: Progress, sequence: Sequence[Letter]) -> None:
        self._close()
        progress.suspects.append(sequence)
        self.suspect(_history(sequence, progress.together))

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self.target.address.enter(self.timeout)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        if self._served is not None:
            self._served.close()
        self._served = None

    @property
    def _company(self) -> served.Company:
        if self._served is None:
            self._served = served.Company(self.model, self.target, self.length, self.timeout)
        return self._served

    # ---- what is kept ----------------------------------------------------------------------------------------

    def _load(self) -> None:
        if self.state is None or not self.state.exists():
            return
        try:
            self._runs = read_file(self.state)
            self._saved = {one["key"]: one for one in self._runs.get("exhaustive", ())}
        except (KeyError, TypeError) as problem:
            raise CannotRun(f"{self.state}: not the state of an exhaustive run ({problem!r}); remove it") from None
        for progress in self.groups:
            one = self._saved.get(self._key(progress))
            if one:
                progress.done, progress.sequences = set(one["done"]), one["sequences"]
                progress.idle = set(one["idle"])
                progress.suspects = [
                    [tuple(tuple(word.encode("latin-1") for word in one) for one in letter) for letter in sequence]
                    for sequence in one["suspects"]
                ]

    def _key(self, progress: Progress) -> str:
        return f"{self.target.address.text} {self.model.profile.name} {progress.key}"

    def _save(self) -> None:
        if self.state is None:
            return
        for progress in self.groups:
            self._saved[self._key(progress)] = {
                "key": self._key(progress),
                "group": progress.group,
                "done": sorted(progress.done),
                "sequences": progress.sequences,
                "idle": sorted(progress.idle),
                "suspects": [
                    [[[word.decode("latin-1") for word in one] for one in letter] for letter in sequence]
                    for sequence in progress.suspects
                ],
            }
        write_file(self.state, json.dumps(self._runs | {"exhaustive": list(self._saved.values())}, indent=1) + "\n")


def every_sequence(campaign: Campaign) -> None:
    """The exhaustive part of a campaign: what it suspects is run again, shrunk and told as any other divergence."""
    options, judge = campaign.options, campaign.judge(campaign.target)

    def suspect(history: History) -> None:
        before = sum(campaign.diverged.values()), len(campaign.unsupported)
        campaign.one(judge, history, None)
        if before == (sum(campaign.diverged.values()), len(campaign.unsupported)):
            campaign.notes.append(f"not allowed as it was seen first, and not seen again: {history.steps}")

    def over() -> bool:
        if campaign.seconds >= options.budget:
            campaign.ended = "budget"
        return campaign.ended == "budget"

    length = options.exhaustive or 3
    campaign.exhaustive = one = Exhaustive(
        campaign.model, campaign.target, suspect, length, options.timeout, options.state
    )
    one.plan([campaign.grammars[name] for name in campaign.sendable], options.groups)
    try:
        for progress in one.groups:
            campaign.listener.phase(f"every sequence of {progress.group}: {progress.total:,}")
        one.run(over, lambda: campaign.listener.tick(campaign))
    finally:
        campaign.requests += one.requests
        judge.close()


def _history(sequence: Sequence[Letter], together: bool) -> History:
    writes = [tuple(Asked(one) for one in letter) for letter in sequence]
    if together:
        return History(tuple(Step(client, write) for client, write in enumerate(writes)))
    return History(steps_of(0, [one for write in writes for one in write]))
