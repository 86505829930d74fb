"""Integers as texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.integers import (
    MAX_INT,
    MAX_UNSIGNED,
    MIN_INT,
    fits_int,
    parse_int,
    parse_unsigned,
    parse_unsigned_by_strtoul,
    print_int,
)


@given(st.integers(MIN_INT, MAX_INT))
def test_reading_undoes_printing(number: int) -> None:
    """Every 64-bit integer reads back from its canonical spelling."""
    assert parse_int(print_int(number)) == number
    assert fits_int(number)


@given(st.text("0123456789-+ x\n\0", max_size=22).map(str.encode))
def test_only_canonical_spellings_are_read(text: bytes) -> None:
    """A text that is read as an integer is the one that printing the integer gives."""
    number = parse_int(text)
    assert number is None or print_int(number) == text


@pytest.mark.parametrize("text", [b"", b"-", b"-0", b"+1", b"01", b"1 ", b" 1", b"1\n", b"1.0", b"\xc2\xb2", b"1_000"])
def test_other_spellings_fail(text: bytes) -> None:
    """No sign but a minus, no leading zero, no space, no other digits than ASCII's."""
    assert parse_int(text) is None


def test_bounds() -> None:
    """The bounds of 64 bits with a sign are read, and what is beyond them fails."""
    assert parse_int(b"9223372036854775807") == MAX_INT
    assert parse_int(b"-9223372036854775808") == MIN_INT
    assert parse_int(b"9223372036854775808") is None
    assert parse_int(b"-9223372036854775809") is None
    assert not fits_int(MAX_INT + 1)
    assert not fits_int(MIN_INT - 1)


# Each text with what SCAN makes of it before 7.2 and since, as observed.
CURSORS = [
    (b"0", 0, 0),
    (b"00", 0, 0),
    (b"+7", 7, 7),
    (b"-0", 0, 0),
    (b"", 0, None),
    (b" 7", None, 7),
    (b"\t7", None, 7),
    (b"7 ", None, None),
    (b"a", None, None),
    (b"-1", MAX_UNSIGNED, None),
    (b"-01", MAX_UNSIGNED, MAX_UNSIGNED),
    (b"18446744073709551615", MAX_UNSIGNED, MAX_UNSIGNED),
    (b"18446744073709551616", None, None),
    (b"-18446744073709551615", 1, 1),
    (b"0x0", None, None),
    (b"7\0", 7, 7),
    (b"\x007", 0, None),
    (b"+ 7", None, None),
]


@pytest.mark.parametrize(("text", "before", "since"), CURSORS)
def test_cursors(text: bytes, before: int | None, since: int | None) -> None:
    """Cursors are read by the C library's rules, those before 7.2 and those since."""
    assert parse_unsigned_by_strtoul(text) == before
    assert parse_unsigned(text) == since
