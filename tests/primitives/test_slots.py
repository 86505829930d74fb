"""Checksums and key slots, against the vectors that their sources publish."""

import pytest

from redlark.spec.primitives.slots import crc16, crc64, key_slot


def test_check_values() -> None:
    """The check values of the two catalogues of CRCs, for the digits 1 to 9."""
    assert crc16(b"123456789") == 0x31C3
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    assert crc64(b"") == 0


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"{user1000}.following", b"user1000"),
        (b"foo{}{bar}", b"foo{}{bar}"),
        (b"foo{{bar}}zap", b"{bar"),
        (b"foo{bar}{zap}", b"bar"),
        (b"foo{bar", b"foo{bar"),
        (b"}{a}", b"a"),
    ],
)
def test_hash_tags(key: bytes, hashed: bytes) -> None:
    """The examples of the cluster specification, and an unclosed tag."""
    assert key_slot(key) == crc16(hashed) % 16384


def test_known_slots() -> None:
    """Slots that the cluster tutorial shows."""
    assert key_slot(b"foo") == 12182
    assert key_slot(b"hello") == 866
