"""The report as one page: an HTML file that holds all it needs and asks the network for nothing.

What must live here: what the page says before its script runs (who was judged, with what verdict), and how data, style
and script get into one file. Which cell says what is `matrix.py`'s, the rest of the page `page/`'s. The script builds
its rows from the data as they come into view, so four hundred commands by eight targets open at once.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from redlark.conformance.reports import Json, matrix
from redlark.spec.sources import Sources, sources

# What a command's verdict is called, its class in the style, and its sign (so that no colour has to be seen).
VERDICTS = (
    ("diverges", "diverges", "✕"),
    ("conforms", "conforms", "✓"),
    ("unsupported", "unsupported", "⊘"),
    ("not run", "not-run", "○"),
    ("unspecified", "unspecified", "?"),
)
HELP = (
    (("↑", "↓", "←", "→"), "from cell to cell; ← and → on a name fold and unfold it"),
    (("Enter",), "open what a cell stands for"),
    (("Esc",), "close it, or clear the search"),
    (("n", "p"), "next, previous divergence"),
    (("/",), "search"),
    (("x",), "unfold or fold everything that is shown"),
    (("d",), "only where targets differ"),
    (("c",), "copy the transcript, or the command that runs it again"),
    (("t",), "theme: as the system has it, light, dark"),
    (("Home", "End"), "first, last target of a row; with Ctrl first, last row"),
    (("?",), "this list"),
)
PARTS = ("state", "rows", "detail", "keys")
MARK = (
    '<path fill="currentColor" d="M3 21c6 1 9-2 11-6 2-5 6-8 11-7l4 2-4 1c0 8-5 14-13 15-4 .5-7-1-9-5z"/>'
    '<path fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" d="M13 26l-1 4M17 25l0 4"/>'
)


@cache
def _environment() -> Environment:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["thousands"] = lambda number: f"{number:,}"
    return environment


def _asset(name: str) -> str:
    return files("redlark.conformance.reports").joinpath(f"page/{name}").read_text(encoding="utf-8")


def _script() -> str:
    """The parts of the script, one behind another in a scope of their own."""
    return '(() => {\n"use strict";\n' + "\n".join(_asset(f"{part}.js") for part in PARTS) + "})();\n"


def render(report: Json, text: Sources | None = None) -> str:
    """The page of a report, as `redlark conform --json` writes it; blocks and rules are looked up in `text`."""
    text = text or sources()
    data = matrix.of(report, text)
    icon = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" color="#b5402a">{MARK}</svg>'
    return (
        _environment()
        .from_string(_asset("report.html.j2"))
        .render(
            title=_title(data),
            version=report["redlark"],
            icon=Markup(quote(icon)),
            mark=Markup(MARK),
            css=Markup(_asset("report.css")),
            js=Markup(_script()),
            data=Markup(_embedded(data)),
            lede=_lede(data),
            facts=_facts(report, text),
            text_note=_text_note(report, text),
            targets=[_shown(one) for one in data["targets"]],
            groups=list(matrix.groups(data)),
            verdicts=VERDICTS,
            help=HELP,
        )
    )


def _embedded(data: Json) -> str:
    """JSON that may stand in a script element: nothing in it ends the element."""
    told = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return told.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _title(data: Json) -> str:
    names = [one["name"] for one in data["targets"]]
    return f"{', '.join(names[:4])}{' …' if len(names) > 4 else ''}: Redlark conformance report"


def _count(number: int, what: str, many: str = "") -> str:
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def _lede(data: Json) -> str:
    """What one should know after one sentence."""
    targets = data["targets"]
    good = sum(one["verdict"].startswith("conforms") for one in targets)
    commands = len({found["command"] for found in data["findings"]})
    found = sum(one["divergences"] for one in targets)
    requests = sum(one["totals"]["requests"] for one in targets)
    first = (
        (f"{targets[0]['name']}: {targets[0]['verdict']}." if targets else "No target was judged.")
        if len(targets) < 2
        else f"{good} of {len(targets)} targets conform."
        if good < len(targets)
        else f"All {len(targets)} targets conform."
    )
    second = f"{_count(found, 'divergence')} in {_count(commands, 'command')}" if found else "No divergence"
    return f"{first} {second}, {_count(requests, 'request')}."


def _facts(report: Json, text: Sources) -> list[str]:
    """What was run, and when."""
    found = []
    if "began" in report:
        began = datetime.fromisoformat(report["began"])
        found.append(f"{began.day} {began:%B %Y, %H:%M} UTC")
    asked = report.get("options") or {}
    if asked.get("budget"):
        found.append(f"{_seconds(asked['budget'])} a target")
    if asked.get("requests"):
        found.append(f"{_count(asked['requests'], 'request')} a target at most")
    for what in ("commands", "groups"):
        if asked.get(what):
            found.append(f"{what}: {', '.join(asked[what])}")
    found.append(f"seed {report['seed']}")
    digest = (report.get("text") or {}).get("digest", text.digest)
    found.append(f"Redlark {report['redlark']}, text {digest[:8]}")
    return found


def _text_note(report: Json, text: Sources) -> str:
    digest = (report.get("text") or {}).get("digest", text.digest)
    if digest == text.digest:
        return ""
    return (
        f"The run was held to another text ({digest[:8]}) than the one whose lines are shown ({text.digest[:8]}): "
        "they may differ."
    )


def _seconds(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _shown(one: Json) -> dict[str, Any]:
    """A target's line in the summary."""
    totals = one["totals"]
    every = totals["commands"] or 1
    counted = [("conforms", "conform"), ("diverges", "diverge"), ("unsupported", "unsupported"), ("not-run", "not_run")]
    kind = one["verdict"].split(",")[0].replace(" ", "-")
    reach = [(protocol, round(100 * count / (totals["rules"] or 1), 1), count) for protocol, count in one["in"].items()]
    at_once = one["at_once"] or {"pictures": [], "lost": ""}
    remarks = [*one["notes"], *one["complaints"]]
    if at_once["pictures"]:
        remarks.append("What several clients saw at once, and no order explains:")
    if at_once["lost"]:
        remarks.append(f"With several clients at once the server {at_once['lost']}.")
    if one["ended"] in ("interrupted", "lost"):
        remarks.insert(0, f"The run was {one['ended']}; this is what was known by then.")
    return {
        **one,
        "kind": kind,
        "shares": [(kind, round(100 * totals.get(key, 0) / every, 2)) for kind, key in counted if totals.get(key)],
        "reach": reach,
        "time": _seconds(totals["seconds"]),
        "remarks": remarks,
        "pictures": at_once["pictures"],
    }
