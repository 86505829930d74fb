"""Keys that are not there: which commands tell of them, as the text says it and as servers do."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from attrs import evolve

from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.history import History, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.setups import SETUPS
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model
from tests.conftest import Starter

SERVERS = {
    "redis:6.2": "redis-6.2", "redis:7.0": "redis-7.0", "redis:8.2": "redis-8.2", "embedded": "redis-8.2",
    "valkey:8.1": "valkey-8.1", "valkey:9.1": "valkey-9.1",
}  # fmt: skip
GROUPS = ("string", "generic", "list", "set", "hash", "sorted-set", "stream", "bitmap", "hyperloglog", "geo")
MAKERS = (
    request("SET", "k1", "10"), request("HSET", "k2", "a", "1", "b", "2"), request("RPUSH", "k3", "1", "2", "3"),
    request("SADD", "k4", "a", "b", "1"), request("ZADD", "{tag}5", "1", "a", "2", "b"),
    request("XADD", "k1", "1-1", "f", "v"), request("XGROUP", "CREATE", "k1", "g", "0", "MKSTREAM"),
    request("SADD", "k1", "x", "y"), request("SET", "k1", "v", "PX", "1"), request("PFADD", "k3", "a", "b"),
)  # fmt: skip
SHAPES = 6  # requests of each command


def histories(model: Model, rng: random.Random) -> Iterator[History]:
    """For each command of keys some requests, in a database that holds few, by themselves or in a transaction."""
    grammars = {name: grammar(command.block, model.profile) for name, command in model.commands.items()}
    generator = Generator({name: one for name, one in grammars.items() if not one.never_sent})
    for name in generator.names:
        if grammars[name].group in GROUPS and "touches" in model.commands[name].facts:
            made = rng.sample(MAKERS, rng.choice((0, 1, 2, 3)))
            asked = [one for one in (generator.request(name, rng) for _ in range(SHAPES)) if one.parts]
            queued = (request("MULTI"), *asked, request("EXEC")) if rng.random() < 0.5 else tuple(asked)
            yield History((*(Step(0, (one,)) for one in made), Step(0, queued)))


@pytest.mark.parametrize(("name", "profile"), SERVERS.items())
def test_every_command_tells_of_what_it_looks_up_in_vain(name: str, profile: str, start_server: Starter) -> None:
    """Requests of every command of keys, most of them absent: each look-up in vain is told as the text says."""
    setup = next(one for one in SETUPS if one.name == "events are told" and one.is_of(profile))
    told = prepare(parse_address(start_server(name, **setup.config).url), destructive=True)
    target = evolve(told, config={**told.config, **setup.config})  # CONFIG GET does not tell every class
    judge = Judge(model_of(profile, target), target)
    try:
        for history in histories(judge.model, random.Random(name)):
            found = judge.run(setup.begun(history))
            assert found is None, (history, found.seen, found.exchanges)
        assert judge.model.reached["NOTIFIED/told"] > 100
    finally:
        judge.close()
