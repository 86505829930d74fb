"""The longest common subsequence of two texts, by the table of dynamic programming.

What lives here: its length, its bytes and its ranges. Of several longest subsequences the one counts that a walk from
the end of both texts finds first, going back in the second text where both ways are as good.
"""

from __future__ import annotations

from functools import lru_cache

from redlark.spec.primitives import primitive

Ranges = tuple[tuple[tuple[int, int], tuple[int, int], int], ...]


@lru_cache(maxsize=256)
def _walk(one: bytes, other: bytes) -> tuple[bytes, Ranges]:
    """The subsequence and its maximal common ranges, from the last to the first."""
    lengths = [[0] * (len(other) + 1)]
    for byte in one:
        above, row = lengths[-1], [0]
        for column, candidate in enumerate(other):
            row.append(above[column] + 1 if byte == candidate else max(above[column + 1], row[column]))
        lengths.append(row)

    backwards = bytearray()
    ranges = []
    i, j = len(one), len(other)
    while i and j:
        run = 0
        while i and j and one[i - 1] == other[j - 1]:
            backwards.append(one[i - 1])
            i, j, run = i - 1, j - 1, run + 1
        if run:
            ranges.append(((i, i + run - 1), (j, j + run - 1), run))
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return bytes(reversed(backwards)), tuple(ranges)


@primitive("longest-common-subsequence(text, text) -> text")
def longest_common_subsequence(one: bytes, other: bytes) -> bytes:
    """The longest common subsequence that Redis chooses.

    >>> longest_common_subsequence(b"ohmytext", b"mynewtext")
    b'mytext'

    Source: redis.io, LCS; T. Cormen et al., Introduction to Algorithms, "Longest common subsequence".
    """
    return _walk(one, other)[0]


@primitive("lcs-ranges(text, text, int) -> list of any")
def lcs_ranges(one: bytes, other: bytes, shortest: int) -> Ranges:
    """Where the subsequence stands: ``((first, last) in one, (first, last) in the other, length)``, from the end.

    Ranges shorter than `shortest` are left out.

    >>> lcs_ranges(b"ohmytext", b"mynewtext", 0)
    (((4, 7), (5, 8), 4), ((2, 3), (0, 1), 2))

    Source: redis.io, LCS with IDX and MINMATCHLEN.
    """
    return tuple(match for match in _walk(one, other)[1] if match[2] >= shortest)
