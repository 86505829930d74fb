"""DEBUG: digests of values and databases, as servers tell them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.reference import Model
from redlark.reference.debugging import microseconds_slept

NOW = 1_000_000_000_000
WORDS = st.sampled_from(("a", "b", "c", "10", "-1", "x"))
FILLED = st.sampled_from((
    ("SET", "s", "a"), ("SET", "e", "b", "PX", "100000"), ("SADD", "t", "a", "b"), ("SADD", "t", "1"),
    ("RPUSH", "l", "x"), ("HSET", "h", "f", "1"), ("HSET", "h", "g", "2"), ("ZADD", "z", "1.5", "m"),
    ("ZADD", "z", "-inf", "n"), ("SELECT", "3"),
))  # fmt: skip


def last(requests: Iterable[tuple[str, ...]], profile: str = "redis-6.2") -> bytes:
    """The last reply to requests of one client."""
    model = Model.load(profile)
    (world,) = model.connect(model.start(now=NOW, config={"enable-debug-command": "yes"}), 0)
    reply = b""
    for one in requests:
        world, reply = model.perform(world, 0, tuple(word.encode() for word in one), NOW)
    return reply


# Told by redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2.
@pytest.mark.parametrize("profile", ["redis-6.2", "redis-8.2", "valkey-9.1"])
def test_digests_that_servers_told(profile: str) -> None:
    """The digest of a database that holds one string is the one that servers tell."""
    filled = (("SELECT", "3"), ("SET", "s", "hello"), ("DEBUG", "DIGEST"))
    assert last(filled, profile) == b"+8db247273efb1545abad26a4b17b1854e262e0d6\r\n"


@pytest.mark.parametrize(
    ("score", "older", "newer"),
    [
        ("5e-324", "ca16e9b0a7d2f384669e66e2a8d2c26062404302", "0dd65c792b2e7451ba0efa00b081f5054b11fc10"),
        ("1e17", "865dfe692ba47395ddd673188be31a88f4f3a760", "865dfe692ba47395ddd673188be31a88f4f3a760"),
        ("123456789012345680", "0babe96009f271f60c282787ccc72e44e16527e7", "f4d4bf7900c17873090f4a03609670b27254dbd9"),
    ],
)
def test_digests_of_scores_that_servers_told(score: str, older: str, newer: str) -> None:
    """A digest has a score with as few digits as tell it apart, before 7.2 with as many as there may be."""
    asked = [("ZADD", "z", score, "a"), ("DEBUG", "DIGEST-VALUE", "z")]
    for profile, told in (("redis-6.2", older), ("redis-7.0", older), ("redis-8.2", newer), ("valkey-9.1", newer)):
        assert last(asked, profile) == b"*1\r\n+%b\r\n" % told.encode()


@settings(max_examples=40)
@given(st.lists(FILLED, max_size=8))
def test_equal_databases_have_equal_digests(filled: list[tuple[str, ...]]) -> None:
    """A digest says nothing of what was there meanwhile, and something of each change."""
    plain = last([*filled, ("DEBUG", "DIGEST")])
    detour = [("SET", "other", "v"), ("SADD", "t", "gone"), ("SREM", "t", "gone"), ("DEL", "other")]
    assert last([*filled, *detour, ("DEBUG", "DIGEST")]) == plain
    assert last([*filled, *detour[:1], ("DEBUG", "DIGEST")]) != plain


@given(st.lists(WORDS, min_size=2, max_size=5, unique=True))
def test_the_order_of_members_does_not_count_and_that_of_elements_does(words: list[str]) -> None:
    """Sets with the same members have one digest, whoever came first; lists have not."""
    told = [("DEBUG", "DIGEST-VALUE", "k")]
    assert last([("SADD", "k", *words), *told]) == last([("SADD", "k", *reversed(words)), *told])
    assert last([("RPUSH", "k", *words), *told]) != last([("RPUSH", "k", *reversed(words)), *told])


def test_deadlines_count() -> None:
    """A value's digest says whether its key has a deadline, and in Redis whether its fields have."""
    told, field = [("DEBUG", "DIGEST-VALUE", "h")], ("HPEXPIRE", "h", "100000", "FIELDS", "1", "f")
    for profile, counts in (("redis-8.2", True), ("valkey-9.1", False)):
        plain = last([("HSET", "h", "f", "1"), *told], profile)
        assert (last([("HSET", "h", "f", "1"), field, *told], profile) != plain) is counts
        assert last([("HSET", "h", "f", "1"), ("EXPIRE", "h", "100"), *told], profile) != plain


def test_how_long_a_server_sleeps() -> None:
    """A number that begins the text counts, what stands behind it does not."""
    assert [microseconds_slept(text) for text in (b"0.5", b" 1x", b"x", b"", b".25")] == [
        500_000,
        1_000_000,
        0,
        0,
        250_000,
    ]
