"""The notation: what parses, what a guard means, and how a text that does not parse is explained."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec import loader
from redlark.spec import syntax as s
from redlark.spec.loader import NotationError, parse, parse_guard
from redlark.spec.profiles import PROFILES, profile, recognise

DRAFTS = sorted((Path(__file__).parent / "drafts").glob("*.redlark"))


@pytest.mark.parametrize("path", DRAFTS, ids=lambda p: p.stem)
def test_the_hardest_commands_can_be_written(path: Path) -> None:
    """The drafts of what is hardest to say parse, though the text says some of it otherwise by now."""
    commands = [item for item in parse(path.read_text(), path.name) if isinstance(item, s.Command)]
    assert commands
    assert all(command.facts for command in commands)


def test_reading_order_is_kept() -> None:
    """A block's steps stand in the tree as they stand on the page, which is the order of evaluation."""
    (command,) = parse(
        "command X key [A | B]\n  group g  since 1.0.0\n  need s = string at key\n"
        "  rule first when A => 1\n  rule second => 2\n"
    )
    assert isinstance(command, s.Command)
    assert [type(step).__name__ for step in command.steps] == ["Need", "Rule", "Rule"]
    assert [step.name for step in command.steps if isinstance(step, s.Rule)] == ["first", "second"]


def test_an_example_keeps_every_line() -> None:
    """An example's requests, clients, guards and printed lines are read as written."""
    (command,) = parse(
        'command X key\n  group g  since 1.0.0\n  rule r => 1\n\n  example "two clients"  since 7.0\n'
        '    > X a\n    (integer) 1\n    2> X b    until 7.2\n    1) "x"\n    2) (nil)\n'
    )
    assert isinstance(command, s.Command)
    (example,) = command.examples
    assert example.title == "two clients"
    assert example.guard == parse_guard("since 7.0")
    assert [(line.client, line.request, line.output) for line in example.lines] == [
        (1, "X a", ("(integer) 1",)),
        (2, "X b", ('1) "x"', "2) (nil)")),
    ]
    assert example.lines[1].guard == parse_guard("until 7.2")
    assert (example.resp, example.clustered) == (2, False)


@pytest.mark.parametrize(
    ("head", "resp", "clustered"),
    [("resp3", 3, False), ("cluster", 2, True), ('"of a cluster" resp3 cluster  since 7.0', 3, True)],
)
def test_an_example_says_whom_it_asks(head: str, resp: int, clustered: bool) -> None:
    """A version of the protocol, and whether the server is a node of a cluster; a title means neither."""
    (command,) = parse(f"command X\n  group g  since 1.0.0\n  rule r => 1\n\n  example {head}\n    > X\n    1\n")
    assert isinstance(command, s.Command)
    (example,) = command.examples
    assert (example.resp, example.clustered) == (resp, clustered)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("command X key\n  group a  since 1.0.0\n  rule x wen y => 1\n", 3, "when"),
        ("command X key\n  group a since\n", 2, "a version"),
        ("comand X key\n", 1, "command"),
        ("command X [A | B\n  group a\n", 1, "]"),
        (
            "command X\n  group a  since 1.0.0\n  rule r => 1\n\n  example resp4\n    > X\n    1\n",
            5,
            "resp3 or cluster",
        ),
    ],
)
def test_what_does_not_parse_is_explained(text: str, line: int, hint: str) -> None:
    """A message names file, line and column, shows the line, and says what could stand there."""
    with pytest.raises(NotationError) as caught:
        parse(text, "mine.redlark")
    error = caught.value
    assert error.place.file == "mine.redlark"
    assert error.place.line == line
    assert hint in str(error)


def test_guards_hold_where_they_say() -> None:
    """A bare version is Redis's; Valkey has what Redis had up to 7.2, and its own versions by name."""

    def where(text: str) -> set[str]:
        return {name for name, p in PROFILES.items() if p.holds(parse_guard(text))}

    everything = set(PROFILES)
    assert where("since 7.0") == everything - {"redis-6.2"}
    assert where("since 7.4") == {"redis-7.4", "redis-8.0", "redis-8.2"}
    assert where("since 7.4 or valkey 9.0") == {"redis-7.4", "redis-8.0", "redis-8.2", "valkey-9.1"}
    assert where("only valkey 8.1") == {"valkey-8.1", "valkey-9.1"}
    assert where("only redis") == {name for name in everything if name.startswith("redis")}
    assert where("since 7.0 until 7.4") == {"redis-7.0", "redis-7.2", "valkey-8.1", "valkey-9.1"}


@given(st.sampled_from(["7.0", "7.2", "7.4", "8.2", "valkey 8.1", "valkey 9.0"]), st.sampled_from(sorted(PROFILES)))
def test_since_and_until_are_each_other_s_complement(version: str, name: str) -> None:
    """In every profile exactly one of `since V` and `until V` holds."""
    chosen = profile(name)
    assert chosen.holds(parse_guard(f"since {version}")) != chosen.holds(parse_guard(f"until {version}"))


@pytest.mark.parametrize(
    ("product", "version", "name"),
    [
        ("redis", "6.2.14", "redis-6.2"), ("redis", "7.0.15", "redis-7.0"), ("redis", "8.2.3", "redis-8.2"),
        ("redis", "7.3.9", "redis-7.2"), ("redis", "5.0.1", "redis-6.2"), ("valkey", "9.1.2", "valkey-9.1"),
    ],
)  # fmt: skip
def test_a_server_s_version_finds_the_nearest_profile(product: str, version: str, name: str) -> None:
    """The latest profile that is not newer than the server, else the oldest."""
    assert recognise(product, version).name == name


def test_the_text_names_each_command_once_a_profile() -> None:
    """No profile has two blocks, errors, types or definitions of one name."""
    text = loader.specification()
    from redlark.spec.derivation import exists

    for chosen in PROFILES.values():
        for items in (text.errors, text.types, text.defines, text.fragments):
            names = [item.name for item in items if chosen.holds(getattr(item, "guard", None))]
            assert sorted(names) == sorted(set(names))
        commands = [command.name for command in text.commands if exists(command, chosen)]
        assert sorted(commands) == sorted(set(commands))
