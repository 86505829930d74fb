"""Rehearsals: what steers a campaign is the same every time, and finds what is hard to reach."""

from __future__ import annotations

import pytest

from redlark.conformance import campaign
from redlark.conformance.campaign import Campaign
from redlark.conformance.drawing import draw
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.history import History, request, steps_of
from redlark.conformance.judging.judge import Judge
from redlark.conformance.options import Options
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.servers import running
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model

PROFILE = "redis-8.2"


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(PROFILE)


def test_a_rehearsal_tells_the_rules_of_a_history(model: Model) -> None:
    """The clock of a rehearsal goes on by itself, so a key with a deadline is gone after the wait."""
    steps = [*steps_of(0, [request("SET", "k", "v", "PX", "5"), request("GET", "k")])]
    waited = History((*steps, draw.Step(0, (request("GET", "k"),), wait=10)))
    told = [rule for rule in Rehearsal(model).rules(waited) if rule.startswith(("SET/", "GET/"))]
    assert told == ["SET/stored", "GET/value", "GET/absent"]


def test_the_same_seed_sends_the_same_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs with one seed, on servers of their own, send the same one after another, thousands of requests on.

    No clock ends either of them, however slow the machine: not the budget, and not what is tried in the model first.
    One that could not be followed to its end counts fewer requests, so the other run may end some histories earlier.
    """
    monkeypatch.setattr(campaign, "TRIED_FIRST", 10_000)

    def sent() -> list[History]:
        histories: list[History] = []
        with running(None) as server:
            target = prepare(parse_address(server.url), destructive=True)
            options = Options(profile=PROFILE, seed=11, budget=100_000, requests=5_000, timeout=100)
            one = Campaign(server.url, target, model_of(PROFILE, target), choose(target.info, PROFILE), options)
            run = Judge.run
            with monkeypatch.context() as patch:
                patch.setattr(Judge, "run", lambda judge, history: histories.append(history) or run(judge, history))
                one.run()
        assert one.ended == "requests"
        return histories

    first, second = sent(), sent()
    both = min(len(first), len(second))
    assert both > 500
    assert first[:both] == second[:both]


def test_a_command_that_the_server_lacks_is_unsupported_and_judged_as_unknown() -> None:
    """What COMMAND LIST does not name is unknown to the model too, and reported as unsupported, never as conforming."""
    lacking = frozenset({"GETEX"})
    with running(None) as server:
        target = prepare(parse_address(server.url), destructive=True)
        assert target.lacks({"GETEX", "NOSUCH"}) == {"NOSUCH"}
        options = Options(profile=PROFILE, seed=1, budget=60, requests=200, commands=frozenset({"GETEX", "GET"}))
        one = Campaign(server.url, target, Model.load(PROFILE, lacking=lacking), choose(target.info, PROFILE), options)
        report = one.run()
    assert report.verdicts["GETEX"].verdict == "unsupported"
    assert report.verdicts["GET"].verdict == "conforms"


def test_what_is_refused_in_other_words_is_unsupported_too() -> None:
    """A server may say in its own words that it lacks a command which it does not list: it is no divergence."""
    names = frozenset({"SYNC", "ACL|LOG", "PING"})
    with running(None) as server:
        target = prepare(parse_address(server.url), destructive=True)
        assert target.lacks(names) == {"SYNC", "ACL|LOG"}
        options = Options(profile=PROFILE, seed=1, budget=60, requests=300, commands=names)
        model = Model.load(PROFILE, lacking=target.lacks(Model.load(PROFILE).commands))
        report = Campaign(server.url, target, model, choose(target.info, PROFILE), options).run()
    assert [finding.paste for finding in report.findings] == []
    assert {name: report.verdicts[name].verdict for name in sorted(names)} == {
        "ACL|LOG": "unsupported",
        "PING": "conforms",
        "SYNC": "unsupported",
    }


def test_a_server_that_lacks_commands_may_say_so_in_command() -> None:
    """COMMAND, COMMAND COUNT and COMMAND LIST are judged by what the server has, not by what the text has."""
    full = Model.load(PROFILE)
    with running(None) as server:
        target = prepare(parse_address(server.url), destructive=True)
        lacking = target.lacks(full.commands)
        options = Options(profile=PROFILE, seed=1, budget=60, requests=400, commands=frozenset({"COMMAND"}))
        model = Model.load(PROFILE, lacking=lacking)
        one = Campaign(server.url, target, model, choose(target.info, PROFILE), options)
        report = one.run()
    assert [finding.paste for finding in report.findings] == []
    assert report.verdicts["COMMAND"].verdict == "conforms"
