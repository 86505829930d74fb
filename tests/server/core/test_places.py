"""Places in C against places in Python: the two cores give equal replies, and find the same members."""

from __future__ import annotations

import math
import random
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server, geo, plain
from tests.server.core.test_hot import agree, both

core = pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]  # the fixture

KEYS = [b"g", b"g", b"g", b"z", b"s"]
MEMBERS = [b"m%d" % number for number in range(30)]
EDGES = [b"0", b"-0", b"180", b"-180", b"85.05112878", b"-85.05112878", b"85.06", b"181", b"nan", b"x", b"1e1", b"inf"]
UNITS = [b"m", b"km", b"ft", b"mi", b"KM", b"parsec", b""]
OPTIONS = [
    [b"ASC"],
    [b"DESC"],
    [b"COUNT", b"3"],
    [b"COUNT", b"2", b"ANY"],
    [b"WITHDIST"],
    [b"WITHHASH"],
    [b"WITHCOORD"],
]


def draw(rng: random.Random, count: int) -> list[list[bytes]]:
    some = rng.choice

    def degrees(most: float) -> bytes:
        near = rng.random() < 0.6
        return b"%.*f" % (rng.randrange(12), rng.uniform(7, 8) if near else rng.uniform(-most, most))

    def words() -> list[bytes]:
        return [some(EDGES) if rng.random() < 0.08 else degrees(most) for most in (180, 85)]

    history = [[b"SET", b"s", b"text"], [b"ZADD", b"z", b"1", b"m1", b"-1.5", b"m2", b"1e300", b"m3", b"-inf", b"m4"]]
    for _ in range(count):
        key, members = some(KEYS), [some(MEMBERS) for _ in range(rng.randrange(1, 4))]
        reach = [b"%.3f" % 10 ** rng.uniform(0, 7.5), some(UNITS[:4] * 9 + UNITS)]
        around = [b"FROMMEMBER", some(MEMBERS)] if rng.random() < 0.3 else [b"FROMLONLAT", *words()]
        form = [b"BYBOX", *reach[:1], *reach] if rng.random() < 0.4 else [b"BYRADIUS", *reach]
        options = [word for _ in range(rng.randrange(4)) for word in some(OPTIONS)]
        history.append(
            some(
                [
                    [b"GEOADD", key, *(word for member in members for word in (*words(), member))],
                    [b"GEOADD", key, some([b"NX", b"XX", b"CH"]), *words(), members[0]],
                    [b"GEODIST", key, some(MEMBERS), *members[:1], *([some(UNITS)] if rng.random() < 0.5 else [])],
                    [b"GEOPOS", key, *members],
                    [b"GEOSEARCH", key, *around, *form, *options],
                    [b"GEOSEARCHSTORE", b"to", key, *around, *form, *options[:1]],
                    [b"GEORADIUS", key, *words(), *reach, *options],
                    [b"CONFIG", b"SET", b"zset-max-listpack-entries", some([b"0", b"128"])],
                ]
            )
        )
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 100), resp3=st.booleans())
def test_the_two_cores_agree_on_places(both: tuple[Server, Server], seed: int, count: int, resp3: bool) -> None:
    """A history of the GEO commands gets the same bytes from both cores."""
    history = draw(random.Random(seed), count)
    agree(both, history, resp3)


@settings(deadline=None, max_examples=120)
@given(
    seed=st.integers(0, 2**32),
    centre=st.tuples(
        st.one_of(st.floats(geo.WEST, geo.EAST), st.sampled_from([geo.WEST, geo.EAST, 0.0])),
        st.one_of(st.floats(geo.SOUTH, geo.NORTH), st.sampled_from([geo.SOUTH, geo.NORTH, 0.0, 66.5, -80.5])),
    ),
    exponent=st.one_of(st.floats(-1, 8), st.sampled_from([-400.0, 300.0])),
    circle=st.booleans(),
    packed=st.booleans(),
    most=st.sampled_from([None, None, 1, 7]),
)
def test_what_is_near_is_found_to_the_last_digit(
    seed: int, centre: geo.Place, exponent: float, circle: bool, packed: bool, most: int | None
) -> None:
    """Members, distances and places, also of scores that no place has."""
    rng = random.Random(seed)
    limits = SimpleNamespace(zset_max_listpack_entries=1000 if packed else 0, zset_max_listpack_value=64)
    sets: list[Any] = [kind.SortedSet(limits) for kind in (core, plain)]
    for number in range(200):
        there = rng.uniform(geo.WEST, geo.EAST), rng.uniform(geo.SOUTH, geo.NORTH)
        if rng.random() < 0.7:
            there = tuple(min(max(c + rng.gauss(0, 1), -85), 85) for c in centre)  # type: ignore[assignment]
        score = geo.score(there)
        if rng.random() < 0.1:
            (score,) = struct.unpack("d", rng.randbytes(8))
        for value in sets:
            value.put(b"m%d" % number, 0.0 if math.isnan(score) else score)
    reach = 10**exponent
    area = geo.Area(centre, reach, reach if circle else reach / 3, circle)
    ours, theirs = (kind.near(value, area, most) for kind, value in zip((core, plain), sets, strict=True))
    assert repr(ours) == repr(theirs)
