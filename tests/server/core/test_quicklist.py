"""The core's list beside the one in Python: the same elements in the same nodes, whatever is done to both."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from redlark.server.plain.list import List

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

ELEMENTS = st.one_of(
    st.sampled_from([b"a", b"b", b"", b"100", b"-7000", b"9" * 18]),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.sampled_from([63, 64, 300, 1500, 4090, 5000, 20_000]).map(lambda size: b"x" * size),
)
FEW = st.lists(ELEMENTS, min_size=1, max_size=5)
MANY = st.builds(lambda elements, times: elements * times, FEW, st.integers(1, 80))
LIMITS = st.sampled_from([-1, -2, -3, 1, 2, 3, 5, 0, 128])
PLACES = st.integers(0, 2000)


class Twins(RuleBasedStateMachine):
    """What is told of one is told of the other."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = SimpleNamespace(list_max_listpack_size=128)
        self.core: Any = core.List(self.limits)
        self.plain = List(self.limits)

    def both(self, name: str, *arguments: Any) -> Any:
        told = getattr(self.core, name)(*arguments)
        assert told == getattr(self.plain, name)(*arguments)
        return told

    @rule(limit=LIMITS)
    def change_limit(self, limit: int) -> None:
        self.limits.list_max_listpack_size = limit

    @rule(elements=st.one_of(FEW, MANY), left=st.booleans(), moved=st.booleans())
    def push(self, elements: list[bytes], left: bool, moved: bool) -> None:
        self.both("push", elements, left, moved)

    @rule(count=st.integers(1, 300), left=st.booleans())
    def pop(self, count: int, left: bool) -> None:
        self.both("pop", count, left)

    @precondition(lambda self: len(self.plain) > 0)
    @rule(from_left=st.booleans(), to_left=st.booleans())
    def rotate(self, from_left: bool, to_left: bool) -> None:
        self.both("rotate", from_left, to_left)

    @rule(place=st.integers(-3, 2000), element=ELEMENTS)
    def set(self, place: int, element: bytes) -> None:
        self.both("set", place % (len(self.plain) + 1) if place > 0 else place, element)

    @rule(pivot=ELEMENTS, element=ELEMENTS, after=st.booleans())
    def insert(self, pivot: bytes, element: bytes, after: bool) -> None:
        self.both("insert", pivot, element, after)

    @precondition(lambda self: len(self.plain) > 0)
    @rule(place=PLACES, element=ELEMENTS, after=st.booleans())
    def insert_beside(self, place: int, element: bytes, after: bool) -> None:
        self.both("insert", self.plain.get(place % len(self.plain)), element, after)

    @precondition(lambda self: len(self.plain) > 0)
    @rule(place=PLACES, count=st.integers(-100, 100))
    def remove(self, place: int, count: int) -> None:
        self.both("remove", self.plain.get(place % len(self.plain)), count)

    @precondition(lambda self: len(self.plain) > 0)
    @rule(start=PLACES, size=st.integers(0, 1000))
    def trim(self, start: int, size: int) -> None:
        start %= len(self.plain)
        self.both("trim", start, min(start + size, len(self.plain)))

    @rule(elements=MANY)
    def gather(self, elements: list[bytes]) -> None:
        self.core, self.plain = core.List(self.limits), List(self.limits)
        self.both("gather", elements)

    @rule()
    def load(self) -> None:
        nodes = [(list(elements), plain) for elements, plain in self.plain.packed()]
        self.core, self.plain = core.List(self.limits), List(self.limits)
        self.both("load", [node for node in nodes if node[0]])

    @rule()
    def copy(self) -> None:
        other, self.plain = self.core.copy(), self.plain.copy()
        self.core.push([b"only here"], True)
        self.core = other

    @rule(start=PLACES, stop=PLACES)
    def look(self, start: int, stop: int) -> None:
        size = len(self.plain)
        start, stop = start % (size + 1), stop % (size + 1)
        self.both("range", start, stop)
        assert list(reversed(self.core)) == list(reversed(self.plain))
        if start < size:
            self.both("get", start)

    @invariant()
    def holds(self) -> None:
        self.core.check()
        self.plain.check()
        assert len(self.core) == len(self.plain)
        assert self.core.encoding == self.plain.encoding
        packed = [(list(elements), plain) for elements, plain in self.plain.packed()]
        assert [(elements, plain) for elements, plain in self.core.packed() if elements] == [
            node for node in packed if node[0]
        ]


def test_the_core_has_the_nodes_of_the_list_in_python() -> None:
    """Every method tells the same of both, and leaves the same elements in the same nodes."""
    Twins.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
    Twins.TestCase().runTest()


@pytest.mark.parametrize("left", [True, False])
def test_a_queue_takes_no_more_than_its_elements(left: bool) -> None:
    """However many have passed through a list, pushed at one end and popped at the other, it takes what is in it."""
    value: Any = core.List(SimpleNamespace(list_max_listpack_size=-2))
    value.push([b"x" * 10] * 3000, left)
    before = value.memory()
    assert before < 3000 * 12 * 1.1
    for _ in range(30):
        value.push([b"x" * 10] * 1000, left)
        value.pop(1000, not left)
        assert value.memory() < before * 1.2 + 8192
    value.check()


def test_nothing_but_bytes_goes_in() -> None:
    """What is not bytes is refused, and nothing has changed."""
    value: Any = core.List(SimpleNamespace(list_max_listpack_size=-2))
    with pytest.raises(TypeError):
        value.push([b"a", "b"], True)
    assert len(value) == 0
    with pytest.raises(IndexError):
        value.get(0)
