"""Scores as texts: how Redis reads a double, and prints one.

It prints the digits of Grisu2 (F. Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers",
2010), which about once in a thousand numbers are not the shortest ones, those of Python's repr; clients see which.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

_NUMBER = re.compile(
    rb"[+-]?(?:(inf(?:inity)?)|(0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)",
    re.IGNORECASE,
)
_ZERO = re.compile(rb"[+-]?(?:0x)?[0.]*(?:[ep].*)?", re.IGNORECASE)


def read(text: bytes) -> float | None:
    """A score: C's strtod over the whole text, but no NaN and nothing out of range.

    >>> [read(t) for t in (b"0x10", b"+.5e1", b"-inf", b"nan", b"1e400", b"1e-400", b" 1", b"")]
    [16.0, 5.0, -inf, None, None, None, None, None]
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    try:
        number = float.fromhex(text.decode()) if found[2] else float(text)
    except OverflowError:
        return None
    if found[1] or (number and math.isfinite(number)):
        return number
    return number if _ZERO.fullmatch(text) else None


def read_bound(text: bytes) -> float | None:
    """A bound of a range of scores: decimal, up to the first NUL; nothing is 0, what is too large is infinite.

    >>> [read_bound(t) for t in (b"1e400", b"1e-400", b"", b"2\\0x", b"0x10", b"nan")]
    [inf, 0.0, 0.0, 2.0, None, None]
    """
    whole = text.split(b"\0", 1)[0]
    if not whole:
        return 0.0
    found = _NUMBER.fullmatch(whole)
    return float(whole) if found and not found[2] else None


def show(number: float) -> bytes:
    """As Redis answers with a score.

    >>> [show(n) for n in (0.1, 3.0, -0.0, 1e21, 1.5e-10, 2.0**62, math.inf)]
    [b'0.1', b'3', b'-0', b'1e+21', b'1.5e-10', b'4611686018427387904', b'inf']
    """
    if number and abs(number) <= 2**62 and number == int(number):
        return b"%d" % int(number)
    return shortest(number)


def shortest(number: float) -> bytes:
    """A double with the fewest digits, as digests have scores: whole numbers are no case of their own.

    >>> shortest(1e17), shortest(5e-324), shortest(-0.0)
    (b'1e+17', b'5e-324', b'-0')
    """
    if not math.isfinite(number):
        return b"%g" % number
    sign = b"-" if math.copysign(1, number) < 0 else b""
    return sign + (_written(*_shortest(abs(number))) if number else b"0")


def _written(digits: str, exponent: int) -> bytes:
    """Digits and a decimal exponent, laid out."""
    first = exponent + len(digits) - 1  # the exponent of the first digit
    if exponent >= 0 and first < len(digits) + 7:
        text = digits + "0" * exponent
    elif exponent < 0 and (exponent > -7 or abs(first) < 4):
        padded = digits.rjust(1 - exponent, "0")
        text = f"{padded[:exponent]}.{padded[exponent:]}"
    else:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        text = f"{digits[0]}{rest}e{'-' if first < 0 else '+'}{abs(first)}"
    return text.encode()


# ------------------------------------------------------------------------------------------------------------- Grisu2

_BITS: Final = 64  # of a mantissa
_FIRST: Final = -348  # decimal exponent of the first cached power, and the distance of the others
_STEP: Final = 8
_LOWEST: Final = -60  # of the binary exponent of a scaled number
_HIGHEST: Final = -32


@lru_cache(maxsize=128)
def _power(number: int) -> tuple[int, int]:
    """A cached power of ten: a mantissa of 64 bits, rounded to the nearest, and a binary exponent."""
    exact = Fraction(10) ** (_FIRST + _STEP * number)
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length() - _BITS
    while exact / Fraction(2) ** exponent >= 1 << _BITS:
        exponent += 1
    while exact / Fraction(2) ** exponent < 1 << (_BITS - 1):
        exponent -= 1
    mantissa = math.floor(exact / Fraction(2) ** exponent + Fraction(1, 2))
    return (mantissa, exponent) if mantissa < 1 << _BITS else (mantissa >> 1, exponent + 1)


def _cached(exponent: int) -> int:
    """The number of the power that brings a mantissa with this binary exponent into the range."""
    number = (int(-(exponent + 87) * 0.30102999566398114) - _FIRST) // _STEP
    while exponent + _power(number)[1] + _BITS < _LOWEST:
        number += 1
    while exponent + _power(number)[1] + _BITS > _HIGHEST:
        number -= 1
    return number


def _product(one: int, other: int) -> int:
    return (one * other + (1 << (_BITS - 1))) >> _BITS


@lru_cache(maxsize=4096)
def _shortest(number: float) -> tuple[str, int]:
    """Digits and decimal exponent of a positive number."""
    fraction, exponent = math.frexp(number)
    mantissa, exponent = int(math.ldexp(fraction, 53)), exponent - 53
    if exponent < -1074:  # a denormal number has fewer bits
        mantissa, exponent = mantissa >> (-1074 - exponent), -1074
    # What reads back as the number lies between half a place above and half (at a power of two, a quarter) below.
    high = 2 * mantissa + 1
    shift = _BITS - high.bit_length()
    at = exponent - 1 - shift
    quarter = mantissa == 1 << 52 and exponent > -1074
    low = (4 * mantissa - 1) << (shift - 1) if quarter else (2 * mantissa - 1) << shift
    cached = _cached(at)
    power, power_exponent = _power(cached)
    top = _product(high << shift, power) - 1
    width = top - (_product(low, power) + 1)
    digits, places = _digits(top, width, top - _product(2 * mantissa << shift, power), -(at + power_exponent + _BITS))
    return digits, places - (_FIRST + _STEP * cached)


def _digits(top: int, width: int, distance: int, point: int) -> tuple[str, int]:
    """As few digits of top (a fixed-point number) as stay within width below it, the last one nearest to distance."""
    whole, part = divmod(top, 1 << point)
    digits = str(whole) if whole else ""
    for cut in range(len(digits), -1, -1):  # behind ever more digits of the whole part, then of the fraction
        unit = 10**cut
        rest = (whole % unit << point) + part
        if rest <= width and whole >= unit:
            return _nearest(str(whole // unit), rest, width, distance, unit << point), cut
    places = 0
    while True:
        part, width, distance, places = part * 10, width * 10, distance * 10, places - 1
        digit, part = divmod(part, 1 << point)
        if digit or digits:
            digits += str(digit)
        if part < width:
            return _nearest(digits, part, width, distance, 1 << point), places


def _nearest(digits: str, rest: int, width: int, distance: int, unit: int) -> str:
    """Lower the last digit while that brings what is left closer to distance, and stays within width."""
    last = int(digits[-1])
    while rest < distance and width - rest >= unit and rest + unit - distance < max(distance - rest, 1):
        last, rest = last - 1, rest + unit
    return digits[:-1] + str(last)
