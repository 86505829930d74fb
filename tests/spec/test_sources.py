"""Where the text says what: every rule has a place, and its words stand there."""

from __future__ import annotations

import pytest

from redlark.reference import Model
from redlark.spec.loader import parse
from redlark.spec.profiles import PROFILES
from redlark.spec.sources import sources


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-8.2", "valkey-9.1"])
def test_every_rule_of_a_profile_stands_somewhere(profile: str) -> None:
    """A rule has a place in its own block; the first one names it, or what the parser refuses by it."""
    text = sources()
    assert profile in PROFILES
    for rule in Model.load(profile).rules:
        command, _, short = rule.partition("/")
        block, places = text.block(command), text.places(rule)
        lines = text.texts[places[0].file].split("\n")
        line = lines[places[0].line - 1]
        written = short in line or short.removeprefix("bad-") in line or "need " in line
        assert written or places[0] == text.commands[command].place, (rule, line)
        inside = (p.file == block.file and block.first <= p.line <= block.last for p in places)
        assert any(inside) or text.commands[command].means, rule


def test_a_rule_of_a_fragment_stands_there_and_where_it_is_used() -> None:
    """SET/bad-expire is written once, for all commands with an expiry, and used in SET's block."""
    there, used = sources().places("SET/bad-expire")
    assert there.file == "common.redlark"
    assert sources().around(there.file, there.line).text.startswith("--")
    block = sources().block("SET")
    assert "use expiry" in block.text.split("\n")[used.line - block.first]


def test_blocks_are_whole() -> None:
    """The lines of each block, by themselves, are a text with that one command and its place among them."""
    for name, command in sources().commands.items():
        block = sources().block(name)
        (alone,) = parse(block.text, block.file)
        assert alone == command
        assert block.first <= command.place.line <= block.last


def test_what_is_not_in_the_text_has_no_place() -> None:
    """An unknown command has no places, and no block."""
    assert sources().places("NOSUCH/rule") == ()
    with pytest.raises(KeyError):
        sources().block("NOSUCH")
