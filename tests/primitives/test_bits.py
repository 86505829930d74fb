"""Bits and fields in strings: slow and obvious definitions beside the quick ones, and published examples."""

from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.bits import (
    bit_at,
    bit_offset,
    combine_bits,
    count_bits,
    field_at,
    field_type,
    first_bit,
    fit_field,
    with_bit,
    with_field,
)

TEXTS = st.binary(max_size=12)
KINDS = st.integers(1, 63) | st.integers(-64, -1)


def bits(data: bytes) -> str:
    """A text as its zeros and ones."""
    return "".join(f"{byte:08b}" for byte in data)


@given(TEXTS, st.integers(0, 120))
def test_bits_are_read_as_they_stand(data: bytes, position: int) -> None:
    """A bit is the digit at its place, 0 behind the end; setting it changes that digit alone."""
    digits = bits(data).ljust(position + 1, "0")
    assert bit_at(data, position) == int(digits[position])
    for bit in (0, 1):
        assert bits(with_bit(data, position, bit)).startswith(digits[:position] + str(bit) + digits[position + 1 :])
    assert len(with_bit(data, position, 0)) == max(len(data), position // 8 + 1)


@given(TEXTS.filter(bool), st.data())
def test_ranges_of_bits(data: bytes, draw: st.DataObject) -> None:
    """Counting and finding in a range is counting and finding among its digits."""
    first, last = (draw.draw(st.integers(0, 8 * len(data) - 1)) for _ in range(2))
    digits = bits(data)[first : last + 1]
    assert count_bits(data, first, last) == digits.count("1")
    for bit in (0, 1):
        found = digits.find(str(bit))
        assert first_bit(data, bit, first, last) == (None if found < 0 else first + found)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_combinations(texts: list[bytes]) -> None:
    """Each combination is what its words say, column by column."""
    size = max(map(len, texts))
    columns = list(zip(*(bits(text.ljust(size, b"\0")) for text in texts), strict=True))
    meanings = {
        b"AND": lambda c: all(x == "1" for x in c),
        b"OR": lambda c: "1" in c,
        b"XOR": lambda c: c.count("1") % 2 == 1,
        b"DIFF": lambda c: c[0] == "1" and "1" not in c[1:],
        b"DIFF1": lambda c: c[0] == "0" and "1" in c[1:],
        b"ANDOR": lambda c: c[0] == "1" and "1" in c[1:],
        b"ONE": lambda c: c.count("1") == 1,
    }
    for operation, meaning in meanings.items():
        combined = combine_bits(operation, tuple(texts))
        assert bits(combined) == "".join("01"[meaning(column)] for column in columns), operation
    assert combine_bits(b"NOT", (combine_bits(b"NOT", (texts[0],)),)) == texts[0]


@given(TEXTS, KINDS, st.integers(0, 100), st.integers(-(2**64), 2**64))
def test_a_field_holds_what_was_written(data: bytes, kind: int, position: int, number: int) -> None:
    """A number that fits is read back; wrapping keeps its lowest bits; every other digit stays."""
    wrapped, near, exact = (fit_field(number, kind, how) for how in (b"WRAP", b"SAT", b"FAIL"))
    assert wrapped is not None
    assert near is not None
    assert exact in (None, number)
    assert (wrapped - number) % 2 ** abs(kind) == 0
    if exact is not None:
        assert exact == wrapped == near
    written = with_field(data, kind, position, wrapped)
    assert field_at(written, kind, position) == wrapped
    before, after = bits(data).ljust(8 * len(written), "0"), bits(written)
    stop = position + abs(kind)
    assert (before[:position], before[stop:]) == (after[:position], after[stop:])


def test_offsets_and_types() -> None:
    """The examples of the documents, and texts that are no offset or no type."""
    assert bit_offset(b"#2", 8, 100) == 16
    assert [bit_offset(text, 8, 100) for text in (b"#", b"-1", b"#-1", b"#x", b"", b"01", b"800")] == [None] * 7
    assert [field_type(text) for text in (b"i1", b"u63", b"u0", b"i65", b"u", b"", b"8")] == [-1, 63, *[None] * 5]


def test_the_documents_examples() -> None:
    """The overflow control of the documents: two bits that wrap around and saturate."""
    wrapping, saturating = 0, 0
    shown = []
    for _ in range(4):
        wrapping, saturating = (fit_field(n + 1, 2, how) or 0 for n, how in ((wrapping, b"WRAP"), (saturating, b"SAT")))
        shown.append((wrapping, saturating))
    assert shown == [(1, 1), (2, 2), (3, 3), (0, 3)]
