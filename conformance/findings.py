"""From a divergence to a finding: what a campaign makes of a reply that the text does not allow.

What must live here: whether it is a fault at all, whether it is new, and how it is made short. Everything is written
into the campaign; what a finding looks like is the report's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from attrs import evolve

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence, unknown
from redlark.conformance.judging.shrink import Run, Shrinker
from redlark.conformance.report import Finding
from redlark.conformance.targets.target import Target

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign
    from redlark.conformance.judging.judge import Judge
    from redlark.conformance.targets.setups import Setup

UNKNOWN = "(unknown command)"
SHRINK_SECONDS = 30.0  # for one; the count of runs ends it sooner, unless silence has to be waited for each time
SHRINK_SHARE = 0.5  # of the budget, at most, for all shrinking together
SHRINK_PART = (
    0.2  # of what is left of that, at most, for one: on a server that differs everywhere others have their turn
)
NO_RESP3 = "HELLO 3 is not answered as the text says: nothing else is judged in RESP3"


def look_into(campaign: Campaign, judge: Judge, found: Divergence, history: History, setup: Setup | None) -> None:
    """Make a divergence short and tell of it, unless it is known from this run, or no divergence but a lack."""
    if found.command in campaign.model.lacking and found.raw[:1] in (b"-", b"!"):
        return  # unsupported as it is, in whatever words the server refuses what it does not list
    name = _named(campaign, found)
    if name in campaign.unsupported or (name != UNKNOWN and unknown(found.raw) and _never_heard_of(campaign, name)):
        campaign.unsupported.add(name)
        return
    what = _gone(campaign.target, campaign.options.timeout) if found.lost else ""
    if what:
        _ended(campaign, evolve(found, command=name), what, history, setup)
    reviewed = campaign.known(evolve(found, command=name))
    if reviewed is None:
        campaign.diverged[name] += 1
    else:
        campaign.familiar[name] += 1
    key = found.signature, reviewed
    if key in campaign.findings or (reviewed is not None and reviewed in campaign.recognised):
        return
    # So every history begins; in a set-up, where strangers are refused, it tells nothing of the others.
    if name == "HELLO" and found.asked <= 0 and history.protocol == 3 and reviewed is None and setup is None:
        campaign.speaks_resp3 = False
        campaign.notes.append(NO_RESP3)
    smallest, reproduced = _shrunk(campaign, judge, found)
    accepted = campaign.known(smallest)
    finding = Finding(
        smallest, reproduced, history.size, setup.name if setup else None, accepted.reason if accepted else ""
    )
    if accepted is not None:
        campaign.recognised.add(accepted)
    campaign.findings[key] = finding
    shorter = smallest.signature, accepted
    if shorter != key and shorter in campaign.findings:
        campaign.findings.pop(key)
    else:
        campaign.findings[shorter] = finding
        campaign.listener.found(finding)


def _shrunk(campaign: Campaign, judge: Judge, found: Divergence) -> tuple[Divergence, bool]:
    """The smallest divergence that was found, and whether the first one came again; not counted as requests."""
    before, began = judge.requests, time.monotonic()
    left = campaign.options.budget * SHRINK_SHARE - campaign.shrinking
    seconds = min(SHRINK_SECONDS, left * SHRINK_PART)
    shrinker = Shrinker(judge.run, found, seconds=max(seconds, 0.5))
    timeout, judge.timeout = judge.timeout, min(judge.timeout, 1.0)
    judge.close()  # the connections that are opened now wait no longer than that
    try:
        smallest = shrinker.shrink()
    finally:
        judge.timeout = timeout
        judge.requests = before
        judge.uncount()
        campaign.shrinking += time.monotonic() - began
    return evolve(smallest, command=_named(campaign, smallest)), shrinker.reproduced


def _named(campaign: Campaign, found: Divergence) -> str:
    return found.command if found.command in campaign.model.commands else UNKNOWN


def _never_heard_of(campaign: Campaign, name: str) -> bool:
    """Whether the server does not know the command even when it is asked in the plainest way."""
    try:
        with campaign.target.address.enter(campaign.options.timeout) as connection:
            return unknown(connection.ask(*(word.encode() for word in name.split("|"))).raw)
    except (CannotRun, Lost):
        return False


def _gone(target: Target, timeout: float) -> str:
    """After a lost connection: why the server serves nobody any more; nothing where it does."""
    try:
        with target.address.enter(timeout) as connection:
            connection.ask(b"PING")
    except Lost as problem:
        return problem.what
    except CannotRun:
        return "does not accept connections any more"
    return ""


def _ended(campaign: Campaign, found: Divergence, what: str, history: History, setup: Setup | None) -> NoReturn:
    """Tell of what a server did not survive, made short on others that are started for it. Raises `CannotRun`."""
    shrinker = Shrinker(_anew(campaign, found.command, setup), found, seconds=SHRINK_SECONDS)
    smallest = shrinker.shrink() if campaign.starts else found
    smallest = evolve(smallest, seen=f"{smallest.seen}, and {what}")
    finding = Finding(smallest, shrinker.reproduced, history.size, setup.name if setup else None)
    campaign.diverged[found.command] += 1
    campaign.findings[smallest.signature, None] = finding
    campaign.listener.found(finding)
    raise CannotRun(f"{campaign.name}: gone after {campaign.requests} requests: on {found.command} it {smallest.seen}")


def _anew(campaign: Campaign, command: str, setup: Setup | None) -> Run:
    """What runs a history on a server that is started for it, and tells whether this command ended that one."""

    def run(history: History) -> Divergence | None:
        assert campaign.launch is not None
        with campaign.launch(setup.config if setup else {}) as target:
            judge = campaign.judge(target)
            try:
                found = judge.run(history)
            except (CannotRun, Lost):
                return None
            finally:
                judge.close()
            ended = found and found.lost and found.command == command and _gone(target, campaign.options.timeout)
            return found if ended else None

    return run
