"""A node that is alone in its cluster: what is asked of it alone reaches its rules, and puts it right again."""

from __future__ import annotations

import pytest
from attrs import evolve

from redlark.conformance.drawing import clustered, examples
from redlark.conformance.drawing.generate import grammar, unreachable
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.history import History, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model
from tests.conftest import Starter

SERVERS = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.1")
ALONE = {"cluster-enabled": "yes", "databases": "16"}
MOVING = (  # k and 0 have different slots
    "k 0 0", "k 0 0 KEYS", "k 0 0 keys a", "k 0 0 COPY", "k 0 0 AUTH KEYS", "k 0 0 AUTH KEYS a",
)  # fmt: skip


@pytest.mark.parametrize("profile", SERVERS)
def test_what_is_not_drawn_is_asked_otherwise(profile: str) -> None:
    """Every rule of the commands that change which slots are served is reached by the histories that put them right."""
    model = Model.load(profile)
    rehearsal = Rehearsal(model, ALONE, databases=1)
    names = frozenset(model.commands)
    for history in (*clustered.put_right(names, (2, 3)), *clustered.last(names, (2, 3))):
        rehearsal.run(history)
    blocks = [model.commands[name] for name in clustered.CHANGING & names]
    spared = {rule for one in blocks for rule in unreachable(one.block, model.profile)}
    spared |= {f"{one.name}/disabled" for one in blocks}
    assert {rule for one in blocks for rule in one.rules if not rehearsal.reached[rule]} <= spared


@pytest.mark.parametrize("profile", SERVERS)
def test_scripts_meet_every_rule_of_clusters(profile: str) -> None:
    """What a profile says of scripts in a cluster is asked of its servers."""
    model = Model.load(profile)
    rehearsal = Rehearsal(model, ALONE, databases=1)
    for history in clustered.scripts(frozenset(model.commands), (2, 3), model.rules):
        rehearsal.run(history)
    named = [rule for rule in model.rules if rule.startswith("CALLED/") and rule.endswith("-slot")]
    named += [rule for rule in model.rules if rule.endswith("/no-cluster") and "SHUTDOWN" not in rule]
    assert [rule for rule in named if not rehearsal.reached[rule]] == []


@pytest.mark.parametrize("profile", SERVERS)
def test_what_puts_right_leaves_every_slot_served(profile: str) -> None:
    """Behind such a history no slot is unserved; a shorter one that takes slots away is known to."""
    model = Model.load(profile)
    for history in clustered.put_right(frozenset(model.commands), (2, 3)):
        stage = Rehearsal(model, ALONE, databases=1).begin(history.protocol)
        taken = False
        for number, step in enumerate(history.steps):
            stage.go(step)
            taken = taken or bool(stage.world.server["unserved"])
            if stage.world.server["unserved"]:
                assert clustered.changes(history.truncated(number + 1, 1))
        assert not stage.world.server["unserved"]
        assert taken == clustered.changes(history)


def judge_of(profile: str, start_server: Starter) -> Judge:
    """A judge of a node that is alone in its cluster."""
    product, _, version = profile.partition("-")
    running = start_server(f"{product}:{version}", **{"cluster-enabled": "yes"})
    target = prepare(parse_address(running.url), destructive=True)
    target = evolve(target, config={**target.config, "cluster-enabled": "yes"})
    clustered.serve_all(target)
    return Judge(model_of(profile, target), target)


@pytest.mark.parametrize("profile", SERVERS)
def test_what_the_text_shows_of_a_cluster(profile: str, start_server: Starter) -> None:
    """Each example of a node in its cluster holds on real servers, in both protocols."""
    with judge_of(profile, start_server) as judge:
        grammars = {name: grammar(one.block, judge.model.profile) for name, one in judge.model.commands.items()}
        shown = [
            history
            for name, one in grammars.items()
            if not one.never_sent
            for history in examples.histories(grammars, [name], judge.model.profile, (2, 3), clustered=True)
        ]
        assert len(shown) > 20
        assert [one and one.seen for one in map(judge.run, shown)] == [None] * len(shown)


@pytest.mark.parametrize("profile", SERVERS)
def test_a_queue_has_the_keys_that_its_commands_find(profile: str, start_server: Starter) -> None:
    """MIGRATE with KEYS beside a key has none, from 7.0 on: EXEC then looks at the slots of what else is queued."""
    judge = judge_of(profile, start_server)
    queues = [(request("SORT", "0"), request(*f"MIGRATE 0 1 {moving}".split())) for moving in MOVING]
    found = [judge.run(History((Step(0, (request("MULTI"), *queue, request("EXEC"))),))) for queue in queues]
    judge.close()
    assert [one and one.seen for one in found] == [None] * len(MOVING)
    assert judge.model.reached["DISPATCH/cross-slot"]
