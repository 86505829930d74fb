"""The size of a listpack, the packed form of small lists, sets, hashes and sorted sets.

What lives here: how many bytes elements take in it; whether a value is kept so is the text's business.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive
from redlark.spec.primitives.integers import parse_int


@primitive("listpack-size(list of text) -> int")
def listpack_size(elements: tuple[bytes, ...]) -> int:
    """The bytes that a listpack of these elements takes, head and end included.

    >>> listpack_size(()), listpack_size((b"100",)), listpack_size((b"a",)), listpack_size((b"x" * 64,))
    (7, 9, 10, 74)

    Source: antirez, "Listpack specification" (github.com/antirez/listpack).
    """
    return 7 + sum(map(entry_size, elements))


_INTEGERS = ((7, 1), (13, 2), (16, 3), (24, 4), (32, 5), (64, 9))  # bits, bytes: the first is unsigned, the others not


def entry_size(element: bytes) -> int:
    """The bytes that one element takes."""
    size = len(element)
    body = size + (1 if size < 64 else 2 if size < 4096 else 5)
    number = parse_int(element)
    if number is not None:
        for bits, taken in _INTEGERS:
            low, high = (0, 127) if bits == 7 else (-(1 << bits - 1), (1 << bits - 1) - 1)
            if low <= number <= high:
                body = taken
                break
    return body + (1 if body < 128 else 2 if body < 16383 else 3 if body < 2097151 else 4)
