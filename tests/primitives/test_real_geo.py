"""Searches for places against the servers of this machine: what is found, in which order, to the last digit."""

import random
from collections.abc import Iterator

import pytest

from redlark.conformance.targets.servers import find_servers, start
from redlark.spec.primitives import geo
from tests.campaign import Rounds

from .test_real_servers import Client

SERVERS = [server for server in find_servers() if server.version != "6.2.5"]  # it estimates the box in another way


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of each server in turn, started for this module alone."""
    with start(request.param) as running:
        client = Client(request.param, running.port)
        yield client
        client.close()


def drawn(source: random.Random) -> tuple[float, float]:
    """A place anywhere, or near the edges of the map, or on a whole degree."""
    roll = source.random()
    if roll < 0.2:
        return source.choice((-180.0, 180.0, 179.99, 0.0)), source.choice((85.0, -85.0, 0.0, 66.0, -80.1))
    if roll < 0.4:
        return float(source.randrange(-180, 181)), float(source.randrange(-85, 86))
    return source.uniform(-180, 180), source.uniform(-85, 85)


def test_members_found(client: Client, rounds: Rounds) -> None:
    """A circle holds what the primitives say, cell by cell; a radius that is exactly a distance holds its member."""
    for source in rounds(60):
        middle, spread = drawn(source), 10 ** source.uniform(-5, 1)
        places = [drawn(source) for _ in range(10)]
        places += [
            (min(max(source.gauss(middle[0], spread), -180), 180), min(max(source.gauss(middle[1], spread), -85), 85))
            for _ in range(30)
        ]
        scores = {b"m%d" % number: geo.geo_score(*place) for number, place in enumerate(places)}
        added = [word for name, (x, y) in zip(scores, places, strict=True) for word in (repr(x), repr(y), name)]
        words = [word if isinstance(word, bytes) else word.encode() for word in added]
        client((b"DEL", b"g"), (b"GEOADD", b"g", *words))
        inside = sorted(scores.items(), key=lambda pair: (pair[1], pair[0]))
        name, other = source.choice(inside), source.choice(inside)
        centre = geo.geo_place(name[1])
        measure = geo.haversine if client.server.version.startswith("6.") else geo.great_circle
        radius = measure(centre, geo.geo_place(other[1])) if source.random() < 0.5 else 10 ** source.uniform(0, 7.4)
        found = client((b"GEOSEARCH", b"g", b"FROMMEMBER", name[0], b"BYRADIUS", repr(radius).encode(), b"m"))[0]
        assert found == [
            member
            for low, high in geo.cells_of_circle(centre, radius)
            for member, score in inside
            if low <= score < high and measure(centre, geo.geo_place(score)) <= radius
        ]
