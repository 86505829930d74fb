"""A campaign: everything that is run against one target, in order, until the budget is spent.

First the text's own examples; then short rounds on servers set up otherwise; then rounds of drawn histories, each
weighted by the rules that no rehearsal has reached. Every history is rehearsed, run by the model alone, before the
server sees it, and only rehearsals steer: what a seed draws does not hang on a server's speed. A divergence is shrunk
at once, and a command that keeps diverging is drawn no more, so that it does not hide the others. Nothing here prints;
a `Listener` is told what happens.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve, field, mutable

from redlark.conformance.crowds.crowd import Crowd, several_at_once
from redlark.conformance.drawing import clustered, draw, examples, harmful, refused
from redlark.conformance.drawing.coverage import Coverage
from redlark.conformance.drawing.generate import Generator, Grammar, grammar, group_of, optional_words
from redlark.conformance.drawing.pursuit import Pursuit
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.drawing.scenarios import HELPERS, Pool
from redlark.conformance.errors import CannotRun, NotRestored
from redlark.conformance.fatal import survives
from redlark.conformance.findings import look_into
from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.judge import Judge, seldom_collected
from redlark.conformance.listener import Listener, Silent
from redlark.conformance.memory.again import Again, run_again
from redlark.conformance.memory.state import Ledger
from redlark.conformance.options import ELSEWHERE, NOT_REACHED, NOT_SHOWN, Options
from redlark.conformance.report import (
    CONFORMS,
    DIVERGES,
    NOT_RUN,
    UNSPECIFIED,
    UNSUPPORTED,
    Finding,
    TargetReport,
    Verdict,
)
from redlark.conformance.small_worlds.exhaustive import Exhaustive, every_sequence
from redlark.conformance.targets.profiles import Choice
from redlark.conformance.targets.setups import SETUPS, Setup
from redlark.conformance.targets.target import Target
from redlark.reference import Model

if TYPE_CHECKING:
    from redlark.conformance.memory.baseline import Entry

Launch = Callable[[Mapping[str, str]], AbstractContextManager[Target]]

SETUP_ROUNDS = 6
SETUP_HISTORIES = 20  # of such a round
TRIED_FIRST = 80_000  # requests that are tried in the model before others than examples are sent, at most
TRIED_A_SECOND = 1_500  # of the budget: the same
TRIED_A_ROUND = 4_000  # in pursuit of what is still unreached
SETUP_SHARE = 0.05  # of the budget, at most, for each set-up
ENOUGH = 3  # different divergences of one command, after which it is not drawn any more
REPEATED = 12  # or this many in all
FAMILIAR = 500  # reviewed ones, which cut histories short: the command may have others


@mutable
class Campaign:
    """One target, one model, and what was found so far."""

    name: str
    target: Target
    model: Model
    choice: Choice
    options: Options
    launch: Launch | None = None
    starts: bool = False  # whether `launch` gives a server of its own
    listener: Listener = field(factory=Silent)
    enough: int | None = None  # findings after which it ends
    no_launch: str = "the target cannot be configured otherwise"
    again: list[Again] = field(factory=list)  # what is run before anything is searched
    known: Callable[[Divergence], Entry | None] = lambda _: None  # the review that accepts a divergence
    ledger: Ledger = field(factory=Ledger)  # what is done, where it goes on from a state
    spared: frozenset[str] = frozenset()  # commands that several clients at once are not given
    findings: dict[tuple[object, ...], Finding] = field(factory=dict, init=False)
    recognised: set[Entry] = field(factory=set, init=False)  # reviews of which a finding is told
    unsupported: set[str] = field(factory=set, init=False)
    skipped: dict[str, str] = field(factory=dict, init=False)  # set-up to reason
    requests: int = field(default=0, init=False)
    histories: int = field(default=0, init=False)
    crowd: Crowd | None = field(default=None, init=False)
    exhaustive: Exhaustive | None = field(default=None, init=False)
    ended: str = field(default="budget", init=False)
    speaks_resp3: bool = field(default=True, init=False)
    notes: list[str] = field(factory=list, init=False)
    asked: Counter[str] = field(factory=Counter, init=False)
    optional: Counter[tuple[str, bytes]] = field(factory=Counter, init=False)  # requests with an option, by its word
    grammars: dict[str, Grammar] = field(init=False)
    rehearsal: Rehearsal = field(init=False)
    before: dict[int, Counter[str]] = field(init=False)  # of each protocol; 0 for all that was reached
    diverged: Counter[str] = field(factory=Counter, init=False)
    familiar: Counter[str] = field(factory=Counter, init=False)  # divergences that were reviewed
    shrinking: float = field(default=0.0, init=False)  # seconds
    _started: float = field(factory=time.monotonic, init=False)
    most_worlds: int = field(default=1, init=False)
    given_up: int = field(default=0, init=False)
    passed_over: int = field(default=0, init=False)
    judging: float = field(default=0.0, init=False)  # seconds

    @grammars.default
    def _read(self) -> dict[str, Grammar]:
        return {name: grammar(c.block, self.model.profile) for name, c in self.model.commands.items()}

    @rehearsal.default
    def _stage(self) -> Rehearsal:
        return Rehearsal(self.model)

    @before.default
    def _already(self) -> dict[int, Counter[str]]:
        return {0: Counter(self.model.reached)} | {n: Counter(some) for n, some in self.model.reached_in.items()}

    @cached_property
    def selected(self) -> frozenset[str]:
        """The commands that are to be judged."""
        return self._chosen.intersection(self.grammars)

    @cached_property
    def sendable(self) -> frozenset[str]:
        """Those of them of which requests are sent: not those that the text says are never sent."""
        return frozenset(name for name in self.selected if not self.grammars[name].never_sent)

    @cached_property
    def _chosen(self) -> frozenset[str]:
        """The commands that were asked for, those that the server lacks among them."""
        held = {name: one.group for name, one in self.grammars.items()}
        lacking = {name: group_of(block) for name, block in self.model.lacking.items()}
        return self.options.selected({**held, **lacking}.items())

    def reached(self, rule: str) -> int:
        """How often a rule was reached by this campaign."""
        return self.model.reached[rule] - self.before[0][rule]

    def all_reached(self) -> dict[int, Counter[str]]:
        """How often each rule was reached by this campaign, by protocol; 0 for all that was reached."""
        now = {0: self.model.reached, **self.model.reached_in}
        return {number: Counter(some) - self.before[number] for number, some in now.items()}

    def begin_before(self, seconds: float) -> None:
        """The campaign has run for so long already."""
        self._started = time.monotonic() - seconds

    def reached_in(self, protocol: int) -> dict[str, int]:
        """How often each rule was reached by requests in a protocol; those that were not are missing."""
        return dict(self.model.reached_in[protocol] - self.before[protocol])

    @cached_property
    def words(self) -> dict[str, frozenset[bytes]]:
        """The options that each command has in this profile, as words of a request."""
        found = {name: optional_words(one.line) for name, one in self.grammars.items()}
        return {name: frozenset(word.upper().encode() for word in words) for name, words in found.items() if words}

    @cached_property
    def coverage(self) -> Coverage:
        """The rules that are asked about."""
        return Coverage(self.model, self.grammars, self.selected, self.sendable)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of the selected commands, and those that hold for every command or are run by what they do."""
        return self.coverage.rules

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def found(self) -> int:
        """How many divergences were found."""
        return len(set(self.findings.values()))

    # -- the run --------------------------------------------------------------------------------------------------

    def run(self) -> TargetReport:
        """Run everything; Ctrl-C and a server that is gone end it early, with the verdict so far."""
        try:
            with seldom_collected():
                self._run()
        except KeyboardInterrupt:
            self.ended = "interrupted"
        except CannotRun as problem:
            self.ended = "lost"
            self.notes.append(str(problem))
        report = self.report()  # before the ledger, which may fail to keep it
        self.ledger.save(running=False)
        return report

    def _run(self) -> None:
        if self.options.exhaustive or self.options.concurrent:
            self.ledger.restore()
            with self.judge(self.target) as judge:
                run_again(self, judge, None)
            self.ended = "complete"
            every_sequence(self) if self.options.exhaustive else several_at_once(self)
            return
        judge = self.judge(self.target)
        pursuit = self.pursuit(self.rehearsal, None)
        self.ledger.restore()
        try:
            run_again(self, judge, None)
            for phase, histories in self.opening(pursuit):
                self.listener.phase(phase)
                self._all(judge, phase, histories)
                if self.over():
                    break
            self.ledger.done["opening"] = not self.over()
            self.rehearsal.reached.update(self.ledger.resumed.get("rehearsed", {}))
            judge.close()  # CLIENT KILL in a set-up would reach these connections too
            for number, setup in enumerate(SETUPS):
                self.set_up(setup, number)
            if not self.over() or self.ledger.resumed.get("crowd"):  # what was found is told, whatever is left
                several_at_once(self)
            self.listener.phase(phase := "every command in its plain shapes")
            self._all(judge, phase, [*refused.of(self, self.target.config), *self.shapes()])
            self.listener.phase("drawn histories")
            while not self.over():
                number = self.options.share.at(self.ledger.claim("drawn histories"))
                self._round(judge, number, None, pursuit, self.over)
        finally:
            judge.close()

    def opening(self, pursuit: Pursuit) -> Iterator[tuple[str, Iterable[History]]]:
        """What every run begins with: the text's examples, then histories that reach what those do not."""
        yield "examples", self._examples(pursuit)
        if self.ledger.done.get("opening"):
            return
        pursuit.most = min(TRIED_FIRST, int(TRIED_A_SECOND * self.options.budget))
        yield (
            "rules that no example reaches",
            pursuit.run(self.coverage.wanting(None, self.rehearsal), self.coverage.hidden),
        )

    def _all(self, judge: Judge, part: str, histories: Iterable[History]) -> None:
        for history in self.ledger.each(part, self.options.share.part(histories)):
            if self.over():
                return
            self.one(judge, history, None)

    def pursuit(self, rehearsal: Rehearsal, setup: Setup | None = None) -> Pursuit:
        """Who looks for what rehearsals have not reached."""
        rng = random.Random(f"pursue {self.options.seed} {setup.name if setup else ''}")
        return Pursuit(self._pool(setup, {}), rehearsal, rng, self._protocols, 0)

    @property
    def _protocols(self) -> tuple[int, ...]:
        return self.options.protocols if self.speaks_resp3 and "HELLO" not in self.unsupported else (2,)

    def _examples(self, pursuit: Pursuit) -> Iterator[History]:
        """The examples of the text, and what has so long a reply that it is not drawn often."""
        profile, protocols = self.model.profile, self.options.protocols
        told = {*self.coverage.hidden, "DELIVERY"}  # of what happens by itself, what the selected commands bring about
        shared = {c.name: grammar(c.block, self.model.profile) for c in self.model.shared if c.name in told}
        for name, one in (*shared.items(), *((name, self.grammars[name]) for name in sorted(self.sendable))):
            for history in examples.histories({name: one}, [name], profile, protocols):
                pursuit.keep(name, history)
                yield history
        for history in draw.tour(pursuit.pool, protocols, random.Random(f"tour {self.options.seed}")):
            self.rehearsal.run(history)
            yield history

    def shapes(self) -> list[History]:
        """Every command in its plain shapes."""
        generator, lists = Generator(self.grammars), "RPUSH" in self.grammars
        return draw.shapes(generator, self.sendable, self.options.seed, self.options.protocols, lists=lists)

    def judge(self, target: Target) -> Judge:
        """Who runs histories on a target."""
        return Judge(self.model, target, self.options.loose, self.options.timeout, words=self.words)

    def over(self) -> bool:
        """Whether the campaign has spent what it was given."""
        limit = self.options.requests
        enough = self.enough is not None and len(self.findings) >= self.enough
        if enough or (limit is not None and self.requests >= limit):
            self.ended = "requests"
            return True
        return self.seconds >= self.options.budget

    def _round(
        self, judge: Judge, number: int, setup: Setup | None, pursuit: Pursuit, over: Callable[[], bool]
    ) -> None:
        """Draw one round and run it until it ends, or something is over."""
        seed = self.options.seed * 1_000_003 + number
        wanting = self.coverage.wanting(setup, pursuit.rehearsal)
        pursuit.pool, pursuit.most = self._pool(setup, wanting), pursuit.tried + TRIED_A_ROUND
        count = draw.HISTORIES if setup is None else SETUP_HISTORIES
        for history in pursuit.run(wanting, self.coverage.hidden) + draw.draw(
            pursuit.pool, seed, self._protocols, count
        ):
            if over():
                return
            history = setup.begun(history) if setup is not None else history
            if wanting:
                pursuit.rehearsal.run(history)
            self.one(judge, history, setup)

    def _pool(self, setup: Setup | None, wanting: Mapping[str, frozenset[str]]) -> Pool:
        unreached = {name: len(wanting.get(name, ())) for name in self.grammars}
        gone = self.gone | (setup.spares if setup is not None else frozenset())
        names, weights = draw.weighted(unreached, self.sendable, gone, HELPERS)
        if not names:
            raise CannotRun(f"{self.name}: no command is left to be drawn")
        likely = setup.likely if setup else ()
        helping = frozenset(HELPERS) - self.sendable
        return Pool(Generator(self.grammars), names, weights, likely=likely, foreign=self._foreign, helping=helping)

    @property
    def gone(self) -> frozenset[str]:
        """The commands that are not drawn any more: the server lacks them, or they have diverged often enough."""
        often = {name for name, count in self.diverged.items() if count >= REPEATED}
        often |= {name for name, count in self.familiar.items() if count >= FAMILIAR}
        found = Counter(finding.command for finding in self.findings.values() if not finding.known)
        return frozenset(self.unsupported | often | {name for name, count in found.items() if count >= ENOUGH})

    def set_up(self, setup: Setup, number: int) -> None:
        """Some rounds on a server set up otherwise, if there are rules that need it."""
        mine = self.options.share.has(number)  # of another unit's, what has failed before may still be asked for here
        needed = [rule for rule in self.rules if mine and setup.reaches(rule)]
        if not mine:
            self.skipped[setup.name] = ELSEWHERE
        wanted = (needed and self.ledger.done.get(setup.name, 0) < SETUP_ROUNDS) or self.examples_for(setup.name)
        if not wanted or self.over() or not setup.is_of(self.model.profile.name):
            return
        if setup.harmed and not self.starts:
            self.skipped[setup.name] = "only one that a run starts is harmed"
            return
        requests = self.requests + (self.options.requests or 1 << 60) * SETUP_SHARE
        if self.launch is None:
            self.skipped[setup.name] = self.no_launch
            return
        self.listener.phase(setup.name)
        try:
            with self.launch(setup.config) as target:
                if setup.alone:
                    clustered.serve_all(target)
                seconds = self.seconds + self.options.budget * SETUP_SHARE  # how long it takes to start does not count

                def over() -> bool:
                    return self.over() or self.seconds >= seconds or self.requests >= requests

                judge = self.judge(evolve(target, signed_in=setup.signed_in))
                before = Counter(self.rehearsal.reached)
                rehearsal = Rehearsal(self.model, target.config, setup.signed_in, before, databases=target.databases)
                pursuit = self.pursuit(rehearsal, setup)
                try:
                    run_again(self, judge, setup)
                    if setup.alone:
                        asked = clustered.histories(self.grammars, self._protocols, self.model)
                        self._fixed(judge, [*refused.of(self, target.config), *asked], setup, rehearsal)
                    if setup.harmed:
                        self._harm(judge, setup, rehearsal)
                    while not setup.harmed and (turn := self.ledger.done.get(setup.name, 0)) < SETUP_ROUNDS:
                        if over() or ((turn or not needed) and all(rehearsal.reached[rule] for rule in needed)):
                            break
                        self.ledger.claim(setup.name)
                        self._round(judge, 1_000_000 * (number + 1) + turn, setup, pursuit, over)
                    if setup.alone:
                        judge.last = True
                        last = clustered.last(self.grammars, self._protocols)
                        self._fixed(judge, last, setup, rehearsal, "at the end")
                    self.ledger.done[setup.name] = SETUP_ROUNDS
                finally:
                    judge.close()
        except NotRestored:
            raise
        except CannotRun as problem:
            self.skipped[setup.name] = str(problem)

    def _harm(self, judge: Judge, setup: Setup, rehearsal: Rehearsal) -> None:
        """Ask of a server what takes it away from others, and at last that it ends."""
        if "aclfile" in setup.config:
            self._fixed(judge, harmful.of_users(self.grammars, self._protocols), setup, rehearsal)
            return
        assert self.launch is not None
        with self.launch({}) as other:
            asked = harmful.histories(self.grammars, self._protocols, other.address)
            self._fixed(judge, asked, setup, rehearsal)
        judge.last = True
        self._fixed(judge, harmful.last(self.grammars, self._protocols), setup, rehearsal, "at the end")

    def _fixed(
        self, judge: Judge, histories: Iterable[History], setup: Setup, rehearsal: Rehearsal, when: str = "at first"
    ) -> None:
        for history in self.ledger.each(f"{setup.name}, {when}", histories):
            rehearsal.run(history)
            self.one(judge, history, setup)

    def examples_for(self, setup: str | None) -> list[Again]:
        """What is to be run again in a set-up, None for the server as it is."""
        return [one for one in self.again if one.setup == setup]

    def one(self, judge: Judge, history: History, setup: Setup | None, *, known: bool = False) -> Divergence | None:
        """Run one history, and look into what it shows; a known example even where a server may not survive it."""
        if history.protocol not in self._protocols or not (known or survives(self, history)):
            return None
        before, began = judge.requests, time.monotonic()
        found = judge.run(history)
        self.judging += time.monotonic() - began
        self.requests += judge.requests - before
        self.histories += 1
        self.asked.update(judge.asked)
        self.optional.update(judge.options)
        judge.uncount()
        self.most_worlds = max(self.most_worlds, judge.most_worlds)
        self.given_up += judge.given_up
        judge.given_up = 0
        if found:
            look_into(self, judge, found, history, setup)
        if self.histories % 8 == 0:
            self.listener.tick(self)
        return found

    # -- the report -----------------------------------------------------------------------------------------------

    def report(self) -> TargetReport:
        """The report on what was run so far."""
        report = TargetReport(
            self.name,
            self.choice.profile,
            self.choice.why,
            self.choice.server,
            level="loose" if self.options.loose else "strict",
            protocols=self.options.protocols,
            requests=self.requests,
            histories=self.histories,
            seconds=self.seconds,
            judging=self.judging,
            most_worlds=self.most_worlds,
            ended=self.ended,
            notes=self.notes,
            given_up=self.given_up,
            passed_over=self.passed_over,
            crowd=self.crowd,
            exhaustive=self.exhaustive,
        )
        for name in sorted(self._chosen):
            report.verdicts[name] = self._verdict(name)
        for finding in dict.fromkeys(self.findings.values()):
            name = finding.command
            if name not in report.verdicts:  # sent to help a selected command, or no command at all
                report.verdicts[name] = self._verdict(name) if name in self.grammars else Verdict(name, DIVERGES)
            verdict = report.verdicts[name]
            verdict.verdict = DIVERGES
            verdict.findings.append(finding)
        report.reached_in = {protocol: self.reached_in(protocol) for protocol in self.options.protocols}
        report.common = {rule: self.reached(rule) for rule in self.coverage.common}
        report.unreached = {rule: self._reason(rule) for rule in self.rules if not self.reached(rule)}
        report.unreached |= self.coverage.idle
        if not self.options.commands and not self.options.groups:
            for name in sorted(name.decode("latin-1") for name in self._foreign):
                report.verdicts.setdefault(name, Verdict(name, UNSPECIFIED))
        return report

    def _verdict(self, name: str) -> Verdict:
        if name in self.model.lacking:
            return Verdict(name, UNSUPPORTED, group_of(self.model.lacking[name]))
        rules = {rule: self.reached(rule) for rule in self.model.commands[name].rules}
        if name in self.unsupported:
            verdict = UNSUPPORTED
        else:
            verdict = CONFORMS if self.asked[name] else NOT_RUN
        grammar = self.grammars[name]
        reason = "" if self.asked[name] else grammar.never_sent
        sent = {word: self.optional[name, word.upper().encode()] for word in optional_words(grammar.line)}
        return Verdict(name, verdict, grammar.group, self.asked[name], rules, reason=reason, options=sent)

    def _reason(self, rule: str) -> str:
        name = rule.split("/")[0]
        if name in self.unsupported:
            return "the server does not know the command"
        if name in self.grammars and self.grammars[name].never_sent and not self.starts:
            return f"never sent: {self.grammars[name].never_sent}"
        if any(f.command == name for f in self.findings.values()):
            return "not reached: the command diverges, and was not drawn to the end"
        if why := self.coverage.why_not(rule):
            return why
        for setup in SETUPS:
            if setup.reaches(rule) and setup.is_of(self.model.profile.name):
                return f"needs a server where {setup.name}: {self.skipped.get(setup.name, 'not reached there')}"
        return NOT_SHOWN if self.rehearsal.reached[rule] else NOT_REACHED

    @cached_property
    def _foreign(self) -> frozenset[bytes]:
        """What the server says that it has and the text has not."""
        return frozenset(name.encode("latin-1") for name in self.target.commands - frozenset(self.model.commands))
