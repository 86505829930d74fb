"""Filling: the cases of a profile, one for each rule that can be shown, and why the others cannot.

Theory of operation. Of each rule's candidates the shortest is made shorter by rehearsals, which are quick, and decided;
where that is no case, the candidate itself is, and made shorter by deciding. What finds no case is pursued again, then
looked for on servers set up otherwise. Equal seeds give equal files: no clock is looked at. What must not live here:
the form of the files (``files``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import evolve, field, frozen, mutable

from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.shrink import Shrinker
from redlark.conformance.options import Options
from redlark.conformance.vectors.follow import Case, decide
from redlark.conformance.vectors.gather import FAILURES, Gathered, Place, places
from redlark.conformance.vectors.patterns import Undescribed
from redlark.reference import Model

RUNS = 400  # of a shrink on the model
TURNS = 3  # of pursuit of what has no case yet
NEVER = "no history was found that reaches it"


@frozen
class Shown:
    """A rule and the case that shows it, with what else must be set up; both protocols where their replies differ."""

    rule: str
    place: Place
    cases: tuple[Case, ...]


@mutable
class Filling:
    """What was found so far."""

    model: Model
    seed: int
    options: Options
    tell: Callable[[str], None] = lambda _: None
    shown: dict[str, Shown] = field(factory=dict, init=False)
    why: dict[str, str] = field(factory=dict, init=False)
    rules: tuple[str, ...] = field(default=(), init=False)

    def run(self) -> Filling:
        """Find a case for every rule that is asked about."""
        for number, place in enumerate(places(self.model)):
            wanted = self._wanted(place)
            if not wanted and number:
                continue
            self.tell(place.name)
            gathered = Gathered(self.model, place, self.seed, self.options, wanted)
            coverage = gathered.campaign.coverage
            if not number:
                self.rules = tuple(sorted(coverage.rules, key=self.model.rules.index))
                wanted = gathered.wanted = self._wanted(place)
            gathered.everything()
            self._take(gathered, wanted)
            for _ in range(TURNS if number == 0 else 1):
                left = self._wanted(place) - coverage.unreachable.keys()
                if not left:
                    break
                gathered.more(left)
                self._take(gathered, left)
            if not number:
                self._reasons(gathered)
        return self

    def _wanted(self, place: Place) -> frozenset[str]:
        left = frozenset(rule for rule in self.rules if rule not in self.shown)
        return left if place.setup is None else frozenset(rule for rule in left if place.setup.reaches(rule))

    def _reasons(self, gathered: Gathered) -> None:
        one = gathered.campaign
        for rule in self.rules:
            if rule not in self.shown and (rule not in self.why or rule in one.coverage.unreachable):
                said = one._reason(rule)
                self.why[rule] = NEVER if said.startswith("not reached") else said

    def _take(self, gathered: Gathered, wanted: Iterable[str]) -> None:
        """Decide the candidates of these rules."""
        for rule in sorted(wanted, key=self.model.rules.index):
            best: Case | None = None
            for history in gathered.found.get(rule, ()):
                found = self._case(gathered, rule, history)
                if found is not None and (best is None or found.looseness < best.looseness):
                    best = found
                if best is not None and not best.looseness:
                    break
            if best is not None:
                self.shown[rule] = Shown(rule, gathered.place, tuple(self._both(gathered, rule, best)))
                self.why.pop(rule, None)

    def _case(self, gathered: Gathered, rule: str, history: History) -> Case | None:
        """The short case that a history gives for a rule; None where it gives none."""
        short = self._shortened(gathered, rule, history)
        found = self._decided(gathered, rule, short)
        if found is None and short != history:
            found = self._decided(gathered, rule, history)
            return None if found is None else self._shorter(gathered, rule, found)
        return found

    def _decided(self, gathered: Gathered, rule: str, history: History) -> Case | None:
        try:
            case = decide(self.model, history, gathered.place.setting)
        except Undescribed as problem:
            self.why[rule] = str(problem)
            return None
        if rule not in case.rules:
            self.why[rule] = "nondeterministic: a server may go another way"
            return None
        return case

    def _shortened(self, gathered: Gathered, rule: str, history: History) -> History:
        """As short a history as rehearsals reach the rule by."""

        def run(tried: History) -> Divergence | None:
            try:
                reached = rule in gathered.rehearsal.rules(tried)
            except FAILURES:
                return None
            return _found(tried) if reached else None

        return Shrinker(run, _found(history), RUNS, seconds=1e9).shrink().history

    def _shorter(self, gathered: Gathered, rule: str, case: Case) -> Case:
        """As short a case as shows the rule as exactly."""
        best = case

        def run(tried: History) -> Divergence | None:
            nonlocal best
            found = self._decided(gathered, rule, tried)
            if found is None or found.looseness > best.looseness:
                return None
            best = found
            return _found(tried)

        Shrinker(run, _found(case.history), RUNS, seconds=1e9).shrink()
        return best

    def _both(self, gathered: Gathered, rule: str, case: Case) -> Iterator[Case]:
        """The case, and the same in the other protocol if that shows the rule, too."""
        yield case
        other = self._decided(gathered, rule, evolve(case.history, protocol=5 - case.protocol))
        if other is not None:
            yield other


def _found(history: History) -> Divergence:
    return Divergence("", (), (), "", b"-", (), history.size, history)
