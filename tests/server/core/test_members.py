"""The core's sets and hashes beside the plain ones: every method, in every form, with growth that takes many steps."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import plain
from redlark.server.config import Config
from redlark.server.plain.set import HASHTABLE, LISTPACK
from redlark.server.values import to_integer
from tests.server.members import draws_are_fair, walk_meets_all

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

NUMBERS = st.one_of(st.integers(-5, 5), st.integers(-(2**15) - 9, 2**15 + 9), st.integers(-(2**63), 2**63 - 1))
TEXTS = st.one_of(
    NUMBERS.map(lambda number: b"%d" % number),
    st.binary(max_size=3),
    st.sampled_from(
        [b"-0", b"007", b"9223372036854775808", b"x" * 63, b"x" * 64, b"x" * 254, b"x" * 255, b"y" * 70_000]
    ),
)
ENCODINGS = [b"intset", b"listpack", b"hashtable"]
LIMITS = {
    "set_max_intset_entries": st.sampled_from([0, 1, 5, 512]),
    "set_max_listpack_entries": st.sampled_from([0, 1, 5, 128]),
    "set_max_listpack_value": st.sampled_from([0, 2, 64, 2**40]),
    "hash_max_listpack_entries": st.sampled_from([0, 1, 5, 512]),
    "hash_max_listpack_value": st.sampled_from([0, 2, 64, 2**40]),
}


def walked(value: Any, cursor: int, count: int) -> list[bytes]:
    """What a walk that begins at a cursor meets."""
    met: list[bytes] = []
    for _ in range(5000):
        cursor, told = value.scan(cursor, count)
        met += told
        if cursor == 0:
            return met
    raise AssertionError("the walk does not end")


class Twins(RuleBasedStateMachine):
    """The same limits, and the same calls, for a value of each core."""

    kind = ""
    one: Any
    other: Any
    made = 0

    @initialize(limits=st.fixed_dictionaries(LIMITS))
    def start(self, limits: dict[str, int]) -> None:
        self.limits = SimpleNamespace(**limits)
        self.anew()

    def anew(self) -> None:
        self.one = getattr(core, self.kind)(self.limits)
        self.other = getattr(plain, self.kind)(self.limits)

    def both(self, method: str, *args: Any) -> Any:
        told = getattr(self.one, method)(*args)
        assert told == getattr(self.other, method)(*args)
        return told

    @rule(name=st.sampled_from(sorted(LIMITS)), data=st.data())
    def configure(self, name: str, data: st.DataObject) -> None:
        setattr(self.limits, name, data.draw(LIMITS[name]))

    @rule(count=st.integers(0, 400), texts=st.lists(TEXTS, max_size=3))
    def remove(self, count: int, texts: list[bytes]) -> None:
        gone = [member for member in self.other if member.startswith(b"made:")][:count]
        self.both("remove", gone + texts)
        self.both("remove", iter(gone))

    @rule()
    def copy(self) -> None:
        one, other = self.one.copy(), self.other.copy()
        self.one.remove(list(self.one))
        assert not len(self.one)
        self.one.check()
        self.one, self.other = one, other

    @rule(cursor=st.integers(0, 2**64 - 1), count=st.integers(1, 50))
    def walk(self, cursor: int, count: int) -> None:
        assert sorted(walked(self.one, 0, count)) == sorted(self.other)
        assert set(walked(self.one, cursor, count)) <= set(self.other)

    @precondition(lambda self: len(self.other) > 0)
    @rule(count=st.integers(0, 500))
    def draw(self, count: int) -> None:
        told = self.one.sample(count)
        assert len(told) == len(set(told)) == min(count, len(self.other))
        drawn = self.one.draw(count)
        assert len(drawn) == count
        assert {*told, *drawn} <= set(self.other)

    @rule(text=TEXTS)
    def ask(self, text: bytes) -> None:
        assert (text in self.one) == (text in self.other)
        assert None not in self.one

    @invariant()
    def alike(self) -> None:
        self.one.check()
        assert len(self.one) == len(self.other)
        assert self.one.kind == self.other.kind
        assert not len(self.other) or self.one.encoding == self.other.encoding
        assert sorted(self.one) == sorted(self.other)
        assert self.one.memory() >= sum(len(member) for member in self.other if to_integer(member) is None)


class Sets(Twins):
    kind = "Set"

    @rule(members=st.lists(TEXTS, min_size=1, max_size=6), announced=st.sampled_from([0, 1, 6, 300]))
    def add(self, members: list[bytes], announced: int) -> None:
        self.both("add", members, max(announced, len(members)) if announced else 0)

    @rule(count=st.integers(1, 600), number=st.booleans(), step=st.integers(1, 2**40))
    def grow(self, count: int, number: bool, step: int) -> None:
        for _ in range(count):
            self.made += 1
            self.both("add", [b"%d" % (self.made * step) if number else b"made:%d" % self.made])

    @rule(members=st.lists(TEXTS, max_size=300), integers=st.booleans())
    def gather(self, members: list[bytes], integers: bool) -> None:
        self.anew()
        self.both("gather", members, integers)

    @rule(
        members=st.lists(TEXTS, max_size=300, unique=True),
        encoding=st.sampled_from([b"listpack", b"hashtable", b"intset"]),
    )
    def load(self, members: list[bytes], encoding: bytes) -> None:
        self.anew()
        if encoding == b"intset":
            members = [member for member in members if to_integer(member) is not None]
        self.both("load", members, encoding)

    @precondition(lambda self: len(self.other) > 1)
    @rule(count=st.integers(1, 700))
    def take(self, count: int) -> None:
        count = min(count, len(self.other) - 1)
        gone = self.one.take(count)
        assert len(gone) == len(set(gone)) == self.other.remove(gone) == count
        if len(self.other) * 5 <= count and self.other.encoding != b"intset":  # as `take` keeps it anew
            left = list(self.other)
            few = len(left) <= self.limits.set_max_listpack_entries
            packs = few and all(len(member) <= self.limits.set_max_listpack_value for member in left)
            self.other = plain.Set(self.limits)
            self.other._become(LISTPACK if packs else HASHTABLE)
            self.other._add(left)
            self.other._become(LISTPACK if packs else HASHTABLE)


class Hashes(Twins):
    kind = "Hash"

    @rule(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6), keep=st.booleans())
    def set(self, pairs: list[tuple[bytes, bytes]], keep: bool) -> None:
        fields, values = zip(*pairs, strict=True)
        self.both("set", fields, values, keep)

    @rule(count=st.integers(1, 600), value=TEXTS)
    def grow(self, count: int, value: bytes) -> None:
        for _ in range(count):
            self.made += 1
            self.both("set", [b"made:%d" % self.made], [value[: self.made % 300]])

    @rule(pairs=st.dictionaries(TEXTS, TEXTS, max_size=30))
    def load(self, pairs: dict[bytes, bytes]) -> None:
        self.anew()
        self.both("load", list(pairs), list(pairs.values()))

    @rule(text=TEXTS)
    def get(self, text: bytes) -> None:
        self.both("get", text)

    @precondition(lambda self: len(self.other) > 0)
    @rule(data=st.data(), at=st.none() | st.integers(1, 50))
    def set_deadline(self, data: st.DataObject, at: int | None) -> None:
        self.both("be_timed")
        self.both("set_deadline", data.draw(st.sampled_from(sorted(self.other)[:50])), at)

    @rule(now=st.integers(0, 51), most=st.integers(0, 5))
    def end(self, now: int, most: int) -> None:
        self.both("end", now, most)

    @invariant()
    def pairs_alike(self) -> None:
        assert sorted(self.one.items()) == sorted(self.other.items())
        assert [field for field, _ in self.one.items()] == list(self.one)
        assert self.one.ends == self.other.ends
        assert self.one.timed == self.other.timed
        for field in list(self.other)[:50]:
            assert self.one.get(field) == self.other.get(field)
            assert self.one.deadline(field) == self.other.deadline(field)


TestSets = Sets.TestCase
TestHashes = Hashes.TestCase
TestSets.settings = TestHashes.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("announced", [0, 3, 300])
@pytest.mark.parametrize("before", [[b"1"], [b"a"], [b"a" * 65]], ids=["intset", "listpack", "hashtable"])
@pytest.mark.parametrize("first", [b"7", b"b"])
def test_an_emptied_set_is_filled_again(before: list[bytes], first: bytes, announced: int) -> None:
    """Whatever form it had when its last member went, it takes the form that a new one would take."""
    sets = [core.Set(Config()), plain.Set(Config())]
    for one in sets:
        one.add(before)
        one.remove(before)
        one.add([first, b"c"], announced)
        one.check()
        assert sorted(one) == sorted([first, b"c"])
    assert sets[0].encoding == sets[1].encoding


@pytest.mark.parametrize("seed", range(3))
def test_walks_and_draws_of_a_large_hash(seed: int) -> None:
    """A walk of a table that grows and shrinks meets each field that stays; any field can be drawn."""
    value = core.Hash(Config())
    walk_meets_all(value, lambda fields: value.set(fields, fields), seed)
    value = core.Hash(Config())
    fields = [b"field:%d" % number for number in range(1500)]
    value.set(fields, fields)
    draws_are_fair(value, fields)


def test_each_member_is_drawn_as_often() -> None:
    """Of 100 members in a table, which lie in buckets of different lengths, each is drawn as often as chance allows."""
    value = core.Set(Config(set_max_listpack_entries=0))
    value.add([b"m%d" % number for number in range(100)])
    drawn = value.draw(100_000)
    counts = [drawn.count(member) for member in value]
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 200  # chi squared, 99 degrees: 180 once in a million


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 400), st.randoms(use_true_random=False))
def test_what_has_shrunk_takes_little_more_than_what_has_not(kept: int, lost: int, rng: random.Random) -> None:
    """What a few members in a table take does not depend on how many there have been."""
    config = Config(set_max_listpack_entries=0, hash_max_listpack_entries=0)
    members = [b"member:%d" % number for number in range(kept + lost)]
    gone = rng.sample(members[kept:], lost)
    few, many = core.Set(config), core.Set(config)
    few.add(members[:kept])
    many.add(members)
    fewer, more = core.Hash(config), core.Hash(config)
    fewer.set(members[:kept], members[:kept])
    more.set(members, members)
    for member in gone:
        many.remove([member])
        more.remove([member])
        many.check()
        more.check()
    # Where there never was any, there is no table; nor where there never were more than seven of a set.
    assert many.memory() <= 3 * few.memory() + (100 if kept > 7 else 450)
    assert more.memory() <= 3 * fewer.memory() + 100


def test_few_long_members_take_no_table() -> None:
    """What is told as a table, since a member is too long, takes little more than its members until they are eight."""
    value, members = core.Set(Config()), [b"long:%d" % number * 12 for number in range(9)]
    value.add([b"7"])
    for count, member in enumerate(members, 2):
        assert value.add([member]) == 1
        assert value.add([member]) == 0
        value.check()
        assert value.encoding == b"hashtable"
        assert len(value) == count
        assert value.memory() < 48 + 16 + 80 * count or count > 7
    assert sorted(value) == sorted([b"7", *members])
    assert sorted(value.copy()) == sorted(value)
    assert value.copy().encoding == b"hashtable"


def test_growth_of_a_set_is_incremental() -> None:
    """Between making a larger table and giving the old one up there are many insertions."""
    value = core.Set(Config())
    number, size, made, given = 0, 0, 0, 0
    while not given:
        number += 1
        value.add([b"member:%d" % number])
        size, before = value.memory(), size
        if size > before + 500_000:
            made = number
        given = number if size < before - 200_000 else 0
    assert given - made > 4000
    value.check()
