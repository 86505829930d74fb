"""Places on a round earth as cells of a grid, and the cells that a search has to look through.

A place is longitude and latitude in degrees.  Its score is a number of 52 bits, those of its column and of its row in
turn, so that each shorter beginning is a larger cell.  All arithmetic is that of C doubles in the order that Redis 7
and later shows.  Must not live here: keys, replies.

Sources: G. M. Morton, "A computer oriented geodetic data base" (1966); R. W. Sinnott, "Virtues of the Haversine"
(1984); geohash.org for the text; redis.io, GEOSEARCH; which cells are looked through, and in which order: observed.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import asin, cos, isfinite, nan, pi, sin, sqrt
from typing import Final

import attrs

Place = tuple[float, float]

BITS: Final = 26  # of a column, and of a row
WEST, EAST = -180.0, 180.0
SOUTH, NORTH = -85.05112878, 85.05112878  # where the map ends
RADIUS: Final = 6372797.560856  # of the earth, in metres
RADIAN: Final = pi / 180.0
HALF_MAP: Final = 20037726.37  # metres
LETTERS: Final = b"0123456789bcdefghjkmnpqrstuvwxyz"
UNITS: Final = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}  # metres
_SPREAD: Final = (
    (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)  # fmt: skip


def on_map(longitude: float, latitude: float) -> bool:
    """Whether a place has a cell."""
    return WEST <= longitude <= EAST and SOUTH <= latitude <= NORTH


def _spread(number: int) -> int:
    """32 bits, every other one of 64."""
    for shift, mask in _SPREAD:
        number = (number | number << shift) & mask
    return number


def _gather(bits: int) -> int:
    """Every other one of 64 bits."""
    bits &= 0x5555555555555555
    for shift, mask in ((1, 0x3333333333333333), (2, 0x0F0F0F0F0F0F0F0F), (4, 0x00FF00FF00FF00FF),
                        (8, 0x0000FFFF0000FFFF), (16, 0x00000000FFFFFFFF)):  # fmt: skip
        bits = (bits | bits >> shift) & mask
    return bits


@attrs.frozen(slots=True)
class Cell:
    """One cell of the grid whose columns and rows have so many bits."""

    column: int
    row: int
    bits: int

    @classmethod
    def of(cls, place: Place, bits: int, south: float = SOUTH, north: float = NORTH) -> Cell:
        """The cell that a place lies in."""
        scale = 1 << bits
        across = (place[0] - WEST) / (EAST - WEST)
        return cls(int(across * scale), int((place[1] - south) / (north - south) * scale), bits)

    @property
    def number(self) -> int:
        """Its bits, those of the column and of the row in turn."""
        return _spread(self.column) << 1 | _spread(self.row)

    @property
    def scores(self) -> tuple[float, float]:
        """The scores from which and below which its places are."""
        shift = 2 * (BITS - self.bits)
        return float(self.number << shift), float(self.number + 1 << shift)

    @property
    def longitudes(self) -> tuple[float, float]:
        """Its western and its eastern edge."""
        return self._edge(self.column, WEST, EAST), self._edge(self.column + 1, WEST, EAST)

    @property
    def latitudes(self) -> tuple[float, float]:
        """Its southern and its northern edge."""
        return self._edge(self.row, SOUTH, NORTH), self._edge(self.row + 1, SOUTH, NORTH)

    def _edge(self, place: int, low: float, high: float) -> float:
        return low + place * 1.0 / (1 << self.bits) * (high - low)

    def beside(self, east: int, north: int) -> Cell:
        """The cell that lies so many columns and rows away, around the map's ends; 180 degrees east is beyond them."""
        size = 1 << self.bits
        column = (self.column + east) % size if east else self.column
        row = (self.row + north) % size if north else self.row
        return Cell(column, row, self.bits)


def score(place: Place) -> float:
    """The score of a place."""
    return float(Cell.of(place, BITS).number)


def place(score: float) -> Place:
    """The middle of the cell that a score is; any number is taken as the 64 bits that x86-64 makes of it."""
    if score < 2.0**63:
        bits = int(score) % 2**64 if score > -(2.0**63) else 2**63
    else:
        bits = int(score) if score < 2.0**64 else 0
    cell = Cell(_gather(bits >> 1), _gather(bits), BITS)
    (west, east), (south, north) = cell.longitudes, cell.latitudes
    return min(max((west + east) / 2, WEST), EAST), min(max((south + north) / 2, SOUTH), NORTH)


def text(score: float) -> bytes:
    """The geohash of a score: ten letters of five bits of a grid that reaches to the poles, and a 0.

    >>> text(3479099956230698.0)
    b'sqc8b49rny0'
    """
    bits = Cell.of(place(score), BITS, -90.0, 90.0).number
    return bytes(LETTERS[bits >> (52 - 5 * number) & 31] for number in range(1, 11)) + b"0"


# ---- distances ------------------------------------------------------------------------------------------------------


def up(here: Place, there: Place) -> float:
    """How far two places are apart along a meridian, in metres."""
    return RADIUS * abs(there[1] * RADIAN - here[1] * RADIAN)


def distance(here: Place, there: Place) -> float:
    """How far two places are apart, in metres.

    >>> round(distance(place(3479099956230698.0), place(3479447370796909.0)), 4)
    166274.1516
    """
    across = sin((there[0] * RADIAN - here[0] * RADIAN) / 2)
    if across == 0.0:
        return up(here, there)
    along = sin((there[1] * RADIAN - here[1] * RADIAN) / 2)
    chord = along * along + cos(here[1] * RADIAN) * cos(there[1] * RADIAN) * across * across
    root = sqrt(chord)
    return 2.0 * RADIUS * asin(root) if root <= 1 else nan


# ---- searching ------------------------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Area:
    """A circle, or a box that reaches so many metres to each side and up and down, around a place."""

    centre: Place
    aside: float
    upward: float
    circle: bool

    def holds(self, there: Place) -> bool:
        """Whether a place is inside."""
        if self.circle:
            return distance(self.centre, there) <= self.aside
        if up(self.centre, there) > self.upward:
            return False
        return distance(there, (self.centre[0], there[1])) <= self.aside

    def cells(self) -> Iterator[Cell]:
        """The cells that hold all that is inside, in the order in which they are looked through."""
        west, south, east, north = self._edges()
        bits = self._bits()
        middle = Cell.of(self.centre, bits)
        if bits > 1 and (
            middle.beside(0, 1).latitudes[1] < north or middle.beside(0, -1).latitudes[0] > south
            or middle.beside(1, 0).longitudes[1] < east or middle.beside(-1, 0).longitudes[0] > west
        ):  # fmt: skip
            bits -= 1
            middle = Cell.of(self.centre, bits)
        before: Cell | None = None
        # the middle, N, S, E, W, NE, NW, SE, SW
        for column, row in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)):
            if bits >= 2 and (
                (row < 0 and middle.latitudes[0] < south) or (row > 0 and middle.latitudes[1] > north)
                or (column < 0 and middle.longitudes[0] < west) or (column > 0 and middle.longitudes[1] > east)
            ):  # fmt: skip
                continue
            cell = middle.beside(column, row)
            if cell != before:
                yield cell
            before = cell if column or row else None

    def _edges(self) -> tuple[float, float, float, float]:
        longitude, latitude = self.centre
        up = self.upward / RADIUS / RADIAN
        nearer = latitude - up if latitude < 0 else latitude + up  # the pole's side, where a degree is shortest
        shrunk = cos(nearer * RADIAN) if isfinite(nearer * RADIAN) else nan
        aside = self.aside / RADIUS / shrunk / RADIAN
        return longitude - aside, latitude - up, longitude + aside, latitude + up

    def _bits(self) -> int:
        """How fine a grid to take, that nine cells hold what is within reach: coarser towards the poles."""
        reach = self.aside if self.circle else sqrt(self.aside * self.aside + self.upward * self.upward)
        if reach == 0:
            return BITS
        bits = -1
        while reach < HALF_MAP:
            reach, bits = reach * 2, bits + 1
        bits -= (abs(self.centre[1]) > 66) + (abs(self.centre[1]) > 80)
        return min(max(bits, 1), BITS)
