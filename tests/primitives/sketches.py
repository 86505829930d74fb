"""What tests of HyperLogLog draw, and what is read of a string that is whole."""

from __future__ import annotations

import random

from redlark.spec.primitives.hyperloglog import hll_add, hll_empty, hll_registers

LIMIT = 3000  # bytes of the sparse form, as servers are configured


def elements(source: random.Random, most: int, longest: int = 20) -> list[bytes]:
    """Fewer elements than `most`, of less than so many bytes."""
    return [source.randbytes(source.randrange(longest)) for _ in range(source.randrange(most))]


def added(elements: list[bytes], limit: int = LIMIT, begin: bytes | None = None) -> bytes:
    """A string to which these elements were added one by one."""
    data = hll_empty() if begin is None else begin
    for element in elements:
        changed = hll_add(data, element, limit, True)
        assert changed is not None
        data = changed
    return data


def registers(data: bytes) -> bytes:
    """The registers of a string that is whole."""
    found = hll_registers(data, True)
    assert found is not None
    return found
