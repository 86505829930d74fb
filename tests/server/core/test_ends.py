"""Deadlines of many fields of one hash in the compiled core."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import cores
from redlark.server.config import Config

FIELDS = st.integers(0, 400).map(lambda number: b"%d" % number if number % 3 else b"field-%d" % number)
TIMES = st.one_of(st.integers(1, 20), st.integers(1, 2**47))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), FIELDS, TIMES),
        st.tuples(st.just("many"), st.integers(1, 300), TIMES),
        st.tuples(st.sampled_from(["drop", "remove", "set", "keep"]), FIELDS),
        st.tuples(st.just("end"), TIMES, st.integers(1, 400)),
        st.tuples(st.just("copy")),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([8, 512]))
@settings(deadline=None)
def test_deadlines_are_those_of_a_dict(steps: list[tuple[Any, ...]], packed: int) -> None:
    """Whatever was given, taken away and ended, the earliest first; while there are any the hash takes more bytes."""
    value: Any = cores.choose("compiled").Hash(Config(hash_max_listpack_entries=packed))
    fields = [b"%d" % number if number % 3 else b"field-%d" % number for number in range(401)]
    value.set(fields, [b"v"] * len(fields))
    value.be_timed()
    plain = value.memory()
    model, there = dict[bytes, int](), dict.fromkeys(fields)
    for what, *words in steps:
        if what == "put":
            field, at = words
            if field in there:
                value.set_deadline(field, at)
                model[field] = at
        elif what == "many":
            for place, field in enumerate(list(there)[: words[0]]):
                value.set_deadline(field, words[1] + place * 7919 % 101)
                model[field] = words[1] + place * 7919 % 101
        elif what == "drop":
            value.set_deadline(words[0], None)
            model.pop(words[0], None)
        elif what == "remove":
            assert value.remove(words) == (words[0] in there)
            there.pop(words[0], None)
            model.pop(words[0], None)
        elif what in ("set", "keep"):
            value.set(words, [b"w"], what == "keep")
            there[words[0]] = None
            if what == "set":
                model.pop(words[0], None)
        elif what == "end":
            now, most = words
            past = sorted(at for at in model.values() if at < now)[:most]
            assert value.end(now, most) == len(past)
            gone = {field for field in there if field not in value}
            assert sorted(model[field] for field in gone) == past
            there = {field: None for field in there if field not in gone}
            model = {field: at for field, at in model.items() if field not in gone}
        else:
            value = value.copy()
        value.check()
        assert value.ends == min(model.values(), default=None)
        told = {field: value.deadline(field) for field in there}
        assert {field: at for field, at in told.items() if at is not None} == model
    if len(there) == len(fields):
        assert value.memory() >= plain if model else value.memory() == plain
