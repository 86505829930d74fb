"""What the pages are made of: guards taken from the loader's tree, anchors, findings, and examples that must hold."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

import pytest
from attrs import evolve

from redlark.reference.examples import played
from redlark.spec import syntax
from redlark.spec.loader import specification
from redlark.spec.profiles import PROFILES

notation = pytest.importorskip("docs.generator.notation")
commands = pytest.importorskip("docs.generator.commands")
pages = pytest.importorskip("docs.generator.pages")
records = pytest.importorskip("docs.generator.records")


def plain(html: str) -> str:
    """What a reader sees of a piece of a page."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def test_a_piece_of_the_text_is_shown_as_it_is_written() -> None:
    """Less its tags, the HTML of each file is the file, character by character."""
    for source in notation.sources().values():
        assert plain(source.html(0, len(source.text), "")) == source.text


def test_each_guard_marks_what_it_governs() -> None:
    """Every guard of every block that does not hold everywhere has its mark, with the profiles that it means."""
    for command in notation.told().values():
        wanted: Counter[int] = Counter()
        for node in notation.walk((command.syntax, command.facts, command.steps, command.means)):
            bits = notation.mask(getattr(node, "guard", None))
            both = (bits, notation.ALL & ~bits) if isinstance(node, syntax.VersionConditional) else (bits,)
            wanted.update(one for one in both if one != notation.ALL)
            words = node.words if isinstance(node, syntax.Choice) else ()
            swaps = [each[-1] for each in node.replying] if isinstance(node, syntax.Means) else ()
            guards = (*(guard for _, guard in words), *swaps)
            wanted.update(bits for guard in guards if (bits := notation.mask(guard)) != notation.ALL)
        source, item = notation.source_of(command)
        end = source.examples[command.name]
        marks = Counter(one.mask for one in source.marks if item.start <= one.start and one.end <= end)
        assert marks == wanted, command.name


def test_a_rule_that_a_profile_lacks_is_marked() -> None:
    """SET/get-with-nx holds before 7.0 alone, in redis-6.2; SET/past since Valkey 8.1."""
    html = commands.rules_html(notation.told()["SET"])
    marked = {
        mask: plain(inner).split()[1]
        for mask, inner in re.findall(r'<span data-p="(\d+)"><span class="rl-k">rule</span>(.*?</a>)', html)
        for inner in [f"rule {inner}"]
    }
    assert notation.profiles_of(int(next(m for m, name in marked.items() if name == "get-with-nx"))) == ["redis-6.2"]
    past = int(next(m for m, name in marked.items() if name == "past"))
    assert notation.profiles_of(past) == ["valkey-8.1", "valkey-9.1"]


def test_each_rule_has_a_place() -> None:
    """Every rule that a model of any profile has of a command leads to a page, but for the parser's to its line."""
    places = {rule: commands.place_of(rule) for name in notation.told() for rule in commands.rules(name)}
    assert None not in places.values()
    elsewhere = {rule.partition("/")[2] for rule, place in places.items() if str(place).endswith("#syntax")}
    parsing = {"syntax", "unknown", "excess", "too-few", "too-many", "unpaired", "repeated", "missing"}
    options = {"condition", "trim"}  # refused by words of the syntax line
    assert {name for name in elsewhere - parsing - options if not name.startswith("bad-")} == set()


def test_an_example_that_shows_what_is_not_so_makes_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong reply in the text ends the build."""
    block = notation.told()["GET"]
    example = block.examples[0]
    wrong = evolve(example, lines=(evolve(example.lines[0], output=('"nothing of the kind"',)), *example.lines[1:]))
    monkeypatch.setattr(commands, "named", lambda name: evolve(block, examples=(wrong,)))
    with pytest.raises(commands.WrongExample, match="nothing of the kind"):
        commands._told_by.__wrapped__("GET", 0)


def test_the_rules_behind_an_example_are_those_that_answered() -> None:
    """Of the first example of SET: stored, refused by NX, stored."""
    by, ran = commands._told_by("SET", 0)
    assert by == (("SET/stored",), ("SET/nx-exists",), ("SET/stored",))
    assert notation.profiles_of(ran) == [name for name in PROFILES if name != "redis-6.2"] + ["redis-6.2"] or ran == 255


def test_each_example_of_every_block_holds() -> None:
    """In every profile that has it, those of the blocks that no request names among them."""
    for name, model in commands.models().items():
        for command in specification().commands:
            for example in command.examples if command.name in model.commands else ():
                if PROFILES[name].holds(example.guard):
                    assert played(model, command, example)[1] is None


def test_findings_are_told_where_they_belong() -> None:
    """A finding stands with the commands that its title names, or else with those that its transcript sends."""
    about = {name: [title for title, _ in told] for name, told in records.findings().items()}
    assert any("DECRBY by the smallest number" in title for title in about["DECRBY"])
    assert any("CLIENT UNBLOCK" in title for title in about["CLIENT|UNBLOCK"])
    assert all("CLIENT UNBLOCK" not in title for title in about.get("CLIENT", ()))


def test_reports_of_runs_say_who_diverges(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target's divergence stands on the page of the command, with the rules, from any report among the results."""
    (tmp_path / "results").mkdir()
    (tmp_path / "findings.md").write_text("# None\n")
    (tmp_path / "results" / "run.json").write_text(
        '{"targets": [{"target": "x", "server": "other 1.0", "profile": "redis-8.2", "commands": '
        '{"GET": {"divergences": [{"rules": ["GET/value"]}]}, "SET": {"divergences": []}}}]}'
    )
    (tmp_path / "results" / "broken.json").write_text("{")
    monkeypatch.setattr(records, "DOCS", tmp_path)
    monkeypatch.setattr(records, "findings", dict)
    records.reports.cache_clear()
    try:
        assert "other 1.0, held to redis-8.2: GET/value ([report](../results/run.json))" in records.section("GET")
        assert records.section("SET") == ""
    finally:
        records.reports.cache_clear()


def test_options_are_those_of_the_program() -> None:
    """The page of options names every subcommand with the options that its help has."""
    page = pages.options_page()
    for said in ("## redlark conform", "### redlark spec diff", "`--budget", "`--seen`", "`--port"):
        assert said in page
