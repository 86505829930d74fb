"""Histories that reach rules, from everything that knows any: examples, shapes, hints, witnesses, and pursuit.

Theory of operation. Each history is rehearsed step by step; the part of it up to where a rule is first reached is a
candidate for that rule, and of each rule the shortest few are kept. Nothing here is random but by the seed. What must
not live here: whether a candidate is a case (``follow``), and how it is made short (``fill``).
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator
from itertools import chain

from attrs import evolve, field, frozen, mutable

from redlark.conformance.campaign import Campaign
from redlark.conformance.differences import hints, kept
from redlark.conformance.drawing import clustered, draw, refused
from redlark.conformance.drawing.pursuit import Pursuit
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.history import History, Step
from redlark.conformance.options import Options
from redlark.conformance.targets.profiles import Choice
from redlark.conformance.targets.setups import SETUPS, Setup
from redlark.conformance.targets.target import Address, Target
from redlark.conformance.vectors.follow import Setting
from redlark.reference import Model

KEPT = 6  # candidates of each rule
TRIED = 60_000  # requests that are tried in pursuit of what nothing else reaches, the first time
AGAIN = 20_000  # and each time that what was found was no case
FAILURES = (LookupError, ValueError, TypeError, OverflowError, ArithmeticError, AttributeError)  # of a model


@frozen
class Place:
    """Where cases are looked for: a set-up, or None for a server as it comes; and its name and setting."""

    setup: Setup | None

    @property
    def name(self) -> str:
        return "as it comes" if self.setup is None else self.setup.name

    @property
    def setting(self) -> Setting:
        return Setting() if self.setup is None else Setting(self.setup.config, self.setup.signed_in)


@mutable
class Gathered:
    """The candidates of each rule at one place, shortest first."""

    model: Model
    place: Place
    seed: int
    options: Options
    wanted: frozenset[str]
    found: dict[str, list[History]] = field(factory=dict, init=False)
    campaign: Campaign = field(init=False)
    rehearsal: Rehearsal = field(init=False)
    pursuit: Pursuit = field(init=False)
    _again: int = field(default=0, init=False)

    @campaign.default
    def _campaign(self) -> Campaign:
        """A campaign on a server that is never asked: it knows what is drawn where."""
        target = Target(Address("nobody"), {}, 16, {}, (0, 0))
        one = Campaign("nobody", target, self.model, Choice(self.model.profile.name, "", ""), self.options)
        one.launch = lambda _: contextlib.nullcontext(target)  # what could harm a server that others use may be asked
        return one

    @rehearsal.default
    def _stage(self) -> Rehearsal:
        setting = self.place.setting
        config = {"databases": "16", **setting.config}
        return Rehearsal(self.model, config, setting.signed_in, databases=setting.databases)

    @pursuit.default
    def _pursue(self) -> Pursuit:
        return self.campaign.pursuit(self.rehearsal, self.place.setup)

    def everything(self) -> None:
        """Rehearse all that is known beforehand, then pursue what that does not reach."""
        for history in self._known():
            self.add(history)
        self.pursuit.most = TRIED if self.place.setup is None else AGAIN
        self._find(self._wanting(None))

    def more(self, rules: frozenset[str]) -> None:
        """Pursue these rules again, whatever reached them before."""
        self._again += 1
        one = self.campaign
        rng = random.Random(f"again {self.seed} {self.place.name} {self._again}")
        fresh = one.pursuit(Rehearsal(self.model, self.rehearsal.config, self.rehearsal.signed_in), self.place.setup)
        self.pursuit = evolve(self.pursuit, rng=rng, most=AGAIN, pool=fresh.pool)
        for name, histories in self._examples():
            self.pursuit.keep(name, histories)
        self._find(self._wanting(rules))

    def _find(self, wanting: dict[str, frozenset[str]]) -> None:
        for history in self.pursuit.run(wanting, self.campaign.coverage.hidden) if wanting else ():
            self.add(self._begun(history))

    def _wanting(self, rules: frozenset[str] | None) -> dict[str, frozenset[str]]:
        rehearsal = self.rehearsal if rules is None else Rehearsal(self.model)
        found = self.campaign.coverage.wanting(self.place.setup, rehearsal)
        if rules is None:
            return found
        return {name: each & rules for name, each in found.items() if each & rules}

    def _begun(self, history: History) -> History:
        return history if self.place.setup is None else self.place.setup.begun(history)

    def add(self, history: History) -> None:
        """Keep what a history shows, rule by rule."""
        steps = [step for one in history.steps for step in _apart(one)]
        stage = self.rehearsal.begin(history.protocol)
        with contextlib.suppress(*FAILURES):
            for place, step in enumerate(steps):
                before = len(stage.reached)
                stage.go(step)
                for rule in dict.fromkeys(stage.reached[before:]):
                    self._keep(rule, steps, place + 1, history.protocol)
        self.rehearsal.reached.update(stage.reached)

    def _keep(self, rule: str, steps: list[Step], size: int, protocol: int) -> None:
        ones = self.found.setdefault(rule, [])
        if rule not in self.wanted or (
            len(ones) == KEPT and size >= ones[-1].size and not self._is_rash(ones[-1], rule)
        ):
            return
        history = History(tuple(steps[:size]), protocol)
        if history not in ones:
            ones.append(history)
            ones.sort(key=lambda one: (self._is_rash(one, rule), *_size(one)))
            del ones[KEPT:]

    def _is_rash(self, history: History, rule: str) -> bool:
        """Whether a history names, though it is of another command, one that no run asks for but to be refused."""
        grammars, own = self.campaign.grammars, rule.split("/")[0]
        words = (part for step in history.steps for one in step.requests for part in one.parts)
        names = {word.decode("latin-1").upper() for word in words if isinstance(word, bytes)}
        return any(name != own and name in grammars and grammars[name].never_sent for name in names)

    # ---- what is known beforehand ----------------------------------------------------------------------------------

    def _examples(self) -> Iterator[tuple[str, History]]:
        for history in self.campaign._examples(self.campaign.pursuit(Rehearsal(self.model))):
            yield "", history

    def _known(self) -> Iterator[History]:
        one, setup = self.campaign, self.place.setup
        if setup is None:
            yield from one._examples(self.pursuit)
            yield from one.shapes()
            yield from refused.of(one, {})
            yield from (history for hint in hints.ALL if not hint.config for history in hints.of(hint))
            yield from self._witnesses()
            return
        yield from map(self._begun, chain(one._examples(self.pursuit), self._likely(setup)))
        if setup.alone:
            yield from clustered.histories(one.grammars, (2, 3), self.model)
            yield from clustered.last(one.grammars, (2,))
            yield from refused.of(one, setup.config)
        for hint in hints.ALL:
            if dict(hint.config) == setup.config:
                yield from hints.of(hint)
        drawn = draw.draw(one._pool(setup, {}), self.seed, (2, 3) if setup.signed_in else (2,), 40)
        yield from map(self._begun, drawn)

    def _likely(self, setup: Setup) -> Iterable[History]:
        rng = random.Random(f"likely {self.seed} {setup.name}")
        for one in setup.likely:
            yield History((Step(0, (one,)),))
        for _ in range(200 if setup.likely else 0):
            steps = tuple(Step(0, (one,)) for one in rng.choices(setup.likely, k=8))
            yield History(steps, 3 if setup.signed_in and rng.random() < 0.3 else 2)

    def _witnesses(self) -> Iterator[History]:
        for pair in kept.pairs():
            if self.model.profile.name in pair:
                yield from (each.history for each in kept.load(*pair).values() if not each.config)


def places(model: Model) -> list[Place]:
    """Where cases of a profile are looked for, in order."""
    name = model.profile.name
    return [Place(None), *(Place(setup) for setup in SETUPS if setup.is_of(name) and not setup.harmed)]


def _apart(step: Step) -> list[Step]:
    """A step as one for each of its requests."""
    if len(step.requests) < 2:
        return [step]
    return [Step(step.client, (one,), 0 if place else step.wait) for place, one in enumerate(step.requests)]


def _size(history: History) -> tuple[int, int, int, int]:
    """What makes a history a better beginning, as far as that can be told quickly."""
    parts = [part for step in history.steps for one in step.requests for part in one.parts]
    lengths = sum(len(part) if isinstance(part, bytes) else 100 for part in parts)
    return history.size, len(history.clients), history.protocol, lengths
