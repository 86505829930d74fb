"""The core's stream beside the plain one: every method, with the invariants checked after every step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import plain
from redlark.server.ids import MAX_ID

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

TEXTS = st.one_of(
    st.sampled_from([b"f", b"g", b"", b"0", b"-1", b"007", b"4096", b"-32769", b"9223372036854775808", b"x" * 63]),
    st.sampled_from([b"y" * 64, b"z" * 127, b"w" * 4095, b"v" * 4096, b"u" * 20_000]),
    st.integers(-(2**63), 2**63).map(lambda number: b"%d" % number),
)
FIELDS = st.sampled_from([(b"f",), (b"f", b"g"), (b"12", b"-5"), (b"f",) * 40, (b"f", b"")])
STEPS = st.sampled_from([1, 1, 1, 2, 50, 2**64 - 1, 2**64, 2**64 + 1, 2**70, 2**127])
PART = st.floats(0, 1)


class Pair(RuleBasedStateMachine):
    """A stream of either core, and the same done to both."""

    @initialize(most=st.sampled_from([0, 1, 3, 100]), most_bytes=st.sampled_from([0, 60, 200, 4096]))
    def start(self, most: int, most_bytes: int) -> None:
        self.limits = SimpleNamespace(stream_node_max_entries=most, stream_node_max_bytes=most_bytes)
        self.ours: Any = core.Stream(self.limits)
        self.theirs: Any = plain.Stream(self.limits)

    def id(self, part: float) -> int:
        """Of an entry, or the one behind the last."""
        known = [number for number, _ in self.theirs.between(0, MAX_ID)] + [min(self.theirs.last_id + 1, MAX_ID)]
        return int(known[int(part * (len(known) - 1))])

    @rule(step=STEPS, fields=FIELDS, data=st.data(), count=st.sampled_from([1, 1, 5, 150]))
    def append(self, step: int, fields: tuple[bytes, ...], data: st.DataObject, count: int) -> None:
        values = data.draw(st.lists(TEXTS, min_size=len(fields), max_size=len(fields)))
        items = tuple(text for pair in zip(fields, values, strict=True) for text in pair)
        for _ in range(count):
            new = self.theirs.last_id + step
            if new <= MAX_ID:
                self.ours.append(new, items)
                self.theirs.append(new, items)

    @rule(parts=st.lists(PART, max_size=4), off=st.integers(0, 1))
    def remove(self, parts: list[float], off: int) -> None:
        gone = [self.id(part) + off for part in parts if self.id(part) < MAX_ID]
        assert self.ours.remove(gone) == self.theirs.remove(gone)

    @rule(longest=st.one_of(st.none(), PART), least=PART, whole=st.booleans(), limit=st.sampled_from([0, 1, 10, 200]))
    def trim(self, longest: float | None, least: float, whole: bool, limit: int) -> None:
        kept = None if longest is None else int(longest * (len(self.theirs) + 2))
        asked = (kept, self.id(least), whole, limit if whole else 0)
        assert self.ours.trim(*asked) == self.theirs.trim(*asked)

    @rule(low=PART, high=PART, newest_first=st.booleans(), off=st.integers(-1, 1), count=st.integers(1, 300))
    def look(self, low: float, high: float, newest_first: bool, off: int, count: int) -> None:
        ends = (self.id(low) + off, min(self.id(high) + off, MAX_ID), newest_first)
        assert list(self.ours.between(*ends)) == list(self.theirs.between(*ends))
        ours, theirs = self.ours.between(*ends), self.theirs.between(*ends)
        for _ in range(count):
            found = next(theirs, None)
            assert next(ours, None) == found

    @rule(part=PART, off=st.integers(0, 1))
    def ask(self, part: float, off: int) -> None:
        asked = min(self.id(part) + off, MAX_ID)
        assert self.ours.get(asked) == self.theirs.get(asked)

    @rule()
    def copy(self) -> None:
        other = self.ours.copy()
        if self.ours.last_id < MAX_ID:
            self.ours.append(self.ours.last_id + 1, (b"only", b"here"))
        self.ours.remove([self.id(0.5)])
        self.ours.check()
        self.ours = other

    @precondition(lambda self: all(node.entries for node in self.theirs.packed()))
    @rule()
    def pack_and_load(self) -> None:
        other = core.Stream(self.limits)
        other.load(list(self.ours.packed()))
        other.last_id, other.added, other.max_deleted = self.ours.last_id, self.ours.added, self.ours.max_deleted
        other.groups.update({name: group.copy() for name, group in self.ours.groups.items()})
        self.ours = other

    @rule(name=st.sampled_from([b"a", b"b"]), part=PART)
    def give(self, name: bytes, part: float) -> None:
        for value, types in ((self.ours, core), (self.theirs, plain)):
            group = value.groups.setdefault(name, types.Group(0, None))
            if b"c" not in group.consumers:
                group.join(b"c", 0)
            group.give(self.id(part), b"c", 5, 1)

    @rule(deleted=PART)
    def set_id(self, deleted: float) -> None:
        self.ours.max_deleted = self.theirs.max_deleted = self.id(deleted)

    @invariant()
    def holds(self) -> None:
        self.ours.check()
        assert len(self.ours) == len(self.theirs)
        assert list(self.ours.packed()) == list(self.theirs.packed())
        assert (self.ours.first(), self.ours.last()) == (self.theirs.first(), self.theirs.last())
        for name in ("nodes", "last_id", "max_deleted", "added", "kind", "encoding"):
            assert getattr(self.ours, name) == getattr(self.theirs, name)
        assert list(self.ours.groups) == list(self.theirs.groups)


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_log_of_bounded_length_takes_bounded_memory() -> None:
    """Entries come at one end and go at the other: the array of nodes does not grow with all that were ever there."""
    stream = core.Stream(SimpleNamespace(stream_node_max_entries=10, stream_node_max_bytes=4096))
    sizes = set()
    for number in range(1, 20_001):
        stream.append(number, (b"field", b"value"))
        stream.trim(100, 0, False, 0)
        if number > 1000:
            sizes.add(stream.memory())
    assert max(sizes) < 8000
    stream.check()
