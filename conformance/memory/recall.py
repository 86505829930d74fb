"""What a run remembers of earlier ones: examples that failed, and divergences that were reviewed.

What must live here: how both reach a campaign before it runs, and what they have to say after it. How they are kept is
`saved`'s and `baseline`'s.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from attrs import frozen

from redlark.conformance.campaign import Campaign
from redlark.conformance.memory.baseline import Entry, Gate, read
from redlark.conformance.memory.saved import Saved
from redlark.conformance.memory.state import Ledger
from redlark.conformance.memory.state_file import left_behind
from redlark.conformance.options import Options
from redlark.conformance.report import Finding, TargetReport
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.configure import recover
from redlark.conformance.targets.target import parse_address


@frozen
class Memory:
    """The baseline of a run, if it has one, and where it keeps examples, if it does."""

    baseline: Path | None = None
    saved: Path | None = None
    today: datetime.date = datetime.date.min
    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, baseline: Path | None, saved: Path | None, today: datetime.date | None = None) -> Memory:
        """What is remembered at these places; `today` is what expired entries are behind. Raises `CannotRun`."""
        entries = read(baseline) if baseline is not None else ()
        return cls(baseline, saved, today or datetime.date.today(), entries)

    @staticmethod
    def recover(name: str, options: Options) -> list[str]:
        """Put back what a killed run has left set on a target that is given; what to tell. Raises `CannotRun`."""
        if options.state is None or machine.is_server_name(name):
            return []
        address = parse_address(name)
        done = recover(address, before) if (before := left_behind(options.state, address.text)) else []
        return [f"{address.text}: put back what a killed run has left set: {', '.join(done)}"] if done else []

    def attach(self, campaign: Campaign) -> Remembered:
        """Give a campaign what it is to run first, and what it is to accept."""
        gate = saved = None
        if campaign.options.state is not None and not campaign.options.exhaustive:
            campaign.ledger = Ledger.of(campaign.options.state, campaign)
        if self.baseline is not None:
            gate = Gate.of(self.baseline, self.entries, campaign.name, campaign.choice.profile, self.today)
            campaign.again += gate.examples
            campaign.known = gate.known
            campaign.spared = _asked_for(campaign, gate)
        if self.saved is not None:
            saved = Saved(self.saved, campaign.name, campaign.choice.profile, campaign.options.loose)
            campaign.again += saved.load()
        return Remembered(campaign, gate, saved)


@frozen
class Remembered:
    """What one campaign was given."""

    campaign: Campaign
    gate: Gate | None
    saved: Saved | None

    def conclude(self, report: TargetReport) -> None:
        """Add to the report what the baseline makes of it; keep what failed, but for what was reviewed."""
        if self.gate is not None:
            complete = report.ended not in ("interrupted", "lost")
            rules = {rule: self.campaign.reached(rule) for rule in self.campaign.model.rules}
            report.baseline = str(self.gate.path)
            report.complaints = [*self.gate.complaints(rules, complete)]
            report.notes += self.gate.undecided()
        if self.saved is not None:
            found = (one for one in report.findings if isinstance(one, Finding))  # those of this process
            self.saved.store(one for one in found if not one.known)
            report.notes += self.saved.said


def _asked_for(campaign: Campaign, gate: Gate) -> frozenset[str]:
    """The commands of reviewed examples: several clients at once would show the same, and no order explains it."""
    asked = (one for again in gate.examples for step in again.history.steps for one in step.requests)
    words = (tuple(part for part in one.parts if isinstance(part, bytes)) for one in asked)
    commands = (campaign.model.command(some) for some in words if some)
    return frozenset(command.name for command in commands if command is not None)
