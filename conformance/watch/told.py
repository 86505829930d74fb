"""What a watch found, for people (tables) and for programs (JSON, described by schema/watch.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from redlark.conformance.watch.observed import Finding
from redlark.conformance.watch.secrets import without_secrets
from redlark.conformance.watch.watching import Watch
from redlark.reference.transcript import command_line

_SHOWN = 100  # characters of a request in a table


def as_json(watch: Watch, version: str) -> dict[str, Any]:
    """The report, once watching has ended."""
    judge, recorder = watch.judge, watch.recorder
    return {
        "redlark": version,
        "upstream": watch.address.text,
        "server": watch.choice.server,
        "profile": watch.choice.profile,
        "profile_chosen": watch.choice.why,
        "began_empty": watch.excuses.empty,
        "seconds": round(watch.seconds, 3),
        "connections": recorder.connections,
        "requests": recorder.requests,
        "judging": judge is not None,
        "judged": sum(judge.judged.values()) if judge else 0,
        "not_judged": dict(judge.unjudged.most_common()) if judge else {},
        "commands": _commands(watch),
        "rules": dict(sorted(watch.rules().items())),
        "findings": [_finding(one, watch.redact) for one in judge.findings] if judge else [],
        "notes": notes(watch),
        "trace": str(watch.path) if watch.path else None,
    }


def notes(watch: Watch) -> list[str]:
    """Lines that a reader should see."""
    found = [f"{text}: {count:,}" for text, count in watch.recorder.notes.items()]
    if watch.failed:
        found.append(watch.failed)
    if watch.recorder.trace is not None and watch.recorder.trace.broken:
        found.append(watch.recorder.trace.broken)
    return found


def _commands(watch: Watch) -> dict[str, dict[str, int]]:
    judge = watch.judge
    if judge is None:
        return {
            name.decode("latin-1").upper(): {"requests": count, "judged": 0, "not_judged": 0, "divergences": 0}
            for name, count in sorted(watch.recorder.asked.items())
        }
    diverged: dict[str, int] = {}
    for (command, _, _), count in judge.repeated.items():
        diverged[command] = diverged.get(command, 0) + count
    names = sorted({*judge.judged, *judge.unjudged_of, *diverged})
    return {
        name: {
            "requests": judge.judged[name] + judge.unjudged_of[name] + diverged.get(name, 0),
            "judged": judge.judged[name] + diverged.get(name, 0),
            "not_judged": judge.unjudged_of[name],
            "divergences": diverged.get(name, 0),
        }
        for name in names
    }


def _finding(one: Finding, redact: bool) -> dict[str, Any]:
    return {
        "command": one.command,
        "rules": list(one.rules),
        "request": asked(one.words, redact),
        "seen": None if redact else one.seen,
        "allowed": [] if redact else list(one.allowed),
        "connection": one.connection,
        "at": one.at,
        "before": []
        if redact
        else [
            {"connection": connection, "request": asked(words, redact), "reply": reply}
            for connection, words, reply in one.before
        ],
    }


def asked(words: Iterable[bytes], redact: bool = False) -> str:
    """A request as redis-cli would take it, without its secrets; redacted, its command alone."""
    plain = without_secrets(tuple(words))
    return command_line(plain[:1]) + " ..." if redact and plain else command_line(plain)


def show(console: Console, watch: Watch) -> None:
    """The tables, each divergence, and the totals."""
    table = Table(box=None, pad_edge=False, title="commands", title_justify="left", title_style="bold")
    for name in ("command", "requests", "judged", "not judged", "divergences"):
        table.add_column(name, justify="left" if name == "command" else "right")
    for name, row in _commands(watch).items():
        style = "bold red" if row["divergences"] else ""
        numbers = (row["requests"], row["judged"], row["not_judged"], row["divergences"])
        table.add_row(Text(name, style=style), *(Text(f"{number:,}", style=style) for number in numbers))
    if table.row_count:
        console.print(table)
    judge = watch.judge
    if judge is not None and judge.unjudged:
        console.print(Text("not judged, and why", style="bold"))
        for reason, count in judge.unjudged.most_common():
            console.print(Text(f"  {count:>8,}  {reason}"), soft_wrap=True)
    for one in judge.findings if judge is not None else ():
        console.print(block(one, watch.redact), soft_wrap=True)
    show_totals(console, watch)


def show_totals(console: Console, watch: Watch) -> None:
    """A line or two of what was seen."""
    judge, recorder = watch.judge, watch.recorder
    said = f"{recorder.requests:,} requests on {recorder.connections:,} connections in {watch.seconds:.1f} s"
    if judge is not None:
        used = watch.rules()
        found = sum(judge.repeated.values())
        verdict = f"[bold red]{found:,} diverge[/]" if found else "[bold green]none diverges[/]"
        said += f"; {sum(judge.judged.values()):,} judged, {verdict}, {sum(judge.unjudged.values()):,} not judged"
        said += f"; {len(used):,} rules of {watch.choice.profile} used"
    console.print(f"[bold]{escape(watch.address.text)}[/] {said}", highlight=False, soft_wrap=True)
    for note in notes(watch):
        console.print(Text(note, style="yellow"), soft_wrap=True)


def block(one: Finding, redact: bool = False) -> Text:
    """One divergence as text."""
    found = Text.assemble((f"{one.command} diverges", "bold red"))
    found.append(f"  {', '.join(one.rules[:4])}" if one.rules else "")
    if redact:
        return found.append(f"\n    {one.connection}> {asked(one.words, redact)}")
    for connection, words, reply in one.before:
        found.append(f"\n    {connection}> {_short(asked(words))}\n    {_short(reply)}", style="dim")
    found.append(f"\n    {one.connection}> {_short(asked(one.words))}" if one.words else f"\n    {one.connection}<")
    found.append(f"\n  seen     {_short(one.seen)}")
    for number, allowed in enumerate(one.allowed[:4]):
        found.append(f"\n  {'or      ' if number else 'allowed '} {_short(allowed)}")
    return found


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + f"... ({len(line)} characters)"


def schema() -> dict[str, Any]:
    """The JSON schema of the report."""
    text = files("redlark.conformance").joinpath("schema/watch.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded
