"""What is owed to others: in which order it comes, who is served first, when waiting ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.reference import Model, World
from redlark.reference.owing import left_after, taken
from redlark.reference.replies import encode
from redlark.reference.resp import frame
from redlark.reference.values import Owed, Status
from redlark.spec.profiles import PROFILES

CLIENTS = range(4)
FEEDER = 9
every_profile = pytest.mark.parametrize("profile", PROFILES)
bags = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), max_size=4)


def begun(model: Model) -> World:
    """A server with four clients and one who feeds them."""
    worlds = model.start(now=1_000)
    for client in (*CLIENTS, FEEDER):
        worlds = model.connect(worlds, client)
    return worlds[0]


def done(model: Model, world: World, client: int, words: str, now: int = 1_000) -> tuple[World, bytes]:
    """A world after a request, and its reply; nothing where the client is left waiting."""
    return model.perform(world, client, tuple(words.encode().split()), now)


def given_up(model: Model, world: World, now: int = 1_000) -> tuple[World, list[tuple[int, bytes]]]:
    """A world that owes nothing by a moment, and what it has sent to whom."""
    world, frames = model.deliver(world, now)
    return world, list(frames)


@given(bags, st.randoms(use_true_random=False))
def test_what_shares_a_bag_may_change_places(drawn: list[list[int]], rng: object) -> None:
    """Frames are taken in the order in which they are owed, but within a bag in any; no other order will do."""
    owed = tuple(Owed(0, b"%d.%d" % (bag, n), 2, bag) for bag, members in enumerate(drawn) for n in members)
    frames = []
    for bag, members in enumerate(drawn):
        mixed = [frame(encode(b"%d.%d" % (bag, n), 2)) for n in members]
        rng.shuffle(mixed)  # type: ignore[attr-defined]
        frames += mixed
    assert left_after(owed, tuple(frames)) == ()
    if len(drawn) > 1:
        assert left_after(owed, tuple(frames[::-1])) is None
        assert taken(owed, frames[-1]) is None
    assert left_after(owed, (frame(b"+other\r\n"),)) is None


@every_profile
@settings(max_examples=40)
@given(
    waiting=st.lists(st.sampled_from(["BLPOP k 0", "BRPOP k 0", "BLPOP other k 0"]), min_size=1, max_size=4),
    pushes=st.lists(st.integers(1, 3), min_size=1, max_size=4),
)
def test_who_came_first_is_served_first(profile: str, waiting: list[str], pushes: list[int]) -> None:
    """Each element goes to one of those who wait, in the order of their coming; the rest stays in the list."""
    model = Model.load(profile)
    world = begun(model)
    for client, words in enumerate(waiting):
        world, reply = done(model, world, client, words)
        assert reply == b""
    served: list[int] = []
    for size in pushes:
        world, _ = done(model, world, FEEDER, "RPUSH k" + " x" * size)
        world, frames = given_up(model, world)
        served += [client for client, _ in frames]
    assert served == list(range(min(len(waiting), sum(pushes))))
    assert [parked.client for parked in world.parked] == list(range(len(served), len(waiting)))
    _, length = done(model, world, FEEDER, "LLEN k")
    assert length == b":%d\r\n" % (sum(pushes) - len(served))


@every_profile
@settings(max_examples=40)
@given(times=st.lists(st.integers(0, 6), min_size=1, max_size=4), passed=st.integers(0, 8))
def test_waiting_ends_with_its_time(profile: str, times: list[int], passed: int) -> None:
    """Who waits for so many milliseconds is told after them, and not before; who waits for ever is not."""
    model = Model.load(profile)
    world = begun(model)
    for client, time in enumerate(times):
        world, _ = done(model, world, client, f"XREAD BLOCK {time} STREAMS s $")
    world, frames = given_up(model, world, 1_000 + passed)
    assert frames == [(client, b"*-1\r\n") for client, time in enumerate(times) if 0 < time <= passed]
    assert {parked.client for parked in world.parked} == {c for c, time in enumerate(times) if not 0 < time <= passed}


@every_profile
@settings(max_examples=40)
@given(known=st.lists(st.integers(0, 6), min_size=1, max_size=4), added=st.integers(1, 6))
def test_a_reader_gets_what_it_does_not_know(profile: str, known: list[int], added: int) -> None:
    """An entry goes to everyone who waits behind an earlier id, in order; the others wait on."""
    model = Model.load(profile)
    world = begun(model)
    for client, id_ in enumerate(known):
        world, _ = done(model, world, client, f"XREAD BLOCK 0 STREAMS s 0-{id_}")
    world, _ = done(model, world, FEEDER, f"XADD s 0-{added} f v")
    world, frames = given_up(model, world)
    told = b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n0-%d\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n" % added
    assert frames == [(client, told) for client, id_ in enumerate(known) if id_ < added]
    assert {parked.client for parked in world.parked} == {c for c, id_ in enumerate(known) if id_ >= added}


@every_profile
def test_a_dollar_is_what_it_was_as_the_waiting_began(profile: str) -> None:
    """Who is woken in vain still knows which entries were there before it came."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), FEEDER, "XADD s 5-1 f v")
    world, _ = done(model, world, 0, "XREAD BLOCK 0 STREAMS s t $ $")
    for words in ("MULTI", "XADD s 5-2 f v", "XADD s 5-3 f w", "EXEC"):
        world, _ = done(model, world, FEEDER, words)
    _, ((client, reply),) = given_up(model, world)
    assert client == 0
    assert b"5-1" not in reply
    assert b"5-2" in reply
    assert b"5-3" in reply


@every_profile
def test_who_is_woken_in_vain_waits_again(profile: str) -> None:
    """It keeps its place until 7.0, and stands behind the others from 7.2 on."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), 0, "XREAD BLOCK 0 STREAMS s t 9 9")
    world, _ = done(model, world, 1, "XREAD BLOCK 0 STREAMS s 9")
    world, _ = done(model, world, FEEDER, "XADD t 0-1 f v")
    world, frames = given_up(model, world)
    assert frames == []
    anew = profile not in ("redis-6.2", "redis-7.0")
    assert [parked.client for parked in world.parked] == ([1, 0] if anew else [0, 1])


@every_profile
def test_only_what_is_owed_may_arrive(profile: str) -> None:
    """A frame that is owed may come to its client, once; another one, or to another client, may not."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), 0, "BLPOP k 0")
    world, _ = done(model, world, FEEDER, "RPUSH k a")
    owed = frame(b"*2\r\n$1\r\nk\r\n$1\r\na\r\n")
    assert not model.arrives((world,), 1, owed, 1_000)
    assert not model.arrives((world,), 0, frame(encode(Status(b"OK"), 2)), 1_000)
    after = model.arrives((world,), 0, owed, 1_000)
    assert [one.outbox for one in after] == [()]
    assert not model.arrives(after, 0, owed, 1_000)


@every_profile
def test_a_stream_that_expires_wakes_its_group(profile: str) -> None:
    """Once its deadline is over, and from 7.0 on, whoever waits in a group may be told that it is gone; not before."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), FEEDER, "XGROUP CREATE s g $ MKSTREAM")
    world, _ = done(model, world, 0, "XREADGROUP GROUP g alice BLOCK 0 STREAMS s >")
    world, _ = done(model, world, FEEDER, "PEXPIRE s 10")
    gone = {
        "redis-7.0": b"-UNBLOCKED the stream key no longer exists\r\n",
    }.get(profile, b"-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n")
    assert not model.arrives((world,), 0, frame(gone), 1_005)
    told = model.arrives((world,), 0, frame(gone), 1_020)
    assert bool(told) == (profile != "redis-6.2")
    assert all(not one.parked and not one.databases[0] for one in told)
