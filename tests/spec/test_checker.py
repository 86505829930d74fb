"""The checker: each kind of mistake is refused with its place, and Redlark's own text has none."""

import pytest

from redlark.spec.checker import check
from redlark.spec.loader import collect, parse, specification

COMMON = """
errors
  SYNTAX     "ERR syntax error"
  WRONGTYPE  "WRONGTYPE Operation against a key holding the wrong kind of value"
  NOT_INT    "ERR value is not an integer or out of range"
  ARITY(c)   "ERR wrong number of arguments for '{c}' command"

type int  shown integer  by parse-int(text)  else error NOT_INT

state session
  name = ""
"""
FACTS = '  group string  since 1.0.0  complexity "O(1)"  flags write  acl string\n  returns int | nil\n'


def messages(block: str) -> list[str]:
    """What the checker says of one block."""
    return [str(error) for error in check(collect([*parse(COMMON, "common"), *parse(block, "block")]))]


def test_redlark_s_own_text_has_no_mistake() -> None:
    """The text that this repository ships passes its own checker in every profile."""
    assert [str(error) for error in check(specification())] == []


def test_a_sound_block_passes() -> None:
    """A block without a mistake gives no message."""
    assert messages(
        "command X key [A]\n" + FACTS + "  touches key RW access update\n  need s = string at key\n"
        "  rule none when s absent => nil\n  rule stored\n    db[key] := s ++ \"x\"\n    => size(s)\n"
    ) == []  # fmt: skip


MISTAKES = {
    "a name that is defined twice": ("define f(x) = x\ndefine f(x) = 1  since 7.0\n", "defined already"),
    "a read-only command with an effect": (
        "command X key\n" + FACTS.replace("flags write", "flags readonly") + '  rule r\n    db[key] := "v"\n    => 1\n',
        "declared readonly",
    ),
    "a write command without an effect": ("command X key\n" + FACTS + "  rule r => 1\n", "declared write"),
    "key access declared otherwise": (
        "command X key\n" + FACTS + "  touches key RO access\n  rule r\n    delete db[key]\n    => 1\n",
        "the steps say RM",
    ),
    "overwritten, but declared read and changed": (
        "command X key\n" + FACTS + '  touches key RW update\n  rule r\n    db[key] := "v"\n    => 1\n',
        "the steps say OW",
    ),
    "a reply outside the declared type": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => [key]\n",
        "this replies list",
    ),
    "a rule behind one that always ends": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => 1\n  rule late => nil\n",
        "no request can reach rule X/late",
    ),
    "a rule whose condition is never true": (
        "command X key\n" + FACTS + "  rule never when nil given => nil\n  rule r\n    delete db[key]\n    => 1\n",
        "no request can reach rule X/never",
    ),
    "an error that is not declared": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => error SINTAX\n",
        "error SINTAX is not declared",
    ),
    "an error with the wrong number of arguments": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => error ARITY\n",
        "error ARITY takes 1 arguments",
    ),
    "a name that is not defined": (
        "command X key\n" + FACTS + "  rule r\n    delete db[kee]\n    => 1\n",
        "did you mean 'key'?",
    ),
    "an option that is not in the syntax line": (
        "command X key [NX]\n" + FACTS + "  rule r when NXX\n    delete db[key]\n    => 1\n  rule s when NX => 2\n",
        "did you mean 'NX'?",
    ),
    "a function that does not exist": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => sise(key)\n",
        "did you mean 'size'?",
    ),
    "a primitive given the wrong type": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => size(print-int(key))\n",
        "this is text, not int",
    ),
    "a text compared with a number": (
        "command X key\n" + FACTS + "  rule r when key = 1\n    delete db[key]\n    => 1\n  rule s => 2\n",
        "never equal",
    ),
    "arithmetic on a text": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    => key + 1\n",
        "'+' takes numbers",
    ),
    "a type that no argument can have": (
        "command X key:keys\n" + FACTS + "  rule r\n    delete db[key]\n    => 1\n",
        "type 'keys' is not defined",
    ),
    "an argument called like a word of the notation": (
        "command X n:int late\n" + FACTS + "  rule r => 1\n",
        "'late' is a word of the notation",
    ),
    "a session field that is not declared": (
        "command X key\n" + FACTS + "  rule r\n    delete db[key]\n    session.nam := key\n    => 1\n",
        "did you mean 'name'?",
    ),
    "a need that does not say how it fails": (
        "command X key\n" + FACTS + "  need n = parse-int(key)\n  rule r\n    delete db[key]\n    => n\n",
        "say what happens where it fails",
    ),
    "a choice without end that no reply shows": (
        "command X key\n" + FACTS + "  choose n among 0 ..\n  rule r when n > 5 => 1\n"
        "  rule s\n    delete db[key]\n    => 2\n",
        "its domain has no end",
    ),
    "a fragment that is not there": (
        "command X key\n" + FACTS + "  use expiry()\n  rule r\n    delete db[key]\n    => 1\n",
        "fragment 'expiry'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_where_it_stands(mistake: str) -> None:
    """Each kind of mistake gives a message with file, line and column that says what is wrong."""
    block, expected = MISTAKES[mistake]
    found = messages(block)
    assert any(expected in message for message in found), found
    assert all(message.startswith("block:") for message in found), found
