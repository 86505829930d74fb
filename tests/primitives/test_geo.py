"""Places on the earth: published geohashes and distances, and what holds of cells, circles and polygons everywhere."""

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from redlark.spec.primitives import geo
from redlark.spec.primitives.doubles import print_fixed, print_scaled

LONGITUDES = st.floats(-180, 180)
LATITUDES = st.floats(-85.05112878, 85.05112878)
PLACES = st.tuples(LONGITUDES, LATITUDES)
TEMPERATE = st.tuples(st.floats(-150, 150), st.floats(-60, 60))
QUARTER = math.pi / 2 * geo.EARTH_RADIUS


@pytest.mark.parametrize(
    ("longitude", "latitude", "text"),
    [
        (10.40744, 57.64911, b"u4pruydqq"),  # Wikipedia, "Geohash": u4pruydqqvj
        (-5.603, 42.605, b"ezs42"),  # the same, the worked example
        (-4.9, 53.2, b"gc"),  # geohash.org: Wales
        (13.361389, 38.115556, b"sqc8b49rny"),  # redis.io, GEOHASH: Palermo
        (15.087269, 37.502669, b"sqdtr74hyu"),  # the same: Catania
    ],
)
def test_published_geohashes(longitude: float, latitude: float, text: bytes) -> None:
    """A place has the geohash that is published for it; the last letter of eleven is always 0."""
    found = geo.geohash_text(geo.geo_score(longitude, latitude))
    assert found.startswith(text)
    assert len(found) == 11
    assert found.endswith(b"0")


def test_published_distance() -> None:
    """Palermo and Catania are as far apart as redis.io says, and the poles half the earth."""
    palermo, catania = (geo.geo_place(score) for score in (3479099956230698.0, 3479447370796909.0))
    assert print_scaled(geo.haversine(palermo, catania), 4) == b"166274.1516"
    assert geo.haversine((0, 90), (0, -90)) == pytest.approx(2 * QUARTER)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_interleaving_is_undone(east: int, north: int) -> None:
    """Two numbers that are interleaved come apart again, and are below 64 bits together."""
    bits = geo.interleave(east, north)
    assert geo.separate(bits) == (east, north)
    assert bits < 2**64


@given(PLACES)
def test_a_place_stays_in_its_cell(place: tuple[float, float]) -> None:
    """The middle of a place's cell is less than a cell away, and its score is the same."""
    score = geo.geo_score(*place)
    middle = geo.geo_place(score)
    assert abs(middle[0] - place[0]) <= 360 / 2**26
    assert abs(middle[1] - place[1]) <= 171 / 2**26
    if score < 2.0**52:  # not on the very edge of the map
        assert geo.geo_score(*middle) == score


@given(st.floats(allow_nan=False))
def test_any_score_is_some_place(score: float) -> None:
    """A score that is no place, as ZADD may give one, is drawn to the map."""
    longitude, latitude = geo.geo_place(score)
    assert -180 <= longitude <= 180
    assert -85.06 <= latitude <= 85.06
    assert len(geo.geohash_text(score)) == 11


@given(PLACES, PLACES)
def test_distances(here: tuple[float, float], there: tuple[float, float]) -> None:
    """A distance is the same there and back, at most half round the earth; along a meridian latitudes tell it."""
    distance = geo.haversine(here, there)
    assert distance == geo.haversine(there, here)
    assert 0 <= distance <= 2 * QUARTER + 1
    assert geo.great_circle(here, there) == pytest.approx(distance, rel=1e-6, abs=0.2)
    assert geo.great_circle(here, (here[0], there[1])) == geo.along_meridian(here, there)


@given(TEMPERATE, st.floats(0, 2e6), st.floats(-1, 1), st.floats(-1, 1))
def test_cells_hold_the_circle(centre: tuple[float, float], radius: float, aside: float, up: float) -> None:
    """Away from the poles and the 180th meridian the scanned cells hold every place inside, each once."""
    degrees = radius / geo.EARTH_RADIUS / geo.DEGREE
    place = (centre[0] + aside * 3 * degrees, centre[1] + up * degrees)
    assume(abs(place[0]) < 180 and abs(place[1]) < 80 and geo.great_circle(centre, place) <= radius)
    score = geo.geo_score(*place)
    cells = geo.cells_of_circle(centre, radius)
    assert len(cells) <= 9
    assert sum(low <= score < high for low, high in cells) == 1


@given(PLACES, st.floats(0, 1e8), st.floats(0, 1e8))
def test_cells_do_not_overlap(centre: tuple[float, float], aside: float, up: float) -> None:
    """No score is scanned twice, wherever a search is, however large: no member can be found twice."""
    cells = sorted(geo.cells_of_box(centre, aside, up))
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(cells))
    assert geo.cells_of_circle(centre, math.inf)


@given(st.lists(TEMPERATE, min_size=3, max_size=3, unique=True), st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_triangles(corners: list[tuple[float, float]], one: float, other: float) -> None:
    """What is mixed of the corners of a triangle is inside, and what lies beyond its box is not."""
    (x1, y1), (x2, y2), (x3, y3) = corners
    assume(abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1)) > 1)
    first, second = one, (1 - one) * other
    third = 1 - first - second
    place = (first * x1 + second * x2 + third * x3, first * y1 + second * y2 + third * y3)
    xs, ys = [x1, x2, x3], [y1, y2, y3]
    assume(min(first, second, third) > 1e-3)
    assert geo.in_polygon(place, xs, ys)
    assert not geo.in_polygon((max(xs) + 1, place[1]), xs, ys)
    assert not geo.in_polygon((place[0], max(ys) + 1), xs, ys)


@given(st.floats(0, 1e8), st.integers(0, 6))
def test_two_ways_to_print(value: float, digits: int) -> None:
    """The two ways to print a distance differ in the last digit at most."""
    exact, scaled = float(print_fixed(value, digits)), float(print_scaled(value, digits))
    assert abs(exact - scaled) <= 1.01 * 10**-digits
