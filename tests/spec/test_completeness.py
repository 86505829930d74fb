"""Every command that a server tells of is in the text, and each that works on data has rules that run.

`STILL_TO_COME` is a debt that only shrinks: who lands a command strikes its name out, and a name that the text has
makes the test fail.
"""

from __future__ import annotations

import re

import pytest

from redlark.conformance.targets.servers import Server, find_servers, running
from redlark.conformance.targets.target import at, parse_address, prepare
from redlark.reference.model import Model, profiles
from redlark.spec.derivation import table
from redlark.spec.profiles import recognise

# What the text leaves out: modules' commands, and two words that 6.2 knows in order to hang up on web browsers.
LEFT_OUT = re.compile(r"V(ADD|CARD|DIM|EMB|GETATTR|INFO|ISMEMBER|LINKS|RANDMEMBER|RANGE|REM|SETATTR|SIM)|HOST:|POST")

# Commands that the text has not yet: none.
STILL_TO_COME: frozenset[str] = frozenset()

# Groups whose commands work on data; what the others do is partly the machine's, and may be told by its type alone.
DATA = frozenset((
    "bitmap", "generic", "geo", "hash", "hyperloglog", "list", "pubsub", "scripting", "set", "sorted-set", "stream",
    "string", "transactions",
))  # fmt: skip

# Commands of these groups whose reply cannot be foretold: where it comes from is no database.
NO_DATA = frozenset({"function|stats"})


@pytest.mark.parametrize("server", find_servers(), ids=lambda server: server.name)
def test_every_command_of_a_server_is_in_the_text(server: Server) -> None:
    """COMMAND LIST (or COMMAND, before 7.0) names nothing that the text lacks, modules' commands and the debt apart."""
    profile = recognise(server.product, server.version)
    ours = {name.upper() for name in table(profile).commands}
    with running(server) as one:
        told = prepare(at(parse_address(one.url), one.host, one.port, server.name), destructive=True).commands
    missing = sorted(name for name in told - ours - STILL_TO_COME if not LEFT_OUT.fullmatch(name))
    assert not missing, f"{server.name} has commands that the text lacks: {' '.join(missing)}"
    # 6.2 tells of no subcommands, and 9.1 hides some commands of its tests
    assert not (ours - told) or profile.name == "redis-6.2", f"{server.name} lacks {' '.join(sorted(ours - told))}"


def test_the_debt_only_shrinks() -> None:
    """No command stands in STILL_TO_COME that the text has: strike it out there as it lands."""
    ours = {name.upper() for name in profiles() for name in table(name).commands}
    assert not STILL_TO_COME & ours, "strike out of STILL_TO_COME: " + " ".join(sorted(STILL_TO_COME & ours))


@pytest.mark.parametrize("name", profiles())
def test_data_commands_have_rules_that_run(name: str) -> None:
    """A command on data is executable in every profile, and has a rule; a container alone has none."""
    facts = table(name).commands
    for command in Model.load(name).commands.values():
        told = facts.get(command.name.lower())
        if told is None or told.group not in DATA or told.name in NO_DATA:
            continue
        assert "semantics" not in command.facts, f"{command.name}: of its replies the type alone is specified"
        assert command.rules or told.subcommands, f"{command.name} has no rule"
