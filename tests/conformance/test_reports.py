"""The forms of a report: JUnit XML, Markdown, badges, annotations, and what two reports differ in."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import junitparser
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance import duration, reports
from redlark.conformance.cli import conform
from redlark.conformance.report_cli import report as report_group
from redlark.conformance.reports import actions, badge, difference, junit, markdown

# What a server may say and a report must carry: control characters, markup of every form, fences, surrogate halves.
texts = st.text(
    st.sampled_from("ab \n\r\t%:,|<>&\"'`*_[]\\\x00\x1b\ud800￿é🎈") | st.characters(codec="utf-8"), max_size=24
)
names = st.sampled_from(["GET", "SET", "CLIENT|ID", "(unknown command)", "XADD"])
rules = st.sampled_from(["GET/told", "SET/stored", "DISPATCH/arity", "XADD/bad-id"])
seen = (
    st.sampled_from(["(integer) 3", "(integer) 7", "(error) ERR no", "(nil)", '"a"', "closed the connection"]) | texts
)

divergences = st.fixed_dictionaries(
    {
        "rules": st.lists(rules, max_size=2, unique=True),
        "allowed": st.lists(texts, max_size=2),
        "seen": seen,
        "transcript": texts,
        "setup": st.none() | texts,
    },
    optional={"known": texts},
)


@st.composite
def targets(draw: st.DrawFn, name: str = "") -> dict[str, Any]:
    """One target of a report, as it is when all of it, or nothing, was run."""
    commands = {}
    for command in draw(st.lists(names, max_size=4, unique=True)):
        found = draw(st.lists(divergences, max_size=2))
        verdict = "diverges" if found else draw(st.sampled_from(["conforms", "unsupported", "not run", "unspecified"]))
        commands[command] = {
            "verdict": verdict, "group": "string", "divergences": found, "rules": 1, "rules_reached": 1,
            "reached": {f"{command}/rule": draw(st.integers(0, 2))}, "requests": 1,
        }  # fmt: skip
    ended = draw(st.sampled_from(["budget", "could not run", "lost"]))
    crowd = {"contradictions": [{"picture": draw(texts)}] * draw(st.integers(0, 1)), "lost": draw(st.just("") | texts)}
    counted = {key: len(commands) for key in ("commands", "conform", "diverge", "unsupported", "rules")}
    return {
        "target": name or draw(texts), "profile": draw(st.sampled_from(["redis-8.2", "valkey-9.1"])),
        "server": "redis 8.2.3", "ended": ended, "notes": [draw(texts)], "commands": commands,
        "common_rules": {"DISPATCH/arity": draw(st.integers(0, 2))}, "concurrent": draw(st.none() | st.just(crowd)),
        "totals": counted | {"rules_reached": 1, "requests": 1000, "seconds": 1.5, "histories": 3},
    }  # fmt: skip


@st.composite
def whole(draw: st.DrawFn) -> dict[str, Any]:
    """A report of up to three targets."""
    return {"redlark": "0.1.0", "seed": 3, "targets": draw(st.lists(targets(), max_size=3))}


@given(whole())
def test_junit_is_read_back_with_every_failure(report: dict[str, Any]) -> None:
    """Any report is an XML document whose cases, failures, errors and skips are the report's, by its own counts too."""
    text = junit.render(report)
    xml = junitparser.JUnitXml.fromstring(text.encode())
    for suite, target in zip(xml, report["targets"], strict=True):
        unknown = [one for one in reports.divergences(target) if not one.known]
        crowd = target["concurrent"] or {"contradictions": [], "lost": ""}
        assert suite.failures == len(unknown) + len(crowd["contradictions"]) + bool(crowd["lost"])
        assert suite.errors == (target["ended"] != "budget")
        assert suite.tests == len([*suite]) == len(target["commands"]) + suite.errors + bool(target["concurrent"])
        assert suite.time == target["totals"]["seconds"]
    assert xml.tests == sum(suite.tests for suite in xml)


def test_junit_has_the_shape_that_is_read_everywhere() -> None:
    """Elements stand where the common schema of JUnit's XML has them, and no attribute is missing that it requires."""
    inside = {
        "testsuites": {"testsuite"}, "testsuite": {"properties", "testcase"}, "properties": {"property"},
        "testcase": {"failure", "error", "skipped"}, "property": set(), "failure": set(), "error": set(),
        "skipped": set(),
    }  # fmt: skip
    required = {
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"}, "property": {"name", "value"},
        "testcase": {"name", "classname", "time"}, "failure": {"message", "type"}, "error": {"message", "type"},
        "skipped": {"message"},
    }  # fmt: skip
    found = {"rules": ["GET/told"], "allowed": ["1"], "seen": "2", "transcript": "GET a", "setup": None}
    command = {"verdict": "diverges", "divergences": [found], "group": "string"}
    target = {
        "target": "t", "profile": "redis-8.2", "ended": "lost", "notes": ["gone"], "totals": {"seconds": 1.0},
        "commands": {"GET": command, "SET": {"verdict": "not run", "divergences": [], "reason": "why"}},
    }  # fmt: skip
    root = ET.fromstring(junit.render({"redlark": "1", "seed": 1, "targets": [target]}))
    seen_tags = set()
    for element in root.iter():
        seen_tags.add(element.tag)
        assert {child.tag for child in element} <= inside[element.tag]
        assert required.get(element.tag, set()) <= set(element.attrib)
    assert seen_tags == set(inside)


@given(whole(), st.integers(0, 3000))
def test_markdown_fits_and_tells_what_it_left_out(report: dict[str, Any], most: int) -> None:
    """A row for each target; behind the table no more than was allowed, and what is missing is counted."""
    full, short = markdown.render(report), markdown.render(report, most)
    rows = [line for line in full.split("\n") if line.startswith("| ") and "held to" not in line]
    assert len(rows) >= len(report["targets"])
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 9 for row in rows[: len(report["targets"])])
    left = re.search(r"\n… and (\d+) more, which the JSON report tells.\n$", short)
    kept = short[: left.start()] if left else short
    assert full.startswith(kept)
    assert (left is None) == (kept == full)
    head = full[: full.index(f", seed {report['seed']}.\n")]
    assert len(kept.encode("utf-8", "surrogatepass")) <= max(most, len(head.encode("utf-8", "surrogatepass")) + 12)


@given(texts)
def test_what_is_fenced_stays_inside(text: str) -> None:
    """No text ends its own block: its fence is longer than every run of backticks in it."""
    first, *_, last = markdown.fenced(text).split("\n")
    assert first == last + "text"
    assert last not in text


@given(whole())
def test_a_badge_is_an_image_and_an_endpoint(report: dict[str, Any]) -> None:
    """Its SVG is well-formed and says to a screen reader what it shows; red and green are the run's exit status."""
    one = badge.of(report)
    root = ET.fromstring(badge.svg(one))
    told = json.loads(badge.endpoint(one))
    assert root.attrib["aria-label"] == f"{told['label']}: {told['message']}"
    assert told["schemaVersion"] == 1
    verdicts = {reports.verdict(target).split(",")[0] for target in report["targets"]}
    unsure = not verdicts or verdicts & {"could not run", "lost"}
    assert told["color"] == ("lightgrey" if unsure else "brightgreen" if verdicts == {"conforms"} else "red")


@given(texts, texts, texts)
def test_annotations_are_taken_apart_again(message: str, title: str, file: str) -> None:
    """A runner that splits at `::`, `,` and `=` and undoes the escapes gets what was meant, on one line."""
    line = actions.line("error", message, title=title, file=file, line=3)
    assert "\n" not in line
    assert "\r" not in line
    match = re.fullmatch(r"::error (.*?)::(.*)", line)
    assert match
    given = dict(part.split("=", 1) for part in match[1].split(","))
    assert [unquote(given[name], errors="surrogatepass") for name in ("title", "file", "line")] == [title, file, "3"]
    assert unquote(match[2], errors="surrogatepass") == message


@given(whole())
def test_every_failure_is_annotated(report: dict[str, Any]) -> None:
    """An error for each unknown divergence and each other failure, a notice for what is known."""
    lines = list(actions.render(report))
    found = [one for target in report["targets"] for one in reports.divergences(target)]
    assert sum(line.startswith("::notice ") for line in lines) == sum(bool(one.known) for one in found)
    assert any(line.startswith("::error ") for line in lines) == any(
        reports.fails(target) or reports.could_not_run(target) for target in report["targets"]
    )


@given(whole())
def test_a_report_does_not_differ_from_itself(report: dict[str, Any]) -> None:
    """Nothing came, went or got worse; all divergences stayed."""
    for number, target in enumerate(report["targets"]):
        target["target"] = str(number)
    for one, target in zip(difference.compare(report, report), report["targets"], strict=True):
        assert one.empty
        assert not one.worse
        assert {found.identity for found in one.stayed} == {found.identity for found in reports.divergences(target)}


@given(targets("a"), targets("a"))
def test_what_came_one_way_went_the_other(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Reversed, a difference is its mirror; it is worse where a divergence is new or a verdict fell."""
    old, new = ({"targets": [one]} for one in (first, second))
    (there,), (back,) = difference.compare(old, new), difference.compare(new, old)
    assert [one.identity for one in there.came] == [one.identity for one in back.went]
    assert {one.identity for one in there.stayed} == {one.identity for one in back.stayed}
    assert {(change.name, change.old, change.new) for change in there.verdicts} == {
        (change.name, change.new, change.old) for change in back.verdicts
    }
    assert (there.reached, there.rules_new) == (back.missed, back.rules_gone)
    if there.came or any((one.old, one.new) == ("conforms", "diverges") for one in there.verdicts):
        assert there.worse
    json.dumps(there.as_json())
    assert list(difference.told([there], all_of_it=True))


def test_of_two_targets_the_one_that_is_left_pairs_by_nothing_but_that() -> None:
    """Targets pair by name and profile, then by name; one left on each side are compared; others are told of."""

    def target(name: str, profile: str = "redis-8.2") -> dict[str, Any]:
        return {"target": name, "profile": profile, "commands": {}, "totals": {}, "ended": "budget"}

    old = {"targets": [target("a"), target("b", "redis-7.0"), target("redis://127.0.0.1:1")]}
    new = {"targets": [target("b"), target("redis://127.0.0.1:2"), target("a")]}
    found = difference.compare(old, new)
    assert [one.target for one in found] == ["b", "redis://127.0.0.1:2", "a"]
    assert [bool(one.remarks) for one in found] == [True, True, False]
    gone = difference.compare(old, {"targets": []})
    assert len(gone) == 3
    assert not any(one.worse for one in gone)


@given(st.integers(1, 10**6), st.sampled_from(["ms", "s", "m", "h", "d", ""]))
def test_durations_are_counted_in_seconds(count: int, unit: str) -> None:
    """A number and a unit, or seconds without one; units follow each other from long to short."""
    seconds = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[unit]
    assert duration.seconds(f"{count}{unit}") == pytest.approx(count * seconds)
    assert duration.seconds(f"1h{count}m2s") == pytest.approx(3602 + 60 * count)


@pytest.mark.parametrize("text", ["", "soon", "10x", "-5", "0", "0s", "m", "5m1h", "1e3", "nan", "inf"])
def test_what_is_no_duration_is_a_wrong_option(text: str) -> None:
    """Status 2 and the forms that can be written, before anything is run."""
    done = CliRunner().invoke(conform, ["--budget", text])
    assert done.exit_code == 2
    assert "duration" in done.output or "no time at all" in done.output or "Error" in done.output


def test_a_quick_run_has_no_other_budget() -> None:
    """--quick is a budget itself."""
    done = CliRunner().invoke(conform, ["--quick", "--budget", "5"])
    assert done.exit_code == 2
    assert "--quick is a budget" in done.output


def test_a_run_writes_every_form(tmp_path: Path) -> None:
    """One run, five forms, which agree with those made of its JSON afterwards; annotations go to the log."""
    files = {name: tmp_path / f"report.{name}" for name in ("json", "junit", "markdown", "badge")}
    asked = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    chosen = ("redis:8", "--profile", "redis-6.2", "--commands", "SETEX", "--requests", "60", "--seed", "1")
    done = CliRunner().invoke(conform, [*chosen, *asked, "--annotations", "--quiet"])
    if "no such server" in done.output:
        pytest.skip("no redis-server on this machine")
    assert done.exit_code == 1, done.output
    assert re.search(r"^::error title=redis%3A8%3A SETEX diverges%3A SETEX/bad-expire::", done.output, re.MULTILINE)
    assert junitparser.JUnitXml.fromstring(files["junit"].read_bytes()).failures >= 1
    for form in ("junit", "markdown", "badge"):
        again = CliRunner().invoke(report_group, [form, str(files["json"])])
        assert again.exit_code == 0
        assert again.output == files[form].read_text()
    endpoint = tmp_path / "badge.json"
    assert CliRunner().invoke(report_group, ["badge", str(files["json"]), "-o", str(endpoint)]).exit_code == 0
    assert json.loads(endpoint.read_text())["color"] == "red"
    same = CliRunner().invoke(report_group, ["diff", str(files["json"]), str(files["json"])])
    assert same.exit_code == 0
    assert "stayed" in same.output
    fewer = json.loads(files["json"].read_text())
    fewer["targets"][0]["commands"]["SETEX"] |= {"divergences": [], "verdict": "conforms"}
    (tmp_path / "old.json").write_text(json.dumps(fewer))
    worse = CliRunner().invoke(report_group, ["diff", str(tmp_path / "old.json"), str(files["json"])])
    assert worse.exit_code == 1
    assert "+ came: SETEX diverges: SETEX/bad-expire" in worse.output


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"targets": [1]}', '{"targets": 3}', None])
def test_what_is_no_report_is_one_line_and_status_2(tmp_path: Path, text: str | None) -> None:
    """A file that is missing, or is something else, is told of; nothing is written."""
    file = tmp_path / "report.json"
    if text is not None:
        file.write_text(text)
    done = CliRunner().invoke(report_group, ["junit", str(file)])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1
    assert "report.json" in done.output
