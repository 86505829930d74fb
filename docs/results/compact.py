"""Makes of reports of `redlark conform --json` the short ones that stand here, the matrix, and the tables of the page.

python docs/results/compact.py report.json... > docs/results/reports.json
python docs/results/compact.py --matrix report.json... > docs/results/matrix.md
python docs/results/compact.py --tables report.json...

A name before a report (`fakeredis=report.json`) is what its target that was given by an address is called here.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

MOST = 2  # divergences of a command that are kept
LONGEST = 400  # characters of what was allowed or seen
KEPT = ("verdict", "group", "rules_reached", "rules")  # of a command
TOLD = ("conforms", "diverges", "unsupported")


def short(target: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a target, in the form of a report."""
    names = ("target", "server", "profile", "level", "protocols", "ended", "notes", "totals")
    commands = {
        name: {**{key: one[key] for key in KEPT if key in one}, "divergences": divergences(one)}
        for name, one in target["commands"].items()
        if one["verdict"] in TOLD
    }
    return {**{name: target[name] for name in names}, "commands": commands}


def divergences(command: dict[str, Any]) -> list[dict[str, Any]]:
    """The first divergences of a command."""
    return [
        {
            "rules": one["rules"],
            "transcript": one["transcript"][:LONGEST],
            "allowed": [each[:LONGEST] for each in one["allowed"]][:MOST],
            "seen": one["seen"][:LONGEST],
        }
        for one in command["divergences"][:MOST]
    ]


def tables(targets: list[dict[str, Any]]) -> str:
    """The targets with their totals, then each group's commands that conform, diverge and are not there."""
    lines = [
        "| target | held to | requests | conform | diverge | unsupported | not run |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in targets:
        count = one["totals"]
        told = (count[name] for name in ("requests", "conform", "diverge", "unsupported", "not_run"))
        lines.append(f"| {one['target']} | {one['profile']} | {' | '.join(f'{number:,}' for number in told)} |")
    groups = sorted({command["group"] for one in targets for command in one["commands"].values() if command["group"]})
    lines += ["", "| group | " + " | ".join(one["target"] for one in targets) + " |", "|---" * (len(targets) + 1) + "|"]
    for group in groups:
        cells = []
        for one in targets:
            found = Counter(each["verdict"] for each in one["commands"].values() if each["group"] == group)
            cells.append(" / ".join(str(found[name]) for name in TOLD))
        lines.append(f"| {group} | {' | '.join(cells)} |")
    return "\n".join(lines)


MATRIX = """# The matrix

Made by `python docs/results/compact.py --matrix`, of the runs that [Results](README.md) tells of: a command a row, a
server a column, in it how many of the command's rules were reached, of how many. **differs**: at least one reply that
the text does not allow; –: the server does not have the command; nothing: the profile has no such command, or it was
not asked within the budget.

| target | server | held to | requests |
|---|---|---|---|
"""


def matrix(targets: list[dict[str, Any]]) -> str:
    """A page with a table for each group of commands: what each target said to each command."""
    names = {name: told["group"] for one in targets for name, told in one["commands"].items() if told["group"]}
    lines = [MATRIX + "\n".join(map(origin, targets)), ""]
    for group in sorted(set(names.values())):
        lines += [f"## {group}", "", "| command | " + " | ".join(one["target"] for one in targets) + " |"]
        lines += ["|---" * (len(targets) + 1) + "|"]
        for name in sorted(name for name, its in names.items() if its == group):
            cells = [cell(one["commands"].get(name)) for one in targets]
            if any(cells):
                lines.append(f"| {name.replace('|', ' ')} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def origin(one: dict[str, Any]) -> str:
    """Where a column comes from."""
    server = "Redlark" if one["target"] == "embedded" else one["server"]  # in INFO it is the Redis that it stands for
    return f"| {one['target']} | {server} | {one['profile']} | {one['totals']['requests']:,} |"


def cell(told: dict[str, Any] | None) -> str:
    """A command on a target."""
    if told is None or told["verdict"] not in TOLD:
        return ""
    if told["verdict"] == "unsupported":
        return "–"
    reached = f"{told['rules_reached']}/{told['rules']}" if "rules" in told else ""
    if told["verdict"] == "diverges":
        return f"**differs** {reached}".rstrip()
    return reached or "conforms"


def read(argument: str) -> list[dict[str, Any]]:
    """The targets of a report; the one that was given by its address is called as stands before it."""
    name, _, path = argument.rpartition("=")
    targets: list[dict[str, Any]] = json.loads(Path(path).read_text())["targets"]
    return [{**one, "target": name, "server": name} if name and "://" in one["target"] else one for one in targets]


def main(arguments: list[str]) -> None:
    """Print the tables, or the short reports, a target a line."""
    targets = [target for one in arguments if not one.startswith("--") for target in read(one)]
    if "--tables" in arguments:
        print(tables(targets))
    elif "--matrix" in arguments:
        print(matrix(targets))
    else:
        print('{"targets": [\n' + ",\n".join(json.dumps(short(one)) for one in targets) + "\n]}")


if __name__ == "__main__":
    main(sys.argv[1:])
