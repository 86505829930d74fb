"""The server's map beside the text's primitives: the same scores, places, distances and cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redlark.server import geo
from redlark.spec.primitives import geo as text

LONGITUDES = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, 0.0, 90.0, 180.0]))
EDGES = [-85.05112878, 0.0, 66.5, 80.5, 85.05112878]
LATITUDES = st.one_of(st.floats(-85.05112878, 85.05112878), st.sampled_from(EDGES))
PLACES = st.tuples(LONGITUDES, LATITUDES)
REACH = st.one_of(st.floats(0, 3e7), st.sampled_from([0.0, 1.0, 1e300]))


@given(PLACES)
def test_a_place_has_the_score_of_the_text(place: geo.Place) -> None:
    """And the score the place, and the letters."""
    score = geo.score(place)
    assert score == text.geo_score(*place)
    assert geo.place(score) == text.geo_place(score)
    assert geo.text(score) == text.geohash_text(score)


@given(st.floats(allow_nan=False))
def test_any_number_is_a_place(score: float) -> None:
    """Scores that GEOADD has not given: negative, infinite, with a fraction."""
    assert geo.place(score) == text.geo_place(score)


@given(PLACES, PLACES)
def test_distances_are_those_of_the_text(here: geo.Place, there: geo.Place) -> None:
    """To the last digit."""
    found, expected = geo.distance(here, there), text.great_circle(here, there)
    assert found == expected or (found != found and expected != expected)


@given(PLACES, REACH, REACH)
def test_the_same_cells_are_looked_through_in_the_same_order(centre: geo.Place, aside: float, upward: float) -> None:
    """For circles and for boxes."""
    circle = geo.Area(centre, aside, aside, circle=True)
    assert tuple(cell.scores for cell in circle.cells()) == text.cells_of_circle(centre, aside)
    box = geo.Area(centre, aside, upward, circle=False)
    assert tuple(cell.scores for cell in box.cells()) == text.cells_of_box(centre, aside, upward)


@given(PLACES, st.floats(0, 3e6), st.lists(PLACES, max_size=30))
def test_what_is_inside_is_in_the_cells(centre: geo.Place, reach: float, places: list[geo.Place]) -> None:
    """Of places away from the poles and from 180 degrees itself, which the grid is not made for (as it is in Redis)."""
    area = geo.Area(centre, reach, reach, circle=True)
    cells = [cell.scores for cell in area.cells()]
    for there in map(geo.place, map(geo.score, places)):
        if area.holds(there) and abs(there[1]) < 60 and abs(centre[1]) < 60 and max(there[0], centre[0]) < 180:
            assert any(low <= geo.score(there) < high for low, high in cells)
