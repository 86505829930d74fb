"""Searches for words in a request."""

from redlark.spec.primitives.words import words_behind


def test_words_behind_a_word() -> None:
    """The first word with enough behind it counts, in any case; the other word ends the search."""
    assert words_behind((b"Keys", b"a", b"b", b"keys", b"c", b"d"), b"KEYS", b"STRINGS", 2) == (b"a", b"b")
    assert words_behind((b"keys", b"keys", b"a"), b"KEYS", b"STRINGS", 2) == (b"keys", b"a")
    assert words_behind((b"keys", b"strings", b"b"), b"KEYS", b"STRINGS", 2) == (b"strings", b"b")
    assert words_behind((b"strings", b"keys", b"a", b"b"), b"KEYS", b"STRINGS", 2) is None
    assert words_behind((b"keys", b"a"), b"KEYS", b"STRINGS", 2) is None
    assert words_behind((), b"KEYS", b"STRINGS", 2) is None
