"""Requests of commands that are never sent: those that the text refuses as it reads them, which harm nobody.

Theory of operation. Requests are drawn as of any command, and asked of the model alone on an empty server: one that is
answered with an error in every way that it may go, by a rule about how it is spelled (``SHALLOW``), is sent. What must
not live here: why a command is never sent (the text says so).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from redlark.conformance.drawing.generate import Generator
from redlark.conformance.drawing.rehearse import BEGIN
from redlark.conformance.history import History, Request, steps_of
from redlark.reference import Model, World
from redlark.reference.tracking import BY_ITSELF
from redlark.reference.values import ErrorReply

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign

# A mistake in the text would make of a connection, or of the server, a replica's or a replica.
SPARED = frozenset(("SYNC", "PSYNC", "REPLCONF", "REPLICAOF", "SLAVEOF", "FAILOVER", "MONITOR"))
DRAWN = 240  # requests of each command: what a spelling takes in the hundredth of them is met
KEPT = 3  # of each rule
SHALLOW = re.compile(
    r"[^/]+/(arity|syntax|unknown|repeated|excess|bad-.*|negative|nothing-to-(abort|cancel)|not-safe|no-cluster|both|not-alone|abort-(first|later)|too-many|no-(file|time))"
)


def of(campaign: Campaign, config: Mapping[str, str]) -> Iterator[History]:
    """Histories of such requests, one for each command and protocol; none for a server that this run did not start."""
    if campaign.launch is None:
        return
    rng = random.Random(f"refused {campaign.options.seed}")
    model, generator = campaign.model, Generator(campaign.grammars)
    world = model.connect(model.start(config=dict(config), now=BEGIN), 0)[0]
    for name in sorted(campaign.selected - campaign.sendable - SPARED):
        kept: dict[str, list[Request]] = {}
        for _ in range(DRAWN):
            request = generator.request(name, rng)
            rule = _refused_by(model, world, request)
            if rule and len(kept.setdefault(rule, [])) < KEPT:
                kept[rule].append(request)
        steps = steps_of(0, [request for requests in kept.values() for request in requests])
        yield from [History(steps, protocol) for protocol in campaign.options.protocols if steps]


def _refused_by(model: Model, world: World, request: Request) -> str | None:
    """The rule of a spelling by which the text refuses a request, whatever choices are left; None where it may not."""
    parts = request.resolve(BEGIN, lambda _: b"0")
    ways = list(model.ways(world, 0, parts, BEGIN))
    rules = [next((rule for rule in reversed(run.reached) if not rule.startswith(BY_ITSELF)), "") for run, _ in ways]
    refused = all(isinstance(reply, ErrorReply) and not run.session.get("closed") for run, reply in ways)
    return rules[0] if refused and rules and all(map(SHALLOW.fullmatch, rules)) else None
