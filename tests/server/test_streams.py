"""The server's streams beside the text's: the same entries in the same nodes, whatever comes and goes."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from redlark.reference import streams as text
from redlark.server import cores, groups, ids
from redlark.server.config import Config
from redlark.server.interfaces import CommandError
from redlark.spec.primitives import streams as primitives

ITEMS = st.sampled_from([(b"f", b"v"), (b"f", b"1", b"g", b"x" * 70), (b"h", b"-5"), (b"f", b"y" * 300)])
IDS = st.integers(0, 40)
PLACES = st.one_of(st.integers(1, 400), st.integers(1, 9).map(lambda ms: ms << 64))
NAMES = st.sampled_from([b"a", b"b", b"c"])


class AsTheTextHasIt(RuleBasedStateMachine):
    """One stream, kept twice."""

    core = ""

    @initialize(most=st.sampled_from([0, 1, 3, 100]), most_bytes=st.sampled_from([0, 60, 200, 4096]))
    def begin(self, most: int, most_bytes: int) -> None:
        self.limits = Config(stream_node_max_entries=most, stream_node_max_bytes=most_bytes)
        self.stream: Any = cores.choose(self.core).Stream(self.limits)
        self.expected = text.empty_stream()

    @rule(step=st.integers(1, 3), items=ITEMS)
    def append(self, step: int, items: tuple[bytes, ...]) -> None:
        new = self.stream.last_id + step
        limits = self.limits
        self.stream.append(new, items)
        self.expected = text.appended(
            self.expected, new, items, limits.stream_node_max_entries, limits.stream_node_max_bytes
        )

    @rule(gone=st.lists(IDS, max_size=5))
    def remove(self, gone: list[int]) -> None:
        count = text.length(self.expected)
        self.expected = text.removed(self.expected, gone)
        assert self.stream.remove(gone) == count - text.length(self.expected)

    @rule(longest=st.one_of(st.none(), st.integers(0, 20)), least=IDS, whole=st.booleans(), limit=st.integers(0, 9))
    def trim(self, longest: int | None, least: int, whole: bool, limit: int) -> None:
        count = text.length(self.expected)
        self.expected = text.trimmed(self.expected, longest, least, whole, limit if whole else 0)
        assert self.stream.trim(longest, least, whole, limit if whole else 0) == count - text.length(self.expected)

    @rule(low=IDS, high=IDS, newest_first=st.booleans())
    def range(self, low: int, high: int, newest_first: bool) -> None:
        expected = text.entries_between(self.expected, low, high, None, newest_first)
        assert tuple(self.stream.between(low, high, newest_first)) == expected

    @rule(id_=IDS)
    def get(self, id_: int) -> None:
        found = text.entry_at(self.expected, id_)
        assert self.stream.get(id_) == (found and found[1])

    @invariant()
    def same(self) -> None:
        if hasattr(self, "stream"):
            for one in (self.stream, self.stream.copy()):
                one.check()
                assert len(one) == text.length(self.expected)
                assert one.nodes == len(self.expected.nodes)
                assert (one.first(), one.last()) == (text.first_entry(self.expected), text.last_entry(self.expected))
                assert (one.last_id, one.added) == (self.expected.last_id, self.expected.added)


@pytest.mark.parametrize("name", cores.available())
def test_a_stream_is_as_the_text_has_it(name: str) -> None:
    """Entries, nodes and counts after any changes."""
    run_state_machine_as_test(type("Machine", (AsTheTextHasIt,), {"core": name}))


class Delivering(RuleBasedStateMachine):
    """What is pending with the consumers of a group: each core's against a dictionary."""

    core: ModuleType

    def __init__(self) -> None:
        super().__init__()
        self.group = self.core.Group(0, None)
        self.told: dict[int, groups.Pending] = {}

    @rule(first=PLACES, count=st.integers(1, 300), step=st.sampled_from([1, 2, 1 << 64]), name=NAMES)
    def give(self, first: int, count: int, step: int, name: bytes) -> None:
        if name not in self.group.consumers:
            self.group.join(name, 7)
        for id_ in range(first, first + count * step, step):
            self.group.give(id_, name, first % 1000, count)
            self.told[id_] = groups.Pending(name, first % 1000, count)

    @rule(low=PLACES, count=st.integers(1, 300), rng=st.randoms(use_true_random=False))
    def take(self, low: int, count: int, rng: random.Random) -> None:
        there = [id_ for id_ in sorted(self.told) if id_ >= low][:count]
        rng.shuffle(there)
        for id_ in (*there, low):
            assert self.group.take(id_) == (self.told.pop(id_, None) is not None)

    @rule(name=NAMES)
    def drop(self, name: bytes) -> None:
        if name in self.group.consumers:
            mine = [id_ for id_, held in self.told.items() if held.consumer == name]
            assert self.group.drop(name) == len(mine)
            for id_ in mine:
                del self.told[id_]

    @rule()
    def copy(self) -> None:
        other = self.group.copy()
        if self.told:
            self.group.take(min(self.told))
        self.group = other

    @rule(low=PLACES, high=PLACES, name=st.none() | NAMES)
    def look(self, low: int, high: int, name: bytes | None) -> None:
        wanted = [(id_, held) for id_, held in sorted(self.told.items()) if low <= id_ <= high]
        if name is not None:
            wanted = [(id_, held) for id_, held in wanted if held.consumer == name]
        assert list(self.group.between(low, high, name)) == wanted
        assert self.group.held(low) == self.told.get(low)

    @invariant()
    def holds(self) -> None:
        self.group.check()
        assert self.group.size == len(self.told) == sum(one.size for one in self.group.consumers.values())
        assert not self.told or (self.group.first(), self.group.last()) == (min(self.told), max(self.told))
        assert self.group.memory() >= 16 * len(self.told)


@pytest.mark.parametrize("name", cores.available())
def test_what_is_pending_is_kept_twice_alike(name: str) -> None:
    """With the group, and with the consumer that has it."""
    machine = type("OfOneCore", (Delivering,), {"core": cores.choose(name)})
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30, max_examples=60, deadline=None))


SPELLINGS = st.one_of(
    st.from_regex(rb"[(]?[0-9+ -]{0,3}[0-9]{0,21}(-[0-9+*-]{0,3}[0-9]{0,21})?", fullmatch=True),
    st.binary(max_size=12),
    st.sampled_from([b"-", b"+", b"$", b"*", b"(-", b"0" * 128, b"18446744073709551615-18446744073709551615"]),
)


@given(SPELLINGS)
def test_ids_are_read_as_the_text_reads_them(spelled: bytes) -> None:
    """Whole ones, and ends of ranges."""

    def read(function: Callable[[bytes], int]) -> int | None:
        try:
            return function(spelled)
        except CommandError:
            return None

    assert ids.parse(spelled) == primitives.parse_id(spelled)
    assert read(lambda one: ids.end(one, 0)) == primitives.parse_first_id(spelled)
    assert read(lambda one: ids.end(one, ids.SEQUENCE)) == primitives.parse_last_id(spelled)
