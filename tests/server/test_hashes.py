"""Each core's hash beside a dict, and its encoding beside what the text says of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import cores
from redlark.server.config import Config
from tests.server.members import FEW, MEMBERS, SHORT, draws_are_fair, walk_meets_all


class Hashing(RuleBasedStateMachine):
    """A hash, the fields and values that it should have, and whether it is packed."""

    core = ""

    @initialize(entries=FEW, longest=SHORT)
    def start(self, entries: int, longest: int) -> None:
        self.entries, self.longest = entries, longest
        limits = SimpleNamespace(hash_max_listpack_entries=entries, hash_max_listpack_value=longest)
        self.hash: Any = cores.choose(self.core).Hash(limits)
        self.model: dict[bytes, bytes] = {}
        self.ends: dict[bytes, int] = {}
        self.packed, self.timed = True, False

    @rule(pairs=st.lists(st.tuples(MEMBERS, MEMBERS), min_size=1, max_size=5), keep=st.booleans())
    def set(self, pairs: list[tuple[bytes, bytes]], keep: bool) -> None:
        before = len(self.model)
        self.model |= dict(pairs)
        fits = len(pairs) <= self.entries and all(len(text) <= self.longest for pair in pairs for text in pair)
        self.packed = self.packed and fits and len(self.model) <= self.entries
        fields, values = zip(*pairs, strict=True)
        assert self.hash.set(fields, values, keep) == len(self.model) - before
        if not keep:
            self.ends = {field: at for field, at in self.ends.items() if field not in fields}

    @rule(fields=st.lists(MEMBERS, max_size=3))
    def remove(self, fields: list[bytes]) -> None:
        gone = [field for field in set(fields) if self.model.pop(field, None) is not None]
        assert self.hash.remove(fields) == len(gone)
        self.ends = {field: at for field, at in self.ends.items() if field not in gone}

    @precondition(lambda self: self.model)
    @rule(data=st.data(), at=st.none() | st.integers(1, 9))
    def set_deadline(self, data: st.DataObject, at: int | None) -> None:
        field = data.draw(st.sampled_from(sorted(self.model)))
        self.hash.be_timed()
        self.hash.set_deadline(field, at)
        self.ends.pop(field, None)
        self.ends |= {} if at is None else {field: at}
        self.timed = True

    @rule(now=st.integers(0, 9), most=st.integers(0, 3))
    def end(self, now: int, most: int) -> None:
        past = sorted((at, field) for field, at in self.ends.items() if at < now)[:most]
        assert self.hash.end(now, most) == len(past)
        for field in set(self.ends) - {field for field in self.ends if field in self.hash}:
            assert self.ends.pop(field) <= past[-1][0]
            del self.model[field]

    @rule(field=MEMBERS)
    def get(self, field: bytes) -> None:
        assert self.hash.get(field) == self.model.get(field)
        assert (field in self.hash) == (field in self.model)

    @rule()
    def copy(self) -> None:
        other = self.hash.copy()
        self.hash.set([b"only"], [b"here"])
        self.hash = other

    @precondition(lambda self: self.model)
    @rule()
    def draw(self) -> None:
        draws_are_fair(self.hash, self.model)

    @invariant()
    def holds(self) -> None:
        self.hash.check()
        assert dict(self.hash.items()) == self.model
        assert len(self.hash) == len(self.model)
        packed = b"listpackex" if self.timed else b"listpack"
        assert not self.model or self.hash.encoding == (packed if self.packed else b"hashtable")
        assert {field: self.hash.deadline(field) for field in self.model} == dict.fromkeys(self.model) | self.ends
        assert self.hash.ends == min(self.ends.values(), default=None)
        assert not self.packed or sorted(self.hash.scan(99, 1)[1]) == sorted(self.model)


@pytest.mark.parametrize("name", cores.available())
def test_a_hash_is_a_dict_with_an_encoding(name: str) -> None:
    """Whatever fields are set and removed, values and encoding are those of the text."""
    machine = type("Machine", (Hashing,), {"core": name})
    machine.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
    machine.TestCase().runTest()


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_meets_every_field_that_stays(name: str, seed: int) -> None:
    """A field present from the start of a walk to its end is told, though the hash grows and shrinks."""
    value: Any = cores.choose(name).Hash(Config(hash_max_listpack_entries=8))
    walk_meets_all(value, lambda fields: value.set(fields, fields), seed)
