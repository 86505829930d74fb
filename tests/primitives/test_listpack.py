"""The size of a listpack, against the sizes that its specification gives."""

import pytest

from redlark.spec.primitives.listpack import listpack_size

EMPTY = 7  # six bytes of head, one of end


@pytest.mark.parametrize(
    ("element", "size"),
    [
        (b"0", 1), (b"127", 1), (b"128", 2), (b"-1", 2), (b"-4096", 2), (b"4095", 2), (b"4096", 3), (b"-32768", 3),
        (b"32768", 4), (b"8388607", 4), (b"8388608", 5), (b"2147483648", 9), (b"-9223372036854775808", 9),
        (b"", 1), (b"a", 2), (b"01", 3), (b"-0", 3), (b"--1", 4), (b"9223372036854775808", 20),
        (b"x" * 63, 64), (b"x" * 64, 66),
        (b"x" * 4095, 4097), (b"x" * 4096, 4101),
    ],
)  # fmt: skip
def test_entry(element: bytes, size: int) -> None:
    """An entry is its encoding, and behind it its own length in groups of seven bits."""
    behind = 1 if size < 128 else 2
    assert listpack_size((element,)) == EMPTY + size + behind


def test_sum() -> None:
    """A listpack is its head, its entries and its end."""
    assert listpack_size((b"a", b"1", b"b")) == EMPTY + 3 + 2 + 3
