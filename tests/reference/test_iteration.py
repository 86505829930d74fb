"""SCAN promises: a key or member that is there from an iteration's first call to its last is returned once or more."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from redlark.reference import Model
from redlark.reference.model import Observed, Worlds

NOW = (1_000, 1_000)
model = Model.load("redis-8.2")


def bulk(text: str) -> bytes:
    """A bulk string."""
    return b"$%d\r\n%b\r\n" % (len(text), text.encode())


def page(cursor: str, keys: Iterable[str]) -> bytes:
    """A reply of SCAN."""
    items = list(keys)
    return b"*2\r\n" + bulk(cursor) + b"*%d\r\n" % len(items) + b"".join(bulk(key) for key in items)


def ask(worlds: Worlds, request: str, reply: bytes) -> Worlds:
    """The worlds that are left after a request and its reply."""
    return model.allows(worlds, 1, tuple(word.encode() for word in request.split()), NOW, Observed(reply))


@pytest.fixture
def begun() -> Worlds:
    """An iteration over a, b, c and d that has returned a and stands at cursor 2."""
    worlds = model.connect(model.start(now=NOW[0]), 1)
    for key in "abcd":
        worlds = ask(worlds, f"SET {key} v", b"+OK\r\n")
    return ask(worlds, "SCAN 0 COUNT 1", page("2", "a"))


def test_all_that_is_owed_ends_it(begun: Worlds) -> None:
    """An iteration may end once every key was returned, some of them more often."""
    assert ask(begun, "SCAN 2", page("0", "bcdba"))


def test_end_with_a_key_owed(begun: Worlds) -> None:
    """An iteration that ends while a key is owed is a divergence, in its first call too."""
    assert not ask(begun, "SCAN 2", page("0", "bc"))
    assert not ask(begun, "SCAN 0", page("0", "bcd"))


def test_key_that_is_not_there(begun: Worlds) -> None:
    """A page holds only keys that are there."""
    assert not ask(begun, "SCAN 2", page("0", "bcdx"))


def test_deleted_meanwhile(begun: Worlds) -> None:
    """A key that was away between two calls is owed no more, even if it is back."""
    worlds = ask(ask(begun, "DEL d", b":1\r\n"), "SET d v", b"+OK\r\n")
    assert ask(worlds, "SCAN 2", page("0", "bc"))


def test_written_meanwhile(begun: Worlds) -> None:
    """A key that is only written to stays owed."""
    assert not ask(ask(begun, "APPEND d w", b":2\r\n"), "SCAN 2", page("0", "bc"))


def test_left_out_by_a_filter(begun: Worlds) -> None:
    """What a pattern leaves out may have gone by unseen: it is owed no more."""
    worlds = ask(begun, "SCAN 2 MATCH b", page("4", ""))
    assert ask(worlds, "SCAN 4", page("0", "b"))
    assert not ask(worlds, "SCAN 4", page("0", "cd"))


def test_two_iterations_at_one_cursor(begun: Worlds) -> None:
    """Whoever comes with a cursor goes on with every iteration that stands there."""
    worlds = ask(begun, "SCAN 0 COUNT 1", page("2", "b"))
    assert not ask(worlds, "SCAN 2", page("0", "bcd"))
    assert ask(worlds, "SCAN 2", page("0", "abcd"))


def test_swapped_away(begun: Worlds) -> None:
    """Nothing is owed to an iteration whose database was exchanged for another."""
    assert ask(ask(begun, "SWAPDB 0 1", b"+OK\r\n"), "SCAN 2", page("0", ""))


# ---- over the members of a key -------------------------------------------------------------------------------


@pytest.fixture
def among_members() -> Worlds:
    """An iteration over a set of a, b, c, d and a long member, which has returned a and stands at cursor 2."""
    worlds = model.connect(model.start(now=NOW[0]), 1)
    worlds = ask(worlds, f"SADD s a b c d {LONG}", b":5\r\n")
    return ask(worlds, "SSCAN s 0 COUNT 1", page("2", "a"))


LONG = "x" * 70


def test_members_that_are_owed(among_members: Worlds) -> None:
    """A member that is there from the first call to the last is returned, perhaps more than once."""
    assert ask(among_members, "SSCAN s 2", page("0", ["b", "c", "d", LONG, "b"]))
    assert not ask(among_members, "SSCAN s 2", page("0", ["b", "c", "d"]))
    assert not ask(among_members, "SSCAN s 2", page("0", ["b", "c", "d", LONG, "e"]))


@pytest.mark.parametrize(
    ("writes", "owed"),
    [
        ([("SREM s d", b":1\r\n"), ("SADD s d", b":1\r\n")], ["b", "c", LONG]),
        ([("DEL s", b":1\r\n"), (f"SADD s a b {LONG}", b":3\r\n")], []),
        ([("SET s v", b"+OK\r\n"), ("DEL s", b":1\r\n"), (f"SADD s a b {LONG}", b":3\r\n")], []),
        ([("RENAME s t", b"+OK\r\n"), ("RENAME t s", b"+OK\r\n")], []),
        ([("SWAPDB 0 1", b"+OK\r\n"), ("SWAPDB 0 1", b"+OK\r\n")], []),
        ([("FLUSHALL", b"+OK\r\n"), (f"SADD s a b {LONG}", b":3\r\n")], []),
        ([("EXPIRE s 100", b":1\r\n"), ("SADD s e", b":1\r\n")], ["b", "c", "d", LONG]),
    ],
)
def test_members_written_meanwhile(among_members: Worlds, writes: list[tuple[str, bytes]], owed: list[str]) -> None:
    """What was away between two calls is owed no more, even if it is back; what only came beside changes nothing."""
    worlds = among_members
    for request, reply in writes:
        worlds = ask(worlds, request, reply)
    assert ask(worlds, "SSCAN s 2", page("0", owed))
    if owed:
        assert not ask(worlds, "SSCAN s 2", page("0", owed[1:]))


def test_members_of_another_key(among_members: Worlds) -> None:
    """A cursor goes on with iterations over its own key alone."""
    worlds = ask(among_members, f"SADD t a b {LONG}", b":3\r\n")
    assert ask(worlds, "SSCAN t 2", page("0", []))


def test_members_packed() -> None:
    """A packed set is told whole, wherever the cursor stands."""
    worlds = model.connect(model.start(now=NOW[0]), 1)
    worlds = ask(worlds, "SADD s a b c", b":3\r\n")
    assert ask(worlds, "SSCAN s 5 COUNT 1", page("0", "bca"))
    assert not ask(worlds, "SSCAN s 0 COUNT 1", page("2", "b"))
