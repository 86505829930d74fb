"""Which hash a field of ends next: both cores' databases beside a dict of deadlines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import cores
from redlark.server.config import Config
from redlark.server.fields import cycle

START = 1_000_000
KEYS = st.integers(0, 250)
TIMES = st.one_of(st.integers(1, 500), st.integers(1, 10**13))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "change"]), KEYS, st.integers(1, 120), TIMES),
        st.tuples(st.sampled_from(["persist", "delete", "overwrite", "rename"]), KEYS, st.integers(1, 120)),
        st.tuples(st.just("wait"), st.integers(0, 300)),
        st.tuples(st.just("swap")),
        st.tuples(st.just("flush")),
    ),
    min_size=10,
    max_size=60,
)


def hash_of(name: str) -> Any:
    value = cores.choose(name).Hash(Config())
    value.set([b"stays", b"ends"], [b"1", b"2"])
    return value


@pytest.mark.parametrize("name", cores.available())
@given(steps=STEPS)
@settings(deadline=None, max_examples=60)
def test_fields_go_in_time(name: str, steps: list[tuple[Any, ...]]) -> None:
    """Whatever becomes of hashes and their deadlines, a cycle ends each field that is past by 32 ms, and none before.

    Steps are of many keys in a row, so that what is told of the past outweighs what is still so.
    """
    clock = SimpleNamespace(now=START)
    database: Any = cores.choose(name).Database(0, clock)
    other: Any = cores.choose(name).Database(1, clock)
    model: dict[bytes, int | None] = {}  # when the one field of each hash ends
    for what, *words in steps:
        keys = [b"key:%d" % (words[0] + number) for number in range(words[1])] if len(words) > 1 else []
        for place, key in enumerate(keys):
            at = clock.now + words[2] + place * 7 if len(words) > 2 else None
            value = database.get(key) if model.get(key) else database.peek(key)
            if what == "put":
                value = hash_of(name)
            if what in ("put", "change", "persist") and value is not None and b"ends" in value:
                value.be_timed()
                value.set_deadline(b"ends", at)
                (database.put(key, value) if what == "put" else database.modified(key))
                model[key] = at
            elif what == "rename" and value is not None and b"ends" in value:
                database.put(key + b"'", value)
                database.delete(key)
                model[key + b"'"] = model.pop(key)
            elif what in ("delete", "overwrite"):
                database.delete(key) if what == "delete" else database.put(key, b"text")
                model.pop(key, None)
        if what == "wait":
            clock.now += words[0]
            cycle(database, clock.now, 1_000_000)
        elif what == "swap":
            other.put(b"other", hash_of(name))
            database.swap(other)
            database.check()
            other.swap(database)
        elif what == "flush":
            database.flush()
            model.clear()
        database.check()
        for key, at in model.items():
            value = database.peek(key)
            if (at is not None and at >= clock.now) or (at is None and b"ends" in value):
                assert value.deadline(b"ends") == at
            elif what == "wait":
                assert b"ends" not in value or (at is not None and at + 32 >= clock.now)
        model = {key: at for key, at in model.items() if b"ends" in database.peek(key)}
        assert len(database.ending) == sum(at is not None for at in model.values())
        told = database.first_ending(clock.now)
        assert told is None or (model[told] or clock.now) < clock.now
    clock.now += 10**14
    cycle(database, clock.now, 10_000_000)
    assert len(database.ending) == 0
    assert database.first_ending(clock.now) is None
