"""A unit of work in a process of its own: told as a line of JSON on stdin, tells what happens as lines on stdout.

The lines: `begun` (what is held to what, and the rules that are asked about), `phase`, `tick` (what was sent so far,
and rules that were reached since), `found`, and at the end `outcome`. When stdin ends, whoever asked for the unit is
gone, and the unit ends as it does on Ctrl-C: its server is stopped. ``python -m`` this module runs one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from attrs import evolve, field, mutable

from redlark.conformance import report
from redlark.conformance.campaign import Campaign
from redlark.conformance.errors import CannotRun
from redlark.conformance.interrupts import interrupts
from redlark.conformance.judging.attempt import DEBUG
from redlark.conformance.meeting import campaign_on
from redlark.conformance.memory.recall import Memory
from redlark.conformance.report import Finding, TargetReport
from redlark.conformance.spread.merging import outcome_of, told_finding
from redlark.conformance.spread.unit import Unit

TICK = 0.25  # seconds between two lines about progress, at least
PATIENCE = 20.0  # seconds in which a unit that nobody waits for must end


@mutable
class Telling:
    """The campaign's listener: tells whoever asked for the unit."""

    out: TextIO
    came: Sequence[int] = ()  # signals
    _told: set[str] = field(factory=set, init=False)
    _last: float = field(default=0.0, init=False)

    def say(self, event: str, **told: Any) -> None:
        """One line."""
        self.out.write(json.dumps({"event": event, **told}) + "\n")
        self.out.flush()

    def begun(self, campaign: Campaign) -> None:
        """The target was met."""
        choice = campaign.choice
        self.say(
            "begun",
            name=campaign.name,
            profile=choice.profile,
            server=choice.server,
            why=choice.why,
            rules=list(campaign.rules),
        )

    def phase(self, text: str) -> None:
        """A new part of the campaign begins."""
        self.say("phase", text=text)

    def tick(self, campaign: Campaign) -> None:
        """Some histories more."""
        if self.came:
            raise KeyboardInterrupt
        if time.monotonic() - self._last < TICK:
            return
        self._last = time.monotonic()
        new = [rule for rule in campaign.rules if rule not in self._told and campaign.reached(rule)]
        self._told.update(new)
        self.say("tick", requests=campaign.requests, reached=new)

    def found(self, finding: Finding) -> None:
        """A divergence, shrunk."""
        self.say("found", finding=told_finding(finding))


def run(unit: Unit, telling: Telling) -> TargetReport:
    """Do the unit; what keeps it from being done is in the report."""
    try:
        baseline, saved = (None if path is None else Path(path) for path in (unit.baseline, unit.saved))
        memory = Memory.of(baseline, saved)
        with campaign_on(unit.target, unit.options, telling) as campaign:
            remembered = memory.attach(campaign)
            if unit.options.share.number:  # examples are run once, and what is wrong with them is said once
                campaign.again, remembered = [], evolve(remembered, gate=None)
            telling.begun(campaign)
            found = campaign.run()
            remembered.conclude(found)
            return found
    except CannotRun as problem:
        return report.not_judged(unit.target, unit.options, str(problem))
    except KeyboardInterrupt:
        found = report.not_judged(unit.target, unit.options, "")
        found.ended, found.notes = "interrupted", []
        return found
    except Exception as problem:
        if DEBUG:
            raise
        said = f"a fault of Redlark: {problem!r}; REDLARK_DEBUG=1 shows where"
        return report.not_judged(unit.target, unit.options, said)


def _end_with(asker: TextIO) -> None:
    """When nobody waits for the outcome any more, interrupt this process, and end it if that takes long."""
    while asker.read(1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(PATIENCE)
    os._exit(1)


def main() -> None:
    """The process: one unit."""
    told = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is not for whoever asked
    with interrupts() as came:
        threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()
        telling = Telling(out, came)
        try:
            unit = Unit.from_json(told)
            telling.say("outcome", outcome=outcome_of(unit.key, run(unit, telling)))
        except BrokenPipeError:
            pass  # nobody is there to be told


if __name__ == "__main__":
    main()
