"""Shrinking: from a history that diverges to the shortest one that does, by running candidates on the live target.

A reducer of our own, not Hypothesis's: the judged history is not a function of Hypothesis's choices alone but of a
server and of time, a candidate costs real round trips, and it may fail to reproduce by chance (docs/decisions). The
order: cut, straighten pipelines, drop requests by delta debugging, merge clients, then simplify arguments. Every
candidate is smaller by a fixed measure, so it ends; a budget of runs and seconds ends it earlier.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from attrs import evolve, field, mutable

from redlark.conformance.history import History, Moment, Part, Request, Step
from redlark.conformance.judging.divergence import Divergence

Run = Callable[[History], Divergence | None]

RUNS = 1500
SECONDS = 8.0


@mutable
class Shrinker:
    """The smallest divergence so far and the budget that is left.

    Whatever is best was run as it stands, and has diverged then: what is kept of it can be run again.
    """

    run: Run
    best: Divergence
    runs: int = RUNS
    seconds: float = SECONDS
    attempts: int = 1
    reproduced: bool = field(default=False, init=False)
    _deadline: float = field(init=False)

    @_deadline.default
    def _end(self) -> float:
        return time.monotonic() + self.seconds

    @property
    def history(self) -> History:
        return self.best.history

    def shrink(self) -> Divergence:
        """The smallest divergence found; `reproduced` tells whether the first one came again at all."""
        self._confirm()
        if not self.reproduced:
            return self.best
        self._cut()
        self._try(_straight(self.history))
        before = None
        while before != self.history and self._left():
            before = self.history
            self._drop()
            self._drop_pairs()
            self._merge()
            self._simplify()
        return self.best

    def _confirm(self) -> None:
        """Whether it comes again, and how many attempts a candidate deserves."""
        seen = 0
        for tried in range(1, 6):
            found = self.run(self.history)
            self.runs -= 1
            if found:
                seen += 1
                self.best = found
            if seen == 2 and tried == 2:
                break
        self.reproduced = seen > 0
        self.attempts = 1 if seen == 2 and tried == 2 else 4

    def _left(self) -> bool:
        return self.runs > 0 and time.monotonic() < self._deadline

    def _try(self, candidate: History) -> bool:
        """Keep the candidate if it is smaller and diverges."""
        if candidate.size == 0 or measure(candidate) >= measure(self.history):
            return False
        for _ in range(self.attempts):
            if not self._left():
                return False
            self.runs -= 1
            found = self.run(candidate)
            if found and found.lost == self.best.lost:
                self.best = found
                self._cut()
                return True
        return False

    def _cut(self) -> None:
        """Hardly anything behind the request that diverged has mattered; what was sent with it may have."""
        self._try(self.best.cut)

    def _drop(self) -> None:
        """Delta debugging: leave out runs of requests, long ones first."""
        size = max(1, self.history.size // 2)
        while size >= 1:
            start = self.history.size - size
            while start >= 0 and self._left():
                self._try(without(self.history, range(start, start + size)))
                start = min(start - size, self.history.size - size)
            size //= 2

    def _drop_pairs(self) -> None:
        """Leave out two requests that need each other, such as MULTI and EXEC."""
        changed = self.history.size <= 12
        while changed:
            total = self.history.size
            pairs = [(low, high) for low in range(total) for high in range(low + 1, total)]
            changed = any(self._try(without(self.history, pair)) for pair in pairs)

    def _merge(self) -> None:
        """Fewer clients, the older protocol, no pauses."""
        self._try(evolve(self.history, protocol=2))
        for client in sorted(self.history.clients, reverse=True):
            for other in range(client):
                if self._try(_renamed(self.history, client, other)):
                    break
        for index in reversed([i for i, step in enumerate(self.history.steps) if not step.requests]):
            steps = self.history.steps
            self._try(evolve(self.history, steps=(*steps[:index], *steps[index + 1 :])))
        for index, step in enumerate(self.history.steps):
            for wait in (0, 2, 5):
                if wait < step.wait and self._try(_replaced(self.history, index, evolve(step, wait=wait))):
                    break

    def _simplify(self) -> None:
        """Shorter requests, then simpler arguments, then simpler names for what occurs several times."""
        for part in _shared(self.history):
            for name in (b"k", b"j", b"a", b"b"):
                if self._try(_substituted(self.history, part, name)):
                    break
        position = 0
        while position < self.history.size and self._left():
            while any(self._try(candidate) for candidate in _simpler(self.history, position)):
                pass
            position += 1


def measure(history: History) -> tuple[int, int, int, int, int, int]:
    """What makes a history simple, most important first."""
    parts = [part for step in history.steps for one in step.requests for part in one.parts]
    plain = sum(_plainness(part) for part in parts)
    return (
        history.size,
        len(history.clients) + sum(history.clients),
        sum(len(step.requests) - 1 for step in history.steps),
        history.protocol * 1000 + sum(step.wait + (not step.requests) for step in history.steps),
        len(parts),
        plain,
    )


def _plainness(part: Part) -> int:
    if not isinstance(part, bytes):
        return 500
    odd = sum(not (48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123) for byte in part)
    small = sum(97 <= byte < 123 for byte in part) if len(part) > 1 else 0
    return 4 * len(part) + 6 * odd + small + (0 if part else 30)


def without(history: History, places: Sequence[int]) -> History:
    """The history without the requests at these places, counted over all steps."""
    gone = set(places)
    steps, place = [], 0
    for step in history.steps:
        kept = tuple(one for offset, one in enumerate(step.requests) if place + offset not in gone)
        place += len(step.requests)
        if kept or not step.requests:
            steps.append(evolve(step, requests=kept))
    return evolve(history, steps=tuple(steps))


def _straight(history: History) -> History:
    """The same requests, one write each."""
    steps = [
        Step(step.client, (one,), step.wait if not number else 0)
        for step in history.steps
        for number, one in enumerate(step.requests)
    ]
    return evolve(history, steps=tuple(steps))


def _renamed(history: History, old: int, new: int) -> History:
    steps = (evolve(step, client=new) if step.client == old else step for step in history.steps)
    return evolve(history, steps=tuple(steps))


def _shared(history: History) -> list[Part]:
    """Arguments that occur more than once: keys, mostly."""
    counted = Counter(part for step in history.steps for one in step.requests for part in one.parts[1:])
    return [part for part, count in counted.items() if count > 1]


def _substituted(history: History, old: Part, new: Part) -> History:
    """The history with one argument replaced wherever it stands; unchanged if the new one occurs already."""
    if any(new in one.parts for step in history.steps for one in step.requests):
        return history
    steps = []
    for step in history.steps:
        requests = (
            Request((*one.parts[:1], *(new if part == old else part for part in one.parts[1:])))
            for one in step.requests
        )
        steps.append(evolve(step, requests=tuple(requests)))
    return evolve(history, steps=tuple(steps))


def _replaced(history: History, index: int, step: Step) -> History:
    return evolve(history, steps=(*history.steps[:index], step, *history.steps[index + 1 :]))


def _simpler(history: History, position: int) -> Iterator[History]:
    """Histories whose request at this place (over all steps) is simpler."""
    index = 0
    while index < len(history.steps) and position >= len(history.steps[index].requests):
        position -= len(history.steps[index].requests)
        index += 1
    if index == len(history.steps):
        return
    step = history.steps[index]
    old = step.requests[position]
    for parts in _simpler_parts(old.parts):
        requests = (*step.requests[:position], Request(parts), *step.requests[position + 1 :])
        yield _replaced(history, index, evolve(step, requests=requests))


def _simpler_parts(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    total = len(parts)
    for size in (total // 2, 3, 2, 1):
        for start in range(total - size, 0, -1) if size else ():
            yield parts[:start] + parts[start + size :]
    for place, part in enumerate(parts):
        for value in _simpler_values(part, first=place == 0):
            yield (*parts[:place], value, *parts[place + 1 :])


def _simpler_values(part: Part, *, first: bool) -> Iterator[Part]:
    if isinstance(part, Moment):
        yield b"9999999999" if part.seconds else b"9999999999999"
        yield b"1"
        return
    if not isinstance(part, bytes):
        yield b"0"
        return
    if part != part.upper():
        yield part.upper()
    if first:
        return
    yield from (b"0", b"1", b"k", b"a", b"100")
    if len(part) > 8:
        yield part[: len(part) // 2]
        yield part[:-1]
        yield b"a" * (len(part) // 2)
        yield b"a" * (len(part) - 1)
        yield b"a" * len(part)
