"""The x87 long double in which INCRBYFLOAT adds.

What lives here: reading, adding and printing it, exactly. It has 64 bits of mantissa and 15 of exponent, which no
Python type has, so it is the `Fraction` of its value, rounded to nearest, ties to even, after each step; what lies
beyond is an infinity or NaN, kept as a float. Fractions lose the sign of zero, and nothing that Redis prints shows it:
it prints ``-0`` as ``0``. Doubles are in `doubles`.

The format is that of x86-64; on machines whose long double is another one (AArch64), Redis answers otherwise.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

from redlark.spec.primitives import primitive

LongDouble = Fraction | float

MANTISSA_BITS = 64
MIN_EXPONENT = -16445  # of the last place of a denormal
MAX_EXPONENT = 16384
MAX_TEXT = 5 * 1024  # Redis reads a long double through a buffer of this size, its final NUL included

NUMBER = re.compile(
    rb"""(?P<sign>[+-]?)
    (?: (?P<infinity> inf (?: inity )? )
      | 0x (?P<hex> [0-9a-f]+ \.? [0-9a-f]* | \. [0-9a-f]+ ) (?: p (?P<power> [+-]? [0-9]+ ) )?
      | (?P<decimal> [0-9]+ \.? [0-9]* | \. [0-9]+ ) (?: e (?P<exponent> [+-]? [0-9]+ ) )?
    )""",
    re.VERBOSE | re.IGNORECASE,
).fullmatch


def _digits(text: bytes) -> int:
    """int(text) for any length: int() itself refuses what has more than 4300 digits."""
    return int(text) if len(text) < 4000 else int(Decimal(text.decode()))


def exact(found: re.Match[bytes]) -> Fraction | float:
    """The number that the matched text spells.

    It is exact within the long double's range; beyond, an infinity or a fraction that rounds to 0 stands for it, found
    from the order of magnitude alone, so that no power of a million digits is ever computed.
    """
    hexadecimal = found["hex"] is not None
    mantissa, _point, fraction = (found["hex"] if hexadecimal else found["decimal"]).partition(b".")
    digits = mantissa + fraction
    number = int(digits, 16) if hexadecimal else _digits(digits)
    exponent = _digits((found["power"] if hexadecimal else found["exponent"]) or b"0")
    if number == 0:
        return Fraction(0)
    shift = exponent - (4 if hexadecimal else 1) * len(fraction)
    magnitude = shift + number.bit_length() if hexadecimal else shift + len(digits.lstrip(b"0"))
    if magnitude > (20000 if hexadecimal else 6000):
        return math.inf
    if magnitude < (-20000 if hexadecimal else -6000):
        return Fraction(1, 1 << 20000)
    base = 2 if hexadecimal else 10
    return Fraction(number * base**shift) if shift >= 0 else Fraction(number, base**-shift)


def round_long_double(value: Fraction) -> LongDouble:
    """The nearest long double, ties to even; an infinity where it overflows."""
    if not value:
        return value
    numerator, denominator = abs(value.numerator), value.denominator
    exponent = numerator.bit_length() - denominator.bit_length()  # of the first digit, or one too high
    if numerator << max(-exponent, 0) < denominator << max(exponent, 0):
        exponent -= 1
    place = max(exponent - MANTISSA_BITS + 1, MIN_EXPONENT)
    if place < 0:
        rounded = Fraction(round(value * (1 << -place)), 1 << -place)
    else:
        rounded = Fraction(round(value / (1 << place)) << place)
    if abs(rounded) >= 1 << MAX_EXPONENT:
        return math.inf if value > 0 else -math.inf
    return rounded


@primitive("parse-long-double(text) -> float?")
def parse_long_double(text: bytes) -> LongDouble | None:
    """A text as INCRBYFLOAT reads it: the C library's strtold over the whole text.

    Decimal and hexadecimal numbers and infinities; no space, no NaN; not longer than 5119 bytes. A number too large for
    the format fails, and so does one that is not 0 and rounds to it.

    >>> parse_long_double(b"0x1p-1"), parse_long_double(b"-inf"), parse_long_double(b" 1"), parse_long_double(b"1e5000")
    (Fraction(1, 2), -inf, None, None)

    Source: C17 7.22.1.3 (strtold); redis.io, INCRBYFLOAT; observed with every server.
    """
    if len(text) >= MAX_TEXT or (found := NUMBER(text)) is None:
        return None
    if found["infinity"]:
        return -math.inf if found["sign"] == b"-" else math.inf
    value = exact(found)
    rounded = round_long_double(value) if isinstance(value, Fraction) else value
    if rounded == math.inf or (value and not rounded):
        return None
    return -rounded if found["sign"] == b"-" else rounded


@primitive("long-double-sum(float, float) -> float")
def long_double_sum(one: LongDouble, other: LongDouble) -> LongDouble:
    """The sum in long-double arithmetic; NaN for opposite infinities.

    Source: IEEE 754-2008 5.4.1, in the extended format of the Intel 64 manual, volume 1, 4.2.2.
    """
    if isinstance(one, Fraction) and isinstance(other, Fraction):
        return round_long_double(one + other)
    if isinstance(one, float) and isinstance(other, float):
        return one + other
    return one if isinstance(one, float) else other


@primitive("is-finite(float) -> bool")
def is_finite(value: LongDouble) -> bool:
    """Whether a number is neither an infinity nor NaN."""
    return isinstance(value, Fraction) or math.isfinite(value)


@primitive("print-long-double(float) -> text")
def print_long_double(value: LongDouble) -> bytes:
    """A finite long double with 17 digits after the point, rounded from its exact value, without the zeros at the end.

    >>> print_long_double(Fraction(3, 2)), print_long_double(Fraction(-1, 10**18))
    (b'1.5', b'0')

    Source: redis.io, INCRBYFLOAT ("the precision of the output is fixed at 17 digits after the decimal point").
    """
    scaled = round(Fraction(value) * 10**17)
    if not scaled:
        return b"0"
    whole, fraction = divmod(abs(scaled), 10**17)
    digits = str(whole) if whole.bit_length() < 10000 else format(Decimal(whole), "f")
    text = f"{'-' if scaled < 0 else ''}{digits}"
    return (f"{text}.{fraction:017}".rstrip("0") if fraction else text).encode()


@primitive("whole-milliseconds(float, bool) -> int")
def whole_milliseconds(seconds: LongDouble, up: bool) -> int:
    """Seconds as whole milliseconds, rounded up or else towards zero; an infinity lies beyond every 64-bit number.

    >>> whole_milliseconds(Fraction(1, 3), True), whole_milliseconds(Fraction(-1, 3), False)
    (334, -333)

    Source: redis.io, BLPOP (a timeout is a double, in seconds); observed: 6.2.14 does not wait for ever with 0.001.
    """
    if isinstance(seconds, float):
        return 2**64 if seconds > 0 else -(2**64)
    scaled = round_long_double(seconds * 1000)
    if isinstance(scaled, float):
        return 2**64 if scaled > 0 else -(2**64)
    return math.ceil(scaled) if up else math.trunc(scaled)
