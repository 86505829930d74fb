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


@given(st.lists(st.integers(0, 2), min_size=2, max_size=6), st.integers(1, 6), st.data())
def test_whoever_looks_alike_may_have_been_taken(kinds: list[int], end: int, data: st.DataObject) -> None:
    """Where a page cuts what ties, the candidates are all stretches, their order aside, that show the same."""
    group = tuple(b"%d" % place for place in range(len(kinds)))
    rows = [(b"%d" % kind,) for kind in kinds]
    shuffled = data.draw(st.permutations(group))[:end]
    leaves = [rows[int(element)][0] for element in shuffled]
    found = {frozenset(one) for one in arrangements([group], 0, end, rows).candidates(leaves)}
    wanted = sorted(leaves)
    expected = {
        frozenset(one)
        for one in itertools.combinations(group, len(shuffled))
        if sorted(rows[int(element)][0] for element in one) == wanted
    }
    assert found == expected
