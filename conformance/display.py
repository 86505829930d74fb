"""What a person sees: progress while a campaign runs, each divergence as it is found, the tables at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol

from attrs import field, mutable
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from redlark.conformance.crowds.contradiction import Contradiction
from redlark.conformance.crowds.crowd import Crowd
from redlark.conformance.options import Options
from redlark.conformance.report import CONFORMS, DIVERGES, NOT_RUN, UNSPECIFIED, UNSUPPORTED, Finding, TargetReport
from redlark.conformance.small_worlds.exhaustive import Exhaustive
from redlark.conformance.targets.profiles import Choice
from redlark.conformance.targets.servers import Server
from redlark.conformance.told import ToldContradiction, ToldCrowd, ToldFinding

STYLES = {CONFORMS: "green", DIVERGES: "bold red", UNSUPPORTED: "yellow", NOT_RUN: "dim", UNSPECIFIED: "dim"}


class Going(Protocol):
    """A search that goes on, in this process or in several."""

    @property
    def name(self) -> str: ...
    @property
    def choice(self) -> Choice: ...
    @property
    def options(self) -> Options: ...
    @property
    def exhaustive(self) -> Exhaustive | None: ...
    @property
    def requests(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rules(self) -> Sequence[str]: ...
    @property
    def found(self) -> int: ...
    def reached(self, rule: str) -> int: ...


@mutable
class Live:
    """A progress line on a terminal; elsewhere a line for each phase. Quiet: nothing at all.

    `interrupts` fills when the user interrupts; where the exception itself was lost, the next tick raises it again.
    """

    console: Console
    quiet: bool = False
    interrupts: Sequence[int] = ()
    _progress: Progress | None = field(default=None, init=False)
    _task: int = field(default=0, init=False)
    _phase: str = field(default="", init=False)

    def begin(self, campaign: Going) -> None:
        """Say what is held to what."""
        if not self.quiet:
            choice, options = campaign.choice, campaign.options
            said = f"[bold]{escape(campaign.name)}[/] is held to [bold]{choice.profile}[/] ({escape(choice.why)})"
            by = f", {options.workers} workers" if options.workers > 1 else ""
            self.console.print(f"{said}, seed {options.seed}{by}", highlight=False, soft_wrap=True)

    def __enter__(self) -> Live:
        if not self.quiet and self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.fields[said]}"))
            self._progress = Progress(*columns, TimeElapsedColumn(), console=self.console, transient=True)
            self._task = self._progress.add_task("", total=1.0, said="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    def phase(self, text: str) -> None:
        """A new part of the campaign begins."""
        self._phase = text
        if self._progress:
            self._progress.update(self._task, description=text)  # type: ignore[arg-type]
        elif not self.quiet:
            self.console.print(f"  {text} ...", highlight=False)

    def note(self, text: str) -> None:
        """Something that the user should know at once."""
        if not self.quiet:
            self.console.print(Text(f"  {text}", style="yellow"), soft_wrap=True)

    def tick(self, campaign: Going) -> None:
        """Some histories more."""
        if self.interrupts:
            raise KeyboardInterrupt
        if not self._progress:
            return
        seconds, rules = campaign.seconds, campaign.rules
        reached = sum(1 for rule in rules if campaign.reached(rule))
        rate = campaign.requests / seconds if seconds else 0
        said = f"{campaign.requests:,} requests, {rate:,.0f}/s, {reached} of {len(rules)} rules"
        found = campaign.found
        done = min(1.0, seconds / campaign.options.budget)
        if campaign.exhaustive:
            sequences = sum(one.sequences + one.implied for one in campaign.exhaustive.groups)
            total = sum(one.total for one in campaign.exhaustive.groups) or 1
            done, said = sequences / total, f"{sequences:,} of {total:,} sequences, {sequences / (seconds or 1):,.0f}/s"
        if campaign.options.requests:
            done = max(done, min(1.0, campaign.requests / campaign.options.requests))
        self._progress.update(
            self._task,  # type: ignore[arg-type]
            completed=done,
            said=said + (f", [red]{found} divergences[/]" if found else ""),
        )

    def found(self, finding: Finding | ToldFinding) -> None:
        """A divergence, shrunk."""
        if not self.quiet:
            self.console.print(finding_block(finding), soft_wrap=True)


def finding_block(finding: Finding | ToldFinding) -> Text:
    """One divergence: what to paste, what came, what the text allows."""
    block = Text.assemble((f"{finding.command} diverges", "yellow" if finding.known else "bold red"))
    if finding.rules:
        block.append(f"  {', '.join(finding.rules[:4])}")
    if finding.setup:
        block.append(f"  (where {finding.setup})")
    if finding.known:
        block.append(f"  (known: {finding.known})")
    _labelled(block, "    ", _short(finding.paste, 60))
    _labelled(block, "  seen     ", _short(finding.seen, 12))
    for number, allowed in enumerate(finding.allowed[:4]):
        _labelled(block, "  or       " if number else "  allowed  ", _short(allowed, 12))
    if finding.pipelined:
        _labelled(block, "  note     ", "requests of one client that follow each other travel in one write")
    if not finding.reproduced:
        _labelled(block, "  note     ", "seen once; it did not come again when the requests were repeated")
    return block


def _labelled(block: Text, label: str, text: str) -> None:
    for number, line in enumerate(text.split("\n")):
        block.append("\n" + (label if not number else " " * len(label)) + line)


def _short(text: str, lines: int, width: int = 400) -> str:
    kept = [line if len(line) <= width else line[:width] + f"... ({len(line)} characters)" for line in text.split("\n")]
    return "\n".join(kept if len(kept) <= lines else [*kept[:lines], f"... ({len(kept) - lines} lines more)"])


def show_report(console: Console, report: TargetReport) -> None:
    """The tables and totals of one target."""
    groups: dict[str, Table] = {}
    for name, verdict in sorted(report.verdicts.items(), key=lambda item: (item[1].group, item[0])):
        if verdict.verdict == UNSPECIFIED:
            continue
        table = groups.setdefault(verdict.group, _table(verdict.group or "other"))
        reached = sum(1 for count in verdict.rules.values() if count)
        style = STYLES[verdict.verdict]
        table.add_row(
            escape(name),
            Text(verdict.verdict, style=style),
            f"{verdict.requests:,}",
            Text(f"{reached}/{len(verdict.rules)}", style="" if reached == len(verdict.rules) else "yellow"),
        )
    for table in groups.values():
        console.print(table)
    unspecified = [name for name, verdict in report.verdicts.items() if verdict.verdict == UNSPECIFIED]
    if unspecified:
        console.print(Text(f"{len(unspecified)} commands of this server are not specified; --json names them"))
    if report.unreached:
        console.print(f"[yellow]{len(report.unreached)} rules were not reached:[/]", highlight=False)
        for reason, rules in _by_reason(report.unreached).items():
            console.print(Padding(Text(f"{reason}: {', '.join(rules)}"), (0, 0, 0, 2)))
    show_totals(console, report)


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("command", min_width=26)
    table.add_column("verdict", min_width=11)
    table.add_column("requests", justify="right", min_width=9)
    table.add_column("rules", justify="right", min_width=6)
    return table


def _by_reason(unreached: dict[str, str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for rule, reason in unreached.items():
        grouped.setdefault(reason, []).append(rule)
    return grouped


def show_totals(console: Console, report: TargetReport) -> None:
    """The verdict in a line or two."""
    totals = report.totals
    verdict = "[bold green]conforms[/]" if report.passes else "[bold red]diverges[/]"
    if report.diverges and report.passes:
        verdict += f", but for {len(report.findings)} divergences that {escape(str(report.baseline))} accepts"
    if report.ended in ("interrupted", "lost"):
        verdict += (
            f" so far ([yellow]{'interrupted' if report.ended == 'interrupted' else 'the run could not go on'}[/])"
        )
    if report.exhaustive is not None:
        console.print(f"[bold]{escape(report.target)}[/] {verdict} ({report.profile})", highlight=False)
        show_exhaustive(console, report.exhaustive)
        return
    if report.crowd is not None and not report.requests:
        console.print(f"[bold]{escape(report.target)}[/] {verdict} ({report.profile})", highlight=False)
        show_crowd(console, report.crowd)
        return
    console.print(
        f"[bold]{escape(report.target)}[/] {verdict}: {totals['conform']} of {totals['commands']} commands conform, "
        f"{totals['diverge']} diverge, {totals['unsupported']} unsupported, {totals['not_run']} not run; "
        f"{totals['rules_reached']} of {totals['rules']} rules reached by {totals['requests']:,} requests "
        f"in {totals['seconds']:.1f} s ({report.profile}, {report.level} level)",
        highlight=False,
        soft_wrap=True,
    )
    unknown = [finding for finding in report.findings if not finding.known]
    if unknown:
        known = f", besides {len(report.findings) - len(unknown)} that it accepts" if report.baseline else ""
        what = f"not in {report.baseline}{known}" if report.baseline else "diverging"
        console.print(Text(f"{what}: {_named(unknown)}", style="bold red"), soft_wrap=True)
    if report.crowd is not None:
        show_crowd(console, report.crowd)
    for complaint in report.complaints:
        console.print(Text(complaint.line, style="bold red"), soft_wrap=True)
    for note in report.remarks:
        console.print(Text(note, style="yellow"), soft_wrap=True)


def _named(findings: Sequence[Finding | ToldFinding], most: int = 8) -> str:
    """Divergences by their commands and rules, a few of them."""
    names = list(dict.fromkeys(f"{one.command} ({', '.join(one.rules[:1]) or 'no rule'})" for one in findings))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def show_crowd(console: Console, crowd: Crowd | ToldCrowd) -> None:
    """What clients at once have seen: a line, and a picture for each contradiction."""
    said = f"{crowd.histories:,} concurrent histories of {crowd.clients} clients ({crowd.requests:,} requests)"
    undecided = f", {crowd.undecided} undecided" if crowd.undecided else ""
    found = len(crowd.contradictions)
    verdict = Text(f"{said}: {found or 'no'} contradiction{'' if found == 1 else 's'}{undecided}")
    verdict.stylize("bold red" if crowd.diverges else "")
    console.print(verdict, soft_wrap=True)
    found_there: Sequence[Contradiction | ToldContradiction] = crowd.contradictions
    for number, contradiction in enumerate(found_there, 1):
        console.print(Text(f"contradiction {number}: no order of these explains the replies", style="bold"))
        console.print(Padding(Text(contradiction.picture()), (0, 0, 0, 4)), soft_wrap=True)
    if crowd.lost:
        console.print(Text(f"with {crowd.clients} clients at once the server {crowd.lost}", style="bold red"))


def show_exhaustive(console: Console, exhaustive: Exhaustive) -> None:
    """How much of each group's small world was covered."""
    for one in exhaustive.groups:
        part = "all" if one.sequences + one.implied == one.total else f"{one.sequences:,} of"
        said = f"{one.group}: {part} {one.total:,} sequences of up to {one.length} of {len(one.alphabet)} requests"
        said += f", {one.implied:,} of them implied by shorter ones" if one.implied else ""
        console.print(Text(said + (f", {len(one.suspects)} not allowed" if one.suspects else "")), soft_wrap=True)


def show_servers(console: Console, servers: Iterable[Server]) -> None:
    """The servers of this machine as a table."""
    rows = [("name", "version", "from", "path"), *((s.name, s.version, s.source, s.path) for s in servers)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        console.print(Text("  ".join([*cells, row[3]])), soft_wrap=True)
