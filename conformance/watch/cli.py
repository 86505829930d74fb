"""`redlark watch`: the proxy, from a terminal."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from redlark.conformance import duration
from redlark.conformance.cli import COULD_NOT, our_version
from redlark.conformance.errors import CannotRun
from redlark.conformance.interrupts import interrupts, undisturbed
from redlark.conformance.targets.target import parse_address
from redlark.conformance.watch import told
from redlark.conformance.watch.watching import Watch
from redlark.conformance.whole_files import writable, write

FINE, FOUND = 0, 1
LOOK = 0.5  # seconds between two looks at whether the server is still there


class _Place(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """`PORT` or `HOST:PORT`."""

    name = "[HOST:]PORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if not (port.isascii() and port.isdigit()) or int(port) > 65535:
            self.fail(f"{value!r} is not a port, or host:port", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--listen", type=_Place(), required=True, help="Where the application connects to; 0 takes a free port.")
@click.option("--upstream", required=True, metavar="URL", help="The server, redis://host:port or unix:///path.")
@click.option("--trace", type=click.Path(path_type=Path), metavar="FILE", help="Record there; the file must be new.")
@click.option("--redact", is_flag=True, help="Values in the trace and the report are hashed; keys are not.")
@click.option("--judge/--no-judge", default=True, help="Hold each exchange to the text, or only record.")
@click.option("--profile", help="Hold the server to this profile (default: recognised from INFO, and said).")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the report there.")
@click.option("--seconds", type=duration.Seconds(), help="End by itself after so long.")
@click.option("--quiet", is_flag=True, help="Only the last line.")
def watch(
    listen: tuple[str, int],
    upstream: str,
    trace: Path | None,
    redact: bool,
    judge: bool,
    profile: str | None,
    json_file: Path | None,
    seconds: float | None,
    quiet: bool,
) -> None:
    """Pass on what an application asks of a server, record it, and hold each exchange to the text.

    Nothing is altered. Ctrl-C ends it with a report. Exit status: 0 nothing diverged, 1 something did, 2 could not run,
    or the server is gone.
    """
    console = Console(highlight=False, emoji=False)
    try:
        writable((json_file,))
        with interrupts():
            watching = Watch(
                parse_address(upstream),
                listen=listen, trace=trace, redact=redact, judging=judge, profile=profile, apart=True,
            )  # fmt: skip
            with watching:
                _begin(console, watching, quiet)
                gone = _wait(watching, seconds)
    except CannotRun as problem:
        click.echo(f"redlark: {problem}", err=True)
        sys.exit(COULD_NOT)
    except KeyboardInterrupt:
        click.echo("redlark: interrupted before anything was watched", err=True)
        sys.exit(COULD_NOT)
    with undisturbed():
        (told.show_totals if quiet else told.show)(console, watching)
        code = FOUND if watching.judge is not None and watching.judge.findings else FINE
        if watching.recorder.trace is not None and watching.recorder.trace.broken:  # which the report has told
            code = COULD_NOT
        if json_file is not None:
            code = max(code, _write(json_file, watching))
    if gone:
        click.echo(f"redlark: {gone}", err=True)
        code = COULD_NOT
    sys.exit(code)


def _begin(console: Console, watching: Watch, quiet: bool) -> None:
    choice = watching.choice
    if not quiet:
        what = f"held to {choice.profile} ({choice.why})" if watching.judging else "recorded, not judged"
        held = (
            "" if watching.excuses.empty or not watching.judging else "; it holds keys, of which nothing is known yet"
        )
        console.print(Text(f"{watching.address.text} is {what}{held}"), soft_wrap=True)
    console.print(Text(f"watching on {watching.url}; Ctrl-C ends with the report"), soft_wrap=True)


def _wait(watching: Watch, seconds: float | None) -> str:
    """Wait to be interrupted, or so long; then what is wrong, if anything: we, or the server, are gone."""
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    with contextlib.suppress(KeyboardInterrupt):
        while time.monotonic() < end:
            time.sleep(min(LOOK, max(0.0, end - time.monotonic())))
            if not watching.alive:
                return "passing on has ended by itself: a fault of Redlark"
    try:
        watching.address.open(1.0).close()
    except CannotRun as problem:
        return f"the server is gone: {problem}"
    return ""


def _write(path: Path, watching: Watch) -> int:
    try:
        write(path, json.dumps(told.as_json(watching, our_version()), indent=2) + "\n")
    except CannotRun as problem:
        click.echo(f"redlark: {problem}", err=True)
        return COULD_NOT
    return FINE
