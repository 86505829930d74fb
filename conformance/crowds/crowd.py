"""The concurrent part of a campaign: programs for several clients, run, explained by an order or reduced.

A history that no order explains is a contradiction: the server was not atomic, or showed what was not there any more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, mutable

from redlark.conformance.crowds import concurrent
from redlark.conformance.crowds.contradiction import Contradiction, Reducer
from redlark.conformance.crowds.linearize import Operation, Undecided, order_of
from redlark.conformance.drawing import draw
from redlark.conformance.drawing.generate import Generator
from redlark.conformance.drawing.scenarios import HELPERS, Pool
from redlark.conformance.errors import Lost
from redlark.conformance.options import Share
from redlark.conformance.targets.target import Target
from redlark.reference import Model, Worlds
from redlark.reference.resp import Frame

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign

AHEAD = 40  # programs that are claimed at once, where a run is kept
TURNS = 3  # in which what is no contradiction is told apart
ENOUGH = 3  # contradictions, after which it ends
SHARE = 0.08  # of a campaign's budget


@mutable
class Crowd:
    """Concurrent histories on one target, and what they showed."""

    model: Model
    target: Target
    pool: Pool
    seed: int = 0
    clients: int = concurrent.CLIENTS
    timeout: float = 5.0
    share: Share = field(factory=Share)
    note: Callable[[], None] = lambda: None  # told when programs up to `claimed` are to be drawn
    drawn: int = field(default=0, init=False)  # how many programs were drawn
    claimed: int = field(default=0, init=False)
    histories: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)
    undecided: int = field(default=0, init=False)
    contradictions: list[Contradiction] = field(factory=list, init=False)
    lost: str = field(default="", init=False)  # what the server did instead of answering, if it did
    _beginning: Worlds = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        freed = self.pool.has("CLIENT|UNBLOCK")  # or who waits could wait for ever
        groups = {
            name: str(command.facts["group"][0])
            for name, command in self.model.commands.items()
            if freed or not command.parks
        }
        self.pool = concurrent.fit(self.pool, groups)

    def _begin(self, ids: Sequence[Frame]) -> Worlds:
        """The worlds in which a history begins: nobody has asked for more than its own id."""
        worlds = self.model.start(databases=self.target.databases, config=self.target.config)
        for client, told in enumerate(ids):
            worlds = self.model.connect(worlds, client)
            worlds = self.model.allows(worlds, client, (b"CLIENT", b"ID"), (0, 0), told)
        return worlds

    def run(self, over: Callable[[Crowd], bool], tick: Callable[[], None] = lambda: None) -> None:
        """One history after another until it is over; a server that falls silent ends it, and is noted."""
        if not self.pool.names:
            return
        runner = concurrent.Runner(self.target, self.timeout, self.model.parks)
        try:
            while not over(self) and len(self.contradictions) < ENOUGH:
                if self.drawn >= self.claimed:
                    self.claimed = self.drawn + AHEAD
                    self.note()
                rng = random.Random(f"crowd {self.seed} {self.share.at(self.drawn)}")
                self.drawn += 1
                program = concurrent.draw(self.pool, rng, self.clients)
                seen = runner.run(program, rng)
                self._beginning = self._beginning or self._begin(runner.ids)
                self.histories += 1
                self.requests += len(seen)
                try:
                    if not self.explains(seen):
                        reducer = Reducer(runner.run, self.explains, self._changes_nothing, rng)
                        self.contradictions.append(reducer.reduce(program, seen))
                except Undecided:
                    self.undecided += 1
                tick()
            runner.empty()
        except Lost as lost:
            self.lost = lost.what
        finally:
            runner.close()

    def explains(self, seen: Sequence[Operation]) -> bool:
        """Whether some order explains what was seen. Raises `Undecided` where the search was given up."""
        return order_of(self.model, self._beginning, seen) is not None

    @property
    def diverges(self) -> bool:
        """Whether it found what must not be."""
        return bool(self.contradictions or self.lost)

    def as_json(self) -> dict[str, Any]:
        """What it found as the report's JSON has it."""
        return {
            "clients": self.clients,
            "histories": self.histories,
            "requests": self.requests,
            "undecided": self.undecided,
            "contradictions": [found.as_json() for found in self.contradictions],
            "lost": self.lost,
        }

    def _changes_nothing(self, one: Operation) -> bool:
        """Whether an operation outside a transaction cannot have changed anything."""
        if one.reply is not None and one.reply.is_error and not self.model.parks(one.request):
            return True
        command = self.model.command(one.request)
        return command is not None and b"readonly" in command.flags and not command.parks


def several_at_once(campaign: Campaign) -> None:
    """The concurrent histories of a campaign: for a share of its budget, or as many as were asked for."""
    options, wanted = campaign.options, campaign.options.concurrent
    grammars = campaign.grammars
    names, weights = draw.weighted(
        dict.fromkeys(grammars, 0), campaign.sendable, campaign.gone | campaign.spared, HELPERS
    )
    pool = Pool(Generator(grammars), names, weights)
    campaign.crowd = Crowd(
        campaign.model, campaign.target, pool, options.seed, timeout=options.timeout, share=options.share
    )
    campaign.crowd.note = campaign.ledger.save
    campaign.ledger.restore_crowd(campaign.crowd)
    share = options.budget * (1.0 if wanted else SHARE)
    seconds = campaign.ledger.until("concurrent histories", campaign.seconds + share)
    requests = (options.requests or 1 << 60) * SHARE

    def over(crowd: Crowd) -> bool:
        if wanted:
            return crowd.histories >= wanted or campaign.seconds >= options.budget
        return campaign.seconds >= seconds or crowd.requests >= requests or campaign.over()

    campaign.listener.phase("concurrent histories")
    for _ in range(TURNS):
        campaign.crowd.run(over, lambda: campaign.listener.tick(campaign))
        if not _told_apart(campaign, campaign.crowd) or over(campaign.crowd):
            break


def _told_apart(campaign: Campaign, crowd: Crowd) -> bool:
    """Take out contradictions that are none of several clients at once: whether there were any.

    What diverges when the same requests follow each other is found so, with its rule, and may be known by it.
    """
    kept = []
    with campaign.judge(campaign.target) as judge:
        for one in crowd.contradictions:
            history = one.one_by_one
            if history is None or campaign.one(judge, history, None) is None:
                kept.append(one)
    apart = len(kept) < len(crowd.contradictions)
    crowd.contradictions = kept
    return apart
