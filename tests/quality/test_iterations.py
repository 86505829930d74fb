"""Iterations as they are drawn: a key that is lost where a table grows or shrinks between two calls is missed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.drawing.iterating import ITERATIONS
from redlark.conformance.drawing.scenarios import Pool
from redlark.conformance.history import Cursor, History
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.target import parse_address, prepare

from .faults import FAULTS, Fault
from .power import PROFILE
from .proxy import proxy

HISTORIES = 15  # of four iterations each
LOSING = [fault for fault in FAULTS if "across a rehash" in fault.name]


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


def _pool(name: str, running: machine.Running) -> Pool:
    """All that an iteration of this name may need, and nothing else."""
    model = model_of(PROFILE, prepare(parse_address(running.url), destructive=True))
    names = ("SCAN", "SET", "MSET", "DEL") if name == "SCAN" else (name, "SADD", "SREM", "HSET", "HDEL", "ZADD", "ZREM")
    commands = {one: grammar(model.commands[one].block, model.profile) for one in names}
    return Pool(Generator(commands), names, (1.0,) * len(names), alone=True)


def _histories(name: str, running: machine.Running) -> list[History]:
    rng, pool = random.Random(name), _pool(name, running)
    rows = ([step for _ in range(4) for step in ITERATIONS[name](pool, rng)] for _ in range(HISTORIES))
    return [History(tuple(steps), rng.choice((2, 3))) for steps in rows]


@pytest.mark.parametrize("fault", LOSING, ids=lambda fault: fault.name.split()[0])
def test_what_a_rehash_loses_is_missed(embedded: machine.Running, fault: Fault) -> None:
    """Some iteration shows the fault, by the command that has it, and none shows anything where it is not made."""
    name = fault.name.split()[0]
    histories = _histories(name, embedded)
    model = model_of(PROFILE, prepare(parse_address(embedded.url), destructive=True))
    with proxy(embedded.host, embedded.port, fault.handle) as url:
        judge = Judge(model, prepare(parse_address(url), destructive=True))
        found = [one for one in map(judge.run, histories) if one is not None]
        judge.close()
    assert {one.command for one in found} == {name}
    assert len(found) >= HISTORIES // 5
    sound = Judge(model, prepare(parse_address(embedded.url), destructive=True))
    assert [sound.run(one.history) for one in found] == [None] * len(found)
    sound.close()


@pytest.mark.parametrize("name", sorted(ITERATIONS))
def test_a_quarter_of_the_iterations_go_on_behind_many_writes(embedded: machine.Running, name: str) -> None:
    """One request adds or takes away two dozen elements at least, and calls that go on with the iteration follow it."""
    rng, pool = random.Random(f"many {name}"), _pool(name, embedded)
    drawn = [ITERATIONS[name](pool, rng) for _ in range(200)]
    many = 0
    for steps in drawn:
        sizes = [max(len(one.parts) for one in step.requests) for step in steps]
        calls = [place for place, step in enumerate(steps) if Cursor() in step.requests[0].parts]
        many += any(size > 24 and min(calls) - 2 < place < max(calls) - 3 for place, size in enumerate(sizes) if place)
    assert many > 50  # 66 or so
