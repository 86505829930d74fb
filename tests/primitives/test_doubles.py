"""Doubles as texts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.doubles import (
    grisu2,
    is_nan,
    parse_decimal_by_strtod,
    parse_decimal_double,
    parse_double,
    parse_double_by_strtod,
    print_double,
    print_double_17,
    print_double_shortest,
)

doubles = st.floats(allow_nan=False, allow_infinity=False)


@given(doubles)
def test_every_printing_reads_back(value: float) -> None:
    """Each way of printing gives a text that reads back as the very same double."""
    for text in (print_double(value), print_double_17(value), print_double_shortest(value)):
        read = parse_double(text)
        assert read == value
        assert math.copysign(1, read) == math.copysign(1, value)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_grisu2_gives_17_digits_at_most(value: float) -> None:
    """The digits of Grisu2 are the number, and never more than 17 of them are needed."""
    digits, exponent = grisu2(value)
    assert float(f"{digits}e{exponent}") == value
    assert len(digits) <= 17
    assert not digits.startswith("0")


# Observed with ZSCORE on redis 8.2.3; 1e23 is one of those that Grisu2 does not print shortest.
PRINTED = [
    (0.0, b"0"),
    (-0.0, b"-0"),
    (1e23, b"99999999999999990000000"),
    (-1.6827199780939912e90, b"-1.6827199780939911e+90"),
    (2.0**62, b"4611686018427387904"),
    (4.611686018427389e18, b"4611686018427389000"),
    (5.8243e18, b"5.8243e+18"),
    (1e-320, b"1e-320"),
    (math.inf, b"inf"),
    (-math.inf, b"-inf"),
]


@pytest.mark.parametrize(("value", "text"), PRINTED)
def test_layout(value: float, text: bytes) -> None:
    """Whole numbers up to 2**62 are written out, and others as their digits' count and exponent say."""
    assert print_double(value) == text


@pytest.mark.parametrize("text", [b"", b" 1", b"1 ", b"nan", b"1e400", b"1e-400", b"0x1p5000", b"0x", b"1d", b"1\0"])
def test_what_is_no_double(text: bytes) -> None:
    """No space, no NaN, nothing out of range."""
    assert parse_double(text) is None


def test_hexadecimal_doubles() -> None:
    """Hexadecimal numbers are doubles for strtod, and none for Valkey 9."""
    assert parse_double(b"-0x1.8p1") == -3.0
    assert parse_decimal_double(b"-0x1.8p1") is None
    assert parse_decimal_double(b"+inf") == math.inf


# What ZRANGEBYSCORE takes for a bound: redis 7.0.15 first, then redis 8.2.3; None is "min or max is not a float".
BOUNDS = [
    (b"", 0.0, 0.0),
    (b"\0abc", 0.0, 0.0),
    (b"1\0abc", 1.0, 1.0),
    (b" 1", 1.0, None),
    (b"\v+1", 1.0, None),
    (b"0x1p1", 2.0, None),
    (b"0x1p5000", math.inf, None),
    (b"-0x1p5000", -math.inf, None),
    (b"1e400", math.inf, math.inf),
    (b"-1e400", -math.inf, -math.inf),
    (b"1e-400", 0.0, 0.0),
    (b"-Infinity", -math.inf, -math.inf),
    (b"1 ", None, None),
    (b" ", None, None),
    (b".", None, None),
    (b"nan", None, None),
    (b"1e", None, None),
]


@pytest.mark.parametrize(("text", "older", "newer"), BOUNDS)
def test_strtod_of_a_c_string(text: bytes, older: float | None, newer: float | None) -> None:
    """Nothing is 0 and a NUL ends the number; white space and hexadecimal numbers are the older way's alone."""
    assert parse_double_by_strtod(text) == older
    assert parse_decimal_by_strtod(text) == newer


@given(doubles)
def test_strtod_agrees_with_the_strict_reading(value: float) -> None:
    """What a score may be spelled as, a bound may be, and means the same."""
    for text in (print_double(value), print_double_17(value)):
        assert parse_double_by_strtod(text) == parse_decimal_by_strtod(text) == parse_double(text)


def test_nan_comes_of_opposite_infinities() -> None:
    """Only NaN is NaN."""
    assert is_nan(math.inf - math.inf)
    assert not any(map(is_nan, (0.0, math.inf, -math.inf)))
