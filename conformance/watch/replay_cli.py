"""`redlark replay`: a trace, run on another server, from a terminal."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from redlark.conformance import duration
from redlark.conformance.cli import COULD_NOT, our_version
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.interrupts import interrupts, undisturbed
from redlark.conformance.judging.attempt import command_of
from redlark.conformance.targets import profiles
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.target import Target, at, leave_empty, meet, parse_address, prepare
from redlark.conformance.watch import replay as replaying
from redlark.conformance.watch.differing import BREAKING, KINDS, VERSION, Difference, differences
from redlark.conformance.watch.replay import Replay
from redlark.conformance.watch.told import asked
from redlark.conformance.watch.trace import Recording, read
from redlark.conformance.watch.wire import Words
from redlark.conformance.whole_files import writable, write

NOTHING_BREAKS, BREAKS = 0, 1
_SHOWN = 160


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="TARGET", help="An address, or the name of a server of this machine.")
@click.option("--profile", help="Hold the target to this profile (default: recognised from INFO, and said).")
@click.option("--destructive", is_flag=True, help="Use a target that holds data; it will be deleted.")
@click.option("--as-it-is", is_flag=True, help="Leave what the target holds: it has been given the application's data.")
@click.option("--pace", is_flag=True, help="Keep the pauses that were recorded (default: do not wait).")
@click.option("--timeout", type=duration.Seconds(), default=5.0, show_default=True, metavar="SECONDS")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the report there.")
@click.option("--quiet", is_flag=True, help="Only the last line.")
def replay(
    trace: Path,
    target: str,
    profile: str | None,
    destructive: bool,
    as_it_is: bool,
    pace: bool,
    timeout: float,
    json_file: Path | None,
    quiet: bool,
) -> None:
    """Run what `redlark watch` has recorded on another server, and say what would break there.

    TARGET is an address (redis://host:port) or a name (redis:8.2, valkey:9.1, embedded), which is started. Exit status:
    0 nothing breaks, 1 something does, 2 could not run.
    """
    console = Console(highlight=False, emoji=False)
    try:
        writable((json_file,))
        with interrupts():
            recording = read(trace)
            with _target(target, recording, destructive, as_it_is) as met:
                choice = profiles.choose(met.info, profile)
                model = profiles.model_of(choice.profile, met)
                run = replaying.of(recording, met, model, timeout=timeout, pace=pace)
                if not quiet:
                    header = recording.header
                    console.print(Text(f"{trace}: {header['server']}, held to {header['profile']}"), soft_wrap=True)
                    console.print(Text(f"{target} is held to {choice.profile} ({choice.why})"), soft_wrap=True)
                with _progress(console, run, quiet):
                    run.run()
    except (CannotRun, Lost) as problem:
        click.echo(f"redlark: {problem}", err=True)
        sys.exit(COULD_NOT)
    except KeyboardInterrupt:
        click.echo("redlark: interrupted", err=True)
        sys.exit(COULD_NOT)
    with undisturbed():
        found = of(run)
        report = as_json(run, found, target, choice.profile, choice.server)
        if not quiet:
            _show(console, found, bool(recording.header.get("redacted")))
        _totals(console, target, report)
        code = BREAKS if any(one.breaks for one in found) else NOTHING_BREAKS
        if json_file is not None:
            try:
                write(json_file, json.dumps(report, indent=2) + "\n")
            except CannotRun as problem:
                click.echo(f"redlark: {problem}", err=True)
                code = COULD_NOT
    sys.exit(code)


@contextlib.contextmanager
def _progress(console: Console, run: Replay, quiet: bool) -> Iterator[None]:
    """How far it is, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("sent", total=None)

        def told(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        run.progress = told
        yield


@contextlib.contextmanager
def _target(name: str, recording: Recording, destructive: bool, as_it_is: bool) -> Iterator[Target]:
    """The target, met; one that is named is started, and stopped at the end."""
    if not machine.is_server_name(name):
        address = parse_address(name)
        if address.tls:
            raise CannotRun(f"{address.text}: replay speaks to plain connections; put it behind what ends TLS")
        if as_it_is:
            yield meet(address)
            return
        met = prepare(address, destructive=destructive)
        yield met
        leave_empty(met)
        return
    server = None if name == machine.EMBEDDED else machine.pick(name, machine.find_servers())
    with machine.running(server, {"databases": str(recording.header.get("databases", 16))}) as running:
        yield prepare(at(parse_address(running.url), running.host, running.port, name), destructive=True)


def of(run: Replay) -> list[Difference]:
    """The differences that a replay has found."""
    commands = {**run.model.commands, **run.model.lacking}

    def name(words: Words) -> str:
        return command_of(words, commands)

    left_out = [one for one in run.recorded if one.skipped]
    return differences([*run.replayed, *left_out], name)


def as_json(run: Replay, found: list[Difference], target: str, profile: str, server: str) -> dict[str, Any]:
    """The report, described by schema/replay.schema.json."""
    redacted = bool(run.recording.header.get("redacted"))
    counts = Counter[str]()
    for one in found:
        counts[one.kind] += one.count
    return {
        "redlark": our_version(),
        "trace": {key: value for key, value in run.recording.header.items() if key != "redlark-trace"},
        "cut": run.recording.cut,
        "target": target,
        "server": server,
        "profile": profile,
        "requests": len(run.replayed),
        "same": sum(1 for one in run.replayed if not one.kind),
        "breaks": any(one.breaks for one in found),
        "counts": {kind: counts[kind] for kind in KINDS},
        "differences": [_difference(one, redacted) for one in found],
        "notes": _notes(run),
    }


def _notes(run: Replay) -> list[str]:
    found = [text if count == 1 else f"{text} ({count:,} times)" for text, count in run.notes.items()]
    if run.recording.cut:
        found.append("the last line of the trace is cut, and left out")
    if not run.recording.header.get("empty", True):
        found.append("the server held keys before it was recorded, which this target lacks unless it was given them")
    return found


def _difference(one: Difference, redacted: bool) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "breaks": one.breaks,
        "command": one.command,
        "count": one.count,
        "rules": list(one.rules),
        "request": asked(one.words, redacted),
        "recorded": one.recorded,
        "seen": one.seen,
        "allowed": list(one.allowed[:8]),
        "reason": one.reason,
        "connection": one.connection,
        "number": one.number,
    }


def _show(console: Console, found: list[Difference], redacted: bool) -> None:
    for one in found:
        if one.breaks or one.kind == VERSION:
            console.print(_block(one, redacted), soft_wrap=True)
    rest = [one for one in found if not (one.breaks or one.kind == VERSION)]
    if not rest:
        return
    table = Table(box=None, pad_edge=False, title="other differences", title_justify="left", title_style="bold")
    for column in ("command", "what", "times"):
        table.add_column(column, justify="right" if column == "times" else "left")
    for one in rest:
        what = one.kind + (f": {one.reason}" if one.reason else "")
        table.add_row(Text(one.command), Text(what), f"{one.count:,}")
    console.print(table)


def _block(one: Difference, redacted: bool) -> Text:
    style = "bold red" if one.breaks else "yellow"
    times = f", {one.count:,} times" if one.count > 1 else ""
    block = Text.assemble((f"{one.command}: {one.kind}{times}", style))
    block.append(f"  {', '.join(one.rules[:4])}" if one.rules else "")
    block.append(f"\n    {one.connection}> {_short(asked(one.words, redacted))}")
    block.append(f"\n  recorded {_short(one.recorded)}")
    block.append(f"\n  seen     {_short(one.seen)}")
    for number, allowed in enumerate(one.allowed[:3] if one.kind == "not allowed by the text" else ()):
        block.append(f"\n  {'or      ' if number else 'allowed '} {_short(allowed)}")
    return block


def _totals(console: Console, target: str, report: dict[str, Any]) -> None:
    breaking = sum(report["counts"][kind] for kind in BREAKING)
    verdict = f"[bold red]{breaking:,} break[/]" if breaking else "[bold green]nothing breaks[/]"
    said = f"{report['requests']:,} requests: {verdict}, {report['same']:,} answered as recorded"
    others = [f"{report['counts'][kind]:,} {kind}" for kind in KINDS[len(BREAKING) :] if report["counts"][kind]]
    said += f"; {', '.join(others)}" if others else ""
    console.print(f"[bold]{escape(target)}[/] {said}", highlight=False, soft_wrap=True)
    for note in report["notes"]:
        console.print(Text(note, style="yellow"), soft_wrap=True)


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _SHOWN else line[:_SHOWN] + f"... ({len(line)} characters)"


def schema() -> dict[str, Any]:
    """The JSON schema of the report."""
    text = files("redlark.conformance").joinpath("schema/replay.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded
