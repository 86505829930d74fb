"""The hash table against a dict, with its invariants checked after every step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from redlark.server.config import Config

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

FRESH, UNENCODED, RAW = 0, 1, 2
short = st.binary(max_size=3)
texts = st.one_of(
    st.binary(max_size=60),
    st.integers(-(2**63) - 5, 2**63 + 5).map(lambda number: b"%d" % number),
    st.sampled_from([b"", b"0", b"-0", b"007", b"x" * 300, b"y" * 65535, b"z" * 65536, b"w" * 200_000]),
)
keys = st.one_of(short, st.sampled_from([b"k" * 255, b"k" * 256, b"k" * 70_000]))


class Clock:
    now = 1_000_000


class Keyspace(RuleBasedStateMachine):
    """Whatever is done to a keyspace, it answers as a dict with deadlines would."""

    names = Bundle("names")

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.database = core.Database(0, self.clock)
        self.model: dict[bytes, Any] = {}
        self.deadlines: dict[bytes, int] = {}
        self.made = 0

    def expire(self) -> None:
        for key, deadline in list(self.deadlines.items()):
            if deadline < self.clock.now:
                del self.deadlines[key], self.model[key]

    @rule(target=names, key=keys)
    def name(self, key: bytes) -> bytes:
        return key

    @rule(key=names, value=texts, keep=st.booleans(), form=st.sampled_from([FRESH, UNENCODED, RAW]))
    def put(self, key: bytes, value: bytes, keep: bool, form: int) -> None:
        self.expire()
        self.database.put(key, value, keep, form)
        self.model[key] = value
        if not keep:
            self.deadlines.pop(key, None)
        assert self.database.form(key) in (form, RAW)

    @rule(key=names, members=st.sets(short, min_size=1, max_size=4), ordered=st.booleans())
    def put_collection(self, key: bytes, members: set[bytes], ordered: bool) -> None:
        value = core.List(Config()) if ordered else core.Set(Config())
        if ordered:
            value.push(sorted(members), left=False)
        else:
            value.add(sorted(members))
        self.database.put(key, value)
        self.model[key] = value
        self.deadlines.pop(key, None)
        assert self.database.get(key) is value
        assert self.database.kind(key) == (b"list" if ordered else b"set")

    @rule(key=names)
    def delete(self, key: bytes) -> None:
        self.expire()
        assert self.database.delete(key) == (key in self.model)
        self.model.pop(key, None)
        self.deadlines.pop(key, None)

    @rule(key=names, distance=st.integers(-5, 5))
    def set_deadline(self, key: bytes, distance: int) -> None:
        self.expire()
        self.database.set_deadline(key, self.clock.now + distance)
        if key in self.model:
            self.deadlines[key] = self.clock.now + distance

    @rule(key=names)
    def persist(self, key: bytes) -> None:
        self.expire()
        self.database.set_deadline(key, -1)
        self.deadlines.pop(key, None)

    @rule(key=names)
    def look(self, key: bytes) -> None:
        self.expire()
        assert self.database.get(key) == self.model.get(key)
        assert self.database.exists(key) == (key in self.model)
        assert self.database.deadline(key) == self.deadlines.get(key, -1)

    @rule(steps=st.integers(0, 4))
    def wait(self, steps: int) -> None:
        self.clock.now += steps

    @rule(count=st.integers(1, 300), timed=st.booleans())
    def grow(self, count: int, timed: bool) -> None:
        for _ in range(count):
            self.made += 1
            key = b"made:%d" % self.made
            self.database.put(key, b"%d" % self.made)
            self.model[key] = b"%d" % self.made
            if timed:
                self.database.set_deadline(key, self.clock.now + self.made % 4)
                self.deadlines[key] = self.clock.now + self.made % 4

    @rule(count=st.integers(1, 400))
    def shrink(self, count: int) -> None:
        self.expire()
        for key in [key for key in self.model if key.startswith(b"made:")][:count]:
            assert self.database.delete(key)
            del self.model[key]
            self.deadlines.pop(key, None)

    @rule()
    def scan(self) -> None:
        self.expire()
        cursor, seen = self.database.scan(0, 7)
        while cursor:
            cursor, more = self.database.scan(cursor, 7)
            seen += more
        assert set(self.model) <= set(seen)
        assert sorted(self.database.keys()) == sorted(self.model)

    @rule()
    def random_key(self) -> None:
        self.expire()
        key = self.database.random_key()
        assert key in self.model if self.model else key is None

    @rule()
    def expire_actively(self) -> None:
        self.expire()
        while self.database.expire_cycle(1000)[0]:
            pass
        for _ in range(64):
            self.database.expire_cycle(1000)
        assert len(self.database) == len(self.model)
        assert self.database.expires_count() == len(self.deadlines)

    @rule(buckets=st.integers(1, 64))
    def upkeep(self, buckets: int) -> None:
        self.database.upkeep(buckets)

    @rule()
    def swap(self) -> None:
        other = core.Database(1, self.clock)
        other.swap(self.database)
        assert len(self.database) == 0
        self.database.check()
        self.database, self.database.index = other, 0

    @rule()
    def flush(self) -> None:
        self.database.flush()
        self.model.clear()
        self.deadlines.clear()

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "database"):
            self.database.check()
            assert len(self.database) >= len([k for k in self.model if self.deadlines.get(k, 2**62) >= self.clock.now])


TestKeyspace = Keyspace.TestCase
TestKeyspace.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@settings(max_examples=60, deadline=None)
@given(
    stable=st.integers(0, 300),
    count=st.integers(1, 40),
    changes=st.lists(st.integers(-500, 500), min_size=1, max_size=60),
)
def test_a_scan_meets_every_key_that_stays(stable: int, count: int, changes: list[int]) -> None:
    """A key present from start to end of an iteration is returned, however the table grows or shrinks meanwhile."""
    database = core.Database(0, Clock())
    for number in range(stable):
        database.put(b"stays:%d" % number, b"")
    passing: list[bytes] = []
    seen: set[bytes] = set()
    cursor, step, rehashed = 0, 0, False
    while True:
        cursor, found = database.scan(cursor, count)
        seen.update(found)
        if cursor == 0:
            break
        change = changes[step % len(changes)] if step < 200 else 0
        step += 1
        assert step < 20_000, "the iteration must end"
        for number in range(max(change, 0)):
            passing.append(b"passes:%d:%d" % (step, number))
            database.put(passing[-1], b"")
        for _ in range(min(-change, len(passing))):
            database.delete(passing.pop())
        rehashed |= database.rehashing()
    assert {b"stays:%d" % number for number in range(stable)} <= seen
    database.check()


@given(st.integers(0, 2**64 - 1), st.integers(0, 100))
def test_any_cursor_is_taken(cursor: int, size: int) -> None:
    """A cursor that the table never gave leads to an end, not to a crash or to an endless iteration."""
    database = core.Database(0, Clock())
    for number in range(size):
        database.put(b"%d" % number, b"")
    for _ in range(1000):
        cursor, _ = database.scan(cursor, 10)
        if cursor == 0:
            return
    raise AssertionError("no end")


def test_growth_is_incremental() -> None:
    """While a large table grows, elements are moved a few at a time, and all are found throughout."""
    database = core.Database(0, Clock())
    numbers = 0
    while not database.rehashing() or numbers < 20_000:
        database.put(b"%d" % numbers, b"v")
        numbers += 1
    steps = 0
    while database.rehashing():
        database.put(b"%d" % numbers, b"v")
        numbers += 1
        steps += 1
        assert database.exists(b"%d" % (numbers * 7919 % numbers))
    assert steps > 1000
    database.check()
    assert len(database) == numbers


def test_a_table_that_empties_gives_its_memory_back() -> None:
    """Deletion, and upkeep after it, take the buckets back that growth made."""
    database = core.Database(0, Clock())
    empty = database.memory()
    for number in range(50_000):
        database.put(b"%d" % number, b"v" * 20)
    full = database.memory()
    for number in range(50_000):
        database.delete(b"%d" % number)
    while database.upkeep(64):
        database.check()
    assert full > 50_000 * 40
    assert database.memory() < empty + 100


def test_keys_are_hashed_under_a_secret() -> None:
    """Two processes put the same keys in different orders: a client cannot know which keys collide."""
    import subprocess
    import sys

    program = (
        "from redlark.server._core import Database\nd = Database(0, None)\n"
        "for n in range(200): d.put(b'%d' % n, b'')\nprint(d.keys())"
    )
    runs = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("key", "value", "deadline", "form"),
    [
        (b"k", b"x" * 40, False, FRESH),
        (b"k", b"x" * 41, False, RAW),
        (b"k", b"x" * 32, True, FRESH),
        (b"k", b"x" * 33, True, RAW),
        (b"k" * 100, b"123", True, FRESH),
        (b"k" * 100, b"x", False, RAW),
    ],
)
def test_what_does_not_fit_is_raw(key: bytes, value: bytes, deadline: bool, form: int) -> None:
    """The form follows the size of key and value, and the deadline's, as `values.settle` says."""
    from redlark.server.values import settle

    database = core.Database(0, Clock())
    database.put(key, value)
    if deadline:
        database.set_deadline(key, Clock.now + 1000)
    assert database.form(key) == form == settle(settle(FRESH, key, value, False), key, value, deadline)
