"""What searches for places are made of: coordinates of a few places that lie near each other, radii, units, polygons.

Places collide, lie on the edges of cells and of the map, near a pole or the 180th meridian; radii are sometimes exactly
the distance of two of them, for what is just inside must agree as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from redlark.conformance.history import Part, Request

_LONGITUDES = (
    b"13.361389", b"15.087269", b"15", b"0", b"2", b"2.5", b"1", b"-2", b"180", b"-180", b"179.99", b"-179.99",
    b"2.682209014892578e-06", b"12.758489", b"13.583333",
)  # fmt: skip
_LATITUDES = (
    b"38.115556", b"37.502669", b"37", b"0", b"2", b"2.5", b"1", b"-2", b"85.05112878", b"-85.05112878", b"84.9",
    b"-80.1", b"66.5", b"1.2673605809254695e-06", b"38.788135", b"37.316667",
)  # fmt: skip
_OFF = (b"181", b"-180.0000001", b"85.0511288", b"-90", b"1e300", b"inf", b"-inf")
_NOT_NUMBERS = (b"abc", b"", b"nan", b"1e400", b" 1", b"0x10", b"1 ")
_RADII = (
    b"200", b"1000", b"1", b"0", b"100", b"500", b"20000", b"100000", b"166.2741515696003", b"166274.15156960032",
    b"0.5", b"2.5e4", b"300", b"1e9", b"157.41",
)  # fmt: skip
_BAD_RADII = (b"-1", b"-0", b"abc", b"", b"nan", b"inf", b"-inf", b"1e308", b"0x10")
_UNITS = (b"km", b"km", b"km", b"m", b"mi", b"ft")
_BAD_UNITS = (b"KM", b"Mi", b"mm", b"", b"k", b"m\x00x", b"FT")


def coordinate(name: str, rng: random.Random) -> Part:
    """A longitude or a latitude, as the name says; now and then one that is off the map, or none."""
    roll = rng.random()
    if roll < 0.93:
        return rng.choice(_LATITUDES if name.startswith("lat") else _LONGITUDES)
    return rng.choice(_OFF if roll < 0.97 else _NOT_NUMBERS)


def _radius(rng: random.Random) -> Part:
    return rng.choice(_RADII) if rng.random() < 0.9 else rng.choice(_BAD_RADII)


def _unit(rng: random.Random) -> Part:
    return rng.choice(_UNITS) if rng.random() < 0.9 else rng.choice(_BAD_UNITS)


def _vertices(rng: random.Random) -> Part:
    return (
        rng.choice((b"3", b"4", b"3", b"5")) if rng.random() < 0.9 else rng.choice((b"2", b"x", b"-1", b"2147483648"))
    )


def _count(rng: random.Random) -> Part:
    return (
        rng.choice((b"1", b"2", b"3", b"10"))
        if rng.random() < 0.85
        else rng.choice((b"0", b"-1", b"abc", b"4294967297"))
    )


BY_TYPE: dict[str, Callable[[random.Random], Part]] = {
    "radius": _radius,
    "box-width": _radius,
    "box-height": _radius,
    "unit": _unit,
    "vertex-count": _vertices,
    "search-count": _count,
}

MEMBERS = (b"a", b"b", b"c", b"d", b"e", b"ab", b"10", b"2", b"")


def some(rng: random.Random) -> list[bytes]:
    """Arguments of GEOADD: a few members with their places."""
    found: list[bytes] = []
    for member in rng.sample(MEMBERS, rng.choice((2, 4, 6, 9))):
        found += (rng.choice(_LONGITUDES), rng.choice(_LATITUDES), member)
    return found


def around(one: Request, member: bytes, rng: random.Random) -> Request:
    """The request, if it searches around a member, around one that there is, mostly."""
    words = [part.upper() if isinstance(part, bytes) else part for part in one.parts]
    place = (
        2
        if words[0] in (b"GEORADIUSBYMEMBER", b"GEORADIUSBYMEMBER_RO")
        else words.index(b"FROMMEMBER") + 1
        if b"FROMMEMBER" in words
        else 0
    )
    if not place or len(words) <= place or rng.random() < 0.15:
        return one
    return Request((*one.parts[:place], member, *one.parts[place + 1 :]))
