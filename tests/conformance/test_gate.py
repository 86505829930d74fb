"""The gate: examples that failed are run first, reviewed divergences are known, everything else about them fails."""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance import payloads, report, written
from redlark.conformance.cli import conform
from redlark.conformance.errors import CannotRun
from redlark.conformance.history import (
    ClientAddress,
    ClientId,
    Cursor,
    Dumped,
    History,
    Moment,
    Request,
    Step,
)
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.memory import baseline
from redlark.conformance.memory.baseline import Entry, Gate
from redlark.conformance.report_cli import report as report_group
from redlark.conformance.targets import servers as machine
from redlark.spec.profiles import PROFILES
from tests.quality.faults import FAULTS
from tests.quality.proxy import Link, proxy

# ---- histories as lines --------------------------------------------------------------------------------------------

parts = st.one_of(
    st.binary(max_size=6),
    st.sampled_from([b";", b"<cursor>", b"1>", b"(waits)", b"(after 5 ms)", b'"', b"'", b"<", b"#"]),
    st.builds(Moment, st.integers(-(10**9), 10**9), st.booleans()),
    st.just(Cursor()),
    st.builds(Dumped, st.sampled_from(sorted(payloads.CHANGES)), st.integers(0, 999)),
    st.builds(ClientId, st.integers(0, 8)),
    st.builds(ClientAddress, st.integers(0, 8)),
)
requests = st.builds(lambda some: Request(tuple(some)), st.lists(parts, min_size=1, max_size=4))
steps = st.builds(
    lambda client, some, wait: Step(client, tuple(some), wait),
    st.integers(0, 8),
    st.lists(requests, max_size=3),
    st.integers(0, 50),
)
histories = st.builds(lambda some, protocol: History(tuple(some), protocol), st.lists(steps), st.sampled_from([2, 3]))


@given(histories)
def test_a_history_is_read_back_from_its_lines(history: History) -> None:
    """Whatever is asked, in whatever pipelines and pauses, is the same after it was written and read."""
    rows = written.lines(history)
    assert all("\n" not in row for row in rows)
    assert written.history(rows, history.protocol) == history


@pytest.mark.parametrize(
    "row", ["", "1>", "GET a ;", "; GET", 'GET "a', 'GET "a"b', "GET <nothing>", "0> GET", "GET ("]
)
def test_what_is_no_line_is_refused(row: str) -> None:
    """Mistakes of somebody who has changed a line by hand are told, never guessed at."""
    with pytest.raises(ValueError, match=r"."):
        written.history([row])


# ---- the file ------------------------------------------------------------------------------------------------------

TODAY = datetime.date(2026, 11, 30)
texts = st.text(st.sampled_from("ab \n\t\"'\\\x00\x7fé🎈#[]=") | st.characters(codec="utf-8"), max_size=12)
reasons = texts.filter(lambda text: bool(text.strip()))
rules = st.sampled_from(["GET/told", "SET/stored", "CLIENT|ID/told", baseline.NO_RULE])
entries = st.builds(
    Entry,
    rule=rules,
    command=st.sampled_from(["GET", "SET", "*", "(unknown command)"]),
    reason=reasons,
    expires=st.dates(),
    seen=texts,
    example=st.builds(
        lambda history: tuple(written.lines(history)), histories.filter(lambda history: history.size > 0)
    ),
    protocol=st.sampled_from([2, 3]),
    setup=st.none() | texts,
    target=st.none() | texts,
    profile=st.none() | st.sampled_from(list(PROFILES)),
    seldom=st.booleans(),
)


@given(st.lists(entries, max_size=3, unique_by=lambda one: one.covers_the_same_as), st.integers(0, 3))
def test_a_baseline_is_read_back(tmp_path_factory: pytest.TempPathFactory, some: list[Entry], split: int) -> None:
    """Entries written at once or in two turns are read as they were; a comment between them stays."""
    path = tmp_path_factory.mktemp("baseline") / "known.toml"
    path.write_text("# reviewed by hand\n")
    baseline.write(path, some[:split])
    baseline.write(path, some[split:])
    assert list(baseline.read(path)) == some
    assert path.read_text().startswith("# reviewed by hand\n")
    lines = path.read_text().split("\n")
    assert all(one.at and lines[one.at - 1].strip() == "[[divergence]]" for one in baseline.read(path))


GOOD = """[[divergence]]
rule = "SETEX/bad-expire"
command = "SETEX"
reason = "their error names the command"
expires = 2027-03-31
seen = "(error) ERR invalid expire time in 'setex' command"
example = ["SETEX k 0 v"]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[divergence]]", "[[divergence]", "not TOML"),
        ("[[divergence]]", "[divergence]", "must be written as tables"),
        ("[[divergence]]", "[[divergences]]", "unknown field 'divergences'"),
        ("reason =", "reasons =", "entry 1 (line 1): unknown field 'reasons'"),
        ("2027-03-31", '"2027-03-31"', "expires must be a date"),
        ("2027-03-31", "2027-03-31T12:00:00", "expires must be a date"),
        ('"their error names the command"', '"  "', "its reason is empty"),
        ('command = "SETEX"\n', "", "command is missing"),
        ('"SETEX/bad-expire"', '"bad-expire"', "no rule's full name"),
        ('["SETEX k 0 v"]', '"SETEX k 0 v"', "example must be a list of texts"),
        ('["SETEX k 0 v"]', "[]", "example must be a list of texts"),
        ('["SETEX k 0 v"]', "['SETEX \"k 0 v']", "its example cannot be read"),
        ('["SETEX k 0 v"]', '["(waits)"]', "asks for nothing"),
        ("[[divergence]]\n", "[[divergence]]\nprotocol = 4\n", "protocol must be 2 or 3"),
        ("[[divergence]]\n", "[[divergence]]\nseldom = 1\n", "seldom must be true or false"),
        ("", GOOD, "covers the same as the one at line 1"),
    ],
)
def test_a_mistake_in_a_baseline_is_one_line_and_status_2(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Nothing is run with a baseline that cannot be read whole; the line names the entry and what is wrong."""
    path = tmp_path / "known.toml"
    path.write_text(GOOD.replace(old, new, 1) if old else GOOD + new)
    done = CliRunner().invoke(conform, ["embedded", "--baseline", str(path), "--requests", "10"])
    assert done.exit_code == 2
    assert told in done.output
    assert done.output.count("\n") == 1 or "not TOML" in done.output
    path.write_text(GOOD)
    assert len(baseline.read(path)) == 1


@given(entries, st.lists(rules, max_size=2), st.sampled_from(["GET", "SET"]), texts)
def test_an_entry_covers_its_own_divergence_and_nothing_of_another_kind(
    entry: Entry, of: list[str], command: str, seen: str
) -> None:
    """Covered is what shares command, rule and kind of reply; the values in the reply do not count."""
    assert entry.covers(entry.command, [] if entry.rule == baseline.NO_RULE else [entry.rule], entry.seen)
    if entry.covers(command, of, seen):
        assert entry.command in ("*", command)
        assert entry.rule in of or (entry.rule == baseline.NO_RULE and not of)


def gate(*some: Entry) -> Gate:
    """A gate over entries of a file that need not be there."""
    return Gate.of(Path("known.toml"), some, "t", "redis-8.2", TODAY)


@given(entries, st.integers(0, 60), st.booleans(), st.integers(0, 500), st.booleans())
def test_only_an_example_that_was_run_often_enough_passes(
    entry: Entry, ran: int, met: bool, reached: int, complete: bool
) -> None:
    """It is said to pass where its example conforms each time and nothing else met it; what is old fails anyway."""
    here = gate(entry)
    if not here.entries:
        assert not entry.applies("t", "redis-8.2")
        return
    (again,) = here.examples
    again.ran = ran
    if met:
        rules = () if entry.rule == baseline.NO_RULE else (entry.rule,)
        found = Divergence(entry.command, rules, (), entry.seen, b"", (), 0, entry.history)
        assert here.known(found) == entry
    told = [one.line for one in here.complaints({entry.rule: reached}, complete)]
    passes = not met and complete and ran >= again.times and (not entry.seldom or reached >= baseline.REACHED)
    assert [("passes now" in line) for line in told if "its date" not in line] == [True] * passes
    assert any("its date" in line for line in told) == (entry.expires < TODAY)
    assert bool(list(here.undecided())) == (not met and ran < again.times)
    gone = [one.line for one in here.complaints({}, complete)]
    assert entry.rule == baseline.NO_RULE or ["no such rule" in line for line in gone] == [True]


# ---- runs ----------------------------------------------------------------------------------------------------------

FAULT = "STRLEN counts one for an absent key"


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server, in which there is no fault."""
    with machine.running(None) as running:
        yield running


class Run:
    """Runs through a proxy in which a fault may sit; the same address all the time."""

    def __init__(self, url: str, where: Path, mend: Callable[[bool], None]) -> None:
        self.url, self.where, self.mend = url, where, mend
        self.report: dict[str, Any] = {}

    def __call__(self, *more: str, requests: int = 120) -> tuple[int, str]:
        file = self.where / "report.json"
        usual = ["--profile", "redis-8.2", "--commands", "STRLEN", "--seed", "4", "--json", str(file)]
        done = CliRunner().invoke(conform, [self.url, *usual, "--requests", str(requests), *more])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        self.report = json.loads(file.read_text())
        jsonschema.validate(self.report, report.schema())
        return done.exit_code, done.output

    @property
    def gate(self) -> dict[str, Any]:
        told: dict[str, Any] = self.report["targets"][0]["gate"]
        return told


@pytest.fixture
def run(embedded: machine.Running, tmp_path: Path) -> Iterator[Run]:
    """A server with a fault in STRLEN, until it is mended."""
    fault = next(one for one in FAULTS if one.name == FAULT)
    broken = [True]

    def handle(link: Link, request: tuple[bytes, ...]) -> bytes:
        return fault.handle(link, request) if broken[0] else link.ask(*request)

    with proxy(embedded.host, embedded.port, handle) as url:
        yield Run(url, tmp_path, lambda now: broken.__setitem__(0, not now))


def reviewed(path: Path, **changes: str) -> None:
    """Write a reason into each draft of a baseline, and other fields anew."""
    text = path.read_text()
    for name, value in {"reason": '"accepted until they mend it"', **changes}.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    path.write_text(text)


@pytest.mark.slow
def test_the_gate_opens_for_what_is_known_and_for_nothing_else(run: Run, tmp_path: Path) -> None:
    """Unknown fails; a draft is refused until it has a reason; known passes; expired, passing and changed fail."""
    known = tmp_path / "known.toml"
    known.write_text("")
    status, output = run("--no-saved", "--quiet", "--baseline", str(known))
    assert status == 1
    assert f"not in {known}, besides 0 that it accepts: STRLEN (STRLEN/" in output
    assert (run.gate["known"], run.gate["complaints"]) == (0, [])
    assert run.gate["unknown"] >= 1

    status, output = run("--no-saved", "--write-baseline", str(known))
    assert status == 1
    assert "drafted" in output
    assert "diverging: STRLEN (STRLEN/" in output
    drafted = tomllib.loads(known.read_text())["divergence"]
    assert {one["command"] for one in drafted} == {"STRLEN"}
    assert all(one["reason"] == "" for one in drafted)
    refused = CliRunner().invoke(conform, [run.url, "--baseline", str(known)])
    assert refused.exit_code == 2
    assert "its reason is empty" in refused.output

    reviewed(known)
    status, output = run("--no-saved", "--baseline", str(known))
    assert status == 0, output
    assert (run.gate["unknown"], run.gate["complaints"]) == (0, [])
    assert run.gate["known"] == len(drafted)
    assert "accepted until they mend it" in output

    fine = known.read_text()
    reviewed(known, expires="2020-01-01")
    status, output = run("--no-saved", "--baseline", str(known))
    assert status == 1
    assert "its date, 2020-01-01, is over" in output

    known.write_text(fine)
    run.mend(True)
    status, output = run("--no-saved", "--baseline", str(known))
    assert status == 1
    assert "passes now: its example conforms (5 runs)" in output
    assert all(one["at"] for one in run.gate["complaints"])

    status, output = run("--no-saved", "--baseline", str(known), requests=1)
    assert status == 0, output
    assert "nothing is said of it" in output


def test_another_wrong_reply_is_not_the_reviewed_one(run: Run, tmp_path: Path) -> None:
    """An entry for a reply of another kind leaves the divergence unknown, and says what its example shows now."""
    known = tmp_path / "known.toml"
    run("--no-saved", "--write-baseline", str(known))
    reviewed(known, seen='"(error) ERR once it was this"')
    status, output = run("--no-saved", "--baseline", str(known))
    assert status == 1
    assert run.gate["unknown"] >= 1
    assert "its example diverges otherwise now" in output


def test_drafts_of_a_report_are_those_of_the_run(run: Run, tmp_path: Path) -> None:
    """`redlark report baseline` drafts the same; what is held, a reviewed entry or a draft, is not drafted again."""
    known = tmp_path / "known.toml"
    run("--no-saved", "--write-baseline", str(known))
    printed = CliRunner().invoke(report_group, ["baseline", str(tmp_path / "report.json")])
    assert printed.exit_code == 0
    assert tomllib.loads(printed.output) == tomllib.loads(known.read_text())
    before = known.read_text()
    again = CliRunner().invoke(report_group, ["baseline", str(tmp_path / "report.json"), "-o", str(known)])
    assert again.exit_code == 0
    assert "0 drafted" in again.output
    assert known.read_text() == before


@pytest.mark.slow
def test_a_failing_example_is_run_first_the_next_time(run: Run, tmp_path: Path) -> None:
    """It is kept in a file, found again by a run too short for any search, and removed when it no longer fails."""
    saved = tmp_path / "kept"
    assert run("--saved", str(saved))[0] == 1
    files = sorted(saved.glob("*.json"))
    assert files
    told = json.loads(files[0].read_text())
    assert (told["command"], told["profile"]) == ("STRLEN", "redis-8.2")
    assert (saved / ".gitignore").read_text().endswith("*\n")

    status, output = run("--saved", str(saved), requests=1)
    assert status == 1
    assert "examples that have failed before" in output
    assert sorted(saved.glob("*.json")) == files
    assert run("--no-saved", requests=1)[0] == 0

    run.mend(True)
    status, output = run("--saved", str(saved))
    assert status == 0, output
    assert output.count("no longer fails") == len(files)
    assert not list(saved.glob("*.json"))


CORRUPT = ["", "{", "[]", '{"form": 1}', '{"form": 99}', "\x00", "[" * 100_000, "cut", "\udc80"]


def test_corrupt_files_are_told_of_and_passed_over(run: Run, tmp_path: Path) -> None:
    """Nothing in the directory keeps a run from its work, or from the examples that can be read."""
    saved = tmp_path / "kept"
    run("--saved", str(saved))
    (file, *_) = saved.glob("*.json")
    for number, text in enumerate(CORRUPT):
        whole = file.read_text()[:-40] if text == "cut" else text
        (saved / f"{number}.json").write_bytes(whole.encode("utf-8", "surrogateescape"))
    (saved / "folder.json").mkdir()
    (saved / "link.json").symlink_to(tmp_path / "nothing")
    status, output = run("--saved", str(saved), requests=1)
    assert status == 1
    assert "".join(output.split()).count("ispassedover") == len(CORRUPT) + 2
    assert len(list(saved.glob("*.json"))) > len(CORRUPT) + 2


@pytest.mark.slow
def test_examples_of_another_target_stay(run: Run, tmp_path: Path, embedded: machine.Running) -> None:
    """A run of another target runs them too, and leaves them where they are when they conform there."""
    saved = tmp_path / "kept"
    run("--saved", str(saved))
    files = sorted(saved.glob("*.json"))
    chosen = ["--profile", "redis-8.2", "--commands", "GET", "--requests", "60", "--saved", str(saved)]
    done = CliRunner().invoke(conform, [embedded.url, *chosen])
    assert done.exit_code == 0, done.output
    assert "examples that have failed before" in done.output
    assert sorted(saved.glob("*.json")) == files


def test_a_baseline_that_does_not_exist_is_status_2(tmp_path: Path) -> None:
    """One line, and nothing is run."""
    done = CliRunner().invoke(conform, ["embedded", "--baseline", str(tmp_path / "no.toml")])
    assert done.exit_code == 2
    assert "cannot be read" in done.output
    with pytest.raises(CannotRun):
        baseline.read(tmp_path)
