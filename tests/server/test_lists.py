"""Each core's list beside a Python list, its encoding beside the text's primitives, which real servers have shown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import cores
from redlark.server.config import Config
from redlark.spec.primitives import quicklist

ELEMENTS = st.one_of(
    st.sampled_from([b"a", b"b", b"", b"100", b"-7000", b"9" * 18]),
    st.sampled_from([b"x" * 63, b"x" * 64, b"y" * 1500, b"z" * 5000]),
)
LIMITS = st.sampled_from([-1, -2, 1, 2, 3, 5, 0, 128])
PLACES = st.integers(0, 40)


class Listing(RuleBasedStateMachine):
    """A list, the elements that it should have, and the layout that the primitives give it."""

    core = ""

    @initialize(limit=LIMITS, first=st.lists(ELEMENTS, min_size=1, max_size=4))
    def start(self, limit: int, first: list[bytes]) -> None:
        self.limit = limit
        self.limits = SimpleNamespace(list_max_listpack_size=limit)
        self.list: Any = cores.choose(self.core).List(self.limits)
        self.model: list[bytes] = []
        self.layout: bytes | None = None
        self.push(first, False)

    @rule(limit=LIMITS)
    def change_limit(self, limit: int) -> None:
        self.limit = self.limits.list_max_listpack_size = limit

    @rule(elements=st.lists(ELEMENTS, min_size=1, max_size=5), left=st.booleans())
    def push(self, elements: list[bytes], left: bool) -> None:
        before, added = tuple(self.model), tuple(elements)
        where, size = (b"LEFT" if left else b"RIGHT"), sum(map(len, elements))
        self.layout = quicklist.list_grown(self.layout, before, added, where, size, self.limit)
        self.list.push(elements, left)
        self.model = elements[::-1] + self.model if left else self.model + elements

    @precondition(lambda self: len(self.model) > 1)
    @rule(count=st.integers(1, 5), left=st.booleans())
    def pop(self, count: int, left: bool) -> None:
        count = min(count, len(self.model) - 1)
        size = len(self.model)
        self.take_out(range(count) if left else range(size - count, size))
        told = self.list.pop(count, left)
        gone = self.model[:count] if left else self.model[: -count - 1 : -1]
        assert told == gone
        self.model = self.model[count:] if left else self.model[:-count]

    def take_out(self, places: Any) -> None:
        assert self.layout is not None
        self.layout = quicklist.list_without(self.layout, tuple(self.model), places, self.limit)

    @rule(from_left=st.booleans(), to_left=st.booleans())
    def rotate(self, from_left: bool, to_left: bool) -> None:
        assert self.layout is not None
        element = self.model[0 if from_left else -1]
        ends = [b"LEFT" if left else b"RIGHT" for left in (from_left, to_left)]
        size = 0 if element in (b"100", b"-7000", b"9" * 18) else len(element)
        self.layout = quicklist.list_rotated(self.layout, tuple(self.model), ends[0], ends[1], size, self.limit)
        assert self.list.rotate(from_left, to_left) == element
        rest = self.model[1:] if from_left else self.model[:-1]
        self.model = [element, *rest] if to_left else [*rest, element]

    @rule(place=PLACES, element=ELEMENTS)
    def set(self, place: int, element: bytes) -> None:
        assert self.layout is not None
        self.layout = quicklist.list_replaced(self.layout, tuple(self.model), element, place, self.limit)
        assert self.list.set(place, element) == (place < len(self.model))
        if place < len(self.model):
            self.model[place] = element

    @rule(pivot=ELEMENTS, element=ELEMENTS, after=st.booleans())
    def insert(self, pivot: bytes, element: bytes, after: bool) -> None:
        assert self.layout is not None
        place = self.model.index(pivot) if pivot in self.model else None
        self.layout = quicklist.list_inserted(self.layout, tuple(self.model), element, place, after, self.limit)
        assert self.list.insert(pivot, element, after) == (place is not None)
        if place is not None:
            self.model.insert(place + after, element)

    @rule(element=ELEMENTS, count=st.integers(-3, 3))
    def remove(self, element: bytes, count: int) -> None:
        places = [place for place, each in enumerate(self.model) if each == element]
        gone = places if not count else places[:count] if count > 0 else places[count:]
        if len(gone) < len(self.model):
            if gone:
                self.take_out(gone)
            assert self.list.remove(element, count) == len(gone)
            self.model = [each for place, each in enumerate(self.model) if place not in gone]

    @rule(start=PLACES, size=st.integers(1, 30))
    def trim(self, start: int, size: int) -> None:
        start = min(start, len(self.model) - 1)
        kept = range(start, min(start + size, len(self.model)))
        self.take_out([place for place in range(len(self.model)) if place not in kept])
        self.list.trim(kept.start, kept.stop)
        self.model = self.model[kept.start : kept.stop]

    @rule()
    def copy(self) -> None:
        other = self.list.copy()
        self.list.push([b"only here"], True)
        self.list = other

    @rule()
    def gather(self) -> None:
        self.layout = quicklist.list_stored(tuple(self.model), self.limit)
        self.list = cores.choose(self.core).List(self.limits)
        self.list.gather(self.model)

    @rule()
    def load(self) -> None:
        nodes = [(list(elements), plain) for elements, plain in self.list.packed()]
        sizes = [b"plain" if plain else b"%d" % len(elements) for elements, plain in nodes]
        self.layout = quicklist.list_loaded(b"quicklist " + b" ".join(sizes), tuple(self.model), self.limit)
        self.list = cores.choose(self.core).List(self.limits)
        self.list.load(nodes)

    @rule(start=PLACES, stop=PLACES)
    def look(self, start: int, stop: int) -> None:
        size = len(self.model)
        start, stop = min(start, size), min(stop, size)
        assert self.list.range(start, stop) == self.model[start:stop]
        assert list(reversed(self.list)) == self.model[::-1]
        assert [self.list.get(place) for place in range(size)] == self.model

    @invariant()
    def holds(self) -> None:
        self.list.check()
        assert list(self.list) == self.model
        assert len(self.list) == len(self.model)
        assert self.list.encoding == quicklist.layout_name(self.layout or b"")


@pytest.mark.parametrize("name", cores.available())
def test_a_list_is_a_list_with_an_encoding(name: str) -> None:
    """Whatever is pushed, popped, set, inserted, removed or trimmed, elements and encoding are those of the text."""
    machine = type("Machine", (Listing,), {"core": name})
    machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
    machine.TestCase().runTest()


@pytest.mark.parametrize("name", cores.available())
def test_memory_of_a_list_follows_its_elements(name: str) -> None:
    """What a list says it takes grows with what is pushed, and falls as it is popped."""
    value: Any = cores.choose(name).List(Config())
    value.push([b"x" * 100] * 1000, left=False)
    full = value.memory()
    assert full > 100_000
    value.pop(990, left=True)
    assert value.memory() < full / 10
