"""Places on the earth: 52 bits for a longitude and a latitude, distances, and the cells that a search looks through.

What lives here: the grid (two binary fractions of 26 bits, interleaved), geohash texts, the haversine distance, the
nine cells around a place in the order in which servers scan them, and polygons. All in doubles, operation by operation
in the order that servers do them, for their last bits are seen. Keys, units, options and replies are the text's.

A search is not a plain question of distance: servers look into at most nine cells of a grid whose step they estimate,
and leave out those that a box around the shape does not touch. Near the poles and the 180th meridian that box can be
too small, and members that are within reach are then not found. What is found, and in which order, is the same in all
servers from 6.2 on, so it is what the text promises.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from redlark.spec.primitives import primitive

STEP = 26  # bits of each coordinate
LONGITUDES = (-180.0, 180.0)
LATITUDES = (-85.05112878, 85.05112878)  # where the Mercator map of the web ends
EARTH_RADIUS = 6372797.560856  # metres
DEGREE = math.pi / 180.0
HALF_EQUATOR = 20037726.37  # metres; half of the map's width
ALPHABET = b"0123456789bcdefghjkmnpqrstuvwxyz"

# The order of scanning, as steps of longitude and latitude: the middle, N, S, E, W, NE, NW, SE, SW.
AROUND = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))

Range = tuple[float, float]
Cell = tuple[int, int]  # how many cells lie west and south of it


def _fraction(value: float, limits: Range) -> float:
    low, high = limits
    return (value - low) / (high - low)


def _cell(longitude: float, latitude: float, step: int, latitudes: Range = LATITUDES) -> Cell:
    scale = 1 << step
    return int(_fraction(longitude, LONGITUDES) * scale), int(_fraction(latitude, latitudes) * scale)


def interleave(east: int, north: int) -> int:
    """The bits of two numbers of 32 bits in turn, `north` taking the lowest.

    >>> bin(interleave(0b11, 0b00)), bin(interleave(0b01, 0b10))
    ('0b1010', '0b110')

    Source: G. M. Morton, "A computer oriented geodetic data base" (1966).
    """
    found = 0
    for place in range(32):
        found |= (north >> place & 1) << (2 * place) | (east >> place & 1) << (2 * place + 1)
    return found


def separate(bits: int) -> Cell:
    """The two numbers that `interleave` has put together.

    >>> separate(interleave(12345, 54321))
    (12345, 54321)
    """
    east = north = 0
    for place in range(32):
        north |= (bits >> (2 * place) & 1) << place
        east |= (bits >> (2 * place + 1) & 1) << place
    return east, north


def _edges(place: int, step: int, limits: Range) -> Range:
    low, high = limits
    scale = high - low
    return low + place * 1.0 / (1 << step) * scale, low + (place + 1) * 1.0 / (1 << step) * scale


def _middle(place: int, limits: Range) -> float:
    low, high = _edges(place, STEP, limits)
    return min(max((low + high) / 2, limits[0]), limits[1])


def _bits(score: float) -> int:
    """A score as the 64 bits that servers compiled for x86-64 make of it, though most scores are no place at all."""
    if score < 2.0**63:
        return int(score) % 2**64 if score > -(2.0**63) else 2**63
    return int(score) if score < 2.0**64 else 0


@primitive("geo-cell(float, float) -> int")
def geo_cell(longitude: float, latitude: float) -> int:
    """The cell of the finest grid that a place lies in, as replicas are told; 180 degrees east is beyond the map.

    >>> geo_cell(13.361389, 38.115556), geo_cell(180.0, 2.5)
    (3479099956230698, 10133464239064401)

    Source: as for `geo_score`; the second as redis 8.2.3 and valkey 9.1.2 send it to replicas.
    """
    return interleave(*_cell(longitude, latitude, STEP))


@primitive("geo-score(float, float) -> float")
def geo_score(longitude: float, latitude: float) -> float:
    """The score of a place: its cell of the finest grid, as a whole number.

    >>> geo_score(13.361389, 38.115556), geo_score(15.087269, 37.502669)
    (3479099956230698.0, 3479447370796909.0)

    Source: redis.io, GEOADD ("Sorted Set ... Geohash ... 52 bit integers") and its example of Palermo and Catania.
    """
    return float(geo_cell(longitude, latitude))


@primitive("geo-place(float) -> list of float")
def geo_place(score: float) -> tuple[float, float]:
    """Longitude and latitude of the middle of a score's cell; what lies beyond the map is drawn to its edge.

    >>> geo_place(3479099956230698.0)
    (13.361389338970184, 38.1155563954963)

    Source: redis.io, GEOPOS, example; observed for scores that are no place (negative, infinite, with a fraction).
    """
    east, north = separate(_bits(score))
    return _middle(east, LONGITUDES), _middle(north, LATITUDES)


@primitive("geohash-text(float) -> text")
def geohash_text(score: float) -> bytes:
    """The geohash of a score's place: ten letters of five bits, and a 0 for the bits that are not there.

    >>> geohash_text(3479099956230698.0), geohash_text(3479447370796909.0)
    (b'sqc8b49rny0', b'sqdtr74hyu0')

    Source: redis.io, GEOHASH, example; the alphabet and the range of latitudes (-90 to 90) are geohash.org's.
    """
    longitude, latitude = geo_place(score)
    bits = interleave(*_cell(longitude, latitude, STEP, (-90.0, 90.0)))
    return bytes([ALPHABET[bits >> (52 - 5 * place) & 31] for place in range(1, 11)]) + b"0"


# ---- distances -----------------------------------------------------------------------------------------------


def _cosine(angle: float) -> float:
    return math.cos(angle) if math.isfinite(angle) else math.nan


def _haversine(here: Range, there: Range, across: float) -> float:
    along = math.sin((there[1] * DEGREE - here[1] * DEGREE) / 2)
    chord = along * along + math.cos(here[1] * DEGREE) * math.cos(there[1] * DEGREE) * across * across
    root = math.sqrt(chord)
    return 2.0 * EARTH_RADIUS * math.asin(root) if root <= 1 else math.nan


@primitive("haversine(list of float, list of float) -> float")
def haversine(here: Range, there: Range) -> float:
    """The distance of two places in metres, along a great circle of a round earth.

    >>> round(haversine(geo_place(3479099956230698.0), geo_place(3479447370796909.0)), 4)
    166274.1516

    Source: R. W. Sinnott, "Virtues of the Haversine" (1984); redis.io, GEODIST (the radius, the example).
    """
    return _haversine(here, there, math.sin((there[0] * DEGREE - here[0] * DEGREE) / 2))


@primitive("great-circle(list of float, list of float) -> float")
def great_circle(here: Range, there: Range) -> float:
    """`haversine`, but along a meridian the plain length of the arc: as servers compute it since 7.0.

    Source: observed with GEODIST and STOREDIST on redis 7.0.15, 8.2.3 and valkey 8.1.8.
    """
    across = math.sin((there[0] * DEGREE - here[0] * DEGREE) / 2)
    return along_meridian(here, there) if across == 0.0 else _haversine(here, there, across)


@primitive("along-meridian(list of float, list of float) -> float")
def along_meridian(here: Range, there: Range) -> float:
    """The distance of two latitudes in metres.

    Source: the length of an arc; observed with BYBOX.
    """
    return EARTH_RADIUS * abs(there[1] * DEGREE - here[1] * DEGREE)


# ---- the cells of a search -----------------------------------------------------------------------------------


def _step(reach: float, latitude: float) -> int:
    """How fine a grid to take, that the cells around a place hold what is within reach: coarser towards the poles."""
    if reach == 0:
        return STEP
    step = -1
    while reach < HALF_EQUATOR:
        reach, step = reach * 2, step + 1
    step -= (abs(latitude) > 66) + (abs(latitude) > 80)
    return min(max(step, 1), STEP)


def _box(place: Range, width: float, height: float) -> tuple[float, float, float, float]:
    """West, south, east, north of a shape that reaches so many metres to each side."""
    longitude, latitude = place
    up = height / EARTH_RADIUS / DEGREE
    nearer = latitude - up if latitude < 0 else latitude + up  # the pole's side, where a degree is shortest
    aside = width / EARTH_RADIUS / _cosine(nearer * DEGREE) / DEGREE
    return longitude - aside, latitude - up, longitude + aside, latitude + up


def _neighbour(cell: Cell, step: int, east: int, north: int) -> Cell:
    size = 1 << step
    return (cell[0] + east) % size if east else cell[0], (cell[1] + north) % size if north else cell[1]


def _too_fine(cell: Cell, step: int, box: tuple[float, float, float, float]) -> bool:
    """Whether the neighbours of a cell end before the box does."""
    west, south, east, north = box
    return (
        _edges(_neighbour(cell, step, 0, 1)[1], step, LATITUDES)[1] < north
        or _edges(_neighbour(cell, step, 0, -1)[1], step, LATITUDES)[0] > south
        or _edges(_neighbour(cell, step, 1, 0)[0], step, LONGITUDES)[1] < east
        or _edges(_neighbour(cell, step, -1, 0)[0], step, LONGITUDES)[0] > west
    )


def _scanned(place: Range, reach: float, box: tuple[float, float, float, float]) -> Iterator[tuple[Cell, int]]:
    step = _step(reach, place[1])
    cell = _cell(*place, step)
    if step > 1 and _too_fine(cell, step, box):
        step -= 1
        cell = _cell(*place, step)
    west, south, east, north = box
    longitudes, latitudes = _edges(cell[0], step, LONGITUDES), _edges(cell[1], step, LATITUDES)
    before: Cell | None = None
    for aside, up in AROUND:
        if step >= 2 and (
            (up < 0 and latitudes[0] < south)
            or (up > 0 and latitudes[1] > north)
            or (aside < 0 and longitudes[0] < west)
            or (aside > 0 and longitudes[1] > east)
        ):
            continue
        found = _neighbour(cell, step, aside, up)
        if found != before:
            yield found, step
        before = found if (aside, up) != (0, 0) else None


def _scores(cells: Iterator[tuple[Cell, int]]) -> tuple[Range, ...]:
    shifted = ((interleave(*cell), 2 * (STEP - step)) for cell, step in cells)
    return tuple((float(bits << shift), float((bits + 1) << shift)) for bits, shift in shifted)


@primitive("cells-of-circle(list of float, float) -> list of any")
def cells_of_circle(place: Range, radius: float) -> tuple[Range, ...]:
    """The cells that are scanned for a circle, in their order, each as the scores from which and below which it goes.

    >>> len(cells_of_circle((15.0, 37.0), 200000.0))
    4

    Source: redis.io, GEOSEARCH ("grid-aligned bounding box"); which cells, and their order: observed.
    """
    return _scores(_scanned(place, radius, _box(place, radius, radius)))


@primitive("cells-of-box(list of float, float, float) -> list of any")
def cells_of_box(place: Range, aside: float, up: float) -> tuple[Range, ...]:
    """The cells that are scanned for a box that reaches so many metres to each side, and up and down.

    >>> cells_of_box((15.0, 37.0), 0.0, 0.0) == cells_of_circle((15.0, 37.0), 0.0)
    True

    Source: as of `cells_of_circle`.
    """
    return _scores(_scanned(place, math.sqrt(aside * aside + up * up), _box(place, aside, up)))


# ---- polygons ------------------------------------------------------------------------------------------------


@primitive("centre-of(list of float, list of float) -> list of float")
def centre_of(longitudes: Sequence[float], latitudes: Sequence[float]) -> tuple[float, float]:
    """The middle of some places: where the sum of their directions from the middle of the earth points to.

    Source: observed with BYPOLYGON and WITHDIST on valkey 9.1.2.
    """
    x = y = z = 0.0
    for longitude, latitude in zip(longitudes, latitudes, strict=True):
        lon, lat = longitude * DEGREE, latitude * DEGREE
        x += math.cos(lat) * math.cos(lon)
        y += math.cos(lat) * math.sin(lon)
        z += math.sin(lat)
    return math.atan2(y, x) / DEGREE, math.atan2(z, math.sqrt(x * x + y * y)) / DEGREE


@primitive("in-polygon(list of float, list of float, list of float) -> bool")
def in_polygon(place: Range, longitudes: Sequence[float], latitudes: Sequence[float]) -> bool:
    """Whether a ray from a place crosses the sides of a polygon an odd number of times, on a flat map.

    Source: W. R. Franklin, "PNPOLY"; observed with BYPOLYGON on valkey 9.1.2.
    """
    x, y = place
    inside = False
    corners = list(zip(longitudes, latitudes, strict=True))
    for (x1, y1), (x2, y2) in zip(corners, [corners[-1], *corners[:-1]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


@primitive("cells-of-polygon(list of float, list of float, list of float) -> list of any")
def cells_of_polygon(centre: Range, longitudes: Sequence[float], latitudes: Sequence[float]) -> tuple[Range, ...]:
    """The cells that are scanned for a polygon, as `cells_of_circle` tells them.

    Source: observed with BYPOLYGON on valkey 9.1.2.
    """
    box = (min(longitudes), min(latitudes), max(longitudes), max(latitudes))
    reach = max(great_circle(centre, (east, north)) for east in box[::2] for north in box[1::2])
    return _scores(_scanned(centre, reach, box))
