"""The longest common subsequence of two texts, by dynamic programming on the bits of whole numbers.

What lives here: its length, its bytes and its ranges. Of several longest subsequences the one counts that a walk from
the end of both texts finds first, going back in the second text where both ways are as good.

A row of the table of lengths grows by 0 or 1 from column to column: a bit a column says which, and a row follows from
the one before in a few operations on numbers of that many bits (Hyyrö, "Bit-parallel LCS-length computation revisited",
2004). So the largest texts that Redis compares take a second, not minutes.
"""

from __future__ import annotations

from functools import lru_cache

from redlark.spec.primitives import primitive

Ranges = tuple[tuple[tuple[int, int], tuple[int, int], int], ...]


@lru_cache(maxsize=16)
def _walk(one: bytes, other: bytes) -> tuple[bytes, Ranges]:
    """The subsequence and its maximal common ranges, from the last to the first."""
    rows = _rows(one, other)

    def length(i: int, j: int) -> int:
        """The length of the longest common subsequence of the first i and the first j bytes."""
        return j - (rows[i] & ((1 << j) - 1)).bit_count()

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
        elif length(i - 1, j) > length(i, j - 1):
            i -= 1
        else:
            j -= 1
    return bytes(reversed(backwards)), tuple(ranges)


def _rows(one: bytes, other: bytes) -> list[int]:
    """The table: a row for each prefix of `one`, in which bit j is 0 where the length grows with byte j of `other`."""
    backwards, full = other[::-1], (1 << len(other)) - 1
    where = {byte: int(b"0" + backwards.translate(_only(byte)), 2) for byte in set(one)}
    rows = [full]
    for byte in one:
        row = rows[-1]
        grows = row & where[byte]
        rows.append((row + grows | row - grows) & full)
    return rows


def _only(byte: int) -> bytes:
    """A table that turns this byte into the digit 1 and every other into 0."""
    return b"0" * byte + b"1" + b"0" * (255 - byte)


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
