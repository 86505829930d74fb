"""The command line: `redlark conform`, `redlark servers`. Users see one line for what went wrong, never a traceback."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import TypeVar

import click
from attrs import evolve
from rich.console import Console

from redlark.conformance import display, duration, report, report_cli
from redlark.conformance.command_line import commands_of, groups_of
from redlark.conformance.command_line import main as main
from redlark.conformance.command_line import our_version as our_version
from redlark.conformance.errors import CannotRun
from redlark.conformance.interrupts import interrupts, undisturbed
from redlark.conformance.judging.attempt import DEBUG
from redlark.conformance.meeting import campaign_on
from redlark.conformance.memory.recall import Memory
from redlark.conformance.memory.state_file import seed_of
from redlark.conformance.options import Options
from redlark.conformance.spread import workers
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.target import without_password
from redlark.conformance.whole_files import writable, write

Result = TypeVar("Result")
CONFORMED, DIVERGED, COULD_NOT = 0, 1, 2
QUICK, USUAL = 10.0, 60.0  # seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--profile", help="Hold the servers to this profile (default: recognised from INFO, and said).")
@click.option("--protocol", type=click.Choice(["2", "3", "both"]), default="both", show_default=True)
@click.option("--commands", help="Only these commands, separated by commas; a container means its subcommands.")
@click.option("--groups", help="Only these groups of commands, separated by commas.")
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same run (default: a new one, and said).")
@click.option(
    "--budget",
    callback=duration.option,
    metavar="TIME",
    help="90, 10m, 8h. Default: 60; with --exhaustive or --concurrent, what it takes.",
)
@click.option("--quick", is_flag=True, help=f"A budget of {QUICK:g} seconds.")
@click.option("--requests", type=click.IntRange(1), help="End after this many requests, if the budget lasts.")
@click.option("--workers", "processes", type=click.IntRange(1), metavar="N", help="Search with N processes.")
@click.option("--engine", metavar="URL", help="Let a cluster do the search: dask://host:port.")
@click.option("--concurrent", type=click.IntRange(1), metavar="N", help="Only so many histories of clients at once.")
@click.option("--exhaustive", is_flag=True, help="Only every sequence of a few requests, group by group.")
@click.option("--length", type=click.IntRange(1, 4), default=3, show_default=True, help="Of those sequences.")
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="FILE", help="Keep how far the run is; a killed one goes on."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write the report there.")
@report_cli.options
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Reviewed divergences (TOML): others fail, and reviewed ones that pass or are out of date.",
)
@click.option(
    "--write-baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put a draft of each divergence that is not known behind the reviewed ones in FILE.",
)
@click.option(
    "--saved",
    type=click.Path(path_type=Path),
    default=Path(".redlark"),
    envvar="REDLARK_SAVED",
    show_default=True,
    metavar="DIR",
    help="Where failing examples are kept; they are run first the next time.",
)
@click.option("--no-saved", is_flag=True, help="Keep none, and run none.")
@click.option("--strict/--loose", default=True, help="Loose: errors count by their first word only.")
@click.option("--destructive", is_flag=True, help="Use servers that hold data; it will be deleted.")
@click.option("--timeout", type=duration.Seconds(), default=5.0, show_default=True, metavar="SECONDS")
@click.option("--quiet", is_flag=True, help="Only the verdict of each target, and what diverges.")
def conform(
    targets: tuple[str, ...],
    profile: str | None,
    protocol: str,
    commands: str | None,
    groups: str | None,
    seed: int | None,
    budget: float | None,
    quick: bool,
    requests: int | None,
    processes: int | None,
    engine: str | None,
    concurrent: int | None,
    exhaustive: bool,
    length: int,
    state: Path | None,
    json_file: Path | None,
    html: Path | None,
    junit: Path | None,
    markdown: Path | None,
    badge: Path | None,
    annotations: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    saved: Path,
    no_saved: bool,
    strict: bool,
    destructive: bool,
    timeout: float,
    quiet: bool,
) -> None:
    """Hold servers to the specification and say where they differ.

    A TARGET is an address (redis://[user:password@]host:port/db, rediss://..., unix:///path) or the name of a server of
    this machine (redis:8.2, valkey:9.1; `redlark servers` lists them), which is started for the run. Without one,
    Redlark's own server is started. Exit status: 0 conforms, 1 diverges, 2 could not run.
    """
    if quick and budget is not None:
        raise click.UsageError("--quick is a budget: give one of --quick and --budget")
    if exhaustive and concurrent:
        raise click.UsageError("--exhaustive and --concurrent each mean nothing else: give one of them")
    files = {"html": html, "junit": junit, "markdown": markdown, "badge": badge}
    options = Options(
        profile=profile,
        protocols={"2": (2,), "3": (3,), "both": (2, 3)}[protocol],
        commands=commands_of(commands),
        groups=groups_of(groups),
        seed=_or_end(lambda: _seed(seed, None if exhaustive else state)),
        budget=budget or (QUICK if quick else report.ENDLESS if exhaustive or concurrent else USUAL),
        requests=requests,
        concurrent=concurrent,
        exhaustive=length if exhaustive else None,
        state=state,
        loose=not strict,
        destructive=destructive,
        timeout=timeout,
        workers=processes or (0 if engine else 1),
        engine=engine,
    )
    _or_end(lambda: writable((json_file, write_baseline, *files.values())))
    _or_end(lambda: writable((state,), "the state of the run"))
    memory = _or_end(lambda: Memory.of(baseline, None if no_saved else saved))
    console = Console(highlight=False, emoji=False)
    reports: list[report.TargetReport] = []
    code, began = CONFORMED, time.time()
    with interrupts() as came:
        for target in targets or (machine.EMBEDDED,):
            code = max(code, _conform_one(target, options, display.Live(console, quiet, came), reports, memory))
            if came:
                break
    with undisturbed():
        if annotations or any((json_file, write_baseline, *files.values())):  # it takes reading the whole text
            told = report.as_json(our_version(), options.seed, reports, options, began)
            if json_file is not None:
                _or_end(lambda: write(json_file, json.dumps(told, indent=2) + "\n"))
            _or_end(lambda: report_cli.deliver(told, files, annotate=annotations))
            if write_baseline is not None:
                drafted = _or_end(lambda: report_cli.draft(told, write_baseline))
                click.echo(f"{write_baseline}: {drafted} drafted; each needs a reason before --baseline takes it")
    sys.exit(code)


def _seed(given: int | None, state: Path | None) -> int:
    """The seed as it was given, that of a run which is gone on with, or a new one. Raises `CannotRun`."""
    kept = seed_of(state) if given is None and state is not None else given
    return kept if kept is not None else SystemRandom().randrange(1_000_000)


def _or_end(action: Callable[[], Result]) -> Result:
    """Do it, or end with one line and the status of what could not be run."""
    try:
        return action()
    except CannotRun as problem:
        click.echo(f"redlark: {problem}", err=True)
        sys.exit(COULD_NOT)


def _conform_one(
    name: str, options: Options, live: display.Live, reports: list[report.TargetReport], memory: Memory
) -> int:
    try:
        if workers.spreads(name, options):
            found = workers.run(name, options, live, memory)
        else:
            recovered = memory.recover(name, options)
            with campaign_on(name, evolve(options, workers=1), live) as campaign:
                remembered = memory.attach(campaign)
                campaign.notes += recovered + workers.why_alone(options)
                live.begin(campaign)
                with live:
                    found = campaign.run()
                remembered.conclude(found)
    except CannotRun as problem:
        click.echo(f"redlark: {problem}", err=True)
        reports.append(report.not_judged(without_password(name), options, str(problem)))
        return COULD_NOT
    except KeyboardInterrupt:
        click.echo("redlark: interrupted before anything was run", err=True)
        reports.append(report.not_judged(without_password(name), options, "interrupted before anything was run"))
        return COULD_NOT
    except Exception as problem:  # status 1 would say that the server diverges
        if DEBUG:
            raise
        click.echo(f"redlark: a fault of Redlark: {problem!r}; REDLARK_DEBUG=1 shows where", err=True)
        return COULD_NOT
    reports.append(found)
    if live.quiet or options.concurrent or options.exhaustive:
        display.show_totals(live.console, found)
    else:
        display.show_report(live.console, found)
    if found.ended == "lost":
        return COULD_NOT
    return CONFORMED if found.passes else DIVERGED


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def servers(as_json: bool) -> None:
    """List the servers of this machine that `redlark conform` can start."""
    found = machine.find_servers()
    if as_json:
        rows = [
            {"name": s.name, "product": s.product, "version": s.version, "path": s.path, "from": s.source}
            for s in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    if not found:
        click.echo("no server was found: none of the packages that carry one is installed, and none is on PATH")
        return
    display.show_servers(Console(highlight=False, emoji=False), found)
