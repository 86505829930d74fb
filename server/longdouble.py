"""The arithmetic of INCRBYFLOAT: the 80-bit extended format of x86 in exact integers, and its printing.

A number is a `Fraction` that the format can hold, or a float infinity.  Reading and adding round once, to the nearest,
ties to even, with 64 bits of mantissa and exponents from -16445 to 16383.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

Number = Fraction | float  # float: infinities only

MANTISSA: Final = 64
LOWEST: Final = -16445  # 2**LOWEST is the smallest positive number
HIGHEST: Final = 16384  # everything below 2**HIGHEST
LONGEST_TEXT: Final = 5 * 1024  # Redis reads a number into a buffer of this size, and prints into one
DIGITS: Final = 17  # behind the point, as Redis prints

_DECIMAL = re.compile(rb"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?")
_HEX = re.compile(rb"([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?[0-9]+))?")
_INFINITY = re.compile(rb"([+-]?)inf(?:inity)?", re.IGNORECASE)


_PIECE = 4000  # Python reads and writes no more decimal digits at once


def _number(digits: bytes) -> int:
    high, low = digits[:-_PIECE], digits[-_PIECE:]
    scale: int = 10 ** len(low)
    return int(high or b"0") * scale + int(low)


def _digits(number: int) -> bytes:
    high, low = divmod(number, 10**_PIECE)
    return b"%d%0*d" % (high, _PIECE, low) if high else b"%d" % low


def rounded(exact: Fraction) -> Number:
    """The nearest number of the format."""
    size = abs(exact)
    if not size:
        return Fraction(0)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    if size < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - MANTISSA + 1, LOWEST)
    nearest = round(size / unit) * unit  # Python rounds halves to even
    if nearest >= Fraction(2) ** HIGHEST:
        return float("inf") if exact > 0 else float("-inf")
    return nearest if exact > 0 else -nearest


def read(text: bytes) -> Number | None:
    """C's strtold over the whole text: decimal, hexadecimal, infinity; None for anything else, NaN, or out of range.

    >>> read(b"0x10"), read(b"3.0e3"), read(b"-inf"), read(b" 1"), read(b"1e5000")
    (Fraction(16, 1), Fraction(3000, 1), -inf, None, None)
    """
    if not text or len(text) >= LONGEST_TEXT:
        return None
    if found := _INFINITY.fullmatch(text):
        return float("-inf") if found[1] == b"-" else float("inf")
    if found := _HEX.fullmatch(text):
        base, scale = 16, 2
    elif found := _DECIMAL.fullmatch(text):
        base, scale = 10, 10
    else:
        return None
    whole, part = found[2], found[3] or b""
    if not whole and not part:
        return None
    mantissa = int(whole + part, 16) if base == 16 else _number(whole + part)
    exponent = int(found[4] or 0)
    if not mantissa:
        return Fraction(0)
    if abs(exponent) > 40 * LONGEST_TEXT:  # out of range whatever the mantissa, and not worth the digits
        return None
    exact = Fraction(mantissa) * Fraction(scale) ** exponent / Fraction(base) ** len(part)
    number = rounded(exact if found[1] != b"-" else -exact)
    return number if number and not isinstance(number, float) else None


def add(one: Number, other: Number) -> Fraction | None:
    """The rounded sum, or None when it is infinite or not a number."""
    if isinstance(one, float) or isinstance(other, float):
        return None
    total = rounded(one + other)
    return None if isinstance(total, float) else total


def show(number: Fraction) -> bytes:
    """Seventeen digits behind the point, rounded from the exact value, without trailing zeros; never an exponent.

    >>> show(rounded(Fraction(1, 10))), show(Fraction(3000)), show(Fraction(-1, 10**30))
    (b'0.1', b'3000', b'0')
    """
    scaled = round(abs(number) * 10**DIGITS)
    whole, part = divmod(scaled, 10**DIGITS)
    text = b"%b.%017d" % (_digits(whole), part) if part else _digits(whole)
    return (b"-" if number < 0 and scaled else b"") + (text.rstrip(b"0") if part else text)
