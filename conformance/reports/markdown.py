"""The report as Markdown, for a pull request or a job's summary: a row for each target, then each divergence.

A job's summary on GitHub may have a mebibyte: what goes beyond is counted, not shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from redlark.conformance import reports
from redlark.conformance.reports import Found, Json

MOST = 900_000  # bytes
MARKS = {"conforms": "✅", "diverges": "❌", "could not run": "⚠️", "lost": "⚠️"}


def render(report: Json, most: int = MOST) -> str:
    """The whole report, in at most so many bytes (the table of the targets aside)."""
    head = "\n".join(_table(report)) + "\n"
    told, left, size = [head], 0, len(head.encode())
    for block in _blocks(report):
        size += len(block.encode())
        if left or size > most:
            left += 1
        else:
            told.append(block)
    if left:
        told.append(f"\n… and {left} more, which the JSON report tells.\n")
    return "".join(told)


def _table(report: Json) -> Iterator[str]:
    yield "## Redlark: conformance"
    yield ""
    yield "| target | held to | verdict | commands that conform | diverge | unsupported | rules reached | requests |"
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for target in report["targets"]:
        totals, verdict = target["totals"], reports.verdict(target)
        mark = MARKS.get(verdict.split(",")[0], "")
        cells = (
            cell(target["target"]), cell(target["profile"]), f"{mark} {verdict}",
            f"{totals['conform']} of {totals['commands']}", totals["diverge"], totals["unsupported"],
            f"{totals['rules_reached']} of {totals['rules']}", f"{totals['requests']:,}",
        )  # fmt: skip
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""
    yield f"Redlark {report['redlark']}, seed {report['seed']}."


def _blocks(report: Json) -> Iterator[str]:
    for target in report["targets"]:
        name = cell(target["target"])
        why = reports.could_not_run(target)
        if why:
            yield f"\n- **{name}** could not be judged to the end: {cell(why)}\n"
        for line in reports.gate(target):
            yield f"\n- **{name}**, baseline: {cell(line)}\n"
        for found in sorted(reports.divergences(target), key=lambda one: bool(one.known)):
            yield _divergence(found, report["seed"])
        for one in reports.contradictions(target):
            yield f"\n**{name}**: no order explains what several clients saw\n\n{fenced(one['picture'])}\n"
        lost = reports.lost_to_many(target)
        if lost:
            yield f"\n- **{name}**: with several clients at once the server {cell(lost)}\n"


def _divergence(found: Found, seed: int) -> str:
    divergence = found.divergence
    known = f" (known: {cell(found.known)})" if found.known else ""
    setup = f", where {cell(divergence['setup'])}" if divergence.get("setup") else ""
    told = f"{divergence['transcript']}\n\nseen     {_indented(found.seen)}"
    told += "".join(f"\nallowed  {_indented(one)}" for one in divergence["allowed"][:4])
    return (
        f"\n<details><summary>{_html(found.target)}: {_html(found.title)}{_html(setup)}{_html(known)}</summary>\n\n"
        f"{fenced(told)}\n\nAgain: {_code(reports.again(found, seed))}\n\n</details>\n"
    )


def _indented(text: str) -> str:
    return text.replace("\n", "\n         ")


def fenced(text: str) -> str:
    """The text as a block of code, whatever it holds.

    >>> fenced("a ``` b").split("\\n")[0]
    '````text'
    """
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _code(text: str) -> str:
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{' ' if len(fence) > 1 else ''}{text}{' ' if len(fence) > 1 else ''}{fence}"


def cell(text: str) -> str:
    """The text as a cell of a table, or a part of a line: nothing in it is markup.

    >>> cell("CLIENT|ID\\n*")
    'CLIENT\\\\|ID \\\\*'
    """
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
