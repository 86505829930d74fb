"""The pursuit of rules: examples and what is found in the model alone reach every rule, or the text says why not."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from redlark.conformance.campaign import Campaign
from redlark.conformance.drawing import draw, pursuit
from redlark.conformance.drawing.generate import Generator, grammar
from redlark.conformance.drawing.pursuit import Pursuit
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.drawing.scenarios import Pool
from redlark.conformance.history import History
from redlark.conformance.options import Options
from redlark.conformance.targets.profiles import Choice
from redlark.conformance.targets.target import Address, Target
from redlark.reference import Model

SERVERS = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.1")
FAST = ("redis-8.2", "valkey-9.1")


def campaign(profile: str, seed: int, groups: Iterable[str] = (), commands: Iterable[str] = ()) -> Campaign:
    """A campaign on a server that is never asked."""
    target = Target(Address("nowhere"), {}, 16, {}, (0, 0))
    options = Options(seed=seed, groups=frozenset(groups), commands=frozenset(commands))
    return Campaign("nowhere", target, Model.load(profile), Choice(profile, "", ""), options)


@pytest.mark.parametrize("profile", [p if p in FAST else pytest.param(p, marks=pytest.mark.slow) for p in SERVERS])
def test_examples_and_pursuit_reach_every_rule(profile: str) -> None:
    """A rule is reached by an example, or found; else it needs another example, or `unreachable` with the reason."""
    lacking: set[str] | None = None
    for seed in (1, 2, 3):  # any change of the text shuffles what one seed draws
        one = campaign(profile, seed)
        for _, histories in one.opening(one.pursuit(one.rehearsal)):
            assert all(history.steps for history in histories)
        left = {rule for rules in one.coverage.wanting(None, one.rehearsal).values() for rule in rules}
        lacking = left if lacking is None else lacking & left
        if not lacking:
            break
    assert lacking == set()


@pytest.mark.parametrize("profile", SERVERS)
def test_what_is_said_to_be_unreachable_is_a_rule_that_is_not_reached(profile: str) -> None:
    """Each `unreachable` of the text names a rule of its block, and shapes and examples do not reach it."""
    one = campaign(profile, 1)
    assert set(one.coverage.unreachable) <= set(one.model.rules)
    for history in one.shapes():
        one.rehearsal.run(history)
    assert not [rule for rule in one.coverage.unreachable if one.rehearsal.reached[rule]]


@pytest.mark.parametrize("profile", SERVERS)
def test_what_runs_by_itself_is_asked_of_who_can_make_it_run(profile: str) -> None:
    """Scripts run CALLED, who tracks the blocks of tracking, events NOTIFIED; what is not asked about has a reason."""
    tracking = {"REMEMBER", "INVALIDATE", "ANSWERED", "ENDED", "BROADCAST", "FORGET"}
    for commands, asked in (
        (["GET"], set()),
        (["SET"], {"NOTIFIED"}),
        (["EVAL"], {"CALLED"}),
        (["SLOWLOG|RESET"], {"LOGGED"}),
        (["CONFIG|RESETSTAT"], {"COUNTED"}),
        (["CLIENT|TRACKING"], tracking),
        (["PTTL", "GETDEL"], {"NOTIFIED"}),
    ):
        coverage = campaign(profile, 1, commands=commands).coverage
        assert set(coverage.hidden) == {"DISPATCH", *asked}
        assert set(coverage.common).isdisjoint(coverage.idle)
        told = {rule for rule in coverage.model.rules if rule.split("/")[0] in coverage.model.hidden}
        assert told == {*coverage.common, *coverage.idle}


@pytest.mark.parametrize("profile", FAST)
def test_rules_of_the_usual_groups_are_reached_before_anything_is_drawn(profile: str) -> None:
    """What runs by itself among them: a listener, a redirection, silence, what could do harm."""
    groups = ("string", "generic", "transactions", "connection")
    lacking: set[str] | None = None
    for seed in (1, 2, 3):
        one = campaign(profile, seed, groups=groups)
        for _, histories in one.opening(one.pursuit(one.rehearsal)):
            assert list(histories)
        left = {rule for rules in one.coverage.wanting(None, one.rehearsal).values() for rule in rules}
        lacking = left if lacking is None else lacking & left
    assert lacking == set()


@pytest.mark.slow
def test_equal_seeds_draw_equal_histories_of_the_whole_text() -> None:
    """Examples, what is pursued, shapes and a round: what a seed draws hangs on no server."""

    def drawn(seed: int) -> list[History]:
        one = campaign("redis-8.2", seed)
        pursued = one.pursuit(one.rehearsal)
        found = [history for _, histories in one.opening(pursued) for history in histories]
        return [*found, *one.shapes(), *draw.draw(pursued.pool, seed, (2, 3), 8)]

    first = drawn(5)
    assert first == drawn(5)
    assert first != drawn(6)


def test_what_is_pursued_is_reached() -> None:
    """A rule that draws seldom meet is found by trying on the model; each history found does reach one."""
    model = Model.load("redis-8.2")
    grammars = {name: grammar(command.block, model.profile) for name, command in model.commands.items()}
    names, weights = tuple(grammars), tuple(1.0 for _ in grammars)
    pool = Pool(Generator(grammars), names, weights)
    wanting = {"SETRANGE": frozenset(r for r in model.commands["SETRANGE"].rules if r != "SETRANGE/too-long")}
    found = Pursuit(pool, Rehearsal(model), random.Random(3), (2, 3), 5_000).run(wanting)
    assert found
    for history in found:
        assert wanting["SETRANGE"].intersection(Rehearsal(model).rules(history))


def test_no_junk_makes_a_server_find_room_or_wait() -> None:
    """What words are changed to is no size between a few bytes and what is refused at once."""
    numbers = [abs(int(word)) for word in pursuit.JUNK if word.lstrip(b"-").isdigit()]
    assert all(number < 1000 or number > 2**34 for number in numbers)
