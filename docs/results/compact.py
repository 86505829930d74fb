"""Makes of reports of `redlark conform --json` the short ones that stand here, and the tables of the page.

python docs/results/compact.py report.json... > docs/results/reports.json
python docs/results/compact.py --tables report.json...
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

MOST = 2  # divergences of a command that are kept
LONGEST = 400  # characters of what was allowed or seen
TOLD = ("conforms", "diverges", "unsupported")


def short(target: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a target, in the form of a report."""
    names = ("target", "server", "profile", "level", "protocols", "ended", "notes", "totals")
    commands = {
        name: {"verdict": one["verdict"], "group": one["group"], "divergences": divergences(one)}
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


def read(argument: str) -> list[dict[str, Any]]:
    """The targets of a report; called otherwise where a name stands before it."""
    name, _, path = argument.rpartition("=")
    targets: list[dict[str, Any]] = json.loads(Path(path).read_text())["targets"]
    return [{**one, "target": name, "server": name} if name else one for one in targets]


def main(arguments: list[str]) -> None:
    """Print the tables, or the short reports, a target a line."""
    targets = [target for one in arguments if one != "--tables" for target in read(one)]
    if "--tables" in arguments:
        print(tables(targets))
    else:
        print('{"targets": [\n' + ",\n".join(json.dumps(short(one)) for one in targets) + "\n]}")


if __name__ == "__main__":
    main(sys.argv[1:])
