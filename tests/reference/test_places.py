"""The choice that a sorted search leaves: which of those equally far come first."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from redlark.reference.geo import nearest

Found = list[tuple[bytes, float]]
FOUND = st.lists(st.integers(0, 3), max_size=8).map(
    lambda far: [(b"m%d" % number, float(metres)) for number, metres in enumerate(far)]
)


@given(FOUND, st.booleans(), st.none() | st.integers(1, 9), st.randoms(use_true_random=False))
def test_equally_far_in_any_order(found: Found, descending: bool, count: int | None, source: Random) -> None:
    """A reply that is sorted and short enough is recognised, whichever of those equally far it shows."""
    domain = nearest(found, descending, count, 1)
    mixed = source.sample(found, len(found))
    shown = sorted(mixed, key=lambda each: each[-1], reverse=descending)[:count]
    assert domain.candidates([name for name, _ in shown]) == [tuple(shown)]
    assert all(len(each) == len(shown) for each in domain.all(100))


@given(FOUND, st.booleans())
def test_another_order_is_none(found: Found, descending: bool) -> None:
    """A reply that is not sorted, or shows a member twice or too few of them, is none of the choices."""
    domain = nearest(found, descending, None, 1)
    (best,) = domain.candidates([name for name, _ in sorted(found, key=lambda pair: pair[1], reverse=descending)])
    names = [name for name, _ in best]
    if len({metres for _, metres in found}) > 1:
        assert domain.candidates(names[::-1]) == []
    if names:
        assert domain.candidates(names[:-1]) == []
        assert domain.candidates([*names[:-1], names[0], names[0]]) == []


def test_what_a_reply_does_not_show_is_enumerated() -> None:
    """Where members are stored, each choice among those equally far at the end is a world of its own."""
    found = [(b"a", 1.0), (b"b", 2.0), (b"c", 2.0), (b"d", 2.0)]
    chosen = {frozenset(name for name, _ in each) for each in nearest(found, False, 2, 0).candidates([2])}
    assert chosen == {frozenset((b"a", other)) for other in (b"b", b"c", b"d")}
