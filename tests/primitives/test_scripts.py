"""Digests, first lines and the words of a line."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.scripts import first_line, sha1, split, split_arguments


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", b"da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (b"abc", b"a9993e364706816aba3e25717850c26c9cd0d89d"),
        (b"a" * 1_000_000, b"34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ],
)
def test_sha1_vectors(text: bytes, digest: bytes) -> None:
    """The vectors of FIPS 180 come out."""
    assert sha1(text) == digest == hashlib.sha1(text).hexdigest().encode()


def test_first_line_needs_a_break() -> None:
    """A text without a line break has no first line."""
    assert first_line(b"#!lua\nx\ny") == b"#!lua"
    assert first_line(b"#!lua") is None
    assert first_line(b"\n") == b""


@given(st.lists(st.binary(min_size=1).filter(lambda word: b"," not in word)))
def test_split_undoes_a_join(words: list[bytes]) -> None:
    """What commas joined is split again, empty parts apart."""
    assert split(b",".join(words), b",") == tuple(words)
    assert split(b",,".join(words) + b",", b",") == tuple(words)


@given(st.lists(st.text(alphabet="abc=,-!#", min_size=1).map(str.encode)))
def test_plain_words_are_split_at_spaces(words: list[bytes]) -> None:
    """Words without quotes come back from a line, however many spaces are between them."""
    assert split_arguments(b"  ".join(words)) == tuple(words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'a "b c" d', (b"a", b"b c", b"d")),
        (rb'"\x41\n\q"', (b"A\nq",)),
        (rb"'it\'s' x", (b"it's", b"x")),
        (b'a"b"', (b"ab",)),
        (b'"a"b', None),
        (b"'a", None),
        (b'"a\\', None),
        (b"", ()),
    ],
)
def test_quoted_words(line: bytes, words: tuple[bytes, ...] | None) -> None:
    """Quotes and escapes are those of inline requests; one left open spoils the line."""
    assert split_arguments(line) == words
