"""The baseline of a gate: divergences that somebody has reviewed, in a TOML file, and what a run makes of them.

Theory of operation. A run is random, so that it did not meet a reviewed divergence says nothing. Therefore each entry
carries its shortest example, which is run first; only an entry whose example conforms each time, and which nothing else
in the run has met, has started to pass. An entry covers a divergence where command, rule and the kind of reply (of an
error also its first word) are the entry's: which values were drawn does not count. What must not live here: how
examples are run (`again`), and what a report looks like.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from attrs import field, frozen, mutable

from redlark.conformance import written
from redlark.conformance.errors import CannotRun
from redlark.conformance.history import History
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.memory.again import SELDOM, TIMES, Again
from redlark.conformance.reports import kind
from redlark.conformance.whole_files import put, why
from redlark.reference import Model
from redlark.spec.profiles import PROFILES

TABLE = "divergence"
NO_RULE = "(none)"  # stands for the rule where a connection was lost: nothing would have applied
DAYS = 90  # that a drafted entry is good for
RULE = re.compile(r"[^\s/]+/[^\s/]+")
EACH = re.compile(rf"^\s*\[\[\s*{TABLE}\s*\]\]", re.MULTILINE)
REACHED = 100  # times that the rule of a divergence seen once must have been reached before it counts as gone


@frozen
class Entry:
    """One reviewed divergence. `at` is the line of the file at which it begins, 0 for one that is in none."""

    rule: str
    command: str
    reason: str
    expires: datetime.date
    seen: str
    example: tuple[str, ...]
    protocol: int = 2
    setup: str | None = None
    target: str | None = None
    profile: str | None = None
    seldom: bool = False  # seen once, and not again when it was repeated
    at: int = field(default=0, eq=False)

    def __str__(self) -> str:
        return f"{self.command}: {self.rule}"

    @property
    def history(self) -> History:
        """The example as it is run."""
        return written.history(self.example, self.protocol)

    @property
    def covers_the_same_as(self) -> tuple[object, ...]:
        """What two entries must not share."""
        return self.rule, self.command, kind(self.seen), self.target, self.profile

    def applies(self, target: str, profile: str) -> bool:
        """Whether it speaks of this target, held to this profile."""
        return self.target in (None, target) and self.profile in (None, profile)

    def covers(self, command: str, rules: Sequence[str], seen: str) -> bool:
        """Whether a divergence is the reviewed one."""
        named = self.rule in rules or (self.rule == NO_RULE and not rules)
        return named and self.command in ("*", command) and kind(seen) == kind(self.seen)


def outdated(entry: Entry, today: datetime.date) -> Iterator[str]:
    """What an entry must be looked at again for: its date is over, or no text has its command or its rule."""
    if entry.expires < today:
        yield f"its date, {entry.expires}, is over: look at it again"
    models = [Model.load(name) for name in ([entry.profile] if entry.profile else PROFILES)]
    named = entry.command != "*" and not entry.command.startswith("(")  # as (unknown command), which no text has
    if named and not any(entry.command in {*model.commands, *model.hidden} for model in models):
        yield f"no text has the command {entry.command}: remove it, or name it anew"
    if entry.rule != NO_RULE and not any(entry.rule in model.rules for model in models):
        yield f"no text has the rule {entry.rule}: remove it, or name it anew"


# ---- the file ----------------------------------------------------------------------------------------------------

_TEXT, _TEXTS = "a text", "a list of texts"
_NEEDED: dict[str, str] = {
    "rule": _TEXT, "command": _TEXT, "reason": _TEXT, "expires": "a date, as 2027-03-31", "seen": _TEXT,
    "example": _TEXTS,
}  # fmt: skip
_MORE = {"protocol": "2 or 3", "setup": _TEXT, "target": _TEXT, "profile": _TEXT, "seldom": "true or false"}
_FITS: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _TEXTS: lambda value: isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value),
    _NEEDED["expires"]: lambda value: isinstance(value, datetime.date) and not isinstance(value, datetime.datetime),
    _MORE["protocol"]: lambda value: value in (2, 3) and not isinstance(value, bool | float),
    _MORE["seldom"]: lambda value: isinstance(value, bool),
}


def read(path: Path, *, drafts: bool = False) -> tuple[Entry, ...]:
    """The entries of a baseline. Raises `CannotRun`, with the entry and its line, for anything that is wrong.

    What is only drafted, without a reason, is wrong too, unless `drafts` are wanted.
    """
    try:
        text = path.read_text(encoding="utf-8")
        told = tomllib.loads(text)
    except OSError as problem:
        raise CannotRun(f"{path}: cannot be read: {why(problem)}") from None
    except ValueError as problem:  # of the encoding, or of TOML
        raise CannotRun(f"{path}: not TOML: {problem}") from None
    other = sorted(told.keys() - {TABLE})
    if other:
        raise CannotRun(f"{path}: unknown field {other[0]!r}; a baseline has tables [[{TABLE}]] alone")
    tables = told.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise CannotRun(f"{path}: {TABLE} must be written as tables: [[{TABLE}]]")
    begins = [text.count("\n", 0, found.end()) + 1 for found in EACH.finditer(text)]
    begins += [0] * (len(tables) - len(begins))  # those of an inline array
    entries: dict[tuple[object, ...], Entry] = {}
    for number, (table, at) in enumerate(zip(tables, begins, strict=False), 1):
        where = f"{path}: entry {number}" + (f" (line {at})" if at else "")
        entry = _entry(table, where, at, drafts)
        twin = entries.setdefault(entry.covers_the_same_as, entry)
        if twin is not entry:
            raise CannotRun(f"{where}: covers the same as the one at line {twin.at}")
    return tuple(entries.values())


def _entry(table: Mapping[str, Any], where: str, at: int, drafts: bool) -> Entry:
    forms = _NEEDED | _MORE
    for name, value in table.items():
        if name not in forms:
            raise CannotRun(f"{where}: unknown field {name!r}; there are {', '.join(forms)}")
        if not _FITS[forms[name]](value):
            raise CannotRun(f"{where}: {name} must be {forms[name]}")
    for name in _NEEDED:
        if name not in table:
            raise CannotRun(f"{where}: {name} is missing")
    if not drafts and not table["reason"].strip():
        raise CannotRun(f"{where}: its reason is empty; say why {table['rule']} may diverge, or remove the entry")
    if table["rule"] != NO_RULE and not RULE.fullmatch(table["rule"]):
        raise CannotRun(f"{where}: {table['rule']!r} is no rule's full name, as SET/stored is")
    if table.get("profile") not in (None, *PROFILES):  # it would be of nothing for ever
        raise CannotRun(f"{where}: no profile {table['profile']}; there are {', '.join(PROFILES)}")
    entry = Entry(**{**table, "example": tuple(table["example"])}, at=at)
    try:
        asked = entry.history.size
    except ValueError as problem:
        raise CannotRun(f"{where}: its example cannot be read: {problem}") from None
    if not asked:
        raise CannotRun(f"{where}: its example asks for nothing")
    return entry


def draft(command: str, divergence: Mapping[str, Any], profile: str, today: datetime.date) -> Entry:
    """An entry for a divergence of a report, to be reviewed: its reason is left to be written. Raises `CannotRun`."""
    if not divergence.get("history"):
        raise CannotRun(f"the report does not tell how {command} was asked (it is of an older Redlark); run it again")
    return Entry(
        rule=divergence["rules"][0] if divergence["rules"] else NO_RULE,
        command=command,
        reason="",
        expires=today + datetime.timedelta(days=DAYS),
        seen=divergence["seen"],
        example=tuple(divergence["history"]["lines"]),
        protocol=divergence["history"]["protocol"],
        setup=divergence.get("setup"),
        profile=profile,
        seldom=not divergence.get("reproduced", True),
    )


def drafts(report: Mapping[str, Any], today: datetime.date, held: Iterable[Entry] = ()) -> list[Entry]:
    """An entry for each divergence of a report that neither the report nor an entry that is held accepts."""
    known, found = list(held), []
    for target in report["targets"]:
        for command, verdict in target["commands"].items():
            for one in verdict["divergences"]:
                covered = any(
                    entry.applies(target["target"], target["profile"])
                    and entry.covers(command, one["rules"], one["seen"])
                    for entry in known
                )
                if not covered and not one.get("known"):
                    known.append(entry := draft(command, one, target["profile"], today))
                    found.append(entry)
    return found


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Put entries behind those that a file holds, which stay as they are written, comments too. Raises `CannotRun`."""
    try:
        text = document(entries, path.read_text(encoding="utf-8") if path.exists() else "")
        tomllib.loads(text)  # a table behind `divergence = []` would be none
        put(path, text)
    except ValueError as problem:
        raise CannotRun(f"{path}: nothing can be put behind what stands there: {problem}") from None
    except OSError as problem:
        raise CannotRun(f"{path}: cannot be written: {why(problem)}") from None


def document(entries: Iterable[Entry], text: str = "") -> str:
    """Entries as TOML, behind what stands in a text, of which not a character is changed."""
    tables = [_table(entry).as_string() for entry in entries]
    blocks = ([text if text.endswith("\n") else text + "\n"] if text.strip() else []) if tables else [text]
    return "\n".join([*blocks, *(f"[[{TABLE}]]\n{table}" for table in tables)])


def _table(entry: Entry) -> tomlkit.items.Table:
    table = tomlkit.table()
    usual = Entry("", "", "", datetime.date.min, "", ())
    for name in (*_NEEDED, *_MORE):
        value = getattr(entry, name)
        if name in _NEEDED or value != getattr(usual, name):
            table.add(name, _value(value))
    return table


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        rows = tomlkit.array()
        rows.multiline(True)
        rows.extend(map(_value, value))
        return rows
    if isinstance(value, str):
        escapes = any(sign in value for sign in '"\\')  # which a literal text does without
        return tomlkit.string(value, literal=escapes and "'" not in value and value.isprintable())
    return value


# ---- the gate ----------------------------------------------------------------------------------------------------


@frozen
class Complaint:
    """Why a target does not pass, in a line; `at` is the line of the baseline that it is about, 0 for none."""

    line: str
    at: int = 0


@mutable
class Gate:
    """The entries that speak of one target, and what its run has shown of them."""

    path: Path
    entries: tuple[Entry, ...]
    today: datetime.date
    met: set[Entry] = field(factory=set, init=False)  # those that something in the run has shown
    _examples: dict[Entry, Again] = field(factory=dict, init=False)

    @classmethod
    def of(cls, path: Path, entries: Iterable[Entry], target: str, profile: str, today: datetime.date) -> Gate:
        """The gate of one target that is held to one profile."""
        return cls(path, tuple(one for one in entries if one.applies(target, profile)), today)

    @property
    def examples(self) -> list[Again]:
        """The example of each entry, to be run again."""
        for entry in self.entries:
            if entry not in self._examples:
                times = SELDOM if entry.seldom else TIMES
                self._examples[entry] = Again(f"{entry} ({self.path})", entry.history, entry.setup, times)
        return list(self._examples.values())

    def known(self, divergence: Divergence) -> Entry | None:
        """The entry that covers a divergence; it counts as met."""
        for entry in self.entries:
            if entry.covers(divergence.command, divergence.rules, divergence.seen):
                self.met.add(entry)
                return entry
        return None

    def complaints(self, rules: Mapping[str, int], complete: bool = True) -> Iterator[Complaint]:
        """What is wrong with the entries after a run that reached rules so often; `complete` if it came to its end."""
        for entry in self.entries:
            if entry.rule != NO_RULE and entry.rule not in rules:
                yield Complaint(f"{entry}: the text has no such rule (any more): look at it again", entry.at)
                continue
            if entry.expires < self.today:
                yield Complaint(f"{entry}: its date, {entry.expires}, is over: look at it again", entry.at)
            again = self._examples.get(entry)
            if entry in self.met or again is None:
                continue
            if again.found is not None:
                yield Complaint(f"{entry}: its example diverges otherwise now: {_now(again.found)}", entry.at)
            elif again.conforms and complete and (not entry.seldom or rules[entry.rule] >= REACHED):
                said = f"its example conforms ({again.ran} runs), and nothing else of the run has shown it"
                yield Complaint(f"{entry}: passes now: {said}: remove the entry", entry.at)

    def undecided(self) -> Iterator[str]:
        """The entries of which the run can say nothing, a line each."""
        for entry, again in self._examples.items():
            if entry not in self.met and again.found is None and not again.conforms:
                where = f" (it needs a server where {entry.setup})" if entry.setup else ""
                yield f"{self.path}: {entry}: its example was not run to the end{where}: nothing is said of it"


def _now(found: Divergence) -> str:
    rules = ", ".join(found.rules[:3]) or NO_RULE
    return f"{found.command} ({rules}) gives {found.seen.splitlines()[0] if found.seen else 'nothing'}"
