"""The core's sorted set beside the plain one: every method, with the invariants checked after every step."""

from __future__ import annotations

import random
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import doubles
from redlark.server.plain import sorted_set as plain
from tests.server.members import walk_meets_all

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

MEMBERS = st.one_of(
    st.integers(-(2**63) - 1, 2**63).map(lambda number: b"%d" % number),
    st.integers(-130, 130).map(lambda number: b"%d" % number),
    st.binary(max_size=3),
    st.sampled_from([b"-0", b"007", b"x" * 44, b"x" * 45, b"y" * 255, b"z" * 256, b"w" * 5000]),
)
SCORES = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, 127.0, 128.0, -32769.0, 2.0**31, -(2.0**31), 2.0**53]),
    st.integers(-5, 5).map(float),
)
SHAPES = ("rising", "falling", "random", "equal")
RANK = st.floats(0, 1)


class Pair(RuleBasedStateMachine):
    """A sorted set of either core, and the same done to both."""

    @initialize(entries=st.sampled_from([0, 2, 128, 100_000]), longest=st.sampled_from([6, 64]))
    def start(self, entries: int, longest: int) -> None:
        self.limits = SimpleNamespace(zset_max_listpack_entries=entries, zset_max_listpack_value=longest)
        self.made = 0
        self.anew()

    def anew(self) -> None:
        self.ours: Any = core.SortedSet(self.limits)
        self.theirs: Any = plain.SortedSet(self.limits)

    def place(self, part: float) -> int:
        return int(part * len(self.theirs))

    def member(self, part: float) -> bytes:
        place = min(self.place(part), len(self.theirs) - 1)
        return bytes(self.theirs.range(place, place + 1)[0][0])

    @rule(member=MEMBERS, score=SCORES)
    def put(self, member: bytes, score: float) -> None:
        for value in (self.ours, self.theirs):
            value.put(member, score)

    @rule(count=st.integers(1, 400), shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**32))
    def put_many(self, count: int, shape: str, seed: int) -> None:
        rng = random.Random(seed)
        for number in range(self.made, self.made + count):
            score = {"rising": number, "falling": -number, "random": rng.randrange(1000) / 8, "equal": 7}[shape]
            for value in (self.ours, self.theirs):
                value.put(b"%d" % number, float(score))
        self.made += count

    @precondition(lambda self: self.theirs)
    @rule(part=RANK, score=SCORES)
    def move(self, part: float, score: float) -> None:
        member = self.member(part)
        for value in (self.ours, self.theirs):
            value.put(member, score)

    @precondition(lambda self: self.theirs)
    @rule(part=RANK, step=st.floats(-2, 2))
    def move_a_little(self, part: float, step: float) -> None:
        member = self.member(part)
        score = (self.theirs.score(member) or 0.0) + step
        for value in (self.ours, self.theirs):
            value.put(member, score)

    @rule(members=st.lists(MEMBERS, max_size=5), numbers=st.lists(st.integers(0, 2000), max_size=5))
    def remove(self, members: list[bytes], numbers: list[int]) -> None:
        named = members + [b"%d" % number for number in numbers]
        assert self.ours.remove(named) == self.theirs.remove(named)

    @rule(seed=st.integers(0, 2**32), share=st.floats(0, 1))
    def thin_out(self, seed: int, share: float) -> None:
        rng = random.Random(seed)
        for member, _ in self.theirs.range(0, len(self.theirs)):
            if rng.random() < share:
                assert self.ours.remove([member]) == self.theirs.remove([member]) == 1

    @rule(start=RANK, stop=RANK)
    def remove_range(self, start: float, stop: float) -> None:
        first, last = self.place(start), self.place(stop)
        self.ours.remove_range(first, last)
        self.theirs.remove_range(first, last)

    @rule(count=st.integers(1, 80), lowest=st.booleans())
    def pop(self, count: int, lowest: bool) -> None:
        for _ in range(min(count, len(self.theirs))):
            place = 0 if lowest else len(self.theirs) - 1
            assert self.ours.range(place, place + 1) == self.theirs.range(place, place + 1)
            self.ours.remove_range(place, place + 1)
            self.theirs.remove_range(place, place + 1)

    @rule(scores=st.dictionaries(MEMBERS, SCORES, max_size=8), many=st.integers(0, 300), how=st.booleans())
    def fill(self, scores: dict[bytes, float], many: int, how: bool) -> None:
        self.anew()
        scores |= {b"%d" % number: float(number % 7) for number in range(many)}
        for value in (self.ours, self.theirs):
            (value.gather if how else value.load)(scores.items())

    @rule()
    def unpack(self) -> None:
        self.ours.unpack()
        self.theirs.unpack()

    @rule()
    def copy(self) -> None:
        other = self.ours.copy()
        self.ours.put(b"only here", 1.0)
        self.ours.check()
        self.ours = other

    @rule(start=RANK, stop=RANK)
    def look(self, start: float, stop: float) -> None:
        assert self.ours.range(self.place(start), self.place(stop)) == self.theirs.range(
            self.place(start), self.place(stop)
        )

    @rule(bound=SCORES, member=MEMBERS)
    def search(self, bound: float, member: bytes) -> None:
        for test in (lambda s, m: s >= bound, lambda s, m: s > bound, lambda s, m: (s, m) >= (bound, member)):
            assert self.ours.first(test) == self.theirs.first(test)

    @rule(member=MEMBERS, part=RANK)
    def ask(self, member: bytes, part: float) -> None:
        for name in (member, self.member(part) if self.theirs else b""):
            assert repr(self.ours.score(name)) == repr(self.theirs.score(name))
            assert self.ours.rank(name) == self.theirs.rank(name)
            assert (name in self.ours) == (name in self.theirs)

    @rule(count=st.integers(1, 100))
    def walk(self, count: int) -> None:
        cursor, found = self.ours.scan(0, count)
        while cursor:
            cursor, more = self.ours.scan(cursor, count)
            found += more
        assert sorted(found) == sorted(self.theirs)
        assert sorted(self.ours) == sorted(self.theirs)

    @precondition(lambda self: self.theirs)
    @rule(count=st.integers(0, 300))
    def choose(self, count: int) -> None:
        told = self.ours.sample(count)
        assert len(set(told)) == len(told) == min(count, len(self.theirs))
        assert len(self.ours.draw(count)) == count
        assert all(member in self.theirs for member in told + self.ours.draw(count))

    @invariant()
    def holds(self) -> None:
        self.ours.check()
        assert len(self.ours) == len(self.theirs)
        assert self.ours.encoding == self.theirs.encoding
        ours, theirs = (value.range(0, len(value)) for value in (self.ours, self.theirs))
        assert ours == theirs
        assert [repr(score) for _, score in ours] == [repr(score) for _, score in theirs]


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("shape", SHAPES)
def test_many_levels(shape: str) -> None:
    """A hundred thousand members in any order of arrival and of leaving keep the invariants and their ranks."""
    rng = random.Random(shape)
    value = core.SortedSet(SimpleNamespace(zset_max_listpack_entries=128, zset_max_listpack_value=64))
    members = [b"member:%d" % number for number in range(100_000)]
    for number, member in enumerate(members):
        value.put(member, {"rising": number, "falling": -number, "random": rng.random(), "equal": 7}[shape])
    value.check()
    order = [member for member, _ in value.range(0, len(members))]
    for place in rng.sample(range(len(order)), 300):
        assert value.rank(order[place]) == place
    left = set(members)
    for _ in range(6):
        for member in rng.sample(sorted(left), len(left) * 2 // 3):
            value.remove([member])
            left.discard(member)
        start = rng.randrange(len(left) // 2)
        left -= {member for member, _ in value.range(start, start + 50)}
        value.remove_range(start, start + 50)
        value.check()
        assert set(value) == left


def test_scores_have_the_same_texts_in_c_and_in_python() -> None:
    """Whatever the bits of a double, and for numbers with few digits, both print the same."""
    rng = random.Random(5)
    for _ in range(60_000):
        numbers = struct.unpack("d", rng.randbytes(8))[0], rng.randrange(10**9) / 10 ** rng.randrange(12)
        for number in (
            *numbers,
            float(rng.getrandbits(rng.randrange(1, 70))),
            rng.random(),
            -5e-324 * rng.getrandbits(52),
        ):
            assert core.show(number) == doubles.show(number)
    for exponent in range(-1074, 1024):
        assert core.show(2.0**exponent) == doubles.show(2.0**exponent)
    for number in (float("inf"), float("-inf"), float("nan"), 0.0, -0.0):
        assert core.show(number) == doubles.show(number)


class Copied:
    """A sorted set that is replaced by its copy at each step of a walk."""

    def __init__(self) -> None:
        self.value = core.SortedSet(SimpleNamespace(zset_max_listpack_entries=2, zset_max_listpack_value=64))

    def add(self, members: list[bytes]) -> None:
        for member in members:
            self.value.put(member, float(hash(member) % 9))

    def scan(self, cursor: int, count: int) -> Any:
        self.value = self.value.copy()
        return self.value.scan(cursor, count)

    def remove(self, members: list[bytes]) -> None:
        self.value.remove(members)

    def check(self) -> None:
        self.value.check()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_a_walk_goes_on_in_a_copy(seed: int) -> None:
    """A member that stays is told though a copy takes the value's place at each step, as ZUNIONSTORE may."""
    walked = Copied()
    walk_meets_all(walked, walked.add, seed)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 400), st.booleans(), st.randoms(use_true_random=False))
def test_one_that_has_shrunk_takes_little_more_than_one_that_has_not(
    kept: int, lost: int, at_once: bool, rng: random.Random
) -> None:
    """What few members take does not depend on how many there have been."""
    few, many = (core.SortedSet(SimpleNamespace(zset_max_listpack_entries=0, zset_max_listpack_value=64)) for _ in "ab")
    for value, count in ((few, kept), (many, kept + lost)):
        value.unpack()
        for number in range(count):
            value.put(b"member:%d" % number, float(number % 7))
    if at_once:
        many.remove_range(kept, kept + lost)
    else:
        for number in rng.sample(range(kept, kept + lost), lost):
            many.remove([b"member:%d" % number])
            many.check()
    many.check()
    assert len(many) == kept
    assert many.memory() <= 3 * few.memory()
