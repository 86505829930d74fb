"""Both cores' databases against a dictionary: every access, expiry, WATCH's marks, SCAN while everything changes."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from redlark.server import cores
from redlark.server.config import Config
from redlark.server.fields import cycle
from redlark.server.interfaces import FRESH, NO_DEADLINE, RAW, UNENCODED
from redlark.server.values import EMBEDDED, EMBEDDED_WITH_DEADLINE, encoding_of, kind_of

KEYS = st.sampled_from([b"%d" % number for number in range(12)] + [b"", b"k" * 40])
VALUES = st.one_of(
    st.binary(max_size=8),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number),
    st.integers(0, 50).map(lambda size: b"x" * size),
)
MEMBERS = st.lists(st.binary(max_size=3), min_size=1, max_size=3)


def is_hash(value: Any) -> bool:
    return value is not None and kind_of(value) == b"hash"


class Client:
    """All that a database knows of a client."""

    def __init__(self) -> None:
        self.touched = False
        self.watching: list[tuple[object, bytes]] = []


class Keyspace(RuleBasedStateMachine):
    """A database and what it should hold: key -> (value, deadline)."""

    core = ""

    @initialize()
    def start(self) -> None:
        self.clock = SimpleNamespace(now=1_000_000)
        self.database: Any = cores.choose(self.core).Database(0, self.clock)
        self.model: dict[bytes, tuple[Any, int]] = {}

    def live(self) -> dict[bytes, tuple[Any, int]]:
        now = self.clock.now
        return {key: held for key, held in self.model.items() if held[1] == NO_DEADLINE or held[1] >= now}

    @rule(key=KEYS, value=VALUES, keep=st.booleans(), form=st.sampled_from([FRESH, UNENCODED, RAW]))
    def put(self, key: bytes, value: Any, keep: bool, form: int) -> None:
        old = self.live().get(key)
        self.database.put(key, value, keep, form if isinstance(value, bytes) else FRESH)
        self.model[key] = (value, old[1] if old and keep else NO_DEADLINE)

    @rule(key=KEYS, members=MEMBERS, keep=st.booleans(), kind=st.sampled_from(["List", "Set", "Hash", "SortedSet"]))
    def put_collection(self, key: bytes, members: list[bytes], keep: bool, kind: str) -> None:
        value = getattr(cores.choose(self.core), kind)(Config())
        if kind == "List":
            value.push(members, left=False)
        elif kind == "Set":
            value.add(members)
        elif kind == "Hash":
            value.set(members, members)
        else:
            value.put(members[0], 1.0)
        self.put(key, value, keep, FRESH)

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        assert self.database.delete(key) == (key in self.live())
        self.model.pop(key, None)

    @rule(key=KEYS, ahead=st.integers(-5, 50))
    def set_deadline(self, key: bytes, ahead: int) -> None:
        self.database.set_deadline(key, self.clock.now + ahead)
        if key in self.live():
            self.model[key] = (self.model[key][0], self.clock.now + ahead)

    @rule(key=KEYS)
    def persist(self, key: bytes) -> None:
        self.database.set_deadline(key, NO_DEADLINE)
        if key in self.live():
            self.model[key] = (self.model[key][0], NO_DEADLINE)

    @rule(key=KEYS, ahead=st.integers(-5, 50))
    def set_deadline_of_a_field(self, key: bytes, ahead: int) -> None:
        value = self.database.get(key)
        if is_hash(value):
            value.be_timed()
            value.set_deadline(next(iter(value)), self.clock.now + ahead)
            self.database.modified(key)

    @rule(passed=st.integers(0, 30))
    def wait(self, passed: int) -> None:
        self.clock.now += passed

    @rule()
    def expire_actively(self) -> None:
        self.database.expire_cycle(1_000_000)
        gone = set(self.model) - set(self.live())
        for key in gone:
            del self.model[key]
        assert len(self.database) == len(self.model)
        assert self.database.expires_count() == sum(held[1] != NO_DEADLINE for held in self.model.values())

    @rule()
    def end_fields_actively(self) -> None:
        cycle(self.database, self.clock.now, 1_000_000)
        for key, (value, _) in self.live().items():
            if is_hash(value):
                assert value.ends is None or value.ends >= self.clock.now - 32  # what `first_ending` promises
                if not value:
                    del self.model[key]

    @precondition(lambda self: len(self.model) > 5)
    @rule()
    def flush(self) -> None:
        self.database.flush()
        self.model = {}

    @rule()
    def swap_there_and_back(self) -> None:
        other: Any = cores.choose(self.core).Database(1, self.clock)
        other.put(b"other", b"1")
        self.database.swap(other)
        assert self.database.keys() == [b"other"]
        self.database.swap(other)

    @rule(key=KEYS)
    def watched_keys_tell(self, key: bytes) -> None:
        self.read(key)
        watcher = Client()
        self.database.watched = {key: [watcher]}
        present = self.database.exists(key)
        watcher.touched = False
        self.database.get(key)
        assert not watcher.touched
        self.database.delete(key)
        assert watcher.touched == present
        self.database.watched = {}
        self.model.pop(key, None)

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        value, deadline = self.live().get(key, (None, NO_DEADLINE))
        if is_hash(value):
            living = [field for field in value if (value.deadline(field) or self.clock.now) >= self.clock.now]
            assert list(self.database.get(key) or ()) == living
            if not living:
                del self.model[key]
                value, deadline = None, NO_DEADLINE
        assert self.database.get(key) == value
        assert self.database.exists(key) == (value is not None)
        assert self.database.deadline(key) == deadline
        assert self.database.kind(key) == (None if value is None else kind_of(value))

    @invariant()
    def holds(self) -> None:
        self.database.check()
        live = self.live()
        assert sorted(self.database.keys()) == sorted(live)
        chosen = self.database.random_key()
        assert chosen in live if live else chosen is None


@pytest.mark.parametrize("name", cores.available())
def test_a_database_is_a_dictionary_with_deadlines(name: str) -> None:
    """Whatever is put, deleted, expired, swapped or flushed, a database holds what a dictionary would."""
    machine = type("Machine", (Keyspace,), {"core": name})
    machine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
    machine.TestCase().runTest()


def database_of(name: str) -> Any:
    return cores.choose(name).Database(0, SimpleNamespace(now=1_000_000))


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize("seed", range(4))
def test_scan_meets_every_key_that_stays(name: str, seed: int) -> None:
    """A key present from the start of an iteration to its end is returned, though the table grows and shrinks."""
    rng = random.Random(seed)
    database = database_of(name)
    stay = {b"stay:%d" % number for number in range(300)}
    for key in stay:
        database.put(key, b"v")
    seen: set[bytes] = set()
    cursor, steps, serial = 0, 0, 0
    while True:
        cursor, keys = database.scan(cursor, rng.choice([1, 5, 10, 100]))
        seen.update(keys)
        steps += 1
        assert 0 <= cursor < 2**64
        if cursor == 0:
            break
        assert steps < 20_000, "the iteration ends"
        for _ in range(rng.choice([0, 3, 40, 400]) if serial < 20_000 else 0):
            serial += 1
            database.put(b"new:%d" % serial, b"v")
        if rng.random() < 0.3:
            for number in range(serial + 1):
                database.delete(b"new:%d" % number)
    assert stay <= seen
    database.check()


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize("cursor", [1, 17, 2**31, 2**63, 2**64 - 1])
def test_any_cursor_is_answered(name: str, cursor: int) -> None:
    """A cursor that no server has given leads somewhere: keys or the end, never an error."""
    database = database_of(name)
    for number in range(50):
        database.put(b"%d" % number, b"v")
    for _ in range(200):
        cursor, keys = database.scan(cursor, 10)
        assert all(database.exists(key) for key in keys)
        if cursor == 0:
            return
    pytest.fail("the iteration does not end")


@pytest.mark.parametrize("name", cores.available())
def test_random_keys_are_all_possible(name: str) -> None:
    """RANDOMKEY can give any key."""
    database = database_of(name)
    for number in range(40):
        database.put(b"%d" % number, b"v")
    assert {database.random_key() for _ in range(4000)} == set(database.keys())


@pytest.mark.parametrize("name", cores.available())
@pytest.mark.parametrize(("deadline", "limit"), [(False, EMBEDDED), (True, EMBEDDED_WITH_DEADLINE)])
def test_strings_are_embedded_up_to_a_length(name: str, deadline: bool, limit: int) -> None:
    """Key and value together decide between embstr and raw, and what was raw once stays raw."""
    database = database_of(name)
    for size, expected in ((limit - 2, b"embstr"), (limit - 1, b"raw")):
        database.put(b"kk", b"x" * size)
        if deadline:
            database.set_deadline(b"kk", 2_000_000)
        assert encoding_of(b"x" * size, database.form(b"kk")) == expected
    database.set_deadline(b"kk", NO_DEADLINE)
    assert encoding_of(b"x", database.form(b"kk")) == b"raw"
    database.put(b"kk", b"12", True)
    assert encoding_of(b"12", database.form(b"kk")) == b"int"


@pytest.mark.parametrize("name", cores.available())
def test_idle_time_counts_from_the_last_access(name: str) -> None:
    """Reading resets the idle time, unless the client asked not to be noticed."""
    clock = SimpleNamespace(now=1_000_000)
    database: Any = cores.choose(name).Database(0, clock)
    database.put(b"k", b"v")
    clock.now += 5000
    assert database.idle(b"k") == 5
    database.touching = False
    database.get(b"k")
    assert database.idle(b"k") == 5
    database.touching = True
    database.get(b"k")
    assert database.idle(b"k") == 0


@pytest.mark.parametrize("name", cores.available())
def test_memory_returns_to_where_it_was(name: str) -> None:
    """What a keyspace says it takes grows with what is put, and falls when that goes."""
    database = database_of(name)
    empty = database.memory()
    for number in range(1000):
        database.put(b"key:%d" % number, b"v" * 100)
    full = database.memory()
    assert full > empty + 100_000
    for number in range(1000):
        database.delete(b"key:%d" % number)
    assert database.memory() < empty + (full - empty) / 4


@pytest.mark.parametrize("name", cores.available())
def test_collections_count_as_memory(name: str) -> None:
    """A keyspace takes what its collections take, also when they change in place, and no more when they go."""
    database = database_of(name)
    value: Any = cores.choose(name).List(Config())
    value.push([b"x"], left=False)
    database.put(b"k", value)
    before = database.memory()
    value.push([b"x" * 100] * 1000, left=False)
    database.modified(b"k")
    database.check()
    assert database.memory() - before > 100_000
    database.put(b"k", b"text")
    assert database.memory() <= before
    database.put(b"k", value, True)
    database.check()
    assert database.memory() - before > 100_000
    database.delete(b"k")
    database.check()
    assert database.memory() <= before
