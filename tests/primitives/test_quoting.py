"""A client's bytes in error messages."""

from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.quoting import first_arguments, one_line, shortened, until_nul


@given(st.binary())
def test_an_error_is_one_line(text: bytes) -> None:
    """No carriage return or line feed is left, and nothing else is changed."""
    shown = one_line(text)
    assert not set(b"\r\n") & set(shown)
    assert len(shown) == len(text)
    assert all(a == b for a, b in zip(text, shown, strict=True) if a not in b"\r\n")


def test_c_strings_end_at_a_nul() -> None:
    """A text is shown up to its first NUL, and up to its limit."""
    assert until_nul(b"f\0oo") == b"f"
    assert shortened(b"abc\0d", 10) == b"abc"
    assert shortened(b"abcd", 2) == b"ab"


# Observed: after 124 bytes and their quotes 127 are full in 7.0, with one left; in 6.2 the quotes take 128.
def test_arguments_fill_128_bytes() -> None:
    """An argument is shown while there is room before it, cut to the room, its quotes not counted."""
    long = (b"b" * 124, b"ccc", b"d")
    assert first_arguments(long, b"'", b"' ") == b"'" + b"b" * 124 + b"' 'c' "
    assert first_arguments(long, b"`", b"`, ") == b"`" + b"b" * 124 + b"`, "
    assert first_arguments((), b"'", b"' ") == b""
    assert first_arguments((b"",), b"'", b"' ") == b"'' "
