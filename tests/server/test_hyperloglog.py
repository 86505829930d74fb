"""The server's HyperLogLog beside the text's primitives: the same bytes, registers and counts."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from redlark.server.hyperloglog import Sketch, estimate, is_sketch, largest, place_of
from redlark.spec.primitives import hyperloglog as text

from .conftest import Wire

ELEMENTS = st.lists(st.binary(max_size=20), max_size=60)
LIMITS = st.sampled_from([0, 24, 60, 3000])


@given(ELEMENTS, LIMITS)
def test_adding_gives_the_bytes_of_the_text(elements: list[bytes], limit: int) -> None:
    """Whatever is added, sparse or dense, and wherever the limit between them lies."""
    sketch, expected = Sketch(limit=limit), text.hll_empty()
    for element in elements:
        after = text.hll_add(expected, element, limit, True)
        assert after is not None
        if sketch.add(element):
            sketch.forget()
        assert bytes(sketch.data) == after
        expected = after
    assert is_sketch(bytes(sketch.data))
    assert sketch.registers() == text.hll_registers(expected, True)
    assert estimate(sketch.registers()) == text.hll_estimate(sketch.registers())


@given(st.lists(ELEMENTS, min_size=1, max_size=4), st.booleans(), LIMITS)
def test_merging_counts_what_any_has(several: list[list[bytes]], dense: bool, limit: int) -> None:
    """The registers of a merged sketch are the largest of all, and those of one that was given every element."""
    sketches = []
    for elements in several:
        sketch = Sketch(limit=limit)
        if dense:
            sketch.make_dense()
        for element in elements:
            sketch.add(element)
        sketches.append(sketch)
    union = largest(sketch.registers() for sketch in sketches)
    sketches[0].merge(union)
    assert sketches[0].registers() == union == text.hll_union(tuple(one.registers() for one in sketches))


@given(st.integers(0, 2**32))
def test_a_dense_sketch_keeps_its_registers(seed: int) -> None:
    """What is packed is read again, for any values that six bits hold."""
    registers = random.Random(seed).choices(range(52), k=16384)
    sketch = Sketch()
    sketch.make_dense()
    for register, value in enumerate(registers[:500]):
        sketch.raise_to(register, value)
    sketch.merge(bytes(registers))
    assert sketch.registers() == bytes(registers)
    assert len(sketch.data) == 12304


@given(st.binary(max_size=40))
def test_an_element_has_its_place(element: bytes) -> None:
    """One register, and a value that 50 bits of a hash can give."""
    register, value = place_of(element)
    assert 0 <= register < 16384
    assert 1 <= value <= 51


def test_a_sketch_that_is_corrupt_is_raw_once_it_was_counted(client: Wire) -> None:
    """PFCOUNT of one key makes it a string of its own before it counts."""
    client("SET", "k", b"HYLL\x01" + bytes(10) + b"\x80\x7f\xff\x80")
    assert client("PFCOUNT", "k", "k").startswith(b"-INVALIDOBJ")
    assert client("OBJECT", "ENCODING", "k") == b"$6\r\nembstr\r\n"
    assert client("PFCOUNT", "k").startswith(b"-INVALIDOBJ")
    assert client("OBJECT", "ENCODING", "k") == b"$3\r\nraw\r\n"
