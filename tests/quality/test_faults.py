"""Seeded faults: each is found within a budget of requests, and shrunk to at most five."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.conformance import servers as machine
from redlark.conformance.campaign import Campaign
from redlark.conformance.judge import Judge
from redlark.conformance.options import Options
from redlark.conformance.profiles import choose, model_of
from redlark.conformance.target import parse_address, prepare

from .faults import FAULTS, Fault
from .proxy import Handler, proxy

PROFILE = "redis-8.2"
BUDGET = 30_000  # requests in which a fault must be found; most take a few hundred
LONGEST = 5  # requests of the shrunk transcript
# This proxy passes on a reply for each request: what waits or is pushed has tests of its own (test_invalidations.py).
# Of a server's own commands those are asked in which faults are seeded, or which they show in.
GROUPS = frozenset(("string", "generic", "transactions", "connection"))
SERVER = frozenset(("DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB", "TIME"))
APART = frozenset(("CLIENT|TRACKING", "CLIENT|PAUSE", "CLIENT|UNPAUSE"))


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


def campaign(running: machine.Running, handler: Handler, requests: int, seed: int = 1) -> Campaign:
    """A campaign through a proxy with this handler, that ends with the first divergence."""
    sound = prepare(parse_address(running.url), destructive=True)
    with proxy(running.host, running.port, handler) as url:
        target = prepare(parse_address(url), destructive=True)
        model = model_of(PROFILE, sound)
        own = {one.name for one in model.commands.values() if one.facts["group"][0] in GROUPS and not one.container}
        commands = (SERVER | own) - APART
        options = Options(profile=PROFILE, seed=seed, budget=120, requests=requests, commands=commands)
        one = Campaign(url, target, model, choose(target.info, PROFILE), options, enough=1)
        one.run()
    return one


def test_without_a_fault_nothing_is_found(embedded: machine.Running) -> None:
    """The proxy itself changes nothing: what is found later is the fault's doing."""
    one = campaign(embedded, lambda link, request: link.ask(*request), 6_000)
    assert [finding.paste for finding in one.findings.values()] == []
    assert one.notes == []
    assert one.requests >= 6_000


def test_there_are_enough_faults() -> None:
    """At least twenty-five different faults are seeded."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_each_fault_is_found_and_shrunk(embedded: machine.Running, fault: Fault) -> None:
    """A fault shows itself within the budget, again when repeated, in at most five requests that conform without it."""
    one = campaign(embedded, fault.handle, BUDGET)
    findings = list(one.findings.values())
    assert findings, f"not found in {one.requests} requests: {one.notes}"
    finding = findings[0]
    assert finding.reproduced
    assert finding.divergence.history.size <= LONGEST, finding.paste
    sound = Judge(one.model, prepare(parse_address(embedded.url), destructive=True))
    assert sound.run(finding.divergence.history) is None, finding.paste
    sound.close()
