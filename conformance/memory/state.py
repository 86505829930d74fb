"""How far a run is, kept in a file, so that one that was killed goes on where it was.

Theory of operation. A part of a run whose histories are the same each time (examples, scripts of a set-up) notes each
history when it is done: one that was killed in the middle of it is run again, for nothing of it was counted. What is
drawn is claimed before it is run, a round at a time, and never drawn again. Each note writes the file anew, whole and
by a rename; counts and notes stand in it together, so nothing is counted twice and nothing without its count. Of what
was claimed, the histories behind the latest note are lost, neither counted nor repeated. What must not live here: the
parts of a run, which are the campaign's.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, mutable

from redlark.conformance import written
from redlark.conformance.crowds.contradiction import Contradiction
from redlark.conformance.crowds.linearize import Operation
from redlark.conformance.drawing import parameters
from redlark.conformance.errors import CannotRun
from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence, Exchange
from redlark.conformance.memory.state_file import FORM, read_file, write_file
from redlark.conformance.options import Options
from redlark.conformance.report import Finding
from redlark.conformance.targets.setups import SETUPS
from redlark.reference.resp import Frame, ProtocolError, frame

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign
    from redlark.conformance.crowds.crowd import Crowd

# The parameters that a run may change, and puts back unless it is killed.
CHANGED = sorted(
    {name for setup in SETUPS if not setup.harmed for name in setup.config}
    | {name.decode() for name in parameters.VALUES}
)
COUNTS = ("requests", "histories", "most_worlds", "given_up", "passed_over", "judging", "shrinking")
COUNTERS = ("asked", "diverged", "familiar")


def key_of(target: str, profile: str, options: Options) -> str:
    """What a run must share with a state to go on with it: all that decides what it draws, the seed aside."""
    chosen = (sorted(options.commands), sorted(options.groups), options.protocols, options.loose, options.concurrent)
    return f"{target} {profile} {hashlib.sha256(repr(chosen).encode()).hexdigest()[:16]}"


@mutable
class Ledger:
    """What is done and what is claimed of one run; without a path nothing is kept, and everything begins anew."""

    path: Path | None = None
    campaign: Campaign | None = None
    done: dict[str, int] = field(factory=dict, init=False)  # part to how many of its histories, or rounds
    times: dict[str, float] = field(factory=dict, init=False)  # part to the campaign's second at which it ends
    resumed: dict[str, Any] = field(factory=dict, init=False)  # the state that it goes on with
    _others: dict[str, Any] = field(factory=dict, init=False)

    @classmethod
    def of(cls, path: Path, campaign: Campaign) -> Ledger:
        """The ledger of a campaign that has not begun. Raises `CannotRun` for a state of another seed."""
        ledger = cls(path, campaign)
        ledger._others = read_file(path)
        run = ledger._others.get("runs", {}).pop(ledger.key, {})
        if run and run.get("seed") != campaign.options.seed:
            raise CannotRun(f"{path}: kept by a run with --seed {run.get('seed')}; give that one, or remove the file")
        ledger.resumed = run
        try:
            ledger.done = {str(part): int(count) for part, count in run.get("done", {}).items()}
            ledger.times = {str(part): float(count) for part, count in run.get("times", {}).items()}
        except (AttributeError, TypeError, ValueError) as problem:
            raise CannotRun(f"{path}: not the state of a run ({problem}); remove it") from None
        return ledger

    @property
    def key(self) -> str:
        """Under which name the file holds this run."""
        assert self.campaign is not None
        return key_of(self.campaign.name, self.campaign.choice.profile, self.campaign.options)

    # ---- parts ---------------------------------------------------------------------------------------------------

    def each(self, part: str, histories: Iterable[History]) -> Iterator[History]:
        """The histories of a part that are not done yet; each counts as done when the next one is asked for."""
        before = self.done.get(part, 0)
        for number, history in enumerate(histories):
            if number >= before:
                yield history
                self.done[part] = number + 1
                self.save()

    def claim(self, part: str) -> int:
        """The number of the next round of a part, which nobody will be given again."""
        number = self.done.get(part, 0)
        self.done[part] = number + 1
        self.save()
        return number

    def until(self, part: str, second: float) -> float:
        """The campaign's second at which a part ends: as it was set when the part was begun."""
        return self.times.setdefault(part, second)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """What is run in here is counted only if the run did not go on from a state: then it was counted there."""
        campaign = self.campaign
        if campaign is None or not self.resumed:
            yield
            return
        before = _counted(campaign)
        yield
        _put_back(campaign, before)

    # ---- the file ------------------------------------------------------------------------------------------------

    def save(self, running: bool = True) -> None:
        """Write the file, if there is one; `running` until a run has ended and put back what it has set."""
        if self.path is None or self.campaign is None:
            return
        runs = self._others.get("runs", {}) | {self.key: snapshot(self.campaign, self) | {"running": running}}
        path, self.path = self.path, None  # where it cannot be written, it is not tried again
        write_file(path, json.dumps(self._others | {"form": FORM, "runs": runs}) + "\n")
        self.path = path

    def restore(self) -> None:
        """Give the campaign back what was counted and found. Raises `CannotRun` where the state cannot be read."""
        if self.campaign is None or not self.resumed:
            return
        try:
            restore(self.campaign, self.resumed)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ProtocolError) as problem:
            path, self.path = self.path, None  # what could not be read is not written over
            raise CannotRun(f"{path}: not the state of a run ({problem!r}); remove it") from None
        said = f"goes on from {self.path}: {self.campaign.requests:,} requests in {self.campaign.seconds:.0f} s before"
        self.campaign.listener.phase(said)

    def restore_crowd(self, crowd: Crowd) -> None:
        """Count on from what several clients at once have shown; programs that were claimed are not drawn again."""
        if self.resumed.get("crowd"):
            _restore_crowd(crowd, self.resumed["crowd"])


def _counted(campaign: Campaign) -> dict[str, Any]:
    kept = {name: getattr(campaign, name) for name in COUNTS}
    kept |= {name: Counter(getattr(campaign, name)) for name in (*COUNTERS, "optional")}
    return kept | {"reached": {number: Counter(some) for number, some in campaign.all_reached().items()}}


def _put_back(campaign: Campaign, before: Mapping[str, Any]) -> None:
    for name in (*COUNTS, *COUNTERS, "optional"):
        setattr(campaign, name, before[name])
    for number, now in campaign.all_reached().items():
        now.subtract(before["reached"].get(number, {}))
        campaign.before[number].update(now)


def snapshot(campaign: Campaign, ledger: Ledger) -> dict[str, Any]:
    """All that a campaign has counted and found, as JSON."""
    found: dict[int, tuple[Finding, list[Any]]] = {}
    for (signature, _), finding in campaign.findings.items():
        found.setdefault(id(finding), (finding, []))[1].append(signature)
    return {
        "seed": campaign.options.seed,
        "target": campaign.name,
        "config": {name: campaign.target.config[name] for name in CHANGED if name in campaign.target.config},
        "seconds": campaign.seconds,
        "done": ledger.done,
        "times": ledger.times,
        **{name: getattr(campaign, name) for name in COUNTS},
        **{name: getattr(campaign, name) for name in COUNTERS},
        "optional": [[name, word.decode("latin-1"), count] for (name, word), count in campaign.optional.items()],
        "reached": {str(n): {rule: c for rule, c in some.items() if c} for n, some in campaign.all_reached().items()},
        "rehearsed": campaign.rehearsal.reached,
        "unsupported": sorted(campaign.unsupported),
        "skipped": campaign.skipped,
        "notes": campaign.notes,
        "findings": [_finding(finding, signatures) for finding, signatures in found.values()],
        "crowd": None if campaign.crowd is None else _crowd(campaign.crowd),
    }


def restore(campaign: Campaign, told: Mapping[str, Any]) -> None:
    """Count on from a snapshot."""
    for name in COUNTS:
        setattr(campaign, name, told[name])
    for name in COUNTERS:
        setattr(campaign, name, Counter(told[name]))
    campaign.optional = Counter({(name, word.encode("latin-1")): count for name, word, count in told["optional"]})
    campaign.begin_before(told["seconds"])
    for number, some in told["reached"].items():
        campaign.before[int(number)].subtract(some)
    campaign.unsupported |= set(told["unsupported"])
    campaign.skipped |= told["skipped"]
    campaign.notes += told["notes"]
    for one in told["findings"]:
        finding, signatures = _found(campaign, one)
        accepted = campaign.known(finding.divergence)
        if accepted is not None:
            campaign.recognised.add(accepted)
        for signature in signatures:
            campaign.findings[signature, accepted] = finding


# ---- what is found, as JSON ----------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _frame(told: str | None) -> Frame | None:
    return None if told is None else frame(told.encode("latin-1"))


def _finding(finding: Finding, signatures: list[Any]) -> dict[str, Any]:
    """A finding without the password of the target: of the greeting only what is told in a report."""
    divergence, told = finding.divergence, finding.exchanges
    return {
        "signatures": signatures,
        "command": divergence.command, "rules": divergence.rules, "allowed": divergence.allowed,
        "seen": divergence.seen, "raw": _text(divergence.raw),
        "asked": min(divergence.asked, len(told)),
        "exchanges": [
            [one.client, list(map(_text, one.request)), one.reply and _text(one.reply.raw), one.when] for one in told
        ],
        "history": {"protocol": divergence.history.protocol, "lines": written.lines(divergence.history)},
        "reproduced": finding.reproduced, "original": finding.original, "setup": finding.setup,
    }  # fmt: skip


def _found(campaign: Campaign, told: Mapping[str, Any]) -> tuple[Finding, list[Any]]:
    exchanges = (
        Exchange(client, tuple(word.encode("latin-1") for word in request), _frame(reply), when and tuple(when))
        for client, request, reply, when in told["exchanges"]
    )
    divergence = Divergence(
        command=told["command"],
        rules=tuple(told["rules"]),
        allowed=tuple(told["allowed"]),
        seen=told["seen"],
        raw=told["raw"].encode("latin-1"),
        exchanges=tuple(exchanges),
        asked=told["asked"],
        history=written.history(told["history"]["lines"], told["history"]["protocol"]),
    )
    accepted = campaign.known(divergence)
    finding = Finding(
        divergence, told["reproduced"], told["original"], told["setup"], accepted.reason if accepted else ""
    )
    return finding, [(command, tuple(rules), digest) for command, rules, digest in told["signatures"]]


def _crowd(crowd: Crowd) -> dict[str, Any]:
    return {
        "drawn": crowd.claimed, "histories": crowd.histories, "requests": crowd.requests, "undecided": crowd.undecided,
        "lost": crowd.lost,
        "contradictions": [
            [one.original, [
                [each.client, list(map(_text, each.request)), each.reply and _text(each.reply.raw), each.invoked,
                 each.returned, each.interval]
                for each in one.operations
            ]]
            for one in crowd.contradictions
        ],
    }  # fmt: skip


def _restore_crowd(crowd: Crowd, told: Mapping[str, Any]) -> None:
    crowd.drawn = crowd.claimed = told["drawn"]
    crowd.histories, crowd.requests = told["histories"], told["requests"]
    crowd.undecided, crowd.lost = told["undecided"], told["lost"]
    crowd.contradictions = [
        Contradiction(
            tuple(
                Operation(client, tuple(word.encode("latin-1") for word in request), _frame(reply), invoked, returned,
                          (interval[0], interval[1]))
                for client, request, reply, invoked, returned, interval in operations
            ),
            original,
        )
        for original, operations in told["contradictions"]
    ]  # fmt: skip
