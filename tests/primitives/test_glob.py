"""Glob patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.glob import NESTING, glob, glob_nocase

# The examples of the KEYS page, then the corners, as observed with KEYS.
MATCHES = [
    (b"h?llo", b"hello", True),
    (b"h*llo", b"heeeello", True),
    (b"h*llo", b"hllo", True),
    (b"h[ae]llo", b"hillo", False),
    (b"h[^e]llo", b"hallo", True),
    (b"h[^e]llo", b"hello", False),
    (b"h[a-b]llo", b"hbllo", True),
    (b"[b-a]", b"a", True),
    (b"[abc", b"c", True),
    (b"[", b"[", False),
    (b"[^", b"x", True),
    (b"[]", b"]", False),
    (b"[^]", b"x", True),
    (b"[a-]", b"^", True),
    (b"[a-]]", b"b]", False),
    (b"[\\]]", b"]", True),
    (b"\\", b"\\", True),
    (b"\\*", b"*", True),
    (b"\\*", b"x", False),
    (b"a\\", b"a\\", True),
    (b"*", b"", False),
    (b"", b"", True),
    (b"a*", b"a", True),
    (b"a**b*", b"axb", True),
    (b"*a*b", b"ab ab", True),
    (b"?", b"\n", True),
    (b"a*z", b"a\n\xffz", True),
]


@pytest.mark.parametrize(("pattern", "text", "matches"), MATCHES)
def test_corners(pattern: bytes, text: bytes, matches: bool) -> None:
    """Stars, classes, ranges and escapes match as KEYS does, malformed ones too."""
    assert glob(pattern, text) is matches


@given(st.binary(min_size=1))
def test_an_escaped_text_matches_itself_alone(text: bytes) -> None:
    """A backslash before each byte takes all meaning from it."""
    pattern = b"".join(b"\\" + bytes([byte]) for byte in text)
    assert glob(pattern, text)
    assert not glob(pattern, text + b"x")


@given(st.text("ab*?", max_size=8), st.text("ab", min_size=1, max_size=8))
def test_stars_by_definition(pattern: str, text: str) -> None:
    """A star takes any run of bytes: the fast matcher agrees with the definition."""

    def by_definition(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return by_definition(pattern[1:], text) or bool(text and by_definition(pattern, text[1:]))
        return bool(text) and pattern[0] in ("?", text[0]) and by_definition(pattern[1:], text[1:])

    assert glob(pattern.encode(), text.encode()) == by_definition(pattern, text)


@pytest.mark.timeout(10)
def test_no_pattern_is_slow() -> None:
    """A pattern that takes a backtracking matcher exponential time is answered at once."""
    assert not glob(b"a*" * 200 + b"b", b"a" * 3000)


def test_nesting_has_a_limit() -> None:
    """More than a thousand open stars never match."""
    assert glob(b"*a" * NESTING, b"a" * NESTING)
    assert not glob(b"*a" * (NESTING + 1), b"a" * (NESTING + 1))


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (b"G?T", b"get", True),
        (b"[A-C]", b"b", True),
        (b"[Z-a]", b"z", False),
        (b"[\\G]", b"g", False),
        (b"\\G", b"g", True),
    ],
)
def test_without_case(pattern: bytes, text: bytes, matches: bool) -> None:
    """Letters match in either case; a range is put in order before case is dropped, an escape in a class keeps it."""
    assert glob_nocase(pattern, text) is matches
