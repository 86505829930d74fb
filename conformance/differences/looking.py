"""Looking for differences: kept witnesses and a search in the models on one side, two real servers on the other.

What must live here: in which order what is tried, and when it is enough. What a history shows is `witness.py`'s to say,
what servers did `sight.py`'s.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from attrs import field, mutable

from redlark.conformance.differences import hints, reasons
from redlark.conformance.differences.reasons import why_unseen
from redlark.conformance.differences.sight import Outcome, Stage
from redlark.conformance.differences.witness import Search, Witness
from redlark.conformance.targets.setups import SETUPS, Setup
from redlark.spec.differences import UNTOLD, Comparison, Difference

SOME, MANY, MOST = 30, 160, 480  # histories for each command, in one round after another
AGAIN = 3  # looks at real servers where time decides

Tell = Callable[[str, int, int], None]  # what is done, how many differences were seen, of how many


@mutable
class Looking:
    """A search for what two real servers show of some differences."""

    comparison: Comparison
    found: Sequence[Difference]
    kept: Mapping[str, Witness] = field(factory=dict)
    seconds: float = 1e9  # after so many no further difference is searched for
    seed: int = 1
    thorough: bool = False  # search even where it is known why nothing shows a difference
    tell: Tell = lambda what, seen, total: None
    outcomes: dict[str, Outcome] = field(factory=dict, init=False)
    astray: dict[str, Outcome] = field(factory=dict, init=False)  # where a server did otherwise than its profile says
    _stage: Stage = field(init=False)
    _searches: dict[tuple[tuple[str, str], ...], Search] = field(factory=dict, init=False)
    _end: float = field(init=False)

    def run(self) -> dict[str, Outcome]:
        """What the two servers show of each difference, by its id; also what was known when it was interrupted."""
        self._end = time.monotonic() + self.seconds
        with Stage((self.comparison.first, self.comparison.second)) as self._stage:
            try:
                for what, left in self._rounds():
                    for one, witnesses in left:
                        self._try(one, witnesses)
                        seen = sum(outcome.seen for outcome in self.outcomes.values())
                        self.tell(what, seen, len(self.found))
            except KeyboardInterrupt:
                self.tell("interrupted", len(self.outcomes), len(self.found))
            for one in self.found:
                known = reasons.reason(one.id)
                if one.id not in self.outcomes or (known and not self._is_seen(one)):
                    self.outcomes[one.id] = self._stage.outcome(None, why_unseen(self.comparison, one))
        return {one.id: self.outcomes[one.id] for one in self.found}

    def _rounds(self) -> Iterator[tuple[str, Iterator[tuple[Difference, Iterator[Witness]]]]]:
        """What is done one after another, each with what it tries."""
        yield (
            "looking at what is kept",
            ((one, iter((self.kept[one.id],))) for one in self.found if one.id in self.kept),
        )
        plain = self.search()
        yield "searching", self._each(lambda one: plain.witnesses(one, 0, SOME))
        yield "trying hints", self._each(self._hinted, known=True)
        yield "searching on", self._each(lambda one: plain.witnesses(one, SOME, MANY))
        for setup in SETUPS:
            if setup.is_of(self.comparison.first) and setup.is_of(self.comparison.second) and not setup.harmed:
                yield f"where {setup.name}", self._each(partial(self._on, setup))
        yield "together with others", self._each(lambda one: plain.witnesses(one, 0, MANY // 2, between=True))
        yield "searching long", self._each(lambda one: plain.witnesses(one, MANY, MOST))

    def search(self, config: Mapping[str, str] | None = None, setup: Setup | None = None) -> Search:
        """The search on servers configured so."""
        config = (setup.config if setup is not None else config) or {}
        key = (*sorted(config.items()), ("", setup.name if setup is not None else ""))
        if key not in self._searches:
            likely = setup.likely if setup is not None else ()
            self._searches[key] = Search(self.comparison, self.seed, config, likely)
        return self._searches[key]

    def _each(
        self, search: Callable[[Difference], Iterator[Witness]], *, known: bool = False
    ) -> Iterator[tuple[Difference, Iterator[Witness]]]:
        """What is not seen yet; what a reason is known for (`known`) only where it costs little to try."""
        for one in self.found:
            skipped = not (known or self.thorough) and reasons.reason(one.id)
            if not self._is_seen(one) and not skipped and time.monotonic() < self._end:
                yield one, search(one)

    def _hinted(self, one: Difference) -> Iterator[Witness]:
        for config in hints.configurations(one.id):
            yield from self.search(config).witnesses(one, 0, 0)

    def _on(self, setup: Setup, one: Difference) -> Iterator[Witness]:
        if _suits(setup, one):
            yield from self.search(setup=setup).witnesses(one, 0, SOME * 2)

    def _is_seen(self, one: Difference) -> bool:
        return one.id in self.outcomes and self.outcomes[one.id].seen

    def _try(self, one: Difference, witnesses: Iterable[Witness]) -> None:
        for witness in witnesses:
            twins = self.search(witness.config).shown_by(one, witness)
            if twins is None:
                continue
            for _ in range(AGAIN):
                outcome = self._stage.outcome(witness, without=twins.other)
                if outcome.seen or not outcome.sights:
                    break
            self.outcomes[one.id] = outcome
            if outcome.seen:
                return
            if any(sight.problem for sight in outcome.sights):
                self.astray[one.id] = outcome


def _suits(setup: Setup, one: Difference) -> bool:
    """Whether a difference may be seen rather on a server set up in this way."""
    if setup.reaches(f"{one.subject}/{one.name}") or (setup.needed_by.startswith(".*/") and one.subject in UNTOLD):
        return True
    asked = {str(each.parts[0], "latin-1") for each in setup.likely if isinstance(each.parts[0], bytes)}
    return not asked.isdisjoint({user.partition("|")[0] for user in one.users})
