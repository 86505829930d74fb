"""Seeded faults of what is pushed: invalidations that are missing, doubled, or of another key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.conformance import servers as machine
from redlark.conformance.campaign import Campaign
from redlark.conformance.errors import CannotRun
from redlark.conformance.judge import Judge
from redlark.conformance.options import Options
from redlark.conformance.profiles import choose, model_of
from redlark.conformance.target import parse_address, prepare
from redlark.reference.resp import Frame

from .proxy import Pusher, tap

PROFILE = "redis-8.2"
COMMANDS = frozenset(("CLIENT|TRACKING", "CLIENT|ID", "HELLO", "GET", "SET", "MULTI", "EXEC"))
BUDGET = 10_000  # requests in which a fault must be found
LONGEST = 6  # requests of the shrunk transcript, the ids that clients learn and HELLO not counted


def is_invalidation(frame: Frame) -> bool:
    """Whether a frame tells that a key has changed."""
    return frame.raw.startswith(b">2\r\n$10\r\ninvalidate\r\n*")


def missing(frame: Frame) -> bytes:
    """No invalidation comes."""
    return b"" if is_invalidation(frame) else frame.raw


def doubled(frame: Frame) -> bytes:
    """Every invalidation comes twice."""
    return frame.raw * 2 if is_invalidation(frame) else frame.raw


def of_another_key(frame: Frame) -> bytes:
    """An invalidation of a key tells of another one."""
    return frame.raw.replace(b"$2\r\nk1\r\n", b"$2\r\nk9\r\n") if is_invalidation(frame) else frame.raw


pytestmark = pytest.mark.slow  # on real servers, with time outs

FAULTS = (missing, doubled, of_another_key)


@pytest.fixture(scope="module")
def real() -> Iterator[machine.Running]:
    """A real server that tracks."""
    try:
        server = machine.pick("redis:8.2", machine.find_servers())
    except CannotRun as problem:
        pytest.skip(str(problem))
    with machine.running(server) as found:
        yield found


def campaign(running: machine.Running, pusher: Pusher, requests: int) -> Campaign:
    """A campaign through a proxy that changes what is pushed, until the first divergence."""
    sound = prepare(parse_address(running.url), destructive=True)
    with tap(running.host, running.port, pusher) as url:
        target = prepare(parse_address(url), destructive=True)
        options = Options(profile=PROFILE, seed=1, budget=60, requests=requests, commands=COMMANDS)
        one = Campaign(url, target, model_of(PROFILE, sound), choose(target.info, PROFILE), options, enough=1)
        one.run()
    return one


def test_without_a_fault_no_invalidation_is_wrong(real: machine.Running) -> None:
    """The proxy itself changes nothing, and invalidations come through it."""
    told: list[bytes] = []

    def noted(frame: Frame) -> bytes:
        told.extend([frame.raw] if is_invalidation(frame) else [])
        return frame.raw

    one = campaign(real, noted, 4_000)
    assert [finding.paste for finding in one.findings.values()] == []
    assert len(told) > 10


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_is_found_and_shrunk(real: machine.Running, fault: Pusher) -> None:
    """A fault shows itself within the budget, again when repeated, in a few requests that conform without it."""
    one = campaign(real, fault, BUDGET)
    findings = list(one.findings.values())
    assert findings, f"not found in {one.requests} requests: {one.notes}"
    history = findings[0].divergence.history
    asked = [r.parts for step in history.steps for r in step.requests]
    asked = [parts for parts in asked if parts[0] != b"HELLO" and parts[1:] != (b"ID",)]
    assert findings[0].reproduced
    assert len(asked) <= LONGEST, findings[0].paste
    sound = Judge(one.model, prepare(parse_address(real.url), destructive=True))
    assert sound.run(history) is None, findings[0].paste
    sound.close()
