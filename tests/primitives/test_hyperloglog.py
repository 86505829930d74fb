"""HyperLogLog: the hash against published vectors, both encodings against each other, the estimate within its error."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.hyperloglog import (
    DENSE_SIZE,
    REGISTERS,
    hll_add,
    hll_cached,
    hll_dense,
    hll_empty,
    hll_estimate,
    hll_kind,
    hll_raise,
    hll_registers,
    hll_stale,
    hll_union,
    hll_with_count,
    murmur64,
)

from .sketches import added, registers


@pytest.mark.parametrize("length", range(20))
def test_the_hash_reads_its_tail(length: int) -> None:
    """Every byte of a text counts, the last ones too, and zeros at the end are not lost."""
    data = bytes(range(1, length + 1))
    assert murmur64(data, 1) != murmur64(data + b"\0", 1)
    for place in range(length):
        assert murmur64(data[:place] + b"\xff" + data[place + 1 :], 1) != murmur64(data, 1)


def test_the_hash_of_the_verification_test() -> None:
    """Hashing the hashes of 0, 01, 012 ... gives the number by which SMHasher verifies MurmurHash64A."""
    hashes = b"".join(murmur64(bytes(range(n)), 256 - n).to_bytes(8, "little") for n in range(256))
    assert murmur64(hashes, 0) & 0xFFFFFFFF == 0x1F0D3804


@given(st.lists(st.binary(max_size=6), max_size=40), st.sampled_from([20, 40, 60, 3000]))
def test_both_encodings_hold_the_same(elements: list[bytes], limit: int) -> None:
    """What was added sparsely, densely, or first the one and then the other has the same registers."""
    sparse, early = added(elements), added(elements, limit)
    dense = added(elements, begin=hll_dense(hll_empty(), True))
    assert hll_kind(sparse) == b"sparse"
    assert len(dense) == DENSE_SIZE
    assert registers(sparse) == registers(early) == registers(dense)
    assert hll_kind(early) == b"dense" or len(early) <= limit
    assert hll_cached(early) is None


@given(st.lists(st.binary(max_size=6), max_size=30), st.lists(st.binary(max_size=6), max_size=30), st.booleans())
def test_a_union_is_as_if_all_had_been_added(some: list[bytes], others: list[bytes], dense: bool) -> None:
    """The registers of a union are those of all elements; raising a string to them gives them too."""
    one, other = added(some), added(others)
    union = hll_union((registers(one), registers(other)))
    assert union == registers(added(some + others))
    begun = hll_dense(one, True) if dense else one
    assert begun is not None
    raised = hll_raise(begun, union, 3000, True)
    assert raised is not None
    assert registers(raised) == union
    assert hll_kind(raised) == (b"dense" if dense else b"sparse")


@pytest.mark.parametrize("count", [1, 10, 100, 1_000, 10_000])
def test_the_estimate_is_near(count: int) -> None:
    """As many elements as were added, within four times the standard error of 0.81 %."""
    source = random.Random(count)
    data = added([source.randbytes(8) for _ in range(count)], begin=hll_dense(hll_empty(), True))
    assert abs(hll_estimate(registers(data)) - count) <= max(1, count * 0.0324)


def test_the_count_in_the_head() -> None:
    """A count can be kept, read and marked as out of date, and the registers do not care."""
    data = added([b"a", b"b"])
    kept = hll_with_count(data, 2)
    assert (hll_cached(data), hll_cached(kept), hll_cached(hll_stale(kept))) == (None, 2, None)
    assert registers(hll_stale(kept)) == registers(data)


def test_broken_strings() -> None:
    """Runs that cover too few registers or too many are none; what is not strict lets a last value go too far."""
    head = hll_empty()[:16]
    assert hll_registers(head + b"\x7f\xfe", True) is None
    assert hll_registers(head + b"\x7f\xff\x00", False) is None
    assert hll_registers(head + b"\x7f\xff\x80", True) is None
    assert hll_registers(head + b"\x7f\xff\x80", False) == bytes(REGISTERS)
    assert hll_add(head, b"a", 3000, True) is None
    assert [
        hll_kind(data) for data in (b"", b"HYLL\x02" + bytes(11), b"hyll\x01" + bytes(11), b"HYLL" + bytes(99))
    ] == [None] * 4
