"""What two reports differ in: verdicts, rules and divergences that came, went and stayed, target by target.

A divergence is the same in both where its command, its rules and the kind of its reply are: which values a run drew
does not count. Rules that one run reached and the other did not may be chance, and are told apart from what got worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, field, frozen

from redlark.conformance import reports
from redlark.conformance.reports import Found, Json

# Verdicts from good to bad; what is not told of was not asked for, and nothing to compare with.
_RANKS = {"conforms": 0, "unsupported": 1, "diverges": 2}


@frozen
class Change:
    """What was so in the old report and is otherwise in the new one."""

    name: str
    old: str
    new: str

    @property
    def worse(self) -> bool:
        """Whether the new verdict is worse than the old one."""
        return self.old in _RANKS and self.new in _RANKS and _RANKS[self.new] > _RANKS[self.old]


@frozen
class Difference:
    """What differs between two reports on one target."""

    target: str
    verdicts: tuple[Change, ...] = ()
    came: tuple[Found, ...] = ()
    went: tuple[Found, ...] = ()
    stayed: tuple[Found, ...] = ()
    reached: tuple[str, ...] = ()  # rules that only the new run reached
    missed: tuple[str, ...] = ()  # rules of both that only the old run reached
    rules_new: tuple[str, ...] = ()  # rules that the old report does not know
    rules_gone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what else got worse, in a line each
    remarks: tuple[str, ...] = field(default=())  # what else changed

    @property
    def worse(self) -> bool:
        """Whether something conforms less than it did."""
        return bool(self.came or self.notes or any(change.worse for change in self.verdicts))

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not any((self.verdicts, self.came, self.went, self.reached, self.missed, self.rules_new,
                        self.rules_gone, self.notes, self.remarks))  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The difference as `--json` has it."""
        return {
            "target": self.target,
            "worse": self.worse,
            "verdicts": [asdict(change) | {"worse": change.worse} for change in self.verdicts],
            "divergences": {
                name: [{"command": one.command, **one.divergence} for one in found]
                for name, found in (("came", self.came), ("went", self.went), ("stayed", self.stayed))
            },
            "rules": {
                "reached": self.reached, "missed": self.missed, "new": self.rules_new, "gone": self.rules_gone,
            },
            "notes": self.notes,
            "remarks": self.remarks,
        }  # fmt: skip


def compare(old: Json, new: Json) -> list[Difference]:
    """What differs, for each target of either report in the order of the new one."""
    pairs = list(_paired(old["targets"], new["targets"]))
    return [_of(*pair) for pair in pairs]


def _paired(old: Sequence[Json], new: Sequence[Json]) -> Iterator[tuple[Json | None, Json | None]]:
    """The targets by their names and profiles, then by names; if one of each is left, those two."""
    left = list(old)
    waiting: list[Json] = []
    found: dict[int, Json | None] = {}
    for alike in (("target", "profile"), ("target",)):
        for number, one in enumerate(new):
            same = [other for other in left if all(other[name] == one[name] for name in alike)]
            if number not in found and same:
                found[number] = same[0]
                left = [other for other in left if other is not same[0]]
    waiting = [one for number, one in enumerate(new) if number not in found]
    if len(waiting) == len(left) == 1:
        found[next(number for number in range(len(new)) if number not in found)] = left.pop()
    for number, one in enumerate(new):
        yield found.get(number), one
    for other in left:
        yield other, None


def _of(old: Json | None, new: Json | None) -> Difference:
    if new is None:
        assert old is not None
        return Difference(str(old["target"]), remarks=("the new report does not tell of this target",))
    name = str(new["target"])
    if old is None:
        found = tuple(one for one in reports.divergences(new) if not one.known)
        return Difference(name, came=found, remarks=("the old report does not tell of this target",))
    before, after = ({one.identity: one for one in reports.divergences(each)} for each in (old, new))
    rules_before, rules_after = _rules(old), _rules(new)
    both = rules_before.keys() & rules_after.keys()
    return Difference(
        name,
        verdicts=tuple(_verdicts(old["commands"], new["commands"])),
        came=tuple(after[one] for one in after if one not in before),
        went=tuple(before[one] for one in before if one not in after),
        stayed=tuple(after[one] for one in after if one in before),
        reached=tuple(sorted(rule for rule in both if rules_after[rule] and not rules_before[rule])),
        missed=tuple(sorted(rule for rule in both if rules_before[rule] and not rules_after[rule])),
        rules_new=tuple(sorted(rules_after.keys() - both)),
        rules_gone=tuple(sorted(rules_before.keys() - both)),
        notes=tuple(_worse(old, new)),
        remarks=tuple(_remarks(old, new)),
    )


def _verdicts(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        was, now = (each[name]["verdict"] if name in each else "absent" for each in (old, new))
        if was != now:
            yield Change(name, was, now)


def _rules(target: Json) -> dict[str, int]:
    counted = dict(target.get("common_rules") or {})
    for command in target["commands"].values():
        counted.update(command.get("reached") or {})
    return counted


def _worse(old: Json, new: Json) -> Iterator[str]:
    if reports.could_not_run(new) and not reports.could_not_run(old):
        yield f"it could not be judged to the end: {reports.could_not_run(new)}"
    was, now = len(reports.contradictions(old)), len(reports.contradictions(new))
    if now and not was:
        yield f"several clients at once: {now} histories that no order explains, none before"
    if reports.lost_to_many(new) and not reports.lost_to_many(old):
        yield f"with several clients at once the server {reports.lost_to_many(new)}"


def _remarks(old: Json, new: Json) -> Iterator[str]:
    for name in ("target", "server", "profile", "level", "protocols"):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name)} before, {new.get(name)} now"
    if reports.could_not_run(old) and not reports.could_not_run(new):
        yield "it could not be judged before, and can be now"
    if reports.contradictions(old) and not reports.contradictions(new):
        yield "several clients at once: an order explains everything now"


def told(differences: Iterable[Difference], *, all_of_it: bool = False) -> Iterator[str]:
    """The differences as lines; what stayed and which rules were reached in number only, unless all is asked for."""
    for one in differences:
        yield f"{one.target}: " + ("worse" if one.worse else "the same" if one.empty else "not worse")
        yield from (f"  ! {note}" for note in one.notes)
        yield from (f"  {'!' if change.worse else '*'} {change.name}: {change.old} -> {change.new}"
                    for change in one.verdicts)  # fmt: skip
        for sign, word, found in (("+", "came", one.came), ("-", "went", one.went)):
            for each in found:
                yield f"  {sign} {word}: {each.title}"
                yield from (f"      {row}" for row in (*each.divergence["transcript"].split("\n"), f"seen {each.seen}"))
        if one.stayed:
            yield f"  = {len(one.stayed)} stayed" + (":" if all_of_it else "")
            yield from (f"      {each.title}" for each in one.stayed if all_of_it)
        for word, rules in (
            ("reached now", one.reached), ("not reached any more", one.missed), ("new in the text", one.rules_new),
            ("no longer in the text", one.rules_gone),
        ):  # fmt: skip
            if rules:
                shown = rules if all_of_it or len(rules) <= 8 else (*rules[:8], f"… ({len(rules)} in all)")
                yield f"  rules {word}: {', '.join(shown)}"
        yield from (f"  * {remark}" for remark in one.remarks)
