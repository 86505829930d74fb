"""Searches of places in the core against the Python command that they shorten: two cores, equal replies."""

from __future__ import annotations

import random
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import Server
from tests.server.core.test_hot import agree, both

pytest.importorskip("redlark.server._core", reason="the compiled core is not built here")

__all__ = ["both"]

UNITS: Final = [b"m", b"km", b"KM", b"ft", b"mi"]
RADII: Final = [b"0", b"1", b"50", b"500", b"5000", b"100000", b"1e3", b"0.001", b"20000000"]
OPTIONS: Final = [
    *([b"ASC"], [b"DESC"], [b"desc"], [b"COUNT", b"1"], [b"COUNT", b"3"], [b"COUNT", b"100", b"ANY"], [b"WITHDIST"]),
    *([b"WITHCOORD"], [b"WITHHASH"], [b"withdist"], [b"COUNT", b"2", b"any"]),
    *([b"ANY"], [b"COUNT", b"0"], [b"COUNT", b"x"], [b"COUNT"], [b"other"], [b"FROMMEMBER", b"p1"], [b"BYRADIUS"]),
]


def _place(rng: random.Random, near: bool) -> tuple[bytes, bytes]:
    """Somewhere on the map, at its edges too, or in a small country, on a grid of few places."""
    if near:
        return b"%.2f" % rng.uniform(7, 7.5), b"%.2f" % rng.uniform(46.5, 47)
    edge = rng.random() < 0.2
    longitude = rng.choice([-180.0, 180.0, 0.0]) if edge else rng.uniform(-180, 180)
    latitude = rng.choice([-85.05112878, 85.05112878, 0.0]) if edge else rng.uniform(-85, 85)
    return b"%.8f" % longitude, b"%.8f" % latitude


def _search(rng: random.Random, near: bool) -> list[bytes]:
    centre = [b"FROMLONLAT", *_place(rng, near)] if rng.random() < 0.6 else [b"FROMMEMBER", b"p%d" % rng.randrange(30)]
    if rng.random() < 0.6:
        area = [b"BYRADIUS", rng.choice(RADII), rng.choice(UNITS)]
    else:
        area = [b"bybox", rng.choice(RADII), rng.choice(RADII), rng.choice(UNITS)]
    if rng.random() < 0.05:
        area[rng.randrange(1, len(area))] = rng.choice([b"-1", b"x", b"inf", b"nan", b"km"])
    options = rng.choices(OPTIONS[:11] if rng.random() < 0.9 else OPTIONS, k=rng.choice([0, 0, 1, 2, 3, 4]))
    parts = [centre, area, *options]
    rng.shuffle(parts)
    return [word for part in (parts if rng.random() < 0.95 else parts[1:]) for word in part]


def _older(rng: random.Random, near: bool) -> list[bytes]:
    """GEORADIUS and its kin, with the name in front."""
    by_member = rng.random() < 0.5
    name = b"GEORADIUSBYMEMBER" if by_member else b"GEORADIUS"
    centre = [b"p%d" % rng.randrange(30)] if by_member else [*_place(rng, near)]
    words = [*centre, rng.choice(RADII if rng.random() < 0.95 else [b"-1", b"x"]), rng.choice(UNITS)]
    options = rng.choices(OPTIONS[:11] if rng.random() < 0.9 else OPTIONS, k=rng.choice([0, 0, 1, 2, 3]))
    if rng.random() < 0.1:
        options.append([rng.choice([b"STORE", b"STOREDIST"]), b"dest"])
    name = rng.choice([name, name + b"_RO", name.lower(), name[:8] + b"X" + name[9:]])
    return [name, b"g" if rng.random() < 0.95 else b"none", *words, *(word for option in options for word in option)]


def draw(rng: random.Random, count: int, near: bool) -> list[list[bytes]]:
    """Places, packed and not, and searches among them; now and then scores that are no places."""
    history = [[b"CONFIG", b"SET", b"zset-max-listpack-entries", rng.choice([b"128", b"10"])], [b"SET", b"s", b"text"]]
    for _ in range(rng.choice([1, 5, 30, 200])):
        history.append([b"GEOADD", b"g", *_place(rng, near), b"p%d" % rng.randrange(300)])
    for member in (b"17", b"-3", b"x" * 100):
        history.append([b"GEOADD", b"g", *_place(rng, near), member])
    if rng.random() < 0.3:
        history.append(
            [b"ZADD", b"g", b"-inf", b"low", b"inf", b"high", b"-1.5", b"below", b"1.5", b"odd", b"1e17", b"far"]
        )
    for _ in range(count):
        key = b"g" if rng.random() < 0.95 else rng.choice([b"none", b"s"])
        kind = rng.random()
        if kind < 0.25:
            history.append(_older(rng, near))
        elif kind < 0.5:
            words = [word for word in _search(rng, near) if not word.upper().startswith(b"WITH") or rng.random() < 0.1]
            how = [b"STOREDIST"] if rng.random() < 0.3 else []
            dest = rng.choice([b"dest", b"dest", b"g", b"s"]) if rng.random() < 0.3 else b"dest"
            history.append([b"GEOSEARCHSTORE", dest, key, *words, *how])
            history += [[b"ZRANGE", b"dest", b"0", b"-1", b"WITHSCORES"], [b"OBJECT", b"ENCODING", b"dest"]]
        else:
            history.append([rng.choice([b"GEOSEARCH", b"geosearch"]), key, *_search(rng, near)])
    return history


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 60), near=st.booleans(), resp3=st.booleans())
def test_the_two_cores_agree_on_searches(
    both: tuple[Server, Server], seed: int, count: int, near: bool, resp3: bool
) -> None:
    """A search finds the same places in the same order, and tells of them to the last digit, in both cores."""
    agree(both, draw(random.Random(seed), count, near), resp3)
