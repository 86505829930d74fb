"""Doubles as texts: how servers read a score, and the two ways in which they print one.

What lives here: strtod's numbers, ``%.17g``, and the Grisu2 algorithm with the layout that Redis gives its digits.
Grisu2 and not the shortest digits that Python's repr finds: about once in a thousand numbers Grisu2 misses those, and
clients see it.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from functools import cache

from redlark.spec.primitives import primitive
from redlark.spec.primitives.floats import NUMBER, exact

# Powers of ten with 64 bits each, a factor of 10**8 apart: one of them brings every double's exponent into the range.
FIRST_POWER, STEP, POWERS = -348, 8, 87
LOWEST, HIGHEST = -60, -32


@cache
def _power(index: int) -> tuple[int, int]:
    """10 ** (FIRST_POWER + STEP * index) as a mantissa of 64 bits, rounded to nearest, and a binary exponent."""
    exponent = FIRST_POWER + STEP * index
    if exponent >= 0:
        excess = (10**exponent).bit_length() - 64
        numerator, denominator = 10**exponent, 1
    else:
        excess = -63 - (10**-exponent).bit_length()
        numerator, denominator = 1, 10**-exponent
    numerator, denominator = numerator << max(-excess, 0), denominator << max(excess, 0)
    mantissa = (2 * numerator + denominator) // (2 * denominator)
    return (mantissa >> 1, excess + 1) if mantissa >> 64 else (mantissa, excess)


@cache
def _scale(exponent: int) -> tuple[int, int, int]:
    """The power that brings this exponent between LOWEST and HIGHEST: mantissa, binary and decimal exponent."""
    guess = int(-(exponent + POWERS) * 0.30102999566398114)
    index = (guess - FIRST_POWER) // STEP
    while True:
        mantissa, binary = _power(index)
        if exponent + binary + 64 < LOWEST:
            index += 1
        elif exponent + binary + 64 > HIGHEST:
            index -= 1
        else:
            return mantissa, binary, FIRST_POWER + STEP * index


def _times(one: int, other: int) -> int:
    """The upper 64 bits of a product, rounded."""
    return (one * other + (1 << 63)) >> 64


def grisu2(value: float) -> tuple[str, int]:
    """Digits and decimal exponent of a positive finite double: it is ``int(digits) * 10 ** exponent``.

    >>> grisu2(0.1), grisu2(1.5e-7), grisu2(5e-324)
    (('1', -1), ('15', -8), ('5', -324))

    Source: F. Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers" (PLDI 2010).
    """
    fraction, exponent = math.frexp(value)
    mantissa, exponent = int(fraction * 2**53), exponent - 53
    if exponent < -1074:  # a denormal has fewer bits
        mantissa, exponent = mantissa >> (-1074 - exponent), -1074

    # The interval that reads back as this number, all at the exponent of its normalised upper end.
    closer = mantissa == 1 << 52 and exponent > -1074
    upper, above = 2 * mantissa + 1, exponent - 1
    shift = 64 - upper.bit_length()
    upper, above = upper << shift, above - shift
    lower = (4 * mantissa - 1) << (exponent - 2 - above) if closer else (2 * mantissa - 1) << (exponent - 1 - above)
    centre = mantissa << (exponent - above)

    power, binary, decimal = _scale(above)
    scaled, upper, lower = _times(centre, power), _times(upper, power) - 1, _times(lower, power) + 1
    point = -(above + binary + 64)
    return _digits(scaled, upper, upper - lower, point, -decimal)


def _digits(scaled: int, upper: int, width: int, point: int, decimal: int) -> tuple[str, int]:
    """The fewest digits of `upper` that stay in the interval, the last one then moved towards the number itself."""
    whole, rest = upper >> point, upper & ((1 << point) - 1)
    distance, digits = upper - scaled, ""
    for place in range(9, -1, -1):
        digit, whole = divmod(whole, 10**place)
        if digit or digits:
            digits += str(digit)
        left = (whole << point) + rest
        if left <= width:
            return _nearer(digits, distance, width, left, 10**place << point), decimal + place
    place = 0
    while True:
        rest, width, distance, place = rest * 10, width * 10, distance * 10, place - 1
        digit, rest = rest >> point, rest & ((1 << point) - 1)
        if digit or digits:
            digits += str(digit)
        if rest < width:
            return _nearer(digits, distance, width, rest, 1 << point), decimal + place


def _nearer(digits: str, distance: int, width: int, left: int, unit: int) -> str:
    last = int(digits[-1])
    while (
        left < distance
        and width - left >= unit
        and (left + unit < distance or distance - left > left + unit - distance)
    ):
        last, left = last - 1, left + unit
    return digits[:-1] + str(last)


@primitive("parse-double(text) -> float?")
def parse_double(text: bytes) -> float | None:
    """A double as a score is read: strtod over the whole text, NaN and out of range refused.

    >>> parse_double(b"0x10"), parse_double(b"+.5e1"), parse_double(b"nan"), parse_double(b"1e400")
    (16.0, 5.0, None, None)

    Source: C17 7.22.1.3 (strtod); observed with ZADD on redis 6.2.14 to 8.2.3 and valkey 8.1.8.
    """
    found = NUMBER(text)
    if found is None:
        return None
    if found["infinity"]:
        return float(text)
    try:
        value = float.fromhex(text.decode()) if found["hex"] is not None else float(text)
    except OverflowError:
        return None
    significant = (found["hex"] or found["decimal"]).strip(b"0.")
    return None if math.isinf(value) or (significant and not value) else value


@primitive("parse-decimal-double(text) -> float?")
def parse_decimal_double(text: bytes) -> float | None:
    """`parse_double` without hexadecimal numbers: as Valkey 9 reads scores.

    Source: observed with ZADD on valkey 9.1.2.
    """
    found = NUMBER(text)
    return None if found is None or found["hex"] is not None else parse_double(text)


@primitive("parse-double-by-strtod(text) -> float?")
def parse_double_by_strtod(text: bytes) -> float | None:
    """A double as the C library's strtod takes it from a C string, which ends at its first NUL.

    White space may lead; nothing at all is 0; what is too large is an infinity and what is too small is 0; NaN is
    refused, as is anything behind the number.

    >>> parse_double_by_strtod(b" 1"), parse_double_by_strtod(b""), parse_double_by_strtod(b"1e400")
    (1.0, 0.0, inf)

    Source: C17 7.22.1.3 (strtod); observed with ZRANGEBYSCORE on redis 6.2.14, 7.0.15 and valkey 8.1.8.
    """
    whole = text.partition(b"\0")[0]
    return _of_any_size(whole.lstrip(b" \t\n\v\f\r")) if whole else 0.0


@primitive("parse-decimal-by-strtod(text) -> float?")
def parse_decimal_by_strtod(text: bytes) -> float | None:
    """`parse_double_by_strtod` without white space and hexadecimal numbers.

    Source: observed with ZRANGEBYSCORE on redis 8.2.3 and valkey 9.1.2.
    """
    whole = text.partition(b"\0")[0]
    found = NUMBER(whole)
    return 0.0 if not whole else None if found is None or found["hex"] is not None else _of_any_size(whole)


def _of_any_size(text: bytes) -> float | None:
    found = NUMBER(text)
    if found is None:
        return None
    if found["hex"] is None:
        return float(text)
    try:
        return float.fromhex(text.decode())
    except OverflowError:
        return -math.inf if text.startswith(b"-") else math.inf


@primitive("parse-normal-by-strtod(text) -> float?")
def parse_normal_by_strtod(text: bytes) -> float | None:
    """`parse_double_by_strtod` where strtod calls no number out of range: none too large, none rounded below normal.

    >>> parse_normal_by_strtod(b" 1"), parse_normal_by_strtod(b""), parse_normal_by_strtod(b"inf")
    (1.0, 0.0, inf)
    >>> parse_normal_by_strtod(b"1e400"), parse_normal_by_strtod(b"5e-324"), parse_normal_by_strtod(b"0x1p-1074")
    (None, None, 5e-324)

    Source: C17 7.22.1.3 (strtod), 7.12.1 (ERANGE) as the GNU C library has it; observed with SORT on redis 6.2.14,
    7.0.15 and valkey 8.1.8.
    """
    value = parse_double_by_strtod(text)
    found = NUMBER(text.partition(b"\0")[0].lstrip(b" \t\n\v\f\r"))
    if value is None or found is None or found["infinity"]:
        return value
    if math.isinf(value) or (abs(value) < sys.float_info.min and exact(found) != Fraction(abs(value))):
        return None
    return value


@primitive("is-nan(float) -> bool")
def is_nan(value: float) -> bool:
    """Whether a double is not a number, as the sum of opposite infinities is.

    Source: IEEE 754-2008 7.2.
    """
    return math.isnan(value)


@primitive("print-double-17(float) -> text")
def print_double_17(value: float) -> bytes:
    """A double as C's ``%.17g`` prints it: as Redis before 7.2 answers with a score.

    >>> print_double_17(0.1), print_double_17(1e300)
    (b'0.10000000000000001', b'1.0000000000000001e+300')

    Source: C17 7.21.6.1; observed with ZSCORE on redis 6.2.14 and 7.0.15.
    """
    return b"%.17g" % value


@primitive("print-double(float) -> text")
def print_double(value: float) -> bytes:
    """A double with the digits of Grisu2, as Redis 7.2 and later and Valkey answer with a score.

    Whole numbers and short fractions are written out; others take an exponent, without zeros before its digits.

    >>> print_double(0.1), print_double(3.0), print_double(1e21), print_double(1.5e-10)
    (b'0.1', b'3', b'1e+21', b'1.5e-10')

    Source: `grisu2`; the layout is observed with ZSCORE on redis 8.2.3, valkey 8.1.8 and 9.1.2.
    """
    if value and abs(value) <= 2**62 and value == int(value):
        return b"%d" % int(value)
    return print_double_shortest(value)


@primitive("print-double-shortest(float) -> text")
def print_double_shortest(value: float) -> bytes:
    """A double with the digits of Grisu2, where whole numbers are no case of their own: as digests have scores.

    >>> print_double_shortest(1e17), print_double_shortest(12e7), print_double_shortest(5e-324)
    (b'1e+17', b'120000000', b'5e-324')

    Source: `grisu2`; the layout is observed with DEBUG DIGEST-VALUE on redis 8.2.3, valkey 8.1.8 and 9.1.2.
    """
    if not math.isfinite(value):
        return b"%g" % value
    minus = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return f"{minus}0".encode()
    digits, exponent = grisu2(abs(value))
    first = exponent + len(digits) - 1
    if exponent >= 0 and first < len(digits) + 7:
        return f"{minus}{digits}{'0' * exponent}".encode()
    if exponent < 0 and (exponent > -7 or abs(first) < 4):
        padded = digits.rjust(1 - exponent, "0")
        return f"{minus}{padded[:exponent]}.{padded[exponent:]}".encode()
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{minus}{digits[0]}{point}e{'-' if first < 0 else '+'}{abs(first)}".encode()


@primitive("print-fixed(float, int) -> text")
def print_fixed(value: float, digits: int) -> bytes:
    """A double with so many digits behind the point, as C's ``%.4f`` rounds it: from its exact value.

    >>> print_fixed(0.00005, 4), print_fixed(2.5, 0), print_fixed(-math.inf, 6)
    (b'0.0001', b'2', b'-inf')

    Source: C17 7.21.6.1; observed with GEODIST on redis 6.2.14.
    """
    return b"%.*f" % (digits, value)


@primitive("print-scaled(float, int) -> text")
def print_scaled(value: float, digits: int) -> bytes:
    """A finite double, not negative, with so many digits behind the point, from a power of ten times it, rounded.

    The product is one of doubles, so that it may differ from `print_fixed` in the last digit.

    >>> print_scaled(166274.15156960032, 4), print_scaled(0.0, 4)
    (b'166274.1516', b'0.0000')

    Source: observed with GEODIST on redis 7.0.15, 8.2.3, valkey 8.1.8 and 9.1.2.
    """
    whole, rest = divmod(round(value * 10**digits), 10**digits)
    return b"%d.%0*d" % (whole, digits, rest)


@primitive("quotient(float, float) -> float")
def quotient(value: float, by: float) -> float:
    """The quotient of two doubles, the second of which is not 0.

    Source: IEEE 754-2008 5.4.1.
    """
    return value / by


@primitive("whole(float) -> int")
def whole(value: float) -> int:
    """A finite double without its fraction.

    >>> whole(2.5), whole(-2.5)
    (2, -2)

    Source: C17 6.3.1.4.
    """
    return int(value)
