"""The longest common subsequence."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.lcs import lcs_ranges, longest_common_subsequence

words = st.text("abc", max_size=7).map(str.encode)


def test_the_published_example() -> None:
    """The example of the LCS page: its subsequence, its ranges, and those of at least four bytes."""
    assert longest_common_subsequence(b"ohmytext", b"mynewtext") == b"mytext"
    assert lcs_ranges(b"ohmytext", b"mynewtext", 0) == (((4, 7), (5, 8), 4), ((2, 3), (0, 1), 2))
    assert lcs_ranges(b"ohmytext", b"mynewtext", 4) == (((4, 7), (5, 8), 4),)


@given(words, words)
def test_none_is_longer(one: bytes, other: bytes) -> None:
    """The result has the length that the recursive definition gives."""

    def length(one: bytes, other: bytes) -> int:
        if not one or not other:
            return 0
        if one[0] == other[0]:
            return 1 + length(one[1:], other[1:])
        return max(length(one[1:], other), length(one, other[1:]))

    assert len(longest_common_subsequence(one, other)) == length(one, other)


@given(words, words)
def test_ranges_spell_the_subsequence(one: bytes, other: bytes) -> None:
    """Read from the last to the first, the ranges of both texts are the subsequence, and they go strictly back."""
    ranges = lcs_ranges(one, other, 0)
    for text, side in ((one, 0), (other, 1)):
        places = [match[side] for match in reversed(ranges)]
        assert b"".join(text[first : last + 1] for first, last in places) == longest_common_subsequence(one, other)
        assert all(a[1] < b[0] for a, b in pairwise(places))
    assert all(last - first + 1 == length for (first, last), _, length in ranges)
