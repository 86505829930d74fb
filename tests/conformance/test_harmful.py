"""What harms a server is asked of one that is started for it, reaches the rules that nothing else does, and ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from redlark.conformance.cli import main
from redlark.conformance.drawing import harmful
from redlark.conformance.drawing.generate import unreachable
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.errors import CannotRun
from redlark.conformance.listener import Silent
from redlark.conformance.meeting import campaign_on
from redlark.conformance.options import Options
from redlark.conformance.targets import servers
from redlark.conformance.targets.setups import SETUPS
from redlark.conformance.targets.target import parse_address
from redlark.reference import Model
from tests.conftest import Starter

PROFILES = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.1")
THERE = parse_address("redis://127.0.0.1:7777")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_that_needs_such_a_server_is_reached(profile: str) -> None:
    """In the model, by the histories of the set-ups that harm their server, each with its own configuration."""
    model = Model.load(profile)
    names = frozenset(model.commands)
    beyond = {rule for one in model.commands.values() for rule in unreachable(one.block, model.profile)}
    for setup in (one for one in SETUPS if one.harmed and one.is_of(profile)):
        rehearsal = Rehearsal(model, {**setup.config, "aclfile": setup.config.get("aclfile", "")})
        if "aclfile" in setup.config:
            asked = harmful.of_users(names, (2, 3))
        else:
            asked = [*harmful.histories(names, (2, 3), THERE), *harmful.last(names, (2, 3))]
        for history in asked:
            rehearsal.run(history)
        wanted = [rule for rule in model.rules if setup.reaches(rule) and rule not in beyond]
        assert wanted
        assert [rule for rule in wanted if not rehearsal.reached[rule]] == []


@pytest.mark.parametrize("server", ["redis:8.2", "valkey:9.1"])
def test_a_server_that_is_started_for_it_is_asked_all_of_it(server: str) -> None:
    """It conforms, and so does each rule of commands that are never sent elsewhere; the server of the run stays."""
    try:
        servers.pick(server, servers.find_servers())
    except CannotRun as none:
        pytest.skip(str(none))
    with campaign_on(server, Options(budget=60, seed=1), Silent()) as campaign:
        harmed = [(number, one) for number, one in enumerate(SETUPS) if one.harmed]
        for number, setup in harmed:
            campaign.set_up(setup, number)
        assert (campaign.skipped, [one.paste for one in campaign.findings.values()]) == ({}, [])
        here = [one for _, one in harmed if one.is_of(campaign.model.profile.name)]
        asked = [rule for rule in campaign.rules if any(one.reaches(rule) for one in here)]
        left = [rule for rule in asked if not campaign.reached(rule) and rule not in campaign.coverage.unreachable]
        assert (len(asked) > 30, left) == (True, [])
        with campaign.target.address.enter() as connection:
            assert connection.ask(b"PING").raw == b"+PONG\r\n"


def test_a_server_that_is_given_is_asked_nothing_of_it(start_server: Starter, tmp_path: Path) -> None:
    """One that somebody else may need is not harmed: the reasons of the text say why nothing was sent."""
    server = start_server("redis:8.2")
    told = tmp_path / "told.json"
    arguments = ["conform", f"redis://127.0.0.1:{server.port}", "--commands", "SAVE,MONITOR,SHUTDOWN", "--seed", "1"]
    result = CliRunner().invoke(main, [*arguments, "--requests", "200", "--no-saved", "--quiet", "--json", str(told)])
    assert result.exit_code == 0, result.output
    (target,) = json.loads(told.read_text())["targets"]
    assert [target["commands"][name]["reached"].get(f"{name}/told", 0) for name in ("SAVE", "MONITOR")] == [0, 0]
    assert target["unreached"]["SHUTDOWN/ended"] == "never sent: it ends the server"
