"""Streams as values: entries in nodes, what a trimming leaves, what groups have pending, ids from the clock."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st
from immutables import Map

from redlark.reference import streams
from redlark.reference.streams import Stream, new_consumer, new_group, new_pending
from redlark.reference.values import Dead, Moment, Variable
from redlark.spec.primitives.streams import print_id

ONE = 1 << 64  # a millisecond
ids = st.integers(1, 40)
items = st.sampled_from([(b"f", b"v"), (b"f", b"w"), (b"g", b"v"), (b"f", b"v", b"g", b"x" * 30)])
sizes = st.tuples(st.sampled_from([0, 1, 2, 3, 100]), st.sampled_from([0, 40, 4096]))


@st.composite
def built(draw: st.DrawFn) -> Stream:
    """A stream of a few entries, in nodes of some size, of which some are gone again."""
    most, most_bytes = draw(sizes)
    made = streams.empty_stream()
    for id_ in sorted(draw(st.sets(ids, max_size=12))):
        made = streams.appended(made, id_, draw(items), most, most_bytes)
    return streams.removed(made, draw(st.sets(ids, max_size=4)))


@st.composite
def grouped(draw: st.DrawFn) -> Stream:
    """A stream with groups that have read some of it and have some of that pending."""
    made = draw(built())
    for name in draw(st.sets(st.sampled_from([b"g", b"h"]))):
        pending = {
            id_: new_pending(draw(st.sampled_from([b"a", b"b"])), 5, 1) for id_ in draw(st.sets(ids, max_size=5))
        }
        group = evolve(new_group(draw(ids), None), pending=Map(pending))
        made = made.put("groups", made.groups.set(name, group))
    return made


@given(st.sets(ids, min_size=1), sizes, items)
def test_what_is_appended_is_there_in_order(added: set[int], size: tuple[int, int], words: tuple[bytes, ...]) -> None:
    """Entries come back in the order of their ids, from nodes that hold no more than they may."""
    made = streams.empty_stream()
    for id_ in sorted(added):
        made = streams.appended(made, id_, words, *size)
    assert streams.entries(made) == tuple((id_, words) for id_ in sorted(added))
    assert (streams.length(made), made.added, made.last_id) == (len(added), len(added), max(added))
    assert streams.first_entry(made) == (min(added), words)
    assert streams.last_entry(made) == (max(added), words)
    assert all(1 <= len(node.entries) <= (size[0] or len(added)) for node in made.nodes)
    assert all(one.last < other.first for one, other in pairwise(made.nodes))


@given(built(), ids, ids, st.one_of(st.none(), st.integers(1, 5)), st.booleans())
def test_a_range_is_what_lies_in_it(made: Stream, low: int, high: int, count: int | None, newest: bool) -> None:
    """A range has the entries from one id to another, at most so many, from the end that was asked for."""
    inside = [entry for entry in streams.entries(made) if low <= entry[0] <= high]
    wanted = (inside[::-1] if newest else inside)[:count]
    assert streams.entries_between(made, low, high, count, newest) == tuple(wanted)
    assert streams.entry_at(made, low) == next((entry for entry in streams.entries(made) if entry[0] == low), None)


@given(built(), st.sets(ids))
def test_what_is_removed_is_gone_and_nothing_else(made: Stream, gone: set[int]) -> None:
    """The other entries stay, no node is empty, and the stream still knows which ids it gave."""
    left = streams.removed(made, gone)
    assert streams.entries(left) == tuple(entry for entry in streams.entries(made) if entry[0] not in gone)
    assert all(node.entries for node in left.nodes)
    assert (left.last_id, left.added) == (made.last_id, made.added)


@given(built(), st.one_of(st.none(), st.integers(0, 12)), ids, st.integers(0, 6))
def test_a_trimming_cuts_at_the_beginning(made: Stream, longest: int | None, least: int, limit: int) -> None:
    """An exact one leaves just what is asked for; one by whole nodes leaves whole nodes, and never too little."""
    before = streams.entries(made)
    exact = (
        before[max(0, len(before) - longest) :] if longest is not None else tuple(e for e in before if e[0] >= least)
    )
    assert streams.entries(streams.trimmed(made, longest, least, False, 0)) == exact
    whole = streams.trimmed(made, longest, least, True, limit)
    left = streams.entries(whole)
    assert left == before[len(before) - len(left) :]
    assert len(left) >= len(exact)
    assert whole.nodes == made.nodes[len(made.nodes) - len(whole.nodes) :]
    assert not limit or len(before) - len(left) <= limit


@given(grouped(), st.one_of(st.none(), st.integers(0, 12)), ids)
def test_what_is_in_excess_goes_one_by_one(made: Stream, longest: int | None, least: int) -> None:
    """Without its excess a stream is trimmed exactly; where groups count, nothing goes that one has use for."""
    exact = streams.trimmed(made, longest, least, False, 0)
    assert streams.entries(streams.removed(made, streams.excess(made, longest, least, False))) == streams.entries(exact)
    spared = streams.excess(made, longest, least, True)
    assert not any(streams.is_referenced(made, id_) for id_ in spared)
    assert longest is not None or set(spared) <= set(streams.excess(made, longest, least, False))


@given(grouped(), st.sets(ids))
def test_who_has_no_reference_left(made: Stream, gone: set[int]) -> None:
    """Unreferenced ids are pending nowhere; what else is pending stays so, and the entries stay."""
    after = streams.unreferenced(made, gone)
    assert streams.entries(after) == streams.entries(made)
    for name, group in made.groups.items():
        kept = {id_: one for id_, one in group.pending.items() if id_ not in gone}
        assert dict(after.groups[name].pending) == kept
    for id_ in gone:
        assert streams.is_referenced(after, id_) == any(group.last_id < id_ for group in made.groups.values())


@given(grouped(), ids, ids)
def test_pending_ids_come_in_order(made: Stream, low: int, high: int) -> None:
    """What is pending between two ids is told by id; without a consumer, what the others have."""
    for group in made.groups.values():
        told = streams.pending_between(group, low, high)
        assert [id_ for id_, _ in told] == sorted(id_ for id_ in group.pending if low <= id_ <= high)
        others = streams.without_consumer(group.pending, b"a")
        assert all(one.consumer == b"b" for one in others.values())
        assert len(others) == sum(one.consumer == b"b" for one in group.pending.values())


@given(st.integers(0, 9), st.integers(0, 3), st.integers(1, 6), st.integers(0, 3))
def test_an_id_from_the_clock_is_new_and_tells_the_time(last_ms: int, last_seq: int, begin: int, length: int) -> None:
    """Each id that the clock may give is greater than the last; one that is shown tells of the clock."""
    last = last_ms * ONE + last_seq
    moment = Moment(Variable(begin, begin + length))
    fresh = streams.fresh_ids(last, moment)
    possible = list(fresh.all(5))
    assert possible
    assert all(id_ > last for id_ in possible)
    shown = possible[-1]
    assert list(fresh.candidates([print_id(shown)])) == [shown]
    assert list(fresh.candidates([b"9999-0", b"no id"])) == []
    fresh.settle(shown)
    assert set(fresh.all(5)) == {shown}


@given(st.integers(1, 9))
def test_a_time_that_cannot_have_been_is_dead(begin: int) -> None:
    """An id of a millisecond outside the clock's bounds contradicts them."""
    moment = Moment(Variable(begin, begin))
    with pytest.raises(Dead):
        streams.fresh_ids(0, moment).settle((begin + 1) * ONE)


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_moment_is_kept_by_its_bounds(low: int, length: int) -> None:
    """A consumer keeps when it was heard of as bounds, and reads them as a moment of its own again."""
    assume(length)
    consumer = new_consumer(Moment(Variable(low, low + length)), None)
    one, other = consumer["seen"], consumer["seen"]
    one.narrow(low, low)
    assert (one.hi, other.hi) == (low, low + length)
    assert consumer["active"] is None
