"""Metadata: what is worked out from a syntax line, and what is told of it."""

import pytest

from redlark.spec.derivation import arity, exists, table
from redlark.spec.loader import collect, parse
from redlark.spec.metadata import Facts, Prose, SetOf, Table, generated
from redlark.spec.profiles import PROFILES, profile

OWN = {name: table(name) for name in PROFILES}


def facts(line: str, *more: str, under: str = "redis-8.2") -> Facts:
    """The metadata of one command, written as a syntax line and facts."""
    rows = ["group string  since 1.0.0", *more]
    text = f"command {line}\n" + "".join(f"  {row}\n" for row in rows) + '  "A command."\n  rule done  => 1\n'
    told = table(under, collect(parse("type int shown integer by parse-int(text)\n\n" + text)))
    return told.commands[line.split()[0].lower()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("C", 1),
        ("C key value", 3),
        ("C key...", -2),
        ("C key [NX | XX]", -2),
        ("C (key value)...", -3),
        ("C n:int key#n", -3),
        ("C key where:<LEFT | RIGHT>", 3),
        ("C|SUB name", 3),
        ("C key [NX] since valkey 9.1", 2),
    ],
)
def test_arity(line: str, expected: int) -> None:
    """Arity counts the name and what must be there, and is negative where more may follow in this profile."""
    assert facts(line).arity == expected


def test_declared_arity_wins() -> None:
    """An arity that the text declares is told as it stands, and brackets that it has room for are not optional."""
    told = facts("C [attr = ONE one | TWO two]", "arity 3")
    assert told.arity == 3
    assert [(a.name, a.type, a.flags) for a in told.arguments] == [("attr", "oneof", ())]


@pytest.mark.parametrize(
    ("line", "touched", "spec", "key_range"),
    [
        ("C key", ["key"], (1, 0, 1, None), (1, 1, 1)),
        ("C key...", ["key"], (1, -1, 1, None), (1, -1, 1)),
        ("C key... timeout", ["key"], (1, -2, 1, None), (1, -2, 1)),
        ("C (key value)...", ["key"], (1, -1, 2, None), (1, -1, 2)),
        ("C one:key other:key", ["one"], (1, 1, 1, None), (1, 2, 1)),
        ("C one:key other:key", ["one", "other"], (1, 0, 1, None), (1, 2, 1)),
        ("C|SUB key", ["key"], (2, 0, 1, None), (2, 2, 1)),
        ("C n:int key#n", ["key"], (1, 0, 1, 0), (0, 0, 0)),
        ("C n:int (key value)#n", ["key"], (1, 0, 2, 0), (0, 0, 0)),
    ],
)
def test_key_positions(
    line: str, touched: list[str], spec: tuple[int, int, int, int | None], key_range: tuple[int, int, int]
) -> None:
    """A key specification follows from where its argument stands; adjoining ones make the range of older replies."""
    told = facts(line, *(f"touches {name} RO access" for name in touched))
    first = told.key_specs[0]
    assert (first.index, first.last, first.step, first.count) == spec
    assert len(told.key_specs) == len(touched)
    assert told.key_range == key_range


def test_keys_of_a_request() -> None:
    """The keys of a request are found by its key specifications; a count that the request does not hold fails."""
    counted = facts("C n:int key#n [NX]", "touches key RW access update")
    flags = ("RW", "access", "update")
    assert counted.keys([b"C", b"2", b"a", b"b", b"NX"]) == [(b"a", flags), (b"b", flags)]
    assert counted.keys([b"C", b"3", b"a", b"b"]) is None
    assert counted.keys([b"C", b"x", b"a", b"b"]) is None
    behind = facts("C name [STORE destination:key]", "touches destination OW update")
    assert behind.keys([b"C", b"n", b"store", b"d"]) == [(b"d", ("OW", "update"))]
    assert behind.keys([b"C", b"n"]) == []
    needed = facts("C [COUNT n:int] STREAMS (streams = key#n id#n)", "touches key RO access")
    assert needed.keys([b"C", b"STREAMS", b"a", b"0"]) == [(b"a", ("RO", "access"))]
    assert needed.keys([b"C", b"COUNT", b"1"]) is None


def test_a_key_is_read_on_request() -> None:
    """SET reads its key only where GET asks for it, and says so by the flags of that request's key."""
    told = OWN["redis-8.2"].commands["set"]
    assert told.keys([b"SET", b"k", b"v"]) == [(b"k", ("OW", "update"))]
    assert told.keys([b"SET", b"k", b"v", b"get"]) == [(b"k", ("RW", "access", "update"))]


def test_argument_trees() -> None:
    """Words take the arguments behind them; brackets are optional, choices are oneofs, several things a block."""
    told = facts(
        "C key [order = ASC | DESC since 7.0.0] [LIMIT offset:int count:int] [GET pattern]... (score member)..."
    )
    shown = [(a.name, a.type, a.token, a.flags, [inner.name for inner in a.arguments]) for a in told.arguments]
    assert shown == [
        ("key", "key", None, (), []),
        ("order", "oneof", None, ("optional",), ["asc", "desc"]),
        ("limit", "block", "LIMIT", ("optional",), ["offset", "count"]),
        ("pattern", "pattern", "GET", ("optional", "multiple", "multiple_token"), []),
        ("data", "block", None, ("multiple",), ["score", "member"]),
    ]
    assert [a.since for a in told.arguments[1].arguments] == [None, "7.0.0"]


def test_a_version_moves_up_from_all_alternatives() -> None:
    """Where all alternatives came with one version, the choice came with it; none older than the command is told."""
    (choice,) = facts("C [mode = A since 2.0.0 | B since 2.0.0]").arguments
    assert (choice.since, [a.since for a in choice.arguments]) == ("2.0.0", [None, None])
    (old,) = facts("C [A] since 0.9.0").arguments
    assert old.since is None


def test_names_of_7_0() -> None:
    """An argument shown under another name has it for its name before 7.2, and to display since."""
    line, shown = "C [addr]", 'shown addr as "ip:port"'
    (before,) = facts(line, shown, under="redis-7.0").arguments
    (since,) = facts(line, shown, under="redis-7.2").arguments
    assert (before.name, before.display) == ("ip:port", None)
    assert (since.name, since.display) == ("addr", "ip:port")


def test_flags_stand_in_the_servers_order_and_imply_categories() -> None:
    """Flags of several facts add up in Redis's order; readonly and write are categories of their own."""
    told = facts("C key", "flags fast readonly", "flags random  until 7.0", "acl fast string", under="redis-6.2")
    assert told.flags == ("readonly", "random", "fast")
    assert told.categories == ("read", "string", "fast")


def test_history_ends_with_the_profile() -> None:
    """A change is told from its version on; Valkey tells of Redis's up to 7.2 and of those that are guarded for it."""
    rows = ['history 6.2.0 "a"', 'history 7.4.0 "b"', 'history 8.0.0 "c"  only valkey 8.1']
    told = {name: [version for version, _ in facts("C", *rows, under=name).history] for name in PROFILES}
    assert told["redis-7.0"] == ["6.2.0"]
    assert told["redis-8.2"] == ["6.2.0", "7.4.0"]
    assert told["valkey-9.1"] == ["6.2.0", "8.0.0"]


def test_replies_mark_what_is_prose() -> None:
    """Summaries are prose, which a real server words otherwise; names are not, and flags are a set."""
    docs, info = OWN["redis-8.2"].docs("get"), OWN["redis-8.2"].info("GET")
    assert docs is not None
    assert info is not None
    assert isinstance(docs[b"summary"], Prose)
    assert not isinstance(docs[b"group"], Prose)
    assert info[2] == SetOf(["readonly", "fast"])
    assert OWN["redis-8.2"].info("nosuch") is OWN["redis-8.2"].docs("nosuch") is None


def test_before_7_0_there_are_no_subcommands() -> None:
    """Under 6.2 a container is one command, with the keys of its subcommands; INFO tells seven things of it."""
    old, new = OWN["redis-6.2"], OWN["redis-7.0"]
    assert not any("|" in name for name in old.commands)
    assert "client|id" in new.commands["client"].subcommands
    info = old.info("object")
    assert info is not None
    assert len(info) == 7
    assert info[3:6] == [2, 2, 1]


def test_versions_of_commands() -> None:
    """A command is there from `since` on, before `until`, and for the products of `only`."""
    (command,) = collect(parse("command C\n  group string  since 7.0.0\n  rule r => 1\n")).commands
    assert not exists(command, profile("redis-6.2"))
    assert exists(command, profile("valkey-8.1"))
    assert arity(command, profile("redis-7.0")) == 1


def test_a_word_before_a_choice_is_the_choices() -> None:
    """A bracket of a word and a choice is one optional choice with that word."""
    (choice,) = facts("C [BY [by = ONE one | TWO two]]").arguments
    assert (choice.name, choice.token, choice.flags) == ("by", "BY", ("optional",))
    assert [a.token for a in choice.arguments] == ["ONE", "TWO"]


def test_what_is_shown_as_nothing_is_not_told() -> None:
    """Arguments that a version does not tell of are shown as an empty text."""
    line, row = "C command [arg]...", 'shown arg as ""  until 7.2'
    assert [a.name for a in facts(line, row, under="redis-7.0").arguments] == ["command"]
    assert [a.name for a in facts(line, row, under="redis-7.2").arguments] == ["command", "arg"]


@pytest.mark.parametrize("name", PROFILES)
def test_json_keeps_everything(name: str) -> None:
    """A table written as JSON reads back as the same table."""
    assert Table.from_json(OWN[name].to_json()) == OWN[name]


def test_generated_table_is_current() -> None:
    """The JSON table that the server reads is the one that the text gives (`python -m redlark.spec.metadata`)."""
    assert generated("redis-8.2") == OWN["redis-8.2"]


# As COMMAND GETKEYS finds them: redis 7.0.15 to 8.2.3 and valkey; before, each command had its own search.
COUNTED = [
    ((b"2", b"a", b"b", b"c"), (b"d", b"a", b"b"), (b"a", b"b", b"d")),
    ((b"2x", b"a", b"b", b"c"), (b"a", b"b", b"d"), (b"a", b"b", b"d")),
    ((b" 1", b"a"), (b"a", b"d"), (b"a", b"d")),
    ((b"4294967297", b"a"), (b"a", b"d"), (b"a", b"d")),
    ((b"x", b"a"), None, None),
    ((b"0", b"a"), None, None),
    ((b"2", b"a"), None, None),
]


@pytest.mark.parametrize(("words", "specified", "own"), COUNTED)
def test_keys_behind_a_count(
    words: tuple[bytes, ...], specified: tuple[bytes, ...] | None, own: tuple[bytes, ...] | None
) -> None:
    """Where the specifications cannot read a count, C does, and the key that is stored to comes last."""
    facts = table("redis-8.2").commands["zunionstore"]
    for by_command, expected in ((False, specified), (True, own)):
        found = facts.keys([b"ZUNIONSTORE", b"d", *words], by_command=by_command)
        assert (None if found is None else tuple(key for key, _ in found)) == expected
