"""The server's streams beside the text's: the same entries in the same nodes, whatever comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from redlark.reference import streams as text
from redlark.server import cores, groups, ids
from redlark.server.config import Config
from redlark.server.interfaces import CommandError
from redlark.spec.primitives import streams as primitives

ITEMS = st.sampled_from([(b"f", b"v"), (b"f", b"1", b"g", b"x" * 70), (b"h", b"-5"), (b"f", b"y" * 300)])
IDS = st.integers(0, 40)


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


@given(
    st.lists(
        st.tuples(st.sampled_from(["give", "take", "drop"]), st.integers(1, 9), st.sampled_from([b"a", b"b", b"c"])),
        max_size=40,
    )
)
def test_what_is_pending_is_kept_twice_alike(steps: list[tuple[str, int, bytes]]) -> None:
    """With the group, and with the consumer that has it."""
    group, held = groups.Group(0), dict[int, bytes]()
    for what, id_, name in steps:
        group.consumers.setdefault(name, groups.Consumer(0))
        if what == "give":
            group.give(id_, name, 5, 1)
            held[id_] = name
        elif what == "take":
            assert group.take(id_) == (held.pop(id_, None) is not None)
        else:
            mine = [one for one, owner in held.items() if owner == name]
            assert group.drop(name) == len(mine)
            held = {one: owner for one, owner in held.items() if owner != name}
        for one in (group, group.copy()):
            one.check()
            assert [(i, p.consumer) for i, p in one.between(0, ids.MAX_ID)] == sorted(held.items())
            mine = sorted(i for i, owner in held.items() if owner == b"a" and i >= 3)
            assert [i for i, _ in one.between(3, 9, b"a")] == mine


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
