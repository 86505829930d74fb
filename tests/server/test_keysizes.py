"""INFO keysizes: how large values are, beside Redis 8.2.3."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import info

from .conftest import Wire

COUNTS = st.one_of(st.integers(1, 20), st.sampled_from([63, 64, 127, 128, 129, 511, 512, 600, 1025]))
VALUES = st.lists(
    st.tuples(
        st.sampled_from(["SET", "INCRBY", "RPUSH", "SADD", "ints", "ZADD", "HSET", "XADD"]), COUNTS, st.integers(0, 2)
    ),
    max_size=12,
)


def words(kind: str, key: str, count: int) -> list[str]:
    """A request that makes a value of so many bytes, digits or elements."""
    members = [f"m{number}" for number in range(count)]
    if kind == "SET":
        return ["SET", key, "x" * (count - 1)]
    if kind == "INCRBY":
        return ["INCRBY", key, ("-" if count % 2 else "") + "1" * (count % 18 + 1)]
    if kind == "ZADD":
        return ["ZADD", key, *(part for number, member in enumerate(members) for part in (str(number), member))]
    if kind == "HSET":
        return ["HSET", key, *(part for member in members for part in (member, "v"))]
    if kind == "XADD":
        return ["XADD", key, "*", "f", "v"]
    return [kind, key, *members] if kind != "ints" else ["SADD", key, *map(str, range(count))]


@given(VALUES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sizes_are_told_as_redis_tells_them(real_port: int, client: Wire, values: list[tuple[str, int, int]]) -> None:
    """Of every type and encoding, in each database, as keys come and go."""
    real = Wire(real_port)
    for one in (client, real):
        one("FLUSHALL")
        for number, (kind, count, database) in enumerate(values):
            one("SELECT", database)
            one(*words(kind, f"k{number}", count))
            if number % 3 == 2:
                one("DEL", f"k{number - 1}")
    assert client("INFO", "keysizes") == real("INFO", "keysizes")
    real("FLUSHALL")
    real("SELECT", 0)
    real.close()


def test_many_sizes_are_told_where_they_are_asked_for(client: Wire) -> None:
    """They take a walk over all keys: of many, INFO by itself and INFO all go without; of few they are in each."""
    sections: tuple[list[str], ...] = ([], ["all"], ["everything"], ["keysizes"], ["clients"])
    for count, everywhere in ((1, True), (info.WALKED, True), (info.WALKED + 1, False)):
        client("FLUSHALL")
        for first in range(0, count, 1000):
            client("MSET", *(word for n in range(first, min(first + 1000, count)) for word in (f"k{n}", "v")))
        told = [b"# Keysizes\r\n" in client("INFO", *section) for section in sections]
        assert told == [everywhere, everywhere, True, True, False]
    client("FLUSHALL")
