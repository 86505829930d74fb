"""Histories, drawn of scenarios: a request, a pipeline, a transaction with another's write in its midst, an iteration.

A history is a row of scenarios, each made for its place, so that hardly a request comes twice. The next round is
weighted towards the commands whose rules are not all reached. Equal seed and weights give equal rounds. Hypothesis,
which chose out of a pool before, gave a fifth of the different requests in twice the time (docs/decisions).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from redlark.conformance.drawing import company, tracking, values
from redlark.conformance.drawing.generate import Generator
from redlark.conformance.drawing.iterating import ITERATIONS
from redlark.conformance.drawing.scenarios import (
    ALONE,
    TELLING,
    Pool,
    Scenario,
    scenarios,
    tells_all,
)
from redlark.conformance.history import History, Request, Step, request, steps_of

HISTORIES = 64  # histories of a round
LENGTHS = (10, 50)  # scenarios of a history
JOINED, LONGEST = 0.75, 24  # how often two steps that may be one write are, and how many requests are in it
_SWEEPING = frozenset(("FLUSHALL", "FLUSHDB", "SWAPDB", "RESET", "QUIT", "HELLO", "CLIENT|REPLY", "AUTH"))


# What no example can show (16,384 numbers, silence), and what pursuit seldom meets (a time that has to pass).
_REMARKABLE: tuple[tuple[tuple[str, ...], Scenario], ...] = (
    (("PFADD", "PFDEBUG"), steps_of(0, (request("PFADD", "h", "a"), request("PFDEBUG", "GETREG", "h")))),
    (
        ("SET", "MEMORY|USAGE"),
        (Step(0, (request("SET", "k", "v", "PX", "1"),)), Step(0, (request("MEMORY", "USAGE", "k"),), wait=3)),
    ),
    (("CLIENT|REPLY",), (Step(0, (request("CLIENT", "REPLY", "SKIP"), request("PING"), request("PING"))),)),
    (("CLIENT|REPLY",), (Step(0, tuple(request("CLIENT", "REPLY", word) for word in ("OFF", "SKIP", "ON"))),)),
    (("CLIENT|REPLY", "QUIT"), (Step(1, (request("CLIENT", "REPLY", "OFF"), request("QUIT"), request("PING"))),)),
)


def tour(pool: Pool, protocols: Sequence[int], rng: random.Random) -> list[History]:
    """The requests whose replies are too long to be drawn often, once each, and some whole iterations.

    An iteration's way is the server's choice, so rehearsals do not tell which of its rules it reaches.
    """
    steps = steps_of(0, [request(*name.split("|")) for name in sorted(TELLING.intersection(pool.names))])
    for needed, remarkable in _REMARKABLE:
        if pool.has(*needed):
            steps += remarkable
    found = [History(steps, protocol) for protocol in protocols if steps]
    for name, iteration in ITERATIONS.items():
        if pool.has(name, *(("SET",) if name == "SCAN" else ())):
            one = evolve(pool, weights=tuple(float(one == name) for one in pool.names))
            whole = tuple(step for share in (1.0, 0.5, 1.0, 0.5) for step in iteration(one, rng, share))
            found += [History(whole, protocol) for protocol in protocols if whole]
    if pool.has(tracking.TRACKING) and {"SUBSCRIBE", "CLIENT|ID", "QUIT"} <= pool.generator.commands.keys():
        found += map(tracking.redirected, protocols)
    return found


def shapes(
    generator: Generator, names: Iterable[str], seed: int, protocols: Sequence[int], *, lists: bool
) -> list[History]:
    """Every command in its plain shapes: on no keys, on strings, on strings with a deadline and (with RPUSH) on lists.

    Then some requests that no command answers.
    """
    rng = random.Random(seed)
    strange = [generator.unknown(rng) for _ in range(8)]
    histories = [History(steps_of(0, strange), protocol) for protocol in protocols]
    states: tuple[tuple[str, ...], ...] = ((), ("SET", "10"), ("SET", "10", "EX", "100"), ("RPUSH", "10"))
    for name in sorted(set(names) - {"CLIENT|REPLY"}):
        for holding in states if lists else states[:3]:
            rng = random.Random(f"{seed} {name} {holding}")
            filled = [request(holding[0], key, *holding[1:]) for key in values.KEYS] if holding else []
            shaped = [one for one in generator.shapes(name, rng) if not tells_all(name, one)]
            first = [Step(0, tuple(filled))] if filled else []
            apart = [[one] for one in shaped] if name in company.COMPANY else [shaped]  # one may wait for ever
            for ones in apart:
                histories += [History((*first, *steps_of(0, ones)), protocol) for protocol in protocols]
    return histories


def draw(pool: Pool, number: int, protocols: Sequence[int], histories: int = HISTORIES) -> list[History]:
    """One round of histories; `number` is its seed."""
    rng = random.Random(number)
    alone, share = _alone(pool), company.share(pool)
    places = {rng.randrange(histories) for _ in range(round(histories * share))}
    drawn: list[History] = []
    for place in range(histories):
        protocol, length = rng.choice(protocols), rng.randint(*LENGTHS)
        if place in places:
            drawn.append(company.history(company.scenarios(pool, length // 2 + 1, rng), protocol))
        else:
            steps = list(_untorn(step for scenario in scenarios(alone, length, rng) for step in scenario))
            drawn.append(History(tuple(steps) if pool.likely else _joined(steps, rng), protocol))
    return drawn


def _untorn(steps: Iterable[Step]) -> Iterator[Step]:
    """The same without CLIENT REPLY between MULTI and EXEC: its array would end in silence, which cannot be read."""
    within: set[int] = set()
    for step in steps:
        kept = []
        for one in step.requests:
            words = [part.upper() if isinstance(part, bytes) else b"" for part in one.parts[:2]]
            if words == [b"MULTI"]:
                within.add(step.client)
            elif words in ([b"EXEC"], [b"DISCARD"], [b"RESET"]):
                within.discard(step.client)
            if not (step.client in within and words == [b"CLIENT", b"REPLY"]):
                kept.append(one)
        if kept:
            yield step if len(kept) == len(step.requests) else evolve(step, requests=tuple(kept))


def _joined(steps: Iterable[Step], rng: random.Random) -> tuple[Step, ...]:
    """The same, some of what one client asks again and again in one write: a round trip costs as much as judging it."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last and _may_join(last, step) and rng.random() < JOINED:
            found[-1] = evolve(last, requests=last.requests + step.requests)
        else:
            found.append(step)
    return tuple(found)


def _may_join(one: Step, other: Step) -> bool:
    return (
        one.client == other.client
        and len(one.requests) + len(other.requests) <= LONGEST
        and not (other.wait or other.learns)
        and not (_travels_alone(one.requests[-1]) or any(map(_travels_alone, other.requests)))
    )


def _travels_alone(one: Request) -> bool:
    """Whether a request is of those that never stand in a pipeline; MULTI is not drawn there for other reasons."""
    words = [part.decode("latin-1").upper() if isinstance(part, bytes) else "" for part in one.parts[:2]]
    return not {*words[:1], "|".join(words)}.isdisjoint(ALONE - {"MULTI"})


def _alone(pool: Pool) -> Pool:
    """The pool without what makes a history one in company."""
    kept = [pair for pair in zip(pool.names, pool.weights, strict=True) if pair[0] not in company.COMPANY]
    return (
        evolve(pool, names=tuple(name for name, _ in kept), weights=tuple(weight for _, weight in kept), alone=True)
        if kept
        else pool
    )


def weighted(
    commands: Mapping[str, int], selected: frozenset[str], excluded: frozenset[str], helpers: Mapping[str, float]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names and weights: `commands` maps each to its unreached rules; more of those, more weight.

    What is not selected is drawn only where it helps to have something in the database.
    """
    names, weights = [], []
    wanting = max(1, sum(1 for count in commands.values() if count))  # the fewer these are, the more often each
    for name in sorted(commands):
        if name in excluded:
            continue
        help_ = helpers.get(name, 0.0)
        left = 1.5 * min(commands[name], 8) + 20.0 / wanting if commands[name] else 0.0
        weight = max(3.0 + left, help_) if name in selected else help_
        if name in _SWEEPING:
            weight *= 0.25 if not commands[name] else 0.5
        if weight > 0:
            names.append(name)
            weights.append(weight)
    return tuple(names), tuple(weights)
