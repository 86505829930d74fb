"""`redlark report ...`: the forms of a report that was written by `redlark conform --json`, and those of a run.

What must live here: options and files. What a form looks like is its module's in `reports/`.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from redlark.conformance import reports
from redlark.conformance.command_line import Plain
from redlark.conformance.memory import baseline
from redlark.conformance.reports import actions, badge, difference, html, junit, markdown
from redlark.conformance.whole_files import write

Command = TypeVar("Command", bound=Callable[..., Any])
SAME, WORSE = 0, 1
FILE = click.Path(path_type=Path)


def _badge(path: Path | None, report: reports.Json) -> str:
    one = badge.of(report)
    return badge.endpoint(one) if path is not None and path.suffix == ".json" else badge.svg(one)


# Each form by the name of its option and subcommand; what it makes may hang on the file that it is for.
FORMS: dict[str, Callable[[Path | None, reports.Json], str]] = {
    "html": lambda path, report: html.render(report),
    "junit": lambda path, report: junit.render(report),
    "markdown": lambda path, report: markdown.render(report),
    "badge": _badge,
}


def options(command: Command) -> Command:
    """The options of a run that write its report in other forms."""
    for add in (
        click.option(
            "--annotations/--no-annotations",
            default=False,
            envvar="GITHUB_ACTIONS",
            help="Print annotations of GitHub Actions (default: where GITHUB_ACTIONS=true).",
        ),
        click.option("--badge", type=FILE, metavar="FILE", help="Write a badge: SVG; for shields.io if FILE is .json."),
        click.option("--markdown", type=FILE, metavar="FILE", help="Write a summary in Markdown."),
        click.option("--junit", type=FILE, metavar="FILE", help="Write the report as JUnit XML."),
        click.option(
            "--html", type=FILE, metavar="FILE", help="Write the report as one page: the matrix, to be opened."
        ),
    ):
        command = add(command)
    return command


def deliver(report: reports.Json, files: dict[str, Path | None], *, annotate: bool) -> None:
    """Write a report in every form that was asked for. Raises `CannotRun` for a file that cannot be written."""
    for form, path in files.items():
        if path is not None:
            write(path, FORMS[form](path, report))
    if annotate:
        for line in actions.render(report):
            click.echo(line)


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"]})
def report() -> None:
    """Other forms of a report of `redlark conform --json`, and what two of them differ in."""


def _form(name: str, help_: str) -> None:
    @report.command(name, help=help_)
    @click.argument("file", type=FILE, metavar="REPORT")
    @click.option("-o", "--out", "--output", "output", type=FILE, metavar="FILE", help="Default: standard output.")
    def make(file: Path, output: Path | None) -> None:
        text = FORMS[name](output, reports.read(file))
        if output is None:
            click.echo(text, nl=False)
        else:
            write(output, text)


_form("html", "As one HTML page: targets side by side, every command, option and rule, what was allowed and seen.")
_form("junit", "As JUnit XML: a suite for each target, a case for each command.")
_form("markdown", "As Markdown, for a pull request or a job's summary.")
_form("badge", "As a badge: an SVG, or what shields.io's endpoint takes where FILE ends in .json.")


@report.command("annotations")
@click.argument("file", type=FILE, metavar="REPORT")
def annotated(file: Path) -> None:
    """As annotations of GitHub Actions, on standard output."""
    deliver(reports.read(file), {}, annotate=True)


@report.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--all", "all_of_it", is_flag=True, help="Every rule and every divergence that stayed, too.")
def diff(old: Path, new: Path, as_json: bool, all_of_it: bool) -> None:
    """What came, went and stayed between two reports. Exit status: 0, 1 where something got worse, 2 could not read."""
    found = difference.compare(reports.read(old), reports.read(new))
    if as_json:
        click.echo(json.dumps([one.as_json() for one in found], indent=2))
    else:
        for line in difference.told(found, all_of_it=all_of_it):
            click.echo(line)
    sys.exit(WORSE if any(one.worse for one in found) else SAME)


@report.command("baseline")
@click.argument("file", type=FILE, metavar="REPORT")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Put them behind those of FILE. Default: print them.")
def baselined(file: Path, output: Path | None) -> None:
    """Draft an entry of a baseline for each divergence that no baseline accepts yet; reasons are left to be written."""
    told = reports.read(file)
    if output is None:
        click.echo(baseline.document(baseline.drafts(told, datetime.date.today())), nl=False)
    else:
        click.echo(f"{output}: {draft(told, output)} drafted; each needs a reason before --baseline takes it", err=True)


@report.command("check-baseline")
@click.argument("paths", type=FILE, nargs=-1, required=True, metavar="FILE...")
def check_baseline(paths: tuple[Path, ...]) -> None:
    """See that baselines can be read and are up to date. Exit status: 0, 1 where an entry is not, 2 cannot be read."""
    old = [
        f"{path}:{entry.at}: {entry}: {what}"
        for path in paths
        for entry in baseline.read(path)
        for what in baseline.outdated(entry, datetime.date.today())
    ]
    for line in old:
        click.echo(line)
    sys.exit(WORSE if old else SAME)


def draft(told: reports.Json, path: Path) -> int:
    """Put drafts of a report's unknown divergences behind what a baseline holds; how many. Raises `CannotRun`."""
    held = baseline.read(path, drafts=True) if path.exists() else ()
    found = baseline.drafts(told, datetime.date.today(), held)
    baseline.write(path, found)
    return len(found)
