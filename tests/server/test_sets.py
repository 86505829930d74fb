"""Each core's set beside a Python set, and its encoding beside the text's primitive, which real servers have shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import cores
from redlark.server.config import Config
from redlark.spec.primitives.integers import parse_int
from redlark.spec.primitives.packing import set_grown
from tests.server.members import FEW, MEMBERS, SHORT, draws_are_fair, walk_meets_all


class Setting(RuleBasedStateMachine):
    """A set, the members that it should have, and the encoding that the text gives it."""

    core = ""

    @initialize(integers=FEW, entries=FEW, longest=SHORT)
    def start(self, integers: int, entries: int, longest: int) -> None:
        self.limits = integers, entries, longest
        self.config = SimpleNamespace(
            set_max_intset_entries=integers, set_max_listpack_entries=entries, set_max_listpack_value=longest
        )
        self.anew()

    def anew(self) -> None:
        self.set: Any = cores.choose(self.core).Set(self.config)
        self.model: frozenset[bytes] = frozenset()
        self.encoding = b"intset"

    def grow(self, members: list[bytes]) -> None:
        self.encoding = set_grown(self.encoding, self.model, tuple(members), *self.limits)
        self.model |= set(members)

    @rule(members=st.lists(MEMBERS, min_size=1, max_size=6))
    def add(self, members: list[bytes]) -> None:
        integers, entries, _ = self.limits
        named = len(members)
        if not self.model:
            is_int = parse_int(members[0]) is not None and named <= integers
            self.encoding = b"intset" if is_int else b"listpack" if named <= entries else b"hashtable"
        elif (self.encoding == b"intset" and named > integers) or (self.encoding == b"listpack" and named > entries):
            self.encoding = b"hashtable"
        new = len(set(members) - self.model)
        self.grow(members)
        assert self.set.add(members, named) == new

    @rule(members=st.lists(MEMBERS, max_size=8, unique=True), integers=st.booleans())
    def gather(self, members: list[bytes], integers: bool) -> None:
        self.anew()
        numbers = [member for member in members if parse_int(member) is not None]
        if not integers and (len(numbers) < len(members) or len(members) > self.limits[0]):
            self.encoding = b"listpack"
        self.grow(numbers + [member for member in members if parse_int(member) is None])
        self.set.gather(members, integers)

    @rule(members=st.lists(MEMBERS, max_size=3))
    def remove(self, members: list[bytes]) -> None:
        assert self.set.remove(members) == len(self.model & set(members))
        self.model -= set(members)
        if not self.model:  # an emptied value is of no use any more
            self.anew()

    @precondition(lambda self: len(self.model) > 1)
    @rule(count=st.integers(1, 9))
    def take(self, count: int) -> None:
        count = min(count, len(self.model) - 1)
        gone = self.set.take(count)
        assert len(set(gone)) == len(gone) == count
        assert set(gone) <= self.model
        self.model -= set(gone)
        if len(self.model) * 5 <= count and self.encoding != b"intset":
            self.encoding = set_grown(b"listpack", frozenset(), tuple(self.model), *self.limits)

    @rule()
    def copy(self) -> None:
        other = self.set.copy()
        self.set.add([b"only here"])
        self.set = other

    @precondition(lambda self: self.model)
    @rule()
    def draw(self) -> None:
        draws_are_fair(self.set, self.model)

    @invariant()
    def holds(self) -> None:
        self.set.check()
        assert frozenset(self.set) == self.model
        assert len(self.set) == len(self.model)
        assert all(member in self.set for member in self.model)
        assert not self.model or self.set.encoding == self.encoding
        assert self.encoding == b"hashtable" or sorted(self.set.scan(99, 1)[1]) == sorted(self.model)


@pytest.mark.parametrize("name", cores.available())
def test_a_set_is_a_set_with_an_encoding(name: str) -> None:
    """Whatever is added, gathered, removed or taken, members and encoding are those of the text."""
    machine = type("Machine", (Setting,), {"core": name})
    machine.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
    machine.TestCase().runTest()


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_meets_every_member_that_stays(name: str, seed: int) -> None:
    """A member present from the start of a walk to its end is told, though the set grows and shrinks."""
    value: Any = cores.choose(name).Set(Config())
    walk_meets_all(value, value.add, seed)


@pytest.mark.parametrize("name", cores.available())
def test_large_sets_draw_any_member(name: str) -> None:
    """A hash table of several blocks gives samples and draws as a small set does."""
    value: Any = cores.choose(name).Set(Config())
    members = [b"member:%d" % number for number in range(1500)]
    value.add(members)
    draws_are_fair(value, members)
