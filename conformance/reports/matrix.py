"""The matrix: a report as the page needs it, targets side by side, commands by options by rules.

What must live here: which row and which cell says what, as data. How it looks is `page/`'s, how a page is made of it
`html.py`'s. Names that come often (targets, reasons, blocks of the text) are numbers here, so that a page of four
hundred commands by eight targets stays small.

A cell of a rule is `[in RESP2, in RESP3, in all, reason]`: how often it was reached, -1 where the protocol was not
spoken; the reason is a number in `reasons`, -1 where it was reached. It is null where the profile has no such rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import field, frozen

from redlark.conformance import reports
from redlark.conformance.reports import Json
from redlark.spec import printing
from redlark.spec.sources import Sources, sources

SHARED = "every command"  # the group of the blocks that hold for every command
NAMELESS = "other"
_WORD = re.compile(r"[A-Z][A-Z0-9-]+")
_GOES_ON = re.compile(r"\s+([\[|<]|and\b|or\b|else\b|then\b|with\b)")


@frozen
class _Interned:
    """Values by numbers, in the order in which they came."""

    values: dict[str, int] = field(factory=dict)

    def __call__(self, value: str) -> int:
        return self.values.setdefault(value, len(self.values))

    @property
    def all(self) -> list[str]:
        return list(self.values)


@frozen
class _Matrix:
    """One report on its way to become the page's data."""

    report: Json
    text: Sources
    reasons: _Interned = field(factory=_Interned)
    blocks: _Interned = field(factory=_Interned)  # by file:first-last
    sources: dict[str, str] = field(factory=dict)

    @property
    def targets(self) -> list[Json]:
        return list(self.report["targets"])

    def data(self) -> dict[str, Any]:
        """All of it."""
        names = list(dict.fromkeys(name for target in self.targets for name in target["commands"]))
        shared = list(dict.fromkeys(rule.split("/")[0] for target in self.targets for rule in _common(target)))
        rows = [self._command(name) for name in sorted(names)]
        rows += [self._shared(name) for name in sorted(shared) if name not in names]
        findings = list(self._findings())
        return {
            "seed": self.report["seed"],
            "options": self.report.get("options"),
            "targets": [self._target(target) for target in self.targets],
            "commands": rows,
            "findings": findings,
            "reasons": self.reasons.all,
            "sources": [self.sources[where] for where in self.blocks.all],
            "places": self.blocks.all,
        }

    # ---- rows --------------------------------------------------------------------------------------------------

    def _command(self, name: str) -> dict[str, Any]:
        verdicts = [target["commands"].get(name) for target in self.targets]
        words = list(dict.fromkeys(word for verdict in verdicts if verdict for word in verdict.get("options", ())))
        group = next((verdict["group"] for verdict in verdicts if verdict and verdict.get("group")), NAMELESS)
        return {
            "name": name,
            "group": group,
            **self._told(name),
            "cells": [None if verdict is None else self._cell(verdict) for verdict in verdicts],
            "options": [
                [word, [verdict and verdict.get("options", {}).get(word) for verdict in verdicts]] for word in words
            ],
            "rules": self._rules([(verdict or {}).get("reached", {}) for verdict in verdicts], words),
        }

    def _shared(self, name: str) -> dict[str, Any]:
        """A block that holds for every command: it has rules and no verdict of its own."""
        reached = [
            {rule: count for rule, count in _common(target).items() if rule.split("/")[0] == name}
            for target in self.targets
        ]
        return {
            "name": name,
            "group": SHARED,
            **self._told(name),
            "cells": [{"verdict": "", "requests": 0, "reason": ""} if rules else None for rules in reached],
            "options": [],
            "rules": self._rules(reached, []),
        }

    def _told(self, name: str) -> dict[str, Any]:
        """What the text says of a block: its syntax line, its sentence and its lines."""
        command = self.text.commands.get(name)
        if command is None:
            return {"syntax": "", "summary": "", "block": -1}
        syntax = " ".join(printing.syntax_line(command.syntax).split())
        return {"syntax": syntax, "summary": command.summary or "", "block": self._block(self.text.block(name))}

    def _block(self, source: Any) -> int:
        self.sources.setdefault(str(source), source.text)
        return self.blocks(str(source))

    def _cell(self, verdict: Json) -> dict[str, Any]:
        return {
            "verdict": verdict["verdict"],
            "requests": verdict.get("requests", 0),
            "reason": verdict.get("reason", ""),
        }

    def _rules(self, reached: Sequence[Json], words: list[str]) -> list[list[Any]]:
        """Rows `[name, places, options, cells]`; a place is `[block, line]`, the line counted from 1 in the block."""
        names = dict.fromkeys(rule for rules in reached for rule in rules)
        return [
            [
                rule.partition("/")[2],
                self._places(rule),
                self._options(rule, words),
                [self._reach(n, rule, rules) for n, rules in enumerate(reached)],
            ]
            for rule in names
        ]

    def _reach(self, number: int, rule: str, rules: Json) -> list[int] | None:
        if rule not in rules:
            return None
        target = self.targets[number]
        counted = target.get("reached_in", {})
        reason = target.get("unreached", {}).get(rule, "")
        spoken = [counted[protocol].get(rule, 0) if protocol in counted else -1 for protocol in ("2", "3")]
        return [*spoken, rules[rule], self.reasons(reason) if reason else -1]

    def _places(self, rule: str) -> list[list[int]]:
        found = []
        for place in self.text.places(rule):
            source = self.text.around(place.file, place.line)
            found.append([self._block(source), place.line - source.first + 1])
        return found

    def _options(self, rule: str, words: list[str]) -> list[int]:
        """The options, by their numbers, that the sentence of a rule names where it stands."""
        named: set[str] = set()
        for place in self.text.places(rule)[:1]:
            lines = self.text.texts[place.file].split("\n")[place.line - 1 :]
            named.update(_WORD.findall(lines[0].split("=>")[0]))
            for line in lines[1:]:
                if not _GOES_ON.match(line):
                    break
                named.update(_WORD.findall(line.split("=>")[0]))
        return [number for number, word in enumerate(words) if word in named]

    # ---- targets and findings ----------------------------------------------------------------------------------

    def _target(self, target: Json) -> dict[str, Any]:
        totals, every = target["totals"], [*target["commands"].values()]
        in_all = {rule: count for one in every for rule, count in one.get("reached", {}).items()} | dict(
            _common(target)
        )
        reached = target.get("reached_in", {})
        return {
            "name": target["target"],
            "server": target.get("server", ""),
            "profile": target["profile"],
            "why": target.get("profile_chosen", ""),
            "level": target.get("level", "strict"),
            "ended": target.get("ended", ""),
            "notes": target.get("notes", []),
            "complaints": reports.gate(target),
            "verdict": reports.verdict(target),
            "totals": totals,
            "divergences": sum(len(one["divergences"]) for one in every),
            "protocols": target.get("protocols", []),
            "in": {protocol: sum(1 for rule in rules if rule in in_all) for protocol, rules in reached.items()},
            "at_once": self._at_once(target),
        }

    def _at_once(self, target: Json) -> dict[str, Any] | None:
        crowd = target.get("concurrent")
        if not crowd:
            return None
        pictures = [one["picture"] for one in reports.contradictions(target)]
        return {**{name: crowd[name] for name in ("clients", "histories", "requests", "lost")}, "pictures": pictures}

    def _findings(self) -> Iterator[dict[str, Any]]:
        for number, target in enumerate(self.targets):
            for found in reports.divergences(target):
                one = found.divergence
                yield {
                    "target": number,
                    "command": found.command,
                    "rules": list(one["rules"]),
                    "allowed": list(one["allowed"]),
                    "seen": one["seen"],
                    "transcript": one["transcript"],
                    "exchanges": [[e["client"], e["request"], e["reply"]] for e in one.get("exchanges", ())],
                    "protocol": one.get("protocol", 2),
                    "pipelined": one.get("pipelined", False),
                    "reproduced": one.get("reproduced", True),
                    "setup": one.get("setup"),
                    "known": found.known,
                }


def _common(target: Json) -> dict[str, int]:
    """The rules of the blocks that hold for every command, those that this run does not ask about among them."""
    names = {rule: 0 for rule in target.get("unreached", {}) if _is_shared(rule, target)}
    return {**names, **target.get("common_rules", {})}


def _is_shared(rule: str, target: Json) -> bool:
    return rule.split("/")[0] not in target["commands"]


def of(report: Json, text: Sources | None = None) -> dict[str, Any]:
    """The data of a page for a report; blocks and rules are looked up in `text`, which is Redlark's own."""
    return _Matrix(report, text or sources()).data()


def groups(data: Json) -> Iterable[str]:
    """The groups of the rows, the one of all commands last."""
    named = sorted({row["group"] for row in data["commands"]} - {SHARED, NAMELESS})
    rest = [group for group in (NAMELESS, SHARED) if any(row["group"] == group for row in data["commands"])]
    return [*named, *rest]
