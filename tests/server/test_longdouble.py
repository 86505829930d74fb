"""INCRBYFLOAT's arithmetic against the one of a real Redis, which has it from the processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from redlark.server import longdouble

from .conftest import Wire

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**6), max_value=10**6).map(str),
    st.floats(allow_nan=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(float.hex),
    st.tuples(st.integers(-(10**25), 10**25), st.integers(-4970, 4940)).map(lambda pair: f"{pair[0]}e{pair[1]}"),
    st.text(alphabet="0123456789.eE+-xXpPinfa", max_size=8),
)


@pytest.fixture(scope="module")
def redis(real_port: int) -> Iterator[Wire]:
    connection = Wire(real_port)
    yield connection
    connection.close()


@given(start=NUMBERS, amount=NUMBERS)
@example("0.1", "0.2")
@example("1e4931", "1e4931")
@example("3.6e-4951", "0")
@example("0x.8p-16445", "1")
@settings(max_examples=400, deadline=None)
def test_sums_are_those_of_redis(redis: Wire, start: str, amount: str) -> None:
    """Reading, adding and printing give Redis's bytes, or fail where it fails."""
    redis("SET", "n", start)
    reply = redis("INCRBYFLOAT", "n", amount)
    one, other = longdouble.read(start.encode()), longdouble.read(amount.encode())
    if one is None or other is None:
        assert reply == b"-ERR value is not a valid float\r\n"
        return
    total = longdouble.add(one, other)
    if total is None:
        assert reply == b"-ERR increment would produce NaN or Infinity\r\n"
    else:
        text = longdouble.show(total)
        assert reply == b"$%d\r\n%b\r\n" % (len(text), text)
