"""docs/versions.md: what an upgrade or a migration changes, each difference as the two real servers showed it.

`make versions` writes it: `python -m redlark.conformance.differences.versions_page`. What must not live here: what
differs, or whether it was seen.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from redlark.conformance.differences import kept, outcome
from redlark.conformance.differences.diff_cli import look, subject_of, title, unified
from redlark.conformance.differences.sight import Outcome
from redlark.spec.differences import UNTOLD, Comparison, Difference

PAIRS = (("redis-7.0", "redis-8.2"), ("redis-8.2", "valkey-9.1"))
BUDGET = 900.0  # seconds in which histories are searched for, each pair
PAGE = Path("docs/versions.md")
BAR = "\\|"  # as a cell has it

HEAD = """# What an upgrade changes

For each pair of versions, everything that Redlark's text has differently for the two, and what the two real servers
answered to the same requests. It is derived: `make versions` compares the texts rule by rule (`redlark spec diff A B
--seen` [prints the same](reference/diff.md)), searches for each difference a shortest history on which it shows, and
runs that on both servers. Lines that begin with `>` are what a client sends (`2>`: another client); a reply that both
servers gave stands alone.

A difference is *seen* where each server does what its own profile says, and the two differ. Where it was not seen, the
reason stands there.
"""

TITLES = {
    "behaviour": "Behaviour that changes",
    "new": "Commands and options that come",
    "gone": "Commands and options that go",
    "parameters": "Parameters of the configuration",
    "facts": "What COMMAND tells",
}


def page(pairs: Iterable[tuple[Comparison, Mapping[str, Outcome]]]) -> str:
    """The whole page."""
    parts = [HEAD]
    rows = list(pairs)
    for comparison, outcomes in rows:
        parts.append(_summary(comparison, outcomes))
    for comparison, outcomes in rows:
        parts += _pair(comparison, outcomes)
    return "\n".join(parts).rstrip("\n") + "\n"


def part_of(one: Difference) -> str:
    """Which part of the page a difference belongs to."""
    if one.kind in ("fact", "parameter"):
        return f"{one.kind}s"
    if one.kind in ("command", "option") and one.change != "changed":
        return one.change
    return "behaviour"


def _name(comparison: Comparison) -> str:
    first, second = (name.replace("-", " ").capitalize() for name in (comparison.first, comparison.second))
    return f"{first} to {second}"


def _summary(comparison: Comparison, outcomes: Mapping[str, Outcome]) -> str:
    counted: Counter[tuple[str, bool]] = Counter(
        (part_of(one), outcomes[one.id].seen) for one in comparison.differences
    )
    lines = [f"## {_name(comparison)}: in figures", "", "| | differences | seen on both servers |", "|---|---:|---:|"]
    for part, said in TITLES.items():
        seen, unseen = counted[part, True], counted[part, False]
        lines.append(f"| {said} | {seen + unseen} | {seen} |")
    seen, total = outcome.count(outcomes.values())
    return "\n".join([*lines, f"| **all** | **{total}** | **{seen}** |", ""])


def _pair(comparison: Comparison, outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    for part in TITLES:
        found = [one for one in comparison.differences if part_of(one) == part]
        if not found:
            continue
        yield f"## {_name(comparison)}: {TITLES[part][0].lower()}{TITLES[part][1:]}\n"
        if part == "facts":
            yield _table(comparison, ("command", "fact"), found, outcomes)
            continue
        if part == "parameters":
            yield _table(comparison, ("parameter",), found, outcomes)
            continue
        for subject, ones in groupby(found, key=lambda one: one.subject):
            yield f"### {subject_of(subject)}\n"
            for one in ones:
                yield _difference(comparison, one, outcomes[one.id])


def told(comparison: Comparison, one: Difference) -> str:
    """What the page has of a difference from the text alone: where this is not on it, it is of another text."""
    match part_of(one):
        case "facts" if one.name == "arguments":
            return _cells(one.subject.replace("|", " "), one.name, "", "as COMMAND DOCS tells them")
        case "facts":
            shared = set(one.before) & set(one.after)
            values = ("; ".join(line for line in each if line not in shared) for each in (one.before, one.after))
            return _cells(one.subject.replace("|", " "), one.name, *values)
        case "parameters":
            values = (each[0].partition(": ")[2] if each else "" for each in (one.before, one.after))
            return _cells(one.name, *(f"`{value}`" if value else "(none)" for value in values))
    lines = [f"**{title(one, comparison.first, comparison.second)}**", ""]
    users = [user.replace("|", " ") for user in one.users if user not in UNTOLD]
    if one.group == "shared" and users:
        more = f" and {len(users) - 8} more" if len(users) > 8 else ""
        lines += [f"Felt by {', '.join(users[:8])}{more}.", ""]
    if one.kind != "option" or one.change == "changed":
        lines += ["```diff", *unified(one.before, one.after), "```", ""]
    return "\n".join(lines)


def _cells(*cells: str) -> str:
    """A row of a table, open at its end."""
    return "".join(f"| {cell.replace('|', BAR)} " for cell in cells)


def _difference(comparison: Comparison, one: Difference, seen: Outcome) -> str:
    lines = [told(comparison, one)]
    if seen.seen:
        said = "; ".join(outcome.circumstances(seen))
        lines += [f"{said[0].upper()}{said[1:]}.", ""] if said else []
        lines += ["```", *outcome.transcript(seen), "```", ""]
    else:
        lines += [f"Not seen: {seen.reason}.", ""]
    return "\n".join(lines)


def _table(
    comparison: Comparison, heads: Sequence[str], found: Sequence[Difference], outcomes: Mapping[str, Outcome]
) -> str:
    columns = [*heads, comparison.first, comparison.second, "seen"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for one in found:
        seen = outcomes[one.id]
        lines.append(told(comparison, one) + _cells("yes" if seen.seen else f"no: {seen.reason}") + "|")
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the page, and keep the witnesses that it shows; `--afresh` forgets those kept before."""
    pairs = []
    for names in PAIRS:
        comparison = Comparison(*names)
        outcomes = look(comparison, list(comparison.differences), BUDGET, afresh="--afresh" in sys.argv)
        seen, total = outcome.count(outcomes.values())
        print(f"{names[0]} to {names[1]}: {seen} of {total} differences seen", file=sys.stderr)
        pairs.append((comparison, outcomes))
        kept.store({names: {name: one.witness for name, one in outcomes.items() if one.seen and one.witness}})
    PAGE.write_text(page(pairs))


if __name__ == "__main__":
    main()
