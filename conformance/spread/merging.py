"""Outcomes of units of work, as data, and how two of them are one.

Theory of operation. An outcome is what a unit's report says, as JSON: counts are added, verdicts and ends become the
graver one, divergences are the same fault where their rules and the kind of reply are the same, and the shortest
transcript stays. So `merge` is associative and commutative: in whatever order units come in, the report is the same.
Each outcome names its units; one that would be counted twice is an error. What must not live here: where outcomes come
from, and how reports look.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from redlark.conformance.memory.baseline import Complaint
from redlark.conformance.options import ELSEWHERE, NOT_REACHED, Options
from redlark.conformance.report import (
    CONFORMS,
    DIVERGES,
    NOT_RUN,
    UNSPECIFIED,
    UNSUPPORTED,
    Finding,
    TargetReport,
    Verdict,
    not_judged,
)
from redlark.conformance.told import Spread, ToldCrowd, ToldFinding
from redlark.spec.sources import sources

Outcome = dict[str, Any]

GRAVITY = (UNSPECIFIED, NOT_RUN, CONFORMS, UNSUPPORTED, DIVERGES)
ENDS = ("complete", "requests", "budget", "interrupted", "lost", "could not run")

_SETS = ("baselines", "texts", "servers", "profiles", "why", "notes")
_SUMS = ("requests", "histories", "judging", "given_up", "passed_over")


# The outcome of no unit at all, which changes nothing that it is merged with.
NOTHING: Outcome = {
    "units": [],
    "target": "",
    **{name: [] for name in _SETS},
    **dict.fromkeys(_SUMS, 0),
    "complaints": [],
    "ended": ENDS[0],
    **{name: {} for name in ("commands", "common", "reached_in", "unreached")},
    "worlds": 1,
    "crowd": None,
}


def told_finding(finding: Finding) -> dict[str, Any]:
    """A finding of this process as an outcome has it; `kind` is what tells faults of the same rules apart."""
    return {**finding.as_json(), "command": finding.command, "kind": finding.divergence.signature[2]}


def outcome_of(unit: str, report: TargetReport) -> Outcome:
    """What a unit found, as data that any other process can merge."""
    ran = bool(report.verdicts)
    return {
        "units": [unit],
        "target": report.target,
        "baselines": [] if report.baseline is None else [report.baseline],
        "complaints": [[one.line, one.at] for one in report.complaints],
        "texts": [sources().digest],
        "servers": [report.server] if ran else [],
        "profiles": [report.profile] if ran else [],
        "why": [report.why] if ran else [],
        "ended": report.ended,
        "notes": sorted(set(report.notes)),
        "commands": {name: _told_verdict(verdict) for name, verdict in report.verdicts.items()},
        "common": dict(report.common),
        "reached_in": {str(protocol): dict(rules) for protocol, rules in report.reached_in.items()},
        "unreached": dict(report.unreached),
        "requests": report.requests,
        "histories": report.histories,
        "judging": round(report.judging * 1000),  # in whole milliseconds, which add up to the same in any order
        "given_up": report.given_up,
        "passed_over": report.passed_over,
        "worlds": report.most_worlds,
        "crowd": None if report.crowd is None else report.crowd.as_json(),
    }


def _told_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict,
        "group": verdict.group,
        "reason": verdict.reason,
        "requests": verdict.requests,
        "rules": dict(verdict.rules),
        "options": dict(verdict.options),
        "findings": [told_finding(one) for one in verdict.findings if isinstance(one, Finding)],
    }


def merge(one: Outcome, other: Outcome) -> Outcome:
    """Two outcomes as one. Raises ValueError where both hold the same unit."""
    twice = set(one["units"]) & set(other["units"])
    if twice:
        raise ValueError(f"counted twice: {sorted(twice)[0]}")
    return {
        "units": sorted([*one["units"], *other["units"]]),
        "target": max(one["target"], other["target"]),
        **{name: sorted({*one[name], *other[name]}) for name in _SETS},
        **{name: one[name] + other[name] for name in _SUMS},
        "ended": max(one["ended"], other["ended"], key=ENDS.index),
        "complaints": sorted(map(list, {(line, at) for line, at in (*one["complaints"], *other["complaints"])})),
        "commands": _joined(one["commands"], other["commands"], _merged_verdict),
        "common": _added(one["common"], other["common"]),
        "reached_in": _joined(one["reached_in"], other["reached_in"], _added),
        "unreached": _joined(one["unreached"], other["unreached"], _better_reason),
        "worlds": max(one["worlds"], other["worlds"]),
        "crowd": _merged_crowd(one["crowd"], other["crowd"]),
    }


def _joined(one: Mapping[str, Any], other: Mapping[str, Any], both: Any) -> dict[str, Any]:
    """Both mappings as one; `both` decides on what is in each of them."""
    return {
        name: both(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in sorted({*one, *other})
    }


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return _joined(one, other, lambda a, b: a + b)


def _better_reason(one: str, other: str) -> str:
    """The reason that tells more: not that another unit had to do it, rather than that the time was over."""
    return min(one, other, key=lambda said: (ELSEWHERE in said, said == NOT_REACHED, said))


def _merged_verdict(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "verdict": max(one["verdict"], other["verdict"], key=GRAVITY.index),
        "group": max(one["group"], other["group"]),
        "reason": max(one["reason"], other["reason"]),
        "requests": one["requests"] + other["requests"],
        "rules": _added(one["rules"], other["rules"]),
        "options": _added(one["options"], other["options"]),
        "findings": _distinct([*one["findings"], *other["findings"]]),
    }


def fault(told: Mapping[str, Any]) -> tuple[Any, ...]:
    """What findings share that are taken for the same fault: command, rules, kind of reply, and a review's reason."""
    return told["command"], tuple(told["rules"]), told["kind"], told.get("known", "")


def _distinct(findings: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One finding for each fault: one that came again, then the shortest."""
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for told in sorted(findings, key=_length):
        found.setdefault(fault(told), told)
    return list(found.values())


def _length(told: Mapping[str, Any]) -> tuple[Any, ...]:
    return not told["reproduced"], len(told["exchanges"]), len(told["transcript"]), _text(told)


def _text(told: Mapping[str, Any]) -> str:
    return json.dumps(told, sort_keys=True)


def _merged_crowd(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if one is None or other is None:
        return one or other
    contradictions = {_text(told): told for told in (*one["contradictions"], *other["contradictions"])}
    return {
        "clients": max(one["clients"], other["clients"]),
        **{name: one[name] + other[name] for name in ("histories", "requests", "undecided")},
        "contradictions": sorted(contradictions.values(), key=lambda told: (len(told["operations"]), _text(told))),
        "lost": max(one["lost"], other["lost"]),
    }


def report_of(outcomes: Iterable[Outcome], options: Options, seconds: float, spread: Spread) -> TargetReport:
    """The report of a search whose units' outcomes these are; `seconds` is how long it took in all."""
    told = reduce(merge, outcomes, NOTHING)
    if not told["profiles"]:
        return not_judged(told["target"], options, "; ".join(told["notes"]))
    counts: Counter[str] = Counter(told["common"])
    for verdict in told["commands"].values():
        counts.update(verdict["rules"])
    ended, notes = told["ended"], list(told["notes"])
    if len(told["profiles"]) > 1 or len(told["servers"]) > 1:
        ended = "lost"
        notes.append(f"not one target but several: {', '.join((*told['servers'], *told['profiles']))}")
    if len(told["texts"]) > 1:
        ended = "lost"
        notes.append("workers hold different texts: all need the same version of Redlark")
    return TargetReport(
        told["target"],
        " / ".join(told["profiles"]),
        " / ".join(told["why"]),
        " / ".join(told["servers"]),
        level="loose" if options.loose else "strict",
        protocols=options.protocols,
        verdicts={name: _verdict(name, verdict) for name, verdict in told["commands"].items()},
        common=told["common"],
        reached_in={int(protocol): rules for protocol, rules in told["reached_in"].items()},
        unreached={rule: why for rule, why in told["unreached"].items() if not counts[rule]},
        requests=told["requests"],
        histories=told["histories"],
        seconds=seconds,
        judging=told["judging"] / 1000,
        most_worlds=told["worlds"],
        ended="lost" if ended == "could not run" else ended,
        notes=notes,
        given_up=told["given_up"],
        passed_over=told["passed_over"],
        crowd=None if told["crowd"] is None else ToldCrowd(told["crowd"]),
        spread=spread,
        baseline=next(iter(told["baselines"]), None),
        complaints=[Complaint(line, at) for line, at in told["complaints"]],
    )


def _verdict(name: str, told: Mapping[str, Any]) -> Verdict:
    findings = [
        ToldFinding(one["command"], {key: value for key, value in one.items() if key not in ("command", "kind")})
        for one in told["findings"]
    ]
    return Verdict(
        name,
        told["verdict"],
        told["group"],
        told["requests"],
        told["rules"],
        [*findings],
        told["reason"],
        told["options"],
    )
