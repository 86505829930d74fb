"""``redlark spec diff``: what two profiles differ in, as a person reads it and as JSON.

What must live here: printing. What differs is `redlark.spec.differences`'s to say.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from redlark.conformance.command_line import commands_of
from redlark.conformance.differences import kept, outcome
from redlark.conformance.differences.looking import Looking
from redlark.conformance.differences.sight import Outcome
from redlark.reference.cli import spec
from redlark.reference.model import profiles
from redlark.spec.differences import CONFIGURATION, SHARED, UNTOLD, Comparison, Difference

STYLES = {"+": "green", "-": "red", " ": "dim"}
WHOLE = 24  # lines of a change that are printed before it is cut


@spec.command("diff")
@click.argument("first", type=click.Choice(profiles()), metavar="A")
@click.argument("second", type=click.Choice(profiles()), metavar="B")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--commands", help="Only these commands, separated by commas, and what they share with others.")
@click.option("--facts/--no-facts", default=True, show_default=True, help="What COMMAND INFO and DOCS tell, too.")
@click.option("--seen", is_flag=True, help="Show each on the two real servers, which are started for it.")
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), default=900.0, show_default=True, metavar="SECONDS",
    help="With --seen: how long histories are searched for.",
)  # fmt: skip
@click.option("--afresh", is_flag=True, help="With --seen: search anew for what is kept from an earlier search, too.")
@click.option("--seed", type=int, default=1, show_default=True, help="With --seen: equal seeds search alike.")
def diff(
    first: str,
    second: str,
    as_json: bool,
    commands: str | None,
    facts: bool,
    seen: bool,
    budget: float,
    afresh: bool,
    seed: int,
) -> None:
    """Print what two profiles differ in, rule by rule: A's text is red, B's is green.

    With --seen, a shortest history that shows a difference is searched for in the model, and run on the real servers of
    both versions; where none shows it, the reason is told.

    \b
    For example: redlark spec diff redis-7.0 redis-8.2
    """
    comparison = Comparison(first, second)
    wanted = _wanted(comparison, commands)
    found = [
        one
        for one in comparison.differences
        if (facts or one.kind != "fact") and (not wanted or not wanted.isdisjoint(one.users))
    ]
    outcomes = look(comparison, found, budget, afresh=afresh, seed=seed) if seen else None
    if as_json:
        click.echo(json.dumps(as_data(first, second, found, outcomes), indent=2))
        return
    show(Console(highlight=False, emoji=False), first, second, found, outcomes)


def _wanted(comparison: Comparison, commands: str | None) -> frozenset[str]:
    """The commands that are asked for; of a container, all that it holds."""
    known, found = frozenset().union(*comparison.commands), set[str]()
    for name in sorted(commands_of(commands)):
        named = {one for one in known if one == name or one.split("|")[0] == name}
        if not named:
            raise click.BadParameter(f"neither profile has a command {name}", param_hint="--commands")
        found |= named
    return frozenset(found)


def look(
    comparison: Comparison, found: list[Difference], budget: float, *, afresh: bool = False, seed: int = 1
) -> dict[str, Outcome]:
    """What the two real servers show of each difference, by its id; how far it is stands on a terminal.

    First what is kept is looked at; what that does not show is searched for. CTRL-C ends the search, not the looking.
    """
    known = {} if afresh else kept.load(comparison.first, comparison.second)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("seen"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting the servers", total=len(found))

        def tell(what: str, seen: int, total: int) -> None:
            progress.update(task, description=what, completed=seen, total=total)

        looking = Looking(comparison, found, known, budget, seed, afresh, tell)
        outcomes = looking.run()
    for name, outcome_ in looking.astray.items():
        console.print(f"[yellow]{name}[/]: {outcome_.reason}", highlight=False)
    return outcomes


def as_data(
    first: str, second: str, found: Iterable[Difference], outcomes: Mapping[str, Outcome] | None = None
) -> dict[str, Any]:
    """What `--json` writes: docs/reference/diff.md describes it."""
    rows = [row(one) for one in found]
    data = {"from": first, "to": second, "differences": rows, "total": len(rows)}
    if outcomes is not None:
        for each in rows:
            each["sight"] = outcome.as_data(outcomes[each["id"]])
        data["seen"] = outcome.count(outcomes.values())[0]
    return data


def row(one: Difference) -> dict[str, Any]:
    """One difference as JSON has it."""
    return {
        "id": one.id,
        "kind": one.kind,
        "change": one.change,
        "command": None if one.subject in (*UNTOLD, CONFIGURATION) or one.group == "shared" else one.subject,
        "group": one.group,
        "name": one.name,
        "before": list(one.before),
        "after": list(one.after),
        "felt_by": [user for user in one.users if user not in UNTOLD],
        "note": one.note,
    }


def show(
    console: Console, first: str, second: str, found: list[Difference], outcomes: Mapping[str, Outcome] | None = None
) -> None:
    """Every difference, under the command that it is of, and what was seen of it."""
    said = "" if outcomes is None else f", {outcome.count(outcomes.values())[0]} of them seen on the real servers"
    console.print(f"[bold]{first}[/] to [bold]{second}[/]: {len(found)} differences{said}", highlight=False)
    for subject, ones in groupby(found, key=lambda one: one.subject):
        console.print()
        console.print(Text(subject_of(subject), style="bold"))
        for one in ones:
            console.print(block(one, first, second), soft_wrap=True)
            if outcomes is not None:
                console.print(sight_block(outcomes[one.id]), soft_wrap=True)


def sight_block(seen: Outcome) -> Text:
    """What was seen of a difference: the history with both servers' replies, or why it was not seen."""
    text = Text("    seen" if seen.seen else f"    not seen: {seen.reason}", style="bold" if seen.seen else "yellow")
    for said in outcome.circumstances(seen):
        text.append(f"\n      ({said})")
    for line in outcome.transcript(seen):
        text.append(f"\n      {line}", style="")
    return text


def subject_of(subject: str) -> str:
    """What stands above the differences of one subject."""
    named = {
        SHARED: "What several commands share",
        CONFIGURATION: "Parameters of the configuration",
        "DISPATCH": "Every request",
        "DELIVERY": "Every reply",
        "CALLED": "Every call of a script",
        "NOTIFIED": "Every event",
    }
    return named.get(subject, subject.replace("|", " "))


def title(one: Difference, first: str, second: str) -> str:
    """What differs, in a line."""
    kinds = {
        "reply": "the types of its replies",
        "syntax": "the syntax line",
        "state": "the first value of",
        "refusal": "what it says of arguments that are",
        "encoding": "the encodings of a",
        "step": "what it does:",
    }
    name = f"{one.subject}/{one.name}" if one.kind == "rule" and " " not in one.subject else one.name
    what = f"{kinds.get(one.kind, one.kind)} {name}".strip()
    where = {"new": f"only {second} has it", "gone": f"only {first} has it", "changed": "differs"}[one.change]
    return f"{what}: {where}" + (f"; {one.note}" if one.note else "")


def block(one: Difference, first: str, second: str) -> Text:
    """One difference: its title, and the text that it is about as a unified diff."""
    text = Text(f"  {title(one, first, second)}")
    if one.group == "shared" and one.users:
        shown = [user.replace("|", " ") for user in one.users if user not in UNTOLD]
        more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
        text.append(f"\n    (felt by {', '.join(shown[:8]) or 'every request'}{more})", style="dim")
    for line in unified(one.before, one.after):
        text.append(f"\n    {line}", style=STYLES.get(line[:1], ""))
    return text


def unified(before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    """Two texts as one: what is gone, what is new, and a little of what stays."""
    if before == after:
        return [f"  {line}" for line in before]
    lines = [
        f"{line[:1]} {line[1:]}".rstrip()
        for line in list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
        if not line.startswith("@@")
    ]
    return lines if len(lines) <= WHOLE else [*lines[:WHOLE], f"  ... ({len(lines) - WHOLE} lines more)"]
