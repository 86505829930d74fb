"""Seeded faults: each is found within a budget of requests, and shrunk to at most five.

A sixth of them is tried by every run of the tests, all by a campaign; `python -m tests.quality` measures how soon each
is found, and writes it down.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.conformance.targets import servers as machine

from .faults import FAULTS, SPINE, Fault
from .power import BUDGET, LONGEST, campaign, measured

SIXTH = [
    pytest.param(one, marks=[pytest.mark.campaign] if place % 6 else [], id=one.name.replace(" ", "-"))
    for place, one in enumerate(FAULTS)
]


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


@pytest.mark.parametrize("groups", [SPINE, ("list", "set", "hash"), ("sorted-set", "stream"), ("geo", "scripting")])
def test_without_a_fault_nothing_is_found(embedded: machine.Running, groups: tuple[str, ...]) -> None:
    """The proxy itself changes nothing: what is found later is the fault's doing."""
    one = campaign(embedded, lambda link, request: link.ask(*request), 3_000, groups=groups)
    assert [finding.paste for finding in one.findings.values()] == []
    assert one.notes == []
    assert one.requests >= 3_000


def test_there_are_enough_faults() -> None:
    """At least 150 different faults are seeded, ten or more in each group of commands with data but three."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 150
    groups = [fault.groups[0] for fault in FAULTS]
    few = {group for group in groups if groups.count(group) < 10}
    assert few <= {"hyperloglog", "pubsub", "transactions"}


@pytest.mark.parametrize("fault", SIXTH)
def test_each_fault_is_found_and_shrunk(embedded: machine.Running, fault: Fault) -> None:
    """A fault shows itself within the budget, again when repeated, in at most five requests that conform without it."""
    power = measured(embedded, fault)
    assert power.requests, f"not found in {BUDGET} requests"
    assert power.reproduced
    assert power.size <= LONGEST, power.paste
    assert power.sound, power.paste
    assert power.kept, power.paste
