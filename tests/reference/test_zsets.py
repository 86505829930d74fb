"""Sorted sets as values: their order, and the walks, counts and combinations over them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from redlark.reference.values import SortedSet
from redlark.reference.zsets import intersected, less, removals, run_counts, runs, united, with_score, zset_of

names = st.sampled_from([b"", b"a", b"b", b"ab", b"\xff", b"10"])
scores = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.0, float("inf"), float("-inf")])
pairs = st.lists(st.tuples(names, scores))
collections = pairs.map(zset_of)
flags = st.lists(st.booleans(), max_size=7)


@given(pairs)
def test_the_order_is_by_score_then_by_bytes(drawn: list[tuple[bytes, float]]) -> None:
    """Each next member has a higher score, or an equal one (-0 is 0) and a name that comes later."""
    built = SortedSet()
    for member, score in drawn:
        built = with_score(built, member, score)
    assert built == zset_of(drawn)
    order = list(built)
    assert len(order) == len(built) == len({member for member, _ in drawn})
    assert all((x[1], x[0]) < (y[1], y[0]) for x, y in pairwise(order))
    assert all(built.get(member) == score and member in built for member, score in order)


@given(collections, st.frozensets(names))
def test_less_some_members(collection: SortedSet, gone: frozenset[bytes]) -> None:
    """What is taken away is gone, the rest is as it was, and an empty one equals no other empty collection."""
    left = collection - gone
    assert dict(left) == {member: score for member, score in collection if member not in gone}
    assert SortedSet() not in ((), frozenset(), Map())


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.integers(0, 8), st.booleans(), st.booleans())
def test_a_walk_among_equal_scores_is_the_range(
    size: int, low: int, high: int, offset: int, packed: bool, leaps: bool
) -> None:
    """Where names are in order there is one walk, and it meets what lies between both bounds, less the offset."""
    up = [place >= low for place in range(size)]
    down = [place < high for place in range(size)]
    inside = [place for place in range(size) if low <= place < high]
    ((begin, end),) = runs(up, down, offset, packed, leaps)
    assert list(range(begin, end)) == inside[offset:] or (not inside[offset:] and begin >= end)
    assert run_counts(up, down) == (len(inside),)
    assert [len(range(*found)) for found in removals(up, down)] == [len(inside)]


@given(flags, st.data())
def test_a_walk_in_disorder_is_one_of_those_of_a_skip_list(up: list[bool], data: st.DataObject) -> None:
    """The walk along a packed list is among those along a skip list, and each starts and stays as the flags say."""
    down = data.draw(st.lists(st.booleans(), min_size=len(up), max_size=len(up)))
    packed, towers = runs(up, down, 0, True, False), runs(up, down, 0, False, False)
    assert len(packed) == 1
    assert packed[0] in towers
    for begin, end in towers:
        assert begin == end == 0 or (up[begin] and all(down[begin:end]) and (end == len(up) or not down[end]))


@given(st.lists(collections, min_size=1, max_size=4), st.data())
def test_combinations_have_the_right_members(inputs: list[SortedSet], data: st.DataObject) -> None:
    """Union, intersection and difference are those of the members, and no score is NaN for sums."""
    weights = data.draw(st.lists(scores, min_size=len(inputs), max_size=len(inputs)))
    sets = [{member for member, _ in each} for each in inputs]
    for kind in (b"SUM", b"MIN", b"MAX"):
        assert {m for m, _ in united(inputs, weights, kind)} == set().union(*sets)
        assert {m for m, _ in intersected(inputs, weights, kind)} == sets[0].intersection(*sets)
    assert all(score == score for _, score in united(inputs, weights, b"SUM"))
    assert dict(less(inputs)) == {m: s for m, s in inputs[0] if not any(m in other for other in sets[1:])}


def test_sums_go_from_the_smallest_input_on() -> None:
    """As observed: -inf and inf give 0 before 1 is added, or after, as the sizes say (observed with ZUNION)."""
    small, one = zset_of([(b"a", float("-inf")), (b"x", 1.0)]), zset_of([(b"a", 1.0), (b"b", 2.0), (b"c", 3.0)])
    infinite = zset_of([(b"a", float("inf")), (b"b", 1.0), (b"c", 5.0)])
    assert united([one, infinite, small], [1.0] * 3, b"SUM").get(b"a") == 0.0
    assert united([small, infinite, one], [1.0] * 3, b"SUM").get(b"a") == 1.0


@given(pairs, pairs)
def test_sets_are_the_same_where_replies_show_the_same(
    one: list[tuple[bytes, float]], other: list[tuple[bytes, float]]
) -> None:
    """Two are equal if their members and scores are spelled alike: -0 is told as another score than 0."""
    first, second = zset_of(one), zset_of(other)
    assert (first == second) == (repr(first) == repr(second))
    assert zset_of(one) == first
    assert hash(zset_of(one)) == hash(first)
