"""The page of a report as a file: what it holds, what it leaves alone."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from redlark.conformance import report as reporting
from redlark.conformance.cli import conform
from redlark.conformance.report_cli import report as report_command
from redlark.conformance.reports import html, matrix
from redlark.spec.sources import Sources, sources


def embedded(page: str) -> Any:
    """The data that a page carries."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_is_one_file_that_names_no_other(small: dict[str, Any]) -> None:
    """Nothing is loaded: no address of the network, no style sheet, script or picture beside it."""
    page = html.render(small)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert not [url for url in re.findall(r"https?://[\w.]+", page) if not url.endswith("www.w3.org")]
    assert "default-src 'none'" in page
    assert html.render(small) == page


def test_the_data_is_that_of_the_report(small: dict[str, Any]) -> None:
    """Verdicts, counts by protocol, options and divergences of the page are those of the JSON, target by target."""
    data = embedded(html.render(small))
    assert data == json.loads(json.dumps(matrix.of(small)))
    rows = {row["name"]: row for row in data["commands"]}
    for number, target in enumerate(small["targets"]):
        for name, verdict in target["commands"].items():
            row = rows[name]
            assert row["cells"][number]["verdict"] == verdict["verdict"]
            assert row["cells"][number]["requests"] == verdict["requests"]
            assert {word: sent[number] for word, sent in row["options"] if sent[number] is not None} == verdict[
                "options"
            ]
            cells = {f"{name}/{rule[0]}": rule[3][number] for rule in row["rules"] if rule[3][number]}
            assert cells.keys() == verdict["reached"].keys()
            for rule, (second, third, every, reason) in cells.items():
                assert (second, third) == tuple(target["reached_in"][p].get(rule, 0) for p in "23")
                assert every == verdict["reached"][rule]
                assert (data["reasons"][reason] if reason >= 0 else None) == target["unreached"].get(rule)
        told = [d for one in target["commands"].values() for d in one["divergences"]]
        mine = [one for one in data["findings"] if one["target"] == number]
        assert [one["transcript"] for one in mine] == [one["transcript"] for one in told]


def test_every_rule_is_shown_where_it_is_written(small: dict[str, Any]) -> None:
    """The place of each rule is a line of a block that the page carries; a written rule is named there."""
    data = embedded(html.render(small))
    for row in data["commands"]:
        for rule, places, options, _ in row["rules"]:
            lines = [data["sources"][block].split("\n")[line - 1] for block, line in places]
            assert lines
            assert rule in lines[0] or row["name"] in lines[0] or "need " in lines[0] or "refuses" in lines[0]
            assert all(row["options"][number] for number in options)
    (conditional,) = [
        r for row in data["commands"] if row["name"] == "SET" for r in row["rules"] if r[0] == "nx-exists"
    ]
    (words,) = [[word for word, _ in row["options"]] for row in data["commands"] if row["name"] == "SET"]
    assert [words[number] for number in conditional[2]] == ["NX"]


def test_a_report_of_another_text_says_so(small: dict[str, Any]) -> None:
    """Where the text has changed since the run, the page warns that the lines it shows may be others."""
    mine = sources()
    other = Sources(mine.specification, {**mine.texts, "new.redlark": "-- nothing\n"})
    assert "was held to another text" in html.render(small, other)
    assert "was held to another text" not in html.render(small)


def test_a_report_with_nothing_new_has_a_page(small: dict[str, Any]) -> None:
    """What the schema does not require may be missing: such a report has a page all the same."""
    bare: dict[str, Any] = {"redlark": "0.1.0", "seed": 1, "targets": []}
    for target in small["targets"]:
        one = {key: target[key] for key in ("target", "profile", "totals")}
        one["commands"] = {
            name: {key: verdict[key] for key in ("verdict", "rules", "rules_reached")}
            | {
                "divergences": [
                    {k: d[k] for k in ("rules", "allowed", "seen", "transcript")} for d in verdict["divergences"]
                ]
            }
            for name, verdict in target["commands"].items()
        }
        bare["targets"].append(one)
    jsonschema.validate(bare, reporting.schema())
    data = embedded(html.render(bare))
    assert len(data["findings"]) == len(embedded(html.render(small))["findings"])
    assert embedded(html.render({**bare, "targets": []}))["commands"] == []


def test_a_target_that_could_not_be_judged_is_told_of(small: dict[str, Any]) -> None:
    """Its line stands in the summary, with the reason."""
    report = copy.deepcopy(small)
    report["targets"][0] |= {"ended": "could not run", "notes": ["unreachable: <refused>"], "commands": {}}
    page = html.render(report)
    assert "could not run" in page
    assert "unreachable: &lt;refused&gt;" in page


def test_what_a_gate_complains_of_stands_in_the_summary(small: dict[str, Any]) -> None:
    """An entry of a baseline that passes now, or is out of date, is told beside its target."""
    report = copy.deepcopy(small)
    report["targets"][0]["gate"] = {"baseline": "known.toml", "complaints": [{"line": "SET <passes> now", "at": 3}]}
    assert "SET &lt;passes&gt; now" in html.render(report)
    assert embedded(html.render(report))["targets"][0]["verdict"] == "diverges"


def test_both_ways_to_the_page_give_the_same(tmp_path: Path) -> None:
    """`redlark conform --html` writes what `redlark report html` makes of its JSON."""
    told, page, again = tmp_path / "r.json", tmp_path / "a.html", tmp_path / "b.html"
    options = ["embedded", "--commands", "GET", "--requests", "60", "--budget", "5", "--seed", "1", "--quiet"]
    done = CliRunner().invoke(conform, [*options, "--json", str(told), "--html", str(page)])
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(report_command, ["html", str(told), "--out", str(again)]).exit_code == 0
    assert page.read_text() == again.read_text()
    assert len(embedded(page.read_text())["targets"]) == 1


@pytest.mark.parametrize("file", ["nowhere/report.html", ""])
def test_where_the_page_cannot_be_written_one_line_says_so(file: str, tmp_path: Path) -> None:
    """No run is begun for a page that has no place to go; status 2."""
    done = CliRunner().invoke(
        conform, ["embedded", "--html", str(tmp_path / file), "--budget", "1", "--commands", "GET"]
    )
    assert done.exit_code == 2
    assert "the report cannot be written to" in done.output
