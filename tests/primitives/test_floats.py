"""Long doubles: the 80-bit extended format, exactly."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.floats import (
    is_finite,
    long_double_sum,
    parse_long_double,
    print_long_double,
    round_long_double,
)

# Intel 64 manual, volume 1, table 4-2: the least denormal, the least normal and the greatest number of the format.
LEAST, NORMAL, GREATEST = Fraction(1, 2**16445), Fraction(1, 2**16382), Fraction((2**64 - 1) * 2**16320)

finite = st.builds(
    lambda mantissa, exponent: round_long_double(Fraction(mantissa) * Fraction(2) ** exponent),
    st.integers(-(2**64), 2**64),
    st.integers(-200, 200),
)


def test_limits_of_the_format() -> None:
    """The published limits are held; half the least is 0, and half a step above the greatest overflows."""
    for limit in (LEAST, NORMAL, GREATEST):
        assert round_long_double(limit) == limit
    assert round_long_double(LEAST / 2) == 0
    assert round_long_double(LEAST * Fraction(3, 2)) == 2 * LEAST
    assert round_long_double(GREATEST + 2**16319) == math.inf
    assert round_long_double(GREATEST + 2**16319 - 1) == GREATEST
    assert round_long_double(-GREATEST - 2**16319) == -math.inf


def test_ties_go_to_even() -> None:
    """A number half-way between two long doubles becomes the one whose last bit is 0."""
    assert round_long_double(Fraction(2**64 + 1)) == 2**64
    assert round_long_double(Fraction(2**64 + 3)) == 2**64 + 4


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_a_long_double(value: float) -> None:
    """Doubles are held exactly, subnormal ones too."""
    assert round_long_double(Fraction(value)) == Fraction(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"3.0e3", Fraction(3000)),
        (b"+.5", Fraction(1, 2)),
        (b"5.", Fraction(5)),
        (b"0x1p-4", Fraction(1, 16)),
        (b"0X.8", Fraction(1, 2)),
        (b"inf", math.inf),
        (b"-Infinity", -math.inf),
        (b"0e99999999999999999999", Fraction(0)),
        (b"0" * 5118 + b"1", Fraction(1)),
        (b"0x1p-16445", LEAST),
    ],
)
def test_spellings(text: bytes, value: Fraction | float) -> None:
    """All of strtold's spellings are read: decimal, hexadecimal, infinities; up to 5119 bytes."""
    assert parse_long_double(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b".", b"1e", b"0x", b"0xp1", b"0x1p", b" 1", b"1 ", b"1\0", b"nan", b"-nan(1)", b"infi", b"1_0", b"1L"),
        *(b"1e4933", b"1e-4951", b"0x1p16384", b"0x1p-16446", b"1e99999999999999999999", b"1e-99999999999999999999"),
        b"0" * 5119 + b"1",
    ],
)
def test_what_is_no_long_double(text: bytes) -> None:
    """No space, no NaN, nothing out of range in either direction, and no more than 5119 bytes."""
    assert parse_long_double(text) is None


@given(finite, finite)
def test_a_sum_is_rounded_once(one: Fraction, other: Fraction) -> None:
    """The sum is the rounded exact sum, whatever the order."""
    assert long_double_sum(one, other) == long_double_sum(other, one) == round_long_double(one + other)


def test_sums_with_infinities() -> None:
    """An infinity absorbs what is added; opposite ones make NaN, and neither is finite."""
    assert long_double_sum(math.inf, Fraction(1)) == math.inf
    assert long_double_sum(Fraction(1), -math.inf) == -math.inf
    assert math.isnan(long_double_sum(math.inf, -math.inf))
    assert not is_finite(math.nan)
    assert long_double_sum(GREATEST, GREATEST) == math.inf
    assert is_finite(GREATEST)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), b"0"),
        (Fraction(-1, 10**20), b"0"),
        (Fraction(10500, 1000), b"10.5"),
        (Fraction(-5000), b"-5000"),
        (Fraction(1, 3), b"0.33333333333333333"),
        (Fraction(1, 2**17), b"0.00000762939453125"),
        (Fraction(5, 10**18), b"0"),
    ],
)
def test_printing(value: Fraction, text: bytes) -> None:
    """17 digits after the point, ties to even, trailing zeros and point cut off, no minus before 0."""
    assert print_long_double(value) == text


def test_the_greatest_number_has_all_its_digits() -> None:
    """Numbers of thousands of digits are printed, though Python limits the conversion of such integers."""
    text = print_long_double(GREATEST)
    assert len(text) == 4933
    assert text.startswith(b"118973149535723176502126385303")
    assert parse_long_double(text) == GREATEST
