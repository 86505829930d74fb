"""Each core's sorted set beside a sorted list of a dict, and its encoding beside what the text says of it."""

from __future__ import annotations

import math
import random
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import cores, doubles
from redlark.server.config import Config
from redlark.spec.primitives import doubles as observed
from tests.server.members import FEW, MEMBERS, SHORT, draws_are_fair, walk_meets_all

SCORES = st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, math.inf, -math.inf, 1e300])
RANKS = st.integers(0, 20)


def signs(pairs: list[tuple[bytes, float]]) -> list[tuple[bytes, str]]:
    """Scores by their texts, in which -0 is not 0."""
    return [(member, repr(score)) for member, score in pairs]


class Sorting(RuleBasedStateMachine):
    """A sorted set, the scores that it should have, and whether it is packed."""

    core = ""

    @initialize(entries=FEW, longest=SHORT)
    def start(self, entries: int, longest: int) -> None:
        self.entries, self.longest = entries, longest
        self.limits = SimpleNamespace(zset_max_listpack_entries=entries, zset_max_listpack_value=longest)
        self.anew()

    def anew(self) -> None:
        self.zset: Any = cores.choose(self.core).SortedSet(self.limits)
        self.model: dict[bytes, float] = {}
        self.packed = True

    def ordered(self) -> list[tuple[bytes, float]]:
        return sorted(self.model.items(), key=lambda pair: (pair[1], pair[0]))

    @rule(member=MEMBERS, score=SCORES)
    def put(self, member: bytes, score: float) -> None:
        if member not in self.model and (len(self.model) >= self.entries or len(member) > self.longest):
            self.packed = False
        self.zset.put(member, score)
        self.model[member] = score + 0.0 if self.packed else score

    @rule(scores=st.dictionaries(MEMBERS, SCORES, max_size=6))
    def gather(self, scores: dict[bytes, float]) -> None:
        self.anew()
        self.zset.gather(scores.items())
        self.packed = len(scores) <= self.entries and all(len(member) <= self.longest for member in scores)
        self.model = {member: score + 0.0 if self.packed else score for member, score in scores.items()}

    @rule()
    def unpack(self) -> None:
        self.zset.unpack()
        self.packed = False

    @rule(members=st.lists(MEMBERS, max_size=3))
    def remove(self, members: list[bytes]) -> None:
        gone = [member for member in set(members) if self.model.pop(member, None) is not None]
        assert self.zset.remove(members) == len(gone)

    @rule(start=RANKS, stop=RANKS)
    def remove_range(self, start: int, stop: int) -> None:
        start, stop = (min(rank, len(self.model)) for rank in (start, stop))
        for member, _ in self.ordered()[start:stop]:
            del self.model[member]
        self.zset.remove_range(start, stop)

    @rule(start=RANKS, stop=RANKS)
    def look(self, start: int, stop: int) -> None:
        start, stop = (min(rank, len(self.model)) for rank in (start, stop))
        assert self.zset.range(start, stop) == self.ordered()[start:stop]

    @rule(bound=SCORES)
    def search(self, bound: float) -> None:
        assert self.zset.first(lambda score, _: score >= bound) == sum(s < bound for s in self.model.values())

    @precondition(lambda self: self.model)
    @rule(bound=MEMBERS)
    def search_in_disorder(self, bound: bytes) -> None:
        held = [member >= bound for member, _ in self.ordered()]
        found = self.zset.first(lambda _, member: member >= bound)
        if self.packed:
            assert found == (held.index(True) if any(held) else len(held))
        elif not held[-1]:
            assert found == len(held)
        else:
            assert held[found]
            assert not found or not held[found - 1]

    @rule(member=MEMBERS)
    def ask(self, member: bytes) -> None:
        assert self.zset.score(member) == self.model.get(member)
        ranks = [each for each, _ in self.ordered()]
        assert self.zset.rank(member) == (ranks.index(member) if member in ranks else None)

    @rule()
    def copy(self) -> None:
        other = self.zset.copy()
        self.zset.put(b"only here", 1.0)
        self.zset = other

    @precondition(lambda self: self.model)
    @rule()
    def draw(self) -> None:
        draws_are_fair(self.zset, self.model)

    @invariant()
    def holds(self) -> None:
        self.zset.check()
        assert signs(self.zset.range(0, len(self.model))) == signs(self.ordered())
        assert set(self.zset) == set(self.model)
        assert not self.model or self.zset.encoding == (b"listpack" if self.packed else b"skiplist")
        assert not self.packed or sorted(self.zset.scan(99, 1)[1]) == sorted(self.model)


@pytest.mark.parametrize("name", cores.available())
def test_a_sorted_set_is_a_sorted_dict_with_an_encoding(name: str) -> None:
    """Whatever is put, gathered and removed, order, scores, ranks and encoding are those of the text."""
    machine = type("Machine", (Sorting,), {"core": name})
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
    machine.TestCase().runTest()


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_meets_every_member_that_stays(name: str, seed: int) -> None:
    """A member present from the start of a walk to its end is told, though the sorted set grows and shrinks."""
    value: Any = cores.choose(name).SortedSet(Config())

    def add(members: list[bytes]) -> None:
        for member in members:
            value.put(member, float(hash(member) % 50))

    walk_meets_all(value, add, seed)
    assert len(value) >= 400
    ordered = value.range(0, len(value))
    assert [value.rank(member) for member, _ in ordered] == list(range(len(value)))
    value.remove_range(100, len(value) - 100)
    value.check()
    assert value.range(0, 200) == ordered[:100] + ordered[-100:]


def test_scores_are_printed_as_real_servers_were_seen_to() -> None:
    """Whatever the bits of a double, its text is that of the text's own primitive."""
    rng = random.Random(4)
    for _ in range(20_000):
        (number,) = struct.unpack("d", rng.randbytes(8))
        if not math.isnan(number):
            assert doubles.show(number) == observed.print_double(number)
