"""`redlark vectors`: fill a folder with the test vectors of a profile, or run them against a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from redlark.conformance import duration
from redlark.conformance.command_line import Plain, commands_of, groups_of
from redlark.conformance.errors import CannotRun
from redlark.conformance.interrupts import interrupts, undisturbed
from redlark.conformance.options import Options
from redlark.conformance.vectors import files
from redlark.conformance.vectors.fill import Filling
from redlark.conformance.vectors.runner import Failure
from redlark.conformance.vectors.session import Session
from redlark.conformance.whole_files import writable, write
from redlark.reference import Model
from redlark.spec.profiles import PROFILES

PASSED, FAILED, COULD_NOT = 0, 1, 2


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"]})
def vectors() -> None:
    """Test vectors: cases of the text as JSON, for a consumer in any language."""


@vectors.command()
@click.option("--profile", type=click.Choice(list(PROFILES)), default="redis-8.2", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Equal seeds give equal files.")
@click.option("--commands", help="Only these commands, separated by commas; a container means its subcommands.")
@click.option("--groups", help="Only these groups of commands, separated by commas.")
@click.option("--quiet", is_flag=True, help="Only the last line.")
def fill(profile: str, out: Path, seed: int, commands: str | None, groups: str | None, quiet: bool) -> None:
    """Write the vectors of a profile into DIR, and which rules they show; the rest with the reason."""
    console = Console(highlight=False, emoji=False)
    options = Options(profile=profile, seed=seed, commands=commands_of(commands), groups=groups_of(groups))
    held = out.exists() and any(out.iterdir())
    if held and not (out / files.INDEX).exists():
        raise CannotRun(f"{out}: holds other files, which would be lost among the vectors")
    files.made(out)
    filling = Filling(Model.load(profile), seed, options, _teller(console, quiet))
    filling.run()
    index = files.write(out, filling)
    shown, count = len(filling.shown), sum(index["files"].values())
    console.print(
        f"{escape(str(out))}: {count} cases of {escape(profile)}, which show {shown} of {len(filling.rules)} rules"
    )


def _teller(console: Console, quiet: bool) -> Any:
    return lambda text: None if quiet else console.print(f"[dim]looking for cases:[/] {escape(text)}")


@vectors.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("target")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write what was run there.")
@click.option("--destructive", is_flag=True, help="Use a server that holds data; it will be deleted.")
@click.option("--timeout", type=duration.Seconds(), default=5.0, show_default=True, metavar="SECONDS")
@click.option("--quiet", is_flag=True, help="Only the last line.")
def run(folder: Path, target: str, json_file: Path | None, destructive: bool, timeout: float, quiet: bool) -> None:
    """Run the vectors in DIR against TARGET: an address or the name of a server of this machine.

    Exit status: 0 every case that could be run passes, 1 some fail, 2 could not run.
    """
    console = Console(highlight=False, emoji=False)
    writable((json_file,))
    index, cases = files.read(folder)
    session = Session(target, index, cases, destructive, timeout)
    with interrupts(), _progress(console, session, quiet):
        session.run()
    with undisturbed():
        for failure in () if quiet else session.failures:
            _show(console, failure)
        for reason, names in session.skipped.items() if not quiet else ():
            console.print(f"[yellow]skipped[/] {len(names)}: {escape(reason)}")
        if json_file is not None:
            write(json_file, json.dumps(session.as_json(), indent=1) + "\n")
    left_out = sum(map(len, session.skipped.values()))
    style = "red" if session.failures else "green"
    said = f"{session.passed} passed, {len(session.failures)} failed, {left_out} skipped"
    console.print(f"{escape(target)}: [{style}]{said}[/] (vectors of {index['profile']})")
    sys.exit(FAILED if session.failures else PASSED if session.passed else COULD_NOT)


def _progress(console: Console, session: Session, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.completed}/{task.total}"))
    progress = Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet or not console.is_terminal
    )
    task = progress.add_task("cases", total=session.total)
    session.tick = lambda one: progress.update(task, completed=one.done)
    return progress


def _show(console: Console, failure: Failure) -> None:
    console.print(f"[bold red]fails[/] [bold]{escape(failure.name)}[/] (RESP{failure.protocol})")
    for line in failure.transcript:
        console.print(f"    {escape(line)}", soft_wrap=True)
    console.print(f"  [green]allowed:[/] {escape(failure.allowed)}", soft_wrap=True)
    console.print(f"  [red]seen:[/]    {escape(failure.seen)}", soft_wrap=True)
