"""A listpack beside a list, and beside the bytes that Python writes of that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from redlark.server.rdb.packed import listpack, written_listpack

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

EDGES = [0, 127, 128, 4095, 4096, 2**15, 2**23, 2**31, 2**63]
ON_EDGE = st.sampled_from(EDGES + [-edge for edge in EDGES])
NUMBERS = st.one_of(st.integers(-(2**63) - 1, 2**63), ON_EDGE, st.integers(-9, 9))
SIZES = st.sampled_from([63, 64, 125, 126, 127, 4095, 4096, 16377, 16378, 16379, 70_000])
ELEMENTS = st.one_of(
    st.binary(max_size=5), NUMBERS.map(lambda number: b"%d" % number), SIZES.map(lambda size: b"x" * size),
    st.sampled_from([b"-0", b"01", b"+1", b" 1"]),
)  # fmt: skip
PLACES = st.integers(0, 12)


class Packing(RuleBasedStateMachine):
    """Whatever is put in and taken out, the bytes are those of the elements."""

    def __init__(self) -> None:
        super().__init__()
        self.packed: Any = core.Listpack()
        self.model: list[bytes] = []

    @rule(place=PLACES, elements=st.lists(ELEMENTS, max_size=4))
    def insert(self, place: int, elements: list[bytes]) -> None:
        self.packed.insert(place, elements)
        self.model[place:place] = elements

    @precondition(lambda self: self.model)
    @rule(place=PLACES, element=ELEMENTS)
    def replace(self, place: int, element: bytes) -> None:
        place %= len(self.model)
        self.packed.replace(place, element)
        self.model[place] = element

    @rule(place=PLACES, count=st.integers(0, 5))
    def delete(self, place: int, count: int) -> None:
        self.packed.delete(place, count)
        del self.model[place : place + count]

    @rule()
    def copy(self) -> None:
        other = self.packed.copy()
        self.packed.insert(0, [b"only here"])
        self.packed = other

    @rule(element=ELEMENTS, start=PLACES, step=st.integers(1, 3))
    def find(self, element: bytes, start: int, step: int) -> None:
        places = range(start, len(self.model), step)
        wanted = next((place for place in places if self.model[place] == element), None)
        assert self.packed.find(element, start, step) == wanted

    @rule(index=st.integers(-13, 12))
    def get(self, index: int) -> None:
        there = -len(self.model) <= index < len(self.model)
        assert self.packed.get(index) == (self.model[index] if there else None)

    @invariant()
    def holds(self) -> None:
        self.packed.check()
        assert bytes(self.packed) == written_listpack(self.model)
        assert len(self.packed) == len(self.model)
        assert list(self.packed) == self.model == list(reversed(list(reversed(self.packed))))


def test_a_listpack_is_a_list() -> None:
    """Insertion, replacement, deletion, search and both walks are a list's; the bytes are those that Python writes."""
    Packing.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
    Packing.TestCase().runTest()


@given(st.lists(ELEMENTS, max_size=5), st.integers(0, 400), st.integers(0, 255))
@settings(deadline=None)
def test_bytes_are_a_listpack_or_are_refused(elements: list[bytes], place: int, byte: int) -> None:
    """What one wrong byte may have spoilt is refused, or is a listpack that reads the same in Python."""
    data = bytearray(written_listpack(elements))
    data[place % len(data)] = byte
    try:
        packed: Any = core.Listpack(bytes(data))
    except ValueError:
        assert bytes(data) != written_listpack(elements)
    else:
        packed.check()
        assert list(packed) == listpack(bytes(data))


def test_more_than_the_count_can_say() -> None:
    """From 65535 elements on they are counted, and below that again written down."""
    packed: Any = core.Listpack()
    packed.insert(0, [b"7"] * 70_000)
    assert len(packed) == 70_000
    packed.check()
    assert packed.get(69_999) == b"7"
    assert packed.get(-70_001) is packed.get(70_000) is None
    packed.delete(10, 69_000)
    assert bytes(packed) == written_listpack([b"7"] * 1000)


def test_a_size_that_needs_no_third_byte_has_one() -> None:
    """Of 16383 and 2097151 bytes Redis (8.2.3) writes, and reads, a byte more behind an element than they need."""
    assert written_listpack([b"x" * 16378])[-4:] == b"\0\xff\xff\xff"
    assert written_listpack([b"x" * 2097146])[-5:] == b"\0\xff\xff\xff\xff"
