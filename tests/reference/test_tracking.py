"""Client-side caching in the model: what is owed once somebody tracks, and that nothing is before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.reference import Model, Worlds
from redlark.reference.model import profiles
from redlark.reference.resp import frame

NOW = (1_000, 1_000)
TRACKER, WRITER = 0, 1


def begun(model: Model, *options: bytes) -> Worlds:
    """Two connections in RESP3, of which the first tracks."""
    worlds = model.start()
    for client in (TRACKER, WRITER):
        worlds = asked(model, model.connect(worlds, client), client, b"HELLO", b"3")
    return asked(model, worlds, TRACKER, b"CLIENT", b"TRACKING", b"ON", *options)


def asked(model: Model, worlds: Worlds, client: int, *request: bytes) -> Worlds:
    """The world after a request, whatever is replied."""
    world, _ = model.perform(worlds[0], client, request, NOW[0])
    return (world,)


def told(*keys: bytes) -> bytes:
    """The frame that says that these keys have changed."""
    listed = b"".join(b"$%d\r\n%b\r\n" % (len(key), key) for key in keys)
    return b">2\r\n$10\r\ninvalidate\r\n*%d\r\n%b" % (len(keys), listed)


@pytest.mark.parametrize("profile", profiles())
def test_a_key_is_told_of_once_until_it_is_read_again(profile: str) -> None:
    """Two writes behind one read owe one invalidation; a third behind another read owes another one."""
    model = Model.load(profile)
    worlds = asked(model, begun(model), TRACKER, b"GET", b"k")
    for times in (1, 1):
        for _ in range(2):
            worlds = asked(model, worlds, WRITER, b"SET", b"k", b"v")
        world, frames = model.deliver(worlds[0], NOW[0])
        assert frames == ((TRACKER, told(b"k")),) * times
        worlds = asked(model, (world,), TRACKER, b"GET", b"k")


def test_nothing_is_noted_while_nobody_tracks() -> None:
    """Without a tracker reads and writes leave nothing behind that is to be told."""
    model = Model.load()
    worlds = model.connect(model.start(), WRITER)
    for request in ((b"GET", b"k"), (b"SET", b"k", b"v"), (b"FLUSHALL",)):
        worlds = asked(model, worlds, WRITER, *request)
    assert not worlds[0].outbox
    assert worlds[0].server["unsent"] == ()
    assert worlds[0].sessions[WRITER]["remembered"] == ()


@given(st.lists(st.sampled_from((b"a", b"b", b"c")), min_size=1, max_size=4), st.data())
def test_changes_are_broadcast_in_any_groups(keys: list[bytes], data: st.DataObject) -> None:
    """A pipeline's changes may be told together or in parts, each part in order and without repetition."""
    model = Model.load()
    worlds = begun(model, b"BCAST")
    for key in keys:
        worlds = asked(model, worlds, WRITER, b"SET", key, b"v")
    left = list(keys)
    while left:
        number = data.draw(st.integers(1, len(left)))
        part, left = left[:number], left[number:]
        worlds = model.arrives(worlds, TRACKER, frame(told(*sorted(set(part)))), NOW[1])
        assert worlds
    assert any(not model.owes(world) for world in worlds)
    assert not model.arrives(model.rested(worlds), TRACKER, frame(told(b"z")), NOW[1])


HEARING = {
    "broadcasts": ((b"CLIENT", b"TRACKING", b"ON", b"BCAST"),),
    "reading, though it fails": ((b"CLIENT", b"TRACKING", b"ON"), (b"GETRANGE", b"t", b"x", b"y")),
    "events": ((b"SUBSCRIBE", b"__keyspace@0__:t"),),
}


@pytest.mark.parametrize("how", HEARING)
@pytest.mark.parametrize("profile", profiles())
def test_what_was_cleared_before_anybody_heard_is_not_told(profile: str, how: str) -> None:
    """A key whose time was up before somebody came to hear of it may be told of or never; a later one must be."""
    model = Model.load(profile)
    owing = set()
    for ends in (1_010, 1_030):
        empty = model.start(config={"notify-keyspace-events": "KEA"})
        both = asked(model, model.connect(model.connect(empty, TRACKER), WRITER), TRACKER, b"HELLO", b"3")
        worlds = asked(model, both, WRITER, b"SET", b"t", b"v", b"PX", b"%d" % (ends - NOW[0]))
        for request in HEARING[how]:
            worlds = model.allows(worlds, TRACKER, request, (1_020, 1_021), None)
        worlds = model.allows(worlds, WRITER, (b"GET", b"t"), (1_040, 1_041), frame(b"$-1\r\n"))
        owing.add((ends, frozenset(model.owes(world) for world in worlds)))
    assert owing == {(1_010, frozenset((True, False))), (1_030, frozenset((True,)))}


def test_what_expires_between_is_told_with_the_rest() -> None:
    """A message may be of changes and of a key that expired meanwhile: the same frame has several explanations."""
    model = Model.load()
    worlds = asked(model, begun(model, b"BCAST"), WRITER, b"SET", b"a", b"v", b"PX", b"1")
    worlds = asked(model, asked(model, worlds, WRITER, b"SET", b"b", b"v"), WRITER, b"SET", b"b", b"w")
    for keys in ((b"a", b"b"), (b"a",)):
        worlds = model.arrives(worlds, TRACKER, frame(told(*keys)), NOW[1] + 5)
        assert worlds
    assert not all(model.owes(world) for world in worlds)


@given(st.lists(st.sampled_from((b"a", b"b", b"c")), min_size=1, max_size=4), st.data())
def test_who_hears_no_more_was_told_before_in_any_groups_or_not_at_all(keys: list[bytes], data: st.DataObject) -> None:
    """A pipeline of changes that ends with RESET: the server has slept in it, or has not."""
    model = Model.load()
    worlds = begun(model)
    world, _ = model.perform(worlds[0], TRACKER, (b"CLIENT", b"TRACKING", b"OFF"), NOW[0])
    worlds = model.allows((world,), WRITER, (b"CLIENT", b"ID"), NOW, frame(b":7\r\n"))
    worlds = asked(model, worlds, TRACKER, b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"REDIRECT", b"7")
    for key in keys:
        worlds = asked(model, worlds, TRACKER, b"SET", key, b"v")
    after, _ = model.answers(worlds, TRACKER, (b"RESET",), NOW, (frame(b"+RESET\r\n"),))
    assert any(not model.owes(world) for world in after)
    left = list(keys)
    while left:
        number = data.draw(st.integers(1, len(left)))
        part, left = left[:number], left[number:]
        after = model.arrives(after, WRITER, frame(told(*sorted(set(part)))), NOW[1])
        assert after
    assert not model.arrives(model.rested(after), WRITER, frame(told(b"z")), NOW[1])


@pytest.mark.parametrize("table", [(b"k", b"0"), (b"0", b"k")])
@pytest.mark.parametrize("profile", profiles())
def test_who_is_left_waiting_is_told_of_what_is_forgotten(profile: str, table: tuple[bytes, bytes]) -> None:
    """A full table forgets a key as a request is about to be run, of one that then waits, too."""
    model = Model.load(profile)
    worlds = model.start(config={"tracking-table-max-keys": "1"})
    for client in (TRACKER, WRITER):
        worlds = asked(model, model.connect(worlds, client), client, b"HELLO", b"3")
    worlds = model.allows(worlds, WRITER, (b"CLIENT", b"ID"), NOW, frame(b":7\r\n"))
    worlds = asked(model, worlds, TRACKER, b"CLIENT", b"TRACKING", b"ON", b"REDIRECT", b"7")
    worlds = asked(model, worlds, TRACKER, b"MGET", *table)
    waiting = model.left_waiting(worlds, WRITER, (b"BLPOP", b"list", b"0"), NOW)
    assert all(model.arrives(waiting, WRITER, frame(told(key)), NOW[1]) for key in table)
    assert not model.arrives(waiting, WRITER, frame(told(b"other")), NOW[1])


@given(st.lists(st.sampled_from((b"a", b"b")), min_size=1, max_size=3), st.data())
def test_who_is_served_may_have_been_told_before(keys: list[bytes], data: st.DataObject) -> None:
    """What was changed in front of a request that serves who waits is told before its reply, behind it, or in parts."""
    model = Model.load("redis-7.0")
    worlds = begun(model, b"BCAST")
    worlds = model.left_waiting(worlds, TRACKER, (b"BLPOP", b"l", b"0"), NOW)
    for key in keys:
        worlds = model.allows(worlds, WRITER, (b"SET", key, b"v"), NOW, frame(b"+OK\r\n"))
    worlds = model.allows(worlds, WRITER, (b"RPUSH", b"l", b"e"), NOW, frame(b":1\r\n"))
    first = data.draw(st.integers(0, len(keys)))
    coming = [told(*sorted(set(part))) for part in (keys[:first],) if part]
    coming += [b"*2\r\n$1\r\nl\r\n$1\r\ne\r\n", told(*sorted({*keys[first:], b"l"}))]
    assert not model.arrives(worlds, TRACKER, frame(told(b"l")), NOW[0])  # nobody is told of what served it before that
    for raw in coming:
        worlds = model.arrives(worlds, TRACKER, frame(raw), NOW[0])
        assert worlds
    assert any(not model.owes(world) for world in worlds)
