"""What is run again before anything is searched: examples that failed before, and those of reviewed divergences.

What must live here: how often an example is run before it is held to conform, and that the run of one can be left
undecided. Where examples come from is `saved`'s and `baseline`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, mutable

from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign
    from redlark.conformance.judging.judge import Judge
    from redlark.conformance.targets.setups import Setup

TIMES = 5  # runs of an example that has always shown its divergence
SELDOM = 50  # and of one that was seen once, and not again when it was repeated


@mutable
class Again:
    """One example: the history, the set-up that it needs, and what running it has shown."""

    name: str
    history: History
    setup: str | None = None
    times: int = TIMES
    ran: int = field(default=0, init=False)  # runs that were judged to their end and showed nothing
    found: Divergence | None = field(default=None, init=False)

    @property
    def conforms(self) -> bool:
        """Whether it was run often enough and never diverged."""
        return self.found is None and self.ran >= self.times


def run_again(campaign: Campaign, judge: Judge, setup: Setup | None) -> None:
    """Run the examples of a set-up (None: the server as it is), each until it diverges or was run often enough."""
    asked: Sequence[Again] = campaign.examples_for(setup.name if setup else None)
    if not asked:
        return
    campaign.listener.phase(f"examples that have failed before ({len(asked)})")
    with campaign.ledger.uncounted():
        for one in asked:
            for _ in range(one.times):
                if campaign.over():
                    return
                before = campaign.histories - campaign.given_up  # one in a protocol that is not judged is not run
                one.found = campaign.one(judge, one.history, setup, known=True)
                if one.found is not None:
                    break
                one.ran += campaign.histories - campaign.given_up - before
