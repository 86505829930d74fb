"""What SORT's patterns mean, and which numbers it takes where the C library reads them."""

from __future__ import annotations

import math

import pytest

from redlark.spec.primitives.doubles import parse_normal_by_strtod
from redlark.spec.primitives.sorting import has_star, pattern_place

PLACES: list[tuple[bytes, tuple[bytes, ...] | None]] = [
    (b"k*", (b"k1",)),
    (b"*k*", (b"1k*",)),
    (b"h*->f", (b"h1", b"f")),
    (b"h*-->f", (b"h1-", b"f")),
    (b"h*->f->g", (b"h1", b"f->g")),
    (b"h*->f\0g", (b"h1", b"f\0g")),
    (b"h*->", (b"h1->",)),
    (b"h*->\0f", (b"h1->\0f",)),
    (b"h*\0->f", (b"h1\0->f",)),
    (b"h->*", (b"h->1",)),
    (b"w\0*", None),
    (b"", None),
]


@pytest.mark.parametrize(("pattern", "place"), PLACES)
def test_places(pattern: bytes, place: tuple[bytes, ...] | None) -> None:
    """As SORT ... GET of every server finds them for the element 1."""
    assert pattern_place(pattern, b"1") == place
    assert has_star(pattern) == (place is not None)


TAKEN = [
    (b"", 0.0), (b"\0x", 0.0), (b"1\x002", 1.0), (b" \v1", 1.0), (b"0x1p3", 8.0), (b"-inf", -math.inf), (b"0e400", 0.0),
    (b"2.2250738585072014e-308", 2.2250738585072014e-308), (b"0x1p-1074", 5e-324), (b"-0x1p-1074", -5e-324),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), TAKEN)
def test_numbers_that_are_taken(text: bytes, number: float) -> None:
    """As SORT of redis 7.0.15 and valkey 8.1.8 takes them."""
    assert parse_normal_by_strtod(text) == number


@pytest.mark.parametrize(
    "text",
    [b"1e400", b"-1e400", b"1e-400", b"5e-324", b"2.2250738585072011e-308", b"0x1p-1080", b"0x1p1024", b"1 ", b"nan"],
)
def test_numbers_that_are_refused(text: bytes) -> None:
    """Out of range, or none: as SORT of redis 7.0.15 and valkey 8.1.8 refuses them."""
    assert parse_normal_by_strtod(text) is None
