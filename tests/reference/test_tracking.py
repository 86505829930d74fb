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
