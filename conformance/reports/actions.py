"""The report as annotations of GitHub Actions: lines that a workflow's log turns into marks on a run and its files.

What a line says is escaped as the runner takes it apart: `%` and ends of lines everywhere, `:` and `,` in properties.
"""

from __future__ import annotations

from collections.abc import Iterator

from redlark.conformance import reports
from redlark.conformance.reports import Json

LONGEST = 2000  # characters of a message: a log is read by people


def render(report: Json) -> Iterator[str]:
    """An error for each divergence and each complaint of a baseline, a notice for what is known, a line each."""
    for target in report["targets"]:
        name = target["target"]
        why = reports.could_not_run(target)
        if why:
            yield line("error", why, title=f"{name}: no verdict")
        for found in reports.divergences(target):
            told = f"{found.divergence['transcript']}\nseen: {found.seen}"
            told += "".join(f"\nallowed: {one}" for one in found.divergence["allowed"][:4])
            if found.known:
                yield line("notice", f"known: {found.known}\n{told}", title=f"{name}: {found.title}")
            else:
                yield line("error", told, title=f"{name}: {found.title}")
        for one in reports.contradictions(target):
            yield line("error", one["picture"], title=f"{name}: no order explains what several clients saw")
        lost = reports.lost_to_many(target)
        if lost:
            yield line("error", f"with several clients at once the server {lost}", title=f"{name}: lost")
        held = target.get("gate") or {}
        for complaint in held.get("complaints", ()):
            place = {"file": held["baseline"], "line": complaint.get("at") or None}
            yield line("error", complaint["line"], title=f"{name}: baseline", **place)


def line(level: str, message: str, *, title: str, file: str | None = None, **more: object) -> str:
    """One annotation.

    >>> line("error", "50%\\nof it", title="a: b, c", file="known.toml", line=3)
    '::error file=known.toml,line=3,title=a%3A b%2C c::50%25%0Aof it'
    """
    short = message if len(message) <= LONGEST else message[:LONGEST] + "…"
    given = {"file": file, **more, "title": title}
    said = ",".join(f"{name}={_property(str(value))}" for name, value in given.items() if value is not None)
    return f"::{level} {said}::{_data(short)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
