"""Histories around each command of two profiles, the same for equal seeds: examples of the text, then drawn ones.

What must live here: what is tried where two profiles are compared. Which of it shows a difference is `witness.py`'s.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import count

from attrs import evolve, field, mutable

from redlark.conformance.drawing import draw, examples, values
from redlark.conformance.drawing.attempts import attempt
from redlark.conformance.drawing.generate import Generator, Grammar
from redlark.conformance.drawing.scenarios import HELPERS, Pool
from redlark.conformance.history import History, Request, request, steps_of
from redlark.reference import Model

_OBSERVERS = (("OBJECT", "ENCODING"), ("OBJECT", "ENCODING"), ("PTTL",), ("OBJECT", "REFCOUNT"))
_OF_HASHES = (("HLEN",), ("HLEN",), ("HLEN",), ("DUMP",))


@mutable
class Around:
    """What is tried around a command; drawn from the grammars of both profiles in turn."""

    models: tuple[Model, Model]
    grammars: tuple[Mapping[str, Grammar], Mapping[str, Grammar]]
    seed: int = 1
    likely: tuple[Request, ...] = ()
    pools: tuple[Pool, Pool] = field(init=False)
    _made: dict[str, list[History]] = field(factory=dict, init=False)

    @pools.default
    def _fill(self) -> tuple[Pool, Pool]:
        first, second = (_pool(grammars) for grammars in self.grammars)
        return first, second

    def of(self, name: str, begin: int, end: int) -> list[History]:
        """The histories around one command, from the `begin`th to before the `end`th; few if it is never sent."""
        made = self._made.setdefault(name, [])
        sides = [side for side in (0, 1) if name in self.pools[side].names]
        if not made:
            for side in (0, 1):
                if name in self.grammars[side]:
                    made += examples.histories(self.grammars[side], {name}, self.models[side].profile, (2, 3))
            made += [History(steps_of(0, (one,))) for one in self.likely]
        for number in count(len(made)) if sides else ():
            if number >= end:
                break
            made.append(self._drawn(name, sides[number % len(sides)], random.Random(f"{self.seed} {name} {number}")))
        return made[begin:end]

    def _drawn(self, name: str, side: int, rng: random.Random) -> History:
        pool, grammar = self.pools[side], self.grammars[side][name]
        made = attempt(pool, name, rng, 2 if rng.random() < 0.6 else 3)
        if self.likely and rng.random() < 0.7:
            made = evolve(made, steps=(*steps_of(0, rng.choices(self.likely, k=rng.randrange(1, 5))), *made.steps))
        elif pool.has("HPEXPIRE") and grammar.group == "hash" and rng.random() < 0.4:
            made = _with_deadlines(made, rng)
        elif not made.social and rng.random() < 0.1:
            made = evolve(made, steps=(*made.steps[:-1], evolve(made.steps[-1], wait=3)))
        return _observed(made, grammar.group, rng) if rng.random() < 0.5 else made


def _with_deadlines(history: History, rng: random.Random) -> History:
    """The history on a hash of which some fields have a deadline, which may be over by the time of its last request."""
    key = rng.choice(values.KEYS)
    fields = rng.sample(values.FIELDS, 2)
    written = [part for name in fields for part in (name, b"1")]
    soon = rng.random() < 0.6
    begin = (
        request("HSET", key, *written),
        request("HPEXPIRE", key, "1" if soon else "100000", "FIELDS", "1", fields[0]),
    )
    steps = [
        evolve(step, requests=tuple(_on(one, key, fields, rng) for one in step.requests)) for step in history.steps
    ]
    if soon:
        steps[-1] = evolve(steps[-1], wait=3)
    return evolve(history, steps=(*steps_of(steps[-1].client, begin), *steps))


def _on(one: Request, key: bytes, fields: list[bytes], rng: random.Random) -> Request:
    """The same request, of this key and mostly of these fields."""
    return Request(
        tuple(
            key if part in values.KEYS else rng.choice(fields) if part in values.FIELDS and rng.random() < 0.8 else part
            for part in one.parts
        )
    )


def _observed(history: History, group: str, rng: random.Random) -> History:
    """The history, and then a look at what it left behind."""
    client = history.steps[-1].client if history.steps else 0
    if group == "stream":
        key = values.KEYS[4]
        look = rng.choice((
            ("XINFO", "STREAM", key, "FULL"), ("XINFO", "GROUPS", key), ("XINFO", "CONSUMERS", key, "g"),
        ))  # fmt: skip
        return evolve(history, steps=(*history.steps, *steps_of(client, (request(*look),))))
    if group in ("connection", "server"):
        return evolve(history, steps=(*history.steps, *steps_of(client, (request("CLIENT", "LIST"),))))
    used = [part for step in history.steps for one in step.requests for part in one.parts if part in values.KEYS]
    observers = (*_OBSERVERS, *_OF_HASHES) if group == "hash" else _OBSERVERS
    looks = [request(*rng.choice(observers), key) for key in dict.fromkeys(used)]
    return evolve(history, steps=(*history.steps, *steps_of(client, looks)))


def _pool(grammars: Mapping[str, Grammar]) -> Pool:
    sendable = frozenset(name for name, one in grammars.items() if not one.never_sent)
    names, weights = draw.weighted(dict.fromkeys(grammars, 0), sendable, frozenset(), HELPERS)
    return Pool(Generator(grammars), names, weights)
