"""What SORT may cut out of a list whose ties stand in any order."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from redlark.reference.sorting import arrangements, tied_groups

GROUPS = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@given(GROUPS, st.integers(0, 6), st.integers(0, 6), st.data())
def test_any_order_within_a_group_is_allowed_and_no_other(
    sizes: list[int], start: int, end: int, data: st.DataObject
) -> None:
    """A stretch of the groups, each shuffled, is what its reply shows; another text in it is none."""
    names = iter(range(100))
    groups = [tuple(b"%d" % next(names) for _ in range(size)) for size in sizes]
    shuffled = [element for group in groups for element in data.draw(st.permutations(group))][start:end]
    rows = [(element, b"x") for element in itertools.chain.from_iterable(groups)]
    domain = arrangements(groups, start, end, rows)
    leaves = [leaf for element in shuffled for leaf in (element, b"x")]
    assert tuple(shuffled) in [*domain.candidates(leaves)]
    assert tuple(shuffled) in [*domain.all(64)]
    if any(len(group) > 1 for group in groups) and leaves:
        wrong = [*domain.candidates([b"nosuch", *leaves[1:]])]
        assert all(found[0] != b"nosuch" for found in wrong)


@given(st.lists(st.integers(0, 3)), st.booleans())
def test_groups_hold_what_ties(keys: list[int], descending: bool) -> None:
    """Every element is in one group, those of a group have one key, and keys go one way."""
    elements = [b"%d" % place for place in range(len(keys))]
    groups = tied_groups(elements, keys, descending)
    found = [{keys[int(element)] for element in group} for group in groups]
    assert all(len(one) == 1 for one in found)
    order = [only for (only,) in found]
    assert order == sorted(set(keys), reverse=descending)
    assert sorted(itertools.chain.from_iterable(groups)) == sorted(elements)
