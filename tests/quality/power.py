"""How well seeded faults are found: a campaign through a proxy that makes one mistake, ended by its first divergence.

What must not live here: the faults (`faults`), and what is asked of the outcome (`test_faults`, `__main__`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import frozen

from redlark.conformance import written
from redlark.conformance.campaign import Campaign
from redlark.conformance.history import Part
from redlark.conformance.judging.judge import Judge
from redlark.conformance.options import Options
from redlark.conformance.report import Finding
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference import Model

from .faults import FAULTS, SPINE, Fault
from .proxy import Handler, proxy

PROFILE = "redis-8.2"
BUDGET = 30_000  # requests in which a fault must be found; most take a few hundred
TRIES = 4  # seeds
LONGEST = 5  # requests of the shrunk transcript, what makes what they are about not counted
# Of a server's own commands, and of those about keys, some are asked beside any group: faults show in what reads.
ALWAYS = frozenset(("DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB", "TIME", "DEL", "EXISTS", "TYPE", "SET", "MULTI", "EXEC"))
# This proxy passes on a reply for each request: what waits or is pushed has tests of its own (test_invalidations.py).
APART = frozenset(("CLIENT|TRACKING", "CLIENT|PAUSE", "CLIENT|UNPAUSE", "XREAD", "XREADGROUP"))


@frozen
class Power:
    """What became of a fault: how many requests it took to find it (0: never), and what the transcript shrank to."""

    fault: str
    group: str
    requests: int
    seconds: float
    size: int = 0
    reproduced: bool = False
    sound: bool = False  # without the fault the transcript conforms
    kept: bool = False  # what is kept of it, read again, diverges by the same rule
    paste: str = ""

    @property
    def found(self) -> bool:
        """Whether it was found, again when repeated and from what is kept of it, and is no false alarm."""
        return self.reproduced and self.sound and self.kept


def campaign(
    running: machine.Running, handler: Handler, requests: int, seed: int = 1, groups: tuple[str, ...] = SPINE
) -> Campaign:
    """A campaign through a proxy with this handler, that ends with the first divergence."""
    sound = prepare(parse_address(running.url), destructive=True)
    with proxy(running.host, running.port, handler) as url:
        target = prepare(parse_address(url), destructive=True)
        model = model_of(PROFILE, sound)
        own = {
            one.name
            for one in model.commands.values()
            if one.facts["group"][0] in groups and not one.container and b"blocking" not in one.flags
        }
        commands = (ALWAYS | own) - APART
        options = Options(profile=PROFILE, seed=seed, budget=600, requests=requests, commands=frozenset(commands))
        one = Campaign(url, target, model, choose(target.info, PROFILE), options, enough=1)
        one.run()
    return one


def measured(running: machine.Running, fault: Fault, seed: int = 1) -> Power:
    """A fault put before a server that runs and is sound.

    What is seen once and not again is no finding, and how far one is shrunk hangs on what was found: the search goes on
    with other seeds then, and all its requests count.
    """
    began, asked, power = time.monotonic(), 0, None
    for one in (campaign(running, fault.handle, BUDGET, seed + more, fault.groups) for more in range(TRIES)):
        asked += one.requests
        finding = next(iter(one.findings.values()), None)
        if finding is None:
            continue
        sound = Judge(one.model, prepare(parse_address(running.url), destructive=True))
        alarm = sound.run(finding.divergence.history)
        sound.close()
        power = Power(
            fault.name, fault.groups[0], asked, time.monotonic() - began, finding.divergence.history.size,
            finding.reproduced, alarm is None, _is_found_again(running, fault, one.model, finding), finding.paste,
        )  # fmt: skip
        if power.found and power.size <= LONGEST:
            break
    return power or Power(fault.name, fault.groups[0], 0, time.monotonic() - began)


def _is_found_again(running: machine.Running, fault: Fault, model: Model, finding: Finding) -> bool:
    """Whether a finding's lines, read and run where the fault is, diverge by the same rule."""
    told = finding.as_json()["history"]
    with proxy(running.host, running.port, fault.handle) as url:
        judge = Judge(model, prepare(parse_address(url), destructive=True))
        found = judge.run(written.history(told["lines"], told["protocol"]))
        judge.close()
    return found is not None and found.rules == finding.rules


@frozen
class Short:
    """What searches with some seeds found in the end, in how many requests of all of them, and what of it counts."""

    run: Campaign
    requests: int
    finding: Finding | None
    asked: tuple[tuple[Part, ...], ...] = ()


def until_short(search: Callable[[int], Campaign], counts: Callable[[tuple[Part, ...]], bool], longest: int) -> Short:
    """Search with another seed while what is found has more requests that count: how far it shrinks hangs on it."""
    asked = 0
    for seed in range(1, TRIES + 1):
        run = search(seed)
        asked += run.requests
        finding = next(iter(run.findings.values()), None)
        steps = finding.divergence.history.steps if finding else ()
        parts = (one.parts for step in steps for one in step.requests)
        short = Short(run, asked, finding, tuple(one for one in parts if counts(one)))
        if finding is None or len(short.asked) <= longest:
            break
    return short


def measure(seed: int, name: str) -> Power:
    """One fault, before a server of its own."""
    fault = next(one for one in FAULTS if one.name == name)
    with machine.running(None) as running:
        return measured(running, fault, seed)
