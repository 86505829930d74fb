"""The pursuit of rules: histories that reach what nothing else has, found in the model before a server is asked.

Theory of operation. The model runs tens of thousands of requests a second and no server need see what was tried in
vain. What reaches a new rule is kept (the text's examples first of all), and what is kept is gone on from, as in
fuzzing guided by coverage: a beginning of a kept history, then a request of the command that lacks a rule, drawn from
its grammar or taken from a kept history and changed in one place. Few keys and words make that meet: a request takes
over the keys and words of what came before it. How much is tried is a count of requests, never a time: equal seeds give
equal histories. What must not live here: how a history is run (`rehearse.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, field, frozen, mutable

from redlark.conformance.drawing import company, streaming, values
from redlark.conformance.drawing.attempts import attempt
from redlark.conformance.drawing.iterating import ITERATIONS
from redlark.conformance.drawing.rehearse import Rehearsal, Stage
from redlark.conformance.drawing.scenarios import ALONE, HELPERS, Pool, scenarios
from redlark.conformance.history import History, Part, Request, Step, request, steps_of

TRIES = 40  # for each command, in each turn
TURNS = 40  # as long as something is lacking
LATEST = 12  # steps of a beginning from which words are taken over

LUCK = (0, 0, 0, 0, 0, 0, 1, 2)  # mostly the first way that a request may go

# Requests that no word may be changed of: a server would wait, or speak another protocol, or reach for another server.
DELICATE = frozenset(("WAIT", "WAITAOF", "DEBUG", "SCRIPT|DEBUG", "CLIENT|REPLY", "MIGRATE", "CONFIG|SET", "SHUTDOWN"))

# Neither a size that a server would have to find room for, nor the count that makes a reply endless.
JUNK = (
    b"abc", b"", b"-1", b"0", b"1", b"2", b"-2", b"1.5", b"-", b"+", b"$", b">", b"*", b"(1", b"[a", b"nan", b"inf",
    b"-inf",
    b"%d" % values.MAX, b"-%d" % (values.MAX + 1), b"%d" % (values.MAX + 1), b"nosuch", b"1-1",
    b"4611686018427387904", b"33177117420",
)  # fmt: skip


@frozen
class Place:
    """Where a history may be gone on from: the stage as it is there, and the steps that lead there."""

    stage: Stage
    steps: tuple[Step, ...]

    def on(self, steps: Iterable[Step], luck: int = 0) -> tuple[Place, list[str]]:
        """The place that more steps lead to, and the rules that they reach."""
        stage = self.stage.copy()
        stage.luck = luck
        for step in steps:
            stage.go(step)
        return Place(stage, (*self.steps, *steps)), stage.reached


@mutable
class Pursuit:
    """What is gone on from, by command and by group; and how much was tried."""

    pool: Pool
    rehearsal: Rehearsal
    rng: random.Random
    protocols: Sequence[int]
    most: int  # requests that may be tried
    tried: int = field(default=0, init=False)
    _places: dict[str, list[list[Place]]] = field(factory=dict, init=False)
    _asked: dict[str, list[Request]] = field(factory=dict, init=False)

    def keep(self, name: str, history: History) -> None:
        """Rehearse a history, and go on from its places when a rule of this command is pursued."""
        place = Place(self.rehearsal.begin(history.protocol), ())
        places = []
        for step in history.steps:
            place, reached = place.on((step,))
            self.rehearsal.reached.update(reached)
            places.append(place)
        self._keep(name, places, history.steps)

    def _keep(self, name: str, places: list[Place], steps: Iterable[Step]) -> None:
        for where in (name, self._group(name), ""):
            self._places.setdefault(where, []).append(places)
        words = [word.encode() for word in name.split("|")]
        for step in steps:
            for one in step.requests:
                if [part.upper() for part in one.parts[: len(words)] if isinstance(part, bytes)] == words:
                    self._asked.setdefault(name, []).append(one)

    def run(
        self, wanting: Mapping[str, frozenset[str]], runners: Mapping[str, Iterable[str]] | None = None
    ) -> list[History]:
        """Histories each of which reaches a rule that nothing before it has reached.

        `wanting` has rules by their blocks, `runners` the commands that make a block run which no request names.
        """
        found: list[History] = []
        left = {rule: name for name, rules in wanting.items() for rule in rules}
        able = frozenset(self.pool.names) - {"CLIENT|REPLY"}
        asked = {name: sorted(able.intersection((runners or {}).get(name, (name,)))) for name in wanting}
        for _ in range(TURNS):
            for name, by in asked.items():
                for _ in range(TRIES if by else 0):
                    if self.tried >= self.most or name not in left.values():
                        break
                    found += self._try(self.rng.choice(by), left)
        return found

    def _try(self, name: str, left: dict[str, str]) -> Iterable[History]:
        before, steps = self._attempt(name)
        self.tried += sum(len(step.requests) for step in steps)
        place, reached = before.on(steps, luck=self.rng.choice(LUCK))
        if not left.keys().isdisjoint(reached):
            for rule in reached:
                left.pop(rule, None)
            self.rehearsal.reached.update(reached)
            self._keep(name, [place], steps)
            yield History(place.steps, place.stage.protocol)

    def _group(self, name: str) -> str:
        one = self.pool.generator.commands.get(name)
        return f"({one.group})" if one else ""

    # ---- one attempt -----------------------------------------------------------------------------------------

    def _attempt(self, name: str) -> tuple[Place, tuple[Step, ...]]:
        """A beginning, and some requests of one command that go on from there."""
        rng = self.rng
        if rng.random() < 0.12:
            return self._new(), self._scenario(name)
        before, writes = self._beginning(name)
        client = before.steps[-1].client if before.steps else 0
        if rng.random() < 0.08:
            client = (client + 1) % 3
        words = [
            part
            for step in before.steps[-LATEST:]
            for one in step.requests
            for part in one.parts[1:]
            if isinstance(part, bytes)
        ]
        asked = self._asks(name, words, rng.choice((1, 1, 1, 2, 3)))
        if name not in ALONE and self.pool.has("MULTI", "EXEC") and rng.random() < 0.08:
            asked = [Request((b"MULTI",)), *asked, Request((b"EXEC",))]
        steps = steps_of(client, [*writes, *asked])
        if rng.random() < 0.06:
            steps = (*steps[:-1], evolve(steps[-1], wait=3))
        return before, steps

    def _scenario(self, name: str) -> tuple[Step, ...]:
        """What rounds are drawn from, mostly of this command."""
        rng, pool = self.rng, self.pool
        weights = tuple(1000.0 if one == name else weight for one, weight in zip(pool.names, pool.weights, strict=True))
        pool = evolve(pool, weights=weights)
        if name in company.COMPANY:
            drawn = company.scenarios(pool, rng.randrange(1, 4), rng)
            return company.history([*drawn, steps_of(0, self._asks(name, [], 1))], 2).steps
        if rng.random() < 0.4:
            return attempt(pool, name, rng, 2).steps
        if name in ITERATIONS and rng.random() < 0.5:
            return ITERATIONS[name](pool, rng)
        return tuple(step for one in scenarios(pool, rng.randrange(1, 3), rng) for step in one)

    def _new(self) -> Place:
        return Place(self.rehearsal.begin(self.rng.choice(self.protocols)), ())

    def _beginning(self, name: str) -> tuple[Place, list[Request]]:
        """Where to go on from, and what is written there first."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.15:
            return self._new(), self._writes(name)
        where = name if roll < 0.6 else self._group(name) if roll < 0.9 else ""
        kept = self._places.get(where) or self._places.get(self._group(name)) or self._places.get("")
        if not kept:
            return self._new(), self._writes(name)
        places = rng.choice(kept)
        place = rng.choice(places) if rng.random() < 0.5 else places[-1]
        return place, self._writes(name) if rng.random() < 0.15 else []

    def _writes(self, name: str) -> list[Request]:
        rng = self.rng
        if self._group(name) == "(stream)" and rng.random() < 0.6:
            return list(streaming.set_up(rng, rng.choice(values.KEYS)))
        if rng.random() < 0.1 and self.pool.has("SET"):  # what will soon be gone
            return [request("SET", rng.choice(values.KEYS), "v", "PX", "1"), *self.pool.requests(1, rng)]
        helpers = [helper for helper in HELPERS if self.pool.has(helper)]
        return [self.pool.of(rng.choice(helpers), rng) for _ in range(rng.randrange(4)) if helpers]

    # ---- requests --------------------------------------------------------------------------------------------

    def _asks(self, name: str, words: list[bytes], count: int) -> list[Request]:
        rng, asked = self.rng, []
        for _ in range(count):
            known = self._asked.get(name, ())
            drawn = not known or name in DELICATE or rng.random() < 0.5  # what waits for ever may be shown in a MULTI
            one = self.pool.of(name, rng) if drawn else rng.choice(known)
            if words and rng.random() < 0.6:
                one = self._borrowing(one, words)
            if name not in DELICATE:
                for _ in range(rng.choice((0, 1, 1, 2))):
                    one = self._changed(name, one, words)
            asked.append(one)
        return asked

    def _borrowing(self, one: Request, words: list[bytes]) -> Request:
        """The same request with keys of the beginning instead of its own."""
        keys = dict.fromkeys([*words[:1], self.rng.choice(words)])
        places = {part: self.rng.choice(tuple(keys)) for part in one.parts if part in values.KEYS}
        return Request(tuple(places.get(part, part) if isinstance(part, bytes) else part for part in one.parts))

    def _changed(self, name: str, one: Request, words: list[bytes]) -> Request:
        """One place of the request changed; never the name of the command."""
        rng, head = self.rng, 1 + name.count("|")
        parts: list[Part] = list(one.parts)
        tokens = [word.encode() for word in self.pool.generator.commands[name].tokens]
        place = rng.randrange(head, len(parts) + 1) if len(parts) >= head else len(parts)
        match rng.randrange(7):
            case 0 | 1:
                parts[place : place + 1] = [rng.choice(JUNK)]
            case 2 if words:
                parts[place : place + 1] = [rng.choice(words)]
            case 3 if tokens:
                parts[place:place] = [rng.choice(tokens), *([rng.choice(JUNK)] if rng.random() < 0.6 else [])]
            case 4:
                parts[place : place + 1] = []
            case 5:
                parts[place:place] = parts[place : place + rng.choice((1, 1, 2))]
            case _ if place < len(parts):
                other = rng.randrange(head, len(parts))
                parts[place], parts[other] = parts[other], parts[place]
        return Request(tuple(parts))
