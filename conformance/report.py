"""The report: verdicts per command, counts per rule, divergences with their transcripts; as data, never as decoration.

`as_json` is described by schema/report.schema.json, which the tests hold it to.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, mutable

from redlark.conformance import written
from redlark.conformance.crowds.crowd import Crowd
from redlark.conformance.judging.divergence import Divergence, Exchange
from redlark.conformance.options import Options
from redlark.conformance.small_worlds.exhaustive import Exhaustive
from redlark.conformance.targets.setups import PASSWORD
from redlark.conformance.told import Spread, ToldCrowd, ToldFinding
from redlark.reference.transcript import command_line
from redlark.spec.sources import sources

if TYPE_CHECKING:
    from redlark.conformance.memory.baseline import Complaint

_OURS = PASSWORD.encode()
CONFORMS, DIVERGES, UNSUPPORTED, NOT_RUN, UNSPECIFIED = "conforms", "diverges", "unsupported", "not run", "unspecified"
ENDLESS = 1e9  # seconds: a budget that does not end a run
VERDICTS = (CONFORMS, DIVERGES, UNSUPPORTED, NOT_RUN, UNSPECIFIED)


def _tells_a_secret(exchange: Exchange) -> bool:
    """Whether this is an AUTH that succeeded, with another password than the one of our own set-ups."""
    request, reply = exchange.request, exchange.reply
    return (
        request[:1] != ()
        and request[0].upper() == b"AUTH"
        and reply is not None
        and reply.raw == b"+OK\r\n"
        and request[-1] != _OURS
    )


@frozen
class Finding:
    """A divergence, shrunk as far as it went; `reproduced` is False where it never came a second time."""

    divergence: Divergence
    reproduced: bool
    original: int  # requests of the history that showed it
    setup: str | None = None
    known: str = ""  # the reason for which a baseline accepts it

    @property
    def command(self) -> str:
        return self.divergence.command

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that would have applied."""
        return self.divergence.rules

    @property
    def allowed(self) -> tuple[str, ...]:
        """The replies that the text allows."""
        return self.divergence.allowed

    @property
    def seen(self) -> str:
        """What the server did instead."""
        return self.divergence.seen

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What is told: of the greeting HELLO alone, and the rest.

        The PING only shows that a connection is there, and AUTH would give the target's password away: whoever pastes
        the transcript has signed in. The password of a set-up is no secret.
        """
        told = self.divergence.exchanges
        greeting = len(told) - self.divergence.asked
        # behind a RESET we sign in again; no drawn AUTH knows the target's password, so one that succeeds is ours
        kept = [one for one in told[:greeting] if one.request[:1] != (b"PING",)] + list(told[greeting:])
        return tuple(one for one in kept if not _tells_a_secret(one))

    @property
    def paste(self) -> str:
        """The requests as lines for redis-cli; where several clients take part, each line says whose it is."""
        clients = sorted({exchange.client for exchange in self.exchanges})
        mark = {client: f"{number}> " if len(clients) > 1 else "" for number, client in enumerate(clients, 1)}
        came = {client: f"{number}< " for number, client in enumerate(clients, 1)}  # what comes unasked
        return "\n".join(
            mark[e.client] + command_line(e.request) if e.request else came[e.client] + (e.shown or "(nothing)")
            for e in self.exchanges
        )

    @property
    def protocol(self) -> int:
        """Which RESP the connection spoke that got the reply, or did not get it."""
        spoken, last = 2, self.divergence.exchanges[-1:]
        for one in self.divergence.exchanges:
            word = one.request[0].upper() if one.request else b""
            if word == b"RESET":
                spoken = 2 if one.client == last[0].client else spoken
            elif word == b"HELLO" and len(one.request) > 1 and one.reply is not None and one.client == last[0].client:
                spoken = 3 if one.reply.raw[:1] == b"%" else 2 if one.reply.raw[:1] == b"*" else spoken
        return spoken

    @property
    def pipelined(self) -> bool:
        """Whether some of the requests must travel in one write."""
        return any(len(step.requests) > 1 for step in self.divergence.history.steps)

    def as_json(self) -> dict[str, Any]:
        """The finding as the report's JSON has it."""
        clients = sorted({exchange.client for exchange in self.exchanges})
        number = {client: index for index, client in enumerate(clients, 1)}
        return {
            "rules": list(self.divergence.rules),
            "allowed": list(self.divergence.allowed),
            "seen": self.divergence.seen,
            "transcript": self.paste,
            "exchanges": [
                {"client": number[e.client], "request": command_line(e.request), "reply": e.shown}
                for e in self.exchanges
            ],
            "protocol": self.protocol,
            "pipelined": self.pipelined,
            "reproduced": self.reproduced,
            "setup": self.setup,
            "history": {
                "protocol": self.divergence.history.protocol,
                "lines": written.lines(self.divergence.history),
            },
            **({"known": self.known} if self.known else {}),
        }


@mutable
class Verdict:
    """What is known of one command."""

    name: str
    verdict: str
    group: str = ""
    requests: int = 0
    rules: dict[str, int] = field(factory=dict)
    findings: list[Finding | ToldFinding] = field(factory=list)
    reason: str = ""  # why no request of it is ever sent
    options: dict[str, int] = field(factory=dict)  # how many requests held each option's word

    def as_json(self) -> dict[str, Any]:
        """The verdict as the report's JSON has it."""
        return {
            "verdict": self.verdict,
            **({"reason": self.reason} if self.reason else {}),
            "group": self.group,
            "requests": self.requests,
            "rules": len(self.rules),
            "rules_reached": sum(1 for count in self.rules.values() if count),
            "reached": self.rules,
            "options": self.options,
            "divergences": [finding.as_json() for finding in self.findings],
        }


@mutable
class TargetReport:
    """Everything that a run found on one target, complete or so far."""

    target: str
    profile: str
    why: str
    server: str
    level: str = "strict"
    protocols: tuple[int, ...] = (2, 3)
    verdicts: dict[str, Verdict] = field(factory=dict)
    common: dict[str, int] = field(factory=dict)  # rules that hold for every command
    reached_in: dict[int, dict[str, int]] = field(factory=dict)  # by protocol, of all rules those that were reached
    unreached: dict[str, str] = field(factory=dict)  # rule to reason
    requests: int = 0
    histories: int = 0
    seconds: float = 0.0
    judging: float = 0.0  # of these seconds, those in which requests were sent and judged
    most_worlds: int = 1
    ended: str = "budget"
    notes: list[str] = field(factory=list)
    given_up: int = 0  # histories that could not be followed to their end
    passed_over: int = 0  # and those that such a server would not survive, which were not run
    crowd: Crowd | ToldCrowd | None = None  # what several clients at once saw; None where none were run
    exhaustive: Exhaustive | None = None  # every sequence of small alphabets; None where that was not asked for
    baseline: str | None = None  # the file; None where there is none
    complaints: list[Complaint] = field(factory=list)  # what is wrong with what the baseline says
    spread: Spread | None = None  # how the search was spread; None where one process did it

    @property
    def diverges(self) -> bool:
        alone = any(verdict.verdict == DIVERGES for verdict in self.verdicts.values())
        return alone or (self.crowd is not None and self.crowd.diverges)

    @property
    def passes(self) -> bool:
        """Whether nothing diverges but what the baseline accepts, and nothing is wrong with the baseline."""
        crowd = self.crowd is not None and self.crowd.diverges
        return not crowd and not self.complaints and all(finding.known for finding in self.findings)

    @property
    def rules(self) -> tuple[str, ...]:
        """Every rule that the report tells of, reached or not."""
        told = (rule for verdict in self.verdicts.values() for rule in verdict.rules)
        return tuple(dict.fromkeys((*told, *self.common, *self.unreached)))

    @property
    def remarks(self) -> list[str]:
        """The notes, and one more each on what could not be followed and on what was not run."""
        left = f"{self.given_up} histories were left: what nobody heard of could have gone too many ways"
        over = f"{self.passed_over} histories were not run, since such a server may not survive them (docs/findings.md)"
        return [*self.notes, *([left] if self.given_up else []), *([over] if self.passed_over else [])]

    @property
    def findings(self) -> list[Finding | ToldFinding]:
        return [finding for verdict in self.verdicts.values() for finding in verdict.findings]

    @property
    def totals(self) -> dict[str, Any]:
        """The totals as the report's JSON has them."""
        counted = Counter(verdict.verdict for verdict in self.verdicts.values())
        rules = [count for verdict in self.verdicts.values() for count in verdict.rules.values()]
        rules += self.common.values()
        return {
            "commands": sum(counted.values()) - counted[UNSPECIFIED],
            "conform": counted[CONFORMS],
            "diverge": counted[DIVERGES],
            "unsupported": counted[UNSUPPORTED],
            "not_run": counted[NOT_RUN],
            "unspecified": counted[UNSPECIFIED],
            "rules": len(rules),
            "rules_reached": sum(1 for count in rules if count),
            "requests": self.requests,
            "histories": self.histories,
            "worlds": self.most_worlds,
            "seconds": round(self.seconds, 3),
            "seconds_judging": round(self.judging, 3),
        }

    def as_json(self) -> dict[str, Any]:
        """The target's entry in the report's JSON."""
        return {
            "target": self.target,
            "server": self.server,
            "profile": self.profile,
            "profile_chosen": self.why,
            "level": self.level,
            "protocols": list(self.protocols),
            "ended": self.ended,
            "notes": self.remarks,
            "commands": {name: verdict.as_json() for name, verdict in sorted(self.verdicts.items())},
            "common_rules": self.common,
            "reached_in": {str(protocol): rules for protocol, rules in self.reached_in.items()},
            "unreached": self.unreached,
            "concurrent": None if self.crowd is None else self.crowd.as_json(),
            "exhaustive": None if self.exhaustive is None else [one.as_json() for one in self.exhaustive.groups],
            "gate": None
            if self.baseline is None
            else {
                "baseline": self.baseline,
                "known": sum(1 for finding in self.findings if finding.known),
                "unknown": sum(1 for finding in self.findings if not finding.known),
                "complaints": [{"line": one.line, "at": one.at} for one in self.complaints],
            },
            **({} if self.spread is None else {"spread": self.spread.as_json()}),
            "totals": self.totals,
        }


def not_judged(target: str, options: Options, why: str) -> TargetReport:
    """The report on a target of which nothing could be judged."""
    level = "loose" if options.loose else "strict"
    profile = options.profile or ""
    return TargetReport(
        target, profile, "", "", level=level, protocols=options.protocols, ended="could not run", notes=[why]
    )


def as_json(
    version: str, seed: int, reports: list[TargetReport], options: Options | None = None, began: float | None = None
) -> dict[str, Any]:
    """The whole report; `options` as the run was given them, `began` in Unix seconds."""
    return {
        "redlark": version,
        "seed": seed,
        **({} if began is None else {"began": datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")}),
        **({} if options is None else {"options": _as_given(options)}),
        "text": _text({rule for report in reports for rule in report.rules}),
        "targets": [report.as_json() for report in reports],
    }


def _as_given(options: Options) -> dict[str, Any]:
    endless = options.budget >= ENDLESS
    return {
        "profile": options.profile,
        "protocols": list(options.protocols),
        "commands": sorted(options.commands),
        "groups": sorted(options.groups),
        "budget": None if endless else options.budget,
        "requests": options.requests,
        "concurrent": options.concurrent,
        "exhaustive": options.exhaustive,
    }


def _text(rules: set[str]) -> dict[str, Any]:
    """Which text the run was held to, and where its blocks and rules stand."""
    known = sources()
    blocks = {
        name: known.block(name) for name in sorted({rule.split("/")[0] for rule in rules}) if name in known.commands
    }
    return {
        "digest": known.digest,
        "blocks": {name: {"file": b.file, "first": b.first, "last": b.last} for name, b in blocks.items()},
        "rules": {rule: [f"{place.file}:{place.line}" for place in known.places(rule)] for rule in sorted(rules)},
    }


def schema() -> dict[str, Any]:
    """The JSON schema of the report."""
    text = files("redlark.conformance").joinpath("schema/report.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded
