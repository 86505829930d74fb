"""What is known of real servers: findings, reports of runs, and where an example of the text has been run.

What must live here: reading ``docs/findings.md`` and the JSON reports under ``docs/results``. A report not being there
is no fault: pages say less.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from markdown.extensions.toc import slugify

from docs.generator import notation
from redlark.spec import syntax as s
from redlark.spec.profiles import PROFILES

DOCS = Path(__file__).resolve().parents[1]

# The servers on which `tests/site/test_examples.py` runs every example, by the profile that they are held to.
SERVERS = {
    "redis-6.2": "redis 6.2.14", "redis-7.0": "redis 7.0.15", "redis-8.2": "redis 8.2.3",
    "valkey-8.1": "valkey 8.1.8", "valkey-9.1": "valkey 9.1.2",
}  # fmt: skip


def executed(command: s.Command, example: s.Example, ran: int) -> str:
    """A sentence on where an example was run: `ran` are the profiles whose models did, as the site was built."""
    profiles = notation.profiles_of(ran)
    said = f"Run on the model of {len(profiles)} of {len(PROFILES)} profiles as this page was built"
    if unsent(command):
        return f"{said}; not sent to servers: {unsent(command)}."
    servers = [server for profile, server in SERVERS.items() if profile in profiles]
    if not servers:
        return f"{said}."
    return f"{said}, by tests on {' and '.join([', '.join(servers[:-1]), servers[-1]] if servers[1:] else servers)}."


def unsent(command: s.Command) -> str:
    """Why the suite keeps a command from servers; empty where it does not."""
    for fact in command.facts:
        if fact.kind == "never-sent":
            return str(getattr(fact.values[0], "value", fact.values[0])).rstrip(".")
    return ""


@cache
def findings() -> dict[str, list[tuple[str, str]]]:
    """By command: the findings about it, each a title and the anchor of its section."""
    text = (DOCS / "findings.md").read_text(encoding="utf-8")
    names = sorted(notation.told(), key=len, reverse=True)
    found: dict[str, list[tuple[str, str]]] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        asked = "\n".join(re.findall(r"^ *\d*> (.*)$", body, re.MULTILINE))
        anchor = slugify(title.replace("`", ""), "-")
        about = _mentioned(title, names) or _mentioned(asked, names)
        for name in about:
            found.setdefault(name, []).append((title.replace("`", ""), anchor))
    return found


def _mentioned(text: str, names: list[str]) -> list[str]:
    """The commands that a text names in capitals; a container counts where none of its subcommands is meant."""
    found = []
    for name in names:
        pattern = rf"(?<![\w-]){re.escape(name.replace('|', ' '))}(?![\w-])"
        text, count = re.subn(pattern, " ", text)
        if count:
            found.append(name)
    return found


@cache
def reports() -> list[tuple[Path, dict[str, Any]]]:
    """The reports of `redlark conform --json` among the results."""
    found = []
    for path in sorted((DOCS / "results").rglob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(document, dict) and isinstance(document.get("targets"), list):
            found.append((path, document))
    return found


def section(name: str) -> str:
    """Who diverges from the rules of a command, and what is known of its servers."""
    lines = [f"- [{title}](../findings.md#{anchor})" for title, anchor in findings().get(name, ())]
    rows = [row for path, report in reports() for row in _diverging(name, path, report)]
    if not lines and not rows:
        return ""
    parts = ["## Who differs", ""]
    if lines:
        parts += ["What real servers were found to do:", "", *lines, ""]
    if rows:
        parts += ["Reports of runs in which a server diverged here:", "", *rows, ""]
    return "\n".join(parts)


def _diverging(name: str, path: Path, report: dict[str, Any]) -> list[str]:
    link = f"../{path.relative_to(DOCS).as_posix()}"
    rows = []
    for target in report["targets"]:
        told = target.get("commands", {}).get(name)
        if isinstance(told, dict) and told.get("divergences"):
            rules = sorted({rule for one in told["divergences"] for rule in one.get("rules", ())})
            server = escape(str(target.get("server") or target.get("target")))
            rows.append(f"- {server}, held to {target['profile']}: {', '.join(rules)} ([report]({link}))")
    return rows
