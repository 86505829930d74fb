"""A contradiction: what several clients saw and no order explains, made short and drawn as a picture in text.

Two ways make it short. The program is run again with less in it, several times each, since whether the clients meet is
chance; and of the history that was seen, what cannot matter is left out: all that came after the contradiction was
there, and what changed nothing (a read, or a request that failed).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import evolve, field, frozen, mutable

from redlark.conformance.crowds.concurrent import Program, without
from redlark.conformance.crowds.linearize import NEVER, Operation, Undecided, cut
from redlark.conformance.history import History, Request, Step
from redlark.reference.transcript import command_line, printed

Explains = Callable[[Sequence[Operation]], bool]  # whether some order explains what was seen; may raise `Undecided`
Run = Callable[[Program, random.Random], list[Operation]]

ATTEMPTS = 25  # runs that a smaller program deserves
RUNS = 1500
WIDTH = 36  # columns of a picture's bars


@frozen
class Contradiction:
    """Operations that no order explains, and how many the history had in which they were seen."""

    operations: tuple[Operation, ...]
    original: int

    @property
    def clients(self) -> tuple[int, ...]:
        """The clients that take part, in the order of their first operation."""
        return tuple(dict.fromkeys(one.client for one in self.operations))

    @property
    def one_by_one(self) -> History | None:
        """The same requests, each sent when the one before is answered; None where a reply was not seen."""
        if any(one.reply is None for one in self.operations):
            return None
        order = sorted(self.operations, key=lambda one: one.invoked)
        return History(tuple(Step(self.clients.index(one.client), (Request(one.request),)) for one in order))

    def picture(self) -> str:
        """A line for each operation: its bar, from sending to reply, time going right; its client, request, reply."""
        names = {client: str(number) for number, client in enumerate(self.clients, 1)}
        events = sorted({event for one in self.operations for event in (one.invoked, one.returned) if event < NEVER})
        step = max(1, min(4, WIDTH // max(1, len(events))))
        at = {event: number * step for number, event in enumerate(events)}
        width = len(events) * step + 1
        asked = [f"{names[one.client]}> {command_line(one.request)}" for one in self.operations]
        longest = min(60, max((len(text) for text in asked), default=0))
        return "\n".join(
            f"{_bar(one, at, width)}  {text:<{longest}}  {_reply(one)}".rstrip()
            for one, text in zip(self.operations, asked, strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """The contradiction as the report's JSON has it."""
        names = {client: number for number, client in enumerate(self.clients, 1)}
        return {
            "picture": self.picture(),
            "original": self.original,
            "operations": [
                {
                    "client": names[one.client],
                    "request": command_line(one.request),
                    "reply": None if one.reply is None else printed(one.reply.raw),
                    "invoked": one.invoked,
                    "returned": one.returned if one.returned < NEVER else None,
                }
                for one in self.operations
            ],
        }


def _bar(one: Operation, at: dict[int, int], width: int) -> str:
    begin = at[one.invoked]
    if one.returned == NEVER:
        return " " * begin + "|" + "-" * (width - begin - 2) + ">"
    end = at[one.returned]
    return (" " * begin + "|" + "-" * (end - begin - 1) + "|").ljust(width)


def _reply(one: Operation) -> str:
    return "..." if one.reply is None else printed(one.reply.raw).replace("\n", " ")


# ---- making it short -----------------------------------------------------------------------------------------


@mutable
class Reducer:
    """The shortest program known to show a contradiction, the shortest history of it, and the runs that are left."""

    run: Run
    explains: Explains
    changes_nothing: Callable[[Operation], bool]
    rng: random.Random
    runs: int = RUNS
    program: Program = field(init=False)
    seen: list[Operation] = field(init=False)

    def reduce(self, program: Program, seen: list[Operation]) -> Contradiction:
        """The shortest contradiction that running it again, and leaving out of what was seen, gives."""
        self.program, self.seen = program, seen
        before = None
        while before is not self.program and self.runs > 0:
            before = self.program
            for candidate in _smaller(self.program):
                if candidate.size < self.program.size and self._again(candidate):
                    break
        return Contradiction(tuple(self.shortest(self.seen)), len(seen))

    def _again(self, candidate: Program) -> bool:
        """Whether the smaller program shows a contradiction too; then it is the smallest."""
        for _ in range(ATTEMPTS):
            if self.runs <= 0:
                return False
            self.runs -= 1
            seen = self.run(candidate, self.rng)
            if self._contradicts(seen):
                self.program, self.seen = candidate, seen
                return True
        return False

    def _contradicts(self, seen: Sequence[Operation]) -> bool:
        try:
            return not self.explains(seen)
        except Undecided:
            return False

    def shortest(self, seen: Sequence[Operation]) -> list[Operation]:
        """The history up to the event at which it contradicts itself, less what changed nothing and is not needed."""
        events = sorted(one.returned for one in seen if one.returned < NEVER)
        low, high = 0, len(events) - 1
        while low < high:  # what is cut later says more, so contradictions stay: the first one is found by halves
            middle = (low + high) // 2
            if self._contradicts(cut(seen, events[middle] + 1)):
                high = middle
            else:
                low = middle + 1
        kept = cut(seen, events[high] + 1) if events else list(seen)
        kept = [one for one in kept if one.reply is not None or not self.changes_nothing(one)]
        in_transactions = set(_in_transactions(kept))
        for one in reversed(list(kept)):
            if one not in in_transactions and self.changes_nothing(one):
                fewer = [other for other in kept if other is not one]
                if self._contradicts(fewer):
                    kept = fewer
        return kept


def _in_transactions(operations: Sequence[Operation]) -> Iterator[Operation]:
    """What cannot be left out alone: WATCH, MULTI and EXEC, and all that stands between MULTI and EXEC."""
    inside: set[int] = set()
    for one in operations:
        name = one.request[0].upper()
        if name in (b"MULTI", b"EXEC", b"DISCARD", b"WATCH", b"UNWATCH") or one.client in inside:
            yield one
        if name == b"MULTI":
            inside.add(one.client)
        elif name in (b"EXEC", b"DISCARD"):
            inside.discard(one.client)


def _smaller(program: Program) -> Iterator[Program]:
    """Programs with less in them, the smallest first."""
    clients = [number for number, mine in enumerate(program.writes) if mine]
    if len(clients) > 2:
        for client in clients:
            yield without(program, client)
    if program.before:
        yield evolve(program, before=())
        for place in range(len(program.before)):
            yield evolve(program, before=program.before[:place] + program.before[place + 1 :])
    for client in clients:
        for write in range(len(program.writes[client])):
            yield without(program, client, write)
    for client in clients:
        for write, requests in enumerate(program.writes[client]):
            for place in range(len(requests)):
                if len(requests) > 1:
                    yield without(program, client, write, place)
